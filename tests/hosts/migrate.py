# SPDX-License-Identifier: Apache-2.0
"""Guests that move to another host while they run."""
import contextlib
import glob
import json
import os
import signal
import subprocess
import sys

from guests import GUEST, enter, find_command
from patience import wait_until

BOOT = 'lib/secure-vm/.elsewhere/g/boot'  # at a host
SWTPM = 'lib/libvirt/swtpm'
RUNS = ('running', 'unlocked')
IMAGES = '/var/lib/libvirt/images'  # each host's own


def start(c, folder=None, known=1, own_user=False, data='8M'):
    """A guest at a that has its disk; the policy knows only a's authority. On shared storage its QEMU runs as libvirt's user: one of its own, an id of one
    host, could not hand over disks."""
    if folder:
        c.folder = folder
        c.guest['disks'] = [{'path': f'{folder}/root.img'}]
    elif not own_user:
        c.guest['security'] = {'shared_user': True}
    c.make_broker()
    c.guest['attestation']['ek_roots'] = c.guest['attestation']['ek_roots'][:known]
    c.make_disk()
    if data:
        path = os.path.join(c.folder, 'data.img')
        c.host.run('truncate', '-s', data, path)
        c.guest['disks'].append({'path': path})
    c.file = c.write_guest()
    c.put_policy(c.file)
    c.must_launch()
    c.must_answer()


def command(c, *options, to=None):
    return ['migrate', 'g', *c.more, '--to', (to or c.hosts.b).uri, *options]


def migrate(c, *options):
    """The guest goes from a to b; what the command says."""
    r = c.secure_vm(*command(c, *options), '--json')
    c.host = c.hosts.b
    return json.loads(r.stdout)


def must_be_refused(c, check, status, *options, to=None):
    """For this reason, and the guest is where it was; nothing of it is at b."""
    r = c.secure_vm(*command(c, *options, to=to), '--json', check=False)
    error = json.loads(r.stdout)['error']
    c.must(error['check'] == check and r.returncode == status, f'expected {check} and exit status {status}, found {error} and {r.returncode}')
    must_be_as_before(c)
    return error['message']


def left(host, folder):
    """Files below a folder of a host's."""
    return [f for _, _, files in os.walk(host.path(folder)) for f in files]


def must_be_as_before(c):
    c.must(c.listed(c.hosts.a) in RUNS, f'expected the guest to run at a, found "{c.listed(c.hosts.a)}"')
    c.must_answer()
    if c.hosts.b.pid:
        must_be_gone(c, c.hosts.b)


def must_be_gone(c, host):
    wait_until(lambda: f'{host.name} has the guest still: {host.run("virsh", "list", "--all")}', lambda: c.listed(host) == '')
    wait_until(lambda: f'processes are left: {host.processes()}',
               lambda: not [p for p in host.processes().values() if 'qemu-system' in p or 'swtpm' in p])
    for folder in (BOOT, SWTPM):
        c.must(not left(host, folder), f'expected nothing of the guest in {folder} of {host.name}, found {left(host, folder)}')


def must_be_moved(c, result):
    c.must(result['state'] == 'running' and result['host'] == 'hostb' and result['connect'] == c.hosts.b.uri, f'expected the guest at b, found {result}')
    c.must(result['pause_ms'] > 0 and result['total_ms'] >= result['pause_ms'] and result['bytes'] > 0, f'expected figures, found {result}')
    c.must(c.ask('show', 'g')['state'] in RUNS, 'expected "show" to have the guest running at b')
    c.must_answer()
    must_be_gone(c, c.hosts.a)
    c.must(set(left(c.hosts.b, BOOT)) == {'firmware', 'initrd', 'kernel', 'nvram', 'variables'}, f'expected its files at b, found {left(c.hosts.b, BOOT)}')


def must_attest(c):
    """Started over where it is, from the files there, it has its key again."""
    before = c.released()
    c.host.run('virsh', 'reset', 'g')
    wait_until(lambda: f'the guest does not get its disk again at {c.host.name}: {c.broker.audit()[-2:]}',
               lambda: c.released() == (before[0] + 1, before[1] + 1), 120)
    c.must_answer()


@contextlib.contextmanager
def connection(c):
    """One TCP connection to the guest all the time; [] gets its figures at the end."""
    p = subprocess.Popen([*enter(c.hosts.switch), sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'gap.py'), GUEST, '7'],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    figures = []
    try:
        c.must(p.stdout.readline() == 'connected\n', 'the guest does not take a connection')
        yield figures
        out, err = p.communicate()
        c.must(p.returncode == 0, f'the connection did not survive: {err[-300:]}')
        figures.append(json.loads(out))
        c.must(figures[0]['lines'] > 100, f'expected many lines, found {figures}')
    finally:
        p.kill()
        p.wait()


def say(c, what, result, figures):
    print(f'    {c.name}: {what}: total {result["total_ms"]} ms, pause {result["pause_ms"]} ms, longest silence of the connection {figures[0]["gap_ms"]} ms in '
          f'{figures[0]["lines"]} lines, {result["bytes"] >> 20} MiB in {result["passes"]} passes', flush=True)


def counter(host, path):
    """What the guest wrote last to its second disk."""
    with open(path if path.startswith(host.hosts.folder) else host.path(path.removeprefix('/var/')), 'rb') as f:
        return int.from_bytes(f.read(8), 'little')


def must_write(c, host, path):
    before = counter(host, path)
    wait_until(f'the guest does not write to {path} of {host.name}', lambda: counter(host, path) > before)


def live_shared(c):
    """with shared storage, memory and disk under load, a TCP connection all the time; at the other host its vTPM attests, to a policy that knows only the first host"""
    start(c)
    with connection(c) as figures:
        result = migrate(c)
    say(c, 'shared', result, figures)
    must_be_moved(c, result)
    c.must(c.released() == (1, 1), 'expected no further release by the move')
    must_write(c, c.hosts.b, os.path.join(c.folder, 'data.img'))
    must_attest(c)


def without_storage_driver(c, host, do):
    """Its daemon as on a host where that package is not installed."""
    folder = os.path.dirname(glob.glob('/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so')[0])
    host.kill_libvirtd()
    host.run('sh', '-c', f'mkdir -p /run/drivers && cp {folder}/libvirt_driver_qemu.so /run/drivers/ && mount --bind /run/drivers {folder}')
    host.start_libvirtd()
    try:
        do()
    finally:
        host.kill_libvirtd()
        host.run('umount', folder)
        host.start_libvirtd()


def own_user(c):
    """a guest whose QEMU has a user of its own cannot hand over shared disks: refused, with what to do, and it runs on"""
    start(c, own_user=True)
    c.must('shared_user' in must_be_refused(c, 'migrate.label', 3), 'expected what to do')
    must_write(c, c.hosts.a, os.path.join(c.folder, 'data.img'))


def live_copied(c):
    """disks of the host's own are copied, over TLS; a disk that is there already is not overwritten; the guest writes to its copies, what it wrote before is in them"""
    start(c, IMAGES)
    message = must_be_refused(c, 'migrate.storage', 2)
    c.must('--copy-storage' in message, f'expected what to do, found {message}')
    with open(c.hosts.b.path('lib/libvirt/images/root.img'), 'w', encoding='ascii') as f:
        f.write('somebody else\'s')
    must_be_refused(c, 'migrate.disk', 3, '--copy-storage')
    with open(c.hosts.b.path('lib/libvirt/images/root.img'), encoding='ascii') as f:
        c.must(f.read() == 'somebody else\'s', 'a file of the target was overwritten')
    os.remove(c.hosts.b.path('lib/libvirt/images/root.img'))
    without_storage_driver(c, c.hosts.b, lambda: must_be_refused(c, 'migrate.storage-driver', 3, '--copy-storage'))
    must_be_refused(c, 'migrate.same', 2, '--copy-storage', to=c.hosts.a)
    os.rename(c.hosts.b.path('pki/server-cert.pem'), c.hosts.b.path('pki/aside'))
    must_be_refused(c, 'migrate.tls', 3, '--copy-storage', '--tls')
    os.rename(c.hosts.b.path('pki/aside'), c.hosts.b.path('pki/server-cert.pem'))
    c.must(not left(c.hosts.b, 'lib/libvirt/images'), f'expected no half of a disk at b, found {left(c.hosts.b, "lib/libvirt/images")}')
    before = counter(c.hosts.a, f'{IMAGES}/data.img')
    with connection(c) as figures:
        result = migrate(c, '--copy-storage', '--tls')
    say(c, 'copied, TLS', result, figures)
    must_be_moved(c, result)
    stale = counter(c.hosts.a, f'{IMAGES}/data.img')
    must_write(c, c.hosts.b, f'{IMAGES}/data.img')
    c.must(counter(c.hosts.b, f'{IMAGES}/data.img') > stale >= before, 'the copy lacks what the guest wrote before')
    c.must(counter(c.hosts.a, f'{IMAGES}/data.img') == stale, 'the guest writes to the disk that it left')
    must_attest(c)


def begin(c, *options, bandwidth='1MiB', to=None):
    """A migration that takes long; its process, when memory is on its way."""
    p = c.start_vm(*command(c, '--bandwidth', bandwidth, *options, to=to), '--json')

    def moves():
        info = subprocess.run([*enter(c.host), 'virsh', 'domjobinfo', 'g'], capture_output=True, text=True, check=False).stdout
        return p.poll() is not None or [line for line in info.splitlines() if line.startswith('Memory processed:') and not line.split()[2].startswith('0.')]
    wait_until('the migration does not begin', moves)
    c.must(p.poll() is None, f'the migration ended: {p.stdout.read() if p.poll() is not None else ""}')
    return p


def live_broken(c):
    """cancelled by Ctrl-C, its command killed, the target's power cut in the middle: the guest goes on at the source without a lost line, and the next migration works"""
    start(c)
    with connection(c) as figures:
        p = begin(c)
        os.kill(find_command(p), signal.SIGINT)
        error = json.loads(p.communicate()[0])['error']
        c.must(error['check'] == 'migrate.interrupted' and p.returncode == 3 and 'running where it was' in error['message'],
               f'expected migrate.interrupted, found {error} and {p.returncode}')
        must_be_as_before(c)
        p = begin(c)
        os.kill(find_command(p), signal.SIGKILL)
        p.communicate()
        wait_until(lambda: 'the source still migrates: ' + c.hosts.a.run('virsh', 'domjobinfo', 'g'), lambda: 'None' in c.hosts.a.run('virsh', 'domjobinfo', 'g'))
        c.must(c.listed(c.hosts.a) in RUNS, 'expected the guest to run at a')
        wait_until('the target still has a half of the guest', lambda: c.listed(c.hosts.b) == '')
        p = begin(c)
        c.hosts.b.off()
        error = json.loads(p.communicate()[0])['error']
        c.must(error['check'] == 'migrate.target' and p.returncode == 3 and 'running where it was' in error['message'], f'expected migrate.target with the guest at a, found {error} and {p.returncode}')
        must_be_as_before(c)
        c.hosts.b.on()
        result = migrate(c)
    say(c, 'after three that broke', result, figures)
    must_be_moved(c, result)


def ask_qemu(host, command):
    """Of the guest's QEMU there, what it says itself."""
    return json.loads(host.run('virsh', 'qemu-monitor-command', 'g', json.dumps({'execute': command})))['return']


def must_be_limited(c, host, bandwidth, downtime_ms):
    """By what QEMU was told, and by what it says that it sent."""
    told = ask_qemu(host, 'query-migrate-parameters')
    c.must((told['max-bandwidth'], told['downtime-limit']) == (bandwidth, downtime_ms), f'expected QEMU to be limited to {bandwidth} and {downtime_ms} ms, found {told}')
    sent = ask_qemu(host, 'query-migrate')
    rate = sent['ram']['transferred'] * 1000 / sent['total-time']
    c.must(rate < 1.2 * bandwidth, f'expected at most {bandwidth} bytes a second, found {rate:.0f} in {sent}')
    return rate


def await_figure(c, p, what, figure):
    """Until QEMU has it, while the migration goes on."""
    wait_until(lambda: f'{what}: {ask_qemu(c.host, "query-migrate")}', lambda: p.poll() is not None or figure(ask_qemu(c.host, 'query-migrate')), 240)
    c.must(p.poll() is None, f'{what}, and the migration ended: {p.communicate() if p.poll() is not None else ""}')


def let_go(c, p, target):
    """Without its limit it comes to its end; what the command says."""
    c.host.run('virsh', 'migrate-setspeed', 'g', '4096')
    out, said = p.communicate()
    c.must(p.returncode == 0, f'the migration failed: {out} {said}')
    c.host = target
    return json.loads(out)


def live_options(c):
    """bandwidth, downtime, auto-converge, compression and peer-to-peer are in force by QEMU's own figures, while the guest rewrites its memory faster than it is sent"""
    start(c, data=False)
    a, b = c.hosts.a, c.hosts.b
    p = begin(c, '--auto-converge', '--downtime', '150', bandwidth='16MiB')
    await_figure(c, p, 'the guest is not slowed', lambda m: m.get('cpu-throttle-percentage'))
    rate = must_be_limited(c, a, 16 << 20, 150)
    result = let_go(c, p, b)
    must_be_moved(c, result)
    c.must(0 < result['throttle_percent'] <= 99, f'expected the guest to have been slowed, found {result}')
    print(f'    {c.name}: {rate / (1 << 20):.1f} MiB/s of 16, slowed by up to {result["throttle_percent"]} %, pause {result["pause_ms"]} ms', flush=True)
    p = begin(c, '--compress', bandwidth='16MiB', to=a)
    await_figure(c, p, 'nothing is sent as a part of a page', lambda m: m['xbzrle-cache']['bytes'])
    result = let_go(c, p, a)
    c.must(result['host'] == 'hosta' and result['compressed_bytes'] > 0 and 'throttle_percent' not in result, f'expected parts of pages to have been sent, found {result}')
    print(f'    {c.name}: {result["compressed_bytes"] >> 10} KiB of {result["bytes"] >> 10} as what changed in a page, {result["passes"]} passes', flush=True)
    c.must_answer()
    p = begin(c, '--peer-to-peer')
    os.kill(find_command(p), signal.SIGKILL)  # live_broken: without it this ends the migration
    p.communicate()
    a.run('virsh', 'migrate-setspeed', 'g', '4096')
    c.host = b
    wait_until(lambda: f'the daemons do not go on by themselves: {reason(a)} {reason(b)}', lambda: c.listed(b) in RUNS and c.listed(a) == '', 120)
    c.must_answer()


def reason(host):
    """Why the guest is there in the state in which it is."""
    return subprocess.run([*enter(host), 'virsh', 'domstate', 'g', '--reason'], capture_output=True, text=True, check=False).stdout


def set_link(host, state):
    host.run('virsh', 'domif-setlink', 'g', '52:54:00:09:00:50', state)


def refused(c):
    """what cannot be is refused before anything happens, by name: no daemon, no target, no such guest, somebody else's"""
    c.host.run('virsh', 'define', write(c, 'off.xml', '<domain type="qemu"><name>off</name><memory>65536</memory><os><type arch="x86_64">hvm</type></os></domain>'))
    a, b = c.hosts.a.uri, c.hosts.b.uri
    try:
        for check, status, *argv in (
                ('migrate.keeper', 2, 'off', '--to', b), ('migrate.to', 2, 'off', *c.more), ('migrate.bandwidth', 2, 'off', *c.more, '--to', b, '--bandwidth', 'much'),
                ('migrate.bandwidth', 2, 'off', *c.more, '--to', b, '--bandwidth', '0'), ('migrate.downtime', 2, 'off', *c.more, '--to', b, '--downtime', '60001'),
                ('migrate.downtime', 2, 'off', *c.more, '--to', b, '--downtime', '0'), ('virt.absent', 3, 'nobody', *c.more, '--to', b),
                ('state.other', 2, 'off', *c.more, '--to', b), ('state.other', 2, 'off', *c.more, '--to', a)):
            must_fail(c, check, status, *argv)
        c.must(c.host.run('virsh', 'list', '--all', '--name').split() == ['off'] and not c.hosts.b.run('virsh', 'list', '--all', '--name').split(),
               'something was defined or undefined')
    finally:
        c.host.run('virsh', 'undefine', 'off')


def must_fail(c, check, status, *argv):
    r = c.secure_vm('migrate', *argv, '--json', check=False)
    error = json.loads(r.stdout)['error']
    c.must(error['check'] == check and r.returncode == status, f'{argv}: expected {check} and exit status {status}, found {error} and {r.returncode}')


def write(c, name, text):
    with open(c.path(name), 'w', encoding='ascii') as f:
        f.write(text)
    return c.path(name)


CASES = [refused, own_user, live_shared, live_copied, live_broken, live_options]
