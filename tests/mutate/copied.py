# SPDX-License-Identifier: Apache-2.0
"""A copy of the tree with its build, and the tests in it that can notice a change of a file."""
import concurrent.futures
import contextlib
import filecmp
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ('unit', 'fuzz', 'conformance')
# An error that a sanitizer finds ends the program, as in tools/test.
STRICT = {'UBSAN_OPTIONS': 'halt_on_error=1'}
# Seconds that a test may have: one that has more would take hours over hundreds of changes.
PATIENCE = 300
SKIPPED = 77


def output_of(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Copy:
    """The tree and a build of it, apart."""

    def __init__(self, place, name, options):
        self.src, self.build = os.path.join(place, 'src'), os.path.join(place, name)
        self.take_over()
        if not os.path.exists(os.path.join(self.build, 'build.ninja')):
            r = output_of('meson', 'setup', self.build, self.src, *options)
            if r.returncode:
                sys.exit(r.stdout)
        r = self.make([])  # all of it: the programs look for files that no test names
        if r.returncode:
            sys.exit('the tree as it is does not build:\n' + r.stdout[-3000:])
        made = {t['id']: os.path.relpath(t['filename'][0], self.build)
                for t in self.introspect('--targets')}
        self.tests = [{**t, 'name': f'{suite}/{t["name"]}',
                       'programs': [made[d] for d in t['depends']]}
                      for t in self.introspect('--tests') for suite in SUITES
                      if f'secure-vm:{suite}' in t['suite'] and t['timeout'] <= PATIENCE]
        self.sources = {p: self.sources_of(p) for t in self.tests for p in t['programs']}

    def introspect(self, what):
        return json.loads(output_of('meson', 'introspect', what, self.build).stdout)

    def make(self, targets):
        return output_of('ninja', '-C', self.build, *targets)

    def take_over(self):
        """The files that git tracks; one that is the same keeps its time: it is not built again."""
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

    def sources_of(self, program):
        """The sources that are in a program: what its libraries are made of, as far as it is linked
        (the linker leaves out objects that nobody asks for; the rest are named in the symbols)."""
        inputs = output_of('ninja', '-C', self.build, '-t', 'inputs', program).stdout.split('\n')
        names = [os.path.relpath(os.path.join(self.build, i), self.src) for i in inputs]
        symbols = output_of('nm', '-a', os.path.join(self.build, program)).stdout
        linked = set(re.findall(r' a (\S+\.c)$', symbols, re.M))
        return {n for n in names if os.path.basename(n) in linked}

    def links(self, test, name):
        return any(name in self.sources[p] for p in test['programs'])

    def seconds(self):
        """How long each test takes on the tree as it is; the ones that fail or skip there are left
        out, and named. One whose programs are those of the last time is not timed again."""
        path = os.path.join(self.build, 'seconds.json')
        known = {}
        if os.path.exists(path):
            with open(path, encoding='utf-8') as f:
                known = json.load(f)
        now = {t['name']: self.digest_of(t) for t in self.tests}
        new = [t for t in self.tests if known.get(t['name'], [''])[0] != now[t['name']]]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for t, took in zip(new, pool.map(self.time_one, new)):
                known[t['name']] = [now[t['name']], took]
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(known, f)
        took = {name: known[name][1] for name in now}
        out = sorted(name for name in now if took[name] is None)
        if out:
            print('left out, for they fail or skip on the tree as it is:', *out, flush=True)
        self.tests = [t for t in self.tests if took[t['name']] is not None]
        if not self.tests:
            sys.exit('there is no test that could notice anything')
        return took

    def digest_of(self, test):
        digest = hashlib.sha256()
        for name in [*(os.path.join(self.build, p) for p in test['programs']), *test['cmd']]:
            if os.path.isfile(name):
                with open(name, 'rb') as f:
                    digest.update(f.read())
        return digest.hexdigest()

    def time_one(self, test):
        began = time.monotonic()
        return time.monotonic() - began if self.run(test, PATIENCE) == 0 else None

    def run(self, test, limit):
        """The exit status of a test. When it ends, or its time, what it started ends with it."""
        p = subprocess.Popen(test['cmd'], env={**os.environ, **STRICT, **test['env']},
                             cwd=self.build, start_new_session=True, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return p.wait(limit)
        except subprocess.TimeoutExpired:
            return 'time is over'
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
