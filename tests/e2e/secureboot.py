#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Secure Boot, shim and unified kernel images as a TD measures them, held against real boots: there is no TD here, but OVMF, shim, the stubs
of systemd and the kernel's own stub measure into a TPM what they would measure into a TD's registers, in the same order (UEFI specification
2.10, section 38.4: PCR 1 and 7 are RTMR0, 2 to 6 are RTMR1, 8 to 15 are RTMR2). So each case boots for real, with a TPM and the variable
store that the TD's firmware image is given, and `secure-vm measure --tee tdx --explain` must say every event of it beforehand: all of RTMR1
and RTMR2, and of RTMR0 what concerns Secure Boot.

    secureboot.py --build DIR [--list] [--keep] [CASE...]
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tcg
from env import CACHE, TOP, Failed, run, say_to
from patience import patient, wait_until
from runner import read_arguments, run_cases, why_not

TDX = os.path.join(os.path.dirname(CACHE), 'firmware', 'OVMF.inteltdx.ms.fd')
ENROLLED, KEY, CERT = '/usr/share/OVMF/OVMF_VARS_4M.snakeoil.fd', '/usr/share/ovmf/PkKek-1-snakeoil.key', '/usr/share/ovmf/PkKek-1-snakeoil.pem'
CMDLINE = 'console=ttyS0 quiet panic=-1'
RTMR0 = ('EV_EFI_VARIABLE_DRIVER_CONFIG', 'EV_EFI_VARIABLE_AUTHORITY', 'EV_SEPARATOR')
REFUSED = re.compile(rb'No bootable option|Security Violation')  # firmware, shim
SEPARATOR, NO_ACTION = 4, 3
CASES = []


def case(f):
    CASES.append(f)
    return f


def add_section(image, name, data):
    """A section at the end of a PE image; its signatures go. The table of sections has room behind it, in kernels."""
    d = bytearray(image)
    pe, = struct.unpack_from('<I', d, 0x3c)
    n, optional = struct.unpack_from('<H', d, pe + 6)[0], struct.unpack_from('<H', d, pe + 20)[0]
    table, certificates = pe + 24 + optional, pe + 24 + 112 + 4 * 8
    at, _ = struct.unpack_from('<II', d, certificates)
    if at:
        del d[at:]
        struct.pack_into('<II', d, certificates, 0, 0)
    end = max(size + address for _, size, address in (struct.unpack_from('<8sII', d, table + 40 * i) for i in range(n)))
    address, raw = (end + 0xfff) & ~0xfff, data + bytes(-len(data) % 512)
    d += bytes(-len(d) % 512)
    d[table + 40 * n:table + 40 * n + 40] = struct.pack('<8sIIIIIIHHI', name, len(data), address, len(raw), len(d), 0, 0, 0, 0, 0x40000040)
    struct.pack_into('<H', d, pe + 6, n + 1)
    struct.pack_into('<I', d, pe + 24 + 56, (address + len(raw) + 0xfff) & ~0xfff)
    return bytes(d + raw)


class Machine:
    """What all cases share."""

    def __init__(self, build, say, base):
        self.vm, self.base, self.lock = os.path.join(build, 'launcher', 'secure-vm'), base, threading.Lock()
        say('firmware with Secure Boot, a shim, stubs of unified kernel images')
        self.parts = dict(line.split(' ', 1) for line in run(os.path.join(TOP, 'tools', 'fetch-secureboot'), timeout=900).stdout.splitlines())
        say('the distribution\'s kernel')
        fetched = run(os.path.join(TOP, 'tools', 'fetch-kernel'), '--backports', '--headers', timeout=900).stdout.strip().splitlines()[-1]
        self.kernel = os.path.join(fetched, 'vmlinuz')
        self.key = self.path('db.key')
        run('openssl', 'rsa', '-in', KEY, '-passin', 'pass:snakeoil', '-out', self.key)
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=e2e vendor', '-keyout', self.path('vendor.key'),
            '-out', self.path('vendor.pem'))
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', self.path('init'), os.path.join(TOP, 'tests/e2e/bootlog.c'))
        with open(self.path('initrd'), 'wb') as f:
            subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=b'init\n', stdout=f, cwd=base, check=True)

    def path(self, name):
        return os.path.join(self.base, name)

    def store(self, enrolled):
        return ENROLLED if enrolled else self.parts['variables']

    def td_firmware(self, enrolled):
        """The TD's firmware begins with its variables: the machine's take their place."""
        path = self.path(f'td-{"enrolled" if enrolled else "open"}.fd')
        with self.lock:
            if not os.path.exists(path):
                self.write_td_firmware(path, enrolled)
        return path

    def write_td_firmware(self, path, enrolled):
        with open(TDX, 'rb') as f, open(self.store(enrolled), 'rb') as v:
            image, store = bytearray(f.read()), v.read()
        image[:len(store)] = store
        with open(path, 'wb') as f:
            f.write(image)


class Boot:
    """One case: its files, its prediction, its boot."""

    def __init__(self, machine, name):
        self.m, self.dir = machine, machine.path(name)
        os.makedirs(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def sign(self, image, name, vendor=False):
        key, cert = (self.m.path('vendor.key'), self.m.path('vendor.pem')) if vendor else (self.m.key, CERT)
        run('sbsign', '--key', key, '--cert', cert, '--output', self.path(name), image)
        return self.path(name)

    def sbat_kernel(self):
        """The distribution's kernel with the section that a shim asks for."""
        with open(self.m.kernel, 'rb') as f:
            image = add_section(f.read(), b'.sbat', b'sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\nlinux,1,e2e,linux,1,https://e2e.invalid\n')
        with open(self.path('kernel.sbat'), 'wb') as f:
            f.write(image)
        return self.path('kernel.sbat')

    def uki(self, suite, cmdline=CMDLINE, more=False):
        """Sections behind a stub, as ukify puts them; with `more`, microcode and signed PCRs too."""
        stub, out = self.m.parts[f'stub-{suite}'], self.path('uki')
        headers = run('objdump', '-h', stub).stdout
        at = max(int(m[2], 16) + int(m[1], 16) for m in re.finditer(r'^\s+\d+ \S+\s+([0-9a-f]{8})\s+([0-9a-f]{16})', headers, re.M))
        files = {'.osrel': self.path('os-release'), '.cmdline': self.path('cmdline'), '.initrd': self.m.path('initrd'), '.linux': self.m.kernel}
        with open(files['.osrel'], 'w', encoding='ascii') as f:
            f.write('ID=e2e\nVERSION_ID=1\n')
        with open(files['.cmdline'], 'w', encoding='ascii') as f:
            f.write(cmdline)
        for section, text in {'.pcrsig': '{"sha256":[]}', '.pcrpkey': 'a key, not read here'}.items() if more else ():
            files[section] = self.path(section[1:])
            with open(files[section], 'w', encoding='ascii') as f:
                f.write(text)
        if more:
            files['.ucode'] = self.path('ucode')
            with open(files['.ucode'], 'wb') as f:
                f.write(subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=b'os-release\n', stdout=subprocess.PIPE, cwd=self.dir, check=True).stdout)
        options = []
        for section, path in files.items():
            at = (at + 0xffff) & ~0xffff
            options += ['--add-section', f'{section}={path}', '--change-section-vma', f'{section}={at:#x}']
            at += os.path.getsize(path)
        run('objcopy', *options, stub, out)
        return out

    def shim(self, vendor=False):
        """Debian's shim, signed for this machine's db; with `vendor`, another vendor's certificate in it."""
        path = self.path('shim')
        shutil.copy(self.m.parts['shim'], path)
        if vendor:
            der = self.path('vendor.der')
            run('openssl', 'x509', '-in', self.m.path('vendor.pem'), '-outform', 'DER', '-out', der)
            with open(der, 'rb') as f:
                cert = f.read()
            at = int(re.search(r' \.vendor_cert(?: +[0-9a-f]+){3} +([0-9a-f]+)', run('objdump', '-h', path).stdout)[1], 16)
            with open(path, 'r+b') as f:
                f.seek(at)  # cert.S: sizes, offsets; no list of what is refused
                f.write(struct.pack('<IIII', len(cert), 0, 16, 16 + len(cert)) + cert)
        return self.sign(path, 'shim.signed')

    def measure(self, enrolled, options):
        r = run(self.m.vm, 'measure', '--tee', 'tdx', '--firmware', self.m.td_firmware(enrolled), '--memory', '1GiB', '--vcpus', '1', '--explain',
                '--json', *options)
        return json.loads(r.stdout)

    def boot(self, enrolled, options, seconds=150):
        """The event log; None when the firmware does not start it."""
        shutil.copy(self.m.store(enrolled), self.path('vars.fd'))
        os.chmod(self.path('vars.fd'), 0o644)
        state, control = self.path('tpm'), self.path('tpm.sock')
        os.makedirs(state)
        run('swtpm_setup', '--tpm2', '--tpmstate', state, '--pcr-banks', 'sha256,sha384')
        tpm = subprocess.Popen(['swtpm', 'socket', '--tpm2', '--tpmstate', f'dir={state}', '--ctrl', f'type=unixio,path={control}', '--terminate'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until('swtpm does not listen', lambda: os.path.exists(control))
        qemu = subprocess.Popen(
            ['qemu-system-x86_64', '-machine', 'q35,smm=on', '-accel', 'tcg', '-cpu', 'max', '-m', '1024', '-nodefaults', '-display', 'none',
             '-no-reboot', '-global', 'driver=cfi.pflash01,property=secure,value=on',
             '-drive', f'if=pflash,format=raw,unit=0,file={self.m.parts["code"]},readonly=on',
             '-drive', f'if=pflash,format=raw,unit=1,file={self.path("vars.fd")}', '-serial', f'file:{self.path("console")}',
             '-serial', f'file:{self.path("log")}', '-chardev', f'socket,id=c,path={control}', '-tpmdev', 'emulator,id=t,chardev=c',
             '-device', 'tpm-crb,tpmdev=t', *options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(self.path('qemu.err'), 'wb'))
        try:
            end = time.time() + patient(seconds)
            while qemu.poll() is None and time.time() < end:
                if REFUSED.search(self.read('console')):
                    return None
                time.sleep(0.2)
        finally:
            qemu.kill()
            qemu.wait()
            tpm.kill()
            tpm.wait()
        text = re.search(rb'([0-9a-f]{1000,})\s+end', self.read('log'))  # the firmware writes there as well
        if not text:
            raise Failed(f'no event log; QEMU: {self.read("qemu.err").decode()[-300:]}; console: {self.read("console").decode("utf-8", "replace")[-500:]}')
        return bytes.fromhex(text[1].decode())

    def read(self, name):
        try:
            with open(self.path(name), 'rb') as f:
                return f.read()
        except FileNotFoundError:
            return b''

    def same(self, predicted, log):
        """Register by register, in order; the log has the separator once for each PCR, a TD has it once for each register."""
        steps = {r: [s for s in predicted['steps'] if s['register'] == r] for r in ('rtmr0', 'rtmr1', 'rtmr2')}
        steps['rtmr0'] = [s for s in steps['rtmr0'] if s['type'] in RTMR0]
        seen = {'rtmr0': [], 'rtmr1': [], 'rtmr2': []}
        for pcr, kind, digests, _ in tcg.events(log):
            register = 'rtmr0' if pcr == 7 else 'rtmr1' if 2 <= pcr <= 6 else 'rtmr2' if 8 <= pcr <= 15 else None
            value = digests['sha384'][1].hex()
            if kind == NO_ACTION or not register or (kind == SEPARATOR and register == 'rtmr1' and seen[register][-1:] == [value]):
                continue
            seen[register].append(value)
        for register, expected in steps.items():
            for i in range(max(len(expected), len(seen[register]))):
                a = expected[i]['sha384'] if i < len(expected) else None
                b = seen[register][i] if i < len(seen[register]) else None
                if a != b:
                    raise Failed(f'{register}, event {i + 1}: predicted {expected[i]["what"] if a else "no more"} ({(a or "")[:16]}), the boot has {(b or "no more")[:16]}')
        return sum(len(v) for v in seen.values())

    def check(self, enrolled, kernel=None, uki=None, shim=None, cmdline=CMDLINE):
        predict = ['--uki', uki] if uki else ['--kernel', kernel, '--initrd', self.m.path('initrd')]
        start = ['-kernel', uki or kernel] + ([] if uki else ['-initrd', self.m.path('initrd')])
        if cmdline:
            predict += ['--cmdline', cmdline]
            start += ['-append', cmdline]
        if shim:
            predict += ['--shim', shim]
            start += ['-shim', shim]
        predicted = self.measure(enrolled, predict)
        log = self.boot(enrolled, start)
        return predicted, log

    def agrees(self, enrolled, **what):
        predicted, log = self.check(enrolled, **what)
        if log is None:
            raise Failed('the firmware does not start it')
        for register in ('rtmr1', 'rtmr2'):
            if register not in predicted['measurements']:
                raise Failed(f'{register} is not predicted: {predicted["unpredicted"]}')
        self.same(predicted, log)

    def refused(self, reason, **what):
        predicted, log = self.check(True, **what)
        why = ' '.join(u['reason'] for u in predicted['unpredicted'] if u['name'] == 'rtmr0')
        if log is not None:
            raise Failed('the firmware started it')
        if not re.search(reason, why):
            raise Failed(f'expected a reason like "{reason}", found "{why}"')


@case
def kernel_signed(b):
    """a kernel signed by a key in db: that entry of db is in RTMR0"""
    b.agrees(True, kernel=b.sign(b.m.kernel, 'kernel'))


@case
def kernel_distribution(b):
    """the distribution's kernel, and db knows only another key: predicted not to start, and the firmware does not start it"""
    b.refused('firmware does not start the kernel, which is signed by "Debian Secure Boot', kernel=b.m.kernel)


@case
def shim_kernel(b):
    """a shim, and a kernel behind it that db allows"""
    b.agrees(True, kernel=b.sign(b.sbat_kernel(), 'kernel'), shim=b.shim())


@case
def shim_kernel_without_sbat(b):
    """the same kernel without the section .sbat: predicted not to start, and the shim does not start it"""
    b.refused('shim does not start the kernel, which is without a section .sbat', kernel=b.sign(b.m.kernel, 'kernel'), shim=b.shim())


@case
def shim_vendor(b):
    """a shim with a vendor's certificate, and a unified kernel image behind it that only the vendor has signed (stub of systemd 257)"""
    b.agrees(True, uki=b.sign(b.uki('trixie'), 'uki.signed', vendor=True), shim=b.shim(vendor=True))


@case
def shim_open(b):
    """a shim without Secure Boot"""
    b.agrees(False, kernel=b.sbat_kernel(), shim=b.shim())


@case
def uki_252(b):
    """a unified kernel image, stub of systemd 252, Secure Boot: a command line from outside does not count, nor does microcode"""
    b.agrees(True, uki=b.sign(b.uki('bookworm', more=True), 'uki.signed'), cmdline='console=ttyS0 panic=1')


@case
def uki_254(b):
    """stub of systemd 254, no Secure Boot: a command line from outside replaces the image's own"""
    b.agrees(False, uki=b.uki('bookworm-backports'), cmdline='console=ttyS0 quiet panic=-1 e2e=outside')


@case
def uki_257(b):
    """stub of systemd 257, no Secure Boot, no other command line, microcode and signed PCRs"""
    b.agrees(False, uki=b.uki('trixie', more=True), cmdline=None)


@case
def uki_262(b):
    """stub of systemd 262, Secure Boot, microcode and signed PCRs"""
    b.agrees(True, uki=b.sign(b.uki('forky', more=True), 'uki.signed'), cmdline=None)


def missing():
    for path in (TDX, ENROLLED, KEY):
        if not os.path.exists(path):
            return f'{os.path.basename(path)} is not here (tools/fetch-firmware, package ovmf)'
    return None if shutil.which('sbsign') else 'no sbsign (package sbsigntool)'


def main():
    a, status = read_arguments(__doc__, CASES)
    if not a:
        return status
    if missing():
        print(f'SKIP: {missing()}')
        return 77
    return run_cases('secureboot', a, lambda base: Machine(a.build, say_to(), base),
                     lambda machine, f: why_not(lambda: f(Boot(machine, f.__name__))))


if __name__ == '__main__':
    sys.exit(main())
