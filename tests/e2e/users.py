# SPDX-License-Identifier: Apache-2.0
"""Other ways to the same guest: as an ordinary user, and through a libvirt daemon."""
import json
import os
import shutil
import subprocess
import time
import types

from cases import case
from env import MARKER, run
from patience import wait_until
from snapshots import kept_by_daemon

NOBODY = 65534


def as_user(c):
    """Everything of the host's side from now on as a user without rights, in a home of its own, with copies of what root alone may read.
    The broker stays where it is."""
    home, own = c.path('home'), {}
    for name in ('vm', 'kernel', 'initrd'):
        own[name] = shutil.copy(os.path.realpath(getattr(c.env, name)), c.path(name))
        os.chmod(own[name], 0o755)
    own['root'] = shutil.copytree(c.env.root, c.path('tree'), symlinks=True)
    c.root = own['root']
    c.env = types.SimpleNamespace(**dict(vars(c.env), **own))
    c.guest.update(kernel=c.env.kernel, initrd=c.env.initrd)
    os.mkdir(home)
    os.chown(c.dir, NOBODY, NOBODY)
    os.chown(home, NOBODY, NOBODY)
    os.chown(c.state, NOBODY, NOBODY)
    os.mkdir(c.path('run'), 0o700)
    os.chown(c.path('run'), NOBODY, NOBODY)
    c.environment = dict(c.environment, HOME=home, XDG_RUNTIME_DIR=c.path('run'), XDG_CACHE_HOME=os.path.join(home, 'cache'),
                         XDG_CONFIG_HOME=os.path.join(home, 'config'))
    c.vm = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--inh-caps=-all', '--no-new-privs', c.env.vm]


def lend_admin_key(c):
    """The administrator's key, for the user who makes the disk and puts the policy."""
    for p in (c.broker.dir, os.path.join(c.broker.dir, 'admin.key')):
        os.chown(p, NOBODY, NOBODY)


def prepare_as_user(c):
    as_user(c)
    c.make_broker()
    lend_admin_key(c)
    c.make_disk()
    c.file = c.write_guest()
    run(*c.vm, 'host', 'vtpm-ca', env=c.environment)
    c.put_policy(c.file)


@case
def ordinary_user(c):
    """an ordinary user makes the disk, puts the policy, launches, stops"""
    prepare_as_user(c)
    c.launch()
    c.must_unlock()
    c.must({os.stat(f'/proc/{p}').st_uid for p in c.processes()} == {NOBODY}, 'something of this guest runs as another user')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    c.must(not c.processes(), 'something of this guest still runs')


@case
def other_host(c):
    """a vTPM guest on another host: refused, with what to do; opened when the policy has the authorities of both hosts"""
    prepare_as_user(c)
    first, roots = c.environment, []
    c.environment = dict(first, XDG_CONFIG_HOME=os.path.join(first['HOME'], 'config-b'))
    c.launch()
    c.must_refuse('proof', 'vtpm.ek.chain')
    for words in ('host vtpm-ca --export', 'attestation.ek_roots'):
        c.must(words in c.result['error']['message'], f'expected the cure ("{words}") in the message')
    for name, environment in (('a', first), ('b', c.environment)):
        roots.append(os.path.join(first['HOME'], name + '.pem'))
        run(*c.vm, 'host', 'vtpm-ca', '--export', roots[-1], env=environment)
    c.file = c.write_guest(attestation=dict(c.guest['attestation'], ek_roots=roots))
    c.put_policy(c.file)
    c.launch()
    c.must_unlock()


def with_daemon(c, part):
    prepare_as_user(c)
    setpriv = c.vm[:-1]
    with open(c.path('libvirtd.log'), 'w', encoding='utf-8') as log:
        d = subprocess.Popen([*setpriv, 'libvirtd', '--timeout', '120'], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=c.environment)
    try:
        sock = c.path('run/libvirt/libvirt-sock')
        wait_until(lambda: 'libvirtd does not listen: ' + open(c.path('libvirtd.log'), encoding='utf-8').read()[-600:], lambda: os.path.exists(sock))
        c.more = ['--connect', f'qemu:///session?socket={sock}']
        part(c)
    finally:
        d.terminate()
        d.wait(60)


@case
def daemon(c):
    """through a libvirt daemon of the user's: launched, reset from a host that knows nothing but the URI, attested anew; nothing stays defined"""
    with_daemon(c, attested)


@case
def daemon_life(c):
    """at a libvirt daemon, from a host that knows nothing but the URI: shown, paused, resumed, reset, stopped, started, with its events; wrong states are refused"""
    with_daemon(c, kept)


def attested(c):
    through_daemon(c)
    kept_by_daemon(c)
    c.environment = dict(c.environment, SECURE_VM_DIR=c.path('home/elsewhere'))
    c.must(len(ask(c, 'show', 'g')['grounds']) > 20, 'expected the grounds to be kept')
    before = outcomes(c)
    c.must(ask(c, 'reset', 'g', '--wait')['state'] == 'unlocked', 'expected it to have its disk again')
    wait_until(lambda: f'expected it to attest anew, found {outcomes(c)} after {before}', lambda: outcomes(c) == [*before, 'attested', 'released', 'opened'])
    forgotten(c)


def through_daemon(c):
    c.launch()
    c.must('not apart from each other by ids: only root' in c.messages, f'expected to be told that the guests of a daemon are not apart, found {c.messages}')
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to get its disk')
    c.must([r.get('outcome') for r in c.broker.audit()][-2:] == ['released', 'opened'], 'expected records of the release and of the open disk')
    rows = json.loads(run(*c.vm, 'list', *c.more, '--json', env=c.environment).stdout)['guests']
    c.must([(r['name'], r['state'], r['tee']) for r in rows] == [('g', 'unlocked', 'vtpm')], f'expected the guest to be listed with its disk, found {rows}')


def ask(c, *args, status=0):
    r = run(*c.vm, *args, *c.more, '--json', check=False, env=c.environment)
    c.must(r.returncode == status, f'{args}: expected exit status {status}, found {r.returncode}: {r.stdout}{r.stderr}')
    return json.loads(r.stdout)


def fails(c, check, *args):
    error = ask(c, *args, status=3)['error']
    c.must(error['check'] == check, f'{args}: expected {check}, found {error}')


def outcomes(c):
    return [r.get('outcome') for r in c.broker.audit() if r['action'] != 'disk']


def shows(c, state):
    found = ask(c, 'show', 'g')
    c.must(found['state'] == state, f'expected "{state}", found {found}')
    return found


def watch_events(c):
    """Everything that happens to it from now on, in a file."""
    with open(c.path('heard'), 'w', encoding='utf-8') as f:
        p = subprocess.Popen([*c.vm, 'events', 'g', *c.more, '--json'], stdout=f, stderr=f, stdin=subprocess.DEVNULL, env=c.environment)
    wait_until('events said nothing', lambda: heard(c) == ['state'])
    return p


def heard(c):
    with open(c.path('heard'), encoding='utf-8') as f:
        return [json.loads(line)['event'] for line in f.read().splitlines()]


def kept(c):
    c.result = {}
    c.console = lambda: ''  # a daemon's guest has none here
    ask(c, 'launch', c.file)
    c.environment = dict(c.environment, SECURE_VM_DIR=c.path('home/elsewhere'))
    shown = shows(c, 'running')
    c.must((shown['guest_file'], shown['tee'], shown['owner']['uid']) == (c.file, 'vtpm', NOBODY) and len(shown['boot']['kernel']['sha256']) == 64
           and shown['memory_cost'] > 1 << 20 and 'folder' not in shown, f'expected all of it to be shown, found {shown}')
    events = watch_events(c)
    try:
        walk(c)
        wanted = ['state', 'paused', 'resumed', 'paused', 'ended', 'running', 'ended', 'running']
        wait_until(lambda: f'expected {wanted}, heard {heard(c)}', lambda: heard(c) == wanted)
    finally:
        events.terminate()
        events.wait()
    forgotten(c)


def walk(c):
    fails(c, 'state.running', 'resume', 'g')
    fails(c, 'state.busy', 'start', 'g')
    fails(c, 'state.busy', 'launch', c.file)
    ask(c, 'pause', 'g')
    c.must(shows(c, 'paused')['paused_for'] == 'asked', 'expected to be told why')
    fails(c, 'state.paused', 'pause', 'g')
    c.must(ask(c, 'resume', 'g')['state'] == 'running', 'expected it to go on')
    fails(c, 'reboot.timeout', 'reboot', 'g', '--timeout', '1')  # it hears no button
    shows(c, 'running')
    ask(c, 'pause', 'g')
    ask(c, 'reset', 'g')
    shows(c, 'running')
    ask(c, 'stop', 'g', '--timeout', '1', '--force')
    shows(c, 'stopped')
    for command in ('pause', 'resume', 'reset', 'reboot', 'stop'):
        fails(c, 'state.off', command, 'g')
    c.must(ask(c, 'autostart', 'g', '--set', 'on')['autostart'] and ask(c, 'show', 'g')['autostart'], 'expected it to start with the daemon')
    ask(c, 'start', 'g')
    shows(c, 'running')


def forgotten(c):
    run(*c.vm, 'destroy', 'g', *c.more, env=c.environment)
    rows = json.loads(run(*c.vm, 'list', *c.more, '--json', env=c.environment).stdout)['guests']
    c.must(not rows, f'expected nothing to stay defined, found {rows}')
