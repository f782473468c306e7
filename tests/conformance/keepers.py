# SPDX-License-Identifier: Apache-2.0
"""The commands of a guest's life for both keepers, without starting a guest: libvirt's own "test" driver plays the daemon, and
folders with a status play guests of ours. usage: keepers.py SECURE-VM"""
import fcntl
import hashlib
import html
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

PROGRAM = os.path.abspath(sys.argv[1])
DAEMON = ('--connect', 'test:///default')  # has one guest, "test", which runs; knows no flags of shutdown and undefine


def run(status, *args):
    r = subprocess.run([PROGRAM, *args, '--json'], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert r.returncode == status, f'{args}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    return json.loads(r.stdout)


def fails(status, check, *args):
    error = run(status, *args)['error']
    assert error['check'] == check, f'{args}: {error}'
    return error['message']


FACTS = {'format': 1, 'version': '0.1.0', 'name': 'web', 'tee': 'vtpm', 'accelerator': 'tcg', 'guest_file': '/g.json',
         'boot': {'kernel': {'path': '/k', 'sha256': hashlib.sha256(b'measured').hexdigest(), 'bytes': 8}},
         'attestation': {'url': 'https://b:1', 'resource': 'default/web/root', 'lease': 900}}
DEVICES = ('<disk type="file"><source file="/r.img"/><target dev="vda"/></disk>'
           '<interface type="bridge"><source bridge="br0"/><mac address="52:54:00:00:00:07"/></interface>')
HAS = {'disks': [{'id': 'root', 'path': os.path.join(tempfile.gettempdir(), f'svk-{os.getpid()}.img')}], 'nics': [{'type': 'bridge', 'source': 'br0', 'mac': '52:54:00:00:00:07'}, {'type': 'user'}]}
PORT = '<channel type="unix"><target type="virtio" name="org.secure-vm.agent"/></channel>'


def domains(web=''):
    """--connect to a libvirt with guests of somebody else, of ours (running, paused, off), of an older and of a newer version, and a broken one."""
    def domain(name, n, state, facts=None, devices='', kernel=False):
        kept = '' if facts is None else ('<metadata><securevm:guest xmlns:securevm="urn:secure-vm:guest">'
                                         f'{html.escape(facts if isinstance(facts, str) else json.dumps(facts))}</securevm:guest></metadata>')
        return (f'<domain type="test"><name>{name}</name><uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa{n}</uuid><memory>65536</memory><vcpu>1</vcpu>'
                f'{kept}<os><type>hvm</type>{f"<kernel>{boot}/kernel</kernel>" if kernel else ""}</os><devices>{devices}</devices><t:runstate>{state}</t:runstate></domain>')
    boot = os.path.join(os.environ['SECURE_VM_DIR'], '.elsewhere', 'web', 'boot')
    path = os.path.join(os.environ['SECURE_VM_DIR'], 'node.xml')
    with open(path, 'w') as f:
        f.write('<node xmlns:t="http://libvirt.org/schemas/domain/test/1.0">' + ''.join((
            domain('web', 0, 1, FACTS, web, kernel=True), domain('stands', 1, 3, dict(FACTS, more='of a later version')), domain('down', 2, 5, FACTS),
            domain('somebody', 3, 1), domain('older', 4, 1, devices=PORT), domain('newer', 5, 1, dict(FACTS, format=2, version='9.9')),
            domain('broken', 6, 1, '{"format'), domain('sized', 7, 1, dict(FACTS, **HAS), DEVICES))) + '</node>')
    return '--connect', f'test://{path}'


def kept():
    """What is kept with a domain makes it ours, from any host; what is not ours is listed and left alone, and what a newer version wrote, too."""
    there = domains()
    rows = {g['name']: g for g in run(0, 'list', *there)['guests']}
    assert {n: (g['state'], g['ours'], g['tee']) for n, g in rows.items()} == {
        'web': ('running', True, 'vtpm'), 'stands': ('paused', True, 'vtpm'), 'down': ('stopped', True, 'vtpm'), 'somebody': ('running', False, '-'),
        'older': ('running', True, '-'), 'newer': ('running', True, '-'), 'broken': ('running', True, '-'), 'sized': ('running', True, 'vtpm')}, rows
    assert rows['newer']['error']['check'] == 'state.version' and '9.9' in rows['newer']['error']['message'], rows
    assert rows['broken']['error']['check'] == 'state.facts', rows
    text = subprocess.run([PROGRAM, 'list', *there], capture_output=True, text=True, check=True).stdout
    assert [line.split()[2] for line in text.splitlines() if line.startswith('somebody')] == ['other'], text
    shown = run(0, 'show', 'web', *there)
    assert {k: shown[k] for k in FACTS} == FACTS and (shown['state'], shown['autostart'], shown['ours']) == ('running', False, True), shown
    assert run(0, 'show', 'somebody', *there)['ours'] is False
    for command in ('stop', 'destroy', 'pause', 'resume', 'reboot', 'reset', 'start', 'wait', 'autostart'):
        fails(2, 'state.other', command, 'somebody', *there)
        fails(3, 'state.version', command, 'newer', *there)
        fails(4, 'state.facts', command, 'broken', *there)
    fails(3, 'state.version', 'show', 'newer', *there)
    # each connection to that driver has guests of its own, so one step each
    assert run(0, 'pause', 'web', *there)['state'] == run(0, 'pause', 'older', *there)['state'] == 'paused'
    run(0, 'resume', 'stands', *there)
    fails(3, 'state.running', 'resume', 'web', *there)
    fails(3, 'state.paused', 'pause', 'stands', *there)
    assert f'destroy web --connect {there[1]}' in fails(3, 'state.busy', 'start', 'web', *there)
    for command in ('pause', 'resume', 'stop', 'reboot', 'reset'):
        fails(3, 'state.off', command, 'down', *there)
    assert run(0, 'wait', 'web', '--for', 'running', *there)['reached'] == 'running'
    assert run(0, 'wait', 'down', '--for', 'ended', *there)['reached'] == 'ended'
    fails(3, 'wait.ended', 'wait', 'down', '--for', 'running', *there)
    fails(3, 'launch.timeout', 'wait', 'stands', '--for', 'running', '--timeout', '1', *there)
    assert run(0, 'autostart', 'web', '--set', 'on', *there)['autostart'] is True
    assert run(0, 'autostart', 'web', *there)['autostart'] is False
    fails(2, 'autostart.switch', 'autostart', 'web', '--set', 'yes', *there)
    lines = [json.loads(line) for line in subprocess.run([PROGRAM, 'events', '--count', '7', '--json', *there], capture_output=True, text=True,
                                                         check=True, timeout=60).stdout.splitlines()]
    assert {(e['guest'], e['event'], e['state']) for e in lines if 'guest' in e} == {
        (n, 'state', g['state']) for n, g in rows.items() if g['state'] != 'stopped'}, lines
    fails(3, 'virt.absent', 'events', 'nope', *there)
    # what it boots from is looked at before a guest is taken down; that driver does not know the flag for a new variable store
    for command in ('reset', 'reboot'):
        assert 'not there any more' in fails(3, 'reboot.copies', command, 'web', *there)
    os.makedirs(os.path.join(os.environ['SECURE_VM_DIR'], '.elsewhere', 'web', 'boot'))
    for text, check in ((b'changed', 'reboot.copies'), (b'measured', 'virt.libvirt')):
        with open(os.path.join(os.environ['SECURE_VM_DIR'], '.elsewhere', 'web', 'boot', 'kernel'), 'wb') as f:
            f.write(text)
        fails(3, check, 'reset', 'web', *there)
    fails(2, 'events.count', 'events', '--count', 'x', *there)


def resized():
    """What a guest may take is asked of libvirt; what it cannot do has its name."""
    with open(HAS['disks'][0]['path'], 'w'):
        pass
    there = domains()
    # that driver has no shares, and takes no change of what runs and of what is kept in one call
    for check, *more in (('resize.cgroup', '--cpu-shares', '5'), ('resize.disk-limit', '--disk-rate', 'root=1MiB'),
                         ('resize.net-limit', '--net-rate', '0=none'), ('resize.grow', '--disk', 'root=1MiB')):
        fails(3, check, 'resize', 'sized', *more, *there)
    for check, *more in (('resize.nothing',), ('resize.value', '--cpu-quota', '1.5'), ('resize.twice', '--disk-iops', 'root=1', '--disk-iops', 'root=2'),
                         ('resize.disk', '--disk-iops', 'swap=1'), ('resize.nic', '--net-rate', '1=1MiB')):
        fails(2, check, 'resize', 'sized', *more, *there)
    fails(3, 'state.off', 'resize', 'down', '--cpu-shares', '5', *there)
    fails(2, 'resize.keeper', 'resize', 'sized', '--vcpus', '2', *there)
    fails(2, 'state.other', 'resize', 'somebody', '--cpu-shares', '5', *there)
    os.unlink(HAS['disks'][0]['path'])


def budget():
    """What guests that run may take of the host, and what does not fit: a warning, then refused."""
    def own():
        b = run(0, 'host', 'budget')
        return {g['name']: (g['cost'], g['vcpus']) for g in b['guests']}, b['enforced'], b['memory'], b['cpus']
    locks, mib = [], 1 << 20
    for name, tee in (('plain', 'vtpm'), ('sealed', 'tdx'), ('over', 'vtpm')):
        folder = guest(name, 'running')
        with open(os.path.join(folder, 'status.json'), 'w') as f:
            json.dump({'name': name, 'state': 'running', 'tee': tee, 'memory': 100 * mib, 'vcpus': 2}, f)
        if name != 'over':  # of which nothing runs
            locks.append(open(os.path.join(folder, 'lock')))
            fcntl.flock(locks[-1], fcntl.LOCK_EX)
    guests, enforced, memory, cpus = own()
    assert guests == {'plain': (196 * mib, 2), 'sealed': (296 * mib, 2)} and not enforced, guests
    assert (memory['ordinary'], memory['confidential'], memory['taken'], cpus['vcpus']) == (196 * mib, 296 * mib, 492 * mib, 4), memory
    assert run(0, 'show', 'sealed')['memory_budget'] == 296 * mib
    there = domains()
    for option, value in (('--memory-percent', '0'), ('--cpu-percent', '10001'), ('--reserve', 'much')):
        fails(2, 'host.budget.value', 'host', 'budget', option, value)
    with open(os.path.join(os.environ['SECURE_VM_DIR'], 'sealed', 'status.json'), 'w') as f:
        json.dump({'name': 'sealed', 'state': 'running', 'tee': 'tdx', 'memory': 1 << 55, 'vcpus': 2}, f)
    # without rules it is only warned of that; that driver does not know the flag of a start
    r = subprocess.run([PROGRAM, 'start', 'down', *there], capture_output=True, text=True, timeout=60)
    assert r.returncode == 3 and '[warning.budget]' in r.stderr and '[virt.libvirt]' in r.stderr, r
    with open(os.path.join(os.environ['SECURE_VM_DIR'], 'sealed', 'status.json'), 'w') as f:
        json.dump({'name': 'sealed', 'state': 'running', 'tee': 'tdx', 'memory': 100 * mib, 'vcpus': 2}, f)
    kept = run(0, 'host', 'budget', '--memory-percent', '200', '--shared-percent', '0', '--reserve', '1GiB')
    assert kept['enforced'] and kept['memory']['taken'] == (98 + 196) * mib and kept['memory']['reserve'] == 1024 * mib, kept
    assert own()[1]
    run(0, 'host', 'budget', '--reserve', '1024TiB')
    fails(3, 'host.budget.memory', 'start', 'down', *there)
    run(0, 'host', 'budget', '--reserve', '0', '--cpu-percent', '1')
    fails(3, 'host.budget.cpu', 'start', 'down', *there)
    path = os.path.join(os.environ['SECURE_VM_DIR'], '.host.json')
    with open(path, 'w') as f:
        f.write('{"memory_percent": 0}')
    fails(4, 'host.budget.file.member', 'host', 'budget')
    os.unlink(path)
    for lock in locks:
        lock.close()
    for name in ('plain', 'sealed', 'over'):
        shutil.rmtree(os.path.join(os.environ['SECURE_VM_DIR'], name))


def daemon():
    shown = run(0, 'show', 'test', *DAEMON)
    assert (shown['name'], shown['state'], shown['connect'], shown['ours']) == ('test', 'running', DAEMON[1], False), shown
    for command in ('show', 'stop', 'destroy', 'pause', 'resume'):
        fails(3, 'virt.absent', command, 'nope', *DAEMON)


def not_there():
    """What a keeper does not do is said by its name, before anything is done."""
    message = fails(2, 'keeper.function', 'destroy', '--forget', 'test', '--connect', 'nowhere:///')
    assert '"destroy --forget"' in message and 'a libvirt daemon' in message, message
    r = subprocess.run([PROGRAM, 'console', '--log', 'test', '--connect', 'nowhere:///'], capture_output=True, text=True)
    assert r.returncode == 2 and '"console --log"' in r.stderr and '[keeper.function]' in r.stderr, r


def off_guest(name, *disks):
    base = os.environ['SECURE_VM_DIR']
    paths, file = [os.path.join(base, disk) for disk in disks], os.path.join(base, name + '.json')
    for path in paths:
        with open(path, 'wb') as f:
            f.write(os.urandom(1 << 16))
    with open(file, 'w') as f:
        json.dump({'name': name, 'kernel': '/k', 'disks': [{'path': path, 'encrypted': False} for path in paths]}, f)
    return file, paths


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def snapshots():
    fails(2, 'state.absent', 'snapshot', 'list', 'nope')
    fails(2, 'state.absent', 'snapshot', 'create', 'nope')
    fails(2, 'snapshot.name', 'snapshot', 'create', 'nope', '--name', 'a/b')
    fails(2, 'snapshot.name', 'snapshot', 'revert', 'nope', '')
    file, (disk,) = off_guest('off', 'disk.img')
    first = read(disk)
    assert run(0, 'snapshot', 'list', file) == {'ok': True, 'guest': 'off', 'snapshots': []}
    fails(2, 'snapshot.none', 'snapshot', 'flatten', file)
    assert run(0, 'snapshot', 'create', file, '--name', 's')['snapshot'] == 's'
    fails(2, 'snapshot.exists', 'snapshot', 'create', file, '--name', 's')
    row = run(0, 'snapshot', 'list', file)['snapshots'][0]
    assert (row['name'], row['guest'], row['bytes'], row['disks']) == ('s', 'off', 1 << 16, ['root']), row
    with open(disk, 'wb') as f:
        f.write(b'newer')
    assert run(0, 'snapshot', 'revert', file, 's') == {'ok': True, 'guest': 'off', 'snapshot': 's', 'rollback': 'unseen'}
    assert read(disk) == first
    fails(2, 'snapshot.absent', 'snapshot', 'delete', file, 'other')
    run(0, 'snapshot', 'delete', file, 's')
    assert not os.path.exists(disk + '.snapshots')
    assert len(run(0, 'snapshot', 'create', file)['snapshot']) == 15  # the time
    assert run(0, 'snapshot', 'flatten', file)['removed'] == 1


def snapshots_at_a_daemon():
    there = domains()
    fails(2, 'snapshot.remote', 'snapshot', 'list', 'nope', '--connect', 'qemu+ssh://host.example/system')
    fails(2, 'snapshot.remote', 'backup', 'create', 'nope', '--to', '/b', '--connect', 'qemu+ssh://host.example/system')
    file, paths = off_guest('web', 'web.img')
    run(0, 'snapshot', 'create', file, '--name', 's')
    fails(2, 'snapshot.running', 'snapshot', 'revert', file, 's', *there)
    disk = f'<disk type="file" device="disk"><source file="{paths[0]}"/><target dev="vda"/></disk>'
    fails(3, 'virt.unsupported', 'snapshot', 'create', file, *domains(disk))  # that driver cannot
    fails(2, 'snapshot.disks', 'snapshot', 'create', file, *domains(disk.replace('web.img', 'else.img')))
    assert os.listdir(os.path.join(os.environ['SECURE_VM_DIR'], 'web.img.snapshots')) == ['s']
    file, _ = off_guest('somebody', 'other.img')
    fails(2, 'state.other', 'snapshot', 'create', file, *there)
    file, _ = off_guest('down', 'down.img')
    run(0, 'snapshot', 'create', file, '--name', 's', *there)
    run(0, 'snapshot', 'revert', file, 's', *there)
    file, _ = off_guest('down', 'down.img', 'down2.img')
    run(0, 'snapshot', 'create', file, '--name', 'two', *there)
    fails(2, 'snapshot.disks', 'snapshot', 'revert', file, 's')
    fails(2, 'snapshot.daemon', 'snapshot', 'revert', file, 'two', *there)
    run(0, 'snapshot', 'revert', file, 'two')


def chains():
    """Copies in one folder: each of a guest that is off has everything and says why; each comes back; what does not fit together is refused."""
    base = os.environ['SECURE_VM_DIR']
    file, (disk,) = off_guest('chained', 'chained.img')
    to, states = os.path.join(base, 'chain'), []
    for number, why in ((0, 'first'), (1, 'off'), (2, 'off')):
        states.append(read(disk))
        made = run(0, 'backup', 'create', file, '--to', to, '--incremental', '--quiesce')['backup']
        assert (made.get('number', 0), made['whole'], 'quiesced' in made) == (number, why, False), made
        with open(disk, 'r+b') as f:
            f.write(b'state %d' % number)
    assert len(run(0, 'backup', 'verify', to)['copies']) == 3
    for number, state in [*enumerate(states), (2, states[2])]:
        assert run(0, 'backup', 'restore', file, '--from', to, '--copy', str(number), '--replace')['copy'] == number
        assert read(disk) == state
    assert run(0, 'backup', 'restore', file, '--from', to, '--replace')['copy'] == 2
    for number in '3', '-1', 'x', '1000':
        fails(2, 'backup.number', 'backup', 'restore', file, '--from', to, '--copy', number, '--replace')
    other, _ = off_guest('other', 'other.img')
    fails(2, 'backup.guest', 'backup', 'create', other, '--to', to, '--incremental')
    fails(2, 'backup.exists', 'backup', 'create', file, '--to', to)
    os.rename(os.path.join(to, '1'), os.path.join(to, 'away'))
    fails(5, 'backup.chain', 'backup', 'verify', to)
    fails(5, 'backup.chain', 'backup', 'restore', file, '--from', to, '--replace')
    fails(5, 'backup.chain', 'backup', 'create', file, '--to', to, '--incremental')
    assert not [name for name in os.listdir(to) if 'unfinished' in name]


def backups():
    base = os.environ['SECURE_VM_DIR']
    file, (disk,) = off_guest('backed', 'data.img')
    to, data = os.path.join(base, 'copy'), read(disk)
    fails(2, 'backup.folder', 'backup', 'create', file)
    fails(2, 'backup.folder', 'backup', 'create', file, '--to', '..')
    fails(3, 'backup.folder', 'backup', 'create', file, '--to', '/nowhere/else')
    fails(2, 'backup.exists', 'backup', 'create', file, '--to', base)
    made = run(0, 'backup', 'create', file, '--to', to + '/')['backup']
    assert [(d['id'], d['sha256']) for d in made['disks']] == [('root', hashlib.sha256(data).hexdigest())], made
    fails(2, 'backup.exists', 'backup', 'create', file, '--to', to)
    assert run(0, 'backup', 'verify', to)['backup'] == made
    fails(2, 'backup.there', 'backup', 'restore', file, '--from', to)
    with open(disk, 'wb') as f:
        f.truncate(1 << 20)
    assert run(0, 'backup', 'restore', file, '--from', to, '--replace')['rollback'] == 'unseen'
    assert read(disk) == data
    os.unlink(disk)
    run(0, 'backup', 'restore', file, '--from', to)
    assert read(disk) == data
    with open(file, 'w') as f:
        json.dump({'name': 'backed', 'kernel': '/k', 'disks': [{'path': disk, 'id': 'other', 'encrypted': False}]}, f)
    fails(2, 'snapshot.disks', 'backup', 'restore', file, '--from', to, '--replace')
    with open(os.path.join(to, 'root.raw'), 'r+b') as f:
        f.seek(70)
        f.write(b'changed')
    fails(5, 'copies.changed', 'backup', 'verify', to)
    os.unlink(os.path.join(to, 'root.raw'))
    fails(3, 'copies.absent', 'backup', 'verify', to)
    assert not [name for name in os.listdir(base) if 'unfinished' in name or 'reverting' in name]


def guest(name, state, console=None):
    folder = os.path.join(os.environ['SECURE_VM_DIR'], name)
    os.makedirs(folder)
    for file, text in (('lock', ''), ('status.json', json.dumps({'name': name, 'state': state})), ('console.log', console)):
        if text is not None:
            with open(os.path.join(folder, file), 'w') as f:
                f.write(text)
    return folder


def ours():
    """A status that says that something runs, and no lock held: its supervisor was killed. An end that was written stays."""
    words = {'starting': 'killed', 'running': 'killed', 'unlocked': 'killed', 'stopped': 'stopped', 'failed': 'failed'}
    for state in words:
        folder = guest(state, state, 'hello\n')
    listed = {g['name']: g['state'] for g in run(0, 'list')['guests']}
    assert listed == words, listed
    for state, word in words.items():
        shown = run(0, 'show', state)
        assert shown['state'] == word and shown['folder'] == os.path.join(os.environ['SECURE_VM_DIR'], state), shown
    log = subprocess.run([PROGRAM, 'console', '--log', 'failed'], capture_output=True, text=True)
    assert (log.returncode, log.stdout) == (0, 'hello\n'), log
    fails(3, 'state.off', 'stop', 'running')
    fails(3, 'state.off', 'reboot', 'running')
    fails(3, 'state.off', 'reset', 'running')
    fails(3, 'state.off', 'pause', 'running')
    fails(3, 'state.off', 'resume', 'running')
    fails(2, 'reboot.wait', 'reboot', 'running', '--timeout', '0')
    assert run(0, 'destroy', 'running')['state'] == 'stopped'
    assert run(0, 'destroy', '--forget', 'failed')['state'] == 'forgotten' and not os.path.exists(folder)
    for command in ('show', 'stop', 'reboot', 'reset', 'destroy', 'pause', 'resume'):
        fails(2, 'state.absent', command, 'nope')


def recovered():
    """Of all that nobody is at work on; of one that cannot be cleaned up the reason is said, and the others are all the same."""
    left = {}
    for name, state in (('r1', 'unlocked'), ('r2', 'running'), ('r3', 'stopped'), ('r4', 'running')):
        left[name] = os.path.join(guest(name, state), 'agent.sock')
        with open(left[name], 'w'):
            pass
    with open(os.path.join(os.path.dirname(left['r4']), 'lock')) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert [g['name'] for g in run(0, 'recover')['recovered'] if g['name'] in left] == ['r1', 'r2']
        assert [n for n, path in left.items() if os.path.exists(path)] == ['r4']
    os.remove(os.path.join(os.path.dirname(left['r4']), 'lock'))
    os.mkdir(os.path.join(os.path.dirname(left['r4']), 'lock'))
    message = fails(3, 'state.lock', 'recover')
    assert 'guest r4: ' in message, message
    for path in left.values():
        shutil.rmtree(os.path.dirname(path))


def editor(script):
    """An editor that runs this over the file, which is $1."""
    path = os.path.join(os.environ['SECURE_VM_DIR'], 'editor')
    with open(path, 'w') as f:
        f.write(f'#!/bin/sh\n{script}\n')
    os.chmod(path, 0o755)
    os.environ['VISUAL'] = path + ' --with options'
    return path


def definition(name):
    with open(os.path.join(os.environ['SECURE_VM_DIR'], '.guests', f'{name}.json')) as f:
        return f.read()


def drafts():
    return [f for f in os.listdir(os.path.join(os.environ['SECURE_VM_DIR'], '.guests')) if f.startswith('.')]


def names():
    """A guest file under its name: kept, listed, taken wherever a file is, edited, forgotten."""
    folder = os.path.join(os.environ['SECURE_VM_DIR'], 'files')
    os.mkdir(folder)
    file = os.path.join(folder, 'web.json')
    with open(file, 'w') as f:
        json.dump({'name': 'web', 'tee': 'vtpm', 'kernel': 'vmlinuz', 'memory': '256MiB',
                   'attestation': {'url': 'https://10.0.2.2:8443', 'pin': 'sha256:' + '0' * 64}}, f)
    assert run(0, 'define', file)['folder'] == folder
    fails(2, 'defined.exists', 'define', file)
    run(0, 'define', file, '--replace')
    assert 'web' not in {g['name'] for g in run(0, 'list')['guests']}
    row = next(g for g in run(0, 'list', '--all')['guests'] if g['name'] == 'web')
    assert (row['state'], row['tee']) == ('defined', 'vtpm'), row
    shown = run(0, 'show', 'web')
    assert (shown['state'], shown['memory'], shown['attestation']['resource']) == ('defined', 256 << 20, 'default/web/root'), shown
    assert '256 MiB' in subprocess.run([PROGRAM, 'show', 'web'], capture_output=True, text=True, check=True).stdout
    # by its name, from any folder: the kernel is looked for beside the guest file that was defined
    for command in ('launch', 'start', 'measure', 'policy'):
        assert os.path.join(folder, 'vmlinuz') in fails(3, 'measure.kernel' if command in ('measure', 'policy') else 'launch.kernel', command, 'web')
    fails(2, 'defined.name', 'start', file)
    fails(2, 'defined.name', 'start', 'nope')
    fails(3, 'guest.file', 'launch', 'nope')
    edits(file)
    untold('web')
    run(0, 'undefine', 'web')
    fails(2, 'defined.name', 'undefine', 'web')
    assert not any(g['state'] == 'defined' for g in run(0, 'list', '--all')['guests'])


def untold(name):
    """Whether it runs is not to be told: it does not count as off."""
    fails(3, 'measure.kernel', 'resize', name, '--vcpus', '4')
    folder = guest(name, 'running')
    with open(os.path.join(folder, 'status.json'), 'w') as f:
        f.write('{')
    assert 'not to be told' in fails(4, 'state.status.json', 'resize', name, '--vcpus', '4')
    shutil.rmtree(folder)


def edits(file):
    before = definition('web')
    editor('[ "$1 $2" = "--with options" ] && sed -i s/256MiB/512MiB/ "$3"')
    assert run(0, 'edit', 'web')['changed'] and definition('web') == before.replace('256MiB', '512MiB') and not drafts()
    editor('true')
    assert not run(0, 'edit', 'web')['changed'] and not drafts()
    editor('false')
    fails(3, 'edit.editor', 'edit', 'web')
    assert not drafts()
    kept = definition('web')
    # what is refused is kept beside it, and leaves the definition alone
    for script, status, check in (('sed -i s/512MiB/1MiB/', 2, 'guest.memory'), ('sed -i s/.*/{/', 2, 'guest.json'),
                                  ('sed -i s/web/other/', 2, 'edit.name'), ('rm', 3, 'guest.file')):
        editor(f'{script} "$3"')
        message = fails(status, check, 'edit', 'web')
        assert definition('web') == kept and 'nothing is changed' in message, message
        assert len(drafts()) == (script != 'rm') and all(d in message for d in drafts()), message
        for d in drafts():
            os.unlink(os.path.join(os.environ['SECURE_VM_DIR'], '.guests', d))
    editor(f'{PROGRAM} define --replace {file} --quiet; sed -i s/512MiB/1GiB/ "$3"')
    fails(2, 'edit.changed', 'edit', 'web')
    assert definition('web') == before
    # a definition that somebody broke is listed, with the reason
    with open(os.path.join(os.environ['SECURE_VM_DIR'], '.guests', 'broken.json'), 'w') as f:
        f.write('{')
    row = next(g for g in run(0, 'list', '--all')['guests'] if g['name'] == 'broken')
    assert row['error']['check'] == 'guest.json', row
    run(0, 'undefine', 'broken')


def ssh():
    """To the forwarded port, by the guest's name for its host key, with what follows the name."""
    folder = guest('reach', 'unlocked')
    program = os.path.join(os.environ['SECURE_VM_DIR'], 'bin')
    os.mkdir(program)
    with open(os.path.join(program, 'ssh'), 'w') as f:
        f.write('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    os.chmod(os.path.join(program, 'ssh'), 0o755)
    environment = {**os.environ, 'PATH': program + ':' + os.environ['PATH']}

    def ask(forwards, *args, running=True):
        with open(os.path.join(folder, 'status.json'), 'w') as f:
            json.dump({'name': 'reach', 'state': 'unlocked', 'nics': [{'type': 'bridge'}, {'type': 'user', 'forward': forwards}]}, f)
        with open(os.path.join(folder, 'lock')) as lock:
            if running:  # somebody acts for it
                fcntl.flock(lock, fcntl.LOCK_EX)
            r = subprocess.run([PROGRAM, 'ssh', *args], capture_output=True, text=True, timeout=60, env=environment)
        return r.returncode, r.stdout.splitlines(), r.stderr

    tcp = {'protocol': 'tcp', 'address': '0.0.0.0', 'port': 2222, 'to': 22}
    others = [dict(tcp, to=80, port=8080), dict(tcp, protocol='udp', port=2223)]
    assert ask([*others, tcp], 'reach')[:2] == (0, ['-o', 'HostKeyAlias=reach.secure-vm', '-p', '2222', '127.0.0.1'])
    status, words, _ = ask([dict(tcp, address='127.0.0.7')], 'root@reach', '--', '-v', 'uptime', '-p')
    assert (status, words[4:]) == (0, ['root@127.0.0.7', '-v', 'uptime', '-p']), words
    for forwards, more, status, check in ((others, {}, 2, 'ssh.forward'), ([tcp], {'running': False}, 3, 'state.off')):
        found = ask(forwards, 'reach', **more)
        assert found[0] == status and f'[{check}]' in found[2], found
    assert '[ssh.json]' in ask([tcp], 'reach', '--json')[2]
    os.unlink(os.path.join(program, 'ssh'))
    environment['PATH'] = program
    assert '[ssh.program]' in ask([tcp], 'reach')[2]


def newer():
    """A guest of a newer version is listed, and left alone, also by a launch of its name."""
    folder = guest('later', 'running')
    with open(os.path.join(folder, 'status.json'), 'w') as f:
        json.dump({'format': 2, 'version': '9.9', 'name': 'later', 'state': 'running'}, f)
    row = next(g for g in run(0, 'list')['guests'] if g['name'] == 'later')
    assert row['error']['check'] == 'state.version', row
    for command in ('show', 'stop', 'destroy', 'pause', 'resume', 'reboot', 'reset', 'wait', 'events'):
        fails(3, 'state.version', command, 'later')


def older_supervisor():
    """A supervisor of before a command says so, and the command says what that means."""
    folder = guest('before', 'running')
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(os.path.join(folder, 'control.sock'))
        s.listen(1)

        def answer():
            peer = s.accept()[0]
            assert json.loads(peer.makefile().readline()) == {'do': 'pause'}
            peer.sendall(b'{"error":{"class":"format","check":"control.request","message":"status, stop was expected"}}\n')
            peer.close()
        served = threading.Thread(target=answer)
        served.start()
        assert 'older secure-vm' in fails(3, 'state.version', 'pause', 'before')
        served.join()


def services():
    """autostart is systemd's: the service of a defined guest, by its name."""
    folder = os.path.join(os.environ['SECURE_VM_DIR'], 'sbin')
    said = os.path.join(folder, 'said')
    os.mkdir(folder)
    with open(os.path.join(folder, 'systemctl'), 'w') as f:
        f.write(f'#!/bin/sh\necho "$@" >>{said}\ncase "$2" in is-enabled) test -e {folder}/on;; enable) touch {folder}/on;; *) rm {folder}/on;; esac\n')
    os.chmod(os.path.join(folder, 'systemctl'), 0o755)
    before = os.environ['PATH']
    os.environ['PATH'] = folder + ':' + before
    assert run(0, 'autostart', 'web')['autostart'] is False
    fails(2, 'defined.name', 'autostart', 'nope', '--set', 'on')
    if os.geteuid() == 0:
        file = os.path.join(os.environ['SECURE_VM_DIR'], 'files', 'web.json')
        run(0, 'define', file)
        assert run(0, 'autostart', 'web', '--set', 'on')['autostart'] is True
        assert run(0, 'autostart', 'web', '--set', 'off')['autostart'] is False
        with open(said) as f:
            assert '--quiet enable secure-vm@web.service\n' in f.read()
        fails(3, 'autostart.systemd', 'autostart', 'web', '--set', 'off')  # rm finds nothing
        run(0, 'undefine', 'web')
    else:
        fails(2, 'autostart.user', 'autostart', 'web', '--set', 'off')
    fails(2, 'state.name', 'autostart', '../x')
    os.environ['PATH'] = before


def reasons():
    """list says why a guest failed."""
    folder = guest('why', 'failed')
    with open(os.path.join(folder, 'status.json'), 'w') as f:
        json.dump({'name': 'why', 'state': 'failed', 'error': {'class': 'policy', 'check': 'policy.pcr.9', 'message': 'the broker says no'}}, f)
    row = next(g for g in run(0, 'list')['guests'] if g['name'] == 'why')
    assert row['error']['check'] == 'policy.pcr.9', row
    r = subprocess.run([PROGRAM, 'list'], capture_output=True, text=True, timeout=60)
    assert [line for line in r.stdout.splitlines() if line.startswith('why ') and line.endswith('[policy.pcr.9] the broker says no')], r.stdout


def main():
    with tempfile.TemporaryDirectory(prefix='svk', dir='/tmp') as folder:
        os.environ['SECURE_VM_DIR'] = folder
        for part in (daemon, kept, resized, budget, not_there, ours, recovered, names, ssh, newer, older_supervisor, services, reasons, snapshots, snapshots_at_a_daemon, backups, chains):
            part()
            print(f'ok: {part.__name__}')


main()
