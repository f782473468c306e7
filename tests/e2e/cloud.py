#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An image as clouds have them, made of Debian's packages (qcow2; GPT with an EFI system partition, swap and an ext4 root; the cloud kernel), comes
with three commands to its login prompt: its root encrypted, its fstab as it was but for what is not there. And once more as a verity disk. The same as RHEL
and Fedora have theirs: an XFS, and a btrfs whose subvolume "root" is compressed, with the kernel on a /boot of its own.

    cloud.py --build DIR [--list] [--keep] [CASE...]
"""
import json
import os
import sys
import tempfile

from env import CACHE, TOP, Case, Env, Failed, digest, run, say_to, twice
from runner import main

KERNEL = 'linux-image-cloud-amd64'
ROOT_UUID, ROOT_PART, ESP, SWAP = '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4a101', '4f0e1c2d-0001-4000-8000-000000000001', 'C0DE-C10D', '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4a102'
BOOT, SPARE = '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4a103', '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4a104'
LINES = f"""UUID={ESP} /boot/efi vfat umask=0077 0 1
UUID={SWAP} none swap sw 0 0
tmpfs /tmp tmpfs size=64m 0 0
"""
BOOT_LINE = f'UUID={BOOT} /boot ext4 defaults 0 2\n'
FSTABS = {'ext4': f'# as the image has it\nPARTUUID={ROOT_PART} / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1\n' + LINES,
          'xfs': f'UUID={ROOT_UUID} / xfs defaults 0 0\n' + BOOT_LINE + LINES,
          'btrfs': f'UUID={ROOT_UUID} / btrfs subvol=root,compress=zstd:1 0 0\nUUID={ROOT_UUID} /home btrfs subvol=home 0 0\n' + BOOT_LINE + LINES}
CRYPTTAB = f'spare UUID={SPARE} none luks\n'
TABLE = f"""label: gpt
start=2048, size=32768, type=U
start=34816, size=32768, type=S
start=67584, size=1835008, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid={ROOT_PART}
start=1902592, size=131072, type=L
"""
MIB = 1 << 20
# Debian 12's own tools cannot fill an XFS, or make subvolumes, without a mount. What kernels of its age know.
NEW = '"$TREE/lib64/ld-linux-x86-64.so.2" --library-path "$TREE/usr/lib/x86_64-linux-gnu" "$TREE/usr/sbin/'
MAKE = {'ext4': f'mke2fs -q -t ext4 -U {ROOT_UUID} -d tree root 896M',
        'xfs': f'truncate -s 896M root; {NEW}mkfs.xfs" -q -m uuid={ROOT_UUID} -c options="$TREE/usr/share/xfsprogs/mkfs/lts_6.1.conf" -p tree root',
        'btrfs': 'mkdir -p all/home; mv tree/home/* all/home/; mv tree all/root; truncate -s 896M root; '
                 f'{NEW}mkfs.btrfs" -q -U {ROOT_UUID} --rootdir all --subvol root --subvol home --compress zstd:3 -O ^block-group-tree root'}


def fetch_tools():
    """Their tree, from the newest Debian."""
    return run(os.path.join(TOP, 'tools', 'fetch-forky'), env=dict(os.environ, TREE='forky-mkfs', WANTED='btrfs-progs xfsprogs'), timeout=1800).stdout.strip()


def make_image(say, kind):
    """Kept in the cache for each root file system and this script."""
    say('a root file system with the cloud kernel')
    tar = run(os.path.join(TOP, 'tools', 'rootfs'), KERNEL, timeout=1800).stdout.strip()
    image = os.path.join(CACHE, f'cloud-{kind}-{os.path.basename(tar)[:-4]}-{digest(__file__)}.qcow2')
    if os.path.exists(image):
        return image
    say(f'a disk of it, {kind}')
    os.makedirs(CACHE, exist_ok=True)
    environment = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')
    if kind != 'ext4':
        environment['TREE'] = fetch_tools()
    with tempfile.TemporaryDirectory(dir=CACHE) as d:
        def sh(script):
            run('sh', '-ec', script, cwd=d, env=environment, timeout=900)
        for name, text in (('fstab', FSTABS[kind]), ('crypttab', CRYPTTAB), ('table', TABLE), ('make', MAKE[kind])):
            with open(os.path.join(d, name), 'w', encoding='ascii') as f:
                f.write(text)
        apart = '' if kind == 'ext4' else f'mkdir boot; mv tree/boot/* boot/; mke2fs -q -t ext4 -U {BOOT} -d boot kernels 64M;'
        sh(f"mkdir tree; fakeroot sh -ec 'tar -xf {tar} -C tree --numeric-owner --xattrs --xattrs-include=security.capability; "
           f"cp fstab crypttab tree/etc/; {apart} mkdir -p tree/boot/efi; . ./make'")
        sh(f'truncate -s 16M esp swap; mkfs.vfat -i {ESP.replace("-", "")} esp; mkswap -U {SWAP} swap')
        sh('truncate -s 1G disk; sfdisk -q disk <table')
        for name, at in (('esp', 1), ('swap', 17), ('root', 33), ('kernels', 929)):
            sh(f'[ ! -e {name} ] || dd if={name} of=disk bs=1M seek={at} conv=notrunc,sparse status=none')
        sh(f'qemu-img convert -O qcow2 disk image && mv image {image}')
    return image


class Import(Case):
    def __init__(self, env, base, name, image):
        super().__init__(env, base, name)
        self.image, self.folder = image(KINDS.get(name, 'ext4')), self.path('web')
        self.environment['XDG_CONFIG_HOME'] = self.path('config')

    def import_image(self, *more):
        self.make_broker()
        run(*self.vm, 'broker', 'add', 'mine', *self.broker.admin(), env=self.environment)
        r = run(*self.vm, 'image', 'import', self.image, '--out', self.folder, '--name', 'g', '--tee', 'vtpm',
                '--cmdline', 'console=ttyS0 no_timer_check systemd.default_timeout_start_sec=1800', *more, env=self.environment)
        for words in (f'/boot/efi (UUID={ESP})', f'swap (UUID={SWAP})', f'encrypted volume spare (UUID={SPARE})'):
            if words not in r.stderr:
                raise Failed(f'expected "{words}" to be said, found {r.stderr}')
        self.file = os.path.join(self.folder, 'guest.json')
        if sorted(os.listdir(self.folder)) != ['disk.img', 'guest.json', 'initrd.img', 'vmlinuz']:
            raise Failed(f'found in the folder: {os.listdir(self.folder)}')
        return r.stdout

    def must_come_up(self):
        self.wait_console('demo login:', 240)
        for bad in ('Timed out waiting for device', 'Dependency failed', 'emergency mode'):
            self.must(bad not in self.console(), f'the system says "{bad}"')


def encrypted(c):
    """the root, encrypted: policy, launch, login prompt"""
    said = c.import_image('--broker', 'mine')
    c.must('guest.json --put --broker mine\n' in said, f'the next command names the broker: {said}')
    run(*c.vm, 'policy', c.file, '--put', env=c.environment)
    c.launch(timeout=360)
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to get its disk')
    c.must_come_up()


def verity(c):
    """the root as a verity disk: it needs no key, and every block of it is verified"""
    c.import_image('--verity')
    c.launch(timeout=360)
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to start')
    c.must_come_up()


def boot_other(c, words):
    c.import_image('--broker', 'mine')
    with open(c.file, encoding='utf-8') as f:
        c.must(words in json.load(f)['cmdline'].split(' '), f'expected "{words}" on the command line')
    run(*c.vm, 'policy', c.file, '--put', env=c.environment)
    c.launch(timeout=360)
    c.must(c.status == 0 and c.result.get('ok'), 'expected the guest to get its disk')
    c.must_come_up()


def xfs(c):
    """an XFS root and a /boot beside it, as RHEL has them: the guest takes out of its fstab what is not there"""
    boot_other(c, 'securevm.root=xfs')


def btrfs(c):
    """a btrfs whose subvolume is the root, compressed, as Fedora has it, and another one below it"""
    boot_other(c, 'securevm.root=btrfs,subvol=root')


KINDS = {'xfs': 'xfs', 'btrfs': 'btrfs'}


def prepare(a, base):
    say = say_to()
    env = Env(a.build, say)
    images = {kind: make_image(say, kind) for kind in sorted({KINDS.get(f.__name__, 'ext4') for f in a.cases})}
    return lambda name: Import(env, base, name, images.get)


if __name__ == '__main__':
    sys.exit(main('cloud', __doc__, [encrypted, verity, xfs, btrfs], prepare, again=twice))
