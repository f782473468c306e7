#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine, AppArmor enforcing: secure-vm does what its commands do, and nothing of it is refused. With the label of one guest's
QEMU not even root reads, changes, traces or signals what is another's."""
import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, '/lab')

from apart import everything, processes_of, try_confined  # noqa: E402
from inside import STATE, VM, end_guest, finish, guest_file, launch, must, paths_of, read_text, refusals, run, say, vm, wait_until  # noqa: E402

OURS = r'apparmor="DENIED".*profile="secure-vm'
GUESTS = r'apparmor="DENIED".*profile="(libvirt-|virt-aa-helper)'
PROFILES = ('usr.lib.libvirt.virt-aa-helper', 'secure-vm')
BROKER = '/var/lib/secure-vm-broker'


def label(pid):
    return read_text(f'/proc/{pid}/attr/apparmor/current')


def loaded():
    return read_text('/sys/kernel/security/apparmor/profiles').splitlines()


def load_profiles():
    must('apparmor' in read_text('/sys/kernel/security/lsm'), 'the kernel has AppArmor on', read_text('/sys/kernel/security/lsm'))
    for name in PROFILES:
        run('apparmor_parser', '--replace', '--skip-cache', f'/etc/apparmor.d/{name}')
    must('secure-vm (enforce)' in loaded(), 'the profile of secure-vm is loaded and enforced', loaded())


def none_refused(what):
    text = refusals(f'{OURS}|{GUESTS}')
    must(not text, f'{what}: nothing that it did was refused', '\n'.join(text))


# --- what passes ---

def make_inputs():
    os.makedirs('/srv/tree/sbin')
    os.makedirs('/srv/guests')
    with open('/srv/tree/sbin/init', 'w', encoding='ascii') as f:
        f.write('#!/bin/sh\n')
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '/srv/empty.qcow2', '16M')


def start_broker():
    program = VM.replace('/bin/', '/sbin/') + '-broker'
    made = run(program, 'init', '--dir', BROKER, '--listen', '127.0.0.1:0', '--json')
    log = open('/tmp/broker.log', 'w', encoding='utf-8')
    subprocess.Popen([program, 'serve', '--config', f'{BROKER}/config.json'], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until('the broker listens', lambda: os.path.exists(f'{BROKER}/port') and read_text(f'{BROKER}/port'))
    return ['--broker', f'https://127.0.0.1:{read_text(BROKER + "/port")}', '--pin', json.loads(made.stdout)['pin'], '--admin-key', f'{BROKER}/admin.key']


def try_images(admin):
    """With the programs that they start, from places that are not our own."""
    vm('host')
    vm('host', 'vtpm-ca')
    vm('image', 'verity', '--from', '/srv/tree', '--out', '/srv/guests/verity.img', '--size', '32MiB')
    vm('image', 'encrypt', '--from', '/srv/tree', '--out', '/srv/guests/a.img', '--size', '48MiB', '--resource', 'default/a/root', *admin)
    # There is no partition in it: but qemu-nbd, which reads it, has started.
    r = vm('image', 'import', '/srv/empty.qcow2', '--out', '/srv/imported', *admin, status=None)
    must(r.returncode and 'import.nbd' not in r.stderr and 'image.run' not in r.stderr, 'qemu-nbd reads an image', r.stderr)
    vm('key', 'list', *admin)
    none_refused('images')


def try_commands():
    if not os.path.exists('/srv/guests/b.img'):
        run('cp', '/srv/guests/a.img', '/srv/guests/b.img')
    vm('measure', guest_file('a'))
    vm('define', '/srv/guests/a.json')
    vm('edit', 'a', env=dict(os.environ, EDITOR='true'))
    r = vm('ssh', 'a', status=None)
    must('ssh' not in r.stderr or 'not installed' not in r.stderr, 'ssh is looked for', r.stderr)
    vm('tune', 'plan', '--profile', 'latency')
    none_refused('define, measure, edit, tune plan')


def launch_guest(name):
    r = launch(name if name == 'a' else guest_file(name))
    return must(r.returncode == 0, f'guest {name} is launched', r.stderr + r.stdout)


def try_guests():
    """Their labels are the kernel's own word."""
    up = launch_guest('a') and launch_guest('b')
    none_refused('launch')
    vm('list')
    for name in ('a', 'b') if up else ():
        status = json.loads(vm('show', name, '--json').stdout)
        must(label(status['worker_pid']) == 'secure-vm (enforce)', f'the supervisor of {name} is confined', label(status['worker_pid']))
        own = f'libvirt-{status["uuid"]} (enforce)'
        for who, pid in processes_of(f'{STATE}/{name}').items():
            labels = {label(f'{pid}/task/{t}') for t in os.listdir(f'/proc/{pid}/task')}
            must(labels == {own}, f'each thread of {name}\'s {who} has the guest\'s own profile', labels)
    none_refused('list, show')
    return up


# --- what does not ---

def try_forbidden():
    """Each as root, whom nothing but the profile refuses; without it each would work."""
    cases = {
        'read the passwords of this machine': ['inspect', '/etc/shadow'],
        'read the kek of a broker here': ['inspect', f'{BROKER}/kek'],
        'write a program of this machine': ['image', 'verity', '--from', '/srv/tree', '--out', '/usr/bin/planted', '--size', '16MiB'],
        'write what this machine boots': ['image', 'verity', '--from', '/srv/tree', '--out', '/boot/planted', '--size', '16MiB'],
        'write a policy of AppArmor': ['image', 'verity', '--from', '/srv/tree', '--out', '/etc/apparmor.d/planted', '--size', '16MiB'],
    }
    for what, words in cases.items():
        vm(*words, status=None)
        found = refusals(OURS)
        must(found, f'refused: {what}', 'nothing in the kernel\'s log')
    must(not os.path.exists('/usr/bin/planted') and not os.path.exists('/boot/planted') and not os.path.exists('/etc/apparmor.d/planted'), 'nothing forbidden was written')


def enter_profile(name):
    def enter():
        with open('/proc/self/attr/apparmor/current', 'w', encoding='ascii') as f:
            f.write(f'changeprofile {name}')
    return enter


def what_works(enter, processes, paths):
    """What a QEMU or a vTPM that was taken over would try (tests/e2e/apart.py, which tries it with the users alone), by a process of root's that `enter` has
    confined: so only the label refuses. The signal does nothing to a process that did not ask for it; whether there is one every profile may ask."""
    return try_confined(enter, lambda: everything(processes, paths, signal.SIGCONT))


def try_each_other():
    """As root with the label of a's processes: of a something works, of b nothing; without the label, all of it."""
    uuid = json.loads(vm('show', 'a', '--json').stdout)['uuid']
    own, other = processes_of(f'{STATE}/a'), processes_of(f'{STATE}/b')
    paths = list(paths_of(f'{STATE}/b', '/srv/guests/b.img', '/srv/guests/b.json', f'{STATE}/.vtpm-ca'))
    enter = enter_profile(f'libvirt-{uuid}')
    works = what_works(enter, own, list(paths_of(f'{STATE}/a', '/srv/guests/a.img')))
    must('write /srv/guests/a.img' in works, 'with a\'s label, a\'s own disk opens', works)
    # Linux 6.1 asks AppArmor nothing about a connection to a socket that has a name, and what root owns is root's by "owner": there the ids keep guests
    # apart (tests/e2e/apart.py). So is what root makes.
    by_owner = [f'make a file in {STATE}/b/{folder}' for folder in ('log/swtpm', 'run/swtpm', 'lib/swtpm/')]
    works = [w for w in what_works(enter, other, paths)
             if not w.startswith(('connect to ', *by_owner)) and not w.endswith('-swtpm.pid')]
    must(not works, f'with a\'s label, nothing of b\'s works ({len(paths)} paths, {len(other)} processes)', works)
    # last: what it makes there could not be made again
    free = what_works(lambda: None, other, paths)
    must({'ptrace of qemu', 'ptrace of swtpm', 'a signal to qemu', 'write /srv/guests/b.img'} <= set(free) and len(free) > 40, 'without a label, root reaches all of b', free)
    refusals('.')


def end_guests():
    """What QEMU prints last, it prints as it is told to end."""
    end_guest('a')
    log = read_text(f'{STATE}/a/log/qemu/a.log')
    must('terminating on signal' in log, 'what QEMU prints is in its log', log)
    none_refused('destroy')
    for name in ('a', 'b'):
        end_guest(name, '--forget')
    vm('undefine', 'a')
    none_refused('destroy, undefine')
    must(not [p for p in loaded() if p.startswith('libvirt-')], 'no guest\'s profile is left', loaded())


def main():
    load_profiles()
    refusals('.')
    make_inputs()
    admin = start_broker()
    try_images(admin)
    try_commands()
    if try_guests():
        try_each_other()
    try_forbidden()
    vm('image', 'initrd', '--out', '/srv/guests/initrd')
    none_refused('image initrd')
    end_guests()
    say('done')
    finish()


main()
