#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine: a guest's disk is a namespace of an NVMe subsystem over TCP. The target is the kernel's own (nvmet), with two ports and DH-HMAC-CHAP. What is
wrong is named; what is right is connected by both paths, goes on when one is cut, and is disconnected when the guest has ended, however it did. AppArmor is enforced."""
import base64
import json
import os
import signal
import subprocess
import sys
import zlib

sys.path.insert(0, '/lab')

from inside import STATE, end_guest, finish, launch, make_port, must, put, read_text, refusals, run, say, vm, wait_until, write_json  # noqa: E402

TARGET = '/sys/kernel/config/nvmet'
HOST_ID = 'b1f6a9d2-7f1e-4f0c-9d3b-52a8c0e6d417'
SUBSYSTEM, HOST, UUID = 'nqn.2026-01.lab:disks', f'nqn.2014-08.org.nvmexpress:uuid:{HOST_ID}', '6f0fc24c-1b5c-4d34-a6a5-3e1b0b8e9c11'
SPACE = '/srv/space'
DENIED = r'apparmor="DENIED".*profile="(secure-vm|libvirt-)'  # libvirt's helper looks for a backing file, in vain
PROFILES = ('usr.lib.libvirt.virt-aa-helper', 'secure-vm')


def make_key():
    """As nvme gen-dhchap-key makes one: 32 bytes, their CRC, unchanged by any hash."""
    key = os.urandom(32)
    return 'DHHC-1:00:' + base64.b64encode(key + zlib.crc32(key).to_bytes(4, 'little')).decode() + ':'


def make_target(key):
    for name in ('configfs', 'nvmet', 'nvmet-tcp', 'nvme-tcp'):
        run('modprobe', name)
    if not os.path.isdir(TARGET):
        run('mount', '-t', 'configfs', 'config', '/sys/kernel/config')
    run('truncate', '-s', '16M', SPACE)
    top = f'{TARGET}/subsystems/{SUBSYSTEM}'
    space = f'{top}/namespaces/1'
    os.makedirs(space)
    put(f'{space}/device_path', SPACE)
    put(f'{space}/device_uuid', UUID)
    put(f'{space}/buffered_io', '1')
    put(f'{space}/enable', '1')
    os.mkdir(f'{TARGET}/hosts/{HOST}')
    put(f'{TARGET}/hosts/{HOST}/dhchap_key', key)
    for n in (1, 2):
        make_port(TARGET, n)
        serve(n)


def serve(n):
    os.symlink(f'{TARGET}/subsystems/{SUBSYSTEM}', f'{TARGET}/ports/{n}/subsystems/{SUBSYSTEM}')


def cut(n):
    os.unlink(f'{TARGET}/ports/{n}/subsystems/{SUBSYSTEM}')


def guest(name='g', **nvme):
    disk = {'subsystem': SUBSYSTEM, 'namespace': f'uuid.{UUID}', 'addresses': ['127.0.0.1', '127.0.0.2:4420'], 'secret': '/srv/guests/key', **nvme}
    return write_json(f'/srv/guests/{name}.json', {'name': name, 'tee': 'vtpm', 'vcpus': 1, 'memory': '256MiB', 'kernel': '/lab/vmlinuz', 'initrd': '/lab/writer.initrd',
                                                   'cmdline': 'console=ttyS0 panic=-1 quiet', 'disks': [{'nvme': {k: v for k, v in disk.items() if v}}]})


def controllers():
    top = '/sys/class/nvme'
    names = sorted(os.listdir(top)) if os.path.isdir(top) else []
    return {name: read_text(f'{top}/{name}/state') for name in names}


def refused(file, check, what):
    r = vm('launch', file, '--json', status=None)
    found = json.loads(r.stdout or '{}').get('error', {}).get('check') if r.stdout.startswith('{') else None
    must(r.returncode == 3 and found == check, f'{what}: {check}', f'{r.returncode} {r.stdout[-800:]} {r.stderr[-800:]}')
    must(not controllers() and not os.path.exists(f'{STATE}/.nvme'), f'{what}: nothing stays connected', controllers())


def goes_on(what):
    """By the node that the guest's QEMU has open. What the guest itself does there is not waited for: it is emulated twice, and boots in many minutes."""
    node = f'/dev/secure-vm/{STATE.strip("/").replace("/", "+")}+g.disk0'
    r = run('dd', f'if={node}', 'of=/dev/null', 'bs=64k', 'count=64', 'iflag=direct', status=None)
    must(r.returncode == 0 and '64+0 records in' in r.stderr, what, r.stderr)


def all_of(name):
    """What can be read of each process: its arguments and its environment."""
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            yield read_text(f'/proc/{pid}/{name}')
        except OSError:
            pass


def try_refusals(key, wrong):
    refused(guest(), 'fabric.module', 'without modules')
    make_target(key)
    run('/lib/systemd/systemd-udevd', '--daemon')
    allowed = f'{TARGET}/subsystems/{SUBSYSTEM}/allowed_hosts/{HOST}'
    refused(guest(), 'fabric.host', 'this host has no name')
    os.makedirs('/etc/nvme', exist_ok=True)
    put('/etc/nvme/hostnqn', HOST + '\n')
    refused(guest(), 'fabric.host', 'the subsystem is not for this host')
    os.symlink(f'{TARGET}/hosts/{HOST}', allowed)
    refused(guest(addresses=['127.0.0.3']), 'fabric.refused', 'nobody listens')
    refused(guest(subsystem=SUBSYSTEM + 's'), 'fabric.subsystem', 'another subsystem')
    refused(guest(secret=None), 'fabric.secret', 'no key')
    put('/srv/guests/wrong', wrong + '\n')
    os.chmod('/srv/guests/wrong', 0o600)
    refused(guest(secret='/srv/guests/wrong'), 'fabric.secret', 'a wrong key')
    refused(guest(namespace=f'uuid.{UUID[:-1]}2'), 'fabric.namespace', 'no such namespace')
    refused(guest(discovery=['127.0.0.1:4420'], addresses=None, subsystem=SUBSYSTEM + 's'), 'fabric.discovery', 'the service knows no such subsystem')


def try_guest(keys):
    r = launch(guest())
    if not must(r.returncode == 0, 'with the right key, the guest is launched', r.stderr + r.stdout):
        say(read_text(f'{STATE}/g/supervisor.log'))
        return False
    must(sorted(controllers().values()) == ['live', 'live'], 'both paths are live', controllers())
    disk = json.loads(vm('show', 'g', '--json').stdout)['disks'][0]
    must(disk['path'] == f'/dev/disk/by-id/nvme-uuid.{UUID}' and disk['nvme']['subsystem'] == SUBSYSTEM and [p['state'] for p in disk['nvme']['paths']] == ['live', 'live'],
         'show names subsystem, namespace and paths', disk)
    goes_on('its disk is read')
    for name in controllers():
        mode = os.stat(f'/sys/class/nvme/{name}/dhchap_secret').st_mode & 0o777
        must(mode == 0o600, f'the key of {name} is not shown to others', oct(mode))
    shown = '\n'.join([*all_of('cmdline'), *all_of('environ'), read_text(f'{STATE}/g/supervisor.log'), read_text(f'{STATE}/g/status.json'), read_text(f'{STATE}/.nvme'),
                       subprocess.run(['dmesg'], capture_output=True, text=True, errors='replace', check=False).stdout])
    must(not any(k[10:-1] in shown for k in keys), 'no key is in arguments, environment, logs or what is kept')
    return True


def try_paths():
    vm('tune', 'apply', '--profile', 'throughput')
    must(all(int(read_text(f'/sys/class/nvme/{n}/ctrl_loss_tmo')) >= 86400 for n in controllers()), 'an outage of a day is waited for')
    r = vm('tune', 'check', '--json')
    must(json.loads(r.stdout)['lost_paths'] == [], 'check finds all paths', r.stdout)
    cut(1)
    wait_until('the kernel misses the first path', lambda: 'live' not in controllers().values() or sorted(controllers().values()) != ['live', 'live'])
    goes_on('with one path cut, its disk is read on')
    r = vm('tune', 'check', '--json', status=5)
    found = json.loads(r.stdout)
    must(found['error']['check'] == 'tune.path' and len(found['lost_paths']) == 1, 'check names the lost path', r.stdout)
    serve(1)
    wait_until('the path comes back', lambda: sorted(controllers().values()) == ['live', 'live'])
    vm('tune', 'check')
    goes_on('with both again, too')
    vm('tune', 'undo')


def try_ends():
    end_guest('g', '--forget')
    must(not controllers() and not os.path.exists(f'{STATE}/.nvme'), 'when the guest has ended, nothing is connected', controllers())
    must(not os.path.exists('/dev/secure-vm'), 'nor is a node left')
    # connected by the administrator, as nvme-cli does it
    with open('/dev/nvme-fabrics', 'r+b', buffering=0) as f:
        f.write(f'nqn={SUBSYSTEM},transport=tcp,traddr=127.0.0.2,trsvcid=4420,hostnqn={HOST},hostid={HOST_ID},dhchap_secret={read_text("/srv/guests/key")}'.encode())
    theirs = list(controllers())
    r = launch(guest(discovery=['127.0.0.1:4420'], addresses=None))
    must(r.returncode == 0, 'the guest is launched by the paths that a discovery service knows', r.stderr + r.stdout)
    must(len(controllers()) == 2 and theirs[0] in controllers(), 'the path that was there is used', controllers())
    goes_on('its disk is read')
    status = json.loads(vm('show', 'g', '--json').stdout)
    for who in ('guard_pid', 'worker_pid', 'qemu_pid'):
        os.kill(status[who], signal.SIGKILL)
    must(len(controllers()) == 2, 'after a kill of all, the paths are there still', controllers())
    end_guest('g', '--forget')
    must(list(controllers()) == theirs, 'the next command disconnects ours, and leaves the other', controllers())


def main():
    for name in PROFILES:
        run('apparmor_parser', '--replace', '--skip-cache', f'/etc/apparmor.d/{name}')
    refusals('.')
    os.makedirs('/srv/guests')
    key, wrong = make_key(), make_key()
    put('/srv/guests/key', key + '\n')
    os.chmod('/srv/guests/key', 0o600)
    try_refusals(key, wrong)
    found = json.loads(vm('host', '--json').stdout)['host']['nvme-of']
    must(found == {'ok': True, 'found': HOST}, 'host says by which name it asks', found)
    if try_guest((key, wrong)):
        try_paths()
        try_ends()
    text = refusals(DENIED)
    must(not text, 'AppArmor refused nothing of it', '\n'.join(text))
    say('done')
    finish()


main()
