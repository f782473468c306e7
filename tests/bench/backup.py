#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much of a running guest's disk of 2 GiB `secure-vm backup create --incremental` reads when 1 % of it has changed: what the copy says that it copied, and
what the kernel says that QEMU read meanwhile, for all that it does. The first copy shows that this would be seen: it must read all of the disk. Bytes,
no times; one real boot. Fails when it reads more than 3 % of the disk (--limit).

    backup.py --build DIR [--limit PERCENT]
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from env import TOP, Case, Env, Failed, run, say_to, wait_until
from runner import make_folder

SIZE = 2 << 30


def make_disk(c, env):
    tree = c.path('tree')
    shutil.copytree(env.root, tree)
    run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(tree, 'sbin', 'init'), os.path.join(TOP, 'tests/bench/dirty-init.c'))
    with open(os.path.join(tree, 'data'), 'wb') as f:
        f.write(bytes([255]) * (20 << 20))
    run(*c.vm, 'image', 'encrypt', '--from', tree, '--out', c.path('root.img'), '--size', SIZE, '--resource', 'default/g/root', *c.broker.admin(),
        env=c.environment)
    # holes would not be read
    with open(c.path('root.img'), 'r+b') as f:
        size = os.fstat(f.fileno()).st_size
        at = 0
        while at < size:
            try:
                hole = os.lseek(f.fileno(), at, os.SEEK_HOLE)
                data = os.lseek(f.fileno(), hole, os.SEEK_DATA) if hole < size else size
            except OSError:
                data = size
            for place in range(hole, data, 1 << 20):
                os.pwrite(f.fileno(), os.urandom(min(1 << 20, data - place)), place)
            at = data
        os.fsync(f.fileno())


def read_by(pid):
    """Bytes that a process read since it began: by its calls, and by what the kernel did for it (direct and asynchronous reads are in the second alone)."""
    with open(f'/proc/{pid}/io', encoding='ascii') as f:
        said = dict(line.split(': ') for line in f.read().splitlines())
    return int(said['rchar']), int(said['read_bytes'])


def rounds(c):
    return len(re.findall(r'bench: round \d+', c.console()))


def back_up(c, pid):
    """(what the copy says, bytes that QEMU read)"""
    before = read_by(pid)
    out = run(*c.vm, 'backup', 'create', 'g', '--incremental', '--to', c.path('chain'), '--json', env=c.environment, timeout=600).stdout
    return json.loads(out)['backup'], max(after - was for after, was in zip(read_by(pid), before))


def measure(c, env):
    c.make_broker()
    make_disk(c, env)
    c.file = c.write_guest()
    c.put_policy(c.file)
    c.launch()
    c.must(c.status == 0, f'expected the guest to start: {c.messages}')
    pid = json.loads(run(*c.vm, 'show', 'g', '--json', env=c.environment).stdout)['qemu_pid']
    wait_until(lambda: 'the guest does not write', lambda: rounds(c) >= 2, 120)
    all_of_it, read = back_up(c, pid)
    size = all_of_it['disks'][0]['bytes']
    c.must(read >= size * 0.9, f'a copy of all of the disk ({size} bytes) cannot be seen: QEMU read {read} bytes')
    wait_until(lambda: 'the guest does not write', lambda n=rounds(c): rounds(c) >= n + 2, 120)
    changes, read = back_up(c, pid)
    c.must('since' in changes, f'expected the changes alone: {changes}')
    c.must(changes['disks'][0]['changed'] >= 20 << 20, f'expected 20 MiB to have changed: {changes}')
    return size, changes['disks'][0]['changed'], read


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--limit', type=float, default=3)
    a = p.parse_args()
    base = make_folder('b')
    try:
        env = Env(os.path.abspath(a.build), say_to())
        c = Case(env, base, 'c')
        try:
            size, changed, read = measure(c, env)
        finally:
            c.end()
    except (Failed, subprocess.TimeoutExpired) as e:
        print(f'FAILED: {e}')
        return 1
    finally:
        shutil.rmtree(base, ignore_errors=True)
    copied, seen = (100 * n / size for n in (changed, read))
    print(f'disk of {size >> 20} MiB, of which 20 MiB were written: {changed / (1 << 20):.1f} MiB copied ({copied:.2f} %), {read / (1 << 20):.1f} MiB read by '
          f'QEMU ({seen:.2f} %), at most {a.limit:.2f} %')
    good = max(copied, seen) <= a.limit
    print('ok' if good else 'FAILED: it reads more than allowed')
    return 0 if good else 1


sys.exit(main())
