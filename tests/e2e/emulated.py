# SPDX-License-Identifier: Apache-2.0
"""Guests with evidence of a platform that this machine does not have: the launch runs in front of a simulated platform (tests/teesim), the
same files then boot for real, emulated, and the platform's signer answers behind the guest kernel's own interfaces."""
import json
import os
import shutil
import subprocess
import time

import runner
from env import CLASSES, TOP, Case, Env, Failed, run, say_to
from patience import patient, wait_until

KEEP = ' securevm.console=host'  # most cases read what the guest says after the unlock
MODULE = os.path.join(TOP, 'tests/teesim/guest')


class EmulatedEnv(Env):
    FETCH = ['--backports', '--headers']

    def __init__(self, build, say):
        self.signer = os.path.join(build, 'tests', 'teesim', 'teesim-signer')
        self.simulator = os.path.join(build, 'tests', 'teesim', 'teesim.so')
        self.build = build
        super().__init__(build, say)

    def inputs(self):
        return [os.path.join(MODULE, 'teesim_guest.c')]

    def modules(self):
        """The kernel's modules and the test's own, built against the kernel's headers."""
        source = os.path.realpath(os.path.join(self.kernel_dir, 'modules'))
        release = os.path.basename(source)
        target = os.path.join(self.dir, 'lib', 'modules', release)
        build = os.path.join(self.dir, 'module')
        shutil.copytree(MODULE, build)
        run('make', '-s', '-C', os.path.join(self.kernel_dir, 'headers'), f'M={build}', 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules')
        shutil.copytree(source, target, copy_function=os.link)
        for f in os.listdir(target):  # depmod writes these anew; the links must not reach the kernel's own
            if f.startswith('modules.') and not f.startswith(('modules.builtin', 'modules.order')):
                os.unlink(os.path.join(target, f))
        shutil.copy(os.path.join(build, 'teesim_guest.ko'), target)
        run('/sbin/depmod', '-b', self.dir, release)
        return target, ['--module', 'teesim_guest']


class EmulatedCase(Case):
    """`platform` (of the TEE's own) launches and leaves self.boots, what -kernel, -initrd and -append of that launch were; `boot` boots them."""

    def __init__(self, env, base, name):
        super().__init__(env, base, name)
        self.running, self.collateral = [], None
        self.guest['cmdline'] += KEEP

    def served(self, port):
        """The signer's arguments."""
        raise NotImplementedError

    def more_machine(self):
        """More arguments of the emulated machine."""
        return []

    def make_broker(self, behind=False):
        super().make_broker(behind)
        if self.collateral:  # a folder that the broker takes what evidence lacks from
            self.broker.stop()
            path = self.path('broker/config.json')
            with open(path, encoding='utf-8') as f:
                config = json.load(f)
            config['collateral'] = {'offline': self.collateral}
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(config, f)
            self.broker.start()

    def start(self, *args, log):
        with open(self.path(log), 'wb') as f:
            p = subprocess.Popen([str(a) for a in args], stdout=f, stderr=f, stdin=subprocess.DEVNULL)
        self.running.append(p)
        return p

    def wait_for(self, path):
        wait_until(f'{path} does not appear', lambda: os.path.exists(path))

    def boot(self, *how, seconds=180):
        """how: further arguments of the signer."""
        port = self.path('signer')
        self.start(self.env.signer, *self.served(port), *how, log='signer.log')
        self.wait_for(port)
        qemu = self.start(
            'qemu-system-x86_64', '-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', '512M', '-nodefaults', '-display', 'none', '-no-reboot',
            *(word for option in self.boots.items() for word in option),
            '-serial', f'file:{self.path("console.log")}', '-chardev', f'socket,id=platform,path={port}', '-serial', 'chardev:platform',
            '-device', 'virtio-serial-pci', '-chardev', f'file,id=events,path={self.path("events")}',
            '-device', 'virtserialport,chardev=events,name=org.secure-vm.agent', '-device', 'virtio-rng-pci',
            '-netdev', 'user,id=n0', '-device', 'virtio-net-pci,netdev=n0,romfile=',
            '-drive', f'file={self.path("root.img")},format=raw,if=none,id=d0', '-device', 'virtio-blk-pci,drive=d0,serial=root',
            *self.more_machine(), log='qemu.log')
        end = time.time() + patient(seconds)
        self.result, self.status = {}, None
        while time.time() < end and not self.result:
            time.sleep(0.2)
            self.read_events()
            if qemu.poll() is not None and not self.result:
                time.sleep(0.5)
                self.read_events()
                break
        if self.status != 0:
            try:
                qemu.wait(30)  # a refused guest powers off
            except subprocess.TimeoutExpired as e:
                raise Failed(f'the guest neither unlocked nor ended; console: {self.console()[-800:]}') from e
        return self.result

    def read_events(self):
        if not os.path.exists(self.path('events')):  # QEMU makes it, on a loaded machine a while after its start
            return
        with open(self.path('events'), encoding='utf-8', errors='replace') as f:
            for line in f:
                if not line.endswith('\n'):
                    return
                if not line.startswith('{'):  # what outside() is for
                    continue
                event = json.loads(line)
                if event.get('event') == 'unlocked':
                    self.result, self.status = {'ok': True, 'grounds': event.get('grounds', '')}, 0
                elif event.get('event') == 'failed':
                    self.result, self.status = {'ok': False, 'error': event}, CLASSES[event['class']]

    def outside(self):
        """What the root file system's init says through the agent's port, where it has no console."""
        with open(self.path('events'), encoding='utf-8', errors='replace') as f:
            return ''.join(line for line in f if not line.startswith('{'))

    def console(self):
        with open(self.path('console.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def end(self, keep=False):
        for p in self.running:
            if p.poll() is None:
                p.terminate()
                p.wait(20)
        if hasattr(self, 'broker'):
            self.broker.stop()

    def processes(self):
        return {p.pid: p.args[0] for p in self.running if p.poll() is None and 'qemu' in p.args[0]}


def no_compiler():
    """Why the guest's module cannot be built here, or None."""
    return None if shutil.which('make') and shutil.which('gcc-12') else 'no compiler for kernel modules (make, gcc-12)'


def main(name, usage, cases, env_of, case_of, missing):
    def prepare(a, base):
        env = env_of(a.build, say_to())
        return lambda case: case_of(env, base, case)
    return runner.main(name, usage, cases, prepare, missing)
