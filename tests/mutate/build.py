# SPDX-License-Identifier: Apache-2.0
"""A build of the tree: its programs, its tests, and how one source of it is changed in some programs without building anything else."""
import contextlib
import filecmp
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading

from blocks import Elf

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITES = ('unit', 'fuzz', 'conformance')
# An error that a sanitizer finds ends the program, as in tools/test.
STRICT = {'UBSAN_OPTIONS': 'halt_on_error=1', 'ASAN_OPTIONS': 'intercept_tls_get_addr=0'}
# Seconds that a test may have: one that has more would take hours over hundreds of changes.
PATIENCE = 300
SKIPPED = 77
TIME_OVER = 'time is over'


def output_of(*command, cwd=None):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd)


def take_over(target_top):
    """Copies the files that git tracks; one that is the same keeps its time: it is not built again."""
    names = set(filter(None, output_of('git', '-C', TOP, 'ls-files', '-z').stdout.split('\0')))
    names = {n for n in names if os.path.exists(os.path.join(TOP, n))}
    for name in names:
        source, target = os.path.join(TOP, name), os.path.join(target_top, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
            shutil.copy(source, target)
    for folder, _, files in os.walk(target_top):
        for f in files:
            if os.path.relpath(os.path.join(folder, f), target_top) not in names:
                os.unlink(os.path.join(folder, f))


def set_up(build, src, options):
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        r = output_of('meson', 'setup', build, src, *options)
        if r.returncode:
            sys.exit(r.stdout)


class NotLinked(Exception):
    pass


class Build:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        targets = {t['id']: t for t in self.introspect('--targets') if t['filename']}
        made = {i: os.path.relpath(t['filename'][0], self.build) for i, t in targets.items()}
        modules = {made[i] for i, t in targets.items() if t['type'] in ('executable', 'shared library')}
        with open(os.path.join(self.build, 'meson-info/meson-info.json'), encoding='utf-8') as f:
            self.src = json.load(f)['directories']['source']
        self.read_commands(modules)
        self.tests = [{**t, 'name': f'{suite}/{t["name"]}', 'programs': self.with_libraries(made[d] for d in t['depends'])}
                      for t in self.introspect('--tests') for suite in SUITES
                      if f'secure-vm:{suite}' in t['suite'] and t['timeout'] <= PATIENCE]
        self.busy = {t['name']: threading.Lock() for t in self.tests}
        self.contents = {}

    def introspect(self, *what):
        return json.loads(output_of('meson', 'introspect', *what, self.build).stdout)

    def make(self, targets):
        return output_of('ninja', '-C', self.build, *targets)

    def read_commands(self, modules):
        """How each object is compiled and each module is linked."""
        with open(os.path.join(self.build, 'compile_commands.json'), encoding='utf-8') as f:
            self.objects = {}
            for c in json.load(f):
                name = os.path.relpath(os.path.normpath(os.path.join(self.build, c['file'])), self.src)
                self.objects.setdefault(name, {})[c['output']] = c
        self.links = {}
        for text in output_of('ninja', '-C', self.build, '-t', 'commands', *sorted(modules)).stdout.split('\n'):
            m = re.search(r' -o (\S+) ', text)
            if m and m.group(1) in modules:
                self.links[m.group(1)] = shlex.split(text)

    def with_libraries(self, programs):
        """The modules of ours that a test loads: its programs, and the libraries that they are linked with."""
        all_of, new = [], [p for p in programs if p in self.links]
        while new:
            all_of += new
            new = [w for p in new for w in self.links[p] if w in self.links and w not in all_of and w != p]
        return list(dict.fromkeys(all_of))

    def made_of(self, module):
        """The names, without folders, of a module's sources, and its symbols."""
        if module not in self.contents:
            elf = Elf(os.path.join(self.build, module))
            self.contents[module] = elf.files(), elf.defined()
        return self.contents[module]

    def asked_for(self, output):
        if output not in self.contents:
            self.contents[output] = Elf(os.path.join(self.build, output)).defined(shared=True)
        return self.contents[output]

    def objects_in(self, module, name):
        """The objects of a source that are in a module: named in its link, or in an archive of it and asked for."""
        found = []
        for output, command in self.objects.get(name, {}).items():
            archive = os.path.dirname(output).removesuffix('.p')
            words = self.links[module]
            if output not in words:
                files, symbols = self.made_of(module)
                if archive not in words or os.path.basename(name) not in files or not self.asked_for(output) & symbols:
                    continue
            found.append((output, command))
        return found

    def modules_with(self, test, name):
        return [p for p in test['programs'] if self.objects_in(p, name)]

    def compile_changed(self, name, text, place):
        """The objects of the changed source, {object of the build: object}; None when it does not compile."""
        os.makedirs(place, exist_ok=True)
        source = os.path.join(place, os.path.basename(name))
        with open(source, 'w', encoding='utf-8') as f:
            f.write(text)
        made = {}
        for i, (output, c) in enumerate(self.objects.get(name, {}).items()):
            made[output] = os.path.join(place, f'{i}-{os.path.basename(output)}')
            words = [w for w in shlex.split(c['command']) if w not in ('-MD', '-Werror')]
            for option in ('-MQ', '-MF'):
                if option in words:
                    at = words.index(option)
                    del words[at:at + 2]
            words[words.index('-o') + 1] = made[output]
            words[words.index(c['file'])] = source
            at = words.index('-o')  # what it includes by its own folder
            words[at:at] = ['-iquote', os.path.dirname(os.path.join(self.src, name))]
            if output_of(*words, cwd=self.build).returncode:
                return None
        return made

    def link_changed(self, module, name, made, place):
        """Links the module with the changed objects into the place, where its names are those of the build."""
        target = os.path.join(place, os.path.basename(module))
        if os.path.exists(target):
            return target
        mine = [output for output, _ in self.objects_in(module, name)]
        words = [made[w] if w in mine else w for w in self.links[module]]
        words[words.index('-o') + 1] = target
        # Whose symbols are there already is not taken from an archive.
        first = next(i for i, w in enumerate(words) if w == '-Wl,--start-group' or w.endswith('.a') or i == len(words) - 1)
        words[first:first] = [made[o] for o in mine if o not in self.links[module]]
        # A library of ours that was changed too stands first.
        words = [os.path.join(place, os.path.basename(w)) if w in self.links and os.path.exists(os.path.join(place, os.path.basename(w)))
                 else w for w in words]
        if output_of(*words, cwd=self.build).returncode:
            raise NotLinked(module)
        folder = os.path.dirname(os.path.join(self.build, module))
        for other in os.listdir(folder):
            if os.path.islink(os.path.join(folder, other)) and os.path.realpath(os.path.join(folder, other)) == os.path.join(self.build, module):
                os.symlink(os.path.basename(module), os.path.join(place, other))
        return target

    def run(self, test, cpu, clock, changed=None, place=None, env=None):
        """The exit status of a test, in which {module: path} stand for the build's. When it ends, or its time (seconds on a
        processor for each process, seconds of the clock for all), what it started ends with it."""
        command = [self.stand_in(w, changed or {}) for w in test['cmd']]
        env = {**os.environ, **STRICT, **test['env'], **(env or {})}
        if place:
            env['LD_LIBRARY_PATH'] = ':'.join(filter(None, [place, env.get('LD_LIBRARY_PATH')]))
        command = ['sh', '-c', f'ulimit -t {int(cpu) + 1}; exec "$@"', 'sh', *command]
        with self.busy[test['name']]:
            p = subprocess.Popen(command, env=env, cwd=self.build, start_new_session=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                return p.wait(clock)
            except subprocess.TimeoutExpired:
                return TIME_OVER
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(p.pid, signal.SIGKILL)
                p.wait()

    def stand_in(self, word, changed):
        return changed.get(os.path.relpath(os.path.join(self.build, word), self.build), word)
