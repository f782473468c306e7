#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A disk with authentication tags beside one that the kernel makes itself, in a guest, of the same key and data.

    integrity.py --build DIR
"""
import os
import random
import subprocess
import sys

import disks
from env import run
from runner import main

SIZE = 24 << 20


def volume_key(c):
    """What tags and blocks of the image are made with."""
    resource = subprocess.run([c.env.peek, f'{c.broker.dir}/config.json', 'default/g/data'], check=True, capture_output=True).stdout
    with open(c.path('key'), 'wb') as f:
        f.write(resource[-64:])
    run('/sbin/cryptsetup', 'luksDump', '--batch-mode', '--dump-volume-key', '--key-file', c.path('key'), '--volume-key-file', c.path('volume'), c.path('ours.img'))
    with open(c.path('volume'), 'rb') as f:
        return f.read()


def differing(one, other, begin, end):
    """Places of the blocks that are not the same in both files."""
    with open(one, 'rb') as f, open(other, 'rb') as g:
        f.seek(begin)
        g.seek(begin)
        return [at for at in range(begin, end, 4096) if f.read(min(4096, end - at)) != g.read(min(4096, end - at))]


def same(c):
    """an image has superblock, tags and ciphertext that the kernel makes of the same key and data"""
    c.make_broker()
    disks.make_initrd(c)
    with open(c.path('plain'), 'wb') as f:
        f.write(b''.join(random.Random(n).randbytes(4096) if n % 3 else bytes(4096) for n in range(SIZE // 4096)))
    run('/sbin/mke2fs', '-q', '-t', 'ext4', '-b', '4096', '-E', 'nodiscard', c.path('plain'))
    run(*c.vm, 'image', 'encrypt', '--from', c.path('plain'), '--out', c.path('ours.img'), '--integrity', '--resource', 'default/g/data', *c.broker.admin(),
        env=c.environment)
    key, size = volume_key(c), os.path.getsize(c.path('ours.img'))
    with open(c.path('key.img'), 'wb') as f:
        f.write(key.ljust(1 << 20, b'\0'))
    with open(c.path('kernel.img'), 'wb') as f:
        f.truncate(size)
    tree = disks.make_tree(c, 'format-init.c')
    disks.add_program('/sbin/cryptsetup', tree, 'usr/sbin')
    run(*c.vm, 'image', 'encrypt', '--from', tree, '--out', c.path('root.img'), '--resource', 'default/g/root', *c.broker.admin(), env=c.environment)
    c.guest['disks'] += [{'path': c.path(n)} for n in ('plain', 'kernel.img', 'key.img')]
    c.file = c.write_guest()
    c.put_policy(c.file)
    c.launch()
    c.must_unlock()
    c.wait_console('format: ended', 240)
    c.must('format: done' in c.console() and f'format: {SIZE} bytes' in c.console(), 'expected the guest to have made its disk')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    ours = disks.Layout(c.path('ours.img'))
    parts = {'superblock': (disks.START, disks.START + 4096), 'tags and blocks': (ours.begin, size)}
    for name, (begin, end) in parts.items():
        found = differing(c.path('ours.img'), c.path('kernel.img'), begin, end)
        c.must(not found, f'{name}: {len(found)} of {(end - begin) // 4096} blocks differ, the first at {found[:3]}')
    print(f'    {(size - ours.begin) // 4096} blocks are the same', flush=True)


sys.exit(main('integrity', __doc__, [same]))
