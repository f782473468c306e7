#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests miss: one line of the product is changed at a time, and the unit tests, fuzz corpora and conformance tests that link it must
notice.

    mutate.py [--count N] [--seed N] [--rooms ROOM,...] [--since REVISION] [--at-most N] [--only FILE:LINE] [--out FILE]

Works on a copy of the tree (below build-mutate/), never on the tree. The same seed over the same tree makes the same changes. --since takes only
files that changed since the revision. Ends with 1 when more than --at-most changes survive that are not in equivalent.json: changes that
cannot be noticed, each with its reason.
"""
import argparse
import concurrent.futures
import filecmp
import fnmatch
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from operators import OPERATORS, mutants

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The core: what parses, measures, verifies, decides and releases. In a round each room gives one change.
ROOMS = {
    'parse': ['ovmf/*.c', 'base/core/rd.c', 'base/core/encoding.c', 'base/core/url.c', 'base/json/*.c', 'base/net/http*.c', 'base/crypto/x509*.c'],
    'sev-verify': ['sev/verify/*.c'],
    'sev-measure': ['sev/measure/*.c', 'sev/options.c', 'sev/rules.c'],
    'tdx-verify': ['tdx/verify/*.c', 'tdx/guest/qgs.c'],
    'tdx-measure': ['tdx/measure/*.c', 'tdx/options.c', 'tdx/rules.c'],
    'vtpm-verify': ['vtpm/verify/*.c'],
    'vtpm-measure': ['vtpm/measure/*.c', 'vtpm/rules.c'],
    'policy': ['policy/*.c', 'attest/*.c', 'tee/*.c'],
    'attest': ['attest/jose/*.c', 'attest/kbs/*.c', 'attest/fetch/*.c'],
    'broker': ['broker/*.c', 'broker/*/*.c'],
    'agent': ['agent/*.c'],
    'luks': ['luks/*.c'],
}
# How likely an operator is to be drawn first: what a careless edit does most.
WEIGHT = {'delete': 0.4, 'compare': 0.6, 'logic': 0.8, 'ignore': 0.8, 'number': 1.0}


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def files_of(patterns, since):
    names = output_of('git', '-C', TOP, 'ls-files').stdout.split()
    if since:
        r = output_of('git', '-C', TOP, 'diff', '--name-only', since)
        if r.returncode:
            sys.exit(f'what changed since {since} is not known: {r.stdout.strip()}')
        changed = set(r.stdout.split())
        names = [n for n in names if n in changed]
    return [n for n in names if any(fnmatch.fnmatch(n, p) and n.count('/') == p.count('/') for p in patterns)]


def choose(a):
    rng, pools = random.Random(a.seed), {}
    for room in a.rooms.split(','):
        pool = []
        for name in files_of(ROOMS[room], a.since):
            with open(os.path.join(TOP, name), encoding='utf-8') as f:
                pool += [(room, name, *m) for m in mutants(f.read())]
        pool.sort(key=lambda m: rng.random() * WEIGHT[m[3]])
        pools[room] = pool
    chosen = []
    while len(chosen) < a.count and any(pools.values()):
        for room in pools:
            if pools[room] and len(chosen) < a.count:
                chosen.append(pools[room].pop(0))
    return chosen


class Copy:
    """The tree and its build, apart."""

    def __init__(self, place):
        place = os.path.abspath(place)
        self.src, self.build = os.path.join(place, 'src'), os.path.join(place, 'build')
        self.take_over()
        if not os.path.exists(os.path.join(self.build, 'build.ninja')):
            r = output_of('meson', 'setup', self.build, self.src, '--buildtype=plain', '-Dc_args=-O0 -w')
            if r.returncode:
                sys.exit(r.stdout)
        r = output_of('ninja', '-C', self.build)
        if r.returncode:
            sys.exit('the tree as it is does not build:\n' + r.stdout[-3000:])
        listed = json.loads(output_of('meson', 'introspect', '--tests', self.build).stdout)
        self.tests = [t for t in listed if set(s.split(':')[-1] for s in t['suite']) & {'unit', 'fuzz', 'conformance'} and
                      t['cmd'][0].startswith(self.build)]

    def take_over(self):
        """The files that git tracks; one that is the same keeps its time, so that it is not built again."""
        names = set(filter(None, output_of('git', '-C', TOP, 'ls-files', '-z').stdout.split('\0')))
        for name in names:
            source, target = os.path.join(TOP, name), os.path.join(self.src, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
                shutil.copy(source, target)
        for folder, _, files in os.walk(self.src):
            for f in files:
                if os.path.relpath(os.path.join(folder, f), self.src) not in names:
                    os.unlink(os.path.join(folder, f))

    def seconds(self):
        """How long each test takes on the tree as it is; the ones that fail or skip there are left out, and named."""
        path = os.path.join(self.build, 'seconds.json')
        if not os.path.exists(path):
            with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                took = dict(zip((t['name'] for t in self.tests), pool.map(self.time_one, self.tests)))
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(took, f)
        with open(path, encoding='utf-8') as f:
            took = json.load(f)
        bad = sorted(n for n, s in took.items() if s is None)
        if bad:
            print('left out, for they fail on the tree as it is:', ' '.join(bad), flush=True)
        self.tests = [t for t in self.tests if took.get(t['name']) is not None]
        if not self.tests:
            sys.exit('there is no test that could notice anything')
        return took

    def time_one(self, test):
        began = time.monotonic()
        return time.monotonic() - began if self.run(test, 300) in (0, 77) else None

    def run(self, test, limit):
        try:
            return subprocess.run(test['cmd'], env={**os.environ, **test['env']}, cwd=self.build, timeout=limit, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        except subprocess.TimeoutExpired:
            return 'time is over'


class Trial:
    def __init__(self, copy, took):
        self.copy, self.took = copy, took

    def one(self, change):
        """Who noticed: a test's name, "the compiler", or None."""
        _, name, line, _, new = change
        path = os.path.join(self.copy.src, name)
        with open(path, encoding='utf-8') as f:
            text = f.read()
        lines = text.split('\n')
        lines[line] = new
        since = time.time() - 0.01
        try:
            with open(path, 'w', encoding='utf-8') as f:
                f.write('\n'.join(lines))
            if output_of('ninja', '-C', self.copy.build).returncode:
                return 'the compiler'
            return self.first_failure(name, [t for t in self.copy.tests if os.path.getmtime(t['cmd'][0]) >= since])
        finally:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)

    def first_failure(self, name, tests):
        """The tests about the file's folder first, then the quick ones."""
        words = [w for w in re.split(r'[/.-]', name) if len(w) > 2 and w not in ('verify', 'measure', 'core')]
        order = sorted(tests, key=lambda t: (not any(w in t['name'] for w in words), self.took[t['name']]))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for at in range(0, len(order), 2 * os.cpu_count()):
                part = order[at:at + 2 * os.cpu_count()]
                results = pool.map(lambda t: self.copy.run(t, max(60, 10 * self.took[t['name']])), part)
                for t, r in zip(part, results):
                    if r not in (0, 77):
                        return t['name']
        return None


def known_equivalents():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'equivalent.json'), encoding='utf-8') as f:
        return {(e['file'], e['operator'], e['new']): e['reason'] for e in json.load(f)}


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--count', type=int, default=20)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--rooms', default=','.join(ROOMS))
    p.add_argument('--since')
    p.add_argument('--at-most', type=int, default=0)
    p.add_argument('--only', action='append', default=[])
    p.add_argument('--out')
    p.add_argument('--place', default=os.path.join(TOP, 'build-mutate'))
    a = p.parse_args()
    if a.only:
        a.count = 10 ** 6
    chosen = [c for c in choose(a) if not a.only or f'{c[1]}:{c[2] + 1}' in a.only]
    copy = Copy(a.place)
    trial, equivalent = Trial(copy, copy.seconds()), known_equivalents()
    count = {'killed': 0, 'survived': 0, 'equivalent': 0, 'not compiled': 0}
    for n, change in enumerate(chosen, 1):
        began = time.monotonic()
        by = trial.one(change)
        room, name, line, operator, new = change
        reason = equivalent.get((name, operator, new.strip()))
        verdict = 'not compiled' if by == 'the compiler' else 'killed' if by else 'equivalent' if reason else 'survived'
        count[verdict] += 1
        print(f'{n:3} {verdict:12} {by or reason or "":24} {room:12} {operator:8} {name}:{line + 1}: {new.strip()}  [{time.monotonic() - began:.0f} s]',
              flush=True)
        if a.out:
            with open(a.out, 'a', encoding='utf-8') as f:
                f.write(json.dumps({'verdict': verdict, 'by': by, 'room': room, 'operator': operator, 'file': name, 'line': line + 1, 'new': new.strip()}) + '\n')
    print(f'seed {a.seed}: ' + ', '.join(f'{v} {k}' for k, v in count.items()))
    return count['survived'] > a.at_most


assert set(WEIGHT) == set(OPERATORS)
if __name__ == '__main__':
    sys.exit(main())
