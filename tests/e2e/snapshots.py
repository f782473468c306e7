# SPDX-License-Identifier: Apache-2.0
"""States of a disk that were kept: the guest counts on its disk, and says at each boot how far it had come."""
import json
import os
import re
import shutil

from cases import case
from env import TOP, run, wait_until

COUNTED = re.compile(r'e2e-root: count (\d+) is on the disk')
BOOTED = re.compile(r'e2e-root: (\d+) boots before, count (\d+)')


def make_counting_disk(c):
    tree = c.path('tree')
    shutil.copytree(c.env.root, tree)
    run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', os.path.join(tree, 'sbin', 'init'), os.path.join(TOP, 'tests/e2e/snapshot-init.c'))
    os.makedirs(os.path.join(tree, 'sys'), exist_ok=True)
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


def snapshot(c, *args, check=True, command='snapshot'):
    who = c.file if c.more else 'g'  # a daemon does not say which file it was
    r = run(*c.vm, command, args[0], who, *args[1:], *c.more, '--json', check=False, env=c.environment)
    answer = json.loads(r.stdout)
    c.must(answer.get('ok') or not check, f'{command} {" ".join(args)}: {answer}')
    return answer if answer.get('ok') else answer['error']['check']


def start(c):
    c.launch()
    c.must(c.status == 0, 'expected the guest to start')


def take_increments(c):
    """All, and what changed since, twice, in one folder; the disk as it was at each of these moments."""
    states = []
    for number in range(3):
        wait_counted(c, counted(c) + 20)
        run(*c.vm, 'pause', 'g', env=c.environment)
        made = snapshot(c, 'create', '--incremental', '--to', c.path('chain'), command='backup')['backup']
        states.append(c.path(f'state{number}'))
        shutil.copy(c.path('root.img'), states[-1])
        run(*c.vm, 'resume', 'g', env=c.environment)
        disk = made['disks'][0]
        if number == 0:
            c.must(made['whole'] == 'first' and 'number' not in made, f'expected all of the disk: {made}')
            continue
        c.must(made['number'] == number and 'since' in made, f'expected the changes alone: {made}')
        c.must(0 < disk['changed'] < disk['bytes'] // 4, f'expected a small part of the disk: {made}')
        c.must(os.stat(c.path(f'chain/{number}/root.qcow2')).st_blocks * 512 <= disk['changed'] + (1 << 20), f'expected no more room to be taken: {made}')
    copies = json.loads(run(*c.vm, 'backup', 'verify', c.path('chain'), '--json', env=c.environment).stdout)['copies']
    c.must(len(copies) == 3, f'expected three copies: {copies}')
    return states


def come_to_rest(c):
    """The guest's file system holds still while a copy begins, and goes on."""
    for name, args, command in (('snapshot', ('--name', 'still'), 'snapshot'), ('backup', ('--incremental', '--to', c.path('still')), 'backup'),
                                ('backup', ('--incremental', '--to', c.path('still')), 'backup')):
        before = c.console().count('e2e-root: at rest 0'), c.console().count('e2e-root: goes on 0')
        made = snapshot(c, 'create', *args, '--quiesce', command=command)
        wait_until(lambda: f'the guest does not say that it came to rest and goes on: {c.console()[-400:]}', lambda b=before: (
            c.console().count('e2e-root: at rest 0') > b[0] and c.console().count('e2e-root: goes on 0') > b[1]), 30)
        c.must(name == 'snapshot' or made['backup']['quiesced'], f'expected it to be written down: {made}')
        wait_counted(c, counted(c) + 20)
    rows = snapshot(c, 'list')['snapshots']
    c.must([row.get('quiesced', False) for row in rows] == [False, True], f'expected one of two at rest: {rows}')
    snapshot(c, 'delete', 'still')


def restore_increments(c, states):
    """Each is the disk of its moment, byte for byte; one of a guest that was off has everything."""
    snapshot(c, 'create', '--incremental', '--to', c.path('chain'), command='backup')
    last = snapshot(c, 'restore', '--from', c.path('chain'), '--replace', command='backup')
    c.must(last['copy'] == 3, f'expected the last copy: {last}')
    for number, state in enumerate(states):
        snapshot(c, 'restore', '--from', c.path('chain'), '--copy', str(number), '--replace', command='backup')
        with open(state, 'rb') as was, open(c.path('root.img'), 'rb') as disk:
            c.must(was.read() == disk.read(), f'expected the disk as of copy {number}')
    with open(c.path('chain/3/copies.json'), encoding='utf-8') as f:
        c.must(json.load(f)['whole'] == 'off', 'expected all of the disk of a guest that is off')
    os.rename(c.path('chain/1'), c.path('chain/away'))
    c.must(snapshot(c, 'restore', '--from', c.path('chain'), '--replace', check=False, command='backup') == 'backup.chain', 'a copy that is missing')


@case
def snapshots(c):
    """snapshots: taken and backed up while the guest writes, the first state is back after a revert, and flattening keeps the newest"""
    c.make_broker()
    make_counting_disk(c)
    c.file = c.write_guest()
    c.put_policy(c.file)
    start(c)
    c.must(booted(c) == (0, 0), 'expected a new disk')
    wait_counted(c, 20)
    low = counted(c)
    snapshot(c, 'create', '--name', 'one')
    high = counted(c)
    c.must(snapshot(c, 'create', '--name', 'one', check=False) == 'snapshot.exists', 'a name twice')
    c.must(snapshot(c, 'revert', 'one', check=False) == 'snapshot.running', 'a revert under the guest')
    c.must(snapshot(c, 'delete', 'other', check=False) == 'snapshot.absent', 'a snapshot that is not there')
    made = snapshot(c, 'create', '--to', c.path('copy'), command='backup')['backup']
    c.must([d['id'] for d in made['disks']] == ['root'], f'expected a backup of the disk: {made}')
    run(*c.vm, 'backup', 'verify', c.path('copy'), env=c.environment)
    states = take_increments(c)
    come_to_rest(c)
    wait_counted(c, high + 40)
    c.must([row['name'] for row in snapshot(c, 'list')['snapshots']] == ['one'], 'expected one snapshot')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    restore_increments(c, states)

    c.result = snapshot(c, 'revert', 'one')
    c.must(c.result['rollback'] == 'unseen', f'expected to be told that nobody sees it: {c.result}')
    start(c)
    before, count = booted(c)
    # what was not synced yet may be there; what was written after it is not
    c.must(before == 1 and low <= count <= high + 40, f'expected the state of the snapshot: {before} boots, {count}, taken between {low} and {high}')
    wait_counted(c, high + 60)
    snapshot(c, 'create', '--name', 'two')
    c.must(snapshot(c, 'flatten')['removed'] == 2, 'expected both to be removed')
    c.must(not os.path.exists(c.path('root.img.snapshots')), 'expected nothing beside the disk')
    last = counted(c)
    wait_counted(c, last + 20)
    run(*c.vm, 'destroy', 'g', env=c.environment)
    c.must(snapshot(c, 'restore', '--from', c.path('copy'), check=False, command='backup') == 'backup.there', 'a disk that is there')
    snapshot(c, 'restore', '--from', c.path('copy'), '--replace', command='backup')
    with open(c.path('copy/root.raw'), 'rb') as copy, open(c.path('root.img'), 'rb') as disk:
        c.must(copy.read() == disk.read(), 'expected the disk of the backup')


def kept_by_daemon(c):
    """The same through a daemon, whose guest has no mounts of ours; one of another host is refused."""
    c.must(snapshot(c, 'create', '--name', 'one')['snapshot'] == 'one', 'expected a snapshot')
    c.must([row['name'] for row in snapshot(c, 'list')['snapshots']] == ['one'], 'expected one snapshot')
    copy = os.stat(c.path('root.img.snapshots/one/root.raw'))
    disk = os.stat(c.path('root.img'))
    c.must((copy.st_size, copy.st_uid) == (disk.st_size, disk.st_uid), f'expected a copy of the disk: {copy}')
    c.must(snapshot(c, 'revert', 'one', check=False) == 'snapshot.running', 'a revert under the guest')
    snapshot(c, 'delete', 'one')
    for number in range(2):
        made = snapshot(c, 'create', '--incremental', '--to', c.path('chain'), command='backup')['backup']
        c.must(('since' in made) == (number == 1), f'expected all, and then the changes: {made}')
    c.must(snapshot(c, 'create', '--quiesce', check=False) == 'snapshot.quiesce', 'a guest without an agent')
    here, c.more = c.more, ['--connect', 'qemu+ssh://host.example/system']
    for args in (('create',), ('list',), ('revert', 'one'), ('delete', 'one'), ('flatten',)):
        c.must(snapshot(c, *args, check=False) == 'snapshot.remote', f'{args}: expected to be sent to the other host')
    c.more = here
