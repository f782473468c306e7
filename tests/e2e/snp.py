#!/usr/bin/env python3
"""The whole chain with SEV-SNP evidence, on a machine without SEV: QEMU's launch in front of the simulated platform gives the digest, the
same kernel, initramfs and command line then boot for real (emulated), and the platform's signer answers behind the guest kernel's own
configfs-tsm. The agent, the broker and the policy are the shipped ones; only the policy's root is the test's.

    snp.py --build DIR [--list] [--keep] [CASE...]
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from env import CACHE, CLASSES, TOP, Case, Env, Failed, run, say_to

MODULE = os.path.join(TOP, 'tests/teesim/guest')
FIRMWARE = os.path.join(os.path.dirname(CACHE), 'firmware', 'OVMF.amdsev.fd')
CPU = 'EPYC-v4'
CASES = []


def case(f):
    CASES.append(f)
    return f


class SnpEnv(Env):
    FETCH = ['--backports', '--headers']

    def __init__(self, build, say):
        self.signer = os.path.join(build, 'tests', 'teesim', 'teesim-signer')
        self.simulator = os.path.join(build, 'tests', 'teesim', 'teesim.so')
        super().__init__(build, say)

    def inputs(self):
        return [os.path.join(MODULE, 'teesim_guest.c')]

    def modules(self):
        """The kernel's modules and the test's own, built against the kernel's headers."""
        source = os.path.realpath(os.path.join(self.kernel_dir, 'modules'))
        release = os.path.basename(source)
        target = os.path.join(self.dir, 'lib', 'modules', release)
        build = os.path.join(self.dir, 'module')
        shutil.copytree(MODULE, build)
        run('make', '-s', '-C', os.path.join(self.kernel_dir, 'headers'), f'M={build}', 'CONFIG_DEBUG_INFO_BTF_MODULES=', 'modules')
        shutil.copytree(source, target, copy_function=os.link)
        for f in os.listdir(target):  # depmod writes these anew; the links must not reach the kernel's own
            if f.startswith('modules.') and not f.startswith(('modules.builtin', 'modules.order')):
                os.unlink(os.path.join(target, f))
        shutil.copy(os.path.join(build, 'teesim_guest.ko'), target)
        run('/sbin/depmod', '-b', self.dir, release)
        return target, ['--module', 'teesim_guest']


class SnpCase(Case):
    POLICY = 0x30000

    def __init__(self, env, base, name):
        super().__init__(env, base, name)
        self.running = []
        run(env.signer, 'pki', self.path('pki'))
        self.guest.update(tee='sev-snp', cpu=CPU, vcpus=1, firmware=FIRMWARE,
                          disks=[{'path': self.path('root.img'), 'id': 'root'}],
                          tees={'sev-snp': {'test_root': self.path('pki/ark.pem')}})

    def cmdline(self, extra=''):
        a = self.guest['attestation']
        return f'{self.guest["cmdline"]}{extra} securevm.url={a["url"]} securevm.pin={a["pin"]} securevm.resource={a["resource"]} securevm.disk=root'

    # --- the platform: an unmodified QEMU up to the first instruction ---

    def platform(self, policy=POLICY, extra='', pki='pki'):
        self.pki = self.path(pki)
        self.state_file = self.path('platform.json')
        sev = f'sev-snp-guest,id=sev0,cbitpos=0,reduced-phys-bits=1,policy={policy:#x},kernel-hashes=on'
        run('qemu-system-x86_64', '-machine', 'q35,confidential-guest-support=sev0,memory-backend=ram1', '-object',
            'memory-backend-memfd,id=ram1,size=512M', '-m', '512M', '-accel', 'kvm', '-nodefaults', '-display', 'none', '-smp', '1', '-cpu', CPU,
            '-bios', FIRMWARE, '-object', sev, '-kernel', self.env.kernel, '-initrd', self.env.initrd, '-append', self.cmdline(extra), check=False,
            env=dict(os.environ, LD_PRELOAD=self.env.simulator, TEESIM_STATE=self.state_file))
        with open(self.state_file, encoding='ascii') as f:
            state = json.load(f)
        if state['outcome'] != 'launched':
            raise Failed(f'the platform refused the launch: {state}')
        return state

    # --- the guest, emulated ---

    def start(self, *args, log):
        with open(self.path(log), 'wb') as f:
            p = subprocess.Popen([str(a) for a in args], stdout=f, stderr=f, stdin=subprocess.DEVNULL)
        self.running.append(p)
        return p

    def wait_for(self, path):
        for _ in range(100):
            if os.path.exists(path):
                return
            time.sleep(0.05)
        raise Failed(f'{path} does not appear')

    def boot(self, extra='', seconds=120):
        port = self.path('signer')
        self.start(self.env.signer, 'serve', self.pki, self.state_file, port, log='signer.log')
        self.wait_for(port)
        qemu = self.start(
            'qemu-system-x86_64', '-machine', 'q35', '-accel', 'tcg', '-cpu', 'max', '-m', '512M', '-nodefaults', '-display', 'none', '-no-reboot',
            '-kernel', self.env.kernel, '-initrd', self.env.initrd, '-append', self.cmdline(extra),
            '-serial', f'file:{self.path("console.log")}', '-chardev', f'socket,id=platform,path={port}', '-serial', 'chardev:platform',
            '-device', 'virtio-serial-pci', '-chardev', f'file,id=events,path={self.path("events")}',
            '-device', 'virtserialport,chardev=events,name=org.secure-vm.agent', '-device', 'virtio-rng-pci',
            '-netdev', 'user,id=n0', '-device', 'virtio-net-pci,netdev=n0,romfile=',
            '-drive', f'file={self.path("root.img")},format=raw,if=none,id=d0', '-device', 'virtio-blk-pci,drive=d0,serial=root', log='qemu.log')
        end = time.time() + seconds
        self.result, self.status = {}, None
        while time.time() < end and not self.result:
            time.sleep(0.2)
            self.read_events()
            if qemu.poll() is not None and not self.result:
                time.sleep(0.5)
                self.read_events()
                break
        if self.status != 0:
            try:
                qemu.wait(30)  # a refused guest powers off
            except subprocess.TimeoutExpired as e:
                raise Failed(f'the guest neither unlocked nor ended; console: {self.console()[-800:]}') from e
        return self.result

    def read_events(self):
        with open(self.path('events'), encoding='utf-8', errors='replace') as f:
            for line in f:
                if not line.endswith('\n'):
                    return
                event = json.loads(line)
                if event.get('event') == 'unlocked':
                    self.result, self.status = {'ok': True, 'grounds': event.get('grounds', '')}, 0
                elif event.get('event') == 'failed':
                    self.result, self.status = {'ok': False, 'error': event}, CLASSES[event['class']]

    def console(self):
        with open(self.path('console.log'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def end(self):
        for p in self.running:
            if p.poll() is None:
                p.terminate()
                p.wait(20)
        if hasattr(self, 'broker'):
            self.broker.stop()

    def processes(self):
        return {p.pid: p.args[0] for p in self.running if p.poll() is None and 'qemu' in p.args[0]}


@case
def snp_unlock(c):
    """an SNP guest whose launch is the predicted one gets its disk"""
    c.prepare()
    digest = c.platform()['digest']
    predicted = json.loads(run(c.env.vm, 'measure', c.file, '--json').stdout)['measurements']['launch_digest']
    if predicted != digest:
        raise Failed(f'QEMU launched {digest}, measure says {predicted}')
    c.boot()
    grounds = c.must_unlock()
    c.must('sev-snp evidence' in grounds, f'expected sev-snp evidence in the grounds, found: {grounds}')


@case
def snp_other_command_line(c):
    """the host adds a word to the command line"""
    c.prepare()
    c.platform(extra=' init=/bin/sh')
    c.boot(extra=' init=/bin/sh')
    c.must_refuse('policy', 'policy.launch_digest')


@case
def snp_debug(c):
    """the host launches the guest with the debug bit"""
    c.prepare()
    c.platform(policy=0xb0000)
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


def run_case(env, base, function):
    begin, c, why = time.time(), None, ''
    try:
        c = SnpCase(env, base, function.__name__)
        function(c)
    except Failed as e:
        why = str(e)
    except Exception:
        why = traceback.format_exc()
    finally:
        if c:
            c.end()
    return time.time() - begin, why


def missing():
    """What this machine lacks for the simulator, or None."""
    if not os.path.exists('/dev/kvm'):
        return 'there is no /dev/kvm'
    if not os.path.exists(FIRMWARE):
        return 'no firmware for SNP (tools/fetch-firmware)'
    return None if shutil.which('make') and shutil.which('gcc-12') else 'no compiler for kernel modules (make, gcc-12)'


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('cases', nargs='*')
    p.add_argument('--build', default='build')
    p.add_argument('--list', action='store_true')
    p.add_argument('--keep', action='store_true', help='keep the folders of failed cases')
    a = p.parse_args()
    chosen = [f for f in CASES if not a.cases or f.__name__ in a.cases]
    if a.list or len(chosen) < len(a.cases):
        for f in CASES:
            print(f'{f.__name__:24} {f.__doc__}')
        return 0 if a.list else 2
    if missing():
        print(f'SKIP: {missing()}')
        return 77
    try:
        env = SnpEnv(os.path.abspath(a.build), say_to())
    except Failed as e:
        print(f'e2e-snp: FAILED to prepare: {e}', flush=True)
        return 1
    base = tempfile.mkdtemp(prefix='svsnp', dir='/tmp')
    os.makedirs(os.path.join(base, 's'))
    failed = 0
    for f in chosen:
        seconds, why = run_case(env, base, f)
        failed += bool(why)
        print(f'{"FAILED" if why else "ok"} {f.__name__} ({seconds:.0f} s): {f.__doc__}' + (f'\n    {why}' if why else ''), flush=True)
    print(f'e2e-snp: {len(chosen)} cases, {failed} failed', flush=True)
    if failed and a.keep:
        print(f'e2e-snp: kept {base}')
    else:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
