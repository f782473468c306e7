#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk with tags and btrfs whose host dies under its writes: the guest's QEMU is killed at some moment, twenty times. Each time the disk opens
again, and all that was said to be synced is there.

    killed.py --build DIR [--times N]
"""
import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time

from disks import encrypt, make_initrd, make_tree
from env import Case, Env, Failed, run, say_to
from patience import wait_until


def prepare(c):
    c.make_broker()
    make_initrd(c)
    encrypt(c, make_tree(c, 'kept-init.c'), '--filesystem', 'btrfs', '--size', '160MiB')
    c.guest['cmdline'] += ' securevm.root=btrfs'
    c.guest['attestation']['lease'] = 0  # who was killed does not come back
    c.file = c.write_guest()
    c.put_policy(c.file)


def said_kept(c):
    """The last number that this boot said, or 0."""
    return max(map(int, re.findall(r'^kept: (\d+)\r?$', c.console(), re.M)), default=0)


def kill_qemu(c):
    for pid, name in c.processes().items():
        if name.startswith('qemu-system'):
            os.kill(pid, signal.SIGKILL)


def round_of(c, least):
    """Boots, sees what is there, and dies; the last number that was said."""
    c.launch(timeout=360)
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to get its disk again')
    c.wait_console('kept: found ', 60)
    found = int(re.findall(r'kept: found (\d+)', c.console())[-1])
    c.must(found >= least, f'{least} was synced, and only {found} is there')
    wait_until(lambda: f'nothing is written: {c.console()[-300:]}', lambda: said_kept(c) > found + 3, 120)
    time.sleep(random.random() * 2)
    kill_qemu(c)
    wait_until('the guest does not end', lambda: not c.processes(), 60)
    last = said_kept(c)
    run(*c.vm, 'destroy', 'g', check=False, env=c.environment)
    return last


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--times', type=int, default=20)
    a = p.parse_args()
    env = Env(os.path.abspath(a.build), say_to())
    with tempfile.TemporaryDirectory(prefix='svk', dir='/tmp') as base:  # short: UNIX socket paths lie below it
        os.makedirs(os.path.join(base, 's'))
        for folder in (base, os.path.join(base, 's')):
            os.chmod(folder, 0o755)
        c, last, why = Case(env, base, 'killed'), 0, ''
        try:
            prepare(c)
            for n in range(a.times):
                begin, before = time.time(), last
                last = round_of(c, last)
                print(f'ok kill-{n + 1} ({time.time() - begin:.0f} s): {before} were there, killed at {last}', flush=True)
        except Failed as e:
            why = str(e)
            print(f'FAILED killed (0 s)\n    {why}', flush=True)
        finally:
            c.end()
    return 1 if why else 0


if __name__ == '__main__':
    sys.exit(main())
