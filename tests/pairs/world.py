# SPDX-License-Identifier: Apache-2.0
"""A real broker on loopback, and disks whose keys it has."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import patience
from processes import find_children, has_ended  # noqa: E402

PATH = 'default/demo/root'
MIB = 1 << 20
PLAIN = b'PLAINTEXT-OF-THE-DISK-'


class World:
    def __init__(self, build):
        self.dir = tempfile.mkdtemp(prefix='secure-vm-pairs-')
        self.secure_vm = os.path.join(build, 'launcher', 'secure-vm')
        self.program = os.path.join(build, 'broker', 'secure-vm-broker')
        self.pair_program = os.path.join(build, 'tests', 'pairs', 'pairs-pair')
        self.kill_at = os.path.join(build, 'tests', 'pairs', 'pairs-kill-at')
        self.home = self.path('broker')
        self.process = None
        made = subprocess.run([self.program, 'init', '--dir', self.home, '--listen', '127.0.0.1:0', '--json'], check=True, capture_output=True)
        self.pin = json.loads(made.stdout)['pin']
        self.config = os.path.join(self.home, 'config.json')
        self.start()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def start(self):
        port = os.path.join(self.home, 'port')
        if os.path.exists(port):
            os.unlink(port)
        self.process = subprocess.Popen([self.program, 'serve', '--config', self.config], stderr=open(self.path('broker.log'), 'ab'))
        patience.wait_until('the broker does not listen', lambda: os.path.exists(port) and open(port).read().strip())
        self.port = int(open(port).read())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
        self.process = None

    def end(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def admin(self):
        return ['--broker', f'https://127.0.0.1:{self.port}', '--pin', self.pin, '--admin-key', os.path.join(self.home, 'admin.key')]

    def command(self, *args):
        return [self.secure_vm, *args, '--json', *self.admin()]

    def run(self, status, *args, check=None, stdin=b'', prepare=None):
        p = subprocess.run(self.command(*args), input=stdin, capture_output=True, preexec_fn=prepare)
        answer = json.loads(p.stdout)
        assert p.returncode == status, (args, p.returncode, answer, p.stderr.decode())
        if check:
            assert answer['error']['check'] == check, (args, answer)
        return answer

    def pair(self, disk, resource=PATH):
        """(volume, header digest) of a disk that the broker's key opens; None when there is none."""
        p = subprocess.run([self.pair_program, self.config, resource, disk], capture_output=True, text=True)
        if p.returncode:
            self.why = p.stderr
            return None
        return tuple(p.stdout.split())

    def wait(self, what, ready):
        patience.wait_until(what, ready)

    def raw(self, name='raw', size=MIB):
        """Contents that one can look for."""
        path = self.path(name)
        with open(path, 'wb') as f:
            f.write((PLAIN * (size // len(PLAIN) + 1))[:size])
        return path

    def copy(self, source, target):
        shutil.copyfile(source, target)

    def settle(self):
        """Until the broker serves nobody any more: what a killed client has sent may not have been looked at yet, then it has a process."""
        self.wait('the broker still has connections', lambda: not self.count_connections())
        self.wait('the broker still serves somebody', lambda: not [p for p in find_children(self.find_maker()) if not has_ended(p)])

    def count_connections(self):
        """At the broker's end, which it has not closed: established, shaking hands, or closed by the other end alone (proc(5))."""
        with open('/proc/net/tcp', encoding='ascii') as table:
            rows = [line.split() for line in table][1:]
        return sum(int(row[1].split(':')[1], 16) == self.port and row[3] in ('01', '03', '08') for row in rows)

    def find_maker(self):
        """Whose children these processes are."""
        return next(p for p in find_children(self.process.pid) if open(f'/proc/{p}/comm').read().strip() == 'sv-http')

    def store_files(self, folder):
        return [f for f in os.listdir(folder) if f.startswith('broker.db') or f == 'serial']

    def save_store(self, name):
        self.settle()
        shutil.rmtree(self.path(name), ignore_errors=True)
        os.mkdir(self.path(name))
        for f in self.store_files(self.home):
            shutil.copy(os.path.join(self.home, f), self.path(name, f))

    def restore_store(self, name):
        """The broker opens a store that has taken another's place. What a killed client had asked for is done first."""
        self.settle()
        for f in self.store_files(self.home):
            os.unlink(os.path.join(self.home, f))
        for f in os.listdir(self.path(name)):
            shutil.copy(self.path(name, f), os.path.join(self.home, f))
