#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which volumes of /etc/crypttab an initramfs opens by attestation (agent/hooks/list-volumes), by each shell that may be /bin/sh; and that neither
initramfs-tools nor dracut makes one when that is not to be told.

    hook_list.py FOLDER_OF_HOOKS
"""
import os
import shutil
import subprocess
import sys
import tempfile

TOKEN = '{"type":"secure-vm","keyslots":["0"],"resource":"default/g/%s"}'
# crypttab (all but "none" have a token), what is listed; None: a refusal
TABLES = [
    ('root UUID=1-2 none luks,discard\n', 'root UUID=1-2 luks,discard\n'),
    ('root UUID=1-2 none luks', 'root UUID=1-2 luks\n'),
    ('# x\n\nroot /dev/vda2\ndata LABEL=data none luks\nnone UUID=3 none luks', 'root /dev/vda2 none\ndata LABEL=data luks\n'),
    ('data UUID=1-2 none luks,noauto\n', ''),
    ('', ''),
    ('../data UUID=1-2 none luks\n', None),
    ('data PARTLABEL=a\\040b none luks\n', None),
    ('none PARTLABEL=a\\040b none luks\n', ''),
]
# What dracut does with a module (dracut-init.sh): it looks at what check returns, and not at what install does.
DRACUT = r"""
dfatal() { echo "$*" >&2; }
require_binaries() { :; }; inst_multiple() { :; }; inst_library() { :; }; inst_libdir_file() { :; }; inst_simple() { :; }
SYSTEMCTL=: systemdsystemunitdir=/x moddir=/x initdir=$2
. "$1"
check || { echo "left out: $?"; exit 0; }
install
echo made
"""


def put_script(source, folder, name):
    with open(os.path.join(source, name), encoding='utf-8') as f:
        text = f.read()
    for word, value in (('@libexecdir@', folder), ('@bindir@', folder), ('/etc/crypttab', f'{folder}/crypttab'), ('"/etc/secure-vm/tokens', f'"{folder}/tokens')):
        text = text.replace(word, value)
    path = os.path.join(folder, os.path.basename(name))
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    os.chmod(path, 0o755)
    return path


def try_table(folder, scripts, shell, table, expected):
    with open(f'{folder}/crypttab', 'w', encoding='utf-8') as f:
        f.write(table)
    made = f'{folder}/made'
    shutil.rmtree(made, ignore_errors=True)
    os.mkdir(made)
    r = subprocess.run([*shell, scripts[0], f'{made}/tokens'], capture_output=True, text=True, check=False)
    assert (r.stdout if r.returncode == 0 else None) == expected, f'{shell}: {table!r}: {r}'
    assert expected is not None or 'secure-vm: /etc/crypttab' in r.stderr.replace(folder, '/etc'), r.stderr
    for line in (expected or '').splitlines():
        with open(f'{made}/tokens/{line.split()[0]}.json', encoding='utf-8') as f:
            assert f.read() == TOKEN % line.split()[0] + '\n'
    r = subprocess.run(['bash', '-c', DRACUT, 'bash', scripts[1], made], capture_output=True, text=True, check=False)
    outcome = (1, '') if expected is None else (0, 'made\n' if expected else 'left out: 255\n')
    assert (r.returncode, r.stdout) == outcome, f'dracut: {table!r}: {r}'


def main():
    with tempfile.TemporaryDirectory() as folder:
        scripts = [put_script(sys.argv[1], folder, name) for name in ('list-volumes', 'dracut/module-setup.sh')]
        os.mkdir(f'{folder}/tokens')
        for name in ('root', 'data'):
            with open(f'{folder}/tokens/{name}.json', 'w', encoding='utf-8') as f:
                f.write(TOKEN % name)
        for shell in (['dash'], ['bash', '--posix'], ['busybox', 'sh']):
            for table, expected in TABLES:
                if shutil.which(shell[0]):
                    try_table(folder, scripts, shell, table, expected)
    print('list-volumes: as crypttab has it')
    return 0


if __name__ == '__main__':
    sys.exit(main())
