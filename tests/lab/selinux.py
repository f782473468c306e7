#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine, SELinux enforcing, with our module in the distribution's policy: an unconfined launcher's QEMUs and vTPMs are confined, each guest's with a pair
of categories of its own, which is read back from threads, files and sockets; what the commands do leaves no refusal in the kernel's log; with the label of one guest's
processes not even root reaches what is another's. Labels are given back after an end, a kill and a reset of the machine. Without the module the host says so, and
what to do."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, '/lab')

from apart import everything, processes_of, try_confined  # noqa: E402
from inside import STATE, VM, end_guest, finish, guest_file, launch, must, paths_of, read_text, refusals, run, say, vm, wait_until  # noqa: E402

ADMIN = 'unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023'
POLICY = '/etc/selinux/default/policy'
RESET = '/srv/before'  # what the disk had before the machine was reset


def load_policy():
    """The kernel began with none: what it saw before that has no label."""
    run('load_policy', '-i', status=None)
    # what guests had keeps its labels over a reset
    run('restorecon', '-R', '/dev', '/run', '/lab', '/usr/local', '/etc', '/tmp', *([] if os.path.exists(RESET) else ['/srv', '/var/lib']), status=None)
    os.execvp('runcon', ['runcon', ADMIN, sys.executable, '-u', '/lab/case', 'loaded'])


def is_enforced():
    return read_text('/sys/fs/selinux/enforce') == '1'


def enforce(on):
    with open('/sys/fs/selinux/enforce', 'w', encoding='ascii') as f:
        f.write('1' if on else '0')


def label(path):
    return os.getxattr(path, 'security.selinux').decode().strip('\0')


def disk_of(name):
    return f'/srv/guests/{name}.img'


def try_module():
    """Built of its source where the disk was made."""
    found = json.loads(vm('host', '--json').stdout)['host']['confined']
    must(found['ok'] and found['found'] == 'selinux' and 'semodule -i' in found.get('advice', ''), 'without the module, the host says so', found)
    for name in os.listdir('/lab/policy'):
        shutil.copy(f'/lab/policy/{name}', f'{POLICY}/{name}')
    run('load_policy')
    found = json.loads(vm('host', '--json').stdout)['host']['confined']
    must(found['ok'] and found['found'] == 'selinux' and 'advice' not in found, 'with the module, it does not', found)
    # Guests are emulated here: QEMU runs code that it writes, also where libvirt only asks it what it can. Switches of the distribution's policy, which a host
    # with KVM leaves off.
    for name in os.listdir('/sys/fs/selinux/booleans'):
        if name.endswith('execmem'):
            run('setsebool', name, 'on')


def none_refused(what):
    text = refusals('avc: .*denied')
    must(not text, f'{what}: nothing that it did was refused', '\n'.join(text))


def own_labels(name):
    """Of the threads of its QEMU and its vTPM, each once."""
    return {read_text(f'/proc/{pid}/task/{t}/attr/current') for pid in processes_of(f'{STATE}/{name}').values() for t in os.listdir(f'/proc/{pid}/task')}


def try_guest(name):
    """Its pair of categories, or None. The supervisor has read all of this back itself ("required"): here it is asked once more, of the kernel."""
    run('truncate', '-s', '32M', disk_of(name))
    r = launch(guest_file(name, security={'required': True}))
    if not must(r.returncode == 0, f'guest {name} is launched, and every label of it is as asked', r.stderr + r.stdout):
        none_refused(f'launch of {name}')
        return None
    none_refused(f'launch of {name}')
    must(sorted(processes_of(f'{STATE}/{name}')) == ['qemu', 'swtpm'], f'{name} has a QEMU and a vTPM', processes_of(f'{STATE}/{name}'))
    labels = own_labels(name)
    must(len(labels) == 1 and ':svirt_t:s0:c' in str(labels), f'each thread of {name}\'s QEMU and vTPM has one label, and none is unconfined', labels)
    pair = labels.pop().split(':', 3)[3]
    must(label(disk_of(name)) == f'unconfined_u:object_r:svirt_image_t:{pair}', f'the disk of {name} has its categories', label(disk_of(name)))
    return pair


def enter_console(name):
    """What is typed reaches QEMU, which reads from a connection that the launcher made."""
    ours, end = os.openpty()
    with subprocess.Popen([VM, 'console', name], stdin=end, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as p:
        must(b'leaves it' in p.stderr.readline(), f'the console of {name} is entered')
        os.write(ours, b'x')
        time.sleep(5)
        os.write(ours, b'\x1d')
        must(p.wait() == 0, f'the console of {name} is left')
    os.close(end)
    os.close(ours)


def try_commands():
    vm('show', 'a')
    enter_console('a')
    vm('pause', 'a')
    vm('resume', 'a')
    none_refused('show, console, pause, resume')


def try_restored(before):
    """Ended in order, and ended by a kill of all that could have cleared up: the disk has the label that it had."""
    refusals('.')
    end_guest('a')
    none_refused('destroy')
    must(label(disk_of('a')) == before, 'the disk of a has its label back', label(disk_of('a')))
    status = json.loads(vm('show', 'b', '--json').stdout)
    for pid in (status['guard_pid'], status['worker_pid'], *processes_of(f'{STATE}/b').values()):
        os.kill(pid, signal.SIGKILL)
    wait_until('b\'s processes end', lambda: not processes_of(f'{STATE}/b'))
    must('svirt_image_t' in label(disk_of('b')), 'after a kill the disk of b has the guest\'s label still', label(disk_of('b')))
    end_guest('b')
    must(label(disk_of('b')) == before, 'the disk of b has its label back', label(disk_of('b')))


def reset(before):
    """In the middle of a guest's life: nothing of this machine goes on."""
    if not must(launch('/srv/guests/b.json').returncode == 0 and 'svirt_image_t' in label(disk_of('b')), 'guest b runs once more', label(disk_of('b'))):
        return
    with open(RESET, 'w', encoding='ascii') as f:
        f.write(before)
    os.sync()
    say('the machine is reset')
    with open('/proc/sysrq-trigger', 'w', encoding='ascii') as f:
        f.write('b')


def after_reset():
    refusals('.')
    enforce(True)
    must('svirt_image_t' in label(disk_of('b')), 'after a reset the disk of b has the guest\'s label still', label(disk_of('b')))
    must(json.loads(vm('list', '--json').stdout)['guests'][-1]['state'] == 'killed', 'which is said to be gone')
    found = json.loads(vm('recover', '--json').stdout)['recovered']
    must([g['name'] for g in found] == ['b'], 'recover cleans up after it', found)
    must(label(disk_of('b')) == read_text(RESET), 'the disk of b has its label back', label(disk_of('b')))
    none_refused('recover')


def enter_label(context):
    """What the policy does not let the administrator do is done while it is not enforced."""
    def enter():
        enforce(False)
        with open('/proc/self/attr/current', 'w', encoding='ascii') as f:
            f.write(context)
        enforce(True)
        with open('/proc/self/attr/current', encoding='ascii') as f:
            if f.read().strip('\0\n') != context:
                raise OSError('it has another label')
    return enter


def what_works(enter, processes, paths):
    return try_confined(enter, lambda: everything(processes, paths, signal.SIGCONT))


def try_each_other():
    """As root with the label of a's QEMU: of a something works, of b nothing; without the label, all of it."""
    own, other = processes_of(f'{STATE}/a'), processes_of(f'{STATE}/b')
    paths = list(paths_of(f'{STATE}/b', '/srv/guests/b.img', f'{STATE}/.vtpm-ca'))
    enter = enter_label(read_text(f'/proc/{own["qemu"]}/attr/current'))
    works = what_works(enter, own, list(paths_of(f'{STATE}/a', '/srv/guests/a.img')))
    must({'write /srv/guests/a.img', f'read {STATE}/a/boot/kernel'} <= set(works), 'with a\'s label, a\'s own disk and what it boots open', works)
    refusals('.')
    # Debian's policy lets each QEMU list /var/lib: the names of files are no secret of a guest's.
    works = [w for w in what_works(enter, other, paths) if not w.startswith('list /var/lib/')]
    must(not works, f'with a\'s label, nothing of b\'s works ({len(paths)} paths, {len(other)} processes)', works)
    must(refusals('avc: .*denied.*svirt'), 'the refusals are SELinux\'s', 'no AVC')
    # last: it makes files, which could then not be made again
    free = what_works(lambda: None, other, paths)
    must({'ptrace of qemu', 'ptrace of swtpm', 'a signal to qemu', 'write /srv/guests/b.img', f'connect to {STATE}/b/console.sock'} <= set(free) and len(free) > 40,
         'without a label, root reaches all of b', free)


def main():
    if os.path.exists(RESET):
        after_reset()
        finish()
    refusals('.')
    enforce(True)
    must(is_enforced(), 'SELinux is enforced')
    os.makedirs('/srv/guests')
    try_module()
    run('touch', '/srv/guests/new')
    refusals('.')
    pairs = [try_guest(name) for name in ('a', 'b')]
    must(None not in pairs and len(set(pairs)) == 2, 'two guests have two pairs', pairs)
    if None not in pairs:
        try_commands()
        try_each_other()
        try_restored(label('/srv/guests/new'))
        reset(label('/srv/guests/new'))
    say('done')
    finish()


if len(sys.argv) > 1:
    main()
else:
    load_policy()
