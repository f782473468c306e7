# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, all of it and nothing else, and that it finds its own parts there. usage: install.py BUILD"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

MAN = ['man1/clevis-decrypt-secure-vm.1', 'man1/clevis-encrypt-secure-vm.1', 'man3/libsecurevm.3'] + [f'man1/secure-vm{p}.1' for p in ('', '-collateral', '-host', '-id-block', '-launch', '-measure', '-verify')] + \
        ['man5/secure-vm-guest.5', 'man5/secure-vm-broker.json.5', 'man8/secure-vm-agent.8', 'man8/secure-vm-broker.8']
DOCS = ['README.md', 'CHANGELOG.md'] + [f'{d}.md' for d in ('BROKER', 'CHECKS', 'DESIGN', 'DISKS', 'FORMATS', 'HA', 'LIFE', 'THREATS', 'TUNING')]
EXPECTED = {
    'lib/ocf/resource.d/secure-vm/guest',
    'include/secure-vm/securevm.h', *(f'lib/ARCHITECTURE/{f}' for f in ('libsecurevm.so', 'libsecurevm.so.0', 'libsecurevm.so.0.1.0', 'pkgconfig/securevm.pc', 'cryptsetup/libcryptsetup-token-secure-vm.so')),
    'bin/secure-vm', 'bin/secure-vm-agent', 'sbin/secure-vm-broker', 'lib/systemd/system/secure-vm-broker.service', 'lib/systemd/system/secure-vm@.service',
    'lib/systemd/system/secure-vm-recover.service',
    'lib/systemd/system/secure-vm-tune@.service',
    'lib/systemd/system/secure-vm.target', 'lib/systemd/system/secure-vm-broker.socket', 'lib/systemd/system/secure-vm-broker.target',
    'lib/sysusers.d/secure-vm-broker.conf', 'lib/tmpfiles.d/secure-vm.conf',
    *(f'lib/systemd/system/secure-vm-agent-{u}' for u in ('report.service', 'report.timer', 'end.service')), 'lib/systemd/system-shutdown/secure-vm-agent',
    *(f'libexec/secure-vm-agent/{t}-volumes' for t in ('list', 'open', 'boot')),
    'bin/clevis-encrypt-secure-vm', 'bin/clevis-decrypt-secure-vm', 'share/initramfs-tools/hooks/secure-vm', 'share/initramfs-tools/scripts/local-top/secure-vm',
    *(f'lib/dracut/modules.d/90secure-vm/{f}' for f in ('module-setup.sh', 'secure-vm-volumes.service')),
    'share/secure-vm/guest.schema.json', 'share/secure-vm/broker.schema.json', 'share/secure-vm/stub.efi',
    'share/doc/secure-vm/examples/bench-host',
    'share/secure-vm/secure-vm.cil', *(f'etc/apparmor.d/{p}' for p in ('secure-vm-broker', 'secure-vm', 'abstractions/secure-vm', 'abstractions/libvirt-qemu.d/secure-vm')),
    *(f'libexec/secure-vm/{t}' for t in ('fetch-firmware', 'fetch-kernel', 'rootfs', 'lib.sh', 'private-apt.sh')),
    *(f'share/man/{m}' for m in MAN), *(f'share/doc/secure-vm/{d}' for d in DOCS),
    *(f'share/bash-completion/completions/{p}' for p in ('secure-vm', 'secure-vm-broker')),
    *(f'share/zsh/site-functions/_{p}' for p in ('secure-vm', 'secure-vm-broker')),
    *(f'share/fish/vendor_completions.d/{p}.fish' for p in ('secure-vm', 'secure-vm-broker')),
}


def files_below(top):
    found = {os.path.relpath(os.path.join(folder, f), top) for folder, _, files in os.walk(top) for f in files}
    return {re.sub(r'(^|/)lib/[^/]+-linux-gnu/', r'\1lib/ARCHITECTURE/', f) for f in found}


def find_own_parts(prefix):
    """The agent and the stub of this installation are taken without being named; one that lacks them is refused by name."""
    vm, agent = os.path.join(prefix, 'bin/secure-vm'), os.path.join(prefix, 'bin/secure-vm-agent')

    def ask(status, *words):
        r = subprocess.run([vm, *words, '--json'], capture_output=True, text=True, timeout=patient(60), stdin=subprocess.DEVNULL, cwd=prefix)
        assert r.returncode == status, f'{words}: {r.stdout}{r.stderr}'
        return json.loads(r.stdout)

    parts = {p['path']: p['size'] for p in ask(0, 'image', 'initrd', '--out', 'initrd.img')['parts']}
    assert parts['init'] == os.path.getsize(agent), parts
    os.unlink(agent)
    assert ask(3, 'image', 'initrd', '--out', 'none')['error']['check'] == 'image.agent'
    uki = ['image', 'uki', '--out', 'none', '--acpi', 'none', '--kernel', 'none']
    assert ask(3, *uki)['error']['check'] == 'image.kernel'
    os.unlink(os.path.join(prefix, 'share/secure-vm/stub.efi'))
    assert ask(3, *uki)['error']['check'] == 'image.stub'
    assert not os.path.exists(os.path.join(prefix, 'none'))


def examples(page):
    """The JSON objects that a page shows, as their reader would find them in a file."""
    with open(page, encoding='utf-8') as f:
        blocks = re.findall(r'^\.nf\n(\{.*?)^\.fi', f.read(), re.M | re.S)
    assert len(blocks) > 1, f'{page}: {len(blocks)} examples'
    return [b.replace('\\fIHEX\\fR', '0' * 64) for b in blocks]


def check_examples(prefix):
    """What the pages of section 5 show is what the readers take: what they lack is the files that they name."""
    page = os.path.join(prefix, 'share/man/man5/secure-vm-{}.5')
    for format_, command, own in (('guest', [os.path.join(prefix, 'bin/secure-vm'), 'measure'], 'guest.'),
                                  ('broker.json', [os.path.join(prefix, 'sbin/secure-vm-broker'), 'check', '--config'], 'broker.config')):
        for text in examples(page.format(format_)):
            for flaw in ('', '"flaw": 1, '):
                path = os.path.join(prefix, 'example.json')
                with open(path, 'w', encoding='utf-8') as f:
                    f.write(text.replace('{', '{' + flaw, 1))
                r = subprocess.run([*command, path, '--json'], capture_output=True, text=True, timeout=patient(60))
                check = json.loads(r.stdout).get('error', {}).get('check', '')
                assert check.startswith(own) == bool(flaw), f'{text}: {r.stdout}'


def make_folders(prefix):
    """What systemd makes of the tmpfiles: the guests' folder with its rights, and again nothing else."""
    if os.geteuid() != 0 or not shutil.which('systemd-tmpfiles'):
        return
    with tempfile.TemporaryDirectory(prefix='svi', dir='/tmp') as root:
        for _ in range(2):
            subprocess.run(['systemd-tmpfiles', f'--root={root}', '--create', os.path.join(prefix, 'lib/tmpfiles.d/secure-vm.conf')], check=True, timeout=patient(60))
        made = {os.path.join(folder, d): os.stat(os.path.join(folder, d)).st_mode & 0o7777 for folder, folders, _ in os.walk(root) for d in folders}
        assert made.pop(os.path.join(root, 'var/lib/secure-vm')) == 0o711 and set(made) == {os.path.join(root, d) for d in ('var', 'var/lib')}, made


def main():
    with tempfile.TemporaryDirectory(prefix='svi', dir='/tmp') as folder:
        subprocess.run(['meson', 'install', '-C', sys.argv[1], '--no-rebuild', '--quiet', '--destdir', folder], check=True, timeout=patient(300),
                       stdout=subprocess.DEVNULL)
        found = files_below(os.path.join(folder, 'usr/local'))
        assert files_below(folder) == {os.path.join('usr/local', f) for f in found}, f'outside of the prefix: {files_below(folder)}'
        assert found == EXPECTED, f'not installed: {sorted(EXPECTED - found)}; installed, and not expected: {sorted(found - EXPECTED)}'
        for m in MAN:
            path = os.path.join(folder, 'usr/local/share/man', m)
            said = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', path], capture_output=True, text=True, timeout=patient(60)).stdout
            assert not [w for w in said.splitlines() if 'missing date' not in w], said
        make_folders(os.path.join(folder, 'usr/local'))
        check_examples(os.path.join(folder, 'usr/local'))
        find_own_parts(os.path.join(folder, 'usr/local'))
        print(f'{len(found)} files')


main()
