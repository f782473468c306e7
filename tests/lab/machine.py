# SPDX-License-Identifier: Apache-2.0
"""A Debian that plays the host: emulated (TCG), its unchanged kernel, a root file system of its packages, and in it what `meson install` puts there.
A case is a Python program that runs in it as root and prints a line for each thing that must be true: "ok WHAT", or "not ok WHAT: WHY"."""
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, 'tests'))

from patience import Failed, patient  # noqa: E402

CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'secure-vm', 'rootfs')
# What the programs load and start, what the cases run, and both kinds of confinement.
PACKAGES = ['libjson-c5', 'libcryptsetup12', 'cryptsetup-bin', 'libtss2-esys-3.0.2-0', 'libtss2-tctildr0', 'libtss2-tcti-device0', 'libext2fs2', 'libblkid1',
            'libcurl4', 'libnbd0', 'libpq5', 'libsqlite3-0', 'openssl', 'swtpm', 'swtpm-tools', 'ovmf', 'python3', 'e2fsprogs', 'mount', 'util-linux',
            'kmod', 'iproute2', 'procps', 'fakeroot', 'apparmor', 'selinux-policy-default', 'policycoreutils', 'checkpolicy', 'semodule-utils',
            'selinux-utils', 'cpio', 'openssh-client']
BACKPORTS = ['libvirt-daemon', 'libvirt-daemon-driver-qemu', 'libvirt-clients', 'qemu-system-x86', 'qemu-system-common', 'qemu-system-data', 'qemu-utils',
             'seabios']
MODULES = ['virtio_pci', 'virtio_blk', 'ext4']
LIMIT = 1800  # seconds
SEARCH = os.environ['PATH'] + ':/usr/sbin:/sbin'


def run(*command, **more):
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **more)
    if r.returncode:
        raise Failed(f'{os.path.basename(str(command[0]))} ended with {r.returncode}: {(r.stderr or r.stdout).strip()[-1000:]}')
    return r.stdout


def codename():
    with open('/etc/os-release', encoding='utf-8') as f:
        return re.search(r'^VERSION_CODENAME=(\w+)', f.read(), re.M).group(1)


def missing():
    """Why there can be no lab on this machine; None: nothing is missing."""
    if os.geteuid() != 0:
        return 'wants root: the owners of the root file system are kept'
    for program in ('qemu-system-x86_64', 'mmdebstrap', 'mke2fs', 'cpio', 'modprobe'):
        if not shutil.which(program, path=SEARCH):
            return f'no {program} on this machine (tools/setup)'
    return None


def make_nodes(folder):
    """Two nodes, the second with a card that has queues and virtual functions; a drive, and a disk that rotates."""
    drives = []
    for name, device in (('nvme', 'nvme,serial=x,bus=pcie.0'), ('rotates', 'ide-hd,rotation_rate=7200')):
        run('truncate', '-s', '64M', os.path.join(folder, name))
        drives += ['-drive', f'if=none,id={name},file={os.path.join(folder, name)},format=raw', '-device', f'{device},drive={name}']
    return ['-smp', '8,sockets=2,cores=4,threads=1', '-m', '2G', '-object', 'memory-backend-ram,id=m0,size=1G', '-object', 'memory-backend-ram,id=m1,size=1G',
            '-numa', 'node,nodeid=0,memdev=m0,cpus=0-3', '-numa', 'node,nodeid=1,memdev=m1,cpus=4-7', '-device', 'pxb-pcie,id=px,bus=pcie.0,bus_nr=32,numa_node=1',
            '-device', 'pcie-root-port,id=rp,bus=px,chassis=3', '-netdev', 'user,id=n0', '-device', 'igb,netdev=n0,bus=rp', *drives]


def make_iommu(folder):
    """The same, with an IOMMU, behind which each virtual function has a group of its own."""
    return ['-machine', 'kernel-irqchip=split', '-device', 'intel-iommu,intremap=on,device-iotlb=on', *make_nodes(folder)]


class Machine:
    """`build` is what gets installed in it. `label` is called with the root's folder before that becomes a disk, `kind` tells what it does. `packages`, `backports`: more than all cases have;
    `newer`: the kernel of the backports. `devices` gives more of QEMU's arguments, for a folder of its own; `more` puts files of the case's into a folder, which becomes /lab. `resets`: it may
    begin anew in the middle, with what it has on its disk."""
    def __init__(self, build, say, kind='plain', label=None, packages=(), backports=(), newer=False, devices=None, more=None, resets=False):
        os.makedirs(CACHE, exist_ok=True)
        self.work = tempfile.mkdtemp(prefix='.new.', dir=CACHE)
        self.build, self.say, self.kind, self.label, self.packages, self.more, self.resets = build, say, kind, label, packages, more, resets
        self.backports = [*backports, *BACKPORTS]
        self.devices = devices(self.work) if devices else ['-smp', '2', '-m', '3G']
        self.kernel = run(os.path.join(TOP, 'tools', 'fetch-kernel'), *(['--backports'] if newer else [])).splitlines()[-1]
        self.modules = os.path.realpath(os.path.join(self.kernel, 'modules'))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.work, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.work, *parts)

    def make_disk(self):
        """The distribution alone, kept in the cache; the machine writes to a copy that is thrown away."""
        suite = f'{codename()}-backports'
        tar = run(os.path.join(TOP, 'tools', 'rootfs'), '--plain', *PACKAGES, *self.packages, *(f'{p}/{suite}' for p in self.backports)).splitlines()[-1]
        disk = f'{tar[:-4]}-{os.path.basename(self.kernel)}-{self.kind}.img'
        if os.path.exists(disk):
            return disk
        self.say('a disk with the distribution')
        root = self.path('root')
        os.mkdir(root)
        run('tar', '--extract', '--file', tar, '--directory', root, '--numeric-owner', '--same-owner', '--preserve-permissions', '--xattrs', '--exclude=./dev/*')
        os.makedirs(os.path.join(root, 'lib/modules'), exist_ok=True)
        run('cp', '-a', self.modules, os.path.join(root, 'lib/modules', os.path.basename(self.modules)))
        os.mkdir(os.path.join(root, 'lab'))
        shutil.copy(os.path.join(self.kernel, 'vmlinuz'), os.path.join(root, 'lab', 'vmlinuz'))
        if self.label:
            self.label(root)
        run('truncate', '-s', '3G', self.path('disk'))
        run('mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-d', root, self.path('disk'), env=dict(os.environ, PATH=SEARCH))
        shutil.rmtree(root)
        os.rename(self.path('disk'), disk)
        return disk

    def make_ours(self, case):
        """Our programs as `meson install` puts them, and the case: a tar that is laid over the disk."""
        top = self.path('ours')
        run('meson', 'install', '-C', self.build, '--no-rebuild', '--quiet', '--destdir', top)
        local = os.path.join(top, 'usr/local/etc')  # where a prefix of /usr/local has it; AppArmor looks in /etc
        if os.path.isdir(local):
            os.rename(local, os.path.join(top, 'etc'))
        os.mkdir(os.path.join(top, 'lab'))
        for f in ('lab/init', 'lab/inside.py', 'e2e/apart.py', 'e2e/button.py', 'hosts/hosts.py', 'patience.py', 'processes.py'):
            shutil.copy(os.path.join(TOP, 'tests', f), os.path.join(top, 'lab'))
        shutil.copy(os.path.join(HERE, case), os.path.join(top, 'lab', 'case'))
        self.make_initrd('writer.c', ['virtio_pci', 'virtio_blk'], os.path.join(top, 'lab', 'writer.initrd'))
        if self.more:
            self.more(self, os.path.join(top, 'lab'))
        run('tar', '--create', '--file', self.path('tar'), '--directory', top, '--owner=0', '--group=0', '.')
        run('truncate', '-s', '%1M', self.path('tar'))

    def make_initrd(self, program, wanted, out):
        """An initramfs of a program that is its init, and modules, in the order in which they are loaded."""
        folder = tempfile.mkdtemp(dir=self.work)
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(folder, 'init'), os.path.join(HERE, program))
        shown = run('modprobe', '-d', self.kernel, '-S', os.path.basename(self.modules), '-D', '-a', *wanted, env=dict(os.environ, PATH=SEARCH))
        names = []
        for path in dict.fromkeys(re.findall(r'^insmod (\S+)', shown, re.M)):
            names.append('/' + os.path.basename(path).removesuffix('.xz'))
            with (lzma.open if path.endswith('.xz') else open)(path, 'rb') as module, open(folder + names[-1], 'wb') as to:
                shutil.copyfileobj(module, to)
        with open(os.path.join(folder, 'modules'), 'w', encoding='ascii') as f:
            f.write(''.join(n + '\n' for n in names))
        with open(out, 'wb') as to:
            files = ''.join(f'{f}\n' for f in ['.', *sorted(os.listdir(folder))])
            subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=files.encode(), stdout=to, cwd=folder, check=True)

    def boot(self, case, words, logs):
        """The lines of the case, as they come. `words`: more of the kernel's command line."""
        disk = self.make_disk()
        self.make_ours(case)
        self.make_initrd('first.c', MODULES, self.path('initrd'))
        os.makedirs(logs, exist_ok=True)
        console = os.path.join(logs, 'console.log')
        self.say('the machine begins')
        # Without AVX2: QEMU 10.0's emulation of VINSERTI128 reads beyond its operand (tools/elsewhere).
        command = ['timeout', str(int(patient(LIMIT))), 'qemu-system-x86_64', '-machine', 'q35', '-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'EPYC-Milan,-avx2', *self.devices,
                   '-nodefaults', '-display', 'none', *([] if self.resets else ['-no-reboot']), '-kernel', os.path.join(self.kernel, 'vmlinuz'), '-initrd', self.path('initrd'),
                   '-append', f'console=ttyS0 rdinit=/init panic={0 if self.resets else -1} no_timer_check nowatchdog mitigations=off quiet {words}', '-drive', f'file={disk},format=raw,if=none,id=root,cache=unsafe,snapshot=on',
                   '-drive', f'file={self.path("tar")},format=raw,if=none,id=ours,readonly=on', '-device', 'virtio-blk-pci,bus=pcie.0,drive=root',
                   '-device', 'virtio-blk-pci,bus=pcie.0,drive=ours',
                   '-serial', f'file:{console}', '-serial', 'stdio']
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace') as p:
            for line in p.stdout:
                yield line.rstrip('\r\n')
            said = p.stderr.read()
            p.wait()
        if p.returncode:
            raise Failed(f'the machine ended with {p.returncode}: {said.strip()[-1000:]}')
        with open(console, encoding='utf-8', errors='replace') as f:
            if 'Kernel panic' in f.read():
                raise Failed(f'the machine\'s kernel gave up: {console}')
