#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kek goes from its file into a TPM and back, and is killed on the way: whatever call it was at, the broker opens its database afterwards.

    kek.py BUILD [all]      at each system call; without "all" at each of the last sixty (the files are changed there) and some before
"""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import patience

LAST, STRIDE = 60, 37
KEK_SIZE = 32  # bytes


def listens(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


class Place:
    def __init__(self, build, folder):
        self.program, self.kill = os.path.join(build, 'broker/secure-vm-broker'), os.path.join(build, 'tests/pairs/pairs-kill-at')
        self.home, self.state, self.tpm, self.copy = (os.path.join(folder, n) for n in ('b', 'state', 'tpm', 'copy'))
        self.config, self.kek = os.path.join(self.home, 'config.json'), os.path.join(self.home, 'kek')
        os.mkdir(self.state)
        self.swtpm = subprocess.Popen(['swtpm', 'socket', '--tpm2', '--tpmstate', 'dir=' + self.state, '--server', 'type=unixio,path=' + self.tpm,
                                       '--ctrl', f'type=unixio,path={self.tpm}.ctrl', '--flags', 'not-need-init,startup-clear'], stderr=subprocess.DEVNULL)
        patience.wait_until('the TPM does not listen', lambda: listens(self.tpm + '.ctrl') and listens(self.tpm))
        subprocess.run([self.program, 'init', '--dir', self.home, '--listen', '127.0.0.1:0'], check=True, stdout=subprocess.DEVNULL)

    def broker(self, *args):
        p = subprocess.run([self.program, *args, '--config', self.config, '--json'], capture_output=True)
        assert p.returncode == 0, (args, p.stdout, p.stderr)
        return json.loads(p.stdout)

    def killed(self, at, *args):
        """None when it was killed; how many calls it made when it has ended before."""
        p = subprocess.run([self.kill, str(at), self.program, *args, '--config', self.config, '--quiet'], capture_output=True, text=True)
        if p.returncode == 0:
            return None
        assert p.returncode == 1, (args, p.returncode, p.stderr)
        return int(p.stdout.split()[-1])


def put_back(p):
    """As it was before the first."""
    for f in p.kek, *glob.glob(p.copy + '*'):
        if os.path.exists(f):
            os.unlink(f)
    shutil.copy(p.kek + '.before', p.kek)


def find_copying(p, calls, way):
    """The call at which the copy begins to be there, by whatever name."""
    low, high = 1, calls
    while low < high:
        put_back(p)
        p.killed((low + high) // 2, *way)
        low, high = (low, (low + high) // 2) if glob.glob(p.copy + '*') else ((low + high) // 2 + 1, high)
    return low


def kill_everywhere(p, way, kind, every):
    """Killed at a call, what is in the file is as before or as after, and a copy is whole or not there; and the broker opens with it, and the command can be said
    again."""
    shutil.copy(p.kek, p.kek + '.before')
    name, seen = p.broker('kek', 'show')['id'], set()
    calls = p.killed(1 << 30, *way)
    copying = find_copying(p, calls, way) if '--copy' in way else 1
    for at in sorted(set(range(1, calls + 2, 1 if every else STRIDE)) | set(range(max(1, calls - LAST), calls + 2)) | set(range(copying, copying + 8))):
        put_back(p)
        ended = p.killed(at, *way)
        shown = p.broker('kek', 'show', '--open')
        assert shown['id'] == name, (at, shown)
        assert not os.path.exists(p.copy) or os.path.getsize(p.copy) == KEK_SIZE, (at, os.path.getsize(p.copy))
        seen.add(shown['kind'])
        p.broker('check')
        if ended:
            assert shown['kind'] == kind, (at, shown)
    assert seen == {'file', 'tpm2'}, f'it was never killed before, or never after the change: {seen}'
    os.unlink(p.kek + '.before')
    if os.path.exists(p.copy):
        os.unlink(p.copy)
    p.broker(*way)
    print(f'{" ".join(way[:4])}: killed at calls of {calls}, nothing lost')


def main():
    with tempfile.TemporaryDirectory() as folder:
        p = Place(os.path.abspath(sys.argv[1]), folder)
        try:
            every = sys.argv[2:] == ['all']
            kill_everywhere(p, ['kek', 'seal', '--to', 'tpm:swtpm:path=' + p.tpm, '--copy', p.copy], 'tpm2', every)
            kill_everywhere(p, ['kek', 'seal', '--to', 'file'], 'file', every)
        finally:
            p.swtpm.send_signal(signal.SIGTERM)
            p.swtpm.wait()


if not shutil.which('swtpm'):
    print('SKIP: swtpm is not installed (tools/setup does it)')
    sys.exit(77)
main()
