# SPDX-License-Identifier: Apache-2.0
"""Guests as resources of a cluster (cluster.py), by ocf:secure-vm:guest."""
import json
import os
import random
import shutil
import signal
import subprocess
import time

import disks
from cluster import CIB, make_primitive
from guests import Guest, enter
from hosts import call
from patience import Failed, wait_until
from env import run

AGENT = '/usr/lib/ocf/resource.d/secure-vm/guest'
SUCCESS, GENERIC, CONFIGURED, PERM, INSTALLED, OFF = 0, 1, 6, 4, 5, 7
RESOURCE = 'default/g/root'


class Resource(Guest):
    """A guest of the hosts' own supervisors, its disk a btrfs on tags, of which the broker knows who has it. The hosts share its files."""

    def __init__(self, e, hosts, name):
        super().__init__(e, hosts, name)
        self.more = []
        self.hosts.all[0].run('true')  # fails here rather than later when a case before left it off

    def make_authorities(self):
        roots = []
        for h in self.hosts.all:
            roots.append(self.path(f'{h.name}.pem'))
            h.run(self.env.vm, 'host', 'vtpm-ca', '--export', roots[-1])
        return roots

    def prepare(self, behind=False):
        self.make_broker()
        self.guest['attestation']['lease'] = 120
        disks.make_initrd(self)
        tree = self.path('tree')
        shutil.copytree(self.env.root, tree)
        disks.add_program(self.env.agent, tree, 'usr/bin')
        run(*self.vm, 'image', 'encrypt', '--from', tree, '--out', self.path('root.img'), '--integrity', '--resource', RESOURCE, '--filesystem', 'btrfs',
            '--size', '112MiB', *self.broker.admin(), env=self.environment)
        self.guest['cmdline'] += ' securevm.root=btrfs'
        self.file = self.write_guest()
        self.put_policy(self.file)

    # --- by hand ---

    def act(self, action, host=None, interval=10000, timeout=40000, **parameters):
        """An action of the agent's at a host, as Pacemaker asks for it: (its exit status, what it said)."""
        given = {'name': 'g', 'config': self.file, 'binary': self.env.vm, 'unlock_timeout': 60, **parameters}
        words = [f'OCF_RESKEY_{k}={v}' for k, v in given.items() if v is not None]
        r = subprocess.run([*enter(host or self.host), 'env', 'OCF_ROOT=/usr/lib/ocf', 'OCF_RESOURCE_INSTANCE=g', f'OCF_RESKEY_CRM_meta_interval={interval}',
                            f'OCF_RESKEY_CRM_meta_timeout={timeout}', 'HA_LOGFACILITY=none', *words, AGENT, action], capture_output=True, text=True, check=False)
        return r.returncode, r.stdout + r.stderr

    def must_act(self, expected, action, host=None, **kw):
        status, said = self.act(action, host, **kw)
        self.must(status == expected, f'{action}: expected {expected} of the agent, found {status}: {said[-600:]}')
        return said

    def running(self, host=None):
        return [p for p in (host or self.host).processes().values() if 'qemu-system' in p and 'guest=g,' in p]

    def end(self, keep=False):
        for h in self.hosts.all:
            if h.pid:
                self.secure_vm('destroy', 'g', '--forget', check=False, host=h)
        if hasattr(self, 'broker'):
            self.broker.stop()


def test_agent(c):
    """by ocf-tester, and what it does not ask: files that are missing, a wrong file, a guest that stands"""
    c.prepare()
    r = subprocess.run([*enter(c.host), 'ocf-tester', '-n', 'g', '-o', 'name=g', '-o', f'config={c.file}', '-o', f'binary={c.env.vm}', '-o', 'unlock_timeout=0', AGENT],
                       capture_output=True, text=True, check=False)
    c.must(r.returncode == 0 and 'passed all tests' in r.stdout, f'ocf-tester: {r.stdout[-900:]} {r.stderr[-300:]}')
    c.must(not c.running(), 'expected nothing to run after ocf-tester')
    # a start has the disk, or the reason
    c.must_act(SUCCESS, 'start')
    wait_until('the disk was not opened', lambda: c.released()[1] >= 1)
    c.must_act(SUCCESS, 'monitor')
    c.must_act(SUCCESS, 'start')
    # a person's pause is no failure
    c.secure_vm('pause', 'g')
    c.must_act(SUCCESS, 'monitor')
    # what keeps it is gone with its words: the process is what counts
    c.must_act(SUCCESS, 'monitor', binary='/bin/false')
    c.must_act(INSTALLED, 'monitor', binary='/nowhere')
    c.must_act(OFF, 'monitor', binary='/nowhere', name='.')
    os.rename(c.file, c.file + '.away')
    c.must_act(SUCCESS, 'monitor')
    c.must_act(SUCCESS, 'stop')
    c.must(not c.running(), 'a guest whose file is missing was not stopped')
    c.must_act(SUCCESS, 'stop')
    c.must_act(OFF, 'monitor')
    c.must_act(OFF, 'monitor', interval=0)
    c.must('guest.file' in c.must_act(INSTALLED, 'start'), 'expected the missing file to be named')
    c.must_act(INSTALLED, 'validate-all')
    os.rename(c.file + '.away', c.file)
    # parameters
    c.must_act(CONFIGURED, 'validate-all', name='a guest')
    c.must_act(CONFIGURED, 'validate-all', name='')
    c.must_act(CONFIGURED, 'validate-all', config='g.json')
    c.must_act(CONFIGURED, 'monitor', unlock_timeout='soon')
    c.must('ha.file.name' in c.must_act(INSTALLED, 'validate-all', name='other'), 'expected another guest\'s file to be named')
    c.must_act(INSTALLED, 'validate-all', binary='/nowhere')
    c.must_act(OFF, 'monitor', binary='/nowhere')
    c.must_act(SUCCESS, 'stop', binary='/nowhere')
    c.must_act(3, 'promote')
    c.must_act(3, 'migrate_to')


def test_refused(c):
    """a guest whose key is refused is an error of its own when it starts, as well as later; what is left of that is none at a probe"""
    c.prepare()
    end_lease(c, must=False)
    c.put_policy(c.write_guest('other.json', cmdline='console=ttyS0 another', disks=c.guest['disks']))
    said = c.must_act(PERM, 'start')
    c.must('policy.' in said, f'expected the reason of the refusal, found {said[-300:]}')
    said = c.must_act(PERM, 'monitor')
    c.must('was refused its key' in said and 'policy.' in said, f'expected the refusal to be told, found {said[-300:]}')
    wait_until('the refused guest does not go off', lambda: not c.running())
    c.must_act(PERM, 'monitor')
    c.must_act(OFF, 'monitor', interval=0)
    c.must_act(SUCCESS, 'stop')


def end_lease(c, must=True):
    """The administrator's word that who has the disk is gone; without `must` nobody may have it."""
    r = run(*c.vm, 'key', 'end-lease', RESOURCE, *c.broker.admin(), env=c.environment, check=False)
    c.must(r.returncode == 0 or not must and '[disk.lease]' in r.stderr, f'key end-lease ended with {r.returncode}: {r.stderr}')


# --- in a cluster ---

def start_in_cluster(c, first, options=CIB):
    """Configured, and its disk open at `first`."""
    given = {'name': 'g', 'config': c.file, 'binary': c.env.vm, 'unlock_timeout': 0}
    times = {'monitor': '60s', 'start': '240s', 'stop': '26s'}
    c.hosts.configure(
        make_primitive('g', 'secure-vm', 'guest', given, times, {'migration-threshold': 3, 'resource-stickiness': 100}),  # it stays where it went
        f'<rsc_location id="g-first" rsc="g" node="{first.hostname}" score="10"/>', options)
    wait_until(lambda: f'the cluster does not start the guest: {c.hosts.any().ask("crm_mon", "-1")}', lambda: c.hosts.where('g') == [first.name])
    wait_until(lambda: f'the guest does not get its disk: {c.broker.audit()[-2:]}', lambda: reports(c), 240)


def stop_in_cluster(c):
    c.hosts.configure('')
    wait_until('the guest is not stopped', lambda: not c.hosts.where('g') and not any(c.running(h) for h in c.hosts.all if h.pid), 120)


def reports(c):
    """What guests said of the disk, and the broker took: (who, which state)."""
    return [(r['instance'], r['state']) for r in c.broker.audit() if r['action'] == 'disk' and r.get('instance') and r.get('outcome') == 'confirmed']


def count_double_opens(c):
    """How many instances were heard of the disk, taken or refused, after another one had got it: each of them had it open still, and wrote."""
    gone, holder, doubles = set(), None, set()
    for r in c.broker.audit():
        who = r.get('instance')
        if r['action'] != 'disk' or not who:
            continue
        if who in gone:
            doubles.add(who)
        elif r.get('outcome') == 'confirmed' and who != holder:
            gone.add(holder)
            holder = who
    return len(doubles)


def qemu_since(host):
    """When its virtual CPUs began to run, by the clock of this machine; None before that."""
    path = host.path('lib/secure-vm/g/status.json')
    try:
        with open(path, encoding='utf-8') as f:
            return os.stat(path).st_mtime if json.load(f)['state'] in ('running', 'unlocked') else None
    except (OSError, ValueError, KeyError):
        return None


def elsewhere(c, first):
    return next((h for h in c.hosts.all if h is not first and h.pid and c.running(h) and qemu_since(h)), None)


def cut(c, first):
    """The power of the host that has the guest is cut; (where it runs then, seconds to the fencing, seconds to its first instruction there)."""
    for h in c.hosts.all:
        if h is not first and h.pid:
            shutil.rmtree(h.path('lib/secure-vm/g'), ignore_errors=True)
    begin, fenced = time.monotonic(), len(c.hosts.power.cuts(first.name))
    first.off()
    host = wait_until(lambda: f'the guest does not run elsewhere: {c.hosts.any().ask("crm_mon", "-1")}', lambda: elsewhere(c, first), 120)
    runs = time.monotonic() - begin
    cuts = c.hosts.power.cuts(first.name)
    c.must(len(cuts) > fenced, 'the guest runs elsewhere, and nobody had its host fenced')
    c.must(cuts[fenced] < begin + runs, 'the guest ran before its host was fenced')
    return host, cuts[fenced] - begin, runs


def refusals(c):
    """Of a second instance: the first has the disk, or this copy of it is older than what the first has reported since."""
    return [r for r in c.broker.audit() if r.get('check') in ('disk.in-use', 'disk.rollback')]


def power_cut(c):
    """the host's power is cut: it is fenced, the guest runs at another; the broker keeps that off the disk while the dead one has its lease, and lets it in on the administrator's word"""
    c.prepare()
    first = c.hosts.a
    start_in_cluster(c, first)
    dead = reports(c)[-1][0]
    c.host, fenced, runs = cut(c, first)
    wait_until('the broker does not refuse the second instance', lambda: refusals(c), 240)
    c.must({who for who, _ in reports(c)} == {dead}, 'a second instance got the disk while the first has its lease')
    end_lease(c)
    wait_until(lambda: f'the guest does not get its disk: {c.broker.audit()[-3:]}', lambda: reports(c)[-1][0] != dead, 120)
    c.must_answer()
    c.must(count_double_opens(c) == 0, 'two instances had the disk')
    print(f'    {c.name}: fenced {fenced:.1f} s after the cut, runs at {c.host.name} after {runs:.1f} s, {runs - fenced:.1f} s after the fencing', flush=True)
    first.on()
    wait_until('the host does not come back into the cluster', c.hosts.is_up, 120)
    stop_in_cluster(c)


# --- split brain ---

class Storage:
    """The guest's disk at each host, as storage that is replicated has it: a copy, which is brought up to date when a host is fenced, also when the fencing lies."""

    def __init__(self, c):
        self.c, self.path = c, 'lib/libvirt/images/root.img'
        self.copy(c.path('root.img'), c.hosts.all)
        c.guest['disks'] = [{'path': f'/var/{self.path}'}]
        c.file = c.write_guest()
        c.hosts.power.after = self.replicate

    def copy(self, source, hosts):
        for h in hosts:
            call('cp', '--sparse=always', source, h.path(self.path))

    def replicate(self, host):
        """As it is at one moment, to all others."""
        pids = [p for p, line in host.processes().items() if 'qemu-system' in line and 'guest=g,' in line]
        for p in pids:
            os.kill(p, signal.SIGSTOP)
        self.copy(host.path(self.path), [h for h in self.c.hosts.all if h is not host and not (h.pid and self.c.running(h))])
        for p in pids:
            os.kill(p, signal.SIGCONT)

    def end(self):
        self.c.hosts.power.after = None


FREEZE = CIB.replace('value="stop"', 'value="freeze"')  # a host without the others keeps what it has


def split_once(c, storage, first, lie):
    """The cluster loses its host while guest and host live on; with `lie` its fencing says that it is off, and it is not. Seconds until that was said, and to
    the first instruction elsewhere."""
    before, holder = len(refusals(c)), reports(c)[-1][0]
    if lie:
        c.hosts.power.lie.add(first)
    begin, fenced = time.monotonic(), len(c.hosts.power.cuts(first.name))
    c.hosts.unplug(first)
    wait_until(lambda: f'the guest does not run elsewhere: {c.hosts.others(first)[0].ask("crm_mon", "-1")}', lambda: elsewhere(c, first), 120)
    runs, cuts = time.monotonic() - begin, c.hosts.power.cuts(first.name)
    c.must(len(cuts) > fenced, 'the guest runs elsewhere, and nobody asked to have its host fenced')
    c.must(bool(c.running(first) if first.pid else []) == lie, f'expected {first.name} to be off: {not lie}')
    wait_until(lambda: f'the broker does not refuse the second instance: {c.broker.audit()[-3:]}', lambda: len(refusals(c)) > before, 240)
    if lie:
        taken = len(reports(c))
        wait_until('the first instance is not heard any more', lambda: reports(c)[taken:], 60)
        c.must({who for who, _ in reports(c)[taken:]} == {holder}, 'a second instance got the disk while the first one runs')
        c.must(c.running(first), 'expected the first one to run on')
        c.hosts.power.lie.clear()
        first.off()
        storage.replicate(first)
    return cuts[fenced] - begin, runs


def back_on(c, host, holder):
    """The lost host is known to be off: the next one gets the disk, and it comes back. Who was refused for good meanwhile is asked to start again. (Where the
    guest runs then, when its disk was open)."""
    c.host = c.hosts.any()
    end_lease(c, must=False)
    c.hosts.any().ask('crm_resource', '--cleanup', '--resource', 'g')
    wait_until(lambda: f'the guest does not get its disk: {c.broker.audit()[-3:]} {c.hosts.any().ask("crm_mon", "-1")}', lambda: reports(c)[-1][0] != holder, 240)
    opened = time.monotonic()
    host.on()
    wait_until('the host does not come back into the cluster', c.hosts.is_up, 120)
    return c.hosts.named(wait_until('the cluster does not say where the guest runs', lambda: c.hosts.where('g'), 240)[0]), opened


def split_brain(c):
    """the cluster loses a host that lives on, and a fence device says that it is off: two guests run, and the broker gives the disk to one"""
    c.prepare()
    storage = Storage(c)
    try:
        first = c.hosts.a
        start_in_cluster(c, first, FREEZE)
        holder = reports(c)[-1][0]
        split_once(c, storage, first, True)
        c.host, _ = back_on(c, first, holder)
        c.must_answer()
        c.must(count_double_opens(c) == 0, 'two instances had the disk')
        stop_in_cluster(c)
    finally:
        storage.end()


ROUNDS = {'cut': lambda c, storage, first: cut(c, first)[1:], 'split': lambda c, storage, first: split_once(c, storage, first, False),
          'lie': lambda c, storage, first: split_once(c, storage, first, True)}


def say_seconds(c, what, seconds):
    """The least, the median and the most."""
    s = sorted(seconds)
    print(f'    {c.name}: {what}: {s[0]:.1f}, {s[len(s) // 2]:.1f}, {s[-1]:.1f} s ({len(s)})', flush=True)


def power_cuts(c):
    """many times in a row, at any moment: a host's power is cut, or the cluster loses it and fences it, or believes so; the disk is never opened twice"""
    rounds = int(os.environ.get('SV_HA_CUTS') or 100)
    seed = int(os.environ.get('SV_HA_SEED') or random.randrange(1 << 32))
    moments = random.Random(seed)
    print(f'    {c.name}: SV_HA_SEED={seed}', flush=True)
    c.prepare()
    storage = Storage(c)
    seconds = {kind: [] for kind in ROUNDS}
    try:
        first = c.hosts.a
        start_in_cluster(c, first, FREEZE)
        for i in range(rounds):
            time.sleep(moments.uniform(0, 4))  # at any moment; nothing is judged by it
            begin, holder, kind = time.monotonic(), reports(c)[-1][0], 'lie' if i % 10 == 9 else list(ROUNDS)[i % 2]
            fenced, runs = ROUNDS[kind](c, storage, first)
            seconds[kind].append((fenced, runs))
            second, opened = back_on(c, first, holder)
            c.must(count_double_opens(c) == 0, f'round {i}, {kind}: two instances had the disk')
            print(f'    {c.name}: {i + 1}, {kind} at {first.name}: fenced after {fenced:.1f} s, first instruction elsewhere after {runs:.1f} s, '
                  f'disk open after {opened - begin:.1f} s, host back after {time.monotonic() - begin:.1f} s', flush=True)
            first = second
        print(f'    {c.name}: {rounds} rounds, {count_double_opens(c)} double opens, {len(refusals(c))} refusals by the lease', flush=True)
        for kind, rows in seconds.items():
            if rows:
                say_seconds(c, f'{kind}, until its host is fenced', [f for f, _ in rows])
                say_seconds(c, f'{kind}, from there to the first instruction elsewhere', [r - f for f, r in rows])
        stop_in_cluster(c)
    finally:
        storage.end()


def planned(c):
    """what "ha plan" configures, with the fence devices filled in, is taken by a cluster as it is: the guest starts where it shall, and no finding of Pacemaker's own"""
    c.prepare()
    words = ','.join(f'{h.hostname}=4GiB' for h in c.hosts.all)
    plan = json.loads(c.secure_vm('ha', 'plan', c.file, '--nodes', words, '--fence', 'fence_switch', '--json').stdout)
    xml = c.secure_vm('ha', 'plan', c.file, '--nodes', words, '--fence', 'fence_switch', '--xml').stdout
    c.must(xml == plan['configuration'] and 'FILL-IN' in xml, f'expected the same configuration in both forms, found {xml[:200]}')
    filled = ''.join(line + '\n' for line in xml.splitlines() if 'FILL-IN' not in line or '"ip"' in line)
    filled = filled.replace('name="ip" value="FILL-IN"', f'name="socket" value="{c.hosts.power.path}"')
    filled = filled.replace('<nvpair id="guest-g-name"', f'<nvpair id="guest-g-binary" name="binary" value="{c.env.vm}"/>\n<nvpair id="guest-g-name"')
    with open(c.path('cluster.xml'), 'w', encoding='utf-8') as f:
        f.write(filled)
    c.hosts.clear()
    for line in plan['commands'][:-1]:
        line = line.replace('cluster.xml', c.path('cluster.xml'))
        call(*c.host.tool(*line.split()))
    r = subprocess.run(c.host.tool('crm_verify', '--live-check', '-V'), capture_output=True, text=True, check=False)
    c.must(r.returncode == 0 and not r.stderr.strip(), f'crm_verify: {r.stdout}{r.stderr}')
    first = plan['guests'][0]['first'][4:]
    wait_until(lambda: f'the guest does not start: {c.host.ask("crm_mon", "-1")}', lambda: c.hosts.where('guest-g') == [first], 240)
    c.must(len(c.hosts.where('guest-g')) == 1, 'expected the guest to run once')
    look_for_faults(c)
    c.hosts.clear()
    wait_until('the guest is not stopped', lambda: not any(c.running(h) for h in c.hosts.all), 180)


def found(c, host):
    """{check: level} of what "ha check" finds at a host, and its exit status."""
    r = run(*host.tool(c.env.vm, 'ha', 'check', '--json'), check=False, env=c.environment)
    result = json.loads(r.stdout)
    if r.returncode and result['error']['check'] != 'ha.findings':
        raise Failed(f'ha check: {result["error"]}')
    return {f['check']: f['level'] for f in result['findings']}, r.returncode


def look_for_faults(c):
    """Nothing of what "ha plan" made; then one thing after the other that a node lacks."""
    b = c.hosts.b
    for h in c.hosts.all:
        c.must(found(c, h) == ({}, 0), f'{h.name}: expected no finding, found {found(c, h)}')
    for path, check in ((c.file, 'ha.file'), (c.path('root.img'), 'ha.disk')):
        os.rename(path, path + '.away')
        c.must(found(c, b) == ({check: 'fail'}, 6), f'expected {check}, found {found(c, b)}')
        os.rename(path + '.away', path)
    c.write_guest(name='other')
    c.must(found(c, b) == ({'ha.file': 'fail'}, 6), f'expected ha.file, found {found(c, b)}')
    c.write_guest(attestation={**c.guest['attestation'], 'ek_roots': [c.path('a.pem')]})
    c.must(found(c, c.hosts.a) == ({}, 0), f'expected the first host to be known, found {found(c, c.hosts.a)}')
    c.must(found(c, b) == ({'ha.authority': 'fail'}, 6), f'expected ha.authority, found {found(c, b)}')
    c.write_guest(attestation={**c.guest['attestation'], 'lease': 0})
    c.must(found(c, b) == ({'ha.lease': 'warn'}, 0), f'expected ha.lease, found {found(c, b)}')
    c.write_guest()
    # its service is enabled, says a systemd
    b.run('sh', '-c', 'mkdir -p /run/bin; printf "#!/bin/sh\\nexit 0\\n" >/run/bin/systemctl; chmod 755 /run/bin/systemctl')
    c.environment['PATH'] = f'/run/bin:{os.environ["PATH"]}'
    c.must(found(c, b) == ({'ha.autostart': 'fail'}, 6), f'expected ha.autostart, found {found(c, b)}')
    c.must(found(c, c.hosts.a) == ({}, 0), 'expected the fault at one host')


CASES = [planned, test_agent, test_refused, power_cut, split_brain, power_cuts]
