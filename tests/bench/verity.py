#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From QEMU's start to the root's init, with a verity root that the agent opens and with the same file system as it is, mounted by a
program that does nothing else. The same kernel, modules and machine, emulated, without firmware of ours; boots alternate. Fails when the
verity root takes more than 10 % longer (--limit). Printed beside it, and not judged: reading 8 MiB of it.

    verity.py --build DIR [--boots N] [--limit PERCENT]
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from env import MARKER, TOP, Env, Failed, patient, run, say_to

QEMU = ['qemu-system-x86_64', '-machine', 'q35', '-m', '512', '-smp', '1', '-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg',
        '-cpu', 'max', '-no-reboot', '-serial', 'stdio']
LINE = 'console=ttyS0 panic=-1 no_timer_check'
READ = 'e2e-root: that is all'


def boot(kernel, initrd, line, disk):
    """Seconds to the init, and from there until it has read its files."""
    args = [*QEMU, '-kernel', kernel, '-initrd', initrd, '-append', line, '-drive', f'file={disk},if=none,id=d,format=raw,readonly=on',
            '-device', 'virtio-blk-pci,drive=d,serial=root']
    began, at, said = time.monotonic(), None, []
    with subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors='replace') as p:
        try:
            for text in p.stdout:
                said.append(text)
                if MARKER in text:
                    at = time.monotonic() - began
                if READ in text:
                    return at, time.monotonic() - began - at
                if time.monotonic() - began > patient(300):
                    break
        finally:
            p.kill()
    raise Failed('the guest did not come to its init: ' + ''.join(said[-8:]))


def replace_init(env, base):
    """The same initramfs with another /init."""
    tree = os.path.join(base, 'initramfs')
    os.makedirs(tree)
    raw = subprocess.run(['zstd', '-dcq', env.initrd], check=True, capture_output=True).stdout
    subprocess.run(['cpio', '-id', '--quiet'], check=True, input=raw, cwd=tree)
    run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(tree, 'init'), os.path.join(TOP, 'tests/bench/plain-init.c'))
    names = subprocess.run(['find', '.', '-mindepth', '1'], check=True, capture_output=True, cwd=tree).stdout
    raw = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=names, cwd=tree, check=True, capture_output=True).stdout
    with open(os.path.join(base, 'plain'), 'wb') as f:
        f.write(subprocess.run(['zstd', '-19', '-cq'], check=True, capture_output=True, input=raw).stdout)
    return f.name


def make_disks(env, base):
    tree = shutil.copytree(env.root, os.path.join(base, 'tree'))
    os.makedirs(os.path.join(tree, 'files'))
    with open(os.path.join(tree, 'files', 'data'), 'wb') as f:
        f.write(os.urandom(8 << 20))
    plain, image = os.path.join(base, 'plain.img'), os.path.join(base, 'verity.img')
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', '-d', tree, plain, '64M',
        env=dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin'))
    made = json.loads(run(env.vm, 'image', 'verity', '--from', plain, '--out', image, '--json').stdout)
    return plain, image, f'{LINE} securevm.disk=root securevm.verity={made["verity"]}'


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--boots', type=int, default=5)
    p.add_argument('--limit', type=float, default=10)
    a = p.parse_args()
    try:
        with tempfile.TemporaryDirectory() as base:
            env = Env(os.path.abspath(a.build), say_to())
            initrd = replace_init(env, base)
            plain, image, line = make_disks(env, base)
            runs = [(boot(env.kernel, initrd, LINE, plain), boot(env.kernel, env.initrd, line, image)) for _ in range(a.boots)]
    except Failed as e:
        print(f'FAILED: {e}')
        return 1
    # What else the machine does only makes a boot longer: each is worth its best.
    (plain_boot, plain_read), (verity_boot, verity_read) = ([min(r[kind][i] for r in runs) for i in (0, 1)] for kind in (0, 1))
    more = 100 * (verity_boot / plain_boot - 1)
    print(f'{a.boots} boots of each under TCG (emulated), the best of each')
    print(f'to the init: plain {plain_boot:.2f} s, verity {verity_boot:.2f} s: {more:+.1f} % (of at most {a.limit:.0f} %)')
    print(f'reading 8 MiB: plain {plain_read:.2f} s, verity {verity_read:.2f} s')
    print('ok' if more <= a.limit else 'FAILED: slower than allowed')
    return 0 if more <= a.limit else 1


sys.exit(main())
