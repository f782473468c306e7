#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An image as clouds have them, made of Debian's packages (qcow2; GPT with an EFI system partition, swap and an ext4 root; the cloud kernel), comes
with three commands to its login prompt: its root encrypted, its fstab as it was but for what is not there. And once more as a verity disk.

    cloud.py --build DIR [--list] [--keep] [CASE...]
"""
import os
import sys
import tempfile

from env import CACHE, TOP, Case, Env, Failed, digest, run, say_to, twice
from runner import main

KERNEL = 'linux-image-cloud-amd64'
ROOT_UUID, ROOT_PART, ESP, SWAP = '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4a101', '4f0e1c2d-0001-4000-8000-000000000001', 'C0DE-C10D', '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4a102'
FSTAB = f"""# as the image has it
PARTUUID={ROOT_PART} / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1
UUID={ESP} /boot/efi vfat umask=0077 0 1
UUID={SWAP} none swap sw 0 0
tmpfs /tmp tmpfs size=64m 0 0
"""
TABLE = f"""label: gpt
start=2048, size=32768, type=U
start=34816, size=32768, type=S
start=67584, size=1835008, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid={ROOT_PART}
"""
MIB = 1 << 20


def make_image(say):
    """Kept in the cache for each root file system and this script."""
    say('a root file system with the cloud kernel')
    tar = run(os.path.join(TOP, 'tools', 'rootfs'), KERNEL, timeout=1800).stdout.strip()
    image = os.path.join(CACHE, f'cloud-{os.path.basename(tar)[:-4]}-{digest(__file__)}.qcow2')
    if os.path.exists(image):
        return image
    say('a disk of it')
    os.makedirs(CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as d:
        def sh(script):
            run('sh', '-ec', script, cwd=d, env=dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin'), timeout=600)
        for name, text in (('fstab', FSTAB), ('table', TABLE)):
            with open(os.path.join(d, name), 'w', encoding='ascii') as f:
                f.write(text)
        sh(f"mkdir tree; fakeroot sh -ec 'tar -xf {tar} -C tree --numeric-owner --xattrs --xattrs-include=security.capability; "
           f"cp fstab tree/etc/fstab; mkdir -p tree/boot/efi; mke2fs -q -t ext4 -U {ROOT_UUID} -d tree root 896M'")
        sh(f'truncate -s 16M esp swap; mkfs.vfat -i {ESP.replace("-", "")} esp; mkswap -U {SWAP} swap')
        sh('truncate -s 1G disk; sfdisk -q disk <table')
        for name, at in (('esp', 1), ('swap', 17), ('root', 33)):
            sh(f'dd if={name} of=disk bs=1M seek={at} conv=notrunc,sparse status=none')
        sh(f'qemu-img convert -O qcow2 disk image && mv image {image}')
    return image


class Import(Case):
    def __init__(self, env, base, name, image):
        super().__init__(env, base, name)
        self.image, self.folder = image, self.path('web')
        self.environment['XDG_CONFIG_HOME'] = self.path('config')

    def import_image(self, *more):
        self.make_broker()
        run(*self.vm, 'broker', 'add', 'mine', *self.broker.admin(), env=self.environment)
        r = run(*self.vm, 'image', 'import', self.image, '--out', self.folder, '--name', 'g', '--tee', 'vtpm',
                '--cmdline', 'console=ttyS0 no_timer_check', *more, env=self.environment)
        for words in (f'/boot/efi (UUID={ESP})', f'swap (UUID={SWAP})'):
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


def prepare(a, base):
    say = say_to()
    env = Env(a.build, say)
    image = make_image(say)
    return lambda name: Import(env, base, name, image)


if __name__ == '__main__':
    sys.exit(main('cloud', __doc__, [encrypted, verity], prepare, again=twice))
