# SPDX-License-Identifier: Apache-2.0
"""All guests of a host go to another: live where that can be, cold where it must."""
import contextlib
import json
import os
import subprocess

from guests import enter
from migrate import connection, left, must_attest, start
from move import FENCE

IMAGES = '/var/lib/libvirt/images'
# Ours by its agent's port. It boots nothing, and hears no button.
GUEST = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='{disk}'/><target dev='vda' bus='virtio'/></disk>
{more}</devices></domain>"""
AGENT = "<channel type='unix'><target type='virtio' name='org.secure-vm.agent'/></channel>"
USER = "<interface type='user'/>"  # its connections are its host's, so it cannot go while it runs


def make_guest(c, name, folder, more):
    """A plain guest that runs at a."""
    disk = os.path.join(folder, f'{name}.img')
    c.hosts.a.run('sh', '-c', f'head -c 3M /dev/urandom >{disk}; truncate -s 8M {disk}; chmod 600 {disk}')
    with open(c.path(f'{name}.xml'), 'w', encoding='ascii') as f:
        f.write(GUEST.format(name=name, disk=disk, more=more))
    c.hosts.a.run('virsh', 'define', c.path(f'{name}.xml'))
    c.hosts.a.run('virsh', 'start', name)
    return disk


@contextlib.contextmanager
def cleared(c, *names):
    """At the end none of these is anywhere."""
    try:
        yield
    finally:
        for host in c.hosts.all:
            for name in names:
                for verb in ('destroy', 'undefine'):
                    subprocess.run([*enter(host), 'virsh', verb, name], capture_output=True, check=False)


def drain(c, *options, status=0, source=None):
    r = c.secure_vm('drain', source or c.hosts.a.uri, '--to', c.hosts.b.uri, '--timeout', '1', '--force', '--json', *options, check=False)
    answer = json.loads(r.stdout)
    c.must(r.returncode == status, f'expected exit status {status}, found {r.returncode}: {answer}')
    return answer


def rows(answer):
    return {g['name']: g for g in answer['guests']}


def names(host, *options):
    return sorted(host.run('virsh', 'list', '--name', *options).split())


def say(c, answer):
    for g in answer['guests']:
        r = g['result']
        print(f'    {c.name}: {g["name"]}: {g["how"]}, ' + (f'pause {r["pause_ms"]} of {r["total_ms"]} ms' if g['how'] == 'live' else
              f'down {r["downtime_ms"]} ms: {r["phases"]}'), flush=True)


def drain_both(c):
    """one that can goes while it runs, the other is stopped and launched there; with one of somebody else's nothing is moved before --partial; the look beforehand says why,
    and changes nothing; a second drain finds nothing to do"""
    a, b = c.hosts.a, c.hosts.b
    with cleared(c, 'live', 'cold', 'other'):
        make_guest(c, 'live', c.folder, AGENT)
        disk = make_guest(c, 'cold', IMAGES, AGENT + USER)
        known = a.run('sha256sum', disk).split()[0]
        make_guest(c, 'other', c.folder, '')
        plan = drain(c, '--check', status=3)
        c.must(plan['error']['check'] == 'drain.stays' and '(other)' in plan['error']['message'], f'expected drain.stays, found {plan["error"]}')
        found = {n: (g['how'], g['outcome'], g.get('to')) for n, g in rows(plan).items()}
        expected = {'live': ('live', 'planned', b.uri), 'cold': ('cold', 'planned', b.uri), 'other': ('none', 'stays', None)}
        c.must(found == expected, f'expected {expected}, found {found}')
        why = [(w['way'], w['check']) for w in rows(plan)['cold']['why']]
        c.must(why == [('live', 'migrate.network')], f'expected the network against it, found {why}')
        c.must({w['check'] for w in rows(plan)['other']['why']} == {'state.other'}, f'expected somebody else\'s, found {rows(plan)["other"]["why"]}')
        drain(c, status=3)
        c.must(names(a) == ['cold', 'live', 'other'] and names(b, '--all') == [], f'expected nothing moved, found {names(a)}, {names(b, "--all")}')
        a.run('virsh', 'destroy', 'other')
        a.run('virsh', 'undefine', 'other')
        answer = drain(c)
        c.must({g['outcome'] for g in answer['guests']} == {'gone'}, f'expected all gone, found {answer}')
        cold = rows(answer)['cold']['result']
        c.must('another host' in cold['rest_whole'] and cold['rest_read_bytes'] == 8 << 20, f'expected all of the disk looked at, found {cold}')
        c.must(names(a, '--all') == [] and names(b) == ['cold', 'live'], f'expected both at b, found {names(a, "--all")}, {names(b)}')
        c.must(b.run('sha256sum', disk).split()[0] == known, 'its disk is another there')
        text = b.run('virsh', 'dumpxml', '--inactive', 'cold')
        c.must(FENCE not in text and 'secure-vm:move' not in text, f'expected neither fence nor mark, found {text}')
        say(c, answer)
        c.must(drain(c)['guests'] == [], 'expected no guests')


def drain_attested(c):
    """a guest with its disk open, its connection and its vTPM, goes while it runs, and attests there; one that cannot is stopped and launched there"""
    start(c)
    with cleared(c, 'cold'):
        make_guest(c, 'cold', IMAGES, AGENT + USER)
        with connection(c):
            answer = drain(c, source='qemu:///system')
        say(c, answer)
        cold = rows(answer)['cold']['result']
        c.must('rest_whole' not in cold and cold['rest_read_bytes'] == 0, f'expected nothing left to look at, found {cold}')
        c.must({n: (g['how'], g['outcome']) for n, g in rows(answer).items()} == {'g': ('live', 'gone'), 'cold': ('cold', 'gone')}, f'expected both gone, found {answer}')
        c.must(names(c.hosts.a, '--all') == [] and names(c.hosts.b) == ['cold', 'g'], 'expected both at b')
        c.must(not left(c.hosts.a, 'lib/secure-vm/.elsewhere/g/boot'), 'copies of what boots are left')
        c.host = c.hosts.b
        must_attest(c)


CASES = [drain_both, drain_attested]
