#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A measured image (secure-vm image uki) against the same kernel and initramfs by -kernel and -initrd: processor seconds of a whole boot, from
QEMU's start to the guest's power off, emulated, in turns (what else runs here then changes little); instructions from reset to power off, which
nothing that runs here changes; and the image's size beyond what it carries. Fails when the median boot takes more by --limit percent, or the
image is larger by more than 200 KiB.

    stub.py --build DIR [--pairs N] [--limit PERCENT]
"""
import argparse
import os
import re
import resource
import shutil
import statistics
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TESTS, 'e2e'))
from env import Failed, say_to
from stub import BEYOND, World


def used():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return u.ru_utime + u.ru_stime


def timed(boot):
    """Processor seconds of a boot whose guest saw the measured command line."""
    before = used()
    seen = boot()
    seconds = used() - before
    seen.must('MEASURED=1' in seen.sees.get('cmdline', []), 'another command line')
    return seconds


SHIFT = 6  # an instruction is 1 << SHIFT ns of the guest's time: its clock's seconds are some millions of them each
ZERO = 1767225600  # 2026-01-01


def count_instructions(boot):
    """Millions, from reset to power off: QEMU gives the guest no other time than what its instructions take."""
    seen = boot('-icount', f'shift={SHIFT},sleep=off', '-rtc', 'base=2026-01-01T00:00:00,clock=vm')
    clock = re.search(r'^\[ *([0-9.]+)\] rtc_cmos .*setting system clock to .*\(([0-9]+)\)', seen.console, re.M)
    end = re.search(r'^\[ *([0-9.]+)\] reboot: Power down', seen.console, re.M)
    seen.must(clock and end, 'its kernel does not say when it read the clock, or when it ended')
    return (int(clock[2]) - ZERO + float(end[1]) - float(clock[1])) * 1000 / (1 << SHIFT)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--pairs', type=int, default=5)
    p.add_argument('--limit', type=float, default=15)
    a = p.parse_args()
    base = tempfile.mkdtemp(prefix='svbs.', dir='/tmp')
    direct, image = [], []
    try:
        world = World(os.path.abspath(a.build), base, say_to())
        beyond = world.beyond()
        for i in range(a.pairs):
            direct.append(timed(world.plain))
            image.append(timed(world.image))
            print(f'{i + 1:3}  -kernel -initrd {direct[-1]:5.2f} s   image {image[-1]:5.2f} s', flush=True)
        plain, ours = count_instructions(world.plain), count_instructions(world.image)
    except Failed as e:
        sys.exit(f'bench: {e}')
    finally:
        shutil.rmtree(base, ignore_errors=True)
    d, m = statistics.median(direct), statistics.median(image)
    over = (m / d - 1) * 100
    print(f'median of {a.pairs}: -kernel -initrd {d:.2f} s, image {m:.2f} s: ratio {m / d:.3f}, {over:+.1f} % (limit {a.limit:.0f} %)')
    print(f'instructions: -kernel -initrd {plain:.0f} million, image {ours:.0f} million: {(ours / plain - 1) * 100:+.1f} % (give or take {1e5 / (1 << SHIFT) / plain:.1f})')
    print(f'image: {beyond} bytes beyond kernel, initramfs and command line (limit {BEYOND})')
    return 1 if over > a.limit or beyond > BEYOND else 0


sys.exit(main())
