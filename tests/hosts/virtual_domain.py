# SPDX-License-Identifier: Apache-2.0
"""Guests of libvirt daemons as resources of Pacemaker's own agent for libvirt, ocf:heartbeat:VirtualDomain, unchanged."""
import contextlib
import os
import shutil

import cluster
import guests
from migrate import BOOT
from patience import wait_until


@contextlib.contextmanager
def guest_of_daemons(shared, name):
    """A guest that can move between daemons, with a cluster of its own."""
    with cluster.Cluster('a', 'b', 'c', kind=cluster.NodeWithDaemon) as hosts:
        c = guests.Guest(shared.env, hosts, name)
        try:
            c.guest['security'] = {'shared_user': True}
            c.prepare()
            yield c
        finally:
            c.broker.stop()


def virtual_domain(shared):
    """a guest that a daemon keeps, by its domain's XML as virsh prints it: started, found to be ours, and started at the other host when the first one's power is cut"""
    with guest_of_daemons(shared, 'virtual_domain') as c:
        run_case(c, c.hosts)


def run_case(c, hosts):
    c.must_launch()
    with open(c.path('g.xml'), 'w', encoding='utf-8') as f:
        f.write(hosts.a.run('virsh', 'dumpxml', '--inactive', 'g'))
    hosts.a.run('virsh', 'destroy', 'g')
    hosts.a.run('virsh', 'undefine', 'g', '--keep-nvram', '--keep-tpm')
    for h in hosts.others(hosts.a):  # what boots lies under the same paths at each node
        shutil.copytree(hosts.a.path(BOOT), h.path(BOOT), dirs_exist_ok=True)
        h.run('chown', '-R', '--reference=/var/lib/libvirt/qemu', f'/var/{BOOT}')
    start(c, hosts)
    before = c.released()
    hosts.a.off()
    c.host = wait_until(lambda: f'the guest does not run elsewhere: {hosts.b.ask("crm_mon", "-1")}', lambda: next((h for h in hosts.others(hosts.a) if c.listed(h)), None), 120)
    wait_until(lambda: f'the guest does not get its disk: {c.broker.audit()[-2:]}', lambda: c.released()[1] > before[1], 240)
    c.must_answer()
    c.must(hosts.power.cuts('a'), 'expected the first host to be fenced')


def start(c, hosts):
    before = c.released()
    given = {'config': c.path('g.xml'), 'hypervisor': 'qemu:///system', 'force_stop': 'true'}
    hosts.configure(cluster.make_primitive('v', 'heartbeat', 'VirtualDomain', given, {'monitor': '60s', 'start': '120s'}),
                    f'<rsc_location id="v-first" rsc="v" node="{hosts.a.hostname}" score="10"/>')
    wait_until(lambda: f'the cluster does not start the guest: {hosts.a.ask("crm_mon", "-1")} {hosts.a.log()[-600:]}', lambda: hosts.where('v') == ['a'], 120)
    wait_until(lambda: f'the guest does not get its disk: {c.broker.audit()[-2:]}', lambda: c.released()[1] > before[1], 240)
    c.must(c.ask('show', 'g')['connect'] == 'qemu:///system', 'expected the guest to be known as ours')
    c.must(os.path.exists(hosts.a.path(BOOT)), 'expected what boots to be there')


def daemon_agent(shared):
    """our own agent for a guest that a daemon keeps: started, moved to another node while it runs without asking for its key again, and stopped there"""
    with guest_of_daemons(shared, 'daemon_agent') as c:
        move_case(c, c.hosts)


def move_case(c, hosts):
    given = {'name': 'g', 'config': c.file, 'binary': c.env.vm, 'connect': 'qemu:///system', 'migrate_uri': 'qemu+tcp://%n/system'}
    times = {'monitor': '60s', 'start': '240s', 'stop': '26s', 'migrate_to': '240s', 'migrate_from': '60s'}

    def place(host):
        hosts.configure(cluster.make_primitive('g', 'secure-vm', 'guest', given, times, {'allow-migrate': 'true'}),
                        f'<rsc_location id="g-at" rsc="g" node="{host.hostname}" score="INFINITY"/>')
        wait_until(lambda: f'the guest does not run at {host.name}: {hosts.a.ask("crm_mon", "-1")}', lambda: hosts.where('g') == [host.name], 240)
    place(hosts.a)
    c.must(c.released() == (1, 1) and c.listed() == 'unlocked', f'expected a start to end with the disk, found {c.released()}, {c.listed()}')
    c.must_answer()
    hosts.prefer('g', hosts.b)
    wait_until(lambda: f'the guest does not move: {hosts.a.ask("crm_mon", "-1")}', lambda: hosts.where('g') == ['b'], 240)
    c.host = hosts.b
    c.must(c.listed(hosts.a) == '' and c.released() == (1, 1), f'expected a move, found {c.listed(hosts.a)}, {c.released()}')
    c.must_answer()
    hosts.clear()
    wait_until('the guest is not stopped', lambda: c.listed() in ('', 'stopped'), 120)
    c.must(not [p for p in hosts.b.processes().values() if 'qemu-system' in p], 'something of the guest still runs')
