#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Debian with systemd on a disk with a floor, with the units that the package secure-vm-agent brings, as they are built: what they report, and
what an end is worth. Only how often the timer runs is changed, with a drop-in, as docs/DISKS.md says.

    reports.py --build DIR [--list] [--keep] [CASE...]
"""
import os
import re
import shutil
import sys

import disks
from env import TOP, Case, Env, run, say_to
from patience import wait_until
from runner import main

OFTEN = '[Timer]\nOnUnitActiveSec=15s\n'
# Something is always written, so that generations differ; and the login prompt is not waited for.
WRITER = '[Service]\nExecStart=/bin/sh -c "while :; do date >>/var/log/writes; sleep 1; done"\n'


def packages_of(program):
    """Debian's packages with the libraries that it needs; dpkg knows some of them below / and some below /usr."""
    found = set()
    for path in re.findall(r'=> (/\S+) \(0x', run('ldd', program).stdout):
        path = re.sub('^/usr', '', os.path.realpath(path))
        found |= {line.split(':')[0] for p in (path, '/usr' + path) for line in run('dpkg-query', '-S', p, check=False).stdout.splitlines()}
    return sorted(found - {'libc6'})


def put(tree, path, text):
    os.makedirs(os.path.dirname(tree + path), exist_ok=True)
    with open(tree + path, 'w', encoding='utf-8') as f:
        f.write(text)


def install(build, tree):
    """Program, units and the one for the very end, where the units say; enabled as the package does it."""
    agent = os.path.join(build, 'agent')
    with open(f'{agent}/secure-vm-agent-report.service', encoding='utf-8') as f:
        place = re.search('^ExecStart=(/[^ ]+) report --power-off$', f.read(), re.M)[1]
    os.makedirs(os.path.dirname(tree + place), exist_ok=True)
    shutil.copy(f'{agent}/secure-vm-agent', tree + place)
    units = tree + '/usr/lib/systemd/system'
    for name in (f'{agent}/secure-vm-agent-report.service', f'{agent}/secure-vm-agent-end.service', f'{TOP}/agent/secure-vm-agent-report.timer'):
        shutil.copy(name, units)
    shutil.copy(f'{agent}/secure-vm-agent.shutdown', tree + '/usr/lib/systemd/system-shutdown/secure-vm-agent')
    os.chmod(tree + '/usr/lib/systemd/system-shutdown/secure-vm-agent', 0o755)
    put(tree, '/etc/systemd/system/secure-vm-agent-report.timer.d/often.conf', OFTEN)
    put(tree, '/etc/systemd/system/writer.service', WRITER)
    run('systemctl', f'--root={tree}', 'enable', 'secure-vm-agent-report.timer', 'secure-vm-agent-end.service')
    run('systemctl', f'--root={tree}', 'add-wants', 'multi-user.target', 'writer.service')


class Reports(Case):
    def prepare_disk(self, tar):
        self.make_broker()
        disks.make_initrd(self)
        tree = self.path('tree')
        os.mkdir(tree)
        run('tar', '-xf', tar, '-C', tree, '--numeric-owner')
        install(os.path.dirname(os.path.dirname(self.env.agent)), tree)
        disks.encrypt(self, tree, '--filesystem', 'btrfs', '--size', '768MiB')
        shutil.rmtree(tree)
        self.guest['cmdline'] += ' securevm.root=btrfs'
        self.file = self.write_guest()
        self.put_policy(self.file)

    def reports(self):
        return [r for r in self.broker.audit() if r['action'] == 'disk']

    def wait_reports(self, what, holds, seconds):
        wait_until(lambda: f'{what}: {[(r.get("state"), r.get("generation"), r.get("check")) for r in self.reports()]}; {self.console()[-600:]}',
                   lambda: holds([r.get('state') for r in self.reports()]), seconds)


def shutdown(c):
    """what the timer reports grows, an orderly end reports the last generation and gives the disk back, and an older disk is refused after that"""
    shutil.copyfile(c.path('root.img'), c.path('before.img'))
    c.launch(timeout=360)
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to get its disk')
    c.wait_reports('the timer did not report twice', lambda states: states.count('runs') >= 2, 300)
    by_timer = [r['generation'] for r in c.reports()]
    c.must(by_timer == sorted(set(by_timer)), f'expected generations that grow, found {by_timer}')
    run(*c.vm, 'stop', 'g', '--timeout', '240', env=c.environment, timeout=300)
    states, last = [r.get('state') for r in c.reports()], disks.generation(c)
    c.must(states[:2] == ['opens', 'opens'] and states[-2:] == ['ends', 'closed'] and set(states[2:-2]) == {'runs'}, f'found {states}')
    c.must(last == c.reports()[-1]['generation'] > by_timer[-1] and 'lease' not in disks.shown(c), f'expected the last report to count, found {disks.shown(c)}')
    # nothing was written after it
    c.launch(timeout=360)
    c.must(f'the disk is at generation {last}\n' in c.console().replace('\r', ''), f'expected the disk to be at generation {last}')
    c.must(not any(r.get('check') for r in c.reports()), 'the next guest had to wait')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    run(*c.vm, 'key', 'end-lease', 'default/g/root', *c.broker.admin(), env=c.environment)
    os.rename(c.path('before.img'), c.path('root.img'))
    c.launch()
    c.must_refuse('proof', 'disk.rollback', released=True)
    c.must(f'been at {last}:' in c.result['error']['message'], f'expected the generation of the end, {last}')


def prepare(a, base):
    say = say_to()
    env = Env(a.build, say)
    say('a Debian with systemd, and what the agent needs')
    tar = run(os.path.join(TOP, 'tools', 'rootfs'), *packages_of(env.agent), timeout=1800).stdout.strip().splitlines()[-1]

    def make(name):
        c = Reports(env, base, name)
        c.prepare_disk(tar)
        return c
    return make


if __name__ == '__main__':
    sys.exit(main('reports', __doc__, [shutdown], prepare))
