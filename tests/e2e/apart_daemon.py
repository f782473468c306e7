#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two guests under the system's libvirt daemon of a host out of namespaces (tests/hosts): as the user of the one's QEMU nothing of the other can be
read, opened, traced or connected to. What is tried is tried on the own guest first, where it must work. As the user of the vTPMs only vTPMs are within
reach, which launch says.

    apart_daemon.py SECURE-VM [KERNEL]      (root; KERNEL is any bzImage, otherwise the distribution's)
"""
import json
import os
import re
import signal
import stat
import subprocess
import sys

from apart import TOP, as_process, attacks_on_paths, attempt, everything

sys.path.insert(0, f'{TOP}/tests/hosts')
import hosts  # noqa: E402
from patience import patient  # noqa: E402

# The host's own, with a list of its own of who may open it; those hosts have none, as their guests are emulated.
MAKE_KVM = 'mknod /dev/kvm c 10 232 && chown 0:$(getent group kvm | cut -d : -f 3) /dev/kvm && chmod 660 /dev/kvm'
DAEMON = ['--connect', 'qemu:///system']
KVM, SOCKETS, USER = '/dev/kvm', '/run/libvirt/qemu/swtpm', 2  # the last: ACL_USER


def say(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, check=False)


def users_of(path):
    """Who has an entry of his own in the list of who may."""
    try:
        text = os.getxattr(path, 'system.posix_acl_access')
    except OSError:
        return []
    return [int.from_bytes(text[i + 4:i + 8], 'little') for i in range(4, len(text), 8) if text[i] == USER]


class Guest:
    def __init__(self, vm, folder, name, kernel):
        self.vm, self.name, self.disk, self.file = vm, name, f'{folder}/{name}.img', f'{folder}/{name}.json'
        with open(self.disk, 'wb', opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
            f.truncate(1 << 20)
        with open(self.file, 'w', encoding='utf-8') as f:
            json.dump({'name': name, 'tee': 'vtpm', 'kernel': kernel, 'cmdline': 'console=ttyS0 no_timer_check', 'memory': '256MiB', 'vcpus': 1,
                       'disks': [{'path': self.disk}]}, f)

    def launch(self, *more):
        r = say(self.vm, 'launch', self.file, *more)
        if r.returncode:
            sys.exit(f'apart-daemon: launch of {self.name} ended with {r.returncode}: {r.stderr}')
        return r.stderr

    def look(self):
        """Where everything of it is, as root sees it."""
        xml = subprocess.check_output(['virsh', '-c', 'qemu:///system', 'dumpxml', self.name], text=True)
        uuid, number = re.search('<uuid>(.*)</uuid>', xml)[1], re.search("<domain .*id='([0-9]+)'", xml)[1]
        self.pty = re.search("<source path='(/dev/pts/[0-9]+)'", xml)[1]
        self.of_tpm = [f'/var/lib/libvirt/swtpm/{uuid}', f'{SOCKETS}/{number}-{self.name}-swtpm.sock']
        self.of_qemu = [f'/var/lib/secure-vm/.elsewhere/{self.name}', f'/var/lib/libvirt/qemu/domain-{number}-{self.name}',
                        f'/run/libvirt/qemu/channel/{number}-{self.name}', f'/run/libvirt/qemu/{self.name}.xml', f'/var/log/libvirt/qemu/{self.name}.log',
                        self.disk, self.pty]
        self.processes = {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    line = f.read()
            except OSError:
                continue
            if f'guest={self.name},'.encode() in line:
                self.processes['qemu'] = int(pid)
            elif line.startswith(b'/usr/bin/swtpm\0') and f'-{self.name}-swtpm.sock'.encode() in line:
                self.processes['swtpm'] = int(pid)
        assert sorted(self.processes) == ['qemu', 'swtpm'], self.processes
        self.uid = os.stat(f'/proc/{self.processes["qemu"]}').st_uid


def with_kinds(paths):
    """All of them and below them."""
    for path in paths:
        mode = os.lstat(path).st_mode
        yield path, mode
        if stat.S_ISDIR(mode):
            yield from with_kinds(sorted(os.path.join(path, n) for n in os.listdir(path)))


def open_kvm(pid):
    """In that process' own /dev."""
    root = os.open(f'/proc/{pid}/root/dev', os.O_RDONLY)
    return as_process(pid, lambda: [('kvm', attempt(lambda: os.close(os.open('kvm', os.O_RDWR, dir_fd=root))))])


def must_work_on_own(a, kvm):
    """Otherwise the refusals would show nothing."""
    paths = list(with_kinds(a.of_qemu + a.of_tpm))
    works = as_process(a.processes['qemu'], lambda: everything(a.processes, paths))
    for what in ('open /proc/qemu/mem r+b', f'write {a.disk}', f'read {a.pty}', f'connect to {a.of_tpm[1]}', f'list {a.of_qemu[1]}',
                 f'write {a.of_qemu[0]}/boot/nvram', f'connect to {a.of_qemu[2]}/org.secure-vm.agent'):
        assert what in works, f'as its own QEMU: expected "{what}" to work; what does: {works}'
    assert not kvm or open_kvm(a.processes['qemu']) == ['kvm'], 'QEMU cannot open /dev/kvm'


def check_apart(a, b, said):
    paths = list(with_kinds(b.of_qemu + b.of_tpm))
    works = as_process(a.processes['qemu'], lambda: [*everything(b.processes, paths), *attacks_on_paths([(SOCKETS, os.lstat('/run').st_mode)])])
    print(f'as QEMU of the other guest, {len(paths)} paths and 2 processes: {works or "nothing"}', flush=True)
    assert not works
    assert f'(id {a.uid})' in said and 'has the others\' keys' in said, said
    paths = list(with_kinds(b.of_qemu))
    works = as_process(a.processes['swtpm'], lambda: everything({'qemu': b.processes['qemu']}, paths))
    print(f'as swtpm of the other guest, of what is no vTPM: {works or "nothing"}', flush=True)
    assert not works
    paths = list(with_kinds(b.of_tpm))
    works = as_process(a.processes['swtpm'], lambda: attacks_on_paths(paths))
    assert any(what.startswith('read /var/lib/libvirt/swtpm/') for what in works), 'vTPMs are apart: launch and docs/THREATS.md say that they are not'


def owner_of(uid):
    """The guest's folder, by the registry from which our own supervisor's guests have their ids, too."""
    with open(f'/var/lib/secure-vm/.ids/{uid}', encoding='ascii') as f:
        return f.read()


def check_end(b, kvm):
    """Nothing of it stays with that user, and nothing is open to him."""
    before = os.stat(b.disk)
    assert owner_of(b.uid) == b.of_qemu[0]
    assert before.st_uid == b.uid and b.uid in users_of(SOCKETS) and (not kvm or b.uid in users_of(KVM)), (before, users_of(SOCKETS), users_of(KVM))
    r = say(b.vm, 'destroy', b.name, *DAEMON)
    assert r.returncode == 0, r.stderr
    after = os.stat(b.disk)
    assert (after.st_uid, after.st_gid) == (0, 0) and b.uid not in users_of(SOCKETS) + users_of(KVM), (after, users_of(SOCKETS), users_of(KVM))
    assert owner_of(b.uid) == '', 'the pair of a guest that is gone is still its own'


def check_snapshot(a):
    """A copy of the disk while the daemon's QEMU has it as a user of its own: the copy is not that user's afterwards."""
    for args in (['snapshot', 'create', a.file, '--name', 's'], ['snapshot', 'list', a.file], ['snapshot', 'delete', a.file, 's']):
        r = say(a.vm, *args, *DAEMON)
        assert r.returncode == 0, (args, r.stderr)
        copy = os.path.join(a.disk + '.snapshots', 's', 'root.raw')
        if os.path.exists(copy):
            st = os.stat(copy)
            assert (st.st_uid, st.st_gid, st.st_mode & 0o777, st.st_size) == (0, 0, 0o600, 1 << 20), st


def check_shared(b):
    """A daemon that gives no files away keeps its own user, and that is said."""
    with open('/etc/libvirt/qemu.conf', 'a', encoding='ascii') as f:
        f.write('dynamic_ownership = 0\n')
    said = b.launch(*DAEMON)
    b.look()
    assert 'dynamic_ownership is off' in said and 'not apart' in said and b.uid == os.stat('/var/lib/libvirt/qemu/save').st_uid, (said, b.uid)
    say(b.vm, 'destroy', b.name, *DAEMON)


def inside(folder, vm, kernel):
    a, b = (Guest(vm, folder, name, kernel) for name in 'ab')
    kvm = os.path.exists(KVM)
    said = a.launch(*DAEMON)
    b.launch(*DAEMON)
    a.look()
    b.look()
    assert len({a.uid, b.uid, 0, os.stat('/var/lib/libvirt/qemu/save').st_uid}) == 4, (a.uid, b.uid)
    must_work_on_own(a, kvm)
    check_apart(a, b, said)
    check_snapshot(a)
    check_end(b, kvm)
    check_shared(b)
    say(vm, 'destroy', 'a', *DAEMON)
    print('apart-daemon: ok', flush=True)


def main():
    vm = os.path.abspath(sys.argv[1])
    if sys.argv[2:3] == ['--inside']:
        return inside(*sys.argv[3:6])
    if hosts.missing():
        print(f'SKIP: {hosts.missing()}')
        return 77
    kernel = sys.argv[2] if len(sys.argv) > 2 else subprocess.check_output([f'{TOP}/tools/fetch-kernel'], text=True).split()[-1] + '/vmlinuz'
    signal.alarm(int(patient(300)))
    environment = {k: v for k, v in os.environ.items() if k != 'SECURE_VM_DIR'}
    with hosts.Hosts('a') as all_hosts:
        if os.path.exists(KVM):
            all_hosts.a.run('sh', '-c', MAKE_KVM)
        return subprocess.run([*hosts.enter(all_hosts.a), sys.executable, os.path.abspath(__file__), vm, '--inside', all_hosts.folder, vm, kernel],
                              env=environment, check=False).returncode


if __name__ == '__main__':
    sys.exit(main())
