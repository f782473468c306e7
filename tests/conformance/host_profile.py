#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The AppArmor profile of secure-vm: the parser takes it together with its abstractions, what it may start is what the code starts and nothing else, no program
gets away unconfined, and each refusal of abstractions/secure-vm holds in every profile of the file. What it lets pass is tried where a kernel enforces it
(tests/lab).

    host_profile.py PROFILE ABSTRACTION GUESTS TOP
"""
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from broker_profile import SKIP, find_parser, parse  # noqa: E402

# Each program that the profile names: who starts it (a file that has its name as a word of a command), or libvirt.
LIBVIRT = 'libvirt'
STARTED = {
    'fakeroot': 'image/disk.c', 'tar': 'image/disk.c', 'mke2fs': 'image/filesystem.c', 'mkfs.btrfs': 'image/filesystem.c', 'qemu-nbd': 'image/import/medium.c',
    'swtpm': 'launcher/virt/acpi-played.c', 'swtpm_setup': 'launcher/host/vtpm-ca.c', 'systemctl': 'launcher/keeper/autostart.c', 'ssh': 'launcher/cli/cmd-ssh.c',
    'cibadmin': 'launcher/cli/cmd-ha-check.c', 'crm_mon': 'launcher/cli/cmd-ha-check.c', 'sh': 'launcher/cli/cmd-edit.c',
    # the same program by other names
    'bash': 'launcher/cli/cmd-edit.c', 'dash': 'launcher/cli/cmd-edit.c', 'fakeroot-sysv': 'image/disk.c', 'fakeroot-tcp': 'image/disk.c',
    'swtpm_localca': 'vtpm/host/host.c', 'swtpm_ioctl': LIBVIRT, 'qemu-img': LIBVIRT, 'qemu-system-*': LIBVIRT, 'qemu-bridge-helper': LIBVIRT, 'virt-aa-helper': LIBVIRT,
    **dict.fromkeys(('libvirt_iohelper', 'libvirt_parthelper', 'dmidecode', 'ip', 'iptables', 'ip6tables', 'ebtables', 'mdevctl', 'modprobe', 'numad', 'ovs-vsctl', 'passt',
                     'tc', 'udevadm'), LIBVIRT),
    'secure-vm': 'launcher/meson.build', 'secure-vm-agent': 'agent/meson.build',
}
WORDS = {'sh': '/bin/sh', 'bash': '/bin/sh', 'dash': '/bin/sh', 'fakeroot-sysv': 'fakeroot', 'fakeroot-tcp': 'fakeroot'}


def expand(pattern):
    """{a,b} as a shell has it."""
    found = re.search(r'\{([^{}]*)\}', pattern)
    if not found:
        return [pattern]
    return list(itertools.chain(*(expand(pattern[:found.start()] + word + pattern[found.end():]) for word in found.group(1).split(','))))


def main_part(profile):
    """The rules of secure-vm itself, without its children's."""
    body = re.search(r'^profile secure-vm .*?\n(.*)^\}', profile, re.M | re.S).group(1)
    return re.sub(r'^        profile \S+.*?^        \}\n', '', body, flags=re.M | re.S)


def exec_rules(text):
    """{program: (path, transition)}"""
    for path, perms in re.findall(r'^\s+(/\S+) (\S*x(?: -> \S+)?),$', text, re.M):
        for p in expand(path):
            yield os.path.basename(p), p, perms


def check_programs(profile, top):
    rules = list(exec_rules(main_part(profile)))
    named = {name for name, _, _ in rules}
    assert named == set(STARTED), f'only in the profile: {sorted(named - set(STARTED))}, only in the table: {sorted(set(STARTED) - named)}'
    for name, path, perms in rules:
        assert not re.search(r'[uU]x', perms) or name == 'virt-aa-helper', f'{path} {perms}: it would not be confined'
    for name, where in STARTED.items():
        if where != LIBVIRT:
            with open(os.path.join(top, where), encoding='utf-8') as f:
                assert re.search(rf'["\']{re.escape(WORDS.get(name, name))}["\']', f.read()), f'{where} starts no {name}'
    started = set(re.findall(r'-> (\w+)$', '\n'.join(p for _, _, p in rules), re.M))
    profiles = set(re.findall(r'^        profile (\S+)', profile, re.M))
    assert started == profiles, (started, profiles)


def check_code(top):
    """No program that the code starts is missing in the table."""
    found = set()
    for folder in ('image', 'launcher', 'tee', 'sev', 'tdx', 'vtpm', 'base', 'luks', 'attest'):
        for where, _, files in os.walk(os.path.join(top, folder)):
            for name in files:
                if not name.endswith('.c'):
                    continue
                with open(os.path.join(where, name), encoding='utf-8') as f:
                    text = f.read()
                found |= set(re.findall(r'\bexecl[pe]?\("([^"]+)"', text))
                if re.search(r'\bsv_(run|run_on|run_with|host_run|ask_run)\(|\bexecvp\(', text) or 'ha-check' in name:
                    found |= set(re.findall(r'argv\w*\[[^\]]*\] = \{\s*"([^"]+)"', text))
    names = {os.path.basename(f) for f in found}
    assert {'swtpm', 'qemu-nbd', 'fakeroot', 'systemctl', 'ssh'} <= names, names
    assert names <= set(STARTED), f'started, and not in the profile: {sorted(names - set(STARTED))}'


def check_children(profile):
    """Each profile has the refusals, and no rule that could be read as one for everybody."""
    parts = re.split(r'^\s*profile ', profile, flags=re.M)[1:]
    assert len(parts) >= 4
    for part in parts:
        name = part.split()[0]
        if name != 'bridge':  # which may nearly nothing
            assert 'include <abstractions/secure-vm>' in part, f'the profile {name} has no refusals'


# What tune writes, by the names that /sys/block and the like lead to: a disk of NVMe has no folder "block".
PCI = '/sys/devices/pci0000:00/0000:00:01.0'
WRITTEN = [f'{PCI}/{d}/queue/scheduler' for d in ('ata1/host0/target0:0:0/0:0:0:0/block/sda', 'virtio1/block/vda', 'nvme/nvme0/nvme0n1')] + [
    '/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/queue/rq_affinity', f'{PCI}/net/eth0/queues/rx-0/rps_cpus', '/proc/irq/30/smp_affinity_list',
    '/sys/devices/system/cpu/cpufreq/policy0/scaling_governor', '/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages',
    '/sys/kernel/mm/transparent_hugepage/khugepaged/defrag', '/proc/sys/vm/swappiness', '/sys/module/kvm/parameters/halt_poll_ns']
NOT_WRITTEN = ['/etc/passwd', '/proc/sys/kernel/core_pattern', f'{PCI}/nvme/nvme0/reset_controller', '/sys/power/state']
# An agent's socket of the desktop, for ssh alone; its passwords for nobody.
KEYRING = '/run/user/1000/keyring'


def matches(pattern, path):
    """As apparmor.d(5) has it."""
    words = {'**': '.*', '*': '[^/]*'}
    plain = pattern.replace('@{PROC}', '/proc').replace('@{run}', '/run')
    return any(re.fullmatch(''.join(words.get(w) or (w if w[0] == '[' else re.escape(w)) for w in re.findall(r'\*\*|\*|\[[^]]*\]|.', p)), path) for p in expand(plain))


def rules_of(text, deny):
    """(path, what it may or must not) of rules for files."""
    start = r'^\s*(?:audit )?deny ' if deny else r'^\s*'
    return re.findall(start + r'([/@]\S+) ([mrwkl]+),$', text, re.M)


def check_files(profile, never):
    main_rules = [path for path, may in rules_of(main_part(profile), False) if 'w' in may and not path.startswith('@{secure_vm')]
    for path in WRITTEN + NOT_WRITTEN:
        found = [p for p in main_rules if matches(p, path)]
        assert bool(found) == (path in WRITTEN), f'{path}: written by {found or "no rule"}'
    for part in re.split(r'^\s*profile ', profile, flags=re.M)[1:]:
        name = part.split()[0]
        refused = [path for path, _ in rules_of(part + never, True)]
        for path, everybody in ((f'{KEYRING}/control', True), (f'{KEYRING}/ssh', False), ('/run/docker.sock', True)):
            denied = any(matches(p, path) for p in refused)
            assert name == 'bridge' or denied == (everybody or name != 'session'), f'{name}: {path} is {"" if denied else "not "}refused'


def main():
    parser = find_parser()
    path, abstraction, guests, top = sys.argv[1:]
    with open(path, encoding='utf-8') as f:
        profile = f.read()
    check_programs(profile, top)
    check_code(top)
    check_children(profile)
    with open(abstraction, encoding='utf-8') as f:
        check_files(profile, f.read())
    if not parser or not os.path.isdir('/etc/apparmor.d/abstractions'):
        print('SKIP: no apparmor_parser on this machine (tools/setup)')
        return SKIP
    with tempfile.TemporaryDirectory() as d:
        base = os.path.join(d, 'apparmor.d')
        shutil.copytree('/etc/apparmor.d', base, ignore=shutil.ignore_patterns('libvirt-*'))
        os.makedirs(os.path.join(base, 'abstractions/libvirt-qemu.d'), exist_ok=True)
        shutil.copy(abstraction, os.path.join(base, 'abstractions/secure-vm'))
        shutil.copy(guests, os.path.join(base, 'abstractions/libvirt-qemu.d/secure-vm'))
        r = parse(parser, profile, '--base', base)
        assert r.returncode == 0, r.stderr
        for flaw in (profile.replace('network inet,', 'network inet', 1), profile.replace('<abstractions/secure-vm>', '<abstractions/none>', 1)):
            assert flaw != profile and parse(parser, flaw, '--base', base).returncode != 0, 'a flaw in the profile is not seen'
        # as libvirt makes it of its template
        guest = f'include <tunables/global>\nprofile libvirt-x {{\n  include <abstractions/base>\n  include <abstractions/libvirt-qemu.d/{os.path.basename("secure-vm")}>\n}}\n'
        r = parse(parser, guest, '--base', base)
        assert r.returncode == 0, r.stderr
    print('profile secure-vm: compiled, and as its programs are')
    return 0


if __name__ == '__main__':
    sys.exit(main())
