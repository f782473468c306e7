#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package is not removed under a guest that runs: what its prerm says to guests of which each state of the lock is made here. The host has its
settings back before the program is gone, and a purge takes nothing of others.

    removal.py PRERM POSTRM
"""
import fcntl
import os
import subprocess
import sys
import tempfile


def remove(script, base, action='remove'):
    """Without programs of ours: it must not depend on their working."""
    text = script.replace('/var/lib/secure-vm/', base + '/')
    assert text != script, 'the folder of the guests is not in the script'
    return subprocess.run(['sh', '-s', action], input=text, capture_output=True, text=True, env={'PATH': '/usr/bin:/bin'})


def make_lock(base, name):
    os.mkdir(os.path.join(base, name))
    return open(os.path.join(base, name, 'lock'), 'w', encoding='utf-8')


def undo(script, base):
    """The words of the programs that prerm calls, in their order; each of them fails."""
    said = os.path.join(base, 'said')
    for name in ('deb-systemd-invoke', 'secure-vm'):
        path = os.path.join(base, 'bin', name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(f'#!/bin/sh\necho {name} "$@" >>{said}\nexit 3\n')
        os.chmod(path, 0o755)
    text = script.replace('/var/lib/secure-vm/', f'{base}/lib/').replace('/run/systemd/system', base)
    r = subprocess.run(['sh', '-s', 'remove'], input=text, capture_output=True, text=True, check=False, env={'PATH': f'{base}/bin:/usr/bin:/bin'})
    assert r.returncode == 0, f'a removal failed by what it undoes: {r.stderr}'
    with open(said, encoding='utf-8') as f:
        calls = f.read().splitlines()
    os.remove(said)
    return calls, r.stderr


def try_undo(script):
    with tempfile.TemporaryDirectory() as base:
        assert undo(script, base) == (['deb-systemd-invoke stop secure-vm-tune@*.service'], '')
        os.makedirs(os.path.join(base, 'lib', '.tune'))
        calls, said = undo(script, base)
        assert calls == ['deb-systemd-invoke stop secure-vm-tune@*.service', 'secure-vm tune undo'], calls
        assert 'not all as they were' in said, said


def purge(script):
    """What of /etc is there afterwards."""
    with tempfile.TemporaryDirectory() as base:
        left = []
        for others in ((), ('ca.pem', 'edits/fstab')):
            for path in ('etc/guests/web.json', 'etc/host.json', 'lib/web/status.json', *(f'etc/{p}' for p in others)):
                path = os.path.join(base, path)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, 'w', encoding='utf-8'):
                    pass
            text = script.replace('/var/lib/secure-vm', f'{base}/lib').replace('/etc/secure-vm', f'{base}/etc')
            r = subprocess.run(['sh', '-s', 'purge'], input=text, capture_output=True, text=True, check=False)
            assert r.returncode == 0 and not r.stderr, r
            assert not os.path.exists(os.path.join(base, 'lib')), 'a purge leaves what this host keeps of its guests'
            left.append(sorted(os.path.relpath(os.path.join(d, f), base) for d, _, files in os.walk(base) for f in files) if os.path.exists(f'{base}/etc') else None)
    assert left == [None, ['etc/ca.pem', 'etc/edits/fstab']], left


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        script = f.read()
    with open(sys.argv[2], encoding='utf-8') as f:
        purge(f.read())
    try_undo(script)
    with tempfile.TemporaryDirectory() as base:
        assert remove(script, base).returncode == 0, 'refused where there never was a guest'
        with make_lock(base, 'ended'), make_lock(base, 'one') as one, make_lock(base, 'two') as two:
            os.mkdir(os.path.join(base, 'boot'))
            r = remove(script, base)
            assert r.returncode == 0 and not r.stderr, r
            # the status of such a guest may say that it has failed
            fcntl.flock(one, fcntl.LOCK_EX)
            fcntl.flock(two, fcntl.LOCK_EX)
            r = remove(script, base)
            assert r.returncode != 0 and 'found: one two;' in r.stderr, r
            assert remove(script, base, 'upgrade').returncode == 0, 'an upgrade lets guests run'
        assert remove(script, base).returncode == 0, 'refused although nothing runs'
    print('removal: as expected')


main()
