#!/usr/bin/env python3
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
from emulated import EmulatedCase, EmulatedEnv, main, no_compiler
from env import CACHE, TOP, Failed, run

FIRMWARE = os.path.join(os.path.dirname(CACHE), 'firmware', 'OVMF.inteltdx.ms.fd')
FORKY = os.path.join(os.path.dirname(CACHE), 'forky')
BIOS = '/usr/share/seabios/bios-256k.bin'
COLLATERAL = ('tcb_info.json', 'tcb_info_chain.pem', 'qe_identity.json', 'qe_identity_chain.pem', 'pck_crl.der', 'root_ca_crl.der')
CASES = []


def case(f):
    CASES.append(f)
    return f


class TdxCase(EmulatedCase):
    LOG_AREA = 0x10000

    def __init__(self, env, base, name):
        super().__init__(env, base, name)
        self.kernel, self.forged_log = env.kernel, False
        self.make_pki('pki')
        run(env.signer, 'keyless', FIRMWARE, self.path('firmware.fd'))
        # RTMR0 belongs to the machine; MRTD, RTMR1 and RTMR2 say what runs.
        self.guest.update(tee='tdx', vcpus=1, firmware=self.path('firmware.fd'), disks=[{'path': self.path('root.img'), 'id': 'root'}],
                          tees={'tdx': {'test_root': self.path('pki/root.pem'), 'allow_unpredicted': ['rtmr0']}})

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
        self.boots = {'-kernel': self.kernel, '-initrd': self.env.initrd, '-append': self.cmdline(extra)}
        td = 'tdx-guest,id=tdx0' + (f',mrconfigid={base64.b64encode(mrconfigid).decode()}' if mrconfigid else '')
        r = run(os.path.join(TOP, 'tests/teesim/forky'), FORKY, 'qemu-system-x86_64', '-machine',
                'q35,kernel-irqchip=split,confidential-guest-support=tdx0', '-object', td, '-m', '512M', '-accel', 'kvm', '-cpu', 'host', '-nodefaults',
                '-display', 'none', '-smp', '1', '-bios', self.guest['firmware'],
                *(word for option in self.boots.items() for word in option), check=False,
                env=dict(os.environ, FORKY_PRELOAD=self.env.simulator, TEESIM_STATE=self.state_file, TEESIM_TD_ATTRIBUTES=str(attributes)))
        if not os.path.exists(self.state_file):
            raise Failed(f'the launch was refused: {r.stderr[-800:]}')
        run(self.env.signer, 'ccel', self.state_file, self.guest['firmware'], self.kernel, self.env.initrd, self.cmdline(extra), self.ccel)
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
        return ['-bios', self.path('bios'), '-acpitable', f'sig=CCEL,rev=1,oem_id=TEST,oem_table_id=CCEL,data={self.path("ccel.acpi")}']


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
    """a platform that another root vouches for"""
    c.make_pki('other')
    c.prepare()
    c.platform(pki='other')
    c.boot()
    c.must_refuse('proof', 'tdx.root')


@case
def tdx_forged_log(c):
    """the event log is not the one that the registers were made by"""
    c.prepare()
    c.forged_log = True
    c.platform()
    c.boot()
    c.must_refuse('proof', 'tdx.ccel.replay')


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
    sys.exit(main('tdx', __doc__, CASES, EmulatedEnv, TdxCase, missing))
