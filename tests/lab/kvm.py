#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine: two guests on KVM, each strictly on one node, every thread of theirs with processors of its own; one on huge pages, with several queues of disk and
card, vhost and io_uring. What they have is read from the kernel, by show --check and here; then somebody else turns one thing after the other, and check names that and
nothing else. a itself says that the processor runs it (its clock is KVM's) and what it sees."""
import json
import os
import re
import sys

sys.path.insert(0, '/lab')

from inside import STATE, end_guest, finish, launch, must, put, read_text, run, say, vm, wait_until, write_json  # noqa: E402

GROUPS = '/sys/fs/cgroup'
PAGES = '/sys/devices/system/node/node1/hugepages/hugepages-2048kB'
ALL, NODES = '0-7', '0-1'
BOOT = 1500  # seconds, for firmware and kernel of a guest in an emulated machine


# --- the host ---

def make_host():
    for name in ('kvm_amd', 'tun', 'bridge'):
        run('modprobe', name)
    run('insmod', '/lab/cr8.ko')
    os.chmod('/dev/kvm', 0o666)  # udev's rule, without udev
    run('ip', 'link', 'add', 'br0', 'type', 'bridge')
    run('ip', 'link', 'set', 'br0', 'up')
    os.makedirs('/srv/guests')
    found = json.loads(vm('host', '--json').stdout)['host']['kvm']
    must(found['ok'] and found['found'] == 'svm', 'host says that there is KVM', found)


def guest(name, nics=(), disk=None, **tuning):
    image = f'/srv/guests/{name}.img'
    run('truncate', '-s', '32M', image)
    return write_json(f'/srv/guests/{name}.json', {
        'name': name, 'tee': 'vtpm', 'vcpus': 2, 'memory': '256MiB', 'kernel': '/lab/vmlinuz', 'initrd': '/lab/walker.initrd', 'cmdline': 'console=ttyS0 panic=-1 quiet',
        'disks': [{'path': image, **({'tuning': disk} if disk else {})}], 'nics': list(nics), 'tuning': {'numa': {'mode': 'strict', **tuning.pop('numa', {})}, **tuning}})


def make_guests():
    """a has all that can be asked for, and names it; b is placed by the launch."""
    card = {'type': 'bridge', 'source': 'br0', 'tuning': {'queues': 2, 'vhost': True}}
    a = guest('a', [card], {'queues': 2, 'iothread': 1, 'io': 'io_uring'}, numa={'nodes': ['1']}, hugepages='2MiB',
              cpus={'pin': ['5', '6'], 'emulator': '7', 'iothreads': ['4']})
    refused(a, 'tuning.vhost', 'without vhost')
    run('modprobe', 'vhost_net')
    refused(a, 'tuning.hugepages', 'without reserved pages')
    put(f'{PAGES}/nr_hugepages', '132')
    refused(a, 'tuning.hugepages', 'without a mount of them')
    os.makedirs('/dev/hugepages', exist_ok=True)
    run('mount', '-t', 'hugetlbfs', 'huge', '/dev/hugepages')
    return a, guest('b', cpus={'pin': 'auto'})


def refused(file, check, what):
    r = vm('launch', '--check', file, '--json', status=3)
    must(json.loads(r.stdout)['error']['check'] == check, f'{what}: {check}', r.stdout)


# --- what the kernel says ---

class Guest:
    def __init__(self, name):
        self.name = name
        self.status = json.loads(vm('show', name, '--json').stdout)
        self.pid = self.status['qemu_pid']
        self.wanted = self.status['tuning']

    def threads(self):
        """Name to number; vhost's as vhost0, vhost1."""
        found, vhost = {}, 0
        for task in sorted(os.listdir(f'/proc/{self.pid}/task'), key=int):
            name = read_text(f'/proc/{self.pid}/task/{task}/comm')
            if name.startswith('vhost-'):
                name, vhost = f'vhost{vhost}', vhost + 1
            found.setdefault(re.sub('/KVM$', '', name), int(task))
        return found | {'emulator': self.pid}

    def allowed(self, task, kind):
        return re.search(rf'^{kind}_allowed_list:\s*(\S+)', read_text(f'/proc/{self.pid}/task/{task}/status'), re.M)[1]

    def group(self, task):
        """A thread's control group, as a folder."""
        return GROUPS + read_text(f'/proc/{self.pid}/task/{task}/cgroup').removeprefix('0::')

    def nodes_of_memory(self):
        """Pages of all mappings that have a policy, by node; of what size."""
        nodes, sizes = {}, set()
        for line in read_text(f'/proc/{self.pid}/numa_maps').splitlines():
            if ' bind:' in line:
                for node, n in re.findall(r' N(\d+)=(\d+)', line):
                    nodes[node] = nodes.get(node, 0) + int(n)
                    sizes.add(re.search(r'kernelpagesize_kB=(\d+)', line)[1])
        return nodes, sizes

    def open_files(self, leads_to):
        top = f'/proc/{self.pid}/fd'
        return sum(os.readlink(f'{top}/{f}') == leads_to for f in os.listdir(top))

    def differences(self):
        r = vm('show', self.name, '--check', '--json', status=None)
        shown = json.loads(r.stdout)
        return shown['differences'] if r.returncode in (0, 5) else [{'what': r.stdout}]


def start(file, name):
    r = launch(file)
    if not must(r.returncode == 0, f'guest {name} is launched', r.stderr + r.stdout):
        say(read_text(f'{STATE}/{name}/supervisor.log'))
        return None
    g = Guest(name)
    must(g.status['accelerator'] == 'kvm', f'{name} has KVM', g.status['accelerator'])
    found = g.differences()
    must(not found, f'check finds {name} as it was asked for', found)
    return g


def try_placement(a, b):
    """What check says is not taken for it: the kernel is asked once more."""
    mine, node = a.threads(), {'a': '1', 'b': b.wanted['cells'][0]}
    cpus = {'CPU 0': '5', 'CPU 1': '6', 'IO iothread1': '4', 'emulator': '7', 'vhost0': '7', 'vhost1': '7'}
    found = {name: a.allowed(mine[name], 'Cpus') for name in cpus if name in mine}
    must(found == cpus, 'each thread of a has its processors', found)
    for g in (a, b):
        nodes, _ = g.nodes_of_memory()
        mems = {name: g.allowed(task, 'Mems') for name, task in g.threads().items() if name.startswith('CPU ')}
        must(set(nodes) == {node[g.name]} and set(mems.values()) == {node[g.name]}, f'memory and vCPUs of {g.name} are of node {node[g.name]} alone', (nodes, mems))
    nodes, sizes = a.nodes_of_memory()
    must(sizes == {'2048'} and sum(nodes.values()) == 128, 'a\'s memory is 128 huge pages', (nodes, sizes))
    must(read_text(f'{PAGES}/free_hugepages') == '4', 'which the node has less', read_text(f'{PAGES}/free_hugepages'))
    must(a.open_files('/dev/vhost-net') == 2, 'a has vhost for each queue', a.open_files('/dev/vhost-net'))
    must(not {'5', '6'} & set(b.wanted['vcpus']), 'no vCPU of b has a processor of a\'s vCPUs', b.wanted)


def try_inside(g):
    """By the guest's own words, once it is there."""
    log = f'{STATE}/{g.name}/console.log'
    wait_until(f'guest {g.name} says what it sees', lambda: 'inside: all said' in read_text(log), BOOT)
    found = dict(re.findall(r'inside: ([a-z ]+) (\S+)\s*$', read_text(log), re.M))
    wanted = {'clock': 'kvm-clock', 'processors': '0-1', 'nodes': '0', 'queues of the disk': '2', 'queues of the card': '2'}
    must(all(found.get(k) == v for k, v in wanted.items()), f'{g.name} runs on KVM, with the queues that it was given', found)
    wait_until(f'{g.name} walks through its memory', lambda: 'inside: pass 16' in read_text(log), BOOT)
    must(not re.search(r'page \d+ has', read_text(log)), f'{g.name} finds there what it wrote', read_text(log)[-300:])


# --- what somebody else turns ---

class Turned:
    """Files of the kernel's that are as before afterwards, and a thread's processors."""
    def __init__(self, g, **threads):
        self.g, self.tasks, self.before, self.cpus = g, threads, [], []

    def __enter__(self):
        return self

    def write(self, path, value):
        self.before.append((path, read_text(path)))
        put(path, value)

    def move(self, task, folder):
        self.before.append((f'{self.g.group(task)}/cgroup.threads', str(task)))
        put(f'{folder}/cgroup.threads', str(task))

    def move_all(self, folder):
        """The whole process. Back first as a whole, then each thread."""
        top = os.path.dirname(self.g.group(self.g.pid))
        for task in os.listdir(f'/proc/{self.g.pid}/task'):
            self.before.append((f'{self.g.group(task)}/cgroup.threads', task))
        self.before.append((f'{top}/cgroup.procs', str(self.g.pid)))
        put(f'{folder}/cgroup.procs', str(self.g.pid))

    def free(self, task):
        """Where a control group holds it, there, too."""
        self.cpus.append((task, os.sched_getaffinity(task)))
        self.write(f'{self.g.group(task)}/cpuset.cpus', ALL)
        os.sched_setaffinity(task, range(8))

    def __exit__(self, *_):
        for path, value in reversed(self.before):
            put(path, value)
        for task, cpus in self.cpus:
            os.sched_setaffinity(task, cpus)


def named(g, how, *wanted):
    found = sorted(d['what'] for d in g.differences())
    must(found == sorted(wanted), f'{g.name}, {how}: check names {", ".join(wanted)}, and nothing else', found)


def back(g, how):
    found = g.differences()
    must(not found, f'{g.name}, {how}: and back', found)


def try_threads(a):
    tasks = a.threads()
    vhost = read_text(f'/proc/{a.pid}/task/{tasks["vhost0"]}/comm')
    for name, what in (('CPU 0', 'vCPU 0'), ('CPU 1', 'vCPU 1'), ('IO iothread1', 'IO iothread1'), ('emulator', 'emulator'), ('vhost1', vhost)):
        with Turned(a) as t:
            t.free(tasks[name])
            named(a, f'{what} unpinned', what)
    back(a, 'threads')


def try_groups(a):
    tasks = a.threads()
    own = a.group(tasks['CPU 0'])
    other = f'{os.path.dirname(own)}/other'
    os.mkdir(other)
    put(f'{other}/cgroup.type', 'threaded')
    with Turned(a) as t:
        t.move(tasks['CPU 0'], other)
        named(a, 'a vCPU in another group', 'vCPU 0, control group')
    with Turned(a) as t:
        t.move(tasks['IO iothread1'], a.group(tasks['emulator']))
        named(a, 'an I/O thread in the emulator\'s group, which has not its processor', 'IO iothread1', 'IO iothread1, control group')
    os.rmdir(other)
    back(a, 'groups')
    elsewhere = f'{GROUPS}/elsewhere'
    os.mkdir(elsewhere)
    with Turned(a) as t:
        t.move_all(elsewhere)
        # what a group of no limits does to the processors of threads is the kernel's to say
        what = sorted({d['what'] for d in a.differences() if 'control group' in d['what']})
        vhost = {f'{read_text(f"/proc/{a.pid}/task/{tasks[v]}/comm")}, control group' for v in ('vhost0', 'vhost1')}
        wanted = sorted({'emulator, control group', 'vCPU 0, control group', 'vCPU 1, control group', 'IO iothread1, control group'} | vhost)
        must(what == wanted, 'a, the whole process in another group: check names each of its threads', what)
    os.rmdir(elsewhere)
    back(a, 'the whole process')


def try_nodes(a, b):
    """The kernel takes the policy of the memory along: the first node of a group is its first node still. So with b's node 0 nothing becomes of it, and a's node 1
    becomes 0."""
    for g, name, what in ((a, 'CPU 1', ["vCPU 1, memory's nodes", "memory's nodes"]), (b, 'CPU 0', ["vCPU 0, memory's nodes"])):
        with Turned(g) as t:
            t.write(f'{g.group(g.threads()[name])}/cpuset.mems', NODES)
            named(g, 'nodes of a group made wider', *what)
        back(g, 'nodes')


def try_processor(a):
    """One that goes away while a vCPU has it."""
    with Turned(a) as t:
        t.write('/sys/devices/system/cpu/cpu5/online', '0')
        named(a, 'processor 5 offline', 'vCPU 0')
    back(a, 'processor 5')


def finish_guests():
    for name in ('a', 'b'):
        end_guest(name, '--forget')
    must(read_text(f'{PAGES}/free_hugepages') == '132', 'a\'s pages are free again', read_text(f'{PAGES}/free_hugepages'))


def main():
    make_host()
    files = make_guests()
    a, b = start(files[0], 'a'), start(files[1], 'b')
    if a and b:
        vm('pause', 'b')  # its firmware would take the time of a's
        try_placement(a, b)
        try_inside(a)
        must(a.open_files('anon_inode:[io_uring]') > 0, 'a has a ring, since it has written to its disk')
        must(not a.differences(), 'check misses none')
        try_threads(a)
        try_groups(a)
        try_nodes(a, b)
        try_processor(a)
        finish_guests()
    say(read_text('/proc/version'))
    finish()


main()
