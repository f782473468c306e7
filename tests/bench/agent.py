#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From attestation to the opened disk, inside the guest: each step's time and its share of the boot, as the median of several real boots.

    agent.py --build DIR [--boots N]
"""
import argparse
import json
import os
import shutil
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from disks import prepare_btrfs
from env import Case, Env, Failed, say_to
from runner import make_folder

STEPS = ('network', 'attest', 'key', 'header', 'open')
PARTS = {'attest': ('attester', 'challenge', 'evidence', 'verification'), 'open': ('crypt',)}


def boot(env, base, name, prepare, more=()):
    c = Case(env, base, name)
    try:
        prepare(c)
        c.launch()
        c.must_unlock()
        with open(c.path('events'), encoding='utf-8') as f:
            events = [json.loads(line) for line in f]
        said = c.console().split('timings in ms: ', 1)[1]
        timings = json.JSONDecoder().raw_decode(said)[0]
    finally:
        c.end()
    times = {e['step']: e['ms'] for e in events if e.get('event') == 'step' and e.get('state') == 'done' and e['step'] in STEPS}
    times.update((part, timings[part]) for parts in (*PARTS.values(), more) for part in parts)
    at = {e['event']: e['at_ms'] for e in events if e.get('event') in ('running', 'unlocked')}
    first = next(e['at_ms'] for e in events if e.get('event') == 'step')
    times['boot'] = at['unlocked'] - at['running']        # the machine runs .. the disk is open
    times['before'] = first - at['running']               # firmware and kernel
    times['agent'] = at['unlocked'] - first               # all that the agent does
    return times


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--boots', type=int, default=3)
    a = p.parse_args()
    base = make_folder('b')
    try:
        env = Env(os.path.abspath(a.build), say_to())
        runs = [boot(env, base, f'boot{n}', Case.prepare) for n in range(a.boots)]
        fresh = [boot(env, base, f'btrfs{n}', prepare_btrfs, ['floor']) for n in range(a.boots)]
    except Failed as e:
        print(f'FAILED: {e}')
        return 1
    finally:
        shutil.rmtree(base, ignore_errors=True)
    median = {k: statistics.median(r[k] for r in runs) for k in runs[0]}
    print(f'{a.boots} boots under TCG (emulated), medians')
    print(f'{"firmware and kernel":24} {median["before"]:7.0f} ms  {100 * median["before"] / median["boot"]:5.1f} %')
    for step in STEPS:
        print(f'{"agent: " + step:24} {median[step]:7.0f} ms  {100 * median[step] / median["boot"]:5.1f} %')
        for part in PARTS.get(step, ()):
            print(f'{"    of it: " + part:24} {median[part]:7.0f} ms')
    unlock = sum(median[s] for s in STEPS if s != 'network')
    print(f'{"attest to disk open":24} {unlock:7.0f} ms  {100 * unlock / median["boot"]:5.1f} %')
    print(f'{"agent: all":24} {median["agent"]:7.0f} ms  {100 * median["agent"] / median["boot"]:5.1f} %')
    print(f'{"running to disk open":24} {median["boot"]:7.0f} ms')
    print('a btrfs on tags, whose generation and lease the broker keeps')
    for part in ('open', 'crypt', 'floor'):
        print(f'{"agent: open" if part == "open" else "    of it: " + part:24} {statistics.median(r[part] for r in fresh):7.0f} ms')
    return 0


sys.exit(main())
