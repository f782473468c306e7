#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a distribution's initramfs does with each volume (agent/hooks/open-volumes), by each shell that may be /bin/sh: all of them or none, but for those that
crypttab lets the system start without. Agent and cryptsetup are played; a device is any file.

    hook_open.py FOLDER_OF_HOOKS
"""
import os
import shutil
import subprocess
import sys
import tempfile

# Each says what it was asked, and fails for the volumes of its list.
PLAYED = '''#!/bin/sh
echo "{name} $*" >>"{folder}/calls"
case " $* " in
{cases}
esac
'''
ROOT, DATA = 'root {0}/root luks,discard\n', 'data {0}/data luks{1}\n'
ALL = ['root', 'data']
# The initramfs's own tables, and the command line: what it would ask a passphrase for
OWN = {'cryptroot-crypttab': 'other UUID=x none luks\n{0} UUID=y none luks', 'etc-crypttab': '{0} UUID=y none luks\n', 'cmdline': 'quiet root=/dev/mapper/{0} ro\n'}
# options of the volume "data", what is wrong with it, what is open in the end (None: a refusal), the words about it
TABLE = [
    ('', None, ALL, 'volume data is open'),
    (',nofail,_netdev', None, ALL, 'volume data is open'),
    ('', 'absent', None, 'data did not appear within 60 seconds'),
    (',nofail', 'absent', ['root'], 'data is not there; it is left to the system'),
    (',_netdev', 'absent', ['root'], 'data is not there; it is left to the system'),
    ('', 'locked', None, 'volume data was not opened'),
    (',_netdev', 'locked', None, 'volume data was not opened'),
    (',nofail', 'locked', ['root'], 'the system starts without it'),
    (',nofail,_netdev', 'forged', None, 'its header was refused (exit status 5)'),
    (',nofails', 'absent', None, 'data did not appear within 60 seconds'),
]


def put(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)
    os.chmod(path, 0o755)


def prepare(folder, options, wrong):
    for name in ALL:
        if (name, wrong) != ('data', 'absent'):
            put(f'{folder}/{name}', '')
    put(f'{folder}/volumes', ROOT.format(folder) + DATA.format(folder, options))
    header, opened = ('*/data*) exit 5 ;;' if wrong == kind else '' for kind in ('forged', 'locked'))
    opened = opened.replace('*/data*', '*" open "*/data*')
    for name, cases in (('secure-vm-agent', header), ('cryptsetup', opened), ('sleep', '')):
        put(f'{folder}/bin/{name}', PLAYED.format(name=name, folder=folder, cases=cases))


def try_row(script, shell, options, wrong, expected, words, needed=''):
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f'{folder}/bin')
        prepare(folder, options, wrong)
        for name, text in OWN.items():
            put(f'{folder}/{name}', text.format('data' if name == needed else 'root'))
        text = script
        for word, value in (('@bindir@', f'{folder}/bin'), ('/etc/secure-vm', folder), ('/run/', f'{folder}/run-'),
                            ('/cryptroot/', f'{folder}/cryptroot-'), ('/etc/crypttab', f'{folder}/etc-crypttab'), ('/proc/cmdline', f'{folder}/cmdline'), ('[ ! -b ', '[ ! -e ')):
            assert word in text, word
            text = text.replace(word, value)
        put(f'{folder}/open-volumes', text)
        r = subprocess.run([*shell, f'{folder}/open-volumes'], env={'PATH': f'{folder}/bin:/usr/bin:/bin'}, capture_output=True, text=True, check=False)
        with open(f'{folder}/calls', encoding='utf-8') as f:
            calls = f.read().splitlines()
        said = f'{shell}, "{options}", {wrong}: {r.stdout}{r.stderr}{calls}'
        opens = [c.split()[-1] for c in calls if c.startswith('cryptsetup open ')]
        closes = [c.split()[-1] for c in calls if c.startswith('cryptsetup close ')]
        opened = [name for name in opens if f'volume {name} is open' in r.stdout and name not in closes]
        assert (opened if r.returncode == 0 else None) == expected and words in r.stdout, said
        assert expected or closes == ['root'], said
        assert '--allow-discards' in calls[[c.startswith('cryptsetup open ') for c in calls].index(True)], said
        assert not os.path.exists(f'{folder}/run-secure-vm'), said


def main():
    with open(os.path.join(sys.argv[1], 'open-volumes'), encoding='utf-8') as f:
        script = f.read()
    for shell in (['dash'], ['bash', '--posix'], ['busybox', 'sh']):
        for row in TABLE:
            if shutil.which(shell[0]):
                try_row(script, shell, *row)
        for needed in OWN if shutil.which(shell[0]) else ():
            for options, wrong, words in ((',nofail', 'absent', 'within 60 seconds'), (',_netdev', 'absent', 'within 60 seconds'),
                                          (',nofail,_netdev', 'locked', 'volume data was not opened')):
                try_row(script, shell, options, wrong, None, words, needed)
    print('open-volumes: all or none, but for nofail and _netdev')
    return 0


if __name__ == '__main__':
    sys.exit(main())
