#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain with TDX evidence, on a machine without TDX: the launch of forky's QEMU in front of the simulated module gives MRTD; the
same kernel, initramfs and command line then boot for real (emulated), with the event log of that boot behind ACPI's CCEL; the platform's
signer answers behind the guest kernel's own configfs-tsm, with the RTMRs that the log leads to. The agent, the broker, the collateral's
verification and the policy are the shipped ones; only the policy's root is the test's.

    tdx.py --build DIR [--list] [--keep] [CASE...]
"""
import base64
import json
import os
import shutil
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from emulated import MODULE, EmulatedCase, EmulatedEnv, main, no_compiler
from env import CACHE, TOP, Failed, run

FIRMWARE = os.path.join(os.path.dirname(CACHE), 'firmware', 'OVMF.inteltdx.ms.fd')
FORKY = os.path.join(os.path.dirname(CACHE), 'forky')
BIOS = '/usr/share/seabios/bios-256k.bin'
COLLATERAL = ('tcb_info.json', 'tcb_info_chain.pem', 'qe_identity.json', 'qe_identity_chain.pem', 'pck_crl.der', 'root_ca_crl.der')
CASES = []


def case(f):
    CASES.append(f)
    return f


SERVICE = os.path.join(MODULE, 'quote_service.c')
TRANSPORT = 'kernel/net/vmw_vsock/vmw_vsock_virtio_transport.ko'


class TdxEnv(EmulatedEnv):
    def inputs(self):
        return super().inputs() + [SERVICE]

    def modules(self):
        """And a second initramfs, of a guest that has its host's quote service within."""
        modules, more = super().modules()
        program, agent = os.path.join(self.dir, 'quote-service'), self.initrd + '-agent'
        run('cc', '-static', '-O2', '-Wall', '-Werror', '-o', program, SERVICE)
        run(self.vm, 'image', 'initrd', '--kernel-modules', self.local(modules), '--agent', self.agent, '--out', agent, '--quote-port', '4050',
            '--module', 'vsock_loopback', *more)
        with open(program, 'rb') as p, open(agent, 'rb') as a, open(self.initrd + '-service', 'wb') as out:
            out.write(cpio('quote-service', p.read()) + a.read())
        return modules, more

    def local(self, modules):
        """The modules, but for the transport to a host, of which it says that the kernel has it: the emulated machine has no vsock device, and
        with that module loaded the kernel takes connections to the host nowhere else (net/vmw_vsock/af_vsock.c, vsock_use_local_transport)."""
        target = os.path.join(self.dir, 'local', os.path.basename(modules))
        os.makedirs(target)
        for f in os.listdir(modules):
            if f not in ('modules.dep', 'modules.builtin'):
                os.symlink(os.path.join(modules, f), os.path.join(target, f))
        for f, change in (('modules.dep', lambda text: [line for line in text if not line.startswith(TRANSPORT)]),
                          ('modules.builtin', lambda text: text + [TRANSPORT + '\n'])):
            with open(os.path.join(modules, f), encoding='ascii') as old, open(os.path.join(target, f), 'w', encoding='ascii') as new:
                new.writelines(change(old.readlines()))
        return target


def cpio(name, data):
    """An archive ("newc") of one program, as long as the kernel wants it in front of another archive."""
    def entry(n, mode, body):
        head = '070701' + ''.join(f'{v:08x}' for v in (0, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(n) + 1, 0))
        return padded(padded((head + n).encode() + b'\0', 4) + body, 4)

    def padded(b, to):
        return b + bytes(-len(b) % to)
    return padded(entry(name, 0o100755, data) + entry('TRAILER!!!', 0, b''), 512)


class TdxCase(EmulatedCase):
    LOG_AREA = 0x10000

    def __init__(self, env, base, name):
        super().__init__(env, base, name)
        self.kernel, self.initrd, self.forged_log, self.service = env.kernel, env.initrd, False, None
        self.make_pki('pki')
        run(env.signer, 'keyless', FIRMWARE, self.path('firmware.fd'))
        # RTMR0 belongs to the machine; MRTD, RTMR1 and RTMR2 say what runs.
        self.guest.update(tee='tdx', vcpus=1, firmware=self.path('firmware.fd'), disks=[{'path': self.path('root.img'), 'id': 'root'}],
                          tees={'tdx': {'test_root': self.path('pki/root.pem'), 'allow_unpredicted': ['rtmr0'], 'allow_host_acpi': True}})

    def with_service(self, how):
        """A guest with a quote service at its host's vsock, and Intel's file that says so. how: what the service does (teesim-signer serve-qgs)."""
        self.service, self.initrd = how, self.env.initrd + '-service'
        self.guest.update(initrd=self.initrd, cmdline=self.guest['cmdline'] + ' rdinit=/quote-service')

    def make_pki(self, name, *options):
        shutil.rmtree(self.path(name), ignore_errors=True)
        run(self.env.signer, 'intel', self.path(name), *options)

    def prepare(self, behind=False):
        """The broker takes the platform's collateral from a folder."""
        self.collateral = self.path('collateral')
        os.makedirs(self.collateral)
        for f in COLLATERAL:
            shutil.copy(self.path(os.path.join('pki', f)), os.path.join(self.collateral, f.replace('_', '-')))
        super().prepare(behind)

    def cmdline(self, extra):
        a = self.guest['attestation']
        return f'{self.guest["cmdline"]}{extra} securevm.url={a["url"]} securevm.pin={a["pin"]} securevm.resource={a["resource"]} securevm.disk=root'

    # --- the platform: an unmodified QEMU up to the first instruction ---

    def platform(self, extra='', pki='pki', attributes=0, mrconfigid=None):
        self.pki, self.state_file, self.ccel = self.path(pki), self.path('platform.json'), self.path('ccel')
        self.boots = {'-kernel': self.kernel, '-initrd': self.initrd, '-append': self.cmdline(extra)}
        td = 'tdx-guest,id=tdx0' + (f',mrconfigid={base64.b64encode(mrconfigid).decode()}' if mrconfigid else '')
        r = run(os.path.join(TOP, 'tests/teesim/forky'), FORKY, 'qemu-system-x86_64', '-machine',
                'q35,kernel-irqchip=split,confidential-guest-support=tdx0', '-object', td, '-m', '512M', '-accel', 'kvm', '-cpu', 'host', '-nodefaults',
                '-display', 'none', '-smp', '1', '-bios', self.guest['firmware'],
                *(word for option in self.boots.items() for word in option), check=False,
                env=dict(os.environ, FORKY_PRELOAD=self.env.simulator, TEESIM_STATE=self.state_file, TEESIM_TD_ATTRIBUTES=str(attributes)))
        if not os.path.exists(self.state_file):
            raise Failed(f'the launch was refused: {r.stderr[-800:]}')
        run(self.env.signer, 'ccel', self.state_file, self.guest['firmware'], self.kernel, self.initrd, self.cmdline(extra), self.ccel)
        with open(self.state_file, encoding='ascii') as f:
            return json.load(f)

    # --- the guest, emulated ---

    def served(self, port):
        return ['serve-td', self.pki, self.state_file, self.ccel, port]

    def more_machine(self):
        """The log's area lies below the emulated machine's BIOS, in the same rom; ACPI says where."""
        with open(self.ccel, 'rb') as f:
            log = bytearray(f.read())
        if self.forged_log:
            log[-60] ^= 1
        with open(BIOS, 'rb') as f:
            bios = f.read()
        at = len(bios)  # of as much room again below it
        with open(self.path('bios'), 'wb') as f:
            f.write(bytes(log).ljust(at, b'\xff') + bios)
        with open(self.path('ccel.acpi'), 'wb') as f:
            f.write(struct.pack('<BBHQQ', 2, 0, 0, self.LOG_AREA, (1 << 32) - 2 * at))  # TDX
        return [*self.service_machine(), '-bios', self.path('bios'), '-acpitable', f'sig=CCEL,rev=1,oem_id=TEST,oem_table_id=CCEL,data={self.path("ccel.acpi")}']


    def service_machine(self):
        if not self.service:
            return []
        port = self.path('qgs')
        self.start(self.env.signer, 'serve-qgs', self.pki, port, self.service, log='qgs.log')
        self.wait_for(port)
        return ['-chardev', f'socket,id=qgs,path={port}', '-device', 'virtserialport,chardev=qgs,name=org.secure-vm.test.qgs']

    def went(self, platform, *service):
        """Which way the quote came: what the platform was asked for, and what the service at vsock says that it did."""
        for log, expected in (('signer.log', platform), *(('qgs.log', [s]) for s in service)):
            with open(self.path(log), encoding='ascii') as f:
                said = f.read().splitlines()
            self.must(said == expected, f'expected {expected} in {log}, found {said}')
        self.must(self.console().count('e2e-qgs: a connection at vsock port 4050') == len(service), 'the console says otherwise')


@case
def tdx_unlock(c):
    """a TD whose launch and boot are the predicted ones gets its disk"""
    c.prepare()
    mrtd = c.platform()['mrtd']
    predicted = json.loads(run(c.env.vm, 'measure', c.file, '--json').stdout)['measurements']
    if predicted['mrtd'] != mrtd:
        raise Failed(f'QEMU launched {mrtd}, measure says {predicted["mrtd"]}')
    if 'rtmr1' not in predicted or 'rtmr2' not in predicted:
        raise Failed(f'measure predicts only {list(predicted)}')
    c.boot()
    grounds = c.must_unlock()
    c.must('tdx evidence' in grounds, f'expected tdx evidence in the grounds, found: {grounds}')
    c.went(['a quote'])


@case
def tdx_other_command_line(c):
    """the host adds a word to the command line"""
    c.prepare()
    c.platform(extra=' init=/bin/sh')
    c.boot()
    c.must_refuse('policy', 'policy.rtmr2')


@case
def tdx_other_kernel(c):
    """the host starts another kernel"""
    c.prepare()
    c.kernel = c.path('kernel')
    with open(c.env.kernel, 'rb') as f:
        image = bytearray(f.read())
    image[0x1ec] ^= 1  # nobody reads it, the digest covers it
    with open(c.kernel, 'wb') as f:
        f.write(image)
    c.platform()
    c.boot()
    c.must_refuse('policy', 'policy.rtmr1')


@case
def tdx_debug(c):
    """the host's KVM sets the debug bit behind everybody's back"""
    c.prepare()
    c.platform(attributes=1)
    c.boot()
    c.must_refuse('policy', ('policy.debug', 'policy.attributes.clear'))


@case
def tdx_other_configuration(c):
    """the host gives the guest another configuration than the one that the policy names"""
    c.prepare()
    c.platform(mrconfigid=b'x' * 48)
    c.boot()
    c.must_refuse('policy', 'policy.mrconfigid')


@case
def tdx_out_of_date(c):
    """Intel says that the platform is not current"""
    c.make_pki('pki', 'platform=OutOfDate')
    c.prepare()
    c.platform()
    c.boot()
    c.must_refuse('policy', 'policy.tcb.status')


@case
def tdx_revoked(c):
    """Intel has revoked the platform's certificate"""
    c.make_pki('pki', 'revoked=pck')
    c.prepare()
    c.platform()
    c.boot()
    c.must_refuse('proof', 'tdx.pck.revoked')


@case
def tdx_foreign_root(c):
    """a platform that another root vouches for: the broker's revocation lists are not of that root"""
    c.make_pki('other')
    c.prepare()
    c.platform(pki='other')
    c.boot()
    c.must_refuse('proof', 'tdx.pck.crl')


@case
def tdx_forged_log(c):
    """the event log is not the one that the registers were made by"""
    c.prepare()
    c.forged_log = True
    c.platform()
    c.boot()
    c.must_refuse('proof', 'tdx.ccel.replay')


NOTE = 'the quote came from the kernel, not from the service at vsock:2:4050'


@case
def tdx_quote_service(c):
    """the host's quote service at vsock signs the module's report, and the kernel is not asked"""
    c.with_service('sign')
    c.prepare()
    c.platform()
    c.boot()
    grounds = c.must_unlock()
    c.must('tdx evidence' in grounds, f'expected tdx evidence in the grounds, found: {grounds}')
    c.went(['a TDREPORT'], 'signed')
    c.must(NOTE not in c.console(), 'the agent says that it asked the kernel')


@case
def tdx_quote_service_refuses(c):
    """the quote service answers with an error: the kernel is asked, and the agent says why"""
    c.with_service('refuse')
    c.prepare()
    c.platform()
    c.boot()
    c.must_unlock()
    c.went(['a TDREPORT', 'a quote'], 'refused')
    c.must(NOTE in c.console() and '[tdx.qgs.refused]' in c.console(), 'the agent does not say so')


@case
def tdx_quote_service_silent(c):
    """the quote service takes the request and says nothing: the agent waits no longer than it may"""
    c.with_service('silent')
    c.prepare()
    c.platform()
    c.boot()
    c.must_unlock()
    c.went(['a TDREPORT', 'a quote'], 'silent')
    c.must(NOTE in c.console() and '[tdx.qgs.answer]' in c.console(), 'the agent does not say so')


def missing():
    if not os.path.exists('/dev/kvm'):
        return 'there is no /dev/kvm'
    if not os.path.exists(os.path.join(FORKY, 'packages')):
        return 'there is no QEMU with tdx-guest (tools/fetch-forky)'
    for f in (FIRMWARE, BIOS):
        if not os.path.exists(f):
            return f'there is no {f}'
    return no_compiler()


if __name__ == '__main__':
    sys.exit(main('tdx', __doc__, CASES, TdxEnv, TdxCase, missing))
