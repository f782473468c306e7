#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The models of the exchange, of the supervisor and of who has a disk, gone through exhaustively: each property holds, and each planted fault breaks the
property that stands beside it in the model.

    check.py BUILD-FOLDER [MODEL]
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY_MB = 1500
SECONDS = 600  # for one search; ample, as the machine may be busy
# model: (name, definitions, build, run); a fault's comment names one of these.
SAFE = (['-DSAFETY'], ['-E'])  # not every process gets to its end; what must, an assertion says
PROPERTIES = {
    'kbs': [('safe', [], *SAFE),
            ('served', ['-DLIVE'], ['-DNFAIR=3'], ['-a', '-f', '-N', 'served'])],
    'disk': [('safe', [], *SAFE)],
    'supervisor': [(n, [f'-DPROPERTY={n.upper()}'], *SAFE) for n in ('one_killed', 'guard_lives', 'any_killed')],
}
PART = {(model, n): [f'-DPROPERTY={n.upper()}']
        for model, names in (('kbs', ('fresh', 'once', 'secret', 'renewed')), ('disk', ('one', 'line', 'open', 'fresh'))) for n in names}


def faults(model):
    with open(os.path.join(HERE, model + '.pml'), encoding='utf-8') as f:
        return re.findall(r'^#define (\w+) +\d+ +/\* (\w+) \*/$', f.read(), re.M)


def call(args, folder):
    return subprocess.run(args, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def verify(build, model, name, whole, defines, cc, args):
    """(errors, states, seconds); anything but a finished search is an exception with what was said."""
    folder = os.path.join(build, f'{model}-{name}')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    began = time.monotonic()
    level = '-O2' if whole else '-O0'  # a fault is found before a better program would be made
    for step in (['spin', *defines, '-a', os.path.join(HERE, model + '.pml')],
                 ['gcc', level, '-w', '-DCOLLAPSE', '-DVECTORSZ=2048', f'-DMEMLIM={MEMORY_MB}', *cc, '-o', 'pan', 'pan.c']):
        said = call(step, folder)
        if said.returncode:
            raise RuntimeError(f'{model} {name}: {step[0]} ends with {said.returncode}\n{said.stdout}')
    said = call(['timeout', str(SECONDS), './pan', *args, '-m1000000'], folder).stdout
    found = re.search(r'errors: (\d+)\n +(\d+) states, stored', said)
    cut = re.search(r'Search not completed|max search depth|out of memory|reached -DMEMLIM', said)
    if not found or (cut and found.group(1) == '0'):
        raise RuntimeError(f'{model} {name}: the search did not get to its end\n{said}')
    return int(found.group(1)), int(found.group(2)), time.monotonic() - began


def jobs(models):
    """(model, name, property, must hold, definitions, build, run)"""
    for model in models:
        known = {p[0]: p for p in PROPERTIES[model]}
        for name, defines, cc, args in PROPERTIES[model]:
            yield model, name, name, True, defines, cc, args
        for fault, prop in faults(model):
            _, defines, cc, args = known[prop if prop in known else 'safe']
            part = PART.get((model, prop), [])
            yield model, fault, prop, False, [*defines, *part, f'-DFAULT={fault}'], cc, args


def main():
    build, models = sys.argv[1], sys.argv[2:] or list(PROPERTIES)
    if not shutil.which('spin'):
        sys.exit('spin is not to be had: tools/setup installs it')
    bad, began = 0, time.monotonic()
    todo = list(jobs(models))
    for model in models:
        if len([j for j in todo if j[0] == model and not j[3]]) < 10:
            sys.exit(f'{model}.pml: its table of faults cannot be read')
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        running = [(j, pool.submit(verify, build, j[0], j[1], j[3], j[4], j[5], j[6])) for j in todo]
        for (model, name, prop, holds, *_), future in running:
            try:
                errors, states, seconds = future.result()
            except RuntimeError as e:
                print(f'not ok: {e}', flush=True)
                bad += 1
                continue
            good = (errors == 0) == holds
            bad += not good
            what = f'{prop} holds' if errors == 0 else f'{prop} is broken' + ('' if holds else f' by {name}')
            if not holds and not errors:
                what = f'{prop} holds although {name} is planted'
            print(f'{"ok" if good else "not ok"}: {model}: {what}: {states} states, {seconds:.1f} s', flush=True)
    print(f'{len(todo)} searches, {bad} not as expected, {time.monotonic() - began:.0f} s')
    return 1 if bad else 0


sys.exit(main())
