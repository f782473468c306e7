#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk with tags and btrfs whose host dies under its writes: the guest's QEMU is killed at some moment, twenty times. Each time the disk opens
again, and all that was said to be synced is there.

    killed.py --build DIR
"""
import contextlib
import os
import random
import re
import signal
import sys
import time

from disks import encrypt, make_initrd, make_tree
from env import run
from patience import wait_until
from runner import main

TIMES = 20


def make_disk(c):
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
            with contextlib.suppress(ProcessLookupError):
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


def killed(c):
    """QEMU is killed under the guest's writes: the disk opens again, with all that was synced"""
    last = 0
    make_disk(c)
    for n in range(TIMES):
        begin, before = time.time(), last
        last = round_of(c, last)
        print(f'ok kill-{n + 1} ({time.time() - begin:.0f} s): {before} were there, killed at {last}', flush=True)


sys.exit(main('killed', __doc__, [killed]))
