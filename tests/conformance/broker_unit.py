#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The broker's unit leaves it little: systemd-analyze's exposure is at most 2.0, and each protection counts in it.

    broker_unit.py UNIT
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

MOST = 2.0
SKIP = 77


def exposure(text):
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, 'secure-vm-broker.service')
        with open(path, 'w') as f:
            f.write(re.sub(r'^ExecStart=.*$', 'ExecStart=/bin/true', text, flags=re.M))
        r = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--no-pager', path], capture_output=True, text=True)
    found = re.search(r'Overall exposure level for .*: ([0-9.]+)', r.stdout)
    if not found:
        sys.exit(f'systemd-analyze says no number: {r.stdout}{r.stderr}')
    return float(found.group(1))


def main():
    if not shutil.which('systemd-analyze'):
        print('SKIP: no systemd-analyze on this machine')
        return SKIP
    with open(sys.argv[1]) as f:
        text = f.read()
    assert re.search(r'^ExecStart=/.*/secure-vm-broker serve --config /', text, re.M), 'the unit does not start the broker'
    whole = exposure(text)
    print(f'exposure {whole}, at most {MOST}')
    assert whole <= MOST, f'exposure {whole}, expected at most {MOST}'
    # does the number see what is taken away?
    for line in ('User=', 'ProtectSystem=', 'CapabilityBoundingSet=', 'SystemCallFilter='):
        less = exposure(re.sub(rf'^{line}.*\n', '', text, flags=re.M))
        assert less > whole, f'without {line} the exposure is {less}, not more than {whole}'
    return 0


sys.exit(main())
