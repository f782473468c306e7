#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine, of two nodes with a card of several queues, a drive, a rotating disk and an NVMe subsystem with two paths: what each profile applies is turned by
somebody else, all at once, and check names each of it and nothing else. Then all is as before. The card's queues are the kernel's own answer."""
import array
import fcntl
import json
import os
import re
import socket
import struct
import sys

sys.path.insert(0, '/lab')

from inside import finish, make_port, must, put, read_text, run, say, vm, wait_until  # noqa: E402

TARGET, SUBSYSTEM = '/sys/kernel/config/nvmet', 'nqn.2026-01.lab:disks'
SIOCETHTOOL, GCHANNELS, SCHANNELS = 0x8946, 0x3c, 0x3d
WANTED = 20  # knobs that this machine has, each turned


def ask_card(card, numbers):
    """struct ethtool_channels, in place."""
    words = array.array('I', numbers)
    address, _ = words.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, struct.pack('16sP', card.encode(), address))
    return list(words)


def queues(card):
    return ask_card(card, [GCHANNELS] + 8 * [0])[8]


def set_queues(card, n):
    now = ask_card(card, [GCHANNELS] + 8 * [0])
    ask_card(card, [SCHANNELS, *now[1:8], n])


def turn(path, value):
    """As somebody else would."""
    if path.startswith('/ethtool/'):
        set_queues(path.split('/')[2], int(value))
    else:
        put(path, value)


def make_devices():
    for name in ('igb', 'nvme', 'ahci', 'sd_mod', 'kvm_amd', 'configfs', 'nvmet', 'nvmet-tcp', 'nvme-tcp'):
        run('modprobe', name, status=None)
    wait_until('the disk is there', lambda: os.path.exists('/sys/block/sda/queue'))
    for card in os.listdir('/sys/class/net'):
        run('ip', 'link', 'set', card, 'up')
    run('mount', '-t', 'configfs', 'config', '/sys/kernel/config', status=None)
    run('truncate', '-s', '16M', '/srv/space')
    top = f'{TARGET}/subsystems/{SUBSYSTEM}'
    os.makedirs(f'{top}/namespaces/1')
    for name, value in (('attr_allow_any_host', '1'), ('namespaces/1/device_path', '/srv/space'), ('namespaces/1/buffered_io', '1'), ('namespaces/1/enable', '1')):
        put(f'{top}/{name}', value)
    for n in (1, 2):
        make_port(TARGET, n)
        os.symlink(top, f'{TARGET}/ports/{n}/subsystems/{SUBSYSTEM}')
        with open('/dev/nvme-fabrics', 'r+b', buffering=0) as f:
            f.write(f'nqn={SUBSYSTEM},transport=tcp,traddr=127.0.0.{n},trsvcid=4420'.encode())


def unsettle(card):
    """What the kernel chose as it is wanted, chosen otherwise, so that it is set."""
    put('/sys/block/sda/queue/scheduler', 'none')
    # a disk with native multipath has none, its paths have
    for disk in filter(re.compile('nvme').match, os.listdir('/sys/block')):
        if os.path.exists(f'/sys/block/{disk}/queue/scheduler'):
            put(f'/sys/block/{disk}/queue/scheduler', 'mq-deadline')
    for irq in os.listdir(f'/sys/class/net/{card}/device/msi_irqs'):
        if os.path.exists(f'/proc/irq/{irq}/smp_affinity_list'):
            put(f'/proc/irq/{irq}/smp_affinity_list', '0')


def plan(profile, *more):
    return json.loads(vm('tune', 'plan', '--profile', profile, '--hugepages', '1:8MiB', *more, '--json').stdout)['settings']


def paths(settings, action):
    return {p: s for s in settings if s['action'] == action for p in s['paths']}


def try_profile(profile, seen, *more):
    wanted = paths(plan(profile, *more), 'set')
    vm('tune', 'apply', '--profile', profile, '--hugepages', '1:8MiB', *more)
    vm('tune', 'check')
    # the first setting of each knob, with its value of before
    first = {}
    for path, s in wanted.items():
        first.setdefault(s['knob'], (path, s['now']))
    for path, value in first.values():
        turn(path, value)
    r = vm('tune', 'check', '--json', status=5)
    found = {d['path']: d for d in json.loads(r.stdout)['differences']}
    for knob, (path, value) in first.items():
        must(path in found and found[path]['knob'] == knob and found[path]['found'] == value, f'{profile}: check names {knob}', f'{path} {value}: {found.get(path)}')
    left = set(found) - {p for p, _ in first.values()}
    must(not left, f'{profile}: and nothing else', sorted(left))
    seen.update(first)
    vm('tune', 'undo')
    now = paths(plan(profile, *more), 'set')
    must({p: now.get(p, {}).get('now') for p in wanted} == {p: s['now'] for p, s in wanted.items()}, f'{profile}: undo brings all back', now)


def try_queues(card):
    most = ask_card(card, [GCHANNELS] + 8 * [0])[4]
    set_queues(card, 1)
    must(queues(card) == 1 and most > 1, f'{card} has one queue of {most}', queues(card))
    vm('tune', 'apply', '--profile', 'throughput', '--only', 'network.queues')
    given = queues(card)
    must(given == min(most, 4), f'apply gives it one for each processor of its node ({given})', most)
    vm('tune', 'check')
    set_queues(card, 1)
    r = vm('tune', 'check', '--json', status=5)
    found = json.loads(r.stdout)['differences']
    must([d['knob'] for d in found] == ['network.queues'], 'check names network.queues', found)
    set_queues(card, given)
    vm('tune', 'check')
    vm('tune', 'undo')
    must(queues(card) == 1, 'undo takes them back', queues(card))
    # two steps: what is wanted of the queues is planned when they are there
    vm('tune', 'apply', '--profile', 'throughput')
    vm('tune', 'apply', '--profile', 'throughput')
    must(not paths(plan('throughput'), 'set').keys() - {p for p in paths(plan('throughput'), 'set') if 'hugepages' in p}, 'after a second apply nothing is left to set')
    vm('tune', 'check')
    vm('tune', 'undo')
    must(queues(card) == 1, 'and undo takes both back', queues(card))
    set_queues(card, most)


def main():
    make_devices()
    card = next(c for c in sorted(os.listdir('/sys/class/net')) if os.path.exists(f'/sys/class/net/{c}/device/sriov_totalvfs'))
    try_queues(card)
    seen = {'network.queues'}
    unsettle(card)
    try_profile('latency', seen)
    try_profile('density', seen)
    # a card with one queue is helped by the kernel
    set_queues(card, 1)
    try_profile('throughput', seen, '--skip', 'network.queues')
    say(f'{len(seen)} knobs: {" ".join(sorted(seen))}')
    must(len(seen) >= WANTED, f'{WANTED} knobs were turned', f'{len(seen)}: {sorted(seen)}')
    must({'nvme.path_policy', 'nvme.ctrl_loss'} <= seen, 'the paths of a subsystem among them', seen)
    say(read_text('/proc/version'))
    finish()


main()
