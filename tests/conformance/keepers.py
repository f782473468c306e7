# SPDX-License-Identifier: Apache-2.0
"""The commands of a guest's life for both keepers, without starting a guest: libvirt's own "test" driver plays the daemon, and
folders with a status play guests of ours. usage: keepers.py SECURE-VM"""
import json
import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
DAEMON = ('--connect', 'test:///default')  # has one guest, "test", which runs; knows no flags of shutdown and undefine


def run(status, *args):
    r = subprocess.run([PROGRAM, *args, '--json'], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert r.returncode == status, f'{args}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    return json.loads(r.stdout)


def fails(status, check, *args):
    error = run(status, *args)['error']
    assert error['check'] == check, f'{args}: {error}'
    return error['message']


def daemon():
    assert run(0, 'list', *DAEMON)['guests'] == [{'name': 'test', 'state': 'running'}]
    shown = run(0, 'show', 'test', *DAEMON)
    assert (shown['name'], shown['state'], shown['connect']) == ('test', 'running', DAEMON[1]), shown
    for command in ('show', 'stop', 'destroy'):
        fails(3, 'virt.absent', command, 'nope', *DAEMON)


def not_there():
    """What a keeper does not do is said by its name, before anything is done."""
    for words in (['reboot'], ['reset'], ['destroy', '--forget']):
        message = fails(2, 'keeper.function', *words, 'test', '--connect', 'nowhere:///')
        assert f'"{" ".join(words)}"' in message and 'a libvirt daemon' in message, message
    r = subprocess.run([PROGRAM, 'console', '--log', 'test', '--connect', 'nowhere:///'], capture_output=True, text=True)
    assert r.returncode == 2 and '"console --log"' in r.stderr and '[keeper.function]' in r.stderr, r


def guest(name, state, console=None):
    folder = os.path.join(os.environ['SECURE_VM_DIR'], name)
    os.makedirs(folder)
    for file, text in (('lock', ''), ('status.json', json.dumps({'name': name, 'state': state})), ('console.log', console)):
        if text is not None:
            with open(os.path.join(folder, file), 'w') as f:
                f.write(text)
    return folder


def ours():
    """A status that says that something runs, and no lock held: its supervisor was killed. An end that was written stays."""
    words = {'starting': 'killed', 'running': 'killed', 'unlocked': 'killed', 'stopped': 'stopped', 'failed': 'failed'}
    for state in words:
        folder = guest(state, state, 'hello\n')
    listed = {g['name']: g['state'] for g in run(0, 'list')['guests']}
    assert listed == words, listed
    for state, word in words.items():
        shown = run(0, 'show', state)
        assert shown['state'] == word and shown['folder'] == os.path.join(os.environ['SECURE_VM_DIR'], state), shown
    log = subprocess.run([PROGRAM, 'console', '--log', 'failed'], capture_output=True, text=True)
    assert (log.returncode, log.stdout) == (0, 'hello\n'), log
    fails(3, 'state.off', 'stop', 'running')
    fails(3, 'state.off', 'reboot', 'running')
    fails(3, 'state.off', 'reset', 'running')
    fails(2, 'reboot.wait', 'reboot', 'running', '--timeout', '0')
    assert run(0, 'destroy', 'running')['state'] == 'stopped'
    assert run(0, 'destroy', '--forget', 'failed')['state'] == 'forgotten' and not os.path.exists(folder)
    for command in ('show', 'stop', 'reboot', 'reset', 'destroy'):
        fails(2, 'state.absent', command, 'nope')


def main():
    with tempfile.TemporaryDirectory(prefix='svk', dir='/tmp') as folder:
        os.environ['SECURE_VM_DIR'] = folder
        for part in (daemon, not_there, ours):
            part()
            print(f'ok: {part.__name__}')


main()
