# SPDX-License-Identifier: Apache-2.0
"""Guests that are stopped at one host and launched at another."""
import contextlib
import json
import os
import signal
import subprocess

from guests import enter, find_command
from migrate import BOOT, IMAGES, counter, left, must_write, start
from patience import Failed, wait_until
from processes import has_ended, read_states

FENCE = '.moved-away'


def move(c, *options, to=None, check=True):
    """The guest goes from a to b; what the command says. It hears no button."""
    r = c.secure_vm(*command(c, *options, to=to), check=check, timeout=900)
    return json.loads(r.stdout)


def command(c, *options, to=None):
    return ['move', 'g', *c.more, '--to', (to or c.hosts.b).uri, '--cold', '--timeout', '1', '--force', '--json', *options]


def admin(c):
    return [str(a) for a in c.broker.admin()]


def must_be_same(a, b, path):
    """Behind the first block, to which the guest writes."""
    with open(a.path(path.removeprefix('/var/')), 'rb') as old, open(b.path(path.removeprefix('/var/')), 'rb') as new:
        old.seek(4096)
        new.seek(4096)
        while True:
            piece = old.read(1 << 20)
            if piece != new.read(1 << 20):
                raise Failed(f'{path} is not the same at both hosts')
            if not piece:
                return


def must_be_at(c, host, other):
    """Running there with its disk, and the other has nothing of it but the disks it left."""
    c.host = host
    c.must(c.ask('show', 'g')['state'] == 'unlocked', f'expected the guest at {host.name}, found {c.ask("show", "g")}')
    c.must_answer()
    c.must(c.listed(other) == '', f'expected nothing of the guest at {other.name}, found {c.listed(other)}')
    c.must(not [p for p in other.processes().values() if 'qemu-system' in p or 'swtpm' in p], f'processes are left: {other.processes()}')
    c.must(not left(other, BOOT), f'expected no copies of what boots at {other.name}, found {left(other, BOOT)}')
    c.must(not [n for n in left(host, 'lib/libvirt/images') if n.endswith(FENCE)], 'expected no fence')
    text = host.run('virsh', 'dumpxml', '--inactive', 'g')
    c.must(FENCE not in text and 'secure-vm:move' not in text, f'expected neither fence nor mark, found {text}')


def say(c, what, result):
    p = result['phases']
    print(f'    {c.name}: {what}: down {result["downtime_ms"]} ms: shutdown {p["stop_ms"]}, rest {p["rest_ms"]} ({result["rest_bytes"] >> 10} KiB of '
          f'{result["rest_read_bytes"] >> 10} KiB looked at), handed over {p["hand_over_ms"]}, boot to open disk {p["boot_ms"]}; before that {result["bytes"] >> 20} MiB '
          f'in {p["copy_ms"]} ms', flush=True)


def must_leave_little(c, result, most):
    """With the guest off only what it had written to was looked at: the data disk's first MiB in any case."""
    c.must('rest_whole' not in result, f'expected QEMU to note where the guest writes, found {result}')
    c.must(1 << 20 <= result['rest_read_bytes'] <= most and result['rest_bytes'] <= result['rest_read_bytes'], f'expected at most {most} bytes looked at, found {result}')


def fill(host, path):
    """Some of it, here and there."""
    host.run('sh', '-c', f'for at in 64 700 1500 2000; do dd if=/dev/urandom of={path} bs=1M count=12 seek=$at conv=notrunc status=none; done')


def move_copied(c):
    """stopped and launched at the other host with its disks, which were copied while it ran: the policy has to know that host, a disk that is there already is not
    overwritten, the key is released anew, what the guest wrote last is in the copy, and the source forgets it"""
    start(c, IMAGES, known=2, data='2G')
    a, b = c.hosts.a, c.hosts.b
    fill(a, f'{IMAGES}/data.img')
    for check, status, options in (('move.live', 2, None), ('migrate.same', 2, {'to': a})):
        r = c.secure_vm('move', 'g', *c.more, '--to', b.uri, '--json', check=False) if options is None else c.secure_vm(*command(c, **options), check=False)
        error = json.loads(r.stdout)['error']
        c.must(error['check'] == check and r.returncode == status, f'expected {check}, found {error}')
    with open(b.path('lib/libvirt/images/root.img'), 'w', encoding='ascii') as f:
        f.write('somebody else\'s')
    error = move(c, check=False)['error']
    c.must(error['check'] == 'move.disk', f'expected move.disk, found {error}')
    with open(b.path('lib/libvirt/images/root.img'), encoding='ascii') as f:
        c.must(f.read() == 'somebody else\'s', 'a file of the target was overwritten')
    os.remove(b.path('lib/libvirt/images/root.img'))
    c.must(c.listed() == 'unlocked', f'expected the guest to run on, found {c.listed()}')
    move(c, '--check', *admin(c))
    c.must(not left(b, 'lib/libvirt/images') and c.listed() == 'unlocked', 'a look beforehand has changed something')
    result = move(c, *admin(c))
    say(c, 'copied', result)
    c.must(result['moved'] and result['state'] == 'unlocked' and result['bytes'] >= 32 << 20, f'expected a moved guest, found {result}')
    must_leave_little(c, result, 64 << 20)
    must_be_at(c, b, a)
    c.must(c.released() == (2, 2), f'expected a second release, found {c.released()}')
    must_be_same(a, b, f'{IMAGES}/data.img')
    stale = counter(a, f'{IMAGES}/data.img')
    must_write(c, b, f'{IMAGES}/data.img')
    c.must(counter(b, f'{IMAGES}/data.img') > stale > 0, 'the copy lacks what the guest wrote before')


def stand_still(pid):
    """Stops it with all its threads; False when it has ended."""
    def stopped():
        if has_ended(pid):
            return 'ended'
        return read_states(pid) == {'T'}  # a thread that ended meanwhile: look again
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    return wait_until('the command does not stand still', stopped) != 'ended'


def begin(c, reached, *options):
    """A move whose command is killed when that is so: it goes on for a millisecond at a time, and stands still while that is asked. Who entered the host for it
    stands still all the while: it would wake its child."""
    p = c.start_vm(*command(c, *options))
    killed = False

    def step():
        nonlocal killed
        pid = find_command(p)
        if not pid:
            return p.poll() is not None
        p.send_signal(signal.SIGSTOP)
        if not stand_still(pid):
            return True
        killed = bool(reached())
        os.kill(pid, signal.SIGKILL if killed else signal.SIGCONT)
        return killed

    def goes_on():
        """Until its end: it may hear only then that its child stood still, and stands still again."""
        p.send_signal(signal.SIGCONT)
        return p.poll() is not None

    try:
        wait_until('the move does not come so far', step, 120, pause=0.001)
    except BaseException:
        pid = find_command(p)
        if pid:
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        wait_until('who entered the host does not end', goes_on)
        said = p.communicate()
    c.must(killed, f'the move ended before it was killed: {said}')


def definition(host):
    """As libvirt keeps it there, "" for none."""
    try:
        with open(host.path('etc-libvirt/qemu/g.xml'), encoding='utf-8') as f:
            return f.read()
    except FileNotFoundError:
        return ''


def must_not_start(c, host):
    """Neither by us nor by libvirt."""
    r = c.secure_vm('start', 'g', *c.more, '--json', host=host, check=False)
    error = json.loads(r.stdout)['error']
    c.must(error['check'] == 'move.unfinished', f'expected move.unfinished, found {error}')
    r = subprocess.run([*enter(host), 'virsh', 'start', 'g'], capture_output=True, text=True, check=False)
    c.must(r.returncode and FENCE in r.stderr, f'expected libvirt to miss the disk, found {r.stdout} {r.stderr}')


def move_killed(c):
    """its command killed while disks are copied, after the end of the guest, and while it boots there: it is never in two places, is taken back with what it wrote,
    and the same command goes on; a policy that does not know the target is told before anything happens, and, where nobody was asked, the guest comes back"""
    start(c, IMAGES, known=1)
    a, b = c.hosts.a, c.hosts.b
    r = c.secure_vm(*command(c, *admin(c)), check=False)
    error = json.loads(r.stdout)['error']
    c.must(error['check'] == 'move.authority' and r.returncode == 6 and not left(b, 'lib/libvirt/images'), f'expected move.authority, found {error}')
    begin(c, lambda: 'root.img' in left(b, 'lib/libvirt/images'))
    c.must(c.listed() == 'unlocked' and c.listed(b) == '', f'expected the guest to run on, found {c.listed()}, {c.listed(b)}')
    c.must_answer()
    begin(c, lambda: FENCE in definition(a))
    c.must(c.listed() == 'stopped', f'expected the guest to be off, found {c.listed()}')
    must_not_start(c, a)
    stale = counter(a, f'{IMAGES}/data.img')
    c.secure_vm(*command(c, '--recover'))
    wait_until('the guest does not get its disk again', lambda: c.released() == (2, 2), 120)
    must_write(c, a, f'{IMAGES}/data.img')
    c.must(counter(a, f'{IMAGES}/data.img') > stale, 'it lost what it wrote')
    c.must(not left(b, 'lib/libvirt/images') and c.listed(b) == '' and FENCE not in definition(a), f'expected nothing at b, found {left(b, "lib/libvirt/images")}')
    error = move(c, check=False)['error']
    c.must('running where it was' in error['message'], f'expected the guest to come back by itself, found {error}')
    wait_until('the guest does not get its disk again', lambda: c.released() == (3, 3), 120)
    c.guest['attestation']['ek_roots'] = c.make_authorities()
    c.put_policy(c.write_guest())
    begin(c, lambda: c.listed(b) == 'running', *admin(c))
    must_not_start(c, a)
    result = move(c, *admin(c))
    c.must(result['moved'], f'expected a moved guest, found {result}')
    must_be_at(c, b, a)
    must_write(c, b, f'{IMAGES}/data.img')


OFF = """<domain type='qemu'><name>g</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/var/lib/libvirt/images/root.img'/><target dev='vda' bus='virtio'/></disk>
<channel type='unix'><target type='virtio' name='org.secure-vm.agent'/></channel></devices></domain>"""


def digest(host):
    return host.run('sha256sum', f'{IMAGES}/root.img').split()[0]


def define_off(c, filled, size):
    """At host a; so much of its disk is filled."""
    c.hosts.a.run('sh', '-c', f'head -c {filled} /dev/urandom >{IMAGES}/root.img; truncate -s {size} {IMAGES}/root.img; chmod 600 {IMAGES}/root.img')
    with open(c.path('off.xml'), 'w', encoding='ascii') as f:
        f.write(OFF)
    c.hosts.a.run('virsh', 'define', c.path('off.xml'))


def move_off(c):
    """one that is off goes with its disk, and stays off; its command killed while the disk is copied, after the fence and when the target has it, it is in one place, comes back,
    and goes on; it still starts with its host"""
    a, b = c.hosts.a, c.hosts.b
    define_off(c, '48M', '65M')
    a.run('virsh', 'autostart', 'g')
    known = digest(a)
    begin(c, lambda: 'root.img' in left(b, 'lib/libvirt/images'))
    c.must(c.listed(a) == 'stopped' and c.listed(b) == '', f'expected the guest at a, found {c.listed(a)}, {c.listed(b)}')
    begin(c, lambda: FENCE in definition(a))
    must_not_start(c, a)
    c.must(c.listed(b) == '', f'expected nothing at b yet, found {c.listed(b)}')
    result = move(c, '--recover')
    c.must(not result['moved'] and FENCE not in definition(a) and 'secure-vm:move' not in definition(a) and not left(b, 'lib/libvirt/images'),
           f'expected the guest back, found {result}, {definition(a)}, {left(b, "lib/libvirt/images")}')
    begin(c, lambda: definition(b))
    result = move(c)
    c.must(result['moved'], f'expected a moved guest, found {result}')
    c.must(c.listed(a) == '' and c.listed(b) == 'stopped', f'expected the guest at b, found {c.listed(a)}, {c.listed(b)}')
    c.must(digest(a) == known == digest(b), 'the disk is another at b')
    c.must(FENCE not in definition(b) and 'secure-vm:move' not in definition(b), f'expected neither fence nor mark, found {definition(b)}')
    c.must('enable' in b.run('virsh', 'dominfo', 'g').split('Autostart:')[1].split()[0], 'expected it to start with its host')


def find_qemu(host):
    return next(pid for pid, line in host.processes().items() if 'qemu-system' in line)


def move_untracked(c):
    """its QEMU is killed while its disk is copied, so nobody knows where it wrote: the whole disk is looked at, which is said, and it is the same there"""
    a, b = c.hosts.a, c.hosts.b
    define_off(c, '200M', '257M')
    a.run('virsh', 'start', 'g')
    known = digest(a)
    p = c.start_vm(*command(c))
    wait_until('no disk is copied', lambda: 'root.img' in left(b, 'lib/libvirt/images') or p.poll() is not None, pause=0.001)
    os.kill(int(find_qemu(a)), signal.SIGKILL)
    out, messages = p.communicate()
    result = json.loads(out)
    c.must(p.returncode == 0 and result['moved'], f'expected a moved guest, found {result}')
    c.must(result['rest_read_bytes'] == 257 << 20 and 'is not known' in messages, f'expected to be told of all of it, found {result}, {messages}')
    c.must('rest_whole' in result and digest(a) == known == digest(b), f'the disk is another at b: {result}')
    c.must(c.listed(a) == '' and b.run('virsh', 'list', '--name').split() == ['g'], f'expected the guest at b, found {c.listed(a)}, {b.run("virsh", "list", "--all")}')


CASES = [move_off, move_copied, move_killed, move_untracked]
