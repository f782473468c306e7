# SPDX-License-Identifier: Apache-2.0
"""A Debian that plays the host: emulated (TCG), its unchanged kernel, a root file system of its packages, and in it what `meson install` puts there.
A case is a Python program that runs in it as root and prints a line for each thing that must be true: "ok WHAT", or "not ok WHAT: WHY"."""
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


class Machine:
    """`build` is what gets installed in it. `label` is called with the root's folder before that becomes a disk, `kind` tells what it does."""
    def __init__(self, build, say, kind='plain', label=None):
        os.makedirs(CACHE, exist_ok=True)
        self.work = tempfile.mkdtemp(prefix='.new.', dir=CACHE)
        self.build, self.say, self.kind, self.label = build, say, kind, label
        self.kernel = run(os.path.join(TOP, 'tools', 'fetch-kernel')).splitlines()[-1]
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
        tar = run(os.path.join(TOP, 'tools', 'rootfs'), '--plain', *PACKAGES, *(f'{p}/{suite}' for p in BACKPORTS)).splitlines()[-1]
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
        for f in ('lab/init', 'lab/inside.py', 'e2e/apart.py', 'e2e/button.py', 'patience.py'):
            shutil.copy(os.path.join(TOP, 'tests', f), os.path.join(top, 'lab'))
        shutil.copy(os.path.join(HERE, case), os.path.join(top, 'lab', 'case'))
        run('tar', '--create', '--file', self.path('tar'), '--directory', top, '--owner=0', '--group=0', '.')
        run('truncate', '-s', '%1M', self.path('tar'))

    def make_initrd(self):
        os.mkdir(self.path('first'))
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', self.path('first', 'init'), os.path.join(HERE, 'first.c'))
        shown = run('modprobe', '-d', self.kernel, '-S', os.path.basename(self.modules), '-D', '-a', *MODULES, env=dict(os.environ, PATH=SEARCH))
        names = []
        for path in dict.fromkeys(re.findall(r'^insmod (\S+)', shown, re.M)):
            names.append('/' + os.path.basename(path))
            shutil.copy(path, self.path('first'))
        with open(self.path('first', 'modules'), 'w', encoding='ascii') as f:
            f.write(''.join(n + '\n' for n in names))
        with open(self.path('initrd'), 'wb') as out:
            files = ''.join(f'{f}\n' for f in ['.', *sorted(os.listdir(self.path('first')))])
            subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=files.encode(), stdout=out, cwd=self.path('first'), check=True)

    def boot(self, case, words, logs):
        """The lines of the case, as they come. `words`: more of the kernel's command line."""
        disk = self.make_disk()
        self.make_ours(case)
        self.make_initrd()
        os.makedirs(logs, exist_ok=True)
        console = os.path.join(logs, 'console.log')
        self.say('the machine begins')
        # Without AVX2: QEMU 10.0's emulation of VINSERTI128 reads beyond its operand (tools/elsewhere).
        command = ['timeout', str(int(patient(LIMIT))), 'qemu-system-x86_64', '-machine', 'q35', '-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', 'EPYC-Milan,-avx2', '-smp', '2', '-m', '3G',
                   '-nodefaults', '-display', 'none', '-no-reboot', '-kernel', os.path.join(self.kernel, 'vmlinuz'), '-initrd', self.path('initrd'),
                   '-append', f'console=ttyS0 rdinit=/init panic=-1 no_timer_check nowatchdog mitigations=off quiet {words}', '-drive', f'file={disk},format=raw,if=virtio,cache=unsafe,snapshot=on',
                   '-drive', f'file={self.path("tar")},format=raw,if=virtio,readonly=on',
                   '-serial', f'file:{console}', '-serial', 'stdio']
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors='replace') as p:
            for line in p.stdout:
                yield line.rstrip('\r\n')
            p.wait()
        with open(console, encoding='utf-8', errors='replace') as f:
            if 'Kernel panic' in f.read():
                raise Failed(f'the machine\'s kernel gave up: {console}')
