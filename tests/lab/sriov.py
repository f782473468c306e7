#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine: guests on KVM with virtual functions of a network card behind an IOMMU (QEMU's igb, Linux' igb, igbvf and vfio-pci). What the card lets each do is
read by iproute2; the guest itself says with which address and driver it has it, and its frames arrive. Then somebody else turns one setting after the other, and
check names that and nothing else. After an end, and after a kill of everything, the functions are the host's and as they were."""
import json
import os
import re
import signal
import socket
import sys

sys.path.insert(0, '/lab')

from inside import STATE, end_guest, finish, launch, must, read_text, run, say, vm, wait_until, write_json  # noqa: E402

NET = '/sys/class/net'
KIND = 0x88b5  # of frames of one's own (IEEE 802, local experiment)
BOOT = 1500


def make_host():
    for name in ('kvm_amd', 'tun', 'igb', 'vfio-pci', 'igbvf'):
        run('modprobe', name)
    run('insmod', '/lab/cr8.ko')
    os.chmod('/dev/kvm', 0o666)  # udev's rule, without udev
    os.makedirs('/srv/guests')
    card = next(c for c in sorted(os.listdir(NET)) if os.path.exists(f'{NET}/{c}/device/sriov_totalvfs'))
    run('ip', 'link', 'set', card, 'up')
    wait_until('the card has a link, without which it limits no rate', lambda: read_text(f'{NET}/{card}/carrier') == '1', 60)
    must(count(card) == 0, f'{card} has no functions at first', count(card))
    return card


def count(card):
    return int(read_text(f'{NET}/{card}/device/sriov_numvfs'))


def functions(card):
    """As iproute2 shows them."""
    return json.loads(run('ip', '-d', '-j', 'link', 'show', card).stdout)[0].get('vfinfo_list', [])


def driver(card, index):
    path = f'{NET}/{card}/device/virtfn{index}/driver'
    return os.path.basename(os.readlink(path)) if os.path.exists(path) else None


def guest(name, *nics):
    image = f'/srv/guests/{name}.img'
    run('truncate', '-s', '32M', image)
    return write_json(f'/srv/guests/{name}.json', {
        'name': name, 'tee': 'vtpm', 'vcpus': 1, 'memory': '256MiB', 'kernel': '/lab/vmlinuz', 'initrd': '/lab/walker.initrd', 'cmdline': 'console=ttyS0 panic=-1 quiet',
        'disks': [{'path': image}], 'nics': list(nics)})


def refused(file, check, what, status=3):
    r = vm('launch', file, '--json', status=status)
    error = json.loads(r.stdout.splitlines()[-1])['error']
    must(error['check'] == check and file in error['message'], f'{what}: {check}, with the place in the guest file', error)


def start(file, name):
    r = launch(file)
    if not must(r.returncode == 0, f'guest {name} is launched', r.stderr + r.stdout):
        say(read_text(f'{STATE}/{name}/supervisor.log'))
        finish()
    return json.loads(vm('show', name, '--json').stdout)


def differences(name):
    r = vm('show', name, '--check', '--json', status=None)
    shown = json.loads(r.stdout)
    return sorted(d['what'] for d in shown['differences']) if r.returncode in (0, 5) else [r.stdout]


def inside(name, what):
    found = re.findall(rf'inside: {what} (\S+)\s*$', read_text(f'{STATE}/{name}/console.log'), re.M)
    return found[-1] if found else None


def try_inside(name, mac):
    wait_until(f'guest {name} says what it sees', lambda: inside(name, 'all'), BOOT)
    must(inside(name, 'address') == mac and inside(name, 'driver') == 'igbvf', f'{name} drives the function itself, by the address of its guest file',
         read_text(f'{STATE}/{name}/console.log')[-1500:])


def try_frames(card, mac):
    """From the guest through the card to the host."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(KIND)) as s:
        s.bind((card, KIND))
        s.settimeout(60)
        try:
            frame = s.recv(2048)
        except TimeoutError:
            frame = b''
    must(frame[6:12].hex(':') == mac, 'frames of the guest arrive at the host', frame[:32])


def try_turned(card, name, index):
    """Each setting, by somebody else, and back."""
    was = functions(card)[index]
    mac, other = was['mac'] if 'mac' in was else was['address'], '52:54:00:00:00:99'
    for what, turn, back in (('MAC address', ['mac', other], ['mac', mac]), ('VLAN', ['vlan', '7'], ['vlan', '100', 'qos', '3']),
                             ('VLAN', ['vlan', '100', 'qos', '1'], ['vlan', '100', 'qos', '3']), ('rate', ['max_tx_rate', '50'], ['max_tx_rate', '100']),
                             ('spoof check', ['spoofchk', 'off'], ['spoofchk', 'on']), ('trust', ['trust', 'off'], ['trust', 'on'])):
        run('ip', 'link', 'set', card, 'vf', index, *turn)
        found = differences(name)
        must(found == [f'interface 0, {what}'], f'{" ".join(turn)} by somebody else: check names {what}, and nothing else', found)
        run('ip', 'link', 'set', card, 'vf', index, *back)
    must(not differences(name), 'and back')


def main():
    card = make_host()
    mac = {n: f'52:54:00:00:00:0{i}' for i, n in enumerate('abc')}
    settings = {'index': 0, 'vlan': 100, 'qos': 3, 'max_rate': 100, 'trust': True}
    refused(guest('a', {'type': 'vf', 'source': 'lo'}), 'vf.card', 'a card without functions')
    refused(guest('a', {'type': 'vf', 'source': card}), 'vf.none', 'none are there yet')
    refused(guest('a', {'type': 'vf', 'source': card, 'vf': {'create': 200}}), 'vf.none', 'more than the card can have')
    a = guest('a', {'type': 'vf', 'source': card, 'mac': mac['a'], 'vf': {**settings, 'create': 2}})
    b = guest('b', {'type': 'vf', 'source': card, 'mac': mac['b']})
    shown = start(a, 'a')
    must(count(card) == 2, 'the card has as many functions as were asked for', count(card))
    vf = shown['nics'][0]['vf']
    must(vf['index'] == 0 and vf['address'] == os.path.basename(os.readlink(f'{NET}/{card}/device/virtfn0')), 'show says which function a has', vf)
    found = functions(card)[0]
    say(found)
    must(driver(card, 0) == 'vfio-pci', 'QEMU has it by VFIO', driver(card, 0))
    must(mac['a'] in json.dumps(found) and not differences('a'), 'the card has what the guest file says', found)
    wanted = {'trust': True, 'spoofchk': True, 'vlan_list': [{'vlan': 100, 'qos': 3}]}
    must(all(found.get(k) == v for k, v in wanted.items()) and found['rate']['max_tx'] == 100, 'so says iproute2', found)
    refused(guest('c', {'type': 'vf', 'source': card, 'vf': {'index': 0}}), 'vf.busy', 'the function of another guest')
    refused(guest('c', {'type': 'vf', 'source': card, 'vf': {'index': 2}}), 'vf.none', 'a function that is not there')
    other = vm('launch', guest('c', {'type': 'vf', 'source': card, 'vf': {'index': 0}}), '--json', status=3, env={**os.environ, 'SECURE_VM_DIR': '/srv/other'})
    must('/dev/vfio/' in other.stdout and 'vf.busy' in other.stdout, 'who keeps guests in another folder is told who has it open', other.stdout)
    run('ip', 'link', 'set', os.listdir(f'{NET}/{card}/device/virtfn1/net')[0], 'up')
    refused(guest('c', {'type': 'vf', 'source': card}), 'vf.busy', 'the only other one is up at the host')
    run('ip', 'link', 'set', os.listdir(f'{NET}/{card}/device/virtfn1/net')[0], 'down')
    try_turned(card, 'a', 0)
    try_inside('a', mac['a'])
    vm('pause', 'a')  # two at once would starve the emulated machine
    shown = start(b, 'b')
    must(shown['nics'][0]['vf']['index'] == 1, 'b has the one that is free', shown['nics'])
    refused(guest('c', {'type': 'vf', 'source': card}), 'vf.busy', 'each is a guest\'s')
    try_inside('b', mac['b'])
    try_frames(card, mac['b'])
    end_guest('a', '--forget')
    now = functions(card)[0]
    must(driver(card, 0) == 'igbvf', 'after its end the function is the host\'s', driver(card, 0))
    must(now.get('vlan_list', [{}]) == [{}] and not now['trust'] and now['rate']['max_tx'] == 0 and mac['a'] not in json.dumps(now), 'and as it was', now)
    must(count(card) == 2, 'b has its own still', count(card))
    pids = [shown['guard_pid'], shown['worker_pid'], shown['qemu_pid']]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_until('all of b is gone', lambda: not any(os.path.exists(f'/proc/{p}/exe') for p in pids), 60)
    must(driver(card, 1) == 'vfio-pci', 'after a kill of everything nobody has given it back', driver(card, 1))
    vm('destroy', 'b', '--forget', status=None)
    must(count(card) == 0, 'the next command does, and the card has no functions again', (count(card), functions(card)))
    must(not os.path.exists(f'{STATE}/.vf'), 'and nothing is noted any more')
    run('sh', '-c', f'echo 2 >{NET}/{card}/device/sriov_numvfs')
    start(b, 'b')
    before = functions(card)[1]
    end_guest('b', '--forget')
    must(count(card) == 2 and driver(card, 0) == 'igbvf', 'functions that the host had stay', (count(card), before))
    finish()


main()
