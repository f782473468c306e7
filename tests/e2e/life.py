# SPDX-License-Identifier: Apache-2.0
"""A guest's life by our commands: paused, resumed, reset, ended, and what is refused in each state."""
import json
import os
import shutil
import socket

from cases import case, compare_values, in_the_middle
from env import free_port, run
from patience import patient, wait_until

HELLO = b'e2e-root: hello\n'


def ask(c, *args, status=0):
    r = run(*c.vm, *args, *c.more, '--json', check=False, env=c.environment)
    c.must(r.returncode == status, f'{args}: expected exit status {status}, found {r.returncode}: {r.stdout}{r.stderr}')
    return json.loads(r.stdout)


def refused(c, check, *args):
    error = ask(c, *args, status=3)['error']
    c.must(error['check'] == check, f'{args}: expected {check}, found {error}')


def shows(c, state):
    found = ask(c, 'show', 'g')
    c.must(found['state'] == state, f'expected to be shown as "{state}", found {found["state"]}')
    listed = [g['state'] for g in ask(c, 'list')['guests'] if g['name'] == 'g']
    c.must(listed == [state], f'expected to be listed as "{state}", found {listed}')
    return found


def says_nothing(connection):
    connection.settimeout(1)
    try:
        return connection.recv(64) == b''
    except TimeoutError:
        return True


def stands_and_goes_on(c, port):
    """While it is paused nobody answers on its port; what was asked meanwhile is answered when it goes on."""
    ask(c, 'pause', 'g')
    c.must(shows(c, 'paused')['paused_for'] == 'asked', 'expected to be told why it is paused')
    refused(c, 'state.paused', 'pause', 'g')
    with socket.create_connection(('127.0.0.1', port), patient(20)) as connection:
        c.must(says_nothing(connection), 'a paused guest answered')
        c.must(ask(c, 'resume', 'g')['state'] == 'unlocked', 'expected the guest to go on with its disk open')
        connection.settimeout(patient(60))
        c.must(connection.recv(64) == HELLO, 'the guest does not answer after it was resumed')
    shows(c, 'unlocked')
    refused(c, 'state.running', 'resume', 'g')


@case
def paused(c):
    """a guest is paused, resumed and, while it is paused, reset and destroyed; each wrong state has its name and changes nothing"""
    port = free_port()
    c.guest['nics'] = [{'type': 'user', 'forward': [{'port': port, 'to': 22}]}]
    c.prepare()
    c.launch()
    c.must_unlock()
    refused(c, 'state.busy', 'launch', c.file)
    stands_and_goes_on(c, port)
    ask(c, 'pause', 'g')
    r = run(*c.vm, 'ssh', 'g', check=False, env=c.environment)
    c.must(r.returncode == 3 and '[state.paused]' in r.stderr, f'expected state.paused, found {r.stderr}')
    c.must(ask(c, 'reset', 'g', '--wait')['state'] == 'unlocked', 'expected the guest to have its disk after a reset')
    ask(c, 'pause', 'g')
    ask(c, 'destroy', 'g')
    shows(c, 'stopped')
    c.must(not c.processes(), 'something of this guest still runs')
    for command in ('pause', 'resume'):
        refused(c, 'state.off', command, 'g')


def said_by(port):
    """Nothing, where nobody listens yet: QEMU takes the connection before it asks the guest."""
    with socket.create_connection(('127.0.0.1', port), patient(20)) as connection:
        connection.settimeout(patient(60))
        words = b''
        try:
            while not words.endswith(b'\n') and (more := connection.recv(256)):
                words += more
        except ConnectionResetError:
            pass
    return words


def has(c, port):
    """What the guest says that it has: {'vda': bytes, 'vdb': bytes, 'cpus': N, 'memory': KiB}. Its disk is open before its own program listens."""
    words = []
    wait_until(lambda: f'the guest said only {words[-1:]}', lambda: words.append(said_by(port)) or words[-1].endswith(b'\n'), 60, 0.2)
    words = words[-1].decode().split()
    return dict(zip(words[::2], map(int, words[1::2])))


@case
def resized(c):
    """what a guest may take is changed while it runs, all of it or nothing, and stays over a reset"""
    port = free_port()
    c.guest['nics'] = [{'type': 'user', 'forward': [{'port': port, 'to': 23}]}]
    with open(c.path('data.img'), 'wb') as f:
        f.truncate(16 << 20)
    c.guest['disks'].append({'id': 'data', 'path': c.path('data.img'), 'encrypted': False})
    c.prepare()
    ask(c, 'host', 'budget', '--reserve', '1024TiB')
    refused(c, 'host.budget.memory', 'launch', c.file)
    ask(c, 'host', 'budget', '--reserve', '0')
    c.launch()
    c.must_unlock()
    before = ask(c, 'show', 'g')['limits']
    c.must(not before['disks'], f'expected no limits, found {before}')
    changes = ['--disk-rate', 'data=20MiB', '--disk-iops', 'root=500', '--disk-iops', 'data=900']
    want = [{'id': 'root', 'iops': 500}, {'id': 'data', 'rate': 20 << 20, 'iops': 900}]
    if 'cpu_shares' in before:
        changes += ['--cpu-shares', '512', '--cpu-quota', '70']
    else:
        refused(c, 'resize.cgroup', 'resize', 'g', '--disk-iops', 'root=7', '--cpu-quota', '70')
    now = ask(c, 'resize', 'g', *changes)['limits']
    c.must(now['disks'] == want and now.get('cpu_quota', 70) == 70 and now.get('cpu_shares', 512) == 512, f'expected {changes}, found {now}')
    ask(c, 'reset', 'g', '--wait')
    c.must(ask(c, 'show', 'g')['limits'] == now, f'expected the limits to stay over a reset, found {ask(c, "show", "g")["limits"]}')
    # libvirt itself refuses the second: the first is taken back
    error = ask(c, 'resize', 'g', '--disk-rate', 'root=3MiB', '--disk-rate', 'data=4611686018427387904', status=3)['error']
    c.must(error['check'] == 'resize.disk-limit' and ask(c, 'show', 'g')['limits'] == now, f'expected nothing to change, found {error}')
    none = ask(c, 'resize', 'g', '--disk-iops', 'root=none', '--disk-rate', 'data=none', '--disk-iops', 'data=none')['limits']
    c.must(none['disks'] == [], f'expected no limits of disks, found {none}')
    # a disk grows, once more after a command that was killed before QEMU told the guest, and never shrinks
    c.must(has(c, port)['vdb'] == 16 << 20, 'expected the disk to have its size')
    grown = ask(c, 'resize', 'g', '--disk', 'data=24MiB')['disk']
    c.must('virtio-data' in grown['inside'] and has(c, port)['vdb'] == 24 << 20, f'expected the guest to see the larger disk, found {has(c, port)}')
    os.truncate(c.path('data.img'), 32 << 20)
    for size in ('32MiB', '32MiB', '40MiB'):
        ask(c, 'resize', 'g', '--disk', f'data={size}')
    c.must(has(c, port)['vdb'] == os.stat(c.path('data.img')).st_size == 40 << 20, f'expected the guest to see the larger disk, found {has(c, port)}')
    error = ask(c, 'resize', 'g', '--disk', 'data=39MiB', '--disk-iops', 'data=5', status=2)['error']
    c.must(error['check'] == 'resize.smaller' and not ask(c, 'show', 'g')['limits']['disks'], f'expected nothing to change, found {error}')
    before = has(c, port)['vda']
    c.must('reboot g' in ask(c, 'resize', 'g', '--disk', 'root=96MiB')['disk']['inside'], 'expected to be told to reboot')
    c.must(before < has(c, port)['vda'] == 96 << 20, f'expected the root disk to grow, found {has(c, port)}')


@case
def resized_cold(c):
    """other vCPUs and memory: shown before with what they measure, the policy first, then one restart, in which the guest gets its key"""
    port = free_port()
    c.guest['nics'] = [{'type': 'user', 'forward': [{'port': port, 'to': 23}]}]
    c.prepare()
    size = ['--vcpus', '2', '--memory', '640MiB', '--timeout', '1', '--force']
    c.must(ask(c, 'resize', 'g', *size, status=2)['error']['check'] == 'resize.undefined', 'expected to be told to define it')
    ask(c, 'define', c.file)
    c.launch('g')
    c.must_unlock()
    shown = ask(c, 'resize', 'g', *size, '--dry-run')
    pcr0 = [shown[k]['measurements']['sha256']['0'] for k in ('before', 'after')]
    c.must(pcr0[0] != pcr0[1] and has(c, port)['cpus'] == 1, f'expected another PCR 0 to be shown and the guest to be as it was, found {shown}')
    c.must(ask(c, 'resize', 'g', '--vcpus', '1', status=2)['error']['check'] == 'resize.same', 'expected no change to be refused')
    now = ask(c, 'resize', 'g', *size, *c.broker.admin())
    c.must(now['retired'] == 1 and now['state'] == 'unlocked', f'expected the guest to have its key, the old state to be retired, found {now}')
    c.must(has(c, port)['cpus'] == 2 and has(c, port)['memory'] > 520000, f'expected the guest to have them, found {has(c, port)}')
    kept = ask(c, 'show', 'g')
    c.must((kept['vcpus'], kept['memory']) == (2, 640 << 20), f'expected to be shown as it is, found {kept}')
    c.must(ask(c, 'resize', 'g', '--vcpus', '1', '--disk-iops', 'root=5', status=2)['error']['check'] == 'resize.apart', 'expected two commands')
    c.guest['cmdline'] += ' quiet'
    ask(c, 'define', '--replace', c.write_guest())
    c.must(ask(c, 'resize', 'g', '--vcpus', '4', status=2)['error']['check'] == 'resize.changed', 'expected no other change to come along')


def grow(c):
    """A guest that can have more, whose kernel has what that takes."""
    c.root = c.path('root')
    shutil.copytree(c.env.root, c.root)
    os.makedirs(os.path.join(c.root, 'modules'))
    for module in ('virtio_balloon', 'virtio_mem'):
        shutil.copy(os.path.join(c.env.kernel_dir, 'modules/kernel/drivers/virtio', module + '.ko'), os.path.join(c.root, 'modules'))
    c.guest.update(vcpus_max=3, memory_max='1GiB')


def until(c, port, what, holds):
    """The guest takes and gives back in its own time."""
    wait_until(lambda: f'expected {what}, found {has(c, port)}', lambda: holds(has(c, port)), 60)


@case
def grown_alone(c):
    """a guest without a broker, whose agent nobody hears, has its vCPUs again after a reset"""
    c.guest.update(vcpus_max=3, disks=[])
    c.file = c.write_guest()
    ask(c, 'host', 'budget', '--reserve', '0')
    run(*c.vm, 'launch', c.file, env=c.environment)
    ask(c, 'resize', 'g', '--vcpus', '2')
    ask(c, 'reset', 'g')
    shown = ask(c, 'show', 'g')
    c.must((shown['vcpus_now'], shown['vcpus_wanted'], shown['vcpus']) == (2, 2, 1), f'expected two vCPUs, found {shown}')


@case
def grown(c):
    """vCPUs and memory are plugged in and out while a guest runs, which measures as predicted; its balloon tells of its memory; both outlive a reboot"""
    port = free_port()
    c.guest['nics'] = [{'type': 'user', 'forward': [{'port': port, 'to': 23}]}]
    grow(c)
    in_the_middle(c)
    before = json.loads(run(c.env.vm, 'measure', c.file, '--json', env=c.environment).stdout)
    ask(c, 'host', 'budget', '--reserve', '0')
    c.launch()
    c.must_unlock()
    compare_values(c, before['measurements'], c.mitm.evidence())
    small = has(c, port)
    for wrong in (['--vcpus', '4'], ['--memory', '2GiB'], ['--memory', '513MiB'], ['--vcpus', '2', '--memory', '256MiB']):
        error = ask(c, 'resize', 'g', *wrong, '--online', status=2)['error']
        c.must(error['check'] == 'resize.range', f'{wrong}: expected resize.range, found {error}')
    # what the host does not have is refused, and nothing of the rest happens
    room = ask(c, 'host', 'budget')['memory']
    ask(c, 'host', 'budget', '--reserve', str(room['total'] - room['taken'] - (64 << 20)))
    refused(c, 'host.budget.memory', 'resize', 'g', '--vcpus', '2', '--memory', '768MiB')
    c.must(has(c, port)['cpus'] == 1, 'expected nothing to change')
    ask(c, 'host', 'budget', '--reserve', '0')
    size = ask(c, 'resize', 'g', '--vcpus', '3', '--memory', '1GiB', '--disk-iops', 'root=500')['size']
    c.must((size['vcpus'], size['vcpus_now'], size['memory_wanted']) == (1, 3, 1 << 30), f'expected to be told what it has, found {size}')
    until(c, port, 'three CPUs and 480 MiB more', lambda has: has['cpus'] == 3 and has['memory'] > small['memory'] + (480 << 10))
    row = ask(c, 'host', 'budget')['guests'][0]
    c.must((row['memory'], row['vcpus']) == (1 << 30, 3), f'expected the budget to have it all, found {row}')
    use = ask(c, 'show', 'g')['memory_use']
    c.must(use['total'] > 256 << 20 and 0 < use['available'] <= use['total'] and use['minor_faults'] > 0, f'expected what it makes of its memory, found {use}')
    ask(c, 'pause', 'g')
    ask(c, 'resume', 'g')
    ask(c, 'reset', 'g', '--wait')
    compare_values(c, before['measurements'], c.mitm.evidence())
    until(c, port, 'to have it after a reset', lambda has: has['cpus'] == 3 and has['memory'] > small['memory'] + (480 << 10))
    ask(c, 'resize', 'g', '--vcpus', '1', '--memory', '512MiB')
    until(c, port, 'what it booted with', lambda has: has['cpus'] == 1 and has['memory'] == small['memory'])

    def counted():
        row = ask(c, 'host', 'budget')['guests'][0]
        return row['memory'], row['vcpus']
    wait_until(lambda: f'expected the budget to have what is left, found {counted()}', lambda: counted() == (512 << 20, 1), 60)
