#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cases in the lab machine (machine.py): what only a kernel with AppArmor or SELinux enforced can show, and KVM.

    run.py --build DIR [apparmor|knobs|kvm|kvm-move|nvme|selinux|sriov]...
"""
import argparse
import hashlib
import os
import shutil
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import machine  # noqa: E402
from machine import Failed  # noqa: E402

CIL = os.path.join(machine.TOP, 'launcher', 'selinux', 'secure-vm.cil')



def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()[:12]


def label_root(root):
    """The policy of the packages for the start, another with our module in /lab/policy; and labels for all that is there. The machine that does this needs no SELinux."""
    with open(os.path.join(root, 'etc/selinux/config'), 'w', encoding='ascii') as f:
        f.write('SELINUX=permissive\nSELINUXTYPE=default\n')
    shutil.copy(CIL, os.path.join(root, 'lab'))
    script = '''mount -t proc proc "$1/proc"
        policy=/etc/selinux/default/policy
        chroot "$1" sh -ec "cp -a $policy /lab/before; semodule --noreload --install=/lab/secure-vm.cil; cp -a $policy /lab/policy; cp -a /lab/before/. $policy/"
        chroot "$1" setfiles -F -e /proc -e /sys -e /dev /etc/selinux/default/contexts/files/file_contexts /
        umount "$1/proc"'''
    machine.run('unshare', '-m', 'sh', '-ec', script, 'sh', root)


def make_kvm(m, folder):
    """The module without which the emulated SVM ends at a guest's firmware (cr8/cr8.c), and a guest that looks at what it has."""
    headers = machine.run(os.path.join(machine.TOP, 'tools', 'fetch-kernel'), '--backports', '--headers').splitlines()[-1] + '/headers'
    source = shutil.copytree(os.path.join(machine.HERE, 'cr8'), m.path('cr8'))
    machine.run('make', '-s', '-C', headers, f'M={source}', 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules')
    shutil.copy(os.path.join(source, 'cr8.ko'), folder)
    m.make_initrd('walker.c', ['virtio_pci', 'virtio_blk', 'virtio_net', 'igbvf'], os.path.join(folder, 'walker.initrd'))


FABRICS = ['libnvme1', 'udev']
APPARMOR = 'apparmor=1 security=apparmor'
# words for the kernel; what the machine has (machine.Machine)
CASES = {
    'apparmor': (APPARMOR, {}),
    'selinux': ('security=selinux selinux=1 enforcing=0', {'kind': 'selinux-' + digest(CIL), 'label': label_root, 'resets': True}),
    # Linux 6.1 of Debian has no authentication for NVMe
    'nvme': (APPARMOR, {'packages': FABRICS, 'newer': True}),
    'kvm': ('', {'packages': FABRICS, 'newer': True, 'devices': machine.make_nodes, 'more': make_kvm}),
    'kvm-move': ('', {'packages': FABRICS, 'backports': ['libvirt-daemon-driver-storage'], 'newer': True, 'more': make_kvm}),
    'sriov': ('intel_iommu=on iommu=pt', {'packages': FABRICS, 'newer': True, 'devices': machine.make_iommu, 'more': make_kvm}),
    'knobs': ('', {'packages': FABRICS, 'newer': True, 'devices': machine.make_nodes}),
}


def say(text):
    print(f'[{time.time() - BEGIN:4.0f}s] {text}', flush=True)


def run_case(build, name):
    """How many things were true, and what was not."""
    passed, failed, ended = 0, [], False
    words, more = CASES[name]
    with machine.Machine(build, say, **more) as m:
        for line in m.boot(name + '.py', words, os.path.join(build, 'lab', name)):
            print(f'    {line}', flush=True)
            passed += line.startswith('ok ')
            if line.startswith('not ok '):
                failed.append(line[7:])
            ended |= line == f'lab: {len(failed)} failed'
    if not ended:
        failed.append(f'the case did not come to its end ({build}/lab/{name}/console.log)')
    for what in failed:
        say(f'FAILED {name}: {what}')
    return passed, len(failed)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', required=True)
    p.add_argument('cases', nargs='*', choices=[[], *CASES])
    a = p.parse_args()
    why = machine.missing()
    if why:
        print(f'SKIP: {why}')
        return 77
    sums = [run_case(os.path.abspath(a.build), name) for name in a.cases or CASES]
    passed, failed = map(sum, zip(*sums))
    print(f'lab: {passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


BEGIN = time.time()
if __name__ == '__main__':
    try:
        sys.exit(main())
    except Failed as e:
        sys.exit(f'lab: {e}')
