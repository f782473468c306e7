#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What systemd itself says of the installed units: it takes them without a warning, they leave their processes little (systemd-analyze's
exposure), and each protection counts in that.

    units.py BROKER-UNIT GUEST-UNIT TUNE-UNIT RECOVER-UNIT OTHERS...
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

SKIP = 77
# What runs, the most exposure, and lines without which it is more. A launcher works as root: QEMU and swtpm have ids of their own, and profiles (so no
# NoNewPrivileges).
BROKER = (r'^ExecStart=/.*/secure-vm-broker serve --config /', 2.0, ('User=', 'ProtectSystem=', 'CapabilityBoundingSet=', 'SystemCallFilter='))
GUEST = (r'^ExecStart=/.*/secure-vm start %i --foreground$', 6.6, ('ProtectSystem=', 'CapabilityBoundingSet=', 'SystemCallFilter=', 'RestrictAddressFamilies='))
# It writes to /sys and /proc as root, and reaches nothing else.
TUNE = (r'^ExecStart=/.*/secure-vm tune apply --profile %i$', 3.5, ('ProtectSystem=', 'CapabilityBoundingSet=', 'SystemCallFilter=', 'RestrictAddressFamilies='))

# Disks are wherever their owner has them, and their labels are root's to give.
RECOVER = (r'^ExecStart=/.*/secure-vm recover --quiet$', 6.0, ('ProtectSystem=', 'CapabilityBoundingSet=', 'SystemCallFilter=', 'RestrictAddressFamilies='))


def without_programs(text):
    """The programs need not be installed."""
    return re.sub(r'^Exec(Start|Stop|StopPost|Reload)=.*$', r'Exec\1=/bin/true', text, flags=re.M)


def analyze(folder, *args):
    return subprocess.run(['systemd-analyze', *args], capture_output=True, text=True, cwd=folder, check=False, timeout=120)


def exposure(text):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'secure-vm-unit.service')
        with open(path, 'w') as f:
            f.write(without_programs(text))
        r = analyze(d, 'security', '--offline=true', '--no-pager', path)
    found = re.search(r'Overall exposure level for .*: ([0-9.]+)', r.stdout)
    if not found:
        sys.exit(f'systemd-analyze says no number: {r.stdout}{r.stderr}')
    return float(found.group(1))


def check(path, runs, most, lines):
    with open(path) as f:
        text = f.read()
    name = os.path.basename(path)
    assert re.search(runs, text, re.M), f'{name} does not start its program'
    whole = exposure(text)
    print(f'{name}: exposure {whole}, at most {most}')
    assert whole <= most, f'{name}: exposure {whole}, expected at most {most}'
    # does the number see what is taken away?
    for line in lines:
        less = exposure(re.sub(rf'^{line}.*\n', '', text, flags=re.M))
        assert less > whole, f'{name}: without {line} the exposure is {less}, not more than {whole}'


def complaints(paths, change=None):
    """Lines of systemd-analyze verify that name our units."""
    with tempfile.TemporaryDirectory() as d:
        for path in paths:
            with open(path) as f:
                text = without_programs(f.read())
            with open(os.path.join(d, os.path.basename(path)), 'w') as f:
                f.write(change(text) if change else text)
        names = [os.path.join(d, os.path.basename(p).replace('@.', '@web.')) for p in paths]
        return [line for line in analyze(d, 'verify', '--man=no', *names).stderr.splitlines() if 'secure-vm' in line]


def main():
    if not shutil.which('systemd-analyze'):
        print('SKIP: no systemd-analyze on this machine')
        return SKIP
    broker, guest, tune, recover, *others = sys.argv[1:]
    check(broker, *BROKER)
    check(guest, *GUEST)
    check(tune, *TUNE)
    check(recover, *RECOVER)
    found = complaints([broker, guest, tune, recover, *others])
    assert not found, found
    both = next(p for p in others if p.endswith('secure-vm-broker.target'))
    with open(both) as f:
        target = re.search(r'^Wants=(.*)$', f.read(), re.M).group(1).split()
    stopped = {os.path.basename(p) for p in (broker, *others) if 'PartOf=' + os.path.basename(both) in open(p).read()}
    assert set(target) == stopped, f'{both} starts {target} and stops {stopped}'
    assert complaints([guest], lambda text: text.replace('PartOf=', 'PartsOf=')), 'verify does not see a wrong line'
    return 0


sys.exit(main())
