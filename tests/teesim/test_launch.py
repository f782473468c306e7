#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`secure-vm launch`, the shipped program, on the simulated SNP platform (tests/teesim/machine.py): guard, worker, libvirt's embedded driver
and QEMU as they are. What the platform measured is what `secure-vm measure` says of the same guest file, in every row; what the platform
refuses, and what never gets there, ends with the right status and the right check.

    test_launch.py --build DIR [CASE...]
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import machine
from patience import Failed, wait_until

CPUS = ('EPYC-v4', 'EPYC-Milan')
CASES = []


def case(f):
    CASES.append(f)
    return f


def must(truth, what):
    if not truth:
        raise Failed(what)


def fake_kernel():
    """What QEMU takes for a kernel (Linux boot protocol 2.15), of no use otherwise."""
    image = bytearray(512 * 3 + 8192)
    image[0x1f1] = 2  # setup sectors
    image[0x1fe:0x200] = b'\x55\xaa'
    image[0x202:0x208] = b'HdrS\x0f\x02'
    image[0x211] = 1  # loaded high
    image[0x22c:0x230] = b'\xff\xff\xff\x37'  # initrd_addr_max
    for i in range(512 * 3, len(image)):
        image[i] = i * 13 & 0xff
    return bytes(image)


class Bench:
    def __init__(self, build, folder):
        self.vm, self.signer = os.path.join(build, 'launcher', 'secure-vm'), os.path.join(build, 'tests', 'teesim', 'teesim-signer')
        self.machine = machine.Machine(os.path.join(build, 'tests', 'teesim', 'teesim.so'), folder)
        self.dir, self.launches = folder, 0
        self.put('kernel', fake_kernel())
        self.put('initrd', b'070701' + bytes(i * 7 + i // 251 & 0xff for i in range(4321)))
        self.file = self.path('guest.json')

    def path(self, name):
        return os.path.join(self.dir, name)

    def attested(self):
        """Members of a guest file that has something to release."""
        return {'nics': [{'type': 'user'}], 'attestation': {'url': 'https://192.0.2.1', 'pin': 'sha256:' + '0' * 64},
                'disks': [{'path': self.put('disk', b'LUKS\xba\xbe'.ljust(1 << 20, b'\0'))}]}

    def stub(self):
        with open(os.path.join(os.path.dirname(os.path.dirname(self.vm)), 'stub', 'stub.efi'), 'rb') as f:
            return f.read()

    def put(self, name, data):
        with open(self.path(name), 'wb') as f:
            f.write(data)
        return self.path(name)

    def write(self, snp=None, **members):
        """A guest file; a member that is None is left out."""
        g = {'name': 'g', 'tee': 'sev-snp', 'memory': '256MiB', 'cpu': CPUS[0], 'vcpus': 1, 'firmware': machine.firmware(), 'kernel': 'kernel',
             'initrd': 'initrd', 'cmdline': 'console=ttyS0', 'nics': [], 'tees': {'sev-snp': {'allow_host_acpi': True, **(snp or {})}}, **members}
        with open(self.file, 'w', encoding='utf-8') as f:
            json.dump({k: v for k, v in g.items() if v is not None}, f)

    def ask(self, *args, status=0):
        """A command that answers with JSON; its exit status must be `status`."""
        r = self.machine.run(self.vm, *args, '--json')
        must(r.returncode == status, f'{args[0]}: expected status {status}, found {r.returncode}: {(r.stderr or r.stdout)[-900:]}')
        try:
            answer = json.loads(r.stdout)
        except ValueError as e:
            raise Failed(f'{args[0]} --json answered {r.stdout[:300]!r}') from e
        must(answer['ok'] == (status == 0), f'{args[0]}: "ok" does not say what the status says')
        return answer

    def refused(self, klass, status, check, *args):
        e = self.ask(*args, status=status)['error']
        must((e['class'], e['check']) == (klass, check), f'{args}: expected {klass} {check}, found {e}')
        return e['message']

    def measure(self):
        return self.ask('measure', self.file)['measurements']['launch_digest']

    def launch(self, status=0):
        self.machine.forget_result()
        self.launches += 1
        answer = self.ask('launch', self.file, '--events', self.path('events'), status=status)
        return answer, self.machine.result() if status == 0 else None

    def launch_refused(self, klass, status, check):
        answer, _ = self.launch(status)
        e = answer['error']
        must((e['class'], e['check']) == (klass, check), f'expected {klass} {check}, found {e}')
        must(self.events()[-1].get('check') == check, 'the last event does not name the check')
        self.must_be_over()
        return e['message']

    def events(self):
        with open(self.path('events'), encoding='utf-8') as f:
            return [json.loads(line) for line in f]

    def id_block(self, digest, policy=0x30000, *more):
        """Made by the simulator's own code, not by what is tested."""
        r = self.machine.run(self.signer, 'id-block', digest, hex(policy), self.path('id'), *more)
        must(r.returncode == 0, r.stderr)
        return {'id_block': self.path('id.id-block'), 'id_auth': self.path('id.id-auth')}

    def processes(self):
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/cmdline', 'rb') as f:
                    line = f.read()
            except OSError:
                continue
            if os.fsencode(self.machine.guests + '/') in line:
                found.append(int(pid))
        return found

    def must_be_over(self):
        wait_until(lambda: f'processes are left: {self.processes()}', lambda: not self.processes(), 30)

    def end(self):
        self.machine.run(self.vm, 'destroy', 'g', '--forget')
        self.must_be_over()


# --- the matrix ---

HOST_DATA = bytes(range(1, 33)).hex()
# An ID block of another guest is refused before anything starts; one of this guest, on a host that launches another, by the platform.
KINDS = {
    'plain': None, 'host data': None, 'ID block': None,
    'wrong digest': ('snp.id_block.launch_digest', 'for launch digest'),
    'wrong policy': ('snp.id_block.guest_policy', 'for policy 0x130000, expected 0x30000'),
    'other command line': ('sev.launch.measurement', 'SNP_LAUNCH_FINISH, firmware status 0xb'),
    'other policy': ('sev.launch.firmware', 'SNP_LAUNCH_FINISH, firmware status 0x7'),
}
EDITS = {'other command line': 's/^console=ttyS0$/console=ttyS0 init=.bin.sh/', 'other policy': 's/"policy":196608/"policy":1245184/'}
SHAPES = [(v, c) for v in (1, 2, 4) for c in CPUS]
# What is measured hangs on the shape, so each is launched plain and with an ID block; the other kinds take turns.
ROWS = [(v, c, kind) for i, (v, c) in enumerate(SHAPES) for j, kind in enumerate(KINDS)
        if kind in ('plain', 'ID block') or (i + j) % 3 == 0]


def launched(b, vcpus, what, **expected):
    answer, state = b.launch()
    digest = b.measure()
    must(state and state['outcome'] == 'launched', f'{what}: the platform saw {state}')
    must(state['digest'] == digest, f'{what}: the platform measured {state["digest"]}, secure-vm measure says {digest}')
    for k, v in dict({'host_data': '00' * 32, 'policy': 0x30000, 'vcpus': vcpus, 'id_block': False, 'author_key': False}, **expected).items():
        must(state[k] == v, f'{what}: expected {k} {v}, found {state[k]}')
    must((answer['tee'], answer['accelerator'], answer['state']) == ('sev-snp', 'kvm', 'running'), f'{what}: launch says {answer}')
    return answer, state


def refused_id(b, kind, digest, what):
    check, says = KINDS[kind]
    b.machine.qemu(EDITS.get(kind))
    message = b.launch_refused('proof', 5, check)
    b.machine.qemu()
    must(says in message, f'{what}: {message}')
    state = b.machine.result() if kind in EDITS else None
    if kind not in EDITS:
        must(not b.machine.trace(), f'{what}: the platform was asked: {b.machine.trace()[:200]}')
    else:
        must(state and state['outcome'] == 'refused', f'{what}: the platform saw {state}')
        must((state['digest'] == digest) == (kind == 'other policy'), f'{what}: the platform measured {state["digest"]}, predicted was {digest}')


@case
def matrix(b):
    """1, 2, 4 vCPUs; two CPU models; host data; ID block good, of another digest, of another policy, on a host that launches another guest"""
    for vcpus, cpu, kind in ROWS:
        what = f'{vcpus} vCPUs, {cpu}, {kind}'
        b.write({'host_data': HOST_DATA} if kind == 'host data' else None, vcpus=vcpus, cpu=cpu)
        if kind in ('plain', 'host data'):
            launched(b, vcpus, what, **({'host_data': HOST_DATA} if kind == 'host data' else {}))
        else:
            digest = b.measure()
            signed = '%096x' % (int(digest, 16) ^ 1) if kind == 'wrong digest' else digest
            b.write(b.id_block(signed, 0x130000 if kind == 'wrong policy' else 0x30000), vcpus=vcpus, cpu=cpu)
            if kind == 'ID block':
                launched(b, vcpus, what, id_block=True)
            else:
                refused_id(b, kind, digest, what)
        b.end()
    return f'{len(ROWS)} rows'


@case
def no_kernel_hashes(b):
    """without kernel hashes: measured as QEMU submits it; secure-vm itself launches no guest whose kernel nobody measures"""
    firmware, c_bit = machine.firmware(), b.machine.run(b.signer, 'c-bit').stdout.strip()
    for vcpus, cpu in ((1, CPUS[0]), (2, CPUS[1]), (4, CPUS[0])):
        digest = b.ask('measure', '--tee', 'sev-snp', '--firmware', firmware, '--vcpus', vcpus, '--cpu', cpu)['measurements']['launch_digest']
        b.machine.qemu(TEESIM_RUN='exit')
        b.machine.forget_result()
        b.machine.run('qemu-system-x86_64', '-machine', 'q35,confidential-guest-support=s,memory-backend=m', '-object',
                      'memory-backend-memfd,id=m,size=256M', '-m', '256M', '-accel', 'kvm', '-nodefaults', '-display', 'none', '-smp', vcpus, '-cpu',
                      cpu, '-bios', firmware, '-object', f'sev-snp-guest,id=s,cbitpos={c_bit},reduced-phys-bits=1,policy=0x30000')
        b.machine.qemu()
        state = b.machine.result()
        must(state and state['digest'] == digest, f'{vcpus} vCPUs, {cpu}: the platform saw {state}, secure-vm measure says {digest}')
    b.write(kernel=None, initrd=None, cmdline=None)
    b.refused('usage', 2, 'guest.kernel', 'launch', b.file)


@case
def other_boots(b):
    """no initramfs; no command line; an author key; init-data; a policy that forbids SMT"""
    b.write(initrd=None)
    launched(b, 1, 'no initramfs')
    b.end()
    b.write(cmdline=None, vcpus=2)
    launched(b, 2, 'no command line')
    b.end()
    b.write()
    b.write(dict(b.id_block(b.measure(), 0x30000, 'author'), author_key=True))
    launched(b, 1, 'an author key', id_block=True, author_key=True)
    b.end()
    init = b.put('init.toml', b'algorithm = "sha256"\nversion = "0.1.0"\n')
    with open(init, 'rb') as f:
        data = hashlib.sha256(f.read()).hexdigest()
    b.write({'init_data': init})
    launched(b, 1, 'init-data', host_data=data)
    b.end()
    b.write({'policy': '0x20000'})
    launched(b, 1, 'a policy', policy=0x20000)
    b.end()


@case
def other_files(b):
    """what is no kernel, or no initramfs: launch refuses it as measure does, before anything is copied"""
    text = b.put('text', b'root:x:0:0:root:/root:/bin/sh\n' * 40)
    for changes, check in (({'kernel': text}, 'ovmf.linux.magic'), ({'initrd': text}, 'ovmf.initramfs.magic')):
        b.write(**changes)
        said = {b.refused('format', 4, check, 'measure', b.file), b.launch_refused('format', 4, check)}
        must(len(said) == 1 and f': {text}: ' in said.pop(), f'{changes}: {said}')
        must(not b.machine.trace(), f'{changes}: the platform was asked: {b.machine.trace()[:200]}')
    b.write()


@case
def one_digest_each(b):
    """another kernel, initramfs, command line, CPU model or number of vCPUs is another digest"""
    seen = set()
    other, initrd = b.put('kernel2', fake_kernel()[:-1] + b'?'), b.put('initrd2', b'070701' + bytes(4321))
    for changes in ({}, {'kernel': other}, {'initrd': initrd}, {'cmdline': 'console=ttyS0 init=/bin/sh'}, {'vcpus': 2}, {'cpu': 'EPYC-Milan'}):
        b.write(**changes)
        seen.add(launched(b, changes.get('vcpus', 1), str(changes))[1]['digest'])
        b.end()
    must(len(seen) == 6, 'two different guests measured the same')


@case
def says_what_is_left(b):
    """launch, measure and policy refuse a guest with the host's ACPI tables and say which command cures it, and warn when its file allows them"""
    members = b.attested()
    b.write(**members)
    for words in (['launch', b.file], ['measure', b.file], ['policy', b.file]):
        r = b.machine.run(b.vm, *words)
        must(r.returncode == 0 and r.stderr.count(f'warning: {b.file}: the host can run code') == 1, f'{words[0]} ended with {r.returncode}: {r.stderr[-600:]}')
        must('[warning.acpi]' in r.stderr and 'ACPI' in r.stderr and 'secure-vm image uki' in r.stderr, f'{words[0]} does not say it: {r.stderr[-600:]}')
    b.end()
    b.write({'allow_host_acpi': False}, **members)
    for word in ('launch', 'measure', 'policy'):
        says = b.refused('usage', 2, 'guest.sev-snp.allow_host_acpi', word, b.file)
        must(f'`secure-vm image uki --out g.efi {b.file}`' in says, f'{word} does not say what cures it: {says}')
        must(not b.ask('list')['guests'], f'{word}: there is a guest')


@case
def image_of_the_guest_file(b):
    """the command that cures it makes an image with this machine's tables: it is launched as predicted, and its policy lifts the limit"""
    members = b.attested()
    b.put('kernel.efi', b.stub())  # a kernel is a PE image, too
    b.write({'allow_host_acpi': False}, kernel='kernel.efi', **members)
    made = b.ask('image', 'uki', '--out', b.path('g.efi'), b.file, '--timeout', '1200')
    must(made['tables'] > 4, f'expected a machine\'s ACPI tables, found {made["tables"]}')
    b.write({'allow_host_acpi': False}, uki='g.efi', kernel=None, initrd=None, **members)
    launched(b, 1, 'a measured image')
    b.end()
    r = b.machine.run(b.vm, 'measure', b.file)
    must(r.returncode == 0 and 'warning' not in r.stderr, f'measure warns of an image: {r.stderr[-600:]}')
    rules = [rule['check'] for rule in b.ask('policy', b.file)['policy']['rules']]
    must('policy.acpi' in rules, f'expected policy.acpi among {rules}')


# --- a guest that runs ---

@case
def life(b):
    """events, list, show, reboot, reset, stop, destroy of a guest that runs"""
    b.write()
    answer, state = launched(b, 1, 'a guest')
    events = b.events()
    steps = [e['step'] for e in events if e['event'] == 'launch']
    must(steps == ['copy and measure', 'prepare', 'connect', 'define', 'start'], f'steps were {steps}')
    must([e['event'] for e in events[-2:]] == ['running', 'committed'], f'the last events were {events[-2:]}')
    for part in ('kernel', 'initrd'):
        with open(b.path(part), 'rb') as f:
            must(answer['boot'][part]['sha256'] == hashlib.sha256(f.read()).hexdigest(), f'{part}: not what was booted')
    must(os.path.basename(os.readlink(f'/proc/{answer["qemu_pid"]}/exe')) == 'qemu-system-x86_64', 'qemu_pid is not QEMU')
    must([(g['name'], g['state']) for g in b.ask('list')['guests']] == [('g', 'running')], 'list does not show it')
    shown = b.ask('show', 'g')
    must('running' in json.dumps(shown) and 'sev-snp' in json.dumps(shown), f'show says {shown}')
    b.refused('system', 3, 'state.busy', 'launch', b.file)

    b.refused('system', 3, 'reboot.timeout', 'reboot', 'g', '--timeout', '1')  # nobody inside hears the button
    must(b.ask('show', 'g')['state'] == 'running', 'a guest that did not shut down runs on')
    for words in (['reboot', 'g', '--timeout', '1', '--force'], ['reset', 'g']):
        b.machine.forget_result()
        b.ask(*words)
        again = b.machine.result()
        must(again and again['digest'] == state['digest'], f'{words}: launched again the platform saw {again}')

    b.refused('system', 3, 'stop.timeout', 'stop', 'g', '--timeout', '1')
    b.ask('stop', 'g', '--timeout', '1', '--force')
    b.must_be_over()
    launched(b, 1, 'the same again')
    b.ask('destroy', 'g')
    b.must_be_over()
    b.refused('system', 3, 'state.off', 'stop', 'g')


@case
def reboot_foreseen(b):
    """reboot --policy: a guest that would not get its disk again is not taken down"""
    attestation = {'url': 'https://127.0.0.1:1', 'pin': 'sha256:' + '00' * 32, 'resource': 'default/g/root'}
    b.write(nics=[{'type': 'user'}], attestation=attestation)
    policy = b.ask('policy', b.file)['policy']
    b.put('own.json', json.dumps(policy).encode())
    next(r for r in policy['rules'] if r['check'] == 'policy.launch_digest')['equals'] = 'ab' * 48
    b.put('other.json', json.dumps(policy).encode())
    answer, _ = b.launch()
    other, own = (['reboot', 'g', '--timeout', '1', '--force', '--policy', b.path(p)] for p in ('other.json', 'own.json'))

    # The copies are what boots: what became of the originals says nothing.
    b.put('kernel', fake_kernel()[:-1] + b'x')
    message = b.refused('policy', 6, 'policy.launch_digest', *other)
    must('ab' * 48 in message and 'left as it is' in message, message)
    b.refused('usage', 2, 'policy.check.source', *own, '--broker', 'https://127.0.0.1:1')
    b.refused('system', 3, 'policy.check.file', *other[:-1], b.path('none.json'))
    b.write(nics=[{'type': 'user'}], attestation=attestation, vcpus=2)
    b.refused('usage', 2, 'reboot.changed', *own)
    must(b.ask('show', 'g')['qemu_pid'] == answer['qemu_pid'], 'it was taken down')
    b.write(nics=[{'type': 'user'}], attestation=attestation)
    b.machine.forget_result()
    b.ask(*own)
    must(b.machine.result(), 'it was not launched again')


@case
def qemu_ends(b):
    """QEMU ends at the guest's first instruction: told, and nothing is left"""
    b.machine.qemu(TEESIM_RUN='exit')
    b.write()
    r = b.machine.run(b.vm, 'launch', b.file, '--json')
    b.machine.qemu()
    answer = json.loads(r.stdout)
    if r.returncode:  # it may also have ended a moment after launch was done
        must(r.returncode == 3 and answer['error']['check'].startswith(('launch.', 'virt.')), f'launch says {answer}')
    b.must_be_over()
    result = b.machine.read_result()  # all is over: it is there or will not come
    must(result, f'the platform saw no launch to its end; launch says {answer}')
    must(result['outcome'] == 'launched', f'the platform saw {result}')
    # QEMU is gone before its supervisor has written that down
    wait_until('list still shows it as running', lambda: b.ask('list')['guests'][0]['state'] != 'running')
    state = b.ask('list')['guests'][0]['state']
    must(state in ('failed', 'off'), f'list says {state}')


# --- refusals ---

@case
def platform_refuses(b):
    """the platform is older than the policy asks: told in words, status 5; show still says why"""
    b.write({'policy': '0x30200'})
    message = b.launch_refused('proof', 5, 'sev.launch.firmware')
    must('SNP_LAUNCH_START' in message and 'older than the policy asks' in message, message)
    must('sev.launch.firmware' in json.dumps(b.ask('show', 'g')), 'show does not say why it failed')


@case
def forged_id(b):
    """an ID block that nobody signed so, or whose author does not count"""
    b.write()
    digest = b.measure()
    files = b.id_block(digest)
    with open(files['id_auth'], 'r+b') as f:
        f.seek(0x40)
        byte = f.read(1)[0]
        f.seek(0x40)
        f.write(bytes([byte ^ 1]))
    b.write(files)
    b.launch_refused('proof', 5, 'snp.id_block.signature')
    b.write(b.id_block(digest, 0x30000, 'author'))
    b.launch_refused('usage', 2, 'sev.domain.author_key')


@case
def never_started(b):
    """what libvirt would let pass is refused before anything starts: the platform hears nothing of it"""
    ovmf = '/usr/share/OVMF/OVMF_CODE_4M.fd'
    rows = [
        ('usage', 2, 'guest.sev-snp.allow_debug', {'policy': '0xb0000'}, {}),
        ('usage', 2, 'guest.sev-snp.policy', {'policy': '0x10000'}, {}),
        ('usage', 2, 'sev.domain.policy', {'policy': '0x70000'}, {}),
        ('usage', 2, 'sev.domain.cpu', {}, {'cpu': None}),
        ('usage', 2, 'sev.cpu', {}, {'cpu': 'host-passthrough'}),
        ('usage', 2, 'sev.cpu', {}, {'cpu': 'max'}),
        ('usage', 2, 'sev.domain.features', {'guest_features': '0x21'}, {}),
        ('usage', 2, 'sev.domain.vmm', {'vmm': 'ec2'}, {}),
        ('usage', 2, 'sev.domain.cpu', {'cpu_sig': '0x800f11'}, {}),
        ('usage', 2, 'guest.sev-snp.id_block', {'id_block': 'kernel'}, {}),
        ('system', 3, 'sev.domain.id_block', {'id_block': 'absent', 'id_auth': 'kernel'}, {}),
        ('format', 4, 'sev.domain.id_block', {'id_block': 'kernel', 'id_auth': 'kernel'}, {}),
        ('usage', 2, 'guest.sev-snp.host_data', {'host_data': HOST_DATA, 'init_data': 'kernel'}, {}),
    ] + ([('format', 4, 'ovmf.sev.metadata', {}, {'firmware': ovmf})] if os.path.exists(ovmf) else [])
    for klass, status, check, snp, members in rows:
        b.write(snp, **members)
        b.machine.forget_result()
        message = b.refused(klass, status, check, 'launch', b.file)
        must(len(message) > 30, f'{check}: {message}')
        must(not b.machine.trace(), f'{check}: the platform was asked: {b.machine.trace()[:200]}')
    b.must_be_over()
    return f'{len(rows)} rows'


@case
def unknown_cpu(b):
    """a CPU model that is known, but not to the QEMU here: said with what to choose, and the platform hears nothing of it"""
    listed = subprocess.run([machine.QEMU, '-cpu', 'help'], capture_output=True, text=True, check=True).stdout.split()
    unknown = [m for m in ('EPYC-v5', 'EPYC-Rome-v5', 'EPYC-Milan-v3', 'EPYC-Turin', 'EPYC-Milan-v4', 'EPYC-Turin-v2') if m not in listed]
    for cpu in unknown:
        b.write(cpu=cpu)
        message = b.launch_refused('system', 3, 'virt.cpuid')
        must(f'"{cpu}" is not known' in message and 'EPYC-Milan' in message and 'EPYC-v4' in message, message)
        must(not b.machine.trace(), f'the platform was asked: {b.machine.trace()[:200]}')
        must('start' not in [e.get('step') for e in b.events()], f'{cpu}: it was started')
    b.write(cpu='EPYC-v99')
    must('EPYC-v1 to EPYC-v5' in b.refused('usage', 2, 'sev.cpu', 'measure', b.file), 'the known versions are not named')
    return f'{len(unknown)} rows'


@case
def said_twice(b):
    """a debug policy that the guest file says twice is launched as it says"""
    b.write({'policy': '0xb0000', 'allow_debug': True})
    launched(b, 1, 'debug', policy=0xb0000)
    b.end()


@case
def absent(b):
    """what does not exist for confidential guests is refused by name, with what to do instead"""
    words = ('save', 'restore', 'suspend', 'hibernate', 'dump', 'set-memory', 'set-vcpus')
    for word in words:
        message = b.refused('usage', 2, 'cli.absent', word, 'g')
        must(message.startswith(word + ': ') and ('"secure-vm ' in message or 'inside the guest' in message), f'{word}: {message}')
    for member in ('max_memory', 'max_vcpus', 'hugepages_hotplug', 'memory_slots'):
        b.write(**{member: 4})
        r = b.machine.run(b.vm, 'launch', b.file, '--json')
        must(r.returncode == 2 and member in json.loads(r.stdout)['error']['message'], f'{member}: {r.stdout}')
    return f'{len(words)} commands'


@case
def host(b):
    """host sees the platform that launches"""
    answer = json.dumps(b.ask('host'))
    must('SEV firmware 1.55.29' in answer and 'sev-snp' in answer, f'host says {answer[:400]}')


def run_case(b, f):
    begin, rows, why = time.time(), None, ''
    try:
        rows = f(b)
    except Failed as e:
        why = str(e)
    except Exception:
        why = traceback.format_exc()
    if why:
        b.machine.qemu()
    try:
        b.end()
    except Failed as e:
        why = why or str(e)
    lines = [f'{"FAILED" if why else "ok"} {f.__name__} ({time.time() - begin:.0f} s): {f.__doc__}'] + [f'    {text}' for text in (rows, why) if text]
    sys.stdout.write('\n'.join(lines) + '\n')  # at once: others are at it, too
    sys.stdout.flush()
    return bool(why)


def run_cases(build, folder, cases):
    """Takes cases off the list until there are none, on a bench of its own: failures and launches."""
    os.mkdir(folder)
    b, failed = Bench(build, folder), 0
    while True:
        try:
            f = cases.pop(0)
        except IndexError:
            return failed, b.launches
        failed += run_case(b, f)


def run_at_once(build, chosen):
    """As many benches as there are processors: a launch waits as often as it works."""
    n, cases = min(len(os.sched_getaffinity(0)), len(chosen)), list(chosen)
    folder = tempfile.mkdtemp(prefix='svl', dir='/tmp')
    os.chmod(folder, 0o755)
    try:
        with concurrent.futures.ThreadPoolExecutor(n) as pool:
            done = [pool.submit(run_cases, build, os.path.join(folder, str(i)), cases) for i in range(n)]
            return map(sum, zip(*[d.result() for d in done]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('cases', nargs='*')
    p.add_argument('--build', default='build')
    a = p.parse_args()
    chosen = [f for f in CASES if not a.cases or f.__name__ in a.cases]
    if len(chosen) < len(a.cases):
        print('cases: ' + ' '.join(f.__name__ for f in CASES))
        return 2
    if not machine.is_inside():
        if machine.missing():
            print(f'SKIP: {machine.missing()}')
            return 77
        machine.enter()
    machine.entered()
    failed, launches = run_at_once(os.path.abspath(a.build), chosen)
    print(f'teesim-launch: {len(chosen)} cases with {launches} launches, {failed} failed', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
