# SPDX-License-Identifier: Apache-2.0
"""A guest's life under the system's libvirt daemon."""
import json
import os
import shutil
import subprocess

from guests import enter
from migrate import BOOT
from patience import wait_until


def must_print(c):
    """Its console, attached to, shows what the guest prints."""
    log = c.path('console.txt')
    with open(log, 'wb') as f:
        p = subprocess.Popen([*enter(c.host), c.env.vm, 'console', 'g', *c.more], stdin=subprocess.PIPE, stdout=f, stderr=f)

    def seen():
        with open(log, encoding='utf-8', errors='replace') as f:
            return f.read()
    try:
        wait_until(lambda: f'the console never showed the guest: {seen()[-300:]}', lambda: 'hosts-root: round' in seen())
    finally:
        p.stdin.close()
        p.terminate()
        p.wait()


def must_look_at_copies(c):
    """What the guest boots from is looked for where it is, from whatever host: without it the guest is not taken down. b has a guest of that name of its own."""
    initrd = os.path.join(c.hosts.a.path(BOOT), 'initrd')
    os.makedirs(c.hosts.b.path(BOOT))
    with open(os.path.join(c.hosts.b.path(BOOT), 'initrd'), 'w', encoding='utf-8') as f:
        f.write('of another guest')
    os.rename(initrd, initrd + '.away')
    for host, uri in ((c.hosts.a, c.more[1]), (c.hosts.b, c.hosts.a.uri)):
        r = c.secure_vm('reset', 'g', '--connect', uri, '--json', host=host, check=False)
        check = json.loads(r.stdout).get('error', {}).get('check')
        c.must(check == 'reboot.copies', f'expected reset at {host.name} to be refused with reboot.copies, found {r.stdout} {r.stderr}')
    os.rename(initrd + '.away', initrd)
    c.must(c.listed() == 'unlocked', f'expected the guest to run on, found {c.listed()}')


def must_end_from_elsewhere(c):
    """Its own copies go, and not those that b has for its guest of that name."""
    c.secure_vm('destroy', 'g', '--connect', c.hosts.a.uri, host=c.hosts.b)
    c.must(not os.listdir(c.hosts.a.path(BOOT)), f'a has copies still: {os.listdir(c.hosts.a.path(BOOT))}')
    c.must(os.listdir(c.hosts.b.path(BOOT)) == ['initrd'], 'the copies of the guest of b are gone')
    shutil.rmtree(c.hosts.b.path(BOOT))


def must_resize(c):
    """What it may take is changed by the daemon, which the kernel's own shaper shows."""
    a, both = c.hosts.a, ('--disk-rate', 'root=30MiB', '--net-rate', '0=2MiB')
    tap = next(w for w in a.run('ip', '-o', 'link', 'show', 'master', 'br0').replace(':', ' ').split() if w.startswith('vnet'))
    if subprocess.run([*enter(a), 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'sfq'], capture_output=True, check=False).returncode:
        r = c.secure_vm('resize', 'g', *both, *c.more, check=False)
        c.must(r.returncode == 3 and '[resize.net-limit]' in r.stderr, f'expected a kernel without sfq to be named, found {r.stderr}')
        limits = c.ask('show', 'g')['limits']
        c.must(not limits['disks'] and not limits['nics'], f'expected all to be as it was, found {limits}')
    else:
        limits = c.ask('resize', 'g', *both)['limits']
        c.must(limits['nics'] == [{'card': 0, 'rate': 2 << 20}] and limits['disks'] == [{'id': 'root', 'rate': 30 << 20}], f'found {limits}')
        c.must('htb' in a.run('tc', 'qdisc', 'show', 'dev', tap), 'expected the card to be limited by the kernel')
    if 'cpu_shares' in limits:
        limits = c.ask('resize', 'g', '--cpu-shares', '300', '--cpu-quota', '80')['limits']
        c.must((limits['cpu_shares'], limits['cpu_quota']) == (300, 80), f'expected weight and quota, found {limits}')
    none = c.ask('resize', 'g', '--disk-rate', 'root=none', '--net-rate', '0=none')['limits']
    c.must(not none['nics'] and not none['disks'], f'expected no limits, found {none}')
    c.must('htb' not in a.run('tc', 'qdisc', 'show', 'dev', tap), 'expected the card to be limited no more')
    c.must_answer()


def daemon_life(c):
    """launched at a host with its vTPM attested, listed, shown, its console attached, not reset without what it boots from, stopped, and destroyed from the other
    host, which has nothing of it and keeps its own"""
    c.prepare()
    c.must_launch()
    c.must_answer()
    must_print(c)
    c.must(c.released() == (1, 1), f'expected one release and one open disk, found {c.released()}')
    c.must(c.listed() == 'unlocked' and c.listed(c.hosts.b) == '', f'expected the guest at a only, found {c.listed()}, {c.listed(c.hosts.b)}')
    shown = c.ask('show', 'g')
    c.must(shown['state'] == 'unlocked' and shown['connect'] == 'qemu:///system', f'expected a running guest, found {shown}')
    must_look_at_copies(c)
    must_resize(c)
    c.must(c.secure_vm('stop', 'g', *c.more, '--timeout', '1', check=False).returncode == 3, 'expected a guest that ignores its button not to stop')
    c.secure_vm('stop', 'g', *c.more, '--timeout', '1', '--force')
    c.must(c.listed() == 'stopped', f'expected the guest to be off, found {c.listed()}')
    must_end_from_elsewhere(c)
    c.must(c.listed() == '', f'expected nothing to stay defined, found {c.listed()}')
    c.must(not [p for p in c.hosts.a.processes().values() if 'swtpm' in p or 'qemu-system' in p], 'something of the guest still runs')


CASES = [daemon_life]
