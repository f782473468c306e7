#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`secure-vm launch --connect`, the shipped program, on a machine of the release that knows TDX (tests/teesim/forky) in front of the TDX module
that is played: that release's libvirt daemon and QEMU as they are. What the module measured is what `secure-vm measure` says of the same guest
file; what cannot be launched ends with the right status and the right check.

    test_tdx_launch.py --build DIR [CASE...]
"""
import argparse
import hashlib
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from test_launch import fake_kernel, must
from patience import Failed, patient, wait_until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'secure-vm')
TREE = os.path.join(CACHE, 'forky')
FIRMWARE = os.path.join(CACHE, 'firmware', 'OVMF.inteltdx.ms.fd')
ON_FORKY = [os.path.join(TOP, 'tests/teesim/dev'), os.path.join(TOP, 'tests/teesim/forky'), TREE]
CPUINFO = 'processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nflags\t\t: fpu tsc msr sse2 lm vmx tdx_host_platform\n\n'
QEMU_CONF = 'stdio_handler = "file"\nmax_core = 0\nnamespaces = []\nuser = "root"\ngroup = "root"\ndynamic_ownership = 0\nsecurity_driver = "none"\n'
CASES = []


def case(f):
    CASES.append(f)
    return f


class Machine:
    """/etc, /run, /var and a processor of its own, libvirtd in it, and a qemu-system-x86_64 that preloads the simulator."""

    def __init__(self, build, folder):
        self.dir, self.vm, self.simulator = folder, os.path.join(build, 'launcher', 'secure-vm'), os.path.join(build, 'tests', 'teesim', 'teesim.so')
        os.chmod(folder, 0o755)
        for d in ('run', 'var/lib/libvirt/qemu', 'var/log', 'var/cache', 'var/tmp', 'bin', 'g'):
            os.makedirs(self.path(d))
        shutil.copytree(os.path.join(TREE, 'etc'), self.path('etc'), symlinks=True)
        os.symlink('/run', self.path('var/run'))
        self.put('etc/libvirt/qemu.conf', QEMU_CONF)
        self.put('etc/libvirt/libvirtd.conf', 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n')
        self.put('cpuinfo', CPUINFO)
        self.state_file, self.file = self.path('state.json'), self.path('guest.json')
        self.environment = dict(os.environ, FORKY_STATE=folder, FORKY_PRELOAD=self.simulator, FORKY_CPUINFO=self.path('cpuinfo'),
                                SECURE_VM_DIR=self.path('g'), PATH=f'{self.path("bin")}:{os.environ["PATH"]}')
        self.make_wrapper()
        self.qemu()
        self.put('kernel', fake_kernel())
        self.put('initrd', b'070701' + bytes(i * 7 & 0xff for i in range(4321)))
        socket = self.path('run/libvirt/libvirt-sock')
        self.uri = f'qemu+unix:///system?socket={socket}'
        with open(self.path('libvirtd.log'), 'wb') as log:
            self.daemon = subprocess.Popen([*ON_FORKY, '/usr/sbin/libvirtd'], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.inside = ['nsenter', f'--mount=/proc/{self.daemon.pid}/ns/mnt']
        wait_until('forky\'s libvirtd does not listen', lambda: os.path.exists(socket) or self.daemon.poll() is not None)
        must(self.daemon.poll() is None, f'forky\'s libvirtd ended with status {self.daemon.poll()}')

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, data):
        with open(self.path(name), 'wb') as f:
            f.write(data.encode() if isinstance(data, str) else data)

    def make_wrapper(self):
        """The qemu-system-x86_64 that libvirt finds; as tests/teesim/machine.py's it stays the same, whatever it is told."""
        path = self.path('bin/qemu-system-x86_64')
        self.put(path, f'#!/bin/sh\n. {self.path("told")}\n[ "$1" = -name ] && printf "%s\\n" "$@" >{self.path("arguments")}\n'
                 'exec /usr/bin/qemu-system-x86_64 "$@"\n')
        os.chmod(path, 0o755)

    def qemu(self, **told):
        """What QEMU's half of the simulator is told (tests/teesim/tdx.h)."""
        told = {'LD_PRELOAD': self.simulator, 'TEESIM_STATE': self.state_file, 'TEESIM_RUN': 'block', **told}
        self.put('told.new', ''.join(f'export {k}="{v}"\n' for k, v in told.items()))
        os.rename(self.path('told.new'), self.path('told'))

    def write(self, tdx=None, **members):
        g = {'name': 'g', 'tee': 'tdx', 'memory': '512MiB', 'vcpus': 1, 'firmware': FIRMWARE, 'nics': [], 'cmdline': 'console=ttyS0', 'kernel': 'kernel',
             'initrd': 'initrd', 'tees': {'tdx': {'quote_service': 'none', **(tdx or {})}}, **members}
        self.put('guest.json', json.dumps({k: v for k, v in g.items() if v is not None}))

    def ask(self, *args, status=0):
        r = subprocess.run([*self.inside, self.vm, *args, '--json'], capture_output=True, text=True, timeout=patient(120), stdin=subprocess.DEVNULL,
                           env={**self.environment, 'LD_PRELOAD': self.simulator})
        must(status is None or r.returncode == status, f'{args[0]}: expected status {status}, found {r.returncode}: {(r.stderr or r.stdout)[-900:]}')
        must(r.stdout, f'{args[0]}: no answer, status {r.returncode}: {r.stderr[-900:]}')
        return json.loads(r.stdout)

    def launch(self, status=0):
        if os.path.exists(self.state_file):
            os.unlink(self.state_file)
        return self.ask('launch', self.file, '--connect', self.uri, status=status)

    def sign(self, report_data):
        """What the platform signs for the guest that runs; RTMRs zero, as nothing ran in it."""
        signer = os.path.join(os.path.dirname(self.simulator), 'teesim-signer')
        if not os.path.exists(self.path('intel')):
            subprocess.run([signer, 'intel', self.path('intel')], check=True, timeout=patient())
            self.put('ccel', bytes(64))
        subprocess.run([signer, 'quote', self.path('intel'), self.state_file, self.path('ccel'), report_data.hex(), self.path('signed')], check=True, timeout=patient())
        with open(self.path('signed'), 'rb') as f:
            return f.read()

    def refused(self, klass, status, check):
        e = self.launch(status=status)['error']
        must((e['class'], e['check']) == (klass, check), f'expected {klass} {check}, found {e}')
        return e['message']

    def end(self):
        if hasattr(self, 'daemon'):
            self.daemon.terminate()
            self.daemon.wait(patient())


def launched(m, tdx=None, **members):
    """A guest that starts; what the module saw."""
    m.write(tdx, **members)
    answer = m.launch()
    must((answer['tee'], answer['accelerator'], answer['state']) == ('tdx', 'kvm', 'running'), f'launch answered {answer}')
    with open(m.state_file, encoding='ascii') as f:
        state = json.load(f)
    m.ask('destroy', 'g', '--connect', m.uri)
    # The boot files are for QEMU only: MRTD does not hold them, and measure wants a kernel that EFI would start.
    m.write(tdx, **dict(members))
    flags = ['--tee', 'tdx', '--firmware', FIRMWARE, '--memory', members.get('memory', '512MiB')]
    predicted = m.ask('measure', *flags)['measurements']['mrtd']
    must(state['mrtd'] == predicted, f'the module measured {state["mrtd"]}, measure says {predicted}')
    return state


@case
def the_host(m):
    """the host command finds TDX there, and says what is missing"""
    found = json.dumps(m.ask('host'))
    said = subprocess.run([*ON_FORKY, 'qemu-system-x86_64', '--version'], capture_output=True, text=True, check=True, timeout=patient()).stdout
    version = re.search(r'version (\d+\.\d+)\.', said)  # whichever that release has
    must(version and f'QEMU {version[1]} with tdx-guest' in found, f'expected the QEMU of {said[:60]!r}, found {found}')


@case
def guests(m):
    """CPUs, memory, identities"""
    for vcpus, memory in ((1, '512MiB'), (2, '3GiB'), (4, '1GiB')):
        state = launched(m, vcpus=vcpus, memory=memory)
        must(state['vcpus'] == vcpus and state['attributes'] == '0000000010000000', f'found {state["vcpus"]} vCPUs, attributes {state["attributes"]}')
    m.put('init-data', 'version = "0.1.0"\nalgorithm = "sha384"\n\n[data]\n')
    with open(m.path('init-data'), 'rb') as f:
        digest = hashlib.sha384(f.read()).hexdigest()
    state = launched(m, tdx={'init_data': 'init-data', 'mrowner': '11' * 48})
    must(state['mrconfigid'] == digest, f'expected the digest of init-data as MRCONFIGID, found {state["mrconfigid"]}')
    m.put('shim', fake_kernel())
    launched(m, shim='shim')
    with open(m.path('arguments'), encoding='utf-8') as f:
        arguments = f.read().split('\n')
    must('-shim' in arguments and arguments[arguments.index('-shim') + 1].endswith('/boot/shim'), f'no shim was handed to QEMU: {arguments}')
    must(state['mrowner'] == '11' * 48 and state['mrownerconfig'] == '00' * 48, f'found {state["mrowner"]}, {state["mrownerconfig"]}')


@case
def interrupted(m):
    """the module is short of entropy, and takes pages a few at a time"""
    m.qemu(TEESIM_NO_ENTROPY='5', TEESIM_CHUNK='100')
    try:
        launched(m)
    finally:
        m.qemu()


@case
def refusals(m):
    """what a TD cannot have is refused by name"""
    m.write(cpu='EPYC-v4')
    m.refused('usage', 2, 'tdx.domain.cpu')
    m.write(tdx={'attributes': '0x10000001', 'allow_debug': True})
    m.refused('usage', 2, 'tdx.domain.attributes')
    m.write(tdx={'attributes': '0x0'})
    m.refused('usage', 2, 'tdx.domain.attributes')
    m.write(tdx={'quote_service': 'vsock:2:4050'})
    m.refused('usage', 2, 'tdx.domain.quote_service')
    m.write(tuning={'hugepages': '2MiB'})
    m.refused('usage', 2, 'tuning.hugepages')
    m.write(tuning={'migration': True})
    m.refused('usage', 2, 'tdx.domain.cannot')
    must(not os.path.exists(m.state_file), 'a refused guest was launched')


@case
def busy(m):
    """the module refuses at the end: QEMU's words are in the message, and nothing runs"""
    m.qemu(TEESIM_BUSY='1')
    try:
        m.write()
        must('KVM_TDX_FINALIZE_VM' in m.refused('system', 3, 'tdx.launch.busy'), 'the message does not name the call')
        must(not m.ask('list', '--connect', m.uri).get('guests'), 'the refused guest is still there')
    finally:
        m.qemu()


class QuoteService:
    """Plays qgsd (facts of its messages: tdx/guest/qgs.c) at a socket: signs the report that a request has, or answers what it is told."""

    def __init__(self, m, path, answer=None):
        self.m, self.answer, self.requests = m, answer, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(4)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except OSError:
                return
            with c:
                c.settimeout(patient())
                try:
                    self.one(c)
                except (OSError, struct.error, Failed) as e:
                    self.requests.append(e)

    @staticmethod
    def read(c, n):
        data = b''
        while len(data) < n:
            piece = c.recv(n - len(data))
            must(piece, f'{len(data)} bytes, and then an end where {n} were expected')
            data += piece
        return data

    def one(self, c):
        n = struct.unpack('>I', self.read(c, 4))[0]
        must(n < 1 << 16, f'a request of {n} bytes')
        message = self.read(c, n)
        self.requests.append(message)
        if self.answer is None:
            quote = self.m.sign(message[24 + 128:24 + 192])
            body = struct.pack('<II', 0, len(quote)) + quote
            answer = struct.pack('<HHIII', 1, 1, 1, 16 + len(body), 0) + body
        else:
            answer = self.answer
        c.sendall(struct.pack('>I', len(answer)) + answer)

    def end(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(patient())


def asks(m, answer=None, service=True):
    """A guest that starts and asks for a quote: what it got, what the service was asked, what the module measured."""
    path, result = m.path('run/qgs.socket'), m.path('quote.json')
    for old in (path, result):
        if os.path.lexists(old):
            os.unlink(old)
    m.qemu(TEESIM_RUN='quote', TEESIM_QUOTE=result)
    q = QuoteService(m, path, answer) if service else None
    try:
        m.write({'quote_service': '/run/qgs.socket', 'mrowner': '22' * 48})
        must(m.launch()['state'] == 'running', 'the guest does not run')
        wait_until(lambda: f'the guest got no answer; the service was asked {q and q.requests}', lambda: os.path.exists(result))
        with open(result, encoding='ascii') as f, open(m.state_file, encoding='ascii') as s:
            return json.load(f), q.requests if q else [], json.load(s)
    finally:
        m.ask('destroy', 'g', '--connect', m.uri, status=None)
        if q:
            q.end()
        m.qemu()


@case
def quotes(m):
    """QEMU takes a guest's report to the quote service that the domain names, and back comes a quote that verify takes"""
    got, requests, state = asks(m)
    must(got['returned'] == '0' and got['status'] == '0', f'QEMU answered {got["returned"]}, status {got["status"]}')
    must(len(requests) == 1 and isinstance(requests[0], bytes), f'the service was asked {requests}')
    kind, report = struct.unpack('<HHIII', requests[0][:16]), requests[0][24:24 + 1024]
    must(kind == (1, 1, 0, len(requests[0]), 0) and struct.unpack('<II', requests[0][16:24]) == (1024, 0), f'the request begins {requests[0][:24].hex()}')
    must(report[528:576].hex() == state['mrtd'] and report[624:672] == b'\x22' * 48, 'the report is not the one that the guest gave')
    data = bytes(0xa0 + i for i in range(64))
    must(report[128:192] == data, f'REPORTDATA is {report[128:192].hex()}')
    with open(m.path('quote'), 'wb') as f:
        f.write(bytes.fromhex(got['quote']))
    args = ('verify', '--tee', 'tdx', m.path('quote'), '--collateral', m.path('intel'), '--test-root', m.path('intel/root.pem'), '--report-data')
    claims = m.ask(*args, data.hex())['claims']
    must(claims['mrtd'] == state['mrtd'] and claims['mrowner'] == '22' * 48, f'the quote is of {claims["mrtd"]}, {claims["mrowner"]}')
    m.ask(*args, data[::-1].hex(), status=5)


@case
def no_quotes(m):
    """a service that refuses, answers nonsense or is not there: the guest is told, and runs on"""
    for answer, service in ((struct.pack('<HHIII', 1, 1, 1, 16, 0x12005), True), (b'HTTP/1.1 400 Bad Request', True), (None, False)):
        got, _, _ = asks(m, answer, service)
        must(got['returned'] == '0' and int(got['status'], 16) >> 63 and not got['quote'], f'{answer}: the guest got {got}')


def missing():
    if os.geteuid():
        return 'only root can run libvirt\'s daemon'
    if not os.path.exists(os.path.join(TREE, 'packages')) or not os.path.exists(FIRMWARE):
        return 'forky\'s tree or firmware is missing; run tools/fetch-forky and tools/fetch-firmware'
    if subprocess.run([*ON_FORKY, 'qemu-system-x86_64', '--version'], capture_output=True).returncode:
        return 'forky\'s QEMU cannot be run here (no mount namespace can be made?)'
    return None


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('cases', nargs='*')
    p.add_argument('--build', default='build')
    a = p.parse_args()
    if missing():
        print(f'SKIP: {missing()}')
        return 77
    folder, m, failed = tempfile.mkdtemp(prefix='tdl', dir='/tmp'), None, 0
    try:
        m = Machine(os.path.abspath(a.build), folder)
        for f in CASES:
            if a.cases and f.__name__ not in a.cases:
                continue
            begin, why = time.time(), ''
            try:
                f(m)
            except Failed as e:
                why = str(e)
            except Exception:
                why = traceback.format_exc()
            failed += bool(why)
            print(f'{"FAILED" if why else "ok"} {f.__name__} ({time.time() - begin:.0f} s): {f.__doc__}' + (f'\n    {why}' if why else ''), flush=True)
    finally:
        if m:
            m.end()
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
