# SPDX-License-Identifier: Apache-2.0
"""A verity root: what the measured command line says of it counts, and nothing that is on the disk."""
import json
import os
import shutil
import struct

import disks
from cases import case
from env import MARKER, Failed, run

BLOCK = 4096
FILES = {'bit': 8, 'good': 200, 'hash': 700, 'swap-a': 8, 'swap-b': 8}  # blocks


def block_of(name, n):
    return f'{name} {n:6}\n'.encode().ljust(BLOCK, b'.')


def make_tree(c):
    shutil.copytree(c.env.root, c.path('tree'))
    os.makedirs(c.path('tree/files'))
    for name, blocks in FILES.items():
        with open(c.path(f'tree/files/{name}'), 'wb') as f:
            f.write(b''.join(block_of(name, n) for n in range(blocks)))
    return c.path('tree')


def make_verity(c, source):
    made = json.loads(run(*c.vm, 'image', 'verity', '--from', source, '--out', c.path('root.img'), '--replace', '--json').stdout)
    c.guest['disks'][0]['verity'] = made['verity']
    c.file = c.write_guest()
    return made


def must_open(c, **seen):
    """The console says of each file what is expected of it."""
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to have its root')
    c.wait_console('e2e-root: that is all')
    c.must(MARKER in c.console() and 'e2e-root: the root can be written to' in c.console(), 'expected a root that can be written to')
    for name in FILES:
        c.must(f'e2e-root: /files/{name}: {seen.get(name, "read")}' in c.console(), f'expected {name}: {seen.get(name, "read")}')


def values(c, **disk):
    guest = c.write_guest('other.json', disks=[dict(c.guest['disks'][0], **disk)])
    return json.loads(run(*c.vm, 'measure', guest, '--json', env=c.environment).stdout)['measurements']['sha256']


@case
def verity(c):
    """a verity root (erofs) opens without a key, a broker or a network; its word is measured"""
    run('mkfs.erofs', c.path('root.erofs'), make_tree(c))
    made = make_verity(c, c.path('root.erofs'))
    c.guest['nics'] = []
    c.file = c.write_guest()
    c.launch()
    must_open(c)
    before = values(c)
    for field in ('root_hash', 'salt'):
        old = made[field]
        after = values(c, verity=made['verity'].replace(old, old[:-1] + ('1' if old[-1] != '1' else '2')))
        c.must([p for p in before if before[p] != after[p]] == ['9'], f'{field}: expected another PCR 9 and nothing else')


class Image:
    """Where things are in an image."""

    def __init__(self, c, made):
        with open(c.path('root.img'), 'rb') as f:
            self.data = bytearray(f.read())
        self.path, self.made = c.path('root.img'), made
        levels = [-(-made['data_blocks'] // 128)]  # from the lowest to the top
        while levels[-1] > 1:
            levels.append(-(-levels[-1] // 128))
        self.lowest = made['hash_offset'] + sum(levels[1:]) * BLOCK

    def find(self, name, n):
        at = self.data.index(block_of(name, n))
        if at % BLOCK:
            raise Failed(f'{name} is not in whole blocks')
        return at

    def flip(self, at):
        self.data[at] ^= 0x10

    def swap(self, a, b):
        self.data[a:a + BLOCK], self.data[b:b + BLOCK] = self.data[b:b + BLOCK], self.data[a:a + BLOCK]

    def digests_of(self, at):
        """The block of the tree with the digest of the block at `at`; the upper levels come first."""
        return self.lowest + at // BLOCK // 128 * BLOCK

    def write(self):
        with open(self.path, 'wb') as f:
            f.write(self.data)


@case
def verity_blocks(c):
    """a changed bit, two blocks swapped, a changed digest: those files cannot be read; dm-verity's superblock is not believed"""
    image = Image(c, make_verity(c, make_tree(c)))
    digests = image.digests_of(image.find('hash', FILES['hash'] // 2))
    if digests in {image.digests_of(image.find(n, b)) for n in FILES if n != 'hash' for b in range(FILES[n])}:
        raise Failed('the file is not large enough')
    image.flip(digests + 5)
    image.swap(image.find('swap-a', 5), image.find('swap-b', 2))
    image.flip(image.find('bit', 3) + 77)
    # Other blocks, another salt (cryptsetup's struct verity_sb: data_blocks, salt).
    at = image.made['hash_offset'] - BLOCK
    if image.data[at:at + 6] != b'verity':
        raise Failed('expected the superblock')
    struct.pack_into('<Q', image.data, at + 72, image.made['data_blocks'] // 2)
    image.flip(at + 88)
    image.write()
    c.launch()
    must_open(c, bit='EIO', hash='EIO', **{'swap-a': 'EIO', 'swap-b': 'EIO'})


@case
def verity_root(c):
    """one bit of the file system's first block: the root is not opened"""
    image = Image(c, make_verity(c, make_tree(c)))
    image.flip(1024 + 0x78)  # ext4's label, which nobody looks at
    image.write()
    c.launch()
    c.must_refuse('proof', 'verity.block', audited=False)


@case
def verity_data(c):
    """an encrypted disk above a verity root: what is written lasts, an older state of it is refused, and the root below is verified as before"""
    c.make_broker()
    disks.make_initrd(c)
    tree = disks.make_tree(c)
    disks.add_program(c.env.agent, tree, 'usr/bin')
    made = make_verity(c, tree)
    os.mkdir(c.path('empty'))
    run(*c.vm, 'image', 'encrypt', '--from', c.path('empty'), '--out', c.path('data.img'), '--integrity', '--filesystem', 'btrfs', '--size', '112MiB',
        '--resource', 'default/g/root', *c.broker.admin(), env=c.environment)
    shutil.copyfile(c.path('data.img'), c.path('before.img'))
    c.guest['disks'].append({'path': c.path('data.img'), 'encrypted': True})
    c.guest['cmdline'] += ' securevm.root=btrfs e2e=end'
    c.file = c.write_guest()
    c.put_policy(c.file)
    c.launch()
    disks.must_end(c)
    c.must('found: nothing' in c.console() and made['verity'].split(':')[-1] in c.console(), 'expected the measured root, and nothing above it')
    c.launch()
    disks.must_end(c)
    c.must('found: round 2' in c.console(), 'expected what was written before')
    os.rename(c.path('before.img'), c.path('data.img'))
    c.launch()
    c.must_refuse('proof', 'disk.rollback', released=True)
