#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the tests miss: one line of the product is changed at a time, and the unit tests, fuzz
corpora and conformance tests that execute it must notice, without sanitizers or with them.

    mutate.py [--count N] [--seed N] [--rooms ROOM,...] [--since REVISION] [--at-most N]
              [--only FILE:LINE] [--quick SECONDS --build BUILD] [--list] [--out FILE] [--jobs N]

Builds a copy of the tree (below build-mutate/) once; the first time that a test is wanted it is run
as it is, which records the lines that it executes. Of a changed file then only that is compiled, and only the programs are linked
whose tests execute the line: of all changes a few near and quick tests first, until one fails, and
fails again, and does not fail with the file as it was; then the rest. A line without code (a table) is tried with every test that executes its file.
What survives is tried with sanitizers, and then with the tests in which the line did not seem to run.

Which changes a seed chooses depends on each changed line alone: an edit elsewhere leaves the others
chosen. --since takes only files that changed since the revision. --build tries them in a finished
build of this tree, of which nothing is recorded, and --quick leaves out the tests that take longer
there: a first look, of which some survivors are none. --list only prints what is chosen. With --out
a verdict goes into the file, and a change whose verdict is there is not tried again: what was
interrupted goes on. Ends with 1 when more than --at-most changes survive that are not in
equivalent.json: changes that cannot be noticed, each with its reason.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import fnmatch
import glob
import hashlib
import itertools
import json
import os
import re
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from build import SKIPPED, TIME_OVER, TOP, Build, NotLinked, output_of, set_up, take_over
from executed import C_ARGS, Executed, make_recorder
from operators import OPERATORS, mutants, statement_of

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
COMPILER = 'the compiler'
# A first look is at a few tests that take little time, or are named like what is changed.
NEAR, NEAR_SECONDS = 5, 3
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
    """A build, in which one change after the other is tried, in programs of its own: the build stays as it is."""

    def __init__(self, build, place, took, executed=None, quick=None, slower=1):
        self.build, self.place, self.took, self.executed, self.quick, self.slower = build, place, took, executed, quick, slower
        self.noticed, self.passed = collections.Counter(), set()
        self.sound, self.lock = {}, threading.Lock()

    def one(self, change, tests):
        """Who noticed: a test's name, COMPILER, or None."""
        with open(os.path.join(self.build.src, change.file), encoding='utf-8') as f:
            text = f.read()
        lines = text.split('\n')
        lines[change.line] = change.new
        with tempfile.TemporaryDirectory(dir=self.place) as place:
            made = self.build.compile_changed(change.file, '\n'.join(lines), place)
            if made is None:
                return COMPILER
            for t in tests:
                if (change, t['name']) in self.passed:
                    continue
                noticed = self.notices(t, change, made, place)
                if noticed and self.is_sound(t, change, text) and \
                        (noticed == TIME_OVER or self.notices(t, change, made, place)):
                    self.noticed[change.file, t['name']] += 1
                    return t['name']
                self.passed.add((change, t['name']))
        return None

    def seconds(self, test):
        """How long a test takes, or may take: a script runs many programs."""
        return self.took.get(test['name']) or (1 if test['cmd'][0].endswith(tuple(test['programs'])) else 20)

    def order(self, change, selected=True, near=False):
        """The tests that execute the change, or that do not: the quick ones first. One that noticed a change of the file before, or
        is named like its folder, may take longer. Those of which nothing is known yet come last; near are the named ones of them."""
        words = [w for w in re.split(r'[/.-]', change.file) if len(w) > 2 and w not in ('verify', 'measure', 'core')]
        with open(os.path.join(self.build.src, change.file), encoding='utf-8') as f:
            lines = statement_of(f.read(), change.line)
        costs = []
        for t in self.build.tests:
            named = sum(w in t['name'] for w in words)
            known = t['name'] in self.took or not self.executed
            cost = self.seconds(t) / 4 ** (named + min(self.noticed[change.file, t['name']], 3))
            if self.build.modules_with(t, change.file) and not (self.quick and self.seconds(t) > self.quick) and \
                    not (near and (cost > NEAR_SECONDS or not known and not named)):
                costs.append((not known, cost, t['name'], t))
        for *_, t in sorted(costs, key=lambda c: c[:3]):
            if not self.executed or self.executed.seconds(t) is not None and \
                    self.executed.executes(t, change.file, lines) == selected:
                yield t

    def notices(self, test, change, made, place):
        """How a test fails with the changed objects, if it does. One that cannot be linked with them does not."""
        try:
            changed = {m: self.build.link_changed(m, change.file, made, place)
                       for m in reversed(self.build.modules_with(test, change.file))}
        except NotLinked as e:
            print(f'{test["name"]} is not tried with {change.file}: {e} cannot be linked with it', flush=True)
            return False
        took = self.slower * self.seconds(test)
        r = self.build.run(test, max(10, 10 * took), self.quick or max(60, 5 * took), changed, place)
        return r not in (0, SKIPPED) and not (self.quick and r == TIME_OVER) and r

    def is_sound(self, test, change, text):
        """Whether it succeeds when the source is compiled and linked in the same way, and not changed."""
        with self.lock:
            lock = self.sound.setdefault(test['name'], [threading.Lock(), None])
        with lock[0]:
            if lock[1] is None:
                with tempfile.TemporaryDirectory(dir=self.place) as place:
                    made = self.build.compile_changed(change.file, text, place)
                    lock[1] = bool(made) and not self.notices(test, change, made, place)
                if not lock[1]:
                    print(f'{test["name"]} is left out: it fails without a change', flush=True)
            return lock[1]


class Trials:
    """The builds that changes are tried in. A build that exists is taken as it is, and none of its tests is known to execute a line;
    without one, a copy of the tree is built, and once more with sanitizers."""

    def __init__(self, a):
        self.place, self.making = os.path.abspath(a.place), threading.Lock()
        os.makedirs(self.place, exist_ok=True)
        if a.build:
            self.steps = {'plain': self.try_plain}
            build = Build(a.build)
            if not os.path.samefile(build.src, TOP):
                sys.exit(f'{a.build} is no build of this tree, but of {build.src}')
            self.plain = Trial(build, self.place, seconds_in_logs(a.build), quick=a.quick)
            return
        self.steps = {'near': self.try_near, 'plain': self.try_plain, 'sanitized': self.try_sanitized, 'all': self.try_others}
        src, folder = os.path.join(self.place, 'src'), os.path.join(self.place, 'plain')
        take_over(src)
        set_up(folder, src, ['--buildtype=plain', f'-Dc_args=-O0 -w {C_ARGS}', *make_recorder(self.place)])
        r = output_of('ninja', '-C', folder)  # all of it: the programs look for files that no test names
        if r.returncode:
            sys.exit('the tree as it is does not build:\n' + r.stdout[-3000:])
        build = Build(folder)
        files = {n for patterns in ROOMS.values() for n in files_of(patterns, None)}

        def wanted(path):
            name = os.path.relpath(os.path.normpath(os.path.join(folder, path)), src)
            return name if name in files else None

        executed = Executed(build, self.place, wanted)
        self.plain = Trial(build, self.place, executed.took, executed)
        self.src, self.sanitized = src, None

    def try_near(self, change):
        """They notice most changes: what is left is known soon."""
        return self.plain.one(change, itertools.islice(self.plain.order(change, near=True), NEAR))

    def try_plain(self, change):
        return self.plain.one(change, self.plain.order(change))

    def try_sanitized(self, change):
        with self.making:
            if not self.sanitized:
                folder = os.path.join(self.place, 'sanitized')
                set_up(folder, self.src, ['--buildtype=plain', '-Dc_args=-O0 -w', '-Db_sanitize=address,undefined', '-Db_lundef=false'])
                self.sanitized = Trial(Build(folder), self.place, self.plain.took, slower=8)
        build = self.sanitized.build
        by_name = {t['name']: t for t in build.tests}
        tests = [by_name[t['name']] for t in self.plain.order(change) if t['name'] in by_name]
        with self.making:
            r = build.make({p for t in tests for p in t['programs']})
        if r.returncode:
            sys.exit('the tree as it is does not build with sanitizers:\n' + r.stdout[-3000:])
        return self.sanitized.one(change, tests)

    def try_others(self, change):
        """The tests of which no process was seen to execute the change."""
        return self.plain.one(change, self.plain.order(change, selected=False))


def seconds_in_logs(build):
    """How long tests took in a build's last runs, by suite and name."""
    took = {}
    for path in sorted(glob.glob(os.path.join(build, 'meson-logs', '*.json')), key=os.path.getmtime):
        with open(path, encoding='utf-8') as f, contextlib.suppress(ValueError):
            for r in map(json.loads, f):
                took[r['name'].split(':')[-1].replace(' / ', '/')] = r['duration']
    return took


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
    """Of each change who noticed it, kept in a file when there is one, which other runs may share; what a quick run has not noticed
    another may."""

    def __init__(self, path, quick):
        self.path, self.quick, self.by, self.lock = path, quick, {}, threading.Lock()

    def keep(self, step, c, by):
        with self.lock:
            self.by[key_of(step, c)] = by
            if self.path and (by or not self.quick):
                with open(self.path, 'a', encoding='utf-8') as f:
                    f.write(json.dumps({'change': key_of(step, c), 'by': by}) + '\n')

    def knows(self, step, c):
        with self.lock:
            if self.path and os.path.exists(self.path):
                with open(self.path, encoding='utf-8') as f:
                    self.by.update({tuple(r['change']): r['by'] for r in map(json.loads, f)})
            return key_of(step, c) in self.by

    def of(self, step, c):
        return self.by[key_of(step, c)]

    def all_of(self, c):
        return [by for key, by in self.by.items() if key[1:] == key_of('', c)[1:]]


def try_all(step, a, trials, verdicts, chosen):
    """Tries each change in a step, prints its line; the ones that nobody noticed."""
    def try_one(c):
        began = time.monotonic()
        if not verdicts.knows(step, c):
            verdicts.keep(step, c, trials.steps[step](c))
        return time.monotonic() - began

    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for n, (c, took) in enumerate(zip(chosen, pool.map(try_one, chosen)), 1):
            print(f'{n:3} {verdicts.of(step, c) or "-":24} {c.room:12} {c.operator:8} '
                  f'{c.file}:{c.line + 1}: {c.new.strip()}  [{took:.0f} s]', flush=True)
    return [c for c in chosen if not verdicts.of(step, c)]


def count_verdicts(chosen, alive, reasons, verdicts):
    """How many there are of each room and verdict."""
    counts = collections.Counter()
    for c in chosen:
        verdict = 'killed'
        if c in reasons:
            verdict = 'equivalent'
        elif c in alive:
            verdict = 'survived'
        elif COMPILER in verdicts.all_of(c):
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
    p.add_argument('--build')
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('--place', default=os.path.join(TOP, 'build-mutate'))
    a = p.parse_args()
    if bool(a.quick) != bool(a.build):
        p.error('--quick and --build belong together')
    chosen = choose(a)
    if a.list:
        for c in chosen:
            print(f'{c.room:12} {c.operator:8} {c.file}:{c.line + 1}: {c.new.strip()}')
        return 0
    verdicts, reasons = Verdicts(a.out, a.quick), reasons_of(chosen)
    alive = [c for c in chosen if c not in reasons]
    trials = Trials(a)
    for step in trials.steps:
        alive = try_all(step, a, trials, verdicts, alive)
    print_alive(alive, reasons)
    counts = count_verdicts(chosen, alive, reasons, verdicts)
    print_table(counts)
    total = {v: sum(counts[r, v] for r in ROOMS) for v in VERDICTS}
    print(f'seed {a.seed}: ' + ', '.join(f'{n} {v}' for v, n in total.items()))
    return total['survived'] > a.at_most


assert set(WEIGHT) == set(OPERATORS)
if __name__ == '__main__':
    sys.exit(main())
