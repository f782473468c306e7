# SPDX-License-Identifier: Apache-2.0
"""What breaks around a guest of a daemon: the guest and its data are as before or as asked, what is shown of it is right, and the next command works."""
import contextlib
import json
import os
import signal

from migrate import begin, migrate, must_be_moved, must_write, start
from patience import wait_until


def refused(c, check, *argv, host=None):
    """With this check, for whatever the daemon does not do."""
    r = c.secure_vm(*argv, '--json', check=False, host=host)
    error = json.loads(r.stdout).get('error', {})
    c.must(error.get('check') == check, f'{argv[0]}: expected {check}, found {r.stdout} {r.stderr[-300:]}')
    return error['message']


def shows(c, host=None):
    return c.ask('show', 'g', host=host)


def daemon_crashes(c):
    a = c.hosts.a
    a.kill_libvirtd()
    refused(c, 'virt.open', 'show', 'g', *c.more)
    c.must_answer()
    a.start_libvirtd()
    shown = shows(c)
    c.must(shown['state'] == 'unlocked' and 'since' in shown, f'expected the guest as it was, found {shown}')
    c.secure_vm('pause', 'g', *c.more)
    c.must(c.listed() == 'paused', f'expected it to be paused, found "{c.listed()}"')
    a.kill_libvirtd()
    a.start_libvirtd()
    shown = shows(c)
    c.must((shown['state'], shown['paused_for']) == ('paused', 'asked'), f'expected it to be paused still, found {shown}')
    c.secure_vm('resume', 'g', *c.more)
    c.must(c.listed() == 'unlocked', f'expected it to go on, found "{c.listed()}"')
    c.must_answer()


def host_sleeps(c):
    """Everything there stands still, and goes on."""
    a = c.hosts.a
    pids = [p for p in a.processes() if p != a.pid]
    for p in pids:
        os.kill(p, signal.SIGSTOP)
    try:
        wait_until('the guest answers at a host that sleeps', lambda: not c.answers())
    finally:
        for p in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(p, signal.SIGCONT)
    c.must_answer()
    c.must(shows(c)['state'] == 'unlocked', f'expected the guest as it was, found {shows(c)}')


def network_is_cut(c):
    """In the middle of a migration. The command is at the source."""
    p = begin(c)
    c.hosts.switch.ip('link', 'set', f'port-{c.hosts.b.name}', 'down')
    out, said = p.communicate()
    error = json.loads(out)['error']
    c.must(error['check'] == 'migrate.target' and 'running where it was' in error['message'], f'expected the guest to run at the source, found {error}')
    c.must('stays there' in said, f'expected to be told of the files at the target, which cannot be asked, found {said}')
    c.hosts.switch.ip('link', 'set', f'port-{c.hosts.b.name}', 'up')
    wait_until('the target has a half of the guest still', lambda: c.listed(c.hosts.b) == '', 120)
    c.must(c.listed() == 'unlocked', f'expected the guest as it was, found "{c.listed()}"')
    c.must_answer()


def qemu_dies(c):
    a = c.hosts.a
    pid = next(p for p, line in a.processes().items() if 'qemu-system' in line and 'guest=g,' in line)
    opened = c.released()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: f'what ended is shown as {c.listed()}', lambda: c.listed() == 'stopped')
    c.must(not [p for p in a.processes().values() if 'swtpm' in p], 'its vTPM runs on')
    refused(c, 'state.off', 'resume', 'g', *c.more)
    c.secure_vm('start', 'g', *c.more, '--wait')
    c.must(c.released() == tuple(n + 1 for n in opened), f'expected its key once more, found {c.released()}')
    c.must(shows(c)['state'] == 'unlocked', f'expected it to have its disk, found {shows(c)}')
    c.must_answer()


def faults(c):
    """libvirtd is killed while the guest runs and while it is paused, the host sleeps, the network is cut in a migration, QEMU is killed: what is shown is right, nothing is
    lost, the next command works, at the end a migration"""
    start(c)
    daemon_crashes(c)
    host_sleeps(c)
    network_is_cut(c)
    must_write(c, c.hosts.a, os.path.join(c.folder, 'data.img'))
    qemu_dies(c)
    must_be_moved(c, migrate(c))


CASES = [faults]
