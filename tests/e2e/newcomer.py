#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""README's chapter "Your own guest" as somebody types it who knows nothing else: its command lines are read from the page and run as they stand
there, in the order of the page; only what it calls PIN and VERSION, and the pin in its guest file, is filled in. In a network of its own, so
that the broker's port is free and nothing is fetched while it runs.

    newcomer.py --build DIR [--list] [--keep] [CASE...]
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cloud import make_image
from env import TOP, Failed, run, say_to
from patience import patient, wait_until
from runner import main

CHAPTER = re.search(r'^## Your own guest\n(.*?)^### ', open(os.path.join(TOP, 'README.md'), encoding='utf-8').read(), re.M | re.S)[1]
BLOCKS = [re.sub('^    ', '', b, flags=re.M).splitlines() for b in re.findall(r'(?:^    .+\n)+', re.sub(r'^```.*?^```$', '', CHAPTER, flags=re.M | re.S), re.M)]
GUEST_FILE = re.search(r'^```json\n(.*?)^```$', CHAPTER, re.M | re.S)[1]


def block(words):
    """The lines of the one block that has these words."""
    found = [b for b in BLOCKS if any(words in line for line in b)]
    if len(found) != 1:
        raise Failed(f'README has {len(found)} blocks with "{words}" in "Your own guest"')
    return found[0]


class Machine:
    """What a newcomer has: the programs installed, a kernel, a root file system, a disk of a virtual machine."""

    def __init__(self, build, say):
        self.path = ':'.join(os.path.join(build, d) for d in ('launcher', 'broker', 'agent')) + ':' + os.environ['PATH']
        self.image = make_image(say, 'ext4')
        say('the distribution\'s kernel and a root file system')
        self.kernel_dir = run(os.path.join(TOP, 'tools', 'fetch-kernel'), timeout=900).stdout.strip().splitlines()[-1]
        self.root = run(os.path.join(TOP, 'tools', 'rootfs'), timeout=1800).stdout.strip().splitlines()[-1]


class Newcomer:
    """A user with an empty home, at an empty folder."""

    def __init__(self, machine, base, name):
        self.m, self.home = machine, os.path.join(base, name)
        self.state = os.path.join(base, 's', name)
        os.makedirs(self.home)
        os.makedirs(self.state, mode=0o755)
        self.environment = {'PATH': machine.path, 'HOME': self.home, 'SECURE_VM_DIR': self.state, 'TERM': 'dumb',
                            'XDG_CACHE_HOME': os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')}
        self.words = {}
        self.network = subprocess.Popen(['unshare', '-n', 'sh', '-c', 'ip link set lo up && echo up && exec sleep 3600'], stdout=subprocess.PIPE, text=True)
        if self.network.stdout.readline() != 'up\n':
            raise Failed('there is no network of its own to be had (unshare -n, as root)')
        self.broker = None

    def fill_in(self, line):
        for word, value in self.words.items():
            line = line.replace(word, value)
        return line

    def inside(self, *command):
        return ['nsenter', '-t', str(self.network.pid), '-n', *command]

    def types(self, line, seconds=900):
        """One line of README, which must end with 0; what it prints."""
        line = self.fill_in(line)
        if line.endswith('&'):  # a shell would keep it, too
            self.broker = subprocess.Popen(self.inside(*line[:-1].split()), cwd=self.home, env=self.environment,
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            wait_until('the broker does not listen', self.listens)
            return ''
        r = subprocess.run(self.inside('sh', '-c', line), cwd=self.home, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=patient(seconds))
        if r.returncode:
            raise Failed(f'README: "{line}" ends with {r.returncode}: {r.stdout[-300:]}{r.stderr[-900:]}')
        return r.stdout

    def listens(self):
        return subprocess.run(self.inside('bash', '-c', ': </dev/tcp/127.0.0.1/8443'), stderr=subprocess.DEVNULL).returncode == 0

    def has_broker(self):
        init, *rest = block('secure-vm-broker init')
        self.words['PIN'] = dict(line.split(' ', 1) for line in self.types(init).splitlines())['pin']
        for line in rest:
            self.types(line)

    def console(self):
        with open(os.path.join(self.state, 'web', 'console.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def sees(self, words, seconds=240):
        wait_until(lambda: f'the console never said "{words}"; its end: {self.console()[-600:]}', lambda: words in self.console(), seconds)

    def end(self, keep=False):
        subprocess.run(self.inside('secure-vm', 'destroy', 'web'), env=self.environment, capture_output=True)
        for p in (self.broker, self.network):
            if p:
                p.send_signal(signal.SIGTERM)
                p.wait(30)


def own_disk(c):
    """the disk of a virtual machine, with three commands, comes to its login prompt after an attestation"""
    c.has_broker()
    os.symlink(c.m.image, os.path.join(c.home, 'debian.qcow2'))
    said = ''.join(c.types(line) for line in block('image import'))
    c.sees('demo login:')
    for bad in ('Timed out waiting for device', 'Dependency failed', 'emergency mode'):
        if bad in c.console():
            raise Failed(f'the system says "{bad}"')
    if 'guest web has its disk' not in said:
        raise Failed(f'expected the guest to have its disk, found: {said}')


def own_files(c):
    """a root file system, a kernel and the page's guest file; the guest gets a name, is ended, and starts by it"""
    c.has_broker()
    guest = json.loads(GUEST_FILE)
    if not guest['attestation']['pin'].endswith('…'):
        raise Failed('expected a pin to fill in')
    guest['attestation']['pin'] = c.words['PIN']
    with open(os.path.join(c.home, 'web.json'), 'w', encoding='utf-8') as f:
        json.dump(guest, f)
    shutil.copy(os.path.join(c.m.kernel_dir, 'vmlinuz'), c.home)
    os.symlink(c.m.root, os.path.join(c.home, 'root.tar'))
    modules = os.path.realpath(os.path.join(c.m.kernel_dir, 'modules'))
    c.words['/lib/modules/VERSION'] = modules
    for line in block('image encrypt'):
        c.types(line)
    c.sees('login:')
    c.types('secure-vm stop web')
    define, start, *_ = block('secure-vm define')
    c.types(define)
    c.types(start)
    if json.loads(c.types('secure-vm list --json'))['guests'][0]['state'] != 'unlocked':
        raise Failed('expected the guest to have its disk')


def prepare(a, base):
    machine = Machine(a.build, say_to())
    return lambda name: Newcomer(machine, base, name)


if __name__ == '__main__':
    sys.exit(main('newcomer', __doc__, [own_disk, own_files], prepare))
