# SPDX-License-Identifier: Apache-2.0
"""A guest's life under the system's libvirt daemon."""
import subprocess

from guests import enter
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


def daemon_life(c):
    """launched at a host with its vTPM attested, listed, shown, its console attached, stopped and destroyed; the other host has nothing of it"""
    c.prepare()
    c.launch()
    c.must(c.status == 0 and c.result.get('ok'), f'expected the guest to get its disk: {c.messages[-300:]}')
    c.must_answer()
    must_print(c)
    c.must(c.released() == (1, 1), f'expected one release and one open disk, found {c.released()}')
    c.must(c.listed() == 'unlocked' and c.listed(c.hosts.b) == '', f'expected the guest at a only, found {c.listed()}, {c.listed(c.hosts.b)}')
    shown = c.ask('show', 'g')
    c.must(shown['state'] == 'unlocked' and shown['connect'] == 'qemu:///system', f'expected a running guest, found {shown}')
    c.must(c.secure_vm('stop', 'g', *c.more, '--timeout', '1', check=False).returncode == 3, 'expected a guest that ignores its button not to stop')
    c.secure_vm('stop', 'g', *c.more, '--timeout', '1', '--force')
    c.must(c.listed() == 'stopped', f'expected the guest to be off, found {c.listed()}')
    c.secure_vm('destroy', 'g', *c.more)
    c.must(c.listed() == '', f'expected nothing to stay defined, found {c.listed()}')
    c.must(not [p for p in c.hosts.a.processes().values() if 'swtpm' in p or 'qemu-system' in p], 'something of the guest still runs')


CASES = [daemon_life]
