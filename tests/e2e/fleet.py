#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A fleet of guests at one broker goes from one kernel to the next: one command for each, no refusal on the way, and afterwards the old kernel is
refused by its name, each time.

    fleet.py --build DIR [--guests N] [--jobs N]
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import sys

from env import CLASSES, MARKER, Broker, Case, Env, Failed, free_port, run, say_to
from runner import make_folder


class Member(Case):
    """One guest of the fleet, with a disk and a policy of its own."""
    def __init__(self, old, new, base, broker, number):
        super().__init__(old, base, f'f{number}')
        self.new, self.broker, self.resource = new, broker, f'default/fleet-{number}/root'
        self.guest['attestation'] = {'url': f'https://10.0.2.2:{broker.port}', 'pin': broker.pin, 'resource': self.resource}

    def end(self, keep=False):
        run(*self.vm, 'destroy', 'g', check=False, env=self.environment)  # the broker is everybody's

    def begin(self):
        self.make_disk(resource=self.resource)
        self.file = self.write_guest()
        self.put_policy(self.file)
        self.launch()
        self.must(self.status == 0, 'expected the guest to get its disk')
        self.wait_console(MARKER)

    def roll(self):
        file = self.write_guest('new.json', kernel=self.new.kernel, initrd=self.new.initrd)
        r = run(*self.vm, 'update', file, '--timeout', '1', '--force', '--json', *self.broker.admin(), check=False, timeout=900, env=self.environment)
        self.result, self.status = json.loads(r.stdout), r.returncode
        self.must(self.status == 0 and self.result['retired'] == 1, 'expected the guest to run with its new kernel, and the old one to be retired')
        self.wait_console(MARKER)
        self.must(f'Linux version {os.path.basename(self.new.modules()[0])} ' in self.console(), 'expected the new kernel to run')

    def go_back(self):
        run(*self.vm, 'destroy', 'g', env=self.environment)
        self.launch()
        found = self.result.get('error', {}).get('check')
        self.must(found == 'policy.set.retired' and self.status == CLASSES['policy'], f'expected the old kernel to be refused by name, found {found}')
        self.must(MARKER not in self.console(), 'the disk was opened')


def for_each(fleet, jobs, step, say):
    def one(member):
        try:
            getattr(member, step)()
            return ''
        except Failed as e:
            return f'{member.name}: {e}'
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        wrong = [why for why in pool.map(one, fleet) if why]
    say(f'{step}: {len(fleet) - len(wrong)} of {len(fleet)}')
    if wrong:
        raise Failed('\n    '.join(wrong))


def refusals(broker):
    """Of guests: that there is no lease to end is told an administrator in the same words."""
    return [r for r in broker.audit() if r.get('outcome') in ('refused', 'failed') and not r['action'].startswith('admin-')]


def drive(fleet, broker, jobs, say):
    for_each(fleet, jobs, 'begin', say)
    for_each(fleet, jobs, 'roll', say)
    if refusals(broker):
        raise Failed(f'somebody was refused on the way: {refusals(broker)[:3]}')
    for_each(fleet, jobs, 'go_back', say)
    refused = [r['resource'] for r in refusals(broker) if r.get('check') == 'policy.set.retired']
    if sorted(refused) != sorted(m.resource for m in fleet):
        raise Failed(f'expected each old kernel to be refused once in the audit record, found {sorted(refused)}')


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--guests', type=int, default=20)
    p.add_argument('--jobs', type=int, default=2)
    a = p.parse_args()
    say, build = say_to(), os.path.abspath(a.build)
    old = Env(build, say)
    new = type('NextEnv', (Env,), {'FETCH': ['--backports']})(build, say)
    base = make_folder('f')
    broker = Broker(old, os.path.join(base, 'broker'), free_port()).start()
    fleet = [Member(old, new, base, broker, i) for i in range(a.guests)]
    try:
        drive(fleet, broker, a.jobs, say)
        print(f'ok {a.guests} guests rolled: no refusal, and {a.guests} old kernels refused afterwards', flush=True)
        return 0
    except Failed as e:
        print(f'FAILED: {e}', flush=True)
        return 1
    finally:
        for member in fleet:
            member.end()
        broker.stop()
        shutil.rmtree(base, ignore_errors=True)


sys.exit(main())
