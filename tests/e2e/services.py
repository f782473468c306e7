# SPDX-License-Identifier: Apache-2.0
"""Guests that outlive their launcher, and guests as services: a launch that is interrupted, and the installed units under a systemd that
boots beside the machine's own: in namespaces, with the machine's files, and with folders of its own for guests."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess

from cases import case
from env import TOP, free_port, run
from patience import patient, wait_until
from processes import find_children

SYSTEMD = '/usr/lib/systemd/systemd'
# As PID 1: proc and cgroups of these namespaces, no generators, an empty /run. $1: the guests' folder, $2: their definitions.
BOOT = '''
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for d in .ids .vtpm-ca; do mkdir -p /var/lib/secure-vm/$d "$1/$d" && mount --bind /var/lib/secure-vm/$d "$1/$d"; done
mount --rbind "$1" /var/lib/secure-vm
mount --bind "$2" /etc/secure-vm
mount -t tmpfs tmpfs /run
mkdir /run/none && mount --bind /run/none /usr/lib/systemd/system-generators
exec ''' + SYSTEMD + ''' --system --log-target=console --log-level=info --unit=default.target
'''
# What units of a whole system depend on, and this system need not have.
STUBS = ('sysinit.target', 'basic.target', 'network-online.target', 'shutdown.target', 'multi-user.target', 'default.target', 'umount.target')


def messages(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read()


@case
def interrupted(c):
    """launch --wait that is interrupted while the guest boots: the guest goes on, and `wait` follows it to its disk and to its end"""
    c.prepare()
    with open(c.path('launch.log'), 'w', encoding='utf-8') as log:
        # who runs these tests in the background has interrupts ignored, for them and for us
        p = subprocess.Popen([*c.vm, 'launch', c.file, '--wait'], stderr=log, env=c.environment,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        wait_until('the guest never ran', lambda: 'the guest runs' in messages(c.path('launch.log')) or p.poll() is not None)
        p.send_signal(signal.SIGINT)
        c.status = p.wait(patient(60))
    c.result = messages(c.path('launch.log'))
    c.must(c.status == 3 and '[launch.interrupted]' in c.result and 'goes on' in c.result, 'expected to hear that the guest goes on')
    r = run(*c.vm, 'wait', 'g', '--json', '--timeout', int(patient(240)), check=False, timeout=300, env=c.environment)
    c.result, c.status = json.loads(r.stdout), r.returncode
    c.must_unlock()
    run(*c.vm, 'destroy', 'g', env=c.environment)
    run(*c.vm, 'wait', 'g', '--for', 'ended', env=c.environment)
    again = json.loads(run(*c.vm, 'wait', 'g', '--json', check=False, env=c.environment).stdout)
    c.must(again['error']['check'] == 'wait.ended', 'expected no wait for a guest that does not run')


@case
def interrupted_service(c):
    """launch --foreground that is stopped while the guest boots, as a service manager does it: nothing of the guest is left"""
    c.prepare()
    with open(c.path('launch.log'), 'w', encoding='utf-8') as log:
        p = subprocess.Popen([*c.vm, 'launch', c.file, '--foreground'], stderr=log, env=c.environment)
        wait_until('the guest never ran', lambda: 'the guest runs' in messages(c.path('launch.log')) or p.poll() is not None)
        p.send_signal(signal.SIGTERM)
        c.status = p.wait(patient(60))
    c.result = messages(c.path('launch.log'))
    c.must(c.status == 3 and '[launch.interrupted]' in c.result and 'it is ended' in c.result, 'expected to hear that the guest is ended')
    left = [n for n in c.processes().values() if n.startswith(('qemu', 'swtpm', 'sv-'))]
    c.must(not left, f'something of the guest still runs: {left}')


def hear(port):
    """What the guest says at that port of the host."""
    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 5) as s:
        s.settimeout(10)
        return s.recv(100).decode()
    return ''


@case
def forwarded(c):
    """a port of the host that leads to the guest's, also after a reboot; show says so, ssh takes it, and a port that is taken is refused"""
    port = free_port()
    c.guest['nics'] = [{'type': 'user', 'forward': [{'port': port, 'to': 22}]}]
    c.prepare()
    with socket.create_server(('127.0.0.1', port)):
        c.launch()
        c.must(c.status == 3 and c.result['error']['check'] == 'launch.forward' and str(port) in c.result['error']['message'], 'expected the port to be taken')
        c.must(not c.processes(), 'something of the guest still runs')
    c.launch()
    c.must_unlock()
    wait_until('the guest does not answer at its port', lambda: 'hello' in hear(port))
    shown = json.loads(run(*c.vm, 'show', 'g', '--json', env=c.environment).stdout)
    c.must(shown['nics'][0]['forward'] == [{'protocol': 'tcp', 'address': '127.0.0.1', 'port': port, 'to': 22}] and shown['started'] > 0 and
           shown['disks'][0]['encrypted'] and shown['attestation']['resource'] == 'default/g/root', f'show says {shown}')
    text = run(*c.vm, 'show', 'g', env=c.environment).stdout
    for words in ('unlocked, started ', f'tcp 127.0.0.1:{port} leads to its port 22', 'root.img, encrypted', 'firmware, kernel  ', 'open  '):
        c.must(words in text, f'expected "{words}" in {text}')
    # what ssh itself would say to somebody who is no ssh server
    said = run(*c.vm, 'ssh', 'g', '--', '-v', '-o', 'BatchMode=yes', 'true', check=False, env=c.environment)
    c.must(said.returncode == 255 and 'e2e-root: hello' in said.stderr, f'ssh said {said.stderr}')
    run(*c.vm, 'reset', 'g', env=c.environment)
    wait_until('the guest does not answer after its reset', lambda: 'hello' in hear(port), 240)


class System:
    """A systemd of its own, with the units of this build."""
    def __init__(self, c, enable):
        self.c, self.dir, self.process = c, c.path('system'), None
        self.cgroup = cgroup()  # of this process: what is started enters it
        self.units, self.etc, self.log = (os.path.join(self.dir, d) for d in ('units', 'etc', 'log'))
        for d in (self.units, self.etc, self.log):
            os.makedirs(d)
        for name in STUBS:
            self.write(name, '[Unit]\nDefaultDependencies=no\n' + ('Wants=multi-user.target\nAfter=multi-user.target\n' if name == 'default.target' else ''))
        build = os.path.dirname(c.env.vm)
        for source in (os.path.join(build, 'secure-vm@.service'), os.path.join(TOP, 'launcher', 'secure-vm.target')):
            self.write(os.path.basename(source), re.sub(r'/\S+/secure-vm(?= (start|stop|destroy) )', c.env.vm, messages(source))
                       .replace('--timeout 90', '--timeout 5'))  # this guest does not obey the button
        os.mkdir(os.path.join(self.units, 'secure-vm@.service.d'))
        self.write('secure-vm@.service.d/log.conf', f'[Service]\nStandardOutput=append:{self.log}/%i\nStandardError=append:{self.log}/%i\n')
        for name in ('multi-user.target', 'secure-vm.target'):
            os.makedirs(os.path.join(self.units, f'{name}.wants'))
            for unit in enable:
                os.symlink('../secure-vm@.service', os.path.join(self.units, f'{name}.wants', unit))

    def write(self, name, text):
        with open(os.path.join(self.units, name), 'w', encoding='utf-8') as f:
            f.write(text)

    def boot(self):
        environment = {'PATH': os.environ['PATH'], 'SYSTEMD_UNIT_PATH': self.units, 'container': 'test'}
        with open(os.path.join(self.dir, 'boot.log'), 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(
                ['unshare', '--mount', '--pid', '--cgroup', '--ipc', '--uts', '--fork', '--kill-child', '--propagation', 'private', 'sh', '-ec', BOOT, 'sh',
                 self.c.state, self.etc], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, preexec_fn=lambda: enter_cgroup(self.cgroup))
        wait_until(lambda: 'systemd does not come up: ' + messages(os.path.join(self.dir, 'boot.log')), lambda: os.path.exists(f'/proc/{self.pid()}/root/run/systemd/private'))
        return self

    def pid(self):
        return str((find_children(self.process.pid) or [0])[0])

    def inside(self, *args, **kw):
        return run('nsenter', '--target', self.pid(), '--mount', '--pid', *args, env={'PATH': os.environ['PATH']}, **kw)

    def state(self, unit):
        out = self.inside('systemctl', 'show', unit, '--property=ActiveState,Result,ExecMainStatus,NRestarts').stdout
        return dict(line.split('=', 1) for line in out.split())

    def wait_for(self, unit, state, seconds=240):
        wait_until(lambda: f'{unit} is {self.state(unit)}, not {state}; {self.said(unit)}', lambda: self.state(unit)['ActiveState'] == state, seconds)

    def said(self, unit):
        path = os.path.join(self.log, unit.split('@')[1].split('.')[0])
        return messages(path) if os.path.exists(path) else 'it said nothing'

    def end(self):
        if self.process:
            subprocess.run(['kill', '-KILL', self.pid()], check=False)
            self.process.wait(60)
        leave_cgroup(self.cgroup)


def cgroup():
    """A cgroup (v2) below the one of this process, for a system that believes it has all."""
    with open('/proc/self/mounts', encoding='ascii') as f:
        top = next(line.split()[1] for line in f if line.split()[2] == 'cgroup2')
    with open('/proc/self/cgroup', encoding='ascii') as f:
        own = next(line.strip()[3:] for line in f if line.startswith('0::'))
    return os.path.join(top, own.lstrip('/'), f'sv-services-{os.getpid()}')



def enter_cgroup(path):
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, 'cgroup.procs'), 'w', encoding='ascii') as f:
        f.write(str(os.getpid()))


def leave_cgroup(path):
    for folder, _, _ in os.walk(path, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


@contextlib.contextmanager
def etc_folder():
    """Where the system's folder of definitions is mounted over."""
    made = not os.path.exists('/etc/secure-vm')
    os.makedirs('/etc/secure-vm', exist_ok=True)
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                os.rmdir('/etc/secure-vm')


def start_at_boot(c, system):
    """Enabled and defined: up when its disk is open. Enabled only: nothing."""
    run(*c.vm, 'define', c.file, env=c.environment)
    shutil.copytree(os.path.join(c.state, '.guests'), os.path.join(system.etc, 'guests'))
    system.boot()
    system.wait_for('secure-vm@g.service', 'active')
    c.result = {'ok': True, 'grounds': system.said('secure-vm@g.service')}
    c.must_unlock()
    c.must(system.state('secure-vm@absent.service')['ActiveState'] == 'inactive', 'a unit of a guest that is not defined was started')


@case
def services(c):
    """secure-vm@.service under systemd: a guest that is enabled gets its disk as systemd boots, stops with its target, and fails by the policy's check"""
    c.prepare()
    c.result, c.status = {}, 0
    with etc_folder():
        system = System(c, ['secure-vm@g.service', 'secure-vm@absent.service'])
        try:
            start_at_boot(c, system)
            system.inside('systemctl', 'stop', 'secure-vm.target')
            system.wait_for('secure-vm@g.service', 'inactive')
            nothing_is_left(c)
            stopped_while_it_starts(c, system)
            refused_by_policy(c, system)
        finally:
            system.end()


def nothing_is_left(c):
    left = [n for n in c.processes().values() if n.startswith(('qemu', 'swtpm', 'sv-'))]
    c.must(not left, f'something of the guest still runs: {left}')


def stopped_while_it_starts(c, system):
    runs = system.said('secure-vm@g.service').count('the guest runs')
    system.inside('systemctl', 'start', '--no-block', 'secure-vm@g.service')
    wait_until('the guest does not run', lambda: system.said('secure-vm@g.service').count('the guest runs') > runs)
    system.inside('systemctl', 'stop', 'secure-vm@g.service')
    c.must(system.state('secure-vm@g.service')['ActiveState'] != 'active', 'expected the unit to be down')
    nothing_is_left(c)
    system.inside('systemctl', 'reset-failed')


def refused_by_policy(c, system):
    """A policy that says no is not asked again and again."""
    changed = c.write_guest('changed.json', cmdline=c.guest['cmdline'] + ' quiet')
    system.inside(c.env.vm, 'define', '--replace', changed)
    system.inside('systemctl', 'start', '--no-block', 'secure-vm@g.service')
    system.wait_for('secure-vm@g.service', 'failed')
    state = system.state('secure-vm@g.service')
    c.must(state['ExecMainStatus'] == '6' and state['NRestarts'] == '0', f'expected exit status 6 and no restart, found {state}')
    c.must('[policy.pcr.9]' in system.said('secure-vm@g.service'), f'expected the check in the log: {system.said("secure-vm@g.service")}')
