#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The LUKS2 token: the distribution's cryptsetup opens a volume by it, with a real broker, a real agent and a software TPM, and does not when any of these
says no. In a mount namespace of its own, where plug-in and agent are installed.

    luks_token.py SECURE-VM BROKER AGENT PLUGIN TPM
"""
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient, wait_until  # noqa: E402

PROGRAM, BROKER, AGENT, PLUGIN, TPM = sys.argv[1:6]
RESOURCE = 'default/demo/data'
ZERO = '0' * 64


def run(*command, status=0, **kw):
    kw.setdefault('timeout', patient(60))
    p = subprocess.run([str(c) for c in command], capture_output=True, **kw)
    assert p.returncode == status, f'{command}: {p.returncode}, expected {status}: {p.stdout[-600:]!r} {p.stderr[-900:]!r}'
    return p


class Machine:
    """A software TPM with a CA of its own, a broker, a volume; all in one folder."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.make_tpm()
        self.make_broker()
        self.make_volume()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='ascii') as f:
            f.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding='ascii') as f:
            return f.read()

    def start(self, *command, **kw):
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)
        self.processes.append(p)
        return p

    def end(self):
        for p in self.processes:
            p.terminate()
            p.wait(patient(20))

    def make_tpm(self):
        ca = self.path('ca')
        os.mkdir(ca)
        os.mkdir(self.path('state'))
        conf = self.write('localca.conf', f'statedir = {ca}\nsigningkey = {ca}/signkey.pem\nissuercert = {ca}/issuercert.pem\ncertserial = {ca}/serial\n')
        options = self.write('localca.options', '--platform-manufacturer secure-vm\n--platform-version 1\n--platform-model test\n')
        setup = self.write('setup.conf', f'create_certs_tool = /usr/bin/swtpm_localca\ncreate_certs_tool_config = {conf}\n'
                                         f'create_certs_tool_options = {options}\nactive_pcr_banks = sha256,sha384\n')
        run('swtpm_setup', '--tpm2', '--config', setup, '--tpmstate', self.path('state'), '--create-ek-cert', '--vmid', 'demo:1', '--pcr-banks', 'sha256,sha384',
            '--lock-nvram', *(['--runas', 'root'] if os.getuid() == 0 else []))
        self.tpm = self.path('tpm')
        self.start('swtpm', 'socket', '--tpm2', '--tpmstate', f'dir={self.path("state")}', '--server', f'type=unixio,path={self.tpm}',
                   '--ctrl', f'type=unixio,path={self.tpm}.ctrl', '--flags', 'not-need-init,startup-clear')
        wait_until('the TPM is there', lambda: os.path.exists(self.tpm))

    def make_broker(self):
        made = json.loads(run(BROKER, 'init', '--dir', self.path('broker'), '--listen', '127.0.0.1:0', '--json').stdout)
        self.pin, self.config, self.admin_key = made['pin'], made['config'], made['admin_key']
        self.serve()

    def serve(self):
        """Each time at a port that the kernel gives it, which it writes once it listens."""
        port = self.path('broker/port')
        if os.path.exists(port):
            os.remove(port)
        self.broker = self.start(BROKER, 'serve', '--config', self.config)
        wait_until('the broker listens', lambda: os.path.exists(port) and self.read('broker/port').strip())
        self.url = f'https://127.0.0.1:{self.read("broker/port").strip()}'
        self.admin = ['--broker', self.url, '--pin', self.pin, '--admin-key', self.admin_key]

    def make_volume(self):
        self.disk, self.key = self.path('disk'), secrets.token_bytes(32)
        with open(self.disk, 'wb') as f:
            f.truncate(20 << 20)
        run('cryptsetup', 'luksFormat', '--type', 'luks2', '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '-q', '--key-file', '-', self.disk,
            input=self.key)
        self.put_key(self.key)

    def put_key(self, key, resource=RESOURCE):
        run(PROGRAM, 'key', 'put', resource, *self.admin, input=key)
        self.put_policy(ZERO, resource)

    def put_policy(self, pcr11, resource=RESOURCE):
        root, issuer = self.read('ca/swtpm-localca-rootca-cert.pem'), self.read('ca/issuercert.pem')
        policy = {'version': 1, 'guest': 'demo', 'tee': 'vtpm', 'resource': resource, 'trust': {'ek_roots': [root], 'ek_intermediates': [issuer]}, 'lease': 0,
                  'rules': [{'check': 'policy.pcr.11', 'claim': '/pcrs/sha256/11', 'equals': pcr11, 'covers': 'configuration', 'reason': 'not sealed'}]}
        run(PROGRAM, 'policy', 'put', self.write('policy.json', json.dumps(policy)), *self.admin)

    def import_token(self, status=0, **other):
        token = {'type': 'secure-vm', 'keyslots': ['0'], 'url': self.url, 'pin': self.pin, 'resource': RESOURCE, **other}
        subprocess.run(['cryptsetup', 'token', 'remove', '--token-id', '0', self.disk], capture_output=True, check=False)
        return run('cryptsetup', 'token', 'import', '--token-id', '0', self.disk, status=status, input=json.dumps(token).encode())

    def open(self, status, check=None):
        """cryptsetup, which knows nothing of us; the agent says why."""
        p = run('cryptsetup', 'open', '--test-passphrase', '--token-only', self.disk, status=status, env={**os.environ, 'LD_PRELOAD': TPM, 'SV_TEST_TPM': self.tpm},
                stdin=subprocess.DEVNULL)
        assert check is None or f'[{check}]'.encode() in p.stderr, (check, p.stderr)
        assert self.key not in p.stdout + p.stderr
        print(f'{check or ("is refused" if status else "opens")}: exit {status}', flush=True)


def install(folder):
    """Where the distribution's cryptsetup looks: only in this mount namespace."""
    plugins = os.path.join(os.path.dirname(run('sh', '-c', 'realpath "$(ldconfig -p | sed -n "s/.*libcryptsetup.so.12 .*=> //p" | head -1)"').stdout.decode().strip()),
                           'cryptsetup').replace('/lib/', '/usr/lib/', 1).replace('/usr/usr/', '/usr/')
    os.makedirs(f'{folder}/bin/upper')
    os.mkdir(f'{folder}/bin/work')
    shutil.copy(AGENT, f'{folder}/bin/upper/secure-vm-agent')
    run('mount', '-t', 'overlay', 'overlay', '-o', f'lowerdir=/usr/bin,upperdir={folder}/bin/upper,workdir={folder}/bin/work', '/usr/bin')
    run('mount', '-t', 'tmpfs', 'tmpfs', plugins)
    shutil.copy(PLUGIN, f'{plugins}/libcryptsetup-token-secure-vm.so')
    run('mount', '-t', 'tmpfs', 'tmpfs', '/sys/kernel/security')  # no event log of this machine


def boot_with(m, line):
    """The kernel command line, as this machine was started."""
    run('mount', '--bind', m.write('cmdline', line + '\n'), '/proc/cmdline')


def try_all(m):
    other = 'sha256:' + '11' * 32
    m.import_token()
    shown = run('cryptsetup', 'luksDump', m.disk).stdout
    assert m.url.encode() in shown and RESOURCE.encode() in shown, shown
    m.open(0)
    m.open(0)  # each time anew
    m.put_policy('ff' * 32)
    m.open(1, 'policy.pcr.11')
    m.put_policy(ZERO)
    for resource, key, status in (('default/demo/another', b'another key', 2), ('default/demo/longest', b'x' * 8192, 2), ('default/demo/longer', b'x' * 8193, 1)):
        m.put_key(key, resource)
        m.import_token(resource=resource)
        m.open(status)
    m.import_token(pin=other)
    m.open(1, 'tls.pin')
    for bad in ({'url': 'http://127.0.0.1'}, {'pin': 'sha256:11'}, {'resource': '../x'}, {'more': 1}):
        m.import_token(status=1, **bad)
    m.import_token()
    boot_with(m, f'quiet securevm.url={m.url} securevm.pin={m.pin}')
    m.open(0)
    boot_with(m, f'quiet securevm.url={m.url} securevm.pin={other}')
    m.open(1, 'agent.header')
    boot_with(m, f'quiet securevm.url=https://127.0.0.1:1 securevm.pin={m.pin}')
    m.open(1, 'agent.header')
    boot_with(m, 'quiet securevm.wait=1')
    m.broker.terminate()
    m.broker.wait(patient(20))
    with socket.socket() as nobody:  # has a port, and does not listen: no other process gets it meanwhile
        nobody.bind(('127.0.0.1', 0))
        m.import_token(url=f'https://127.0.0.1:{nobody.getsockname()[1]}')
        m.open(1, 'net.connect')
    m.serve()
    m.import_token()
    m.open(0)


def main(tried, arguments=6):
    """tried(machine), where plug-in and agent are installed, with the folder as the last argument."""
    if len(sys.argv) == arguments:
        # Removed from outside, where nothing is mounted on what is in it.
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run(['unshare', '--mount', *([] if os.getuid() == 0 else ['--map-root-user']), sys.executable, *sys.argv, folder],
                                  check=False).returncode
    m = Machine(sys.argv[-1])
    try:
        install(m.folder)
        tried(m)
    finally:
        m.end()
    return 0


if __name__ == '__main__':
    sys.exit(main(try_all))
