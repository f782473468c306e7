# SPDX-License-Identifier: Apache-2.0
"""Which tests execute a line: each is run once in a build that records its blocks, which also says how long it takes."""
import contextlib
import hashlib
import json
import os
import shutil
import sys
import threading
import time

from blocks import Elf, blocks_of
from build import PATIENCE, output_of

HERE = os.path.dirname(os.path.abspath(__file__))
C_ARGS = '-g1 -gdwarf-4 -fsanitize-coverage=trace-pc'


def make_recorder(place):
    """The object that each module is linked with, and the options of a build that records."""
    made, any_place = os.path.join(place, 'blocks.o'), os.path.join(place, 'any')
    os.makedirs(any_place, exist_ok=True)
    r = output_of('cc', '-O2', '-fPIC', f'-DBLOCKS_ANY="{any_place}"', '-c', os.path.join(HERE, 'blocks.c'), '-o', made)
    if r.returncode:
        sys.exit(r.stdout)
    return [f'-Dc_link_args={made} -Wl,--build-id']


class Executed:
    """A test is run, and its blocks are recorded, when somebody asks for it."""

    def __init__(self, build, place, wanted):
        self.build, self.place, self.wanted = build, place, wanted
        self.ids = {m: Elf(os.path.join(build.build, m)).build_id() for m in build.links
                    if os.path.exists(os.path.join(build.build, m))}
        self.lines, self.took = {}, {}
        self.lock, self.locks = threading.Lock(), {t['name']: threading.Lock() for t in build.tests}
        for i in set(os.listdir(os.path.join(place, 'any'))) - set(self.ids.values()):
            os.unlink(os.path.join(place, 'any', i))
        self.path, self.known = os.path.join(self.place, 'seconds.json'), {}
        if os.path.exists(self.path):
            with open(self.path, encoding='utf-8') as f:
                self.known = json.load(f)
        for t in build.tests:
            self.recall(t)

    def folder(self, test):
        return os.path.join(self.place, 'tests', test['name'].replace('/', '-'))

    def digest_of(self, test):
        """What a test is: its programs and its script."""
        digest = hashlib.sha256(json.dumps([self.ids[m] for m in test['programs']]).encode())
        for word in test['cmd']:
            path = os.path.join(self.build.build, word)
            if os.path.isfile(path) and not any(os.path.samefile(path, os.path.join(self.build.build, m)) for m in test['programs']):
                with open(path, 'rb') as f:
                    digest.update(f.read())
        return digest.hexdigest()

    def recall(self, test):
        """A test that is the same as the last time, as all that it executed then, is not run again."""
        known = self.known.get(test['name'], ['', None])
        folder = self.folder(test)
        if known[1] is not None and known[0] == self.digest_of(test) and os.path.isdir(folder) and set(os.listdir(folder)) <= set(self.ids.values()):
            self.took[test['name']] = known[1]

    def seconds(self, test):
        """How long a test takes on the tree as it is, None of one that fails or skips there: it is named, and left out."""
        name = test['name']
        with self.locks[name]:
            if name not in self.took:
                took = self.record_one(test)
                with self.lock:
                    self.took[name] = took
                    self.known[name] = [self.digest_of(test), took]
                    with open(self.path, 'w', encoding='utf-8') as f:
                        json.dump(self.known, f)
                if took is None:
                    print(f'{name} is left out: it fails or skips on the tree as it is', flush=True)
        return self.took[name]

    def record_one(self, test):
        folder = self.folder(test)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        os.chmod(folder, 0o777)  # whoever its programs run as
        began = time.monotonic()
        r = self.build.run(test, PATIENCE, PATIENCE, env={'SV_MUTATE_BLOCKS': folder})
        return time.monotonic() - began if r == 0 else None

    def lines_of(self, module):
        """blocks_of() of a module, kept beside the build."""
        i = self.ids[module]
        if i not in self.lines:
            path = os.path.join(self.place, 'lines', i + '.json')
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(f'{path}.{threading.get_ident()}', 'w', encoding='utf-8') as f:
                    json.dump(blocks_of(os.path.join(self.build.build, module), self.wanted), f)
                os.replace(f.name, path)
            with open(path, encoding='utf-8') as f:
                self.lines[i] = json.load(f)
        return self.lines[i]

    def ran(self, test, module, blocks):
        for folder in (self.folder(test), os.path.join(self.place, 'any')):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, self.ids[module]), 'rb') as f:
                for at in blocks:
                    f.seek(at)
                    if f.read(1) == b'\1':
                        return True
        return False

    def executes(self, test, name, lines):
        """Whether a test executes one of the lines of a source; where no code belongs to them (a table), any of its lines."""
        for module in self.build.modules_with(test, name):
            of = self.lines_of(module).get(name, {})
            at = {b for line in lines for b in of.get(str(line), [])} or {b for blocks in of.values() for b in blocks}
            if self.ran(test, module, sorted(at)):
                return True
        return False
