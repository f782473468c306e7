# SPDX-License-Identifier: Apache-2.0
"""The cases: one guest that gets its disk, and all the ways in which it must not. Each function is one case; its first line says which."""
import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import threading
import time

import tcg
from env import CLASSES, MARKER, Broker, Failed, free_port, patient, run
from mitm import Mitm, on_evidence

CASES = []


def case(f):
    CASES.append(f)
    return f


def change(path, to, at, data):
    with open(path, 'rb') as f:
        old = f.read()
    with open(to, 'wb') as f:
        f.write(old[:at] + data + old[at + len(data):])


def in_the_middle(c, rewrite=None):
    c.prepare(behind=True)
    c.mitm = Mitm(c.broker.dir, c.port, c.broker_port, rewrite)


# --- the good boot ---

def rehearse(c):
    """The broker says of this guest that it would get its key again, and would not by the policy of another command line."""
    admin = [*c.broker.admin(), '--json']
    said = json.loads(run(c.env.vm, 'policy', 'test', *admin, env=c.environment).stdout)
    c.must([g['holds'] for g in said['resources'][0]['guests']] == [True], f'expected that it would get its key again: {said}')
    policy = c.path('other-policy.json')
    run(*c.vm, 'policy', c.write_guest('other.json', cmdline=c.guest['cmdline'] + ' quiet'), '--out', policy, env=c.environment)
    tried = run(c.env.vm, 'policy', 'test', policy, *admin, check=False, env=c.environment)
    guest = json.loads(tried.stdout)['resources'][0]['guests'][0]
    why = json.loads(tried.stdout)['error']['check']
    c.must((tried.returncode, why, guest['check']) == (6, 'policy.test.refused', 'policy.pcr.9'), f'expected that it would be refused: {why}, {guest}')


@case
def good(c):
    """good boot: prediction equals the quoted registers, the explanation lines up with the real event log, no key is to be seen"""
    in_the_middle(c)
    before = json.loads(run(c.env.vm, 'measure', c.file, '--explain', '--json', env=c.environment).stdout)
    c.launch()
    c.must_unlock()
    evidence = c.mitm.evidence()
    compare_values(c, before['measurements'], evidence)
    compare_events(c, before, evidence)
    compare_by_tool(c, evidence)
    look_for_key(c)
    rehearse(c)


@case
def measured_image(c):
    """measured image: its ACPI tables are this machine's to the last byte, and the disk opens by what is predicted of it"""
    c.make_broker(behind=True)
    c.make_disk()
    parts = c.write_guest('parts.json')
    run(c.env.vm, 'image', 'uki', parts, '--timeout', int(patient(300)), '--out', c.path('image.efi'), env=c.environment, timeout=600)
    c.guest = {k: v for k, v in c.guest.items() if k not in ('kernel', 'initrd', 'cmdline')}
    c.guest['uki'] = c.path('image.efi')
    c.file = c.write_guest()
    c.put_policy(c.file)
    c.mitm = Mitm(c.broker.dir, c.port, c.broker_port, None)
    before = json.loads(run(c.env.vm, 'measure', c.file, '--explain', '--json', env=c.environment).stdout)
    c.launch()
    c.must_unlock()
    evidence = c.mitm.evidence()
    compare_values(c, before['measurements'], evidence)
    compare_events(c, before, evidence)
    c.must(' 0 differences on the host' in c.console(), 'expected the tables to be the host\'s as well')


@case
def rekeyed(c):
    """a disk with a new key boots, and while it does its disk is not touched; a copy from before is refused"""
    c.prepare()
    shutil.copyfile(c.path('root.img'), c.path('before.img'))
    rekey = [*c.vm, 'image', 'rekey', c.path('root.img'), '--resource', 'default/g/root', '--json', *c.broker.admin()]
    run(*rekey, env=c.environment)
    c.launch()
    c.must_unlock()
    busy = json.loads(run(*rekey, check=False, env=c.environment).stdout)
    c.must(busy['error']['check'] == 'image.busy', f'rekey of a disk that a guest has: {busy}')
    c.end(keep=True)
    c.broker.start()
    os.rename(c.path('before.img'), c.path('root.img'))
    c.launch()
    c.must_refuse('proof', 'luks.binding.header', released=True)


def compare_values(c, predicted, evidence):
    quotes = {'sha256': evidence['tpm_quote']['pcrs'], 'sha384': evidence['tpm_quote_sha384']['pcrs']}
    for bank, quoted in quotes.items():
        for pcr in ('0', '4', '9'):
            c.must(pcr in predicted[bank], f'PCR {pcr} of {bank} is not predicted')
        for pcr, value in predicted[bank].items():
            c.must(quoted[int(pcr)] == value, f'{bank} PCR {pcr}: predicted {value}, quoted {quoted[int(pcr)]}')


def compare_events(c, measured, evidence):
    log = base64.b64decode(evidence['event_logs'][0]['data'])
    for pcr in measured['measurements']['sha256']:
        predicted = [s for s in measured['steps'] if s['register'] == f'pcr{pcr}' and s.get('sha256')]
        logged = [e for e in tcg.events(log) if e[0] == int(pcr) and e[1] != tcg.NO_ACTION]
        c.must([s['sha256'] for s in predicted] == [e[2]['sha256'][1].hex() for e in logged],
               f'the events of PCR {pcr} differ: predicted {[s.get("type") for s in predicted]}, logged {[hex(e[1]) for e in logged]}')
        c.must(tcg.replay(log, 'sha384').get(int(pcr), '00' * 48) == measured['measurements']['sha384'][pcr], f'PCR {pcr} of sha384 does not replay')


def compare_by_tool(c, evidence):
    """The tool's own comparison with the log of this boot: all equal; and with another kernel and command line it names what differs."""
    log = c.path('log')
    with open(log, 'wb') as f:
        f.write(base64.b64decode(evidence['event_logs'][0]['data']))
    run(c.env.vm, 'measure', c.file, '--event-log', log, '--explain', env=c.environment)
    change(c.env.kernel, c.path('vmlinuz'), 0x5000, b'other')
    for name, value, words in (('kernel', c.path('vmlinuz'), 'PCR 4'), ('cmdline', 'quiet', 'PCR 9')):
        other = c.write_guest('other.json', **{name: value})
        r = run(c.env.vm, 'measure', other, '--event-log', log, '--json', check=False, env=c.environment)
        error = json.loads(r.stdout)['error']
        c.must(r.returncode == 5 and error['check'] == 'measure.differs' and words in error['message'],
               f'expected the tool to name the event in {words}, found {error}')


def forms_of(key):
    """The key as it could lie around: raw, hex, base64, and each half of it raw."""
    yield key
    yield key[:32]
    yield key[32:]
    yield key.hex().encode()
    yield base64.b64encode(key).rstrip(b'=')
    yield base64.urlsafe_b64encode(key).rstrip(b'=')


def look_for_key(c):
    """Logs, state, command lines, environments, and the limits on core files of every process that serves this guest."""
    resource = subprocess.run([c.env.peek, f'{c.broker.dir}/config.json', 'default/g/root'], check=True, capture_output=True).stdout
    key = resource[-64:]
    c.must(resource[:8] == b'SVMKEY01' and len(set(key)) > 30, 'the test does not know the key')
    shapes = list(forms_of(key))
    for root in (c.dir, c.state):
        for path in subprocess.run(['find', root, '-type', 'f'], check=True, capture_output=True, text=True).stdout.split('\n')[:-1]:
            with open(path, 'rb') as f:
                data = f.read()
            c.must(not any(s in data for s in shapes), f'the key lies in {path}')
    processes = c.processes() | c.broker.processes()
    ours = {'sv-guard', 'sv-worker', 'secure-vm-broke', 'sv-net', 'sv-http', 'sv-verifier', 'sv-keeper'}
    c.must((ours | {'swtpm'}) <= set(processes.values()) and any(n.startswith('qemu') for n in processes.values()),
           f'expected guard, worker, broker, QEMU and swtpm, found {sorted(processes.values())}')
    for pid, comm in processes.items():
        for name in ('cmdline', 'environ'):
            with open(f'/proc/{pid}/{name}', 'rb') as f:
                data = f.read()
            c.must(not any(s in data for s in shapes), f'the key is in /proc/{pid}/{name}')
        with open(f'/proc/{pid}/limits', encoding='ascii') as f:
            core = next(line for line in f if line.startswith('Max core file size')).split()[4]
        if comm in ours:
            c.must(core == '0', f'{comm} may leave a core file')
            search_memory(c, pid, shapes)


def search_memory(c, pid, shapes):
    """Our own processes on the host have no business with the key once it is released. The guest's memory (QEMU) holds it, of course."""
    control, seen = os.fsencode(c.dir), False  # what must be found, so that finding nothing means something
    with open(f'/proc/{pid}/maps', encoding='ascii') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as mem:
        for line in maps:
            span, mode = line.split()[:2]
            if 'r' not in mode or '[v' in line:
                continue
            begin, end = (int(x, 16) for x in span.split('-'))
            try:
                mem.seek(begin)
                data = mem.read(end - begin)
            except (OSError, ValueError, OverflowError):
                continue
            seen = seen or control in data or os.fsencode(c.state) in data
            c.must(not any(s in data for s in shapes), f'the key is in the memory of process {pid}: {line.strip()}')
    c.must(seen, f'the memory of process {pid} could not be searched')


# --- what boots is not what the policy is for ---

@case
def kernel_byte(c):
    """one byte of the kernel changed, in its version string: it boots, and gets nothing"""
    c.prepare()
    with open(c.env.kernel, 'rb') as f:
        image = f.read()
    at = struct.unpack_from('<H', image, 0x20e)[0] + 0x200  # Documentation/arch/x86/boot.rst, kernel_version
    change(c.env.kernel, c.path('vmlinuz'), at, bytes([image[at] ^ 1]))
    c.launch(c.write_guest('other.json', kernel=c.path('vmlinuz')))
    c.must_refuse('policy', 'policy.pcr.4')


@case
def initramfs_byte(c):
    """one byte of the initramfs changed, in a file's time: it boots, and gets nothing"""
    c.prepare()
    raw = subprocess.run(['zstd', '-dcq', c.env.initrd], check=True, capture_output=True).stdout
    at = raw.index(b'070701') + 46 + 7  # newc: the last digit of the first entry's mtime
    raw = raw[:at] + (b'1' if raw[at:at + 1] != b'1' else b'2') + raw[at + 1:]
    packed = subprocess.run(['zstd', '-22', '--ultra', '-cq'], check=True, capture_output=True, input=raw).stdout
    with open(c.env.initrd, 'rb') as f:
        room = len(f.read()) - len(packed)
    if room < 0:
        raise Failed('the changed initramfs does not fit the old one')
    # As long as before (the kernel skips zeros): QEMU writes the length into the kernel's header, and PCR 4 is the first to tell.
    with open(c.path('initrd'), 'wb') as f:
        f.write(packed + bytes(room))
    c.launch(c.write_guest('other.json', initrd=c.path('initrd')))
    c.must_refuse('policy', 'policy.pcr.9')


def roll(c, name):
    """One guest from an old state to a new one, by one command; afterwards the old one is refused by its name."""
    new = c.write_guest('new.json', cmdline=c.guest['cmdline'] + ' init=/sbin/init')
    refused = json.loads(run(*c.vm, 'policy', 'check', new, '--json', *c.broker.admin(), check=False, env=c.environment).stdout)
    c.must(refused['error']['check'] == 'policy.pcr.9', f'before the update: {refused}')
    r = run(*c.vm, 'update', new, '--name', name, '--timeout', '1', '--force', '--json', *c.broker.admin(), check=False, timeout=600, env=c.environment)
    c.result, c.status = json.loads(r.stdout), r.returncode
    c.must(c.status == 0 and c.result['retired'] == 1, 'expected the guest to run from its new files, and the old state to be retired')
    c.wait_console(MARKER)
    c.must(any(f'({name}, generation {c.result["generation"]})' in r.get('grounds', '') for r in c.broker.audit()), f'who got the key? {c.broker.audit()}')
    again = json.loads(run(*c.vm, 'update', new, '--json', *c.broker.admin(), check=False, env=c.environment).stdout)
    c.must(again['ok'] and not again['changed'], f'a second time: {again}')
    back = json.loads(run(*c.vm, 'update', c.file, '--json', *c.broker.admin(), check=False, env=c.environment).stdout)
    c.must(back['error']['check'] == 'policy.update.retired', f'back: {back}')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    c.launch()
    error = c.result.get('error', {})
    c.must(error.get('check') == 'policy.set.retired' and c.status == CLASSES['policy'], f'expected the old state to be refused by name, found {error}')
    c.must(MARKER not in c.console(), 'the disk was opened')


@case
def updated(c):
    """update: another command line gets the disk beside the old one, which is refused afterwards"""
    c.prepare()
    roll(c, 'kernel 2')


@case
def image_set(c):
    """update where the policy names a reference set: the set has the new image before the restart, and the old one keeps its key"""
    c.prepare()
    admin, name = c.broker.admin(), 'vendor/reference/image'
    key, made, signed = admin[admin.index('--admin-key') + 1], c.path('set.json'), c.path('set.jws')
    for words in (('reference', 'make', name, c.file, '--out', made), ('reference', 'sign', made, '--key', key, '--out', signed),
                  ('reference', 'put', signed, *admin), ('policy', c.file, '--reference', name, '--put', *admin)):
        run(c.env.vm, *words, env=c.environment)
    new = c.write_guest('new.json', cmdline=c.guest['cmdline'] + ' init=/sbin/init')
    r = run(*c.vm, 'update', new, '--author-key', key, '--timeout', '1', '--force', '--json', *admin, check=False, timeout=600, env=c.environment)
    c.result, c.status = json.loads(r.stdout), r.returncode
    c.must(c.status == 0 and (c.result['generation'], c.result['retired']) == (2, 0), 'expected the guest to run from its new files')
    c.wait_console(MARKER)
    c.must([r['set'] for r in c.broker.audit() if r.get('outcome') == 'released' and r.get('reference') == name] == [2], f'{c.broker.audit()}')
    again = json.loads(run(*c.vm, 'update', new, '--json', *admin, check=False, env=c.environment).stdout)
    c.must(again['ok'] and not again['changed'], f'a second time: {again}')
    run(*c.vm, 'destroy', 'g', env=c.environment)
    c.launch()
    c.must_unlock()
    c.must([r['set'] for r in c.broker.audit() if r.get('outcome') == 'released' and r.get('reference') == name] == [2, 1], f'{c.broker.audit()}')


@case
def firmware(c):
    """another firmware"""
    c.prepare()
    c.launch(c.write_guest('other.json', firmware='/usr/share/OVMF/OVMF_CODE.fd'))
    c.must_refuse('policy', 'policy.pcr.0')


@case
def other_policy(c):
    """the resource's policy is for another guest"""
    c.prepare()
    c.put_policy(c.write_guest('other.json', name='somebody-else'))
    c.launch()
    c.must_refuse('policy', 'policy.ek.subject')


# --- what is shown is not what happened ---

@case
def replayed_quote(c):
    """a quote of an earlier boot of the same guest"""
    in_the_middle(c)
    c.launch()
    c.must_unlock()
    old = c.mitm.evidence()
    run(c.env.vm, 'destroy', 'g', env=c.environment)
    earlier = len(c.broker.audit())
    c.mitm.rewrite = on_evidence(lambda fresh: old)
    audit = c.broker.audit
    c.broker.audit = lambda: audit()[earlier:]
    c.launch()
    c.must_refuse('proof', 'vtpm.quote.nonce')


@case
def software_key(c):
    """a quote by a key that no TPM holds, with all the right attributes"""
    in_the_middle(c, on_evidence(lambda e: tcg.SoftwareKey().evidence(e)))
    c.launch()
    c.must_refuse('proof', 'vtpm.ak.other')


@case
def event_log(c):
    """an event log that does not replay to the quoted registers"""
    def broken(e):
        log = tcg.break_log(base64.b64decode(e['event_logs'][0]['data']), 4)
        return dict(e, event_logs=[dict(e['event_logs'][0], data=tcg.b64(log))])
    in_the_middle(c, on_evidence(broken))
    c.launch()
    c.must_refuse('proof', 'vtpm.eventlog.replay')


# --- the broker is not the one, or not there ---

@case
def other_broker(c):
    """a broker with another TLS key"""
    c.prepare()
    c.broker.stop()
    genuine = c.broker
    c.broker = Broker(c.env, c.path('other'), c.broker_port).start()
    c.launch()
    c.must_refuse('proof', 'tls.pin', audited=False)
    c.must(not [r for r in c.broker.audit() + genuine.audit() if r.get('outcome') == 'released'], 'the key was released')


@case
def stopped_broker(c):
    """no broker at all: tries again for as long as the guest file says, then a clear end"""
    c.prepare()
    c.file = c.write_guest(attestation=dict(c.guest['attestation'], wait=40))
    c.broker.stop()
    c.launch()
    c.must_refuse('system', ('net.connect', 'tls.connect'), audited=False)
    c.must(c.console().count('again') >= 2, 'expected more than one try')


@case
def broker_comes_back(c):
    """a broker that comes back while the guest tries"""
    c.prepare()
    c.broker.stop()

    def later():
        for _ in range(600):
            try:
                if 'again' in c.console():
                    break
            except OSError:
                pass
            time.sleep(0.2)
        c.broker.start()
    thread = threading.Thread(target=later)
    thread.start()
    c.launch()
    thread.join()
    c.must_unlock()
    c.must('again' in c.console(), 'the guest never had to try again')


# --- several brokers ---

def make_refusing(c):
    """A broker beside the case's own that has the resource, for somebody else."""
    c.refusing = Broker(c.env, c.path('refusing'), free_port()).start()
    run(*c.vm, 'key', 'put', 'default/g/root', '--random', '32', *c.refusing.admin(), env=c.environment)


def name_brokers(c, *brokers):
    """The guest file with these as its brokers: (port, pin, more members)."""
    every = [{'url': f'https://10.0.2.2:{port}', 'pin': pin, **more} for port, pin, more in brokers]
    c.guest['attestation'] = {'resource': 'default/g/root', 'lease': 0, **every[0], 'fallbacks': every[1:]}
    c.file = c.write_guest()
    c.put_policy(c.file)
    run(*c.vm, 'policy', c.write_guest('other.json', name='somebody-else'), '--put', *c.refusing.admin(), env=c.environment)


def prepare_several(c):
    c.make_broker()
    c.make_disk()
    make_refusing(c)


@case
def another_broker(c):
    """three brokers: the first is dead, the second, another owner's, refuses, the third has the key"""
    prepare_several(c)
    name_brokers(c, (free_port(), c.broker.pin, {}), (c.refusing.port, c.refusing.pin, {'owner': 'others'}), (c.broker.port, c.broker.pin, {}))
    c.launch()
    c.refusing.stop()
    c.must_unlock()
    c.must(c.console().count('the next broker') == 2, 'expected two to be left for the next one')
    c.must([r['check'] for r in c.refusing.audit() if r['outcome'] == 'refused'] == ['policy.ek.subject'], f'who refused? {c.refusing.audit()}')


@case
def owners_word(c):
    """two brokers of one owner: what the first refuses the second is not asked for"""
    prepare_several(c)
    name_brokers(c, (c.refusing.port, c.refusing.pin, {}), (c.broker.port, c.broker.pin, {}))
    c.launch()
    c.refusing.stop()
    c.broker, genuine = c.refusing, c.broker
    c.must_refuse('policy', 'policy.ek.subject')
    c.must(not [r for r in genuine.audit() if r['action'] in ('attest', 'resource')], 'the second was asked')
    genuine.stop()


# --- the disk is not the one ---

def header_of(path):
    with open(path, 'rb') as f:
        head = f.read(16 << 20)
    return head, struct.unpack_from('>Q', head, 8)[0]


def with_checksum(header):
    """LUKS2 On-Disk Format, section 2.1: SHA-256 over the binary header and its JSON area with the checksum itself zero."""
    zeroed = header[:0x1c0] + bytes(64) + header[0x200:]
    return header[:0x1c0] + hashlib.sha256(zeroed).digest() + bytes(32) + header[0x200:]


def write_header(path, header):
    """Both copies, so that whoever reads either finds the same."""
    second = with_checksum(b'SKUL\xba\xbe' + header[6:0x100] + struct.pack('>Q', len(header)) + header[0x108:])
    with open(path, 'r+b') as f:
        f.write(with_checksum(header) + second)


@case
def null_cipher(c):
    """a LUKS2 header that says the disk is not encrypted at all"""
    c.prepare()
    head, size = header_of(c.path('root.img'))
    meta = json.loads(head[4096:size].rstrip(b'\0'))
    meta['segments']['0']['encryption'] = 'cipher_null-ecb'
    text = json.dumps(meta, separators=(',', ':')).encode()
    write_header(c.path('root.img'), head[:4096] + text + bytes(size - 4096 - len(text)))
    c.launch()
    c.must_refuse('format', 'luks.header.cipher', released=True)


def swap_header(c, same_uuid):
    c.prepare()
    c.make_disk(c.path('other.img'), 'default/other/root')
    head, size = header_of(c.path('other.img'))
    if same_uuid:
        ours, _ = header_of(c.path('root.img'))
        head = with_checksum(head[:0xa8] + ours[0xa8:0xa8 + 40] + head[0xd0:size]) + head[size:]
    with open(c.path('root.img'), 'r+b') as f:
        f.write(head)
    c.launch()


@case
def other_header(c):
    """another volume's header"""
    swap_header(c, False)
    c.must_refuse('proof', 'luks.binding.uuid', released=True)


@case
def other_header_same_uuid(c):
    """another volume's header under this volume's name"""
    swap_header(c, True)
    c.must_refuse('proof', 'luks.binding.header', released=True)
