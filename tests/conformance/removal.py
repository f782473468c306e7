#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The package is not removed under a guest that runs: what its prerm says to guests of which each state of the lock is made here.

    removal.py PRERM
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


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        script = f.read()
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
