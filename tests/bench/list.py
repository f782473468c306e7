#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`list` and `show` where there are many guests: as many that were started and have ended, and as many that are only defined. Beside the same where
there is one of each. Fails when one takes longer than it may, until it ends, in the fastest of its rounds.

    list.py --build DIR [--rounds N] [--guests N]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from measure import Bench

MOST_MS = 100


def make_guests(b, folder, n):
    """Half of them with the status that a guest leaves, as the program wrote it for the first."""
    environment = dict(os.environ, SECURE_VM_DIR=folder)
    for kind in ('kept', 'defined'):
        for i in range(n):
            path = os.path.join(folder, 'guest.json')
            with open(path, 'w', encoding='ascii') as f:
                json.dump({'name': f'{kind}{i}', 'tee': 'vtpm', 'kernel': '/boot/vmlinuz', 'disks': [{'path': f'/images/{kind}{i}.img'}]}, f)
            subprocess.run([b.vm, 'define', path, '--quiet'], check=True, stdout=subprocess.DEVNULL, env=environment)
    for i in range(n):
        shown = json.loads(subprocess.run([b.vm, 'show', f'kept{i}', '--json'], check=True, stdout=subprocess.PIPE, env=environment).stdout)
        steps = [{'event': 'step', 'step': s, 'state': 'done', 'says': 'as it was done', 'at_ms': 100 * k} for k, s in enumerate(['network', 'attest', 'key', 'open'] * 4)]
        os.makedirs(os.path.join(folder, f'kept{i}'), exist_ok=True)
        with open(os.path.join(folder, f'kept{i}', 'status.json'), 'w', encoding='ascii') as f:
            json.dump({**{k: v for k, v in shown.items() if k != 'ok'}, 'format': 1, 'state': 'stopped', 'accelerator': 'kvm', 'steps': steps}, f)
    listed = json.loads(subprocess.run([b.vm, 'list', '--all', '--json'], check=True, stdout=subprocess.PIPE, env=environment).stdout)['guests']
    states = sorted(g['state'] for g in listed)
    assert states == ['defined'] * n + ['stopped'] * n, states
    return environment


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--rounds', type=int, default=20)
    a.add_argument('--guests', type=int, default=200)
    a = a.parse_args()
    b = Bench(os.path.abspath(a.build), a.rounds)
    with tempfile.TemporaryDirectory() as many, tempfile.TemporaryDirectory() as one:
        make_guests(b, many, a.guests)
        make_guests(b, one, 1)
        for words in (['list', '--json'], ['list', '--all', '--json'], ['show', 'kept0', '--json'], ['show', 'defined0', '--json']):
            here, alone = [b.run(['env', f'SECURE_VM_DIR={d}', b.vm, *words])[0] for d in (many, one)]
            slow = here['wall'] * 1e3 > MOST_MS
            b.missed += slow
            print(f'{" ".join(words):28} of {a.guests} kept and {a.guests} defined {here["wall"] * 1e3:7.2f} ms ({here["cpu"] * 1e3:.2f} of a processor), '
                  f'at most {MOST_MS}; of one and one {alone["wall"] * 1e3:.2f} ms{"  MISSED" if slow else ""}', flush=True)
    return 1 if b.missed else 0


sys.exit(main())
