# SPDX-License-Identifier: Apache-2.0
"""What breaks around a guest of a daemon: the guest and its data are as before or as asked, what is shown of it is right, and the next command works."""
import contextlib
import json
import os
import signal
import subprocess

from guests import enter
from migrate import begin, command, migrate, must_be_moved, must_write, reason, set_link, start
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


# --- post-copy ---

def jobs(host):
    return subprocess.run([*enter(host), 'virsh', 'domjobinfo', 'g'], capture_output=True, text=True, check=False).stdout


def begin_post_copy(c):
    """From a to b, by a command at b, which outlives a; when the guest runs at b already. Its disk and card are at rest: QEMU serves them in the thread that also
    hears libvirt, and that thread waits for a page of memory for as long as the hosts are apart."""
    set_link(c.hosts.a, 'down')
    words = [w.replace(c.more[1], c.hosts.a.uri) for w in command(c, '--post-copy', '--bandwidth', '8MiB', '--json')]
    p = c.hosts.b.start(c.env.vm, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=c.environment)
    # so slow that it is there to be broken
    slow = [*enter(c.hosts.a), 'virsh', 'migrate-setspeed', 'g', '1', '--postcopy']
    wait_until('the migration does not begin', lambda: p.poll() is not None or 'Memory processed' in jobs(c.hosts.a))
    wait_until('libvirt takes no limit', lambda: p.poll() is not None or subprocess.run(slow, capture_output=True, check=False).returncode == 0)
    wait_until('the migration does not go over to post-copy', lambda: p.poll() is not None or 'post-copy' in reason(c.hosts.b))
    c.must(p.poll() is None, f'the migration ended: {p.communicate() if p.poll() is not None else ""}')
    return p


def break_apart(c, p):
    """As the network between them would; QEMU takes that when the source has seen that the guest runs at b."""
    pause = [*enter(c.hosts.a), 'virsh', 'domjobabort', 'g', '--postcopy']
    wait_until('the post-copy does not break', lambda: p.poll() is not None or subprocess.run(pause, capture_output=True, check=False).returncode == 0)


def must_have_broken(c, p, *hosts):
    """The command says so; so do show and list at each of the hosts, and nobody touches what is there."""
    wait_until(lambda: f'the command does not end: {[reason(h) for h in hosts]}', lambda: p.poll() is not None)
    out, said = p.communicate()
    error = json.loads(out).get('error', {})
    c.must(error.get('check') == 'migrate.post-copy' and p.returncode == 3 and '--recover' in error['message'], f'expected migrate.post-copy, found {out}')
    c.must('lives on both hosts' in said, f'expected to be warned before, found {said}')
    for h in hosts:
        wait_until(lambda: f'{h.name} says: {reason(h)}', lambda: 'post-copy failed' in reason(h))
        shown = shows(c, h)
        c.must((shown['state'], shown['paused_for'], shown['error']['check']) == ('paused', 'post-copy', 'migrate.post-copy'), f'{h.name}: {shown}')
        c.must('destroy g' in shown['error']['message'], f'expected the next command, found {shown["error"]}')
        c.must(c.listed(h) == 'paused', f'{h.name} lists it as {c.listed(h)}')
        for argv in (['resume', 'g', *c.more], ['stop', 'g', *c.more], ['reset', 'g', *c.more], command(c, to=c.hosts.a if h is c.hosts.b else None), ['start', 'g', *c.more],
                     ['move', 'g', *c.more, '--to', c.hosts.a.uri if h is c.hosts.b else c.hosts.b.uri], ['snapshot', 'create', c.file, *c.more],
                     ['backup', 'create', c.file, *c.more, '--to', c.path('copies')]):
            refused(c, 'migrate.post-copy', *argv, host=h)
        r = c.secure_vm('console', 'g', *c.more, check=False, host=h)
        c.must('[migrate.post-copy]' in r.stderr, f'expected the console to be refused, found {r.stdout} {r.stderr}')
        c.secure_vm('host', 'budget', *c.more, host=h)  # which does not wait for its QEMU


def must_start_anew(c):
    """At a, from its disks."""
    opened = c.released()
    c.secure_vm('start', 'g', *c.more, '--wait')
    c.must(c.released() == tuple(n + 1 for n in opened), f'expected its key once more, found {c.released()}')
    c.must_answer()


def live_post_copy(c):
    """a post-copy breaks, by the network or as its source loses power: each part is shown as what it is and left alone, and when it is given up the guest starts anew"""
    start(c, data=False)
    a, b = c.hosts.a, c.hosts.b
    p = begin_post_copy(c)
    break_apart(c, p)
    must_have_broken(c, p, a, b)
    if ' 11.3.' in b.run('libvirtd', '--version'):
        refused(c, 'migrate.recover', *command(c, '--recover'), host=a)
        c.must(c.listed(b) == 'paused', 'the target\'s daemon is gone')
    c.secure_vm('destroy', 'g', *c.more, host=b)
    c.secure_vm('destroy', 'g', *c.more, host=a)
    c.must(c.listed(a) == c.listed(b) == '', f'expected it to be gone, found {c.listed(a)}, {c.listed(b)}')
    c.must_launch()
    c.must_answer()
    p = begin_post_copy(c)
    a.off()
    must_have_broken(c, p, b)
    c.secure_vm('destroy', 'g', *c.more, host=b)
    a.on()
    must_start_anew(c)


CASES = [faults, live_post_copy]
