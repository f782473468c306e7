# SPDX-License-Identifier: Apache-2.0
"""Disks with authentication tags: what somebody does to their blocks is noticed."""
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import struct

from cases import case
from env import TOP, run, wait_until

BLOCK, AREA, TAG, START = 4096, 4096, 32, 16 << 20  # luks/integrity.h
FILES = ('bit', 'tag', 'swap1', 'swap2', 'zero', 'fine')


class Layout:
    """Where blocks and tags lie, by what the image's superblock says."""
    def __init__(self, path):
        self.path = path
        with open(path, 'rb') as f:
            f.seek(START)
            magic, version, log2, tag, sections, sectors = struct.unpack('<8sBBHIQ', f.read(24))
        assert (magic, version, log2, tag) == (b'integrt\0', 4, 15, TAG), (magic, version, log2, tag)
        self.blocks = sectors // 8
        self.begin = START + 4096 + sections * 264 * 512

    def block(self, n):
        return self.begin + (n // AREA + 1) * AREA * TAG + n * BLOCK, BLOCK

    def tag(self, n):
        return self.begin + n // AREA * AREA * (TAG + BLOCK) + n % AREA * TAG, TAG

    def read(self, place):
        with open(self.path, 'rb') as f:
            f.seek(place[0])
            return f.read(place[1])

    def write(self, place, data):
        with open(self.path, 'r+b') as f:
            f.seek(place[0])
            f.write(data)

    def forge_journal(self, blocks):
        """{block: (contents, tag)} as what was committed last and is still to be written to its place: section 0 of a clean journal, one commit on. The format
        is drivers/md/dm-integrity.c's (struct journal_entry, struct journal_sector)."""
        section = bytearray(264 * 512)
        for n in range(32):
            at = n % 8 * 512 + n // 8 * 104
            section[at + 4:at + 8] = b'\xff' * 4  # not used
        for n, (block, (contents, tag)) in enumerate(blocks.items()):
            at, data = n % 8 * 512 + n // 8 * 104, (8 + n * 8) * 512
            ends = b''.join(contents[i + 504:i + 512] for i in range(0, BLOCK, 512))  # the commit stands in their place
            section[at:at + 104] = struct.pack('<Q', block * 8) + ends + tag
            section[data:data + BLOCK] = contents
        for sector in range(264):
            section[sector * 512 + 504:sector * 512 + 512] = struct.pack('<Q', 0x2222222222222222 ^ sector)
        self.write((START + 4096, len(section)), bytes(section))

    def flip(self, place):
        old = self.read(place)
        self.write(place, bytes([old[0] ^ 1]) + old[1:])

    def swap(self, a, b):
        """With their tags, as they lie."""
        for of in (self.block, self.tag):
            first, second = self.read(of(a)), self.read(of(b))
            self.write(of(a), second)
            self.write(of(b), first)


def add_program(program, tree, folder):
    """With its libraries, where its dynamic linker finds them."""
    os.makedirs(os.path.join(tree, folder))
    shutil.copy(program, os.path.join(tree, folder))
    for path in re.findall(r'(/\S+) \(0x', run('ldd', program).stdout):
        os.makedirs(tree + os.path.dirname(path), exist_ok=True)
        shutil.copy(os.path.realpath(path), tree + path)


def make_tree(c, init='disk-init.c'):
    tree = c.path('tree')
    shutil.copytree(c.env.root, tree)
    run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(tree, 'sbin', 'init'), os.path.join(TOP, 'tests/e2e', init))
    os.mkdir(os.path.join(tree, 'probe'))
    for name in FILES:
        with open(os.path.join(tree, 'probe', name), 'wb') as f:
            f.write(os.urandom(3 * BLOCK))
    return tree


def make_initrd(c):
    """The initramfs with the modules for such disks; made once for each Env."""
    c.guest['initrd'] = c.env.initrd + '-integrity'
    if not os.path.exists(c.guest['initrd']):
        new = f'{c.guest["initrd"]}.{c.name}'
        modules, more = c.env.modules()
        run(c.env.vm, 'image', 'initrd', '--kernel-modules', modules, '--agent', c.env.agent, '--integrity', '--out', new, *more)
        os.rename(new, c.guest['initrd'])


def encrypt(c, source, *more):
    run(*c.vm, 'image', 'encrypt', '--from', source, '--out', c.path('root.img'), '--integrity', '--resource', 'default/g/root', *more, *c.broker.admin(),
        env=c.environment)


def prepare_raw(c):
    """A raw ext4 becomes the disk; where each file's second block is in it."""
    c.make_broker()
    make_initrd(c)
    raw, tree = c.path('raw'), make_tree(c)
    run('/sbin/mke2fs', '-q', '-t', 'ext4', '-b', '4096', '-d', tree, raw, '24M')
    blocks = {name: int(run('/sbin/debugfs', '-R', f'bmap /probe/{name} 1', raw).stdout) for name in FILES}
    encrypt(c, raw)
    c.file = c.write_guest()
    c.put_policy(c.file)
    return Layout(c.path('root.img')), blocks


def prepare_btrfs(c, words=''):
    """A btrfs with the agent on it becomes the disk; words of the kernel's for the system on it."""
    c.make_broker()
    make_initrd(c)
    tree = make_tree(c)
    add_program(c.env.agent, tree, 'usr/bin')
    encrypt(c, tree, '--filesystem', 'btrfs', '--size', '112MiB')
    c.guest['cmdline'] += f' securevm.root=btrfs {words}'
    c.file = c.write_guest()
    c.put_policy(c.file)


@case
def changed_blocks(c):
    """a disk with tags, rekeyed: five changed blocks cannot be read, all others can; and the guest says what is not noticed"""
    disk, at = prepare_raw(c)
    run(*c.vm, 'image', 'rekey', c.path('root.img'), '--resource', 'default/g/root', *c.broker.admin(), env=c.environment)
    disk.flip(disk.block(at['bit']))
    disk.flip(disk.tag(at['tag']))
    disk.swap(at['swap1'], at['swap2'])
    disk.write(disk.block(at['zero']), bytes(BLOCK))
    c.launch()
    grounds = c.must_unlock()
    c.must('put older blocks of the disk back' in grounds, f'expected the disk\'s limit, found {grounds}')
    c.wait_console('probes: done')
    for name in FILES:
        words = f'probe {name}: {3 * BLOCK} bytes' if name == 'fine' else f'probe {name}: Input/output error'
        c.must(words in c.console(), f'expected "{words}"')


@case
def forged_journal(c):
    """a journal that the host wrote is replayed, and gets it nothing: blocks that it made or moved cannot be read, what has its right tag can"""
    disk, at = prepare_raw(c)
    there = {n: (disk.read(disk.block(at[n])), disk.read(disk.tag(at[n]))) for n in FILES}
    disk.flip(disk.block(at['zero']))  # which the journal mends: it is replayed
    disk.forge_journal({at['zero']: there['zero'], at['bit']: (os.urandom(BLOCK), there['bit'][1]), at['tag']: (there['tag'][0], os.urandom(TAG)),
                        at['swap1']: there['swap2'], at['swap2']: there['swap1']})
    c.launch()
    c.must_unlock()
    c.wait_console('probes: done')
    for name in FILES:
        words = f'probe {name}: {3 * BLOCK} bytes' if name in ('fine', 'zero') else f'probe {name}: Input/output error'
        c.must(words in c.console(), f'expected "{words}"')


@case
def changed_metadata(c):
    """a disk with tags whose file system's superblock was changed does not become a root"""
    disk, _ = prepare_raw(c)
    disk.flip(disk.block(0))
    c.launch()
    c.must_refuse('proof', 'disk.block', released=True)


def put_back(c, but):
    """All blocks that differ from those of before, with their tags, but these."""
    now, before = Layout(c.path('root.img')), Layout(c.path('before.img'))
    for n in set(range(now.blocks)) - set(but):
        if now.read(now.tag(n)) != before.read(before.tag(n)):
            for of in (now.block, now.tag):
                now.write(of(n), before.read(of(n)))


def must_end(c):
    """The guest runs, and ends as a system does: nothing can be written when it gives the disk back."""
    c.must_unlock()
    c.wait_console('report 3: status', 60)
    states = [r.get('state') for r in c.broker.audit() if r['action'] == 'disk']
    c.must('report 3: status 0' in c.console() and states[-4:] == ['opens', 'runs', 'ends', 'closed'], f'expected the disk to be given back, found {states}')
    c.must('lease' not in shown(c), f'expected nobody to have the disk, found {shown(c)}')
    run(*c.vm, 'destroy', 'g', env=c.environment)


@case
def ended_disk(c):
    """a guest that ended, and said so when nothing could be written any more, keeps nobody waiting for its disk"""
    prepare_btrfs(c, 'e2e=end')
    c.launch()
    must_end(c)
    c.launch()
    must_end(c)
    c.must('found: round 2' in c.console(), 'expected what was written before')
    c.must(not any(r.get('check') == 'disk.in-use' for r in c.broker.audit()), 'the second guest had to wait')


def shown(c):
    return json.loads(run(*c.vm, 'key', 'show', 'default/g/root', '--json', *c.broker.admin(), env=c.environment).stdout)['versions'][0]


def generation(c):
    return shown(c).get('generation', 0)


def digest_of(path):
    with open(path, 'rb') as f:
        return hashlib.file_digest(f, 'sha256').hexdigest()


def end_lease(c, untouched):
    """Once the next guest was refused; whether it was closed out until then, and had not even opened the disk."""
    wait_until(lambda: 'no guest was refused', lambda: any(r.get('check') == 'disk.in-use' for r in c.broker.audit()), 200)
    opened = any(r.get('outcome') == 'confirmed' for r in c.broker.audit()) or not untouched()
    run(*c.vm, 'key', 'end-lease', 'default/g/root', *c.broker.admin(), env=c.environment)
    return not opened


@case
def older_disk(c):
    """btrfs on tags: its generation is reported as it grows, a second instance waits for the end of the lease, older blocks and an older disk are refused, a restore is let in"""
    prepare_btrfs(c)
    shutil.copyfile(c.path('root.img'), c.path('before.img'))
    c.launch()
    grounds = c.must_unlock()
    c.must('from after the last report' in grounds, f'expected the disk\'s limit, found {grounds}')
    c.wait_console('journal: empty', 60)
    c.must(all(f'report {n}: status 0' in c.console() for n in (1, 2, 3)), 'expected each report to be taken')
    c.must(all(f'probe {name}: {3 * BLOCK} bytes' in c.console() for name in FILES), 'expected every file to be read')
    asked, *reports = [r for r in c.broker.audit() if r['action'] == 'disk']
    c.must(asked['state'] == 'opens' and 'generation' not in asked, f'expected that the agent asks before it opens the disk, found {asked}')
    reported = [r['generation'] for r in reports]
    c.must(len(set(reported)) == 4 and reported == sorted(reported) and reported[3] == generation(c), f'expected four growing generations, found {reported}')
    c.must([r['state'] for r in reports] == ['opens', 'runs', 'ends', 'runs'] and len({r['instance'] for r in reports}) == 1, f'found {reports}')
    c.must(shown(c).get('instance') == reports[0]['instance'] and 800 < shown(c)['lease'] <= 900, f'expected its lease, found {shown(c)}')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    opened, audit = len(c.broker.audit()), c.broker.audit
    c.broker.audit = lambda: audit()[opened:]
    put_back(c, but=(16, 16384))  # the superblocks: at 64 KiB and at 64 MiB
    blocks = digest_of(c.path('root.img'))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        closed_out = pool.submit(end_lease, c, lambda: digest_of(c.path('root.img')) == blocks)
        c.launch()
        c.must(closed_out.result(), 'the second instance was let in, or wrote to the disk')
    c.must_refuse('proof', 'disk.tree', released=True)
    c.must('disk.in-use' in c.console(), 'expected the second instance to say what it waits for')
    c.must('lease' not in shown(c), 'expected a guest without a root to give the disk back')
    os.rename(c.path('before.img'), c.path('root.img'))
    c.launch()
    c.must_refuse('proof', 'disk.rollback', released=True)
    message = c.result['error']['message']
    c.must(f'at generation {reported[0]},' in message and f'been at {reported[3]}:' in message, f'expected both numbers, found {message}')
    c.must('cannot be closed' not in c.console(), 'expected the refused disk to be closed')
    c.must(generation(c) == reported[3], 'the refused disk lowered the floor')
    run(*c.vm, 'key', 'accept-restore', 'default/g/root', '--generation', reported[0], *c.broker.admin(), env=c.environment)
    c.launch()
    grounds = c.must_unlock()
    c.must('disk.restored' in grounds, f'expected the restore among the grounds, found {grounds}')


def make_clone(c):
    """The same guest at another place of the host's, on a copy of its disk as it is now."""
    other = type(c)(c.env, os.path.dirname(c.dir), c.name + '-clone')
    shutil.copyfile(c.path('root.img'), other.path('root.img'))
    other.broker = c.broker
    other.guest = dict(c.guest, disks=[{'path': other.path('root.img')}])
    other.file = other.write_guest()
    return other


@case
def superseded(c):
    """two guests run, one of them on a copy of the other's disk, which was paused and whose lease was ended: the first is refused at its next report, and goes off"""
    prepare_btrfs(c, 'e2e=runs')
    c.launch()
    c.must_unlock()
    c.wait_console('report 1: status 0', 60)
    run(*c.vm, 'pause', 'g', env=c.environment)
    first = shown(c)['instance']
    other = make_clone(c)
    try:
        run(*c.vm, 'key', 'end-lease', 'default/g/root', *c.broker.admin(), env=c.environment)
        other.launch()
        other.must_unlock()
        other.wait_console('report 1: status 0', 60)
        second = shown(c)['instance']
        c.must(first != second and c.processes(), f'expected both guests, and another to have the disk than {first}')
        run(*c.vm, 'resume', 'g', env=c.environment)
        c.wait_console('secure-vm-agent: off at once: ', 60)
        c.must('[disk.superseded]' in c.console() and 'status 5' not in c.console(), 'expected the first guest to be told that it has lost the disk, and not to go on')
        wait_until(lambda: f'the first guest runs on: {c.processes()}, {c.console()[-1500:]}', lambda: not c.processes(), 60)
        reports = [r for r in c.broker.audit() if r['action'] == 'disk' and r.get('instance') == first]
        c.must(reports[-1].get('check') == 'disk.superseded', f'expected the refusal in the audit record, found {reports[-1]}')
        c.must(shown(c)['instance'] == second and other.processes(), 'expected the second guest to keep the disk and to run')
        must_keep_reporting(c, second)
    finally:
        run(*other.vm, 'destroy', 'g', '--forget', check=False, env=other.environment)


def must_keep_reporting(c, instance):
    def count():
        return sum(r['action'] == 'disk' and r.get('instance') == instance and not r.get('check') for r in c.broker.audit())
    before = count()
    wait_until('the guest that has the disk reports no more', lambda: count() > before, 60)
