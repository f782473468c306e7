# SPDX-License-Identifier: Apache-2.0
"""The simulated SNP platform around the shipped programs: a machine that has a processor, /dev/kvm and /dev/sev as an EPYC's, in a mount
namespace of its own (tests/teesim/dev). Nothing in the programs knows of it: /proc/cpuinfo is another file, /dev has these two nodes, the C
library's ioctl is tests/teesim's, and the qemu-system-x86_64 that libvirt finds first preloads the same and runs the machine's own."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from patience import patient, wait_until  # noqa: E402

DEV = os.path.join(HERE, 'dev')
INSIDE = 'TEESIM_INSIDE'
QEMU = '/usr/bin/qemu-system-x86_64'
CACHE = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
FIRMWARES = [os.environ.get('SV_OVMF_AMDSEV', ''), os.path.join(CACHE, 'secure-vm/firmware/OVMF.amdsev.fd'), '/usr/share/ovmf/OVMF.amdsev.fd']
CPUINFO = 'processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nflags\t\t: fpu tsc msr sse2 lm svm sme sev sev_es sev_snp\n\n'


def firmware():
    return next((f for f in FIRMWARES if f and os.access(f, os.R_OK)), None)


def missing():
    """What this machine lacks for it, or None."""
    if not os.path.exists(QEMU) or 'sev-snp-guest' not in subprocess.run([QEMU, '-object', 'help'], capture_output=True, text=True).stdout:
        return 'qemu-system-x86_64 is missing or older than 9.1'
    if not firmware():
        return 'OVMF.amdsev.fd is missing; run tools/fetch-firmware'
    if subprocess.run([DEV, 'true'], capture_output=True).returncode:
        return 'no mount namespace can be made here'
    return None


def is_inside():
    return INSIDE in os.environ


def enter():
    """This program once more, on the simulated machine, where it stays: cheaper than a way in for each command."""
    f = tempfile.NamedTemporaryFile('w', encoding='ascii', delete=False)
    with f:
        f.write(CPUINFO)
    os.execve(DEV, [DEV, sys.executable, *sys.argv], {**os.environ, INSIDE: f.name, 'DEV_CPUINFO': f.name})


def entered():
    """What enter() left for the way in."""
    os.unlink(os.environ[INSIDE])


class Machine:
    def __init__(self, simulator, folder):
        """Everything in `folder` can be read by the user whom libvirt runs QEMU as."""
        self.dir, self.results = folder, os.path.join(folder, 'results')
        self.guests = os.path.join(folder, 'g')
        self.state_file, self.trace_file = os.path.join(self.results, 'state.json'), os.path.join(self.results, 'trace')
        os.chmod(folder, 0o755)
        for d in ('bin', 'results', 'g'):
            os.makedirs(os.path.join(folder, d))
        os.chmod(self.results, 0o777)
        shutil.copy(simulator, os.path.join(folder, 'teesim.so'))
        with open(os.path.join(folder, 'cpuinfo'), 'w', encoding='ascii') as f:
            f.write(CPUINFO)
        self.environment = dict(os.environ, SECURE_VM_DIR=self.guests, PATH=f'{folder}/bin:{os.environ["PATH"]}',
                                DEV_CPUINFO=os.path.join(folder, 'cpuinfo'))
        self.environment['LD_PRELOAD' if is_inside() else 'DEV_PRELOAD'] = os.path.join(folder, 'teesim.so')
        self.make_wrapper()
        self.qemu()

    def make_wrapper(self):
        """The qemu-system-x86_64 that libvirt finds. It stays the same file, whatever it is told: libvirt asks a QEMU that has changed what it
        can do, with two more of them, before it starts the guest's."""
        path = os.path.join(self.dir, 'bin', 'qemu-system-x86_64')
        with open(path, 'w', encoding='ascii') as f:
            f.write(f'#!/bin/sh\n. "{self.dir}/told"\nexec {QEMU} "$@"\n')
        os.chmod(path, 0o755)

    def qemu(self, edit=None, **environment):
        """What QEMU's half of the simulator is told (tests/teesim/teesim.h). edit: a host that launches something else than it was asked to, as
        a sed script over each of QEMU's arguments."""
        told = dict({'LD_PRELOAD': f'{self.dir}/teesim.so', 'TEESIM_STATE': self.state_file, 'TEESIM_TRACE': self.trace_file, 'TEESIM_RUN': 'block'}, **environment)
        path = os.path.join(self.dir, 'told')
        with open(path + '.new', 'w', encoding='ascii') as f:
            f.write((f"for a; do shift; set -- \"$@\" \"$(printf %s \"$a\" | sed '{edit}')\"; done\n" if edit else '') +
                    ''.join(f'export {k}="{v}"\n' for k, v in told.items()))
        os.chmod(path + '.new', 0o644)
        os.rename(path + '.new', path)

    def run(self, *command, seconds=120):
        """A command on the simulated machine."""
        return subprocess.run([*([] if is_inside() else [DEV]), *map(str, command)], capture_output=True, text=True, timeout=patient(seconds),
                              stdin=subprocess.DEVNULL, env=self.environment)

    def forget_result(self):
        for f in (self.state_file, self.trace_file):
            if os.path.exists(f):
                os.unlink(f)

    def result(self):
        """What the platform saw of the last launch, which must have got to LAUNCH_FINISH."""
        return wait_until('the platform saw no launch to its end', self.read_result)

    def read_result(self):
        try:
            with open(self.state_file, encoding='ascii') as f:
                return json.load(f)
        except (OSError, ValueError):
            return None

    def trace(self):
        if not os.path.exists(self.trace_file):
            return ''
        with open(self.trace_file, encoding='ascii') as f:
            return f.read()
