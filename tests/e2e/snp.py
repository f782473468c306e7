#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain with SEV-SNP evidence, on a machine without SEV: `secure-vm launch` of the guest file on the simulated platform
(tests/teesim/machine.py) gives what the platform measured; the kernel, initramfs and command line that its QEMU got then boot for real
(emulated), and the platform's signer answers behind the guest kernel's own configfs-tsm or /dev/sev-guest, with reports of that very
launch. Launcher, agent, broker and policy are the shipped ones; only the policy's root is the test's.

    snp.py --build DIR [--list] [--keep] [CASE...]
"""
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from emulated import KEEP, MODULE, EmulatedCase, EmulatedEnv, main, no_compiler
from env import MARKER, TOP, Failed, run
from patience import wait_until

sys.path.insert(0, os.path.join(TOP, 'tests/teesim'))
import machine

CPU = 'EPYC-v4'
CREDENTIAL = 'io.systemd.credential:e2e=x'
HOST_DATA = bytes(range(1, 33)).hex()
CASES = []


def case(f):
    CASES.append(f)
    return f


class SnpEnv(EmulatedEnv):
    def init(self):
        return [os.path.join(MODULE, 'init.c'), f'-I{TOP}', f'-I{self.build}', *(os.path.join(self.build, f) for f in (
            'sev/libsv-sev-guest.a', 'sev/libsv-sev-verify.a', 'tee/libsv-tee.a', 'ovmf/libsv-ovmf.a', 'guest/libsv-guest.a',
            'base/libsv-base.a')), '-ljson-c', '-lcrypto']

    def inputs(self):
        return [os.path.join(MODULE, 'teesim_guest.c'), os.path.join(MODULE, 'init.c')]


class SnpCase(EmulatedCase):
    def __init__(self, env, base, name):
        super().__init__(env, base, name)
        self.machine = machine.Machine(env.simulator, tempfile.mkdtemp(dir=os.path.join(base, 's')))
        run(env.signer, 'pki', self.path('pki'))
        self.guest.update(tee='sev-snp', cpu=CPU, vcpus=1, firmware=machine.firmware(),
                          disks=[{'path': self.path('root.img'), 'id': 'root'}],
                          tees={'sev-snp': {'test_root': self.path('pki/ark.pem'), 'allow_host_acpi': True}})

    def make_collateral(self, crl):
        self.collateral = self.path('collateral')
        os.makedirs(self.collateral)
        shutil.copy(self.path(f'pki/{crl}'), os.path.join(self.collateral, 'crl.der'))
        shutil.copy(self.path('pki/chain.pem'), os.path.join(self.collateral, 'ca.pem'))

    # --- the platform: the shipped launcher, up to the first instruction ---

    def platform(self, edit=None, pki='pki'):
        """Launches the guest file; what the platform measured. edit: a host that launches something else (machine.Machine.qemu)."""
        self.pki = self.path(pki)
        self.state_file = self.machine.state_file
        self.machine.forget_result()
        self.machine.qemu(edit)
        r = self.machine.run(self.env.vm, 'launch', self.file, '--json')
        self.result, state = json.loads(r.stdout or '{}'), self.machine.result()
        if r.returncode or not state or state['outcome'] != 'launched':
            raise Failed(f'the launch ended with {r.returncode}: {r.stdout} {r.stderr[-800:]}; the platform saw {state}')
        with open(f'/proc/{self.result["qemu_pid"]}/cmdline', encoding='utf-8') as f:
            words = f.read().split('\0')
        self.boots = {o: words[words.index(o) + 1] for o in ('-kernel', '-initrd', '-append')}
        for option, path in (('-kernel', self.env.kernel), ('-initrd', self.env.initrd)):
            if self.boots[option].startswith(self.machine.guests + '/'):  # the launcher's copy, which goes with the guest
                self.boots[option] = path
        run_there = self.machine.run(self.env.vm, 'destroy', 'g')
        if run_there.returncode:
            raise Failed(f'destroy: {run_there.stderr[-400:]}')
        return state

    # --- the guest, emulated; boot('device') is one whose kernel has no configfs-tsm ---

    def served(self, port):
        return ['serve', self.pki, self.state_file, port]

    def end(self, keep=False):
        self.machine.run(self.env.vm, 'destroy', 'g')
        super().end(keep)


def device_says(c, digest, provider):
    """What the guest's /sbin/init got from /dev/sev-guest."""
    said = [line.split('e2e-device: ', 1)[1].strip() for line in c.console().splitlines() if 'e2e-device: ' in line]
    expected = [f'configfs-tsm: {provider}', f'report: digest {digest}, data ours, 0 certificates', f'extended report: digest {digest}, data ours, 3 certificates',
                'keys: 32 bytes, asked again the same, of other fields another']
    refused = [line for line in said if line.startswith('key: snp.response.status') and 'VMPL' in line]
    c.must(len(refused) == 1 and [line for line in said if line not in refused] == expected, f'/dev/sev-guest said {said}')


def unlocks(c, *how):
    digest = c.platform()['digest']
    predicted = json.loads(run(c.env.vm, 'measure', c.file, '--json').stdout)['measurements']['launch_digest']
    if predicted != digest:
        raise Failed(f'the platform measured {digest}, measure says {predicted}')
    c.boot(*how)
    grounds = c.must_unlock()
    c.must(grounds.startswith('sev-snp evidence') and '; appraised as affirming' in grounds, f'expected grounds of sev-snp evidence, whole, found: {grounds}')
    c.must('option ROM' in grounds and 'ACPI' in grounds and 'clock' in grounds, f'expected what the proof does not show, found: {grounds}')
    device_says(c, digest, 'none' if 'device' in how else 'sev_guest')


@case
def snp_unlock(c):
    """an SNP guest whose launch is the predicted one gets its disk; its device gives reports, certificates and keys"""
    c.prepare()
    unlocks(c)


@case
def snp_host_says(c):
    """after the unlock the host has neither the console nor a say: a credential in SMBIOS, a kernel that would show it, an init that asks"""
    c.guest['cmdline'] = c.guest['cmdline'].replace(KEEP, '')
    c.more_machine = lambda: ['-smbios', f'type=11,value={CREDENTIAL}']
    c.prepare()
    c.platform()
    c.boot()
    c.must(c.status == 0, 'expected the guest to get its disk')
    wait_until(lambda: f'the root never said that it runs: {c.outside()}', lambda: MARKER in c.outside())
    c.must('the console leaves the host' in c.console(), 'expected the agent to say so')
    c.must(not [w for w in ('e2e-', 'switch-root: ') if w in c.console()], 'the root has the console')
    c.must('e2e-host: /sys/firmware/memmap\n' in c.outside(), f'expected no table of the host\'s, found {c.outside()}')


@case
def snp_device(c):
    """the same with host data, on a kernel without configfs-tsm: the agent falls back to /dev/sev-guest"""
    c.guest['tees']['sev-snp']['host_data'] = HOST_DATA
    c.prepare()
    unlocks(c, 'device')


@case
def snp_list(c):
    """the policy wants a revocation list, the broker has one that names nobody"""
    c.make_collateral('crl.der')
    c.guest['tees']['sev-snp']['require'] = {'crl': True}
    c.prepare()
    unlocks(c)


@case
def snp_revoked(c):
    """AMD's list names the ASK that vouches for the chip's VCEK"""
    c.make_collateral('crl-revoked.der')
    c.prepare()
    c.platform()
    c.boot()
    c.must_refuse('proof', 'snp.chain.revoked')


@case
def snp_other_command_line(c):
    """the host adds a word to the command line"""
    c.prepare()
    c.platform('s/^console=ttyS0 .*$/& quiet/')
    c.must(c.boots['-append'].endswith(' quiet'), 'the host did not')
    c.boot()
    c.must_refuse('policy', 'policy.launch_digest')


@case
def snp_other_kernel(c):
    """the host launches another kernel"""
    other = os.path.join(c.machine.dir, 'kernel')
    shutil.copy(c.env.kernel, other)
    with open(other, 'ab') as f:
        f.write(bytes(16))
    c.prepare()
    c.platform(f's#^.*/boot/kernel$#{other}#')
    c.must(c.boots['-kernel'] == other, 'the host did not')
    c.boot()
    c.must_refuse('policy', 'policy.launch_digest')


@case
def snp_other_host_data(c):
    """the host gives the guest other host data than its file says"""
    c.guest['tees']['sev-snp']['host_data'] = HOST_DATA
    c.prepare()
    state = c.platform('s/"host-data":"A/"host-data":"B/')
    c.must(state['host_data'] != HOST_DATA, 'the host did not')
    c.boot()
    c.must_refuse('policy', 'policy.host_data')


@case
def snp_debug(c):
    """the host launches the guest with the debug bit"""
    c.prepare()
    c.platform('s/"policy":196608/"policy":720896/')
    c.boot()
    c.must_refuse('policy', ('policy.guest_policy', 'policy.debug'))


@case
def snp_old_firmware(c):
    """the policy wants a newer firmware of the chip than it has"""
    c.guest['tees']['sev-snp']['require'] = {'reported_tcb': {'snp': 255}}
    c.prepare()
    c.platform()
    c.boot()
    c.must_refuse('policy', 'policy.reported_tcb.snp')


@case
def snp_foreign_root(c):
    """a chip that another root vouches for"""
    run(c.env.signer, 'pki', c.path('other'))
    c.prepare()
    c.platform(pki='other')
    c.boot()
    c.must_refuse('proof', 'snp.chain.root')


def bare(c, **collateral):
    """A host that gives no certificates, and a broker configured so."""
    with open(c.path('pki/no-certificates'), 'w', encoding='ascii'):
        pass
    c.prepare()
    c.broker.stop()
    config = os.path.join(c.broker.dir, 'config.json')
    with open(config, encoding='utf-8') as f:
        told = json.load(f)
    with open(config, 'w', encoding='utf-8') as f:
        json.dump({**told, 'collateral': collateral} if collateral else told, f)
    c.broker.start()
    c.platform()
    c.boot()


@case
def snp_bare_report(c):
    """the host gives no certificates, the broker takes them from a folder"""
    folder = c.path('folder')
    os.mkdir(folder)
    for file, kind in (('vcek.der', 'vek.der'), ('chain.pem', 'ca.pem'), ('crl.der', 'crl.der')):
        shutil.copy(c.path('pki/' + file), os.path.join(folder, kind))
    bare(c, offline=folder)
    c.must_unlock()
    taken = [r.get('collateral') for r in c.broker.audit() if r['action'] == 'attest']
    c.must(taken == ['vek offline, ca offline, crl offline'], f'expected what was taken in the audit record, found {taken}')


@case
def snp_no_certificates(c):
    """the host gives no certificates, nor has the broker any"""
    bare(c)
    c.must_refuse('proof', 'snp.vek.missing')


def missing():
    """What this machine lacks for the simulator, or None."""
    return machine.missing() or no_compiler()


if __name__ == '__main__':
    sys.exit(main('snp', __doc__, CASES, SnpEnv, SnpCase, missing))
