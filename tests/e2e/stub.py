#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measured images (secure-vm image uki) under attack: what a host can put into the machine beside its image, with and without the stub. Real
boots of the distribution's kernel and firmware, emulated; the guest prints what Linux sees.

    stub.py --build DIR [--list] [--keep] [CASE...]
"""
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import aml  # noqa: E402
from env import CACHE, TOP, Failed, patient, run, say_to  # noqa: E402
from runner import read_arguments, run_cases, why_not  # noqa: E402

# Without network and TPM it starts in a tenth of the time; e2e (measured_image) has the one that launch takes.
FIRMWARE = '/usr/share/ovmf/OVMF.fd'
LINE = 'console=ttyS0 panic=-1 no_timer_check MEASURED=1'
EVIL = LINE[:-1] + '0'
MACHINE = ['-machine', 'q35', '-m', '512', '-smp', '1', '-nodefaults', '-no-user-config', '-display', 'none']
# Where the kernel keeps its command line in this machine: the same in each boot, and found by looking in a twin.
MEMORY = (0x1fe00000, 0x1ff00000)
# Where the firmware for SNP looks for the table of hashes (its footer says so; `secure-vm inspect` prints it).
HASHES = 0x810c00
BEYOND = 200 << 10  # bytes that an image may have more than what it carries
CREDENTIAL = 'io.systemd.credential:secure-vm.e2e=host'


class World:
    """The firmware, the kernel, an initramfs of one program, and the images made of them."""

    def __init__(self, build, base, say):
        self.vm, self.dir = os.path.join(build, 'launcher', 'secure-vm'), base
        kernel = run(os.path.join(TOP, 'tools', 'fetch-kernel'), timeout=900).stdout.strip().splitlines()[-1]
        self.kernel = os.path.join(kernel, 'vmlinuz')
        say('an initramfs of one program')
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', self.path('init'), os.path.join(TOP, 'tests/e2e/stub-init.c'))
        with open(self.path('initrd'), 'wb') as f:
            f.write(subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=b'init\n', cwd=base, check=True, capture_output=True).stdout)
        say('the ACPI tables of this firmware and machine')
        run(self.vm, 'image', 'acpi', '--firmware', FIRMWARE, '--machine', 'q35', '--memory', '512MiB', '--vcpus', '1', '--arg=-serial', '--arg=null',
            '--timeout', int(patient(300)), '--out', self.path('acpi'), timeout=600)
        self.write('evil.aml', aml.bad(LINE.encode(), EVIL.encode(), *MEMORY))
        self.make('image.efi')
        self.make('refuse.efi', '--refuse')

    def path(self, name):
        return os.path.join(self.dir, name)

    def beyond(self):
        """Bytes of the image that are neither kernel, initramfs nor command line."""
        return os.path.getsize(self.path('image.efi')) - os.path.getsize(self.kernel) - os.path.getsize(self.path('initrd')) - len(LINE)

    def make(self, name, *more):
        run(self.vm, 'image', 'uki', '--kernel', self.kernel, '--initrd', self.path('initrd'), '--cmdline', LINE, '--acpi', self.path('acpi'),
            '--out', self.path(name), *more)

    def blob(self, name):
        with open(os.path.join(self.path('acpi'), name), 'rb') as f:
            return bytearray(f.read())

    def write(self, name, data):
        with open(self.path(name), 'wb') as f:
            f.write(data)
        return self.path(name)

    def boot(self, *args, seconds=240):
        """What the guest's console says, without the firmware's movements of the cursor."""
        return self.run(['-bios', FIRMWARE, *args], seconds)

    def run(self, args, seconds=240):
        command = ['qemu-system-x86_64', *MACHINE, '-accel', 'tcg', '-cpu', 'max,phys-bits=46', '-no-reboot', '-serial', 'stdio', *args]
        try:
            r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patient(seconds))
        except subprocess.TimeoutExpired as e:
            raise Failed(f'the guest does not end; its console: {clean(e.stdout or b"")[-600:]}') from e
        if r.returncode:
            raise Failed(f'QEMU ended with {r.returncode}: {r.stderr.decode()[-400:]}')
        return Boot(clean(r.stdout))

    def image(self, *args, name='image.efi'):
        return self.boot('-kernel', self.path(name), *args)

    def plain(self, *args):
        return self.boot('-kernel', self.kernel, '-initrd', self.path('initrd'), '-append', LINE, *args)


def clean(raw):
    return re.sub(r'\x1b\[[0-9;=?]*[A-Za-z]|\r', '', raw.decode('latin-1'))


class Boot:
    def __init__(self, console):
        self.console = console
        self.sees = {k: v.split() for k, v in re.findall(r'^sees:(\w+):(.*) :$', console, re.M)}

    def must(self, truth, what):
        if not truth:
            raise Failed(f'{what}; the guest sees {self.sees}; console: {self.console[-1500:]}')

    def says(self, words):
        self.must(words in self.console, f'expected "{words}" on the console')

    def must_be_ours(self):
        """Linux has the image's tables and command line, and nothing of the host's."""
        self.must('end' in self.sees, 'expected the guest to come to its init')
        self.must(' '.join(self.sees['cmdline']) == LINE, 'expected the measured command line')
        tables = sorted(set(self.sees['tables']) - {'data', 'dynamic'})
        self.must(tables == ['APIC', 'DSDT', 'FACP', 'FACS', 'HPET', 'MCFG', 'WAET'], 'expected the measured tables and no others')
        devices = [d.split(':')[0] for d in self.sees['devices']]
        self.must('NONE0002' in devices and 'QEMU0002' not in devices, 'expected no device of fw_cfg')
        self.must(not [d for d in devices if d.startswith('EVIL')], 'a device of the host\'s is there')
        self.must(not self.sees['dmi'], 'expected no SMBIOS')
        self.must([w.split('=')[0] for w in self.sees['systab']] == ['ACPI20'], 'expected one root pointer and nothing else')


# --- the host's own files of fw_cfg ---

def place(world, tables, changes=()):
    """The machine's files with more tables behind those that are there, one pointer each, and single bytes changed. A host that makes them
    itself can leave QEMU's out (acpi=off)."""
    script, blob = world.blob('etc/table-loader'), world.blob('etc/acpi/tables')
    used = len(bytes(blob).rstrip(b'\0'))
    at, command = (used + 63) & ~63, next(i for i in range(0, len(script), 128) if script[i:i + 4] == bytes(4))
    for table in tables:
        target, size = (at + 16, len(table)) if isinstance(table, bytes) else (table, 0)
        struct.pack_into('<I', blob, at, target)
        if size:
            blob[target:target + size] = table
        struct.pack_into('<I56s56sIB', script, command, 2, b'etc/acpi/tables', b'etc/acpi/tables', at, 4)
        command, at = command + 128, (at + 16 + size + 63) & ~63
    for offset, value in changes:
        blob[offset] = value
    args, folder = ['-machine', 'acpi=off'], tempfile.mkdtemp(dir=world.dir)
    for name, data in (('etc/table-loader', script), ('etc/acpi/tables', blob), ('etc/acpi/rsdp', world.blob('etc/acpi/rsdp'))):
        args += ['-fw_cfg', f'name={name},file={world.write(os.path.join(folder, os.path.basename(name)), data)}']
    return args


def find(world, name):
    """Where a table lies in etc/acpi/tables."""
    return bytes(world.blob('etc/acpi/tables')).index(name)


# --- the cases ---

def evil(world):
    return ['-acpitable', 'file=' + world.path('evil.aml')]


def stub_honest(world):
    """The machine that the image was made for."""
    b = world.image()
    b.must_be_ours()
    b.says('secure-vm: 7 ACPI tables of this image, 0 differences on the host')


def stub_size(world):
    """Stub, tables and headers are at most 200 KiB."""
    if not 0 < world.beyond() <= BEYOND:
        raise Failed(f'expected at most {BEYOND} bytes beyond what the image carries, found {world.beyond()}')


def stub_attack_works(world):
    """Without the stub the host's code runs in the measured guest: else the other cases prove nothing."""
    b = world.plain(*evil(world), '-smbios', f'type=11,value={CREDENTIAL}')
    b.must('EVIL0001:00' in b.sees.get('devices', []), 'expected the host\'s device')
    b.must('MEASURED=0' in b.sees['cmdline'], 'expected the host\'s code to have changed the command line')
    b.must(b.sees['dmi'], 'expected SMBIOS')


def stub_ssdt(world):
    """BadAML."""
    b = world.image(*evil(world))
    b.must_be_ours()
    b.must(re.search(r'^secure-vm: ACPI table SSDT at 0x[0-9a-f]+: not expected$', b.console, re.M), 'expected the SSDT to be named')
    b.says('7 ACPI tables of this image, 1 differences on the host')


def stub_refuse(world):
    """The same, and that is final; the honest machine starts."""
    b = world.image(*evil(world), name='refuse.efi')
    b.says('the guest does not start')
    b.says('[stub.refuse]')
    b.must('Linux version' not in b.console and not b.sees, 'the kernel was started')
    world.image(name='refuse.efi').must_be_ours()


def stub_identity(world):
    """A DSDT that says it is another maker's, so that no override of the measured initramfs would replace it."""
    b = world.image('-machine', 'x-oem-id=HOST,x-oem-table-id=EVIL')
    b.must_be_ours()
    b.says(': differs at byte')


def stub_credentials(world):
    """SMBIOS, a command line and a boot entry from outside."""
    b = world.image('-smbios', f'type=11,value={CREDENTIAL}', '-append', EVIL + ' rdinit=/evil')
    b.must_be_ours()
    b.says('a command line from outside is not used')


def stub_extra(world):
    """Tables that Linux would take as code or as data: PSDT, OSDT, one of an OEM's; and a DSDT with one other bit."""
    code = aml.bad(LINE.encode(), EVIL.encode(), *MEMORY)[36:]
    more = [aml.table(name, code) for name in (b'PSDT', b'OSDT', b'SSDT')] + [aml.table(b'OEM1', bytes(64))]
    b = world.image(*place(world, more, [(find(world, b'DSDT') + 60, 0x55)]))
    b.must_be_ours()
    for name in ('PSDT', 'OSDT', 'SSDT', 'OEM1', 'DSDT'):
        b.must(re.search(rf'^secure-vm: ACPI table {name} at 0x[0-9a-f]+: (not expected|differs)', b.console, re.M), f'expected {name} to be named')


def stub_twice(world):
    """Two pointers to one DSDT and one FADT; a table inside another: the firmware itself gives up, or installs the one that it finds."""
    b = world.image(*place(world, [find(world, b'DSDT'), find(world, b'FACP'), find(world, b'APIC') + 8]))
    b.must_be_ours()
    b.must(re.search(r'^secure-vm: .*ACPI table', b.console, re.M), 'expected a difference to be named')


def stub_nothing(world):
    """Loader commands that lead out of their files: the firmware gives up."""
    b = world.image(*place(world, [0x7fffffff]))
    b.must_be_ours()
    b.must(not re.search(r' 0 differences', b.console), 'expected a difference to be named')


def hashes(kernel):
    """The table of hashes as QEMU fills it (target/i386/sev.c): an image, no initramfs, no command line."""
    def guid(text):
        return uuid.UUID(text).bytes_le
    rows = (('97d02dd8-bd20-4c94-aa78-e7714d36ab2a', b'\0'), ('44baf731-3a2f-4bd7-9af1-41e29169781d', b''),
            ('4de79437-abd2-427f-b835-d5b172d2045b', kernel))
    body = b''.join(guid(g) + struct.pack('<H', 50) + hashlib.sha256(data).digest() for g, data in rows)
    return (guid('9438d606-4f22-4cc9-b479-a793d411fd21') + struct.pack('<H', 168) + body).ljust(176, b'\0')


def stub_kernel_hashes(world):
    """Firmware for SNP, which starts the image because its hash is in the launch digest's table, with the host's SSDT."""
    firmware = os.path.join(os.path.dirname(CACHE), 'firmware', 'OVMF.amdsev.fd')
    if not os.path.exists(firmware):
        run(os.path.join(TOP, 'tools', 'fetch-firmware'), timeout=900)
    run(world.vm, 'image', 'acpi', '--firmware', firmware, '--machine', 'q35', '--memory', '512MiB', '--vcpus', '1', '--arg=-serial', '--arg=null',
        '--timeout', int(patient(300)), '--out', world.path('acpi-snp'), timeout=600)
    run(world.vm, 'image', 'uki', '--kernel', world.kernel, '--initrd', world.path('initrd'), '--cmdline', LINE, '--acpi', world.path('acpi-snp'),
        '--out', world.path('snp.efi'))
    with open(world.path('snp.efi'), 'rb') as f:
        table = world.write('hashes', hashes(f.read()))
    b = world.run(['-bios', firmware, '-kernel', world.path('snp.efi'), '-device', f'loader,file={table},addr={HASHES:#x},force-raw=on', *evil(world)])
    b.must_be_ours()
    b.says(' 1 differences on the host')


def stub_no_execute(world):
    """Firmware that executes no memory but what it is told to: the kernel starts, its code and data apart."""
    listed = run(os.path.join(TOP, 'tools', 'fetch-secureboot'), timeout=900).stdout
    parts = dict(line.split(' ', 1) for line in listed.splitlines())
    code = os.path.join(os.path.dirname(parts['code']), 'OVMF_CODE_4M.secboot.strictnx.fd')
    shutil.copy(parts['variables'], world.path('vars.fd'))
    b = world.run(['-machine', 'smm=on', '-cpu', 'max', '-global', 'driver=cfi.pflash01,property=secure,value=on',
                   '-drive', f'if=pflash,format=raw,readonly=on,file={code}', '-drive', f'if=pflash,format=raw,file={world.path("vars.fd")}',
                   '-kernel', world.path('image.efi')])
    b.says("secure-vm: the kernel's code is not written, its data not executed")
    b.must_be_ours()


def stub_damaged(world):
    """What `image uki` would not make: an image without its kernel goes off, and nothing else is started."""
    with open(world.path('image.efi'), 'rb') as f:
        image = f.read()
    world.write('damaged.efi', image.replace(b'.linux\0\0', b'.other\0\0', 1))
    b = world.image(name='damaged.efi')
    b.says('[stub.sections]')
    b.must('Linux version' not in b.console, 'a kernel was started')


CASES = [f for name, f in list(globals().items()) if name.startswith('stub_')]


def main():
    a, status = read_arguments(__doc__, CASES)
    if not a:
        return status
    if not os.path.exists(FIRMWARE):
        print(f'SKIP: {FIRMWARE} is not here (tools/setup installs it)')
        return 77
    return run_cases('stub', a, lambda base: World(a.build, base, say_to()), lambda world, f: why_not(lambda: f(world)))


if __name__ == '__main__':
    sys.exit(main())
