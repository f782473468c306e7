# SPDX-License-Identifier: Apache-2.0
"""What a guest file wishes of its host is read back from the kernel, not from the definition: CPUs of each thread, memory, queues."""
import json
import os

from cases import case
from env import run

CPUS = sorted(os.sched_getaffinity(0))


def threads_of(pid):
    found = {}
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/comm', encoding='utf-8') as f:
            found.setdefault(f.read().strip(), []).append((int(task), sorted(os.sched_getaffinity(int(task)))))
    return found


def arguments_of(pid):
    with open(f'/proc/{pid}/cmdline', 'rb') as f:
        words = f.read().decode().split('\0')
    return [json.loads(w) for w in words if w.startswith('{')]


def move(task, cpus):
    """As root would, behind libvirt's back: where a control group holds the thread, there."""
    with open(f'/proc/{task}/cgroup', encoding='utf-8') as f:
        groups = dict(line.strip().split(':', 2)[1:] for line in f)
    folder = '/sys/fs/cgroup/cpuset' + groups['cpuset'] if 'cpuset' in groups else '/sys/fs/cgroup' + groups.get('', '')
    if folder.endswith('iothread1'):
        with open(f'{folder}/cpuset.cpus', 'w', encoding='utf-8') as f:
            f.write(','.join(map(str, cpus)))
    os.sched_setaffinity(task, cpus)


@case
def tuned(c):
    """a guest with its own CPUs, an I/O thread and two queues has them, as /proc says"""
    first, last = CPUS[0], CPUS[-1]
    c.guest |= {'vcpus': 2, 'tuning': {'numa': {'cells': 2, 'mode': 'strict', 'nodes': ['0', '0']}, 'memory': {'shared': True},
                                       'cpus': {'pin': [str(first), str(last)], 'emulator': str(last), 'iothreads': [str(first)]}}}
    c.guest['disks'][0]['tuning'] = {'queues': 2, 'iothread': 1, 'io': 'threads', 'cache': 'writeback', 'sector': 512, 'physical_sector': 4096}
    c.prepare()
    c.launch()
    c.must_unlock()
    shown = json.loads(run(*c.vm, 'show', 'g', '--json', env=c.environment).stdout)
    pid = shown['qemu_pid']
    c.must(shown['disk_requests'][0] > 0, f'expected requests of a disk that is open, found {shown["disk_requests"]}')
    found = threads_of(pid)
    for name, cpus in (('CPU 0/TCG', [first]), ('CPU 1/TCG', [last]), ('IO iothread1', [first])):
        name = name if name in found else name.replace('TCG', 'KVM')
        c.must([t[1] for t in found.get(name, [])] == [cpus], f'expected {name} on {cpus}, found {found}')
    disk = [a for a in arguments_of(pid) if a.get('driver') == 'virtio-blk-pci'][0]
    c.must(disk['num-queues'] == 2 and disk['iothread'] == 'iothread1', f'expected two queues and an I/O thread, found {disk}')
    c.must(json.loads(run(*c.vm, 'show', 'g', '--check', '--json', env=c.environment).stdout)['differences'] == [], 'expected nothing to differ')
    if first != last:  # with one CPU there is nowhere to move to
        moved = found['IO iothread1'][0][0]
        move(moved, CPUS)
        r = run(*c.vm, 'show', 'g', '--check', '--json', check=False, env=c.environment)
        said = json.loads(r.stdout)
        c.must(r.returncode == 5 and said['error']['check'] == 'tuning.differs' and 'IO iothread1' in said['error']['message'],
               f'expected the thread that was moved to be named, found {said}')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    r = run(*c.vm, 'show', 'g', '--check', '--json', check=False, env=c.environment)
    c.must(r.returncode == 3 and '"tuning.off"' in r.stdout, f'expected tuning.off of a guest that has ended, found {r.stdout}')
