#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pin of clevis: Debian's clevis encrypts and decrypts by it, binds two volumes, each by a key of its own, and does neither when the broker, the machine
or the disk is not the one. Real broker, real agent, software TPM.

    clevis.py SECURE-VM BROKER AGENT PLUGIN TPM ENCRYPT DECRYPT
"""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import luks_token  # noqa: E402
from luks_token import TPM, boot_with, run  # noqa: E402

PINS = sys.argv[6:8]
SECRET = b'a line that nobody else reads'


class Clevis:
    def __init__(self, m):
        self.m = m
        for p in PINS:
            shutil.copy(p, '/usr/bin')
        self.env = {**os.environ, 'LD_PRELOAD': TPM, 'SV_TEST_TPM': m.tpm}

    def config(self, **other):
        given = {'uri': 'kbs:///' + luks_token.RESOURCE, 'url': self.m.url, 'pin': self.m.pin, 'tee': 'vtpm', **other}
        return json.dumps({k: v for k, v in given.items() if v is not None})

    def encrypt(self, status=0, says=b'', **other):
        p = run('clevis', 'encrypt', 'secure-vm', self.config(**other), input=SECRET, env=self.env, status=status)
        assert says in p.stderr, (says, p.stderr)
        assert status == 0 or not p.stdout, p.stdout
        print(f'encrypt {other}: exit {status}', flush=True)
        return p.stdout

    def decrypt(self, jwe, status=0, says=b''):
        p = run('clevis', 'decrypt', input=jwe, env=self.env, status=status)
        assert says in p.stderr, (says, p.stderr)
        assert p.stdout == (b'' if status else SECRET), p.stdout
        print(f'decrypt: exit {status}', flush=True)


def try_refusals(c, jwe):
    m = c.m
    m.put_policy('ff' * 32)
    c.decrypt(jwe, 1, b'[policy.pcr.11]')
    c.encrypt(1, b'[policy.pcr.11]')
    m.put_policy(luks_token.ZERO)
    m.put_key(b'another secret', 'default/demo/other')
    other = c.encrypt(uri='kbs:///default/demo/other')
    c.decrypt(other)
    c.encrypt(1, b'[agent.tee]', tee='tdx')
    c.encrypt(1, b'[tls.pin]', pin='sha256:' + '11' * 32)
    c.encrypt(1, b"Missing the required 'uri'", uri=None)
    c.encrypt(1, b"Missing the required 'uri'", uri='default/demo/data')
    c.encrypt(1, b'go together', pin=None)
    c.encrypt(1, b"Only the properties", pin=7)
    c.encrypt(1, b"Only the properties", more='x')
    c.encrypt(1, b'agent.url', url=None, pin=None)
    c.decrypt(jwe[:-8] + (b'AAAAAAAA' if jwe[-8:] != b'AAAAAAAA' else b'BBBBBBBB'), 1)
    # The same header before another's ciphertext.
    c.decrypt(jwe.split(b'.')[0] + b'.' + b'.'.join(other.split(b'.')[1:]), 1)
    boot_with(m, f'quiet securevm.url={m.url} securevm.pin={m.pin}')
    c.decrypt(c.encrypt(url=None, pin=None))
    c.decrypt(jwe)
    boot_with(m, f'quiet securevm.url={m.url} securevm.pin=sha256:{"11" * 32}')
    c.decrypt(jwe, 1, b'[agent.header]')
    boot_with(m, 'quiet')


def try_half_header(c):
    """A header that names a key and no broker: who wrote it has exchanged the disk, and stands where the broker should."""
    m = c.m
    for there, check in [({'pin': m.pin}, b'[agent.header]'), ({'url': m.url}, b'[agent.header]'), ({'url': 7, 'pin': m.pin}, b'[agent.header]')]:
        boot_with(m, 'quiet')
        uri = 'kbs:///' + luks_token.RESOURCE
        jwk = run('secure-vm-agent', 'get', uri, '--jwk', '--quiet', '--url', m.url, '--pin', m.pin, env=c.env).stdout
        head = {'protected': {'alg': 'A256KW', 'enc': 'A256GCM', 'clevis': {'pin': 'secure-vm', 'secure-vm': {'uri': uri, **there}}}}
        jwe = run('jose', 'jwe', 'enc', '-i-', '-k-', '-I-', '-c', input=json.dumps(head).encode() + jwk + SECRET).stdout
        boot_with(m, f'quiet securevm.url={m.url} securevm.pin=sha256:{"11" * 32}')
        c.decrypt(jwe, 1, check)
    boot_with(m, 'quiet')


def try_large(c):
    """More than a pipe holds, and none of it in a file."""
    large, folder = SECRET * 8000, c.m.path('temporary')
    os.mkdir(folder)
    os.utime(folder, (1, 1))
    env = {**c.env, 'TMPDIR': folder}
    jwe = run('clevis', 'encrypt', 'secure-vm', c.config(), input=large, env=env).stdout
    assert run('clevis', 'decrypt', input=jwe, env=env).stdout == large
    assert os.stat(folder).st_mtime == 1, 'there was a temporary file'
    print(f'{len(large)} bytes, and no temporary file', flush=True)


def try_volumes(c):
    """Two volumes, each bound to a resource of its own; one that was refused does not open the other's."""
    m = c.m
    m.put_key(b'x', 'default/demo/second')
    disks = [(m.disk, luks_token.RESOURCE), (m.path('disk2'), 'default/demo/second')]
    shutil.copy(m.disk, m.path('disk2'))
    key = m.path('key')
    with open(key, 'wb') as f:
        f.write(m.key)
    for disk, resource in disks:
        run('clevis', 'luks', 'bind', '-y', '-d', disk, '-k', key, 'secure-vm', c.config(uri='kbs:///' + resource), env=c.env)
    opened = {}
    for disk, resource in disks:
        opened[resource] = run('clevis', 'luks', 'pass', '-d', disk, '-s', '1', env=c.env).stdout
        run('cryptsetup', 'open', '--test-passphrase', '--key-slot', '1', '--key-file', '-', disk, input=opened[resource].rstrip(b'\n'))
        assert b'secure-vm' in run('clevis', 'luks', 'list', '-d', disk, env=c.env).stdout
    assert len(set(opened.values())) == 2
    m.put_policy('ff' * 32, 'default/demo/second')
    p = run('clevis', 'luks', 'pass', '-d', disks[1][0], '-s', '1', env=c.env, status=1)
    assert b'[policy.pcr.11]' in p.stderr and not p.stdout, p
    assert run('clevis', 'luks', 'pass', '-d', disks[0][0], '-s', '1', env=c.env).stdout == opened[luks_token.RESOURCE]
    print('two volumes, each by its own key', flush=True)


def try_clevis(m):
    c = Clevis(m)
    assert b'broker' in run('clevis-encrypt-secure-vm', '--summary').stdout
    run('clevis-decrypt-secure-vm', '--summary', status=2)
    jwe = c.encrypt()
    header = json.loads(run('jose', 'b64', 'dec', '-i-', input=jwe.split(b'.')[0]).stdout)
    assert header['clevis'] == {'pin': 'secure-vm', 'secure-vm': json.loads(c.config())}, header
    assert m.key not in jwe
    c.decrypt(jwe)
    try_refusals(c, jwe)
    try_half_header(c)
    try_large(c)
    try_volumes(c)


if __name__ == '__main__':
    sys.exit(luks_token.main(try_clevis, 8))
