# SPDX-License-Identifier: Apache-2.0
"""States of a disk that were kept: the guest counts on its disk, and says at each boot how far it had come."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess

from cases import case
from env import TOP, patient, run, wait_until

COUNTED = re.compile(r'e2e-root: count (\d+) is on the disk')
BOOTED = re.compile(r'e2e-root: (\d+) boots before, count (\d+)')


def make_counting_disk(c):
    tree = c.path('tree')
    shutil.copytree(c.env.root, tree)
    run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(tree, 'sbin', 'init'), os.path.join(TOP, 'tests/e2e/snapshot-init.c'))
    for name in ('boots', 'count'):
        with open(os.path.join(tree, name), 'w', encoding='ascii') as f:
            f.write('0\n')
    run(*c.vm, 'image', 'encrypt', '--from', tree, '--out', c.path('root.img'), '--size', '48MiB', '--resource', 'default/g/root', *c.broker.admin(),
        env=c.environment)


def counted(c):
    """How far the guest has come by its own word, in this boot."""
    found = COUNTED.findall(c.console())
    return int(found[-1]) if found else -1


def wait_counted(c, more):
    wait_until(lambda: f'the guest does not count on: {c.console()[-400:]}', lambda: counted(c) >= more, 60)


def booted(c):
    """(boots before, count then) of the boot that runs."""
    c.wait_console('e2e-root: counting', 60)
    return tuple(map(int, BOOTED.findall(c.console())[-1]))


def snapshot(c, *args, check=True):
    who = c.file if c.more else 'g'  # a daemon does not say which file it was
    r = run(*c.vm, 'snapshot', args[0], who, *args[1:], *c.more, '--json', check=False, env=c.environment)
    answer = json.loads(r.stdout)
    c.must(answer.get('ok') or not check, f'snapshot {" ".join(args)}: {answer}')
    return answer if answer.get('ok') else answer['error']['check']


def start(c):
    c.launch()
    c.must(c.status == 0, 'expected the guest to start')


def layers(c):
    return sorted(os.path.basename(p) for p in glob.glob(c.path('root.img.snapshots/*')))


@case
def snapshots(c):
    """snapshots: taken of a guest that runs, the first is back after a revert, and flattening keeps the newest while the guest writes"""
    c.make_broker()
    make_counting_disk(c)
    c.file = c.write_guest()
    c.put_policy(c.file)
    start(c)
    c.must(booted(c) == (0, 0), 'expected a new disk')
    wait_counted(c, 20)
    snapshot(c, 'create', '--name', 'one')
    at_one = counted(c)
    wait_counted(c, at_one + 40)
    c.must(layers(c) == ['1.qcow2', 'chain.json'], f'expected an overlay: {layers(c)}')
    c.must(snapshot(c, 'create', '--name', 'one', check=False) == 'snapshot.exists', 'a name twice')
    rekey = run(*c.vm, 'image', 'rekey', c.path('root.img'), '--resource', 'default/g/root', '--json', *c.broker.admin(), check=False, env=c.environment)
    c.must(json.loads(rekey.stdout)['error']['check'] == 'image.snapshots', f'a new key below an overlay: {rekey.stdout}')
    c.must(snapshot(c, 'revert', 'one', check=False) == 'snapshot.running', 'a revert under the guest')
    c.must(snapshot(c, 'delete', 'other', check=False) == 'snapshot.absent', 'a snapshot that is not there')
    run(*c.vm, 'reset', 'g', env=c.environment)
    c.wait_console('e2e-root: 1 boots before', 120)
    before, count = booted(c)
    c.must((before, count > at_one) == (1, True), f'the boot after a snapshot must see all: {before}, {count} after {at_one}')
    wait_counted(c, count + 20)
    snapshot(c, 'create', '--name', 'two')
    names = [row['name'] for row in snapshot(c, 'list')['snapshots']]
    c.must(names == ['one', 'two'], f'listed: {names}')
    run(*c.vm, 'destroy', 'g', env=c.environment)

    snapshot(c, 'revert', 'one')
    start(c)
    before, count = booted(c)
    c.must(before == 1 and count <= at_one + 40, f'expected the first state: {before}, {count}')
    wait_counted(c, count + 20)
    c.must(snapshot(c, 'delete', 'two') and layers(c) == ['3.qcow2', 'chain.json'], f'a leaf goes: {layers(c)}')
    snapshot(c, 'create', '--name', 'three')
    at_three = counted(c)
    wait_counted(c, at_three + 20)
    snapshot(c, 'delete', 'three')  # what is written now goes into the overlay below, while the guest writes
    wait_counted(c, counted(c) + 40)
    snapshot(c, 'flatten')
    c.must(not layers(c), f'expected the disk alone: {layers(c)}')
    last = counted(c)
    wait_counted(c, last + 40)
    snapshot(c, 'create', '--name', 'again')
    wait_counted(c, counted(c) + 40)
    last = counted(c)
    run(*c.vm, 'destroy', 'g', env=c.environment)
    snapshot(c, 'flatten')  # and of a guest that is off
    c.must(not layers(c), f'expected the disk alone: {layers(c)}')
    start(c)
    before, count = booted(c)
    c.must(before == 2 and count >= last, f'expected the newest state: {before}, {count}, and {last} was on the disk')


@case
def backup(c):
    """backup: of a guest that runs, restored to the same bytes; a worker that is killed while it flattens leaves a disk with all of them"""
    data, disk, copy = os.urandom(4 << 20), c.path('root.img'), c.path('copy')
    c.guest['disks'] = [{'path': disk, 'encrypted': False}]
    c.file = c.write_guest()
    for killed in (False, True):
        with open(disk, 'wb') as f:
            f.write(data)
        run(*c.vm, 'launch', c.file, env=c.environment, timeout=300)
        made = json.loads(run(*c.vm, 'backup', 'create', 'g', '--to', copy + str(killed), '--json', env=c.environment).stdout)['backup']
        c.result = made
        c.must([d['id'] for d in made['disks']] == ['root'] and not layers(c), f'expected a backup and the disk alone: {made}, {layers(c)}')
        snapshot(c, 'create', '--name', 'one')
        worker = json.loads(run(*c.vm, 'show', 'g', '--json', env=c.environment).stdout)['worker_pid']
        flatten = subprocess.Popen([*c.vm, 'snapshot', 'flatten', 'g'], env=c.environment, stderr=subprocess.DEVNULL)
        if killed:
            os.kill(worker, signal.SIGKILL)
        c.must((flatten.wait(patient(60)) == 0) or killed, 'expected the disk to be flattened')
        run(*c.vm, 'destroy', 'g', env=c.environment)
        c.must(snapshot(c, 'flatten', check=False) != 'snapshot.chain' and not layers(c), f'expected the disk alone: {layers(c)}')
        with open(disk, 'rb') as f:
            c.must(f.read() == data, 'the disk has other bytes')
    os.unlink(disk)
    run(*c.vm, 'backup', 'restore', c.file, '--from', copy + 'False', env=c.environment)
    with open(disk, 'rb') as f:
        c.must(f.read() == data, 'the backup has other bytes')
