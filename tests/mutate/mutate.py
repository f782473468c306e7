#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests miss: one line of the product is changed at a time, and the unit tests, fuzz
corpora and conformance tests that link it must notice, without sanitizers or with them.

    mutate.py [--count N] [--seed N] [--rooms ROOM,...] [--since REVISION] [--at-most N]
              [--only FILE:LINE] [--quick SECONDS] [--list] [--out FILE]

Works on a copy of the tree (below build-mutate/), never on the tree. Which changes a seed chooses
depends on each changed line alone: an edit elsewhere leaves the others chosen. --since takes only
files that changed since the revision. --quick leaves out the tests that take longer, and the
sanitizers: a first look, of which some survivors are none. --list only prints what is chosen. With
--out a verdict goes into the file, and a change whose verdict is there is not tried again: what was
interrupted goes on. Ends with 1 when more than --at-most changes survive that are not in
equivalent.json: changes that cannot be noticed, each with its reason.
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import hashlib
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from copied import SKIPPED, TOP, Copy, output_of
from operators import OPERATORS, mutants

# The core: what parses, measures, verifies, decides and releases. In a round each room gives one
# change.
ROOMS = {
    'parse': ['ovmf/*.c', 'base/core/rd.c', 'base/core/encoding.c', 'base/core/url.c',
              'base/json/*.c', 'base/net/http*.c', 'base/crypto/x509*.c'],
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
# As tools/test runs them: what survives in the one is tried in the other.
BUILDS = {
    'plain': ['--buildtype=plain', '-Dc_args=-O0 -w'],
    'sanitized': ['--buildtype=plain', '-Dc_args=-O0 -w', '-Db_sanitize=address,undefined',
                  '-Db_lundef=false'],
}
COMPILER = 'the compiler'
VERDICTS = ('killed', 'survived', 'equivalent', 'not compiled')

Change = collections.namedtuple('Change', 'room file line operator new occurrence')


def files_of(patterns, since):
    names = output_of('git', '-C', TOP, 'ls-files').stdout.split()
    if since:
        r = output_of('git', '-C', TOP, 'diff', '--name-only', since)
        if r.returncode:
            sys.exit(f'what changed since {since} is not known: {r.stdout.strip()}')
        changed = set(r.stdout.split())
        names = [n for n in names if n in changed]
    return [n for n in names
            if any(fnmatch.fnmatch(n, p) and n.count('/') == p.count('/') for p in patterns)]


def changes_of(room, name):
    with open(os.path.join(TOP, name), encoding='utf-8') as f:
        text = f.read()
    seen = collections.Counter()
    for line, operator, new in mutants(text):
        yield Change(room, name, line, operator, new, seen[operator, new.strip()])
        seen[operator, new.strip()] += 1


def rank(seed, c):
    """A number from 0 to 1 that belongs to the change itself, whatever else is in the tree."""
    words = '\0'.join([str(seed), c.file, c.operator, c.new.strip(), str(c.occurrence)])
    drawn = int.from_bytes(hashlib.sha256(words.encode()).digest()[:8], 'big') / 2 ** 64
    return drawn * WEIGHT[c.operator]


def choose(a):
    pools = {}
    for room in a.rooms.split(','):
        pool = [c for name in files_of(ROOMS[room], a.since) for c in changes_of(room, name)]
        pools[room] = sorted(pool, key=lambda c: rank(a.seed, c))
    if a.only:
        return [c for pool in pools.values() for c in pool if f'{c.file}:{c.line + 1}' in a.only]
    chosen = []
    while len(chosen) < a.count and any(pools.values()):
        for room in pools:
            if pools[room] and len(chosen) < a.count:
                chosen.append(pools[room].pop(0))
    return chosen


class Trial:
    """A build, in which one change after the other is tried."""

    def __init__(self, place, build, quick):
        self.copy = Copy(place, build, BUILDS[build])
        self.took = self.copy.seconds()
        self.tests = [t for t in self.copy.tests if not quick or self.took[t['name']] <= quick]
        self.noticed = collections.Counter()

    def one(self, change):
        """Who noticed: a test's name, COMPILER, or None."""
        path = os.path.join(self.copy.src, change.file)
        with open(path, encoding='utf-8') as f:
            text = f.read()
        lines = text.split('\n')
        lines[change.line] = change.new
        try:
            with open(path, 'w', encoding='utf-8') as f:
                f.write('\n'.join(lines))
            return self.first_failure(change.file)
        finally:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)

    def order(self, name):
        """Those that noticed a change of the file before, then those about the file's folder, then
        the quick ones."""
        words = [w for w in re.split(r'[/.-]', name)
                 if len(w) > 2 and w not in ('verify', 'measure', 'core')]
        linked = [t for t in self.tests if self.copy.links(t, name)]
        return sorted(linked, key=lambda t: (
            -self.noticed[name, t['name']], self.took[t['name']] > 5,
            -sum(w in t['name'] for w in words), self.took[t['name']]))

    def first_failure(self, name):
        """A few tests at a time are linked and run, until one of them fails."""
        order, at = self.order(name), 0
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            while at < len(order):
                part = order[at:at + max(at, os.cpu_count())]
                at += len(part)
                if self.copy.make({p for t in part for p in t['programs']}).returncode:
                    return COMPILER
                limits = [max(60, 10 * self.took[t['name']]) for t in part]
                for t, r in zip(part, pool.map(self.copy.run, part, limits)):
                    if r not in (0, SKIPPED):
                        self.noticed[name, t['name']] += 1
                        return t['name']
        return None


def reasons_of(changes):
    """Why a change cannot be noticed, of those that equivalent.json has."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, 'equivalent.json'), encoding='utf-8') as f:
        known = {(e['file'], e['operator'], e['new']): e['reason'] for e in json.load(f)}
    found = ((c, known.get((c.file, c.operator, c.new.strip()))) for c in changes)
    return {c: reason for c, reason in found if reason}


def key_of(build, c):
    return build, c.file, c.operator, c.new.strip(), c.occurrence


class Verdicts:
    """Of each change who noticed it, kept in a file when there is one, which other runs may share;
    what a quick run has not noticed another may."""

    def __init__(self, path, quick):
        self.path, self.quick, self.by = path, quick, {}

    def keep(self, build, c, by):
        self.by[key_of(build, c)] = by
        if self.path and (by or not self.quick):
            with open(self.path, 'a', encoding='utf-8') as f:
                f.write(json.dumps({'change': key_of(build, c), 'by': by}) + '\n')

    def knows(self, build, c):
        if self.path and os.path.exists(self.path):
            with open(self.path, encoding='utf-8') as f:
                self.by.update({tuple(r['change']): r['by'] for r in map(json.loads, f)})
        return key_of(build, c) in self.by

    def of(self, build, c):
        return self.by[key_of(build, c)]


def try_all(build, a, verdicts, chosen):
    """Tries each change in a build, prints its line; the ones that nobody noticed."""
    trial = None
    for n, c in enumerate(chosen, 1):
        began = time.monotonic()
        if not verdicts.knows(build, c):
            trial = trial or Trial(os.path.abspath(a.place), build, a.quick)
            verdicts.keep(build, c, trial.one(c))
        print(f'{n:3} {verdicts.of(build, c) or "-":24} {c.room:12} {c.operator:8} '
              f'{c.file}:{c.line + 1}: {c.new.strip()}  [{time.monotonic() - began:.0f} s]',
              flush=True)
    return [c for c in chosen if not verdicts.of(build, c)]


def count_verdicts(chosen, alive, reasons, verdicts):
    """How many there are of each room and verdict."""
    counts = collections.Counter()
    for c in chosen:
        verdict = 'killed'
        if c in reasons:
            verdict = 'equivalent'
        elif c in alive:
            verdict = 'survived'
        elif verdicts.of('plain', c) == COMPILER:
            verdict = 'not compiled'
        counts[c.room, verdict] += 1
    return counts


def print_alive(alive, reasons):
    for c in [*alive, *reasons]:
        verdict = 'equivalent' if c in reasons else 'survived'
        print(f'{verdict:12} {c.room:12} {c.operator:8} {c.file}:{c.line + 1}: {c.new.strip()}' +
              (f'  [{reasons[c]}]' if c in reasons else ''))


def print_table(counts):
    print(f'{"room":14}' + ''.join(f'{v:>14}' for v in VERDICTS))
    for room in [r for r in ROOMS if any(counts[r, v] for v in VERDICTS)]:
        print(f'{room:14}' + ''.join(f'{counts[room, v]:14}' for v in VERDICTS))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--count', type=int, default=20)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--rooms', default=','.join(ROOMS))
    p.add_argument('--since')
    p.add_argument('--at-most', type=int, default=0)
    p.add_argument('--only', action='append', default=[])
    p.add_argument('--out')
    p.add_argument('--list', action='store_true')
    p.add_argument('--quick', type=float)
    p.add_argument('--place', default=os.path.join(TOP, 'build-mutate'))
    a = p.parse_args()
    chosen = choose(a)
    if a.list:
        for c in chosen:
            print(f'{c.room:12} {c.operator:8} {c.file}:{c.line + 1}: {c.new.strip()}')
        return 0
    verdicts, reasons = Verdicts(a.out, a.quick), reasons_of(chosen)
    alive = [c for c in chosen if c not in reasons]
    for build in ['plain'] if a.quick else BUILDS:
        alive = try_all(build, a, verdicts, alive)
    print_alive(alive, reasons)
    counts = count_verdicts(chosen, alive, reasons, verdicts)
    print_table(counts)
    total = {v: sum(counts[r, v] for r in ROOMS) for v in VERDICTS}
    print(f'seed {a.seed}: ' + ', '.join(f'{n} {v}' for v, n in total.items()))
    return total['survived'] > a.at_most


assert set(WEIGHT) == set(OPERATORS)
if __name__ == '__main__':
    sys.exit(main())
