#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`secure-vm image import` of a raw disk of 2 GiB with a system, of which 1 GiB is in use: encrypted, its key in a broker; beside `cp` and `openssl enc`
(AES-256-CTR) of as many bytes. They alternate, and each is worth the least processor time of its rounds (its own and the system's for it), for what
else the machine does only adds. Fails when the import takes more than --limit times as much.

    import.py --build DIR [--rounds N] [--limit RATIO]
"""
import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from env import Case, Env, Failed, run, say_to

USED = 1 << 30


def make_system(env, base):
    """What an import looks for, and data that no zeros are among: the ext4, and the data alone."""
    tree, data, disk = (os.path.join(base, name) for name in ('tree', 'data', 'disk'))
    release = os.path.basename(os.path.realpath(os.path.join(env.kernel_dir, 'modules')))
    for folder in ('boot', 'etc', 'usr/sbin', 'usr/lib/modules'):
        os.makedirs(os.path.join(tree, folder))
    for name, to in (('lib', 'usr/lib'), ('sbin', 'usr/sbin')):
        os.symlink(to, os.path.join(tree, name))
    shutil.copy(os.path.join(env.root, 'sbin/init'), os.path.join(tree, 'usr/sbin/init'))
    shutil.copy(env.kernel, os.path.join(tree, f'boot/vmlinuz-{release}'))
    shutil.copytree(os.path.join(env.kernel_dir, 'modules'), os.path.join(tree, 'usr/lib/modules', release), symlinks=True)
    for name in ('usr/lib/os-release', 'etc/fstab'):
        with open(os.path.join(tree, name), 'w', encoding='ascii') as f:
            f.write('ID=bench\n' if 'release' in name else '')
    with open(data, 'wb') as f:
        for _ in range(USED >> 24):
            f.write(os.urandom(1 << 24))
    os.link(data, os.path.join(tree, 'data'))
    run('mke2fs', '-q', '-t', 'ext4', '-d', tree, disk, '2G', env=dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin'))
    return disk, data


def seconds(function):
    """Of processor time, of all processes that it starts and waits for; and how long it takes."""
    def used():
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime
    before, began = used(), time.monotonic()
    function()
    return used() - before, time.monotonic() - began


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--rounds', type=int, default=3)
    p.add_argument('--limit', type=float, default=2)
    a = p.parse_args()
    try:
        with tempfile.TemporaryDirectory() as base:
            env = Env(os.path.abspath(a.build), say_to())
            disk, data = make_system(env, base)
            os.makedirs(os.path.join(base, 's'))
            c = Case(env, base, 'c')
            c.make_broker()
            rounds = []

            def ours():
                run(*c.vm, 'image', 'import', disk, '--out', c.path('web'), '--agent', env.agent, '--resource', f'default/web/{len(rounds)}',
                    *c.broker.admin(), env=c.environment)

            def theirs():
                run('cp', '--reflink=never', data, c.path('copy'))
                run('openssl', 'enc', '-aes-256-ctr', '-K', '00' * 32, '-iv', '00' * 16, '-in', c.path('copy'), '-out', c.path('other'))

            try:
                for _ in range(a.rounds):
                    rounds.append((seconds(ours), seconds(theirs)))
                    shutil.rmtree(c.path('web'))
                    os.unlink(c.path('copy'))
                    os.unlink(c.path('other'))
            finally:
                c.end()
    except (Failed, subprocess.TimeoutExpired) as e:
        print(f'FAILED: {e}')
        return 1
    (mine, mine_took), (other, other_took) = (min(column) for column in zip(*rounds))
    print(f'2 GiB, {USED >> 30} GiB of it in use: image import {mine:.2f} s, cp and openssl enc {other:.2f} s of processor time: {mine / other:.2f} x, '
          f'at most {a.limit:.2f}; in {mine_took:.2f} and {other_took:.2f} s')
    print('ok' if mine <= a.limit * other else 'FAILED: slower than allowed')
    return 0 if mine <= a.limit * other else 1


sys.exit(main())
