#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The broker's AppArmor profile: the parser takes it, its unit asks for it by its name, and it is of the program that the unit starts.

    broker_profile.py PROFILE UNIT
"""
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77


def find_parser():
    return shutil.which('apparmor_parser') or shutil.which('apparmor_parser', path='/usr/sbin:/sbin')


def parse(parser, text, *more):
    """What the parser says; it compiles, and loads nothing."""
    with tempfile.NamedTemporaryFile('w', suffix='.profile') as f:
        f.write(text)
        f.flush()
        return subprocess.run([parser, '--skip-kernel-load', '--skip-cache', '--warn=rule-downgraded', *more, f.name], capture_output=True, text=True)


def main():
    parser = find_parser()
    if not parser:
        print('SKIP: no apparmor_parser on this machine (tools/setup)')
        return SKIP
    with open(sys.argv[1], encoding='utf-8') as f:
        profile = f.read()
    with open(sys.argv[2], encoding='utf-8') as f:
        unit = f.read()
    r = parse(parser, profile)
    assert r.returncode == 0, r.stderr
    for flaw in (profile.replace('network inet stream,', 'network inet stream'), profile.replace('<abstractions/base>', '<abstractions/none>')):
        assert flaw != profile and parse(parser, flaw).returncode != 0, 'a flaw in the profile is not seen'
    name = re.search(r'^profile (\S+)', profile, re.M).group(1)
    assert re.search(rf'^AppArmorProfile=-{re.escape(name)}$', unit, re.M), f'the unit does not ask for the profile {name}'
    program, config = re.search(r'^ExecStart=(\S+) serve --config (\S+)/[^/]+$', unit, re.M).groups()
    assert re.search(r'^Type=notify$', unit, re.M), 'the unit does not say when it is ready'
    for rule in (f'{program} mr,', f'owner {config}/** rwkl,', '@{run}/systemd/notify w,'):
        assert rule in profile, f'the profile has no "{rule}"'
    print(f'profile {name}: compiled')
    return 0


if __name__ == '__main__':
    sys.exit(main())
