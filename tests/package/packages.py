#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: built from the tree by tools/package, without a word from lintian, installed, used and purged in a fresh Debian.

    packages.py [--packages DIR]      DIR: packages that are built already
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SKIP = 77


def run(*command, **more):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


def version_of_tree():
    with open(os.path.join(TOP, 'meson.build'), encoding='utf-8') as f:
        return re.search(r"^\s*version: '([^']+)'", f.read(), re.M).group(1)


def depends(debs):
    """What the packages need of others."""
    ours = {run('dpkg-deb', '-f', d, 'Package').strip() for d in debs}
    text = ', '.join(run('dpkg-deb', '-f', d, 'Depends').strip() for d in debs)
    return ', '.join(sorted({d for d in text.split(', ') if d.split(' ')[0] not in ours}))


def archives():
    """apt's own, as sources of the fresh tree: tools/lib.sh knows them."""
    script = f'. {TOP}/tools/lib.sh; r=$(codename); archives | awk -v s=" $r $r-security $r-updates " -v k="$KEYRING" ' \
             '\'index(s, " " $2 " ") { print "deb [signed-by=" k "] " $1 " " $2 " " $3 }\''
    return run('sh', '-c', script, os.path.join(TOP, 'tools/x'))


def check_with_lintian(folder):
    changes, = glob.glob(os.path.join(folder, '*.changes'))
    r = subprocess.run(['lintian', '--fail-on', 'error,warning', '--tag-display-limit', '0', '--allow-root', changes], capture_output=True, text=True)
    assert r.returncode == 0, f'lintian: {r.stdout}{r.stderr}'
    print(f'lintian: no error, no warning\n{r.stdout}', end='', flush=True)


def check_fresh(folder, debs):
    """mmdebstrap makes the tree, runs the script in it and throws it away."""
    with tempfile.TemporaryDirectory(prefix='svp', dir='/var/tmp') as work:
        os.chmod(work, 0o755)
        os.mkdir(os.path.join(work, 'packages'))
        for f in [*debs, os.path.join(HERE, 'inside.sh')]:
            shutil.copy(f, os.path.join(work, 'packages'))
        reach = os.path.join(work, 'apt.conf')
        with open(reach, 'w', encoding='utf-8') as f:
            f.write(run('sh', '-c', f'. {TOP}/tools/lib.sh; apt_reach', os.path.join(TOP, 'tools/x')))
        release = run('sh', '-c', f'. {TOP}/tools/lib.sh; codename', os.path.join(TOP, 'tools/x')).strip()
        subprocess.run(['mmdebstrap', '--variant=apt', '--format=null', '--aptopt=' + reach,
                        f'--customize-hook=chroot "$1" apt-get satisfy -q -y --no-install-recommends \'{depends(debs)}\'',
                        f'--customize-hook=copy-in {work}/packages /',
                        f'--customize-hook=chroot "$1" sh /packages/inside.sh /packages {version_of_tree()}',
                        release, '-', '-'], input=archives(), text=True, check=True, timeout=3000)


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--packages')
    a = p.parse_args()
    for program in ('dpkg-buildpackage', 'dh', 'lintian', 'mmdebstrap'):
        if not shutil.which(program):
            print(f'SKIP: no {program} on this machine (tools/setup)')
            return SKIP
    with tempfile.TemporaryDirectory(prefix='svp', dir='/var/tmp') as built:
        folder = a.packages or built
        if not a.packages:
            subprocess.run([os.path.join(TOP, 'tools/package'), folder], check=True, stdout=subprocess.DEVNULL)
        debs = [d for d in sorted(glob.glob(os.path.join(folder, '*.deb'))) if '-dbgsym_' not in d]
        assert {os.path.basename(d).split('_')[0] for d in debs} == {'libsecurevm-dev', 'libsecurevm0', 'secure-vm', 'secure-vm-agent',
                                                                       'secure-vm-broker'}, debs
        check_with_lintian(folder)
        check_fresh(folder, debs)
    return 0


if __name__ == '__main__':
    sys.exit(main())
