#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The initramfs of each Debian kernel, from its unchanged package: at most 8 MiB, with all that a guest needs there or built in, and its list
of modules is what kmod would load for the same names, in an order in which each finds what it needs.

    initramfs.py SECURE_VM AGENT
"""
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 8 << 20
KERNELS = {'12': [], '12-backports': ['--backports'], '13': ['--suite', 'trixie'], '14': ['--suite', 'forky']}
# What a guest of ours does, and the modules by which kernels do it: one of each row, or built in.
NEEDS = ['virtio_pci', 'virtio_blk', 'virtio_net', 'virtio_console', 'virtio_rng', 'af_packet', 'ipv6', '8021q', 'dm_mod', 'dm_crypt', 'xts', 'ecb', 'aesni_intel',
         'sha256_generic sha256', 'dm_verity', 'overlay', 'erofs', 'crc32c_generic crc32c_cryptoapi', 'ext4', 'button', 'evdev', 'autofs4',
         'sev_guest', 'tdx_guest']
SINCE = {'tdx_guest': (6, 2)}
UNTIL = {'ipv6': (7, 0)}  # no module can be made of it later


def name_of(path):
    return re.sub(r'\.ko(\.\w+)?$', '', os.path.basename(path)).replace('-', '_')


class Kernel:
    def __init__(self, options):
        r = subprocess.run([os.path.join(TOP, 'tools', 'fetch-kernel'), *options], capture_output=True, text=True, timeout=900)
        if r.returncode:
            sys.exit(77 if options and print(f'SKIP: {r.stderr.strip()}') is None else f'fetch-kernel: {r.stderr}')
        self.dir = os.path.realpath(os.path.join(r.stdout.split()[-1], 'modules'))
        self.release = os.path.basename(self.dir)
        self.base = self.dir[:-len(f'/lib/modules/{self.release}')]
        self.version = tuple(map(int, self.release.split('.')[:2]))
        with open(os.path.join(self.dir, 'modules.builtin'), encoding='ascii') as f:
            self.builtin = {name_of(line.strip()) for line in f}
        with open(os.path.join(self.dir, 'modules.dep'), encoding='ascii') as f:
            rows = dict(line.strip().split(':') for line in f)
        self.deps = {name_of(path): [name_of(d) for d in rest.split()] for path, rest in rows.items()}

    def kmod(self, name):
        """What modprobe would load for a name, what it needs first."""
        out = subprocess.run(['/sbin/modprobe', '-d', self.base, '-S', self.release, '--show-depends', name], capture_output=True, text=True, check=True).stdout
        return [name_of(line.split()[1]) for line in out.splitlines() if line.startswith('insmod ')]


def make(vm, agent, kernel, out):
    made = subprocess.run([vm, 'image', 'initrd', '--kernel-modules', kernel.dir, '--agent', agent, '--out', out, '--modules-list'],
                          capture_output=True, text=True, timeout=300)
    if made.returncode:
        sys.exit(f'image initrd: {made.stderr}')
    return made.stdout.split()


def check(kernel, paths, size):
    """The errors."""
    names = [name_of(p) for p in paths]
    for p in paths:
        if not p.endswith('.ko'):
            yield f'{p} is packed'
    if size > LIMIT:
        yield f'{size} bytes, at most {LIMIT} are allowed'
    wanted = []
    for row in NEEDS:
        found = [n for n in row.split() if n in names]
        if not found and not any(n in kernel.builtin for n in row.split()) and \
                SINCE.get(row, (0, 0)) <= kernel.version < UNTIL.get(row, (99, 0)):
            yield f'{row} is missing'
        wanted += found
    # The rest of the table is there where the kernel has it: these are the names that a guest may do without.
    wanted += [n for n in ('virtio_scsi', 'sd_mod', 'crc32c_intel', 'sha256_ssse3') if n in kernel.deps]
    theirs = {n for w in wanted for n in kernel.kmod(w)}
    if set(names) != theirs:
        yield f'ours alone {sorted(set(names) - theirs)}, kmod alone {sorted(theirs - set(names))}'
    for i, n in enumerate(names):
        late = [d for d in kernel.deps[n] if d not in names[:i]]
        if late:
            yield f'{n} comes before {late}'


def main():
    vm, agent = sys.argv[1:]
    failed = False
    for name, options in KERNELS.items():
        kernel = Kernel(options)
        with tempfile.TemporaryDirectory() as d:
            out = os.path.join(d, 'initrd')
            paths = make(vm, agent, kernel, out)
            size = os.path.getsize(out)
        errors = list(check(kernel, paths, size))
        packed = sum(p.endswith('.ko.xz') for _, _, files in os.walk(kernel.dir) for p in files)
        print(f'Debian {name}, {kernel.release} ({packed} modules packed): {len(paths)} modules, {size / 2**20:.2f} MiB: {errors or "ok"}')
        failed |= bool(errors)
        if name != '12' and not packed:
            failed = print(f'Debian {name}: the package was changed, no module is packed any more') is None
    sys.exit(failed)


main()
