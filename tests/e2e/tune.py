#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""secure-vm tune on a real kernel: an emulated machine of two sockets and two nodes with an NVMe drive, a rotating disk, a virtio card and an igb card on the
second node, whose files are the kernel's own. What was planned comes into force, check sees what another turned, undo brings all back, and the kernel's managed
interrupts are left.

    tune.py --build DIR [--backports]
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from env import TOP, Failed, patient, run

PROGRAMS = ('dash', 'cat', 'mount', 'kmod', 'ip', 'sleep')
MODULES = ('virtio_pci', 'virtio_blk', 'virtio_net', 'nvme', 'ahci', 'sd_mod', 'igb')
PAGES = '/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages'
# Each step prints "@NAME RC", then what the command prints as JSON.
INIT = '''#!/bin/dash
export PATH=/bin HOME=/root SECURE_VM_DIR=/var/lib/secure-vm
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for m in MODULES; do modprobe $m; done
while [ ! -e /sys/block/sda/queue ] || [ ! -e /sys/class/net/eth1/queues ] || [ ! -e /sys/class/nvme/nvme0 ]; do sleep 1; done
for i in /sys/class/net/*; do ip link set ${i##*/} up; done
step() { name=$1; shift; secure-vm tune "$@" --json >/tmp/$name 2>/dev/null; echo "@$name $?"; cat /tmp/$name; }
echo
step nothing check
step before plan -p throughput --hugepages 1:64MiB
step apply apply /tmp/before
step inforce plan -p throughput --hugepages 1:64MiB
step check check
echo 55 >/proc/sys/vm/swappiness
echo none >/sys/block/sda/queue/scheduler
step turned check
step again apply -p throughput --hugepages 1:64MiB
step undo undo
step after plan -p throughput --hugepages 1:64MiB
step latency apply -p latency
step latencycheck check
step latencyundo undo
step last plan -p throughput --hugepages 1:64MiB
step density apply -p density
step densityundo undo
echo "@end 0"
echo o >/proc/sysrq-trigger
sleep 60
'''


def put_program(root, path):
    """A program and the libraries that it names."""
    shutil.copy(path, os.path.join(root, 'bin'))
    for lib in re.findall(r'(/\S+\.so\S*)', run('ldd', path).stdout):
        to = os.path.join(root, lib.lstrip('/'))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(lib, to)


def put_modules(root, kernel):
    """What MODULES need, as modprobe would load it: the order is theirs."""
    release = os.listdir(os.path.join(kernel, 'lib/modules'))[0]
    order = []
    for m in MODULES:
        out = run('modprobe', '-d', kernel, '-S', release, '--show-depends', m, check=False).stdout
        order += [p for p in re.findall(r'^insmod (\S+)', out, re.M) if p not in order]
    for p in order:
        to = os.path.join(root, os.path.relpath(p, kernel))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(p, to)
    for name in ('modules.order', 'modules.builtin', 'modules.builtin.modinfo'):
        shutil.copy(os.path.join(kernel, 'lib/modules', release, name), os.path.join(root, 'lib/modules', release))
    run('depmod', '-b', root, release)


def make_initramfs(base, kernel, vm):
    root = os.path.join(base, 'root')
    for d in ('bin', 'proc', 'sys', 'dev', 'tmp', 'var/lib', 'root', 'lib/modules'):
        os.makedirs(os.path.join(root, d))
    for p in (*map(shutil.which, PROGRAMS), vm):
        put_program(root, p)
    os.symlink('kmod', os.path.join(root, 'bin/modprobe'))
    put_modules(root, kernel)
    with open(os.path.join(root, 'init'), 'w', encoding='utf-8') as f:
        f.write(INIT.replace('MODULES', ' '.join(MODULES)))
    os.chmod(os.path.join(root, 'init'), 0o755)
    names = subprocess.run(['find', '.'], cwd=root, check=True, capture_output=True).stdout
    packed = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=names, cwd=root, check=True, capture_output=True).stdout
    with open(os.path.join(base, 'initramfs'), 'wb') as f:
        f.write(packed)
    return f.name


def drive(base, name, *device):
    path = os.path.join(base, name)
    with open(path, 'wb') as f:
        f.truncate(64 << 20)
    return ['-drive', f'if=none,id={name},file={path},format=raw', '-device', ','.join((*device, f'drive={name}'))]


def boot(base, kernel, initramfs):
    """{step: (exit status, JSON)} of all that the machine said."""
    r = subprocess.run(['qemu-system-x86_64', '-M', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', '1G', '-smp', '8,sockets=2,cores=4,threads=1', '-nographic',
                        '-no-user-config', '-no-reboot', '-nic', 'none', '-kernel', os.path.join(kernel, 'vmlinuz'), '-initrd', initramfs,
                        '-append', 'console=ttyS0 quiet panic=-1 no_timer_check',
                        '-object', 'memory-backend-ram,id=m0,size=512M', '-object', 'memory-backend-ram,id=m1,size=512M',
                        '-numa', 'node,nodeid=0,memdev=m0,cpus=0-3', '-numa', 'node,nodeid=1,memdev=m1,cpus=4-7',
                        '-device', 'pxb-pcie,id=px,bus=pcie.0,bus_nr=32,numa_node=1', '-device', 'pcie-root-port,id=rp,bus=px,chassis=3',
                        '-netdev', 'user,id=n0', '-device', 'igb,netdev=n0,bus=rp', '-netdev', 'user,id=n1', '-device', 'virtio-net-pci,netdev=n1,bus=pcie.0',
                        *drive(base, 'a', 'nvme', 'serial=x', 'bus=pcie.0'), *drive(base, 'b', 'virtio-blk-pci', 'bus=pcie.0'),
                        *drive(base, 'c', 'ide-hd', 'rotation_rate=7200')],
                       capture_output=True, text=True, errors='replace', timeout=patient(300), stdin=subprocess.DEVNULL)
    said = {}
    for name, status, rest in re.findall(r'^@(\w+) (\d+)\r?\n([^@]*)', r.stdout, re.M):
        text = rest.strip().split('\n')[0]
        said[name] = (int(status), json.loads(text) if text.startswith('{') else None)
    if 'end' not in said:
        raise Failed(f'the machine did not come to its end: {r.stdout[-2000:]}')
    return said


def settings(said, name, action):
    return {p: s for s in said[name][1]['settings'] if s['action'] == action for p in s['paths']}


def must(holds, what):
    if not holds:
        raise Failed(what)


def judge(said):
    def ok(*names):
        for n in names:
            must(said[n][0] == 0, f'{n}: exit {said[n][0]}: {said[n][1]}')
    must(said['nothing'][0] == 3 and said['nothing'][1]['error']['check'] == 'tune.nothing', said['nothing'])
    ok('before', 'apply', 'inforce', 'check', 'again', 'undo', 'after', 'latency', 'latencycheck', 'latencyundo', 'last', 'density', 'densityundo')
    wanted = settings(said, 'before', 'set')
    families = {s['knob'] for s in wanted.values()}
    must({'memory.hugepages', 'memory.swappiness', 'block.read_ahead', 'network.flow_table', 'network.steering', 'network.flows', 'network.sending'} <= families,
         f'the machine gave fewer knobs: {families}')
    must(wanted[PAGES]['wanted'] == '32', wanted[PAGES])
    must(said['apply'][1]['changed'] == len(wanted), said['apply'])
    same = settings(said, 'inforce', 'same')
    for path, s in wanted.items():
        must(path in same and same[path]['now'] == s['wanted'], f'{path} is not {s["wanted"]} to the kernel')
    must(said['turned'][0] == 5 and said['turned'][1]['error']['check'] == 'tune.differs', said['turned'])
    must('/proc/sys/vm/swappiness was made 10 and is 55' in said['turned'][1]['error']['message'], said['turned'])
    for name in ('after', 'last'):
        now = settings(said, name, 'set')
        must({p: s['now'] for p, s in now.items() if p in wanted} == {p: s['now'] for p, s in wanted.items()}, f'undo left {name} another host: {now}')
    card = [s for s in said['before'][1]['settings'] if s['knob'] == 'network.interrupts']
    must(card and all(s['action'] != 'set' or s['wanted'] in '4567' for s in card if s.get('why') == 'of eth1'), f'interrupts: {card}')
    must(len(wanted) > 8, wanted)
    return len(wanted), sorted(families)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--backports', action='store_true')
    a = p.parse_args()
    kernel = run(os.path.join(TOP, 'tools/fetch-kernel'), *(['--backports'] if a.backports else []), timeout=900).stdout.strip().splitlines()[-1]
    with tempfile.TemporaryDirectory() as base:
        try:
            n, families = judge(boot(base, kernel, make_initramfs(base, kernel, os.path.join(os.path.abspath(a.build), 'launcher/secure-vm'))))
        except Failed as e:
            print(f'FAILED {e}')
            return 1
    print(f'ok {os.path.basename(kernel)}: {n} settings of {len(families)} knobs there and back')
    return 0


sys.exit(main())
