# SPDX-License-Identifier: Apache-2.0
"""What a person gets wrong with guests on two hosts: one error by name each, and nothing has changed after it."""
import contextlib
import json
import os
import re
import shutil
import subprocess

from guests import enter
from migrate import start, write

OTHER = '<domain type="qemu"><name>{}</name>{}<memory>65536</memory><os><type arch="x86_64">hvm</type></os></domain>'
SPACE = 'urn:secure-vm:guest'


def files_below(folder):
    """Names and sizes; the guest writes to its disk all the time."""
    return sorted((os.path.relpath(os.path.join(d, f), folder), os.lstat(os.path.join(d, f)).st_size) for d, _, names in os.walk(folder) for f in names)


def look(c):
    """All that a refused command could have changed. What the broker writes, it does by itself."""
    found = [[f for f in files_below(c.dir) if not f[0].startswith('broker')]]
    for h in c.hosts.all:
        names = h.run('virsh', 'list', '--all', '--name').split()
        found.append((names, [h.run('virsh', 'dumpxml', n) for n in names], [h.run('virsh', 'domstate', n) for n in names],
                      *(files_below(h.path(f)) for f in ('lib/secure-vm', 'lib/libvirt/images', 'lib/libvirt/swtpm'))))
    return found


def refuse(c, check, status, *argv, host=None):
    """One error, of this name and exit status, in a sentence; everything is as before."""
    before = look(c)
    r = c.secure_vm(*argv, check=False, host=host)
    errors = [line for line in r.stderr.splitlines() if 'error: ' in line]
    c.must(r.returncode == status and len(errors) == 1 and errors[0].endswith(f'[{check}]'),
           f'{argv}: expected [{check}] and exit status {status}, found {r.returncode}: {r.stdout[-200:]}{r.stderr[-600:]}')
    after = look(c)
    c.must(after == before, f'{argv}: refused, and something has changed: {[x for x in zip(before, after) if x[0] != x[1]]}'[:3000])
    print(f'    {c.name}: {" ".join(argv[:2])}: {errors[0][:160]}', flush=True)


@contextlib.contextmanager
def domain(c, host, name, uuid=''):
    """Somebody else's, there."""
    host.run('virsh', 'define', write(c, f'{name}.xml', OTHER.format(name, f'<uuid>{uuid}</uuid>' if uuid else '')))
    try:
        yield
    finally:
        host.run('virsh', 'undefine', name)


def names_taken(c):
    a, b = c.hosts.a, c.hosts.b
    away = ['--to', b.uri]
    refuse(c, 'state.busy', 3, 'launch', c.file, *c.more)
    refuse(c, 'state.busy', 3, 'start', 'g', *c.more)
    uuid = a.run('virsh', 'domuuid', 'g').strip()
    for name, same in (('g', ''), ('another', uuid)):
        with domain(c, b, name, same):
            refuse(c, 'migrate.name', 3, 'migrate', 'g', *c.more, *away)
            refuse(c, 'migrate.name', 3, 'move', 'g', *c.more, *away, '--cold')
    with domain(c, a, 'theirs'):
        refuse(c, 'state.other', 2, 'pause', 'theirs', *c.more)
    c.secure_vm('define', c.file)
    try:
        refuse(c, 'defined.exists', 2, 'define', c.file)
    finally:
        c.secure_vm('undefine', 'g')


def wrong_states(c):
    refuse(c, 'state.running', 3, 'resume', 'g', *c.more)
    c.secure_vm('pause', 'g', *c.more)
    refuse(c, 'state.paused', 3, 'pause', 'g', *c.more)
    c.secure_vm('resume', 'g', *c.more)
    refuse(c, 'virt.absent', 3, 'resume', 'nobody', *c.more)


def same_snapshots(c):
    c.secure_vm('snapshot', 'create', c.file, '--name', 's', *c.more)
    refuse(c, 'snapshot.exists', 2, 'snapshot', 'create', c.file, '--name', 's', *c.more)
    refuse(c, 'snapshot.running', 2, 'snapshot', 'revert', c.file, 's', *c.more)
    refuse(c, 'snapshot.absent', 2, 'snapshot', 'delete', c.file, 'other', *c.more)
    c.secure_vm('snapshot', 'delete', c.file, 's', *c.more)


def broken_chains(c):
    chain = c.path('chain')
    create = ['backup', 'create', c.file, '--to', chain, '--incremental', *c.more]
    for _ in range(3):
        c.secure_vm(*create)
    for gone, check, status in (('1', 'backup.chain', 5), ('root.raw', 'copies.absent', 3), ('1/root.qcow2', 'copies.absent', 3)):
        os.rename(f'{chain}/{gone}', c.path('aside'))
        refuse(c, check, status, *create)
        refuse(c, check, status, 'backup', 'verify', chain)
        os.rename(c.path('aside'), f'{chain}/{gone}')
    with open(f'{chain}/root.raw', 'r+b') as f:
        was = f.read(1)
        f.seek(0)
        f.write(bytes([was[0] ^ 1]))
    refuse(c, 'copies.changed', 5, 'backup', 'verify', chain)
    shutil.rmtree(chain)


def same_host(c):
    for uri in ('qemu:///system', c.hosts.a.uri, 'qemu+tcp://hosta/system', 'qemu+tcp://localhost/system'):
        refuse(c, 'migrate.same', 2, 'migrate', 'g', *c.more, '--to', uri)
    refuse(c, 'migrate.same', 2, 'move', 'g', *c.more, '--to', 'qemu+tcp://hosta/system', '--cold')
    refuse(c, 'virt.system', 3, 'migrate', 'g', *c.more, '--to', 'qemu+tcp://10.9.0.2:1/system')


def set_metadata(c, text):
    c.host.run('virsh', 'metadata', 'g', '--uri', SPACE, '--key', 'secure-vm', '--set', text)


def other_versions(c):
    """What a version after this one has written is not understood, and left alone."""
    kept = c.host.run('virsh', 'metadata', 'g', '--uri', SPACE).strip()
    newer = re.sub(r'("format": ?)1\b', r'\g<1>99', kept)
    c.must(newer != kept, f'expected a format in {kept[:200]}')
    set_metadata(c, newer)
    try:
        for argv in (['pause', 'g'], ['migrate', 'g', '--to', c.hosts.b.uri], ['move', 'g', '--cold', '--to', c.hosts.b.uri], ['launch', c.file]):
            refuse(c, 'state.version', 3, *argv, *c.more)
        row = json.loads(c.secure_vm('list', *c.more, '--json').stdout)['guests'][0]
        c.must(row['error']['check'] == 'state.version', f'expected it to be listed with the reason, found {row}')
    finally:
        set_metadata(c, kept)


def wrong_certificates(c):
    """The target has those of another host."""
    a, b = c.hosts.a, c.hosts.b
    for kind in ('cert', 'key'):
        os.rename(b.path(f'pki/server-{kind}.pem'), b.path(f'pki/aside-{kind}'))
        shutil.copy(a.path(f'pki/server-{kind}.pem'), b.path(f'pki/server-{kind}.pem'))
        os.chmod(b.path(f'pki/server-{kind}.pem'), 0o644)
    try:
        refuse(c, 'migrate.tls', 3, 'migrate', 'g', *c.more, '--to', b.uri, '--tls')
    finally:
        for kind in ('cert', 'key'):
            os.rename(b.path(f'pki/aside-{kind}'), b.path(f'pki/server-{kind}.pem'))


def too_small(c):
    refuse(c, 'resize.smaller', 2, 'resize', 'g', *c.more, '--disk', 'root=1MiB')
    refuse(c, 'resize.disk', 2, 'resize', 'g', *c.more, '--disk', 'other=1GiB')
    refuse(c, 'resize.keeper', 2, 'resize', 'g', *c.more, '--memory', '64MiB')  # resize.range: of one that can grow (e2e grown)


def bad_input(c):
    """names taken, wrong states, snapshots of one name, chains broken from outside, a target that is the same host, other versions, another host's certificates, sizes below what is used: one error each, and nothing has changed"""
    start(c, data=False)
    for step in (names_taken, wrong_states, same_snapshots, broken_chains, same_host, other_versions, wrong_certificates, too_small):
        step(c)
    c.must_answer()
    c.must(subprocess.run([*enter(c.host), 'virsh', 'domjobinfo', 'g'], capture_output=True, text=True, check=False).stdout.split()[-1] == 'None', 'a job is left')


CASES = [bad_input]
