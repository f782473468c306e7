#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A live migration by `secure-vm migrate` beside one of the same guest by `virsh migrate` with the same settings, to and fro between two hosts out of
namespaces, in turn. Fails when the pause or the total, both as libvirt counts them, is above 1.1 of virsh's in the fastest of the rounds and in their
median: what is slower is so in both, and what else the machine does spoils one. What our looks beforehand add to the command as a whole is printed beside:
most of it is what the guest boots from, whose digests both hosts are asked for.

    migrate.py --build DIR [--rounds N] [--load MIB]
"""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, 'hosts')]

import hosts  # noqa: E402
from drain import AGENT  # noqa: E402

LIMIT = 1.1
# Its kernel finds no root in what it was given, and halts: that much memory has contents.
GUEST = """<domain type='qemu'><name>g</name><memory unit='MiB'>{memory}</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='q35'>hvm</type><kernel>{folder}/vmlinuz</kernel>
<initrd>{folder}/initrd</initrd></os><devices><disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='{folder}/g.img'/><target dev='vda' bus='virtio'/></disk>
{agent}</devices></domain>"""


def start_guest(host, folder, load):
    kernel = subprocess.run([os.path.join(os.path.dirname(TESTS), 'tools', 'fetch-kernel')], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
    shutil.copy(os.path.join(kernel, 'vmlinuz'), f'{folder}/vmlinuz')
    host.run('sh', '-c', f'head -c {load}M /dev/urandom >{folder}/initrd; truncate -s 8M {folder}/g.img; chmod 644 {folder}/vmlinuz {folder}/initrd')
    with open(f'{folder}/g.xml', 'w', encoding='ascii') as f:
        f.write(GUEST.format(memory=2 * load + 128, folder=folder, agent=AGENT))
    host.run('virsh', 'define', f'{folder}/g.xml')
    host.run('virsh', 'start', 'g')


def by_virsh(source, target):
    source.run('virsh', 'migrate', '--live', '--persistent', '--undefinesource', '--unsafe', 'g', target.uri, '--migrateuri', f'tcp://{target.address}')
    said = target.run('virsh', 'domjobinfo', '--completed', 'g')
    return [int(re.search(rf'{name}: +(\d+) +ms', said).group(1)) for name in ('Total downtime', 'Time elapsed')]


def by_us(vm):
    def migrate(source, target):
        r = json.loads(source.run(vm, 'migrate', 'g', '--connect', 'qemu:///system', '--to', target.uri, '--json'))
        return [r['pause_ms'], r['total_ms']]
    return migrate


def run_rounds(pair, ways, rounds):
    """{way: [(pause, total, command)]} in ms, four of each a round. Each goes as often in either direction, and as often first."""
    found = {name: [] for name in ways}
    source, target = pair
    for i in range(4 * rounds):
        for name in sorted(ways, reverse=i // 2 % 2 == 1):
            began = time.monotonic()
            figures = ways[name](source, target)
            found[name].append((*figures, (time.monotonic() - began) * 1e3))
            source, target = target, source
        source, target = target, source
        ways['virsh'](target, source)  # back, so that the other begins here as well; counts for nobody
    return found


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--rounds', type=int, default=2)
    a.add_argument('--load', type=int, default=64)
    a = a.parse_args()
    if hosts.missing():
        print(hosts.missing())
        return 77
    missed = 0
    with hosts.Hosts('a', 'b') as pair:
        start_guest(pair.a, pair.folder, a.load)
        found = run_rounds((pair.a, pair.b), {'virsh': by_virsh, 'secure-vm': by_us(os.path.abspath(f'{a.build}/launcher/secure-vm'))}, a.rounds)
    for i, what in enumerate(('pause', 'total', 'the command as a whole')):
        ours, theirs = ([r[i] for r in found[name]] for name in ('secure-vm', 'virsh'))
        ratios = [of(ours) / of(theirs) for of in (min, statistics.median)]
        bad = i < 2 and min(ratios) > LIMIT
        missed += bad
        print(f'{what:28} {min(ours):8.0f} ms, {ratios[0]:.2f} x virsh migrate ({min(theirs):.0f} ms); medians {statistics.median(ours):.0f} ms, {ratios[1]:.2f} x '
              f'({statistics.median(theirs):.0f} ms){f"; limit {LIMIT}" if i < 2 else ""}{"  MISSED" if bad else ""}', flush=True)
    return 1 if missed else 0


sys.exit(main())
