#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two guests run; as the user of the one's QEMU, and of its swtpm, nothing of the other can be read, opened, traced or connected to, and the
key of the vTPMs' maker cannot either. What is tried is tried on the own guest first, where it must work. The same as the process that reads what a
guest's agent says; and what they leave in their guest's folder does no harm when it starts again. The same two guests are asked to shut down (button.py).

    apart.py SECURE-VM [KERNEL]      (root; KERNEL is any bzImage, otherwise the distribution's)
"""
import ctypes
import glob
import json
import mmap
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{TOP}/tests')
import button  # noqa: E402
from patience import patient, wait_until  # noqa: E402

PIDFD_OPEN, PIDFD_GETFD = 434, 438
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
libc = ctypes.CDLL(None, use_errno=True)


def attempt(call, *args):
    """Does it work? A result that is an open descriptor is closed."""
    try:
        r = call(*args)
    except OSError:
        return False
    if hasattr(r, 'close'):
        r.close()
    return r is None or r is not False


def take_descriptor(pid):
    own = libc.syscall(PIDFD_OPEN, pid, 0)
    taken = [fd for fd in range(64) if libc.syscall(PIDFD_GETFD, own, fd, 0) >= 0]
    os.close(own)
    return bool(taken)


def trace(pid):
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    works = libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    return works


def attacks_on_process(name, pid, number=0):
    for file, mode in (('mem', 'rb'), ('mem', 'r+b'), ('environ', 'rb'), ('maps', 'rb')):
        yield f'open /proc/{name}/{file} {mode}', attempt(open, f'/proc/{pid}/{file}', mode)
    yield f'list /proc/{name}/fd', attempt(os.listdir, f'/proc/{pid}/fd')
    yield f'pidfd_getfd of {name}', take_descriptor(pid)
    yield f'ptrace of {name}', trace(pid)
    yield f'a signal to {name}', attempt(os.kill, pid, number)


def attacks_on_path(path, mode):
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            yield f'connect to {path}', attempt(s.connect, path)
    elif stat.S_ISDIR(mode):
        yield f'list {path}', attempt(os.listdir, path)
        yield f'make a file in {path}', attempt(open, os.path.join(path, 'attack'), 'xb')
    else:
        yield f'read {path}', attempt(open, path, 'rb')
        yield f'write {path}', attempt(open, path, 'r+b')
        yield f'chmod {path}', attempt(os.chmod, path, 0o666)


def attacks_on_paths(paths):
    for path, mode in paths:
        yield from attacks_on_path(path, mode)


def everything(processes, paths, number=0):
    """`number`: of the signal that is tried."""
    for name, pid in processes.items():
        yield from attacks_on_process(name, pid, number)
    yield from attacks_on_paths(paths)


def try_confined(enter, attacks):
    """What of it works, from a process of its own that `enter` has confined: so much that only memory is left to it to say what it found."""
    said = mmap.mmap(-1, 1 << 20)
    child = os.fork()
    if child == 0:
        found = ['the attacks ended with an error']
        try:
            enter()
            found = [what for what, works in attacks() if works]
        except OSError as e:
            found = [f'it could not be confined: {e}']
        finally:
            said.write(json.dumps(found).encode())
            os._exit(0)
    os.waitpid(child, 0)
    text = said[:].rstrip(b'\0')
    said.close()
    return json.loads(text or b'["nothing was said"]')


def as_process(pid, attacks):
    """What of it works, from a process with that one's user, groups and rights."""
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        status = dict(line.split(':', 1) for line in f)
    user, group = int(status['Uid'].split()[0]), int(status['Gid'].split()[0])
    groups = [int(g) for g in status['Groups'].split()]

    def enter():
        os.setgroups(groups)
        os.setgid(group)
        os.setuid(user)
        libc.prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, which setuid took away
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, as libvirt sets it
    return try_confined(enter, attacks)


def processes_of(folder):
    """{who: pid} of a guest's QEMU and vTPM."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                line = f.read()
            name = os.path.basename(os.readlink(f'/proc/{pid}/exe'))
        except OSError:
            continue
        if os.fsencode(folder + '/') in line and name.startswith(('qemu-', 'swtpm')):
            found['qemu' if name.startswith('qemu-') else 'swtpm'] = int(pid)
    return found


FLOOD = '''#include <string.h>
#include <unistd.h>
int main(void) { char line[200]; memset(line, 'x', 199); line[199] = '\\n'; for (;;) if (write(1, line, 200) < 0) pause(); }'''


def make_flood(folder):
    """An initramfs whose init prints without end."""
    for d in ('flood', 'flood/dev'):
        os.mkdir(f'{folder}/{d}')
    subprocess.run(['cc', '-static', '-O2', '-xc', '-', '-o', f'{folder}/flood/init'], input=FLOOD, text=True, check=True)
    os.mknod(f'{folder}/flood/dev/console', 0o600 | stat.S_IFCHR, os.makedev(5, 1))
    with open(f'{folder}/initrd', 'wb') as out:
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=b'init\ndev\ndev/console\n', stdout=out, cwd=f'{folder}/flood', check=True)
    return f'{folder}/initrd'


def check_console_log(b):
    """It has begun a second part by then, and both together stay within the limit; what is kept is the last."""
    log, older = f'{b.folder}/console.log', f'{b.folder}/console.log.1'
    wait_until('the log of a guest that prints without end never began a second part', lambda: os.path.exists(older), 120)
    for _ in range(50):
        size = os.path.getsize(log) + os.path.getsize(older)
        assert size <= (1 << 20) + (256 << 10), f'{size} bytes are kept, 1 MiB is the limit'
        time.sleep(0.1)
    text = subprocess.check_output([b.vm, 'console', '--log', b.name])
    assert text.endswith(b'x' * 100 + b'\r\n') or b'x' * 100 in text[-400:], text[-400:]


class Guest:
    def __init__(self, vm, folder, name, kernel, **more):
        self.vm, self.name, self.folder = vm, name, os.path.join(os.environ['SECURE_VM_DIR'], name)
        self.file = os.path.join(folder, name + '.json')
        with open(self.file, 'w', encoding='utf-8') as f:
            json.dump({'name': name, 'tee': 'vtpm', 'kernel': kernel, 'cmdline': 'console=ttyS0 no_timer_check', 'memory': '256MiB', 'vcpus': 1, **more}, f)

    def launch(self):
        r = subprocess.run([self.vm, 'launch', self.file], capture_output=True, text=True, check=False)
        if r.returncode:
            sys.exit(f'apart: launch of {self.name} ended with {r.returncode}: {r.stderr}')
        return r.stderr

    def processes(self):
        found = processes_of(self.folder)
        assert sorted(found) == ['qemu', 'swtpm'], found
        return found

    def paths(self):
        """As root sees them, each with its kind."""
        for folder, folders, files in os.walk(self.folder):
            for name in folders + files:
                path = os.path.join(folder, name)
                yield path, os.lstat(path).st_mode


def keys_of_maker(vm):
    folders = ['/var/lib/swtpm-localca', os.path.dirname(subprocess.check_output([vm, 'host', 'vtpm-ca'], text=True).strip())]
    return [(p, os.stat(p).st_mode) for d in folders for p in glob.glob(f'{d}/*key.pem')]


def must_work_on_own(own):
    """Otherwise the refusals would show nothing."""
    processes, paths = own.processes(), list(own.paths())
    for who, pid in processes.items():
        works = as_process(pid, lambda: everything(processes, []))
        for what in (f'open /proc/{who}/mem r+b', f'pidfd_getfd of {who}', f'ptrace of {who}', f'a signal to {who}'):
            assert what in works, f'as {who}, of its own guest: expected "{what}" to work; what does: {works}'
    works = as_process(processes['qemu'], lambda: attacks_on_paths(paths))
    assert f'connect to {own.folder}/console.sock' in works and f'write {own.folder}/boot/nvram' in works, works


def check_apart(vm, a, b):
    failures = 0
    must_work_on_own(a)
    for name in ('kernel', 'firmware'):
        st = os.stat(f'{b.folder}/boot/{name}')
        assert st.st_uid == 0 and not st.st_mode & 0o022, f'boot/{name} is not root\'s: {st}'
    for who, pid in a.processes().items():
        paths = [(b.folder, os.lstat(b.folder).st_mode), *b.paths(), *keys_of_maker(vm)]
        works = as_process(pid, lambda p=paths, b=b.processes(): everything(b, p))
        failures += len(works)
        print(f'as {who} of the other guest, {len(paths)} paths and 2 processes: {works or "nothing"}', flush=True)
    return failures


def keepers(guest):
    """The supervisor's processes, of root's, and the one without rights that reads what the guest's agent says."""
    status = json.loads(subprocess.check_output([guest.vm, 'show', guest.name, '--json']))
    found = {'worker': status['worker_pid'], 'guard': status['guard_pid']}
    children = subprocess.check_output(['ps', '-o', 'pid=,comm=', '--ppid', str(found['worker'])], text=True).split()
    assert children[1::2] == ['sv-reader'], children
    return found, int(children[0])


def check_reader(a, b):
    """As the user of the process that reads for a guest: nothing of any guest, and nothing of root's."""
    own, reader = keepers(a)
    processes = {**own, **a.processes()}
    others = {f'{who} of b': pid for who, pid in {**keepers(b)[0], **b.processes()}.items()}
    paths = [(g.folder, os.lstat(g.folder).st_mode) for g in (a, b)] + [*a.paths(), *b.paths(), *keys_of_maker(a.vm)]
    works = as_process(reader, lambda: everything({**processes, **others}, paths))
    print(f'as the reader of a guest, {len(paths)} paths and {len(processes) + len(others)} processes: {works or "nothing"}', flush=True)
    return len(works)


def stay_as(pid):
    """A process of that one's user, which does not end by itself."""
    user = os.stat(f'/proc/{pid}').st_uid
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        os.write(w, b'x')
        while True:
            signal.pause()
    os.read(r, 1)
    os.close(r)
    os.close(w)
    return child


def links_for_next_start(a, victim):
    """Where libvirt, as root, makes folders or looks for process ids at the next start or end."""
    names = [f'{d}/{n}-{a.name}' for d in ('lib/qemu/domain', 'run/qemu/channel') for n in range(2, 5)]
    paths = [f'{a.folder}/{n}' for n in (*[n.replace('domain/', 'domain-') for n in names], 'lib/qemu/save/x', 'run/qemu/x', 'run/swtpm/x')]
    for path in paths:
        yield f'a link at {path}', attempt(os.symlink, victim, path)
    for path in [*glob.glob(f'{a.folder}/run/*/*.pid'), f'{a.folder}/lib/qemu/save', *glob.glob(f'{a.folder}/run/swtpm/*')]:
        yield f'another name for {path}', attempt(os.rename, path, path + '.old')


def check_next_start(a, folder, said):
    """What a taken over QEMU or swtpm leaves behind does not become root's deed when the guest starts again."""
    victim = f'{folder}/victim'
    os.mkdir(victim, 0o700)
    for who, pid in a.processes().items():
        works = as_process(pid, lambda: links_for_next_start(a, victim))
        assert not works, f'as {who}, for the next start: {works}'
    left = [stay_as(pid) for pid in a.processes().values()]
    subprocess.run([a.vm, 'reset', a.name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for pid in left:
        wait_until('a process of the guest\'s users outlived a start', lambda p=pid: os.waitpid(p, os.WNOHANG)[0] == p, 30)
    if 'are followed' in said:
        print('a link in the folder: skipped, this machine gives no mount without links', flush=True)
        return
    os.symlink(victim, f'{a.folder}/lib/qemu/domain-3-{a.name}')
    r = subprocess.run([a.vm, 'reset', a.name], check=False, capture_output=True, text=True)
    st = os.stat(victim)
    assert r.returncode == 3 and (st.st_uid, st.st_mode & 0o777) == (0, 0o700) and not os.listdir(victim), (r, st, os.listdir(victim))


def check_links(a, folder):
    """What the owner of a guest file may not read does not get into its guest by a link."""
    theirs, secret = f'{folder}/theirs', f'{folder}/secret'
    os.mkdir(theirs)
    with open(secret, 'w', opener=lambda p, flags: os.open(p, flags, 0o600), encoding='ascii') as f:
        f.write('of root')
    os.symlink(secret, f'{theirs}/initrd')
    with open(a.file, encoding='utf-8') as f, open(f'{theirs}/l.json', 'w', encoding='utf-8') as out:
        guest = json.load(f)
        shutil.copyfile(guest['kernel'], f'{theirs}/kernel')
        json.dump(dict(guest, name='l', kernel='kernel', initrd='initrd'), out)
    os.chown(theirs, 65534, 65534)
    r = subprocess.run([a.vm, 'launch', f'{theirs}/l.json', '--json'], capture_output=True, text=True, check=False)
    check = json.loads(r.stdout)['error']['check']
    assert (r.returncode, check) == (3, 'launch.initrd'), (r.returncode, check, r.stderr)
    subprocess.run([a.vm, 'destroy', 'l', '--forget'], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_restart(a, before):
    """The same ids after another launch, and the vTPM still opens its state."""
    subprocess.run([a.vm, 'destroy', a.name], check=True, stdout=subprocess.DEVNULL)
    a.launch()
    assert ids_of(a) == before, (ids_of(a), before)


def ids_of(guest):
    return {who: os.stat(f'/proc/{pid}').st_uid for who, pid in guest.processes().items()}


def main():
    vm = os.path.abspath(sys.argv[1])
    kernel = sys.argv[2] if len(sys.argv) > 2 else subprocess.check_output([f'{TOP}/tools/fetch-kernel'], text=True).split()[-1] + '/vmlinuz'
    folder = tempfile.mkdtemp(prefix='sva', dir='/tmp')
    os.chmod(folder, 0o711)
    os.environ['SECURE_VM_DIR'] = f'{folder}/s'
    signal.alarm(int(patient(600)))
    obedient = button.make_initrd(folder, kernel)
    a = Guest(vm, folder, 'a', kernel, **({'initrd': obedient} if obedient else {}))
    b = Guest(vm, folder, 'b', kernel, initrd=make_flood(folder), console={'log_size': '1MiB'})
    try:
        said = a.launch()
        assert 'apart' in said, said
        b.launch()
        ids = [*ids_of(a).values(), *ids_of(b).values()]
        failures = check_apart(vm, a, b)
        assert len(set(ids)) == 4 and 0 not in ids, f'expected four users, found {ids}'
        failures += check_reader(a, b)
        before = ids_of(a)
        check_next_start(a, folder, said)
        check_restart(a, before)
        check_links(a, folder)
        check_console_log(b)
        button.check_deaf(b)
        if obedient:
            button.check_obedient(a)
        else:
            print('the power button: skipped, no modules lie beside that kernel', flush=True)
    finally:
        for g in (a, b):
            subprocess.run([vm, 'destroy', g.name, '--forget'], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(folder, ignore_errors=True)
    print('apart: FAILED' if failures else 'apart: ok', flush=True)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
