# SPDX-License-Identifier: Apache-2.0
"""Guests of secure-vm on hosts out of namespaces (hosts.py): the broker is at the switch, the guest's card on the hosts' bridge, its disk encrypted."""
import glob
import json
import os
import shutil
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, 'e2e')]

import env  # noqa: E402
from env import TOP, Case, Env, run  # noqa: E402
from hosts import enter  # noqa: E402
from patience import wait_until  # noqa: E402
from processes import find_children  # noqa: E402

GUEST = '10.9.0.50'  # as init.c has it


class HostsEnv(Env):
    def init(self):
        return [os.path.join(TOP, 'tests/hosts/init.c')]


class SwitchBroker(env.Broker):
    """Listens at the switch, for guests of all hosts."""

    def __init__(self, e, directory, port, switch):
        super().__init__(e, directory, port, switch.address, enter(switch))
        self.switch = switch

    def listens(self):
        ask = f'import socket; socket.create_connection(("{self.switch.address}", {self.port}), 1)'
        return subprocess.run([*enter(self.switch), sys.executable, '-c', ask], capture_output=True, check=False).returncode == 0


class Guest(Case):
    """A guest of `host`'s libvirt daemon. `folder` has its disk: the hosts' own folder is shared storage, a path below /var/lib/libvirt is each host's own."""

    def __init__(self, e, hosts, name, folder=None):
        super().__init__(e, make_base(hosts), name)
        self.hosts, self.host, self.folder = hosts, hosts.all[0], folder or self.dir
        self.environment = {k: v for k, v in os.environ.items() if k != 'SECURE_VM_DIR'}
        self.more = ['--connect', 'qemu:///system']
        self.guest.update(memory='256MiB', nics=[{'type': 'bridge', 'source': 'br0', 'mac': '52:54:00:09:00:50', 'address': [f'{GUEST}/24']}],
                          disks=[{'path': os.path.join(self.folder, 'root.img')}])
        self.result = {}

    @property
    def vm(self):
        """secure-vm, at the host."""
        return [*enter(self.host), self.env.vm]

    @vm.setter
    def vm(self, _):
        pass

    def make_authorities(self):
        """Each host's, as its first vTPM makes it: what the policy is to know before that."""
        roots = []
        for h in self.hosts.all:
            if not os.path.exists(h.path('lib/swtpm-localca/issuercert.pem')):
                h.run('sh', '-c', 'd=$(mktemp -d) && chown tss $d && setpriv --reuid=tss --regid=tss --clear-groups swtpm_setup --tpm2 --tpmstate $d '
                                  '--create-ek-cert --lock-nvram; r=$?; rm -r $d; exit $r')
            roots.append(self.path(f'{h.name}.pem'))
            with open(roots[-1], 'wb') as out:
                for f in ('swtpm-localca-rootca-cert.pem', 'issuercert.pem'):
                    with open(h.path(f'lib/swtpm-localca/{f}'), 'rb') as part:
                        out.write(part.read())
        return roots

    def make_broker(self, behind=False):
        self.broker = SwitchBroker(self.env, self.path('broker'), self.port, self.hosts.switch).start()
        self.guest['attestation'] = {'url': f'https://{self.hosts.switch.address}:{self.port}', 'pin': self.broker.pin, 'resource': 'default/g/root',
                                     'ek_roots': self.make_authorities()}

    def make_disk(self, path=None, resource='default/g/root'):
        super().make_disk(path or os.path.join(self.folder, 'root.img'), resource)

    def must_launch(self):
        self.launch()
        self.must(self.status == 0 and self.result.get('ok'), f'expected the guest to get its disk: {self.messages[-300:]}')

    def secure_vm(self, *argv, check=True, timeout=300, host=None):
        """At the guest's host, or at another."""
        return run(*enter(host or self.host), self.env.vm, *argv, check=check, timeout=timeout, env=self.environment)

    def start_vm(self, *argv):
        """The same, going on; the caller's to end. find_command() is the command itself, which hears Ctrl-C also where this process does not."""
        return self.host.start('env', '--default-signal=INT', self.env.vm, *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment)

    def ask(self, *argv, **kw):
        return json.loads(self.secure_vm(*argv, *self.more, '--json', **kw).stdout)

    def listed(self, host=None):
        """Of the guest there, "" where it is not."""
        rows = self.ask('list', host=host)['guests']
        return {r['name']: r['state'] for r in rows}.get('g', '')

    def console(self):
        return ''  # a daemon's: nobody keeps what it printed

    def released(self):
        """How often its key was released, and its disk opened."""
        outcomes = [r.get('outcome') for r in self.broker.audit() if r['action'] != 'disk']
        return outcomes.count('released'), outcomes.count('opened')

    def must_answer(self, seconds=60):
        """Its port 7 says what it is told."""
        wait_until('the guest does not answer at its port 7', self.answers, seconds)

    def answers(self):
        ask = f'import socket; s = socket.create_connection(("{GUEST}", 7), 2); s.settimeout(2); s.send(b"x"); assert s.recv(1) == b"x"'
        return subprocess.run([*enter(self.hosts.switch), sys.executable, '-c', ask], capture_output=True, check=False).returncode == 0

    def end(self, keep=False):
        for h in self.hosts.all:
            if h.pid:
                self.secure_vm('destroy', 'g', *self.more, check=False, host=h)
            shutil.rmtree(h.path('lib/libvirt/swtpm'), ignore_errors=True)  # which destroy keeps, for the next launch
            for image in glob.glob(h.path('lib/libvirt/images/*')):
                os.remove(image)
        if hasattr(self, 'broker'):
            self.broker.stop()


def find_command(p):
    """The command itself, child of what entered the host; None before it is there and after its end."""
    return next(iter(find_children(p.pid)), None)


def make_base(hosts):
    os.makedirs(os.path.join(hosts.folder, 's'), exist_ok=True)
    os.chmod(os.path.join(hosts.folder, 's'), 0o755)
    return hosts.folder
