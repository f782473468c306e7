#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a disk with authentication tags costs inside a guest, beside the same disk without: throughput in pieces of 1 MiB, latency of single blocks of
4 KiB (a write with its sync). Real boots that alternate, emulated: ratios count, not MiB/s. Nothing is judged.

    disk.py --build DIR [--boots N]
"""
import argparse
import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
import disks
from env import TOP, Case, Env, Failed, run, say_to
from runner import make_folder

MIB, BLOCKS = 16, 200
KINDS = {'plain': [], 'tags': ['--integrity']}


def boot(env, base, name, options):
    c = Case(env, base, name)
    try:
        c.make_broker()
        disks.make_initrd(c)
        tree = c.path('tree')
        shutil.copytree(env.root, tree)
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(tree, 'sbin', 'init'), os.path.join(TOP, 'tests/bench/disk-speed.c'))
        run('/sbin/mke2fs', '-q', '-t', 'ext4', '-b', '4096', '-d', tree, c.path('raw'), '64M')
        run(*c.vm, 'image', 'encrypt', '--from', c.path('raw'), '--out', c.path('root.img'), '--resource', 'default/g/root', *options, *c.broker.admin(),
            env=c.environment)
        c.file = c.write_guest()
        c.put_policy(c.file)
        c.launch()
        c.must_unlock()
        c.wait_console('speed: done', 300)
        found = {what: int(us) for what, us in re.findall(r'speed (\w+) (\d+)', c.console())}
    finally:
        c.end()
    c.must(set(found) == {'write', 'read', 'write4k', 'read4k'}, f'the guest measured {found}')
    return found


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--boots', type=int, default=3)
    a = p.parse_args()
    base = make_folder('b')
    try:
        env = Env(os.path.abspath(a.build), say_to())
        runs = [{kind: boot(env, base, f'{kind}{n}', options) for kind, options in KINDS.items()} for n in range(a.boots)]
    except Failed as e:
        print(f'FAILED: {e}')
        return 1
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(f'{a.boots} boots of each under TCG (emulated), the best of each')
    for what in ('write', 'read', 'write4k', 'read4k'):
        plain, tags = (min(r[kind][what] for r in runs) for kind in KINDS)
        if what.endswith('4k'):
            print(f'{what:8} plain {plain / BLOCKS / 1000:7.2f} ms, tags {tags / BLOCKS / 1000:7.2f} ms a block: {tags / plain:.2f}')
        else:
            print(f'{what:8} plain {MIB * 1e6 / plain:7.1f} MiB/s, tags {MIB * 1e6 / tags:7.1f} MiB/s: {tags / plain:.2f} times as long')
    return 0


sys.exit(main())
