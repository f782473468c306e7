#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many guests at once: `secure-vm launch` of each, against starting the very same domains directly through libvirt, as launch.py does with one. From the start of
the first program to the last guest's first instruction. The two alternate; the first launch of each guest, which makes its vTPM, is not counted. Fails when the
ratio is above --limit in the fastest of the rounds and in their median: what is slower is so in both, and what else the machine does spoils one.

    starts.py --build DIR [--guests N] [--rounds N] [--limit RATIO]
"""
import argparse
import concurrent.futures
import os
import shutil
import statistics
import sys
import time

from launch import launched, make_base, run, start_directly, twin, write_guest


def start_all(jobs):
    """Seconds until the last of them is done, and what each gave."""
    with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
        began = time.monotonic()
        results = [f.result() for f in [pool.submit(*j) for j in jobs]]
        return time.monotonic() - began, results


def run_round(vm, direct, environment, guests, twins):
    """Seconds of ours, each launch's parts, seconds of theirs."""
    ours, results = start_all([(launched, vm, g, environment) for g in guests.values()])
    start_all([(destroy, vm, n, environment) for n in guests])
    theirs, running = start_all([(start_directly, direct, *t) for t in twins])
    start_all([(p.communicate, '') for _, p in running])
    return ours, [steps for _, steps in results], theirs


def destroy(vm, name, environment, check=True):
    run(vm, 'destroy', name, check=check, env=environment)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--guests', type=int, default=20)
    a.add_argument('--rounds', type=int, default=3)
    a.add_argument('--limit', type=float, default=1.1)
    a = a.parse_args()
    vm, direct = os.path.join(a.build, 'launcher/secure-vm'), os.path.join(a.build, 'tests/bench/direct')
    base, environment = make_base()
    guests = {f'g{i}': write_guest(base, f'g{i}', '128MiB') for i in range(a.guests)}
    ours, theirs, parts, twins = [], [], [], []
    try:
        for name, guest in guests.items():
            launched(vm, guest, environment)
            twins.append(twin(base, os.path.join(base, 's', name), name))
            destroy(vm, name, environment)
            start_directly(direct, *twins[-1])[1].communicate('')
        for i in range(a.rounds):
            o, steps, t = run_round(vm, direct, environment, guests, twins)
            ours.append(o)
            theirs.append(t)
            parts += steps
            print(f'{i + 1:3}  launch {o:6.2f} s   direct {t:6.2f} s', flush=True)
    finally:
        for name in guests:
            destroy(vm, name, environment, False)
        shutil.rmtree(base, ignore_errors=True)
    for step in parts[0]:
        print(f'     {step:18} {statistics.median(p[step] for p in parts):5.0f} ms')
    ratios = [of(ours) / of(theirs) for of in (min, statistics.median)]
    print(f'{a.guests} at once: {min(ours):.2f} s, {ratios[0]:.2f} x direct ({min(theirs):.2f} s); medians {statistics.median(ours):.2f} s, {ratios[1]:.2f} x '
          f'({statistics.median(theirs):.2f} s); limit {a.limit}{"  MISSED" if min(ratios) > a.limit else ""}')
    return 1 if min(ratios) > a.limit else 0


if __name__ == '__main__':
    sys.exit(main())
