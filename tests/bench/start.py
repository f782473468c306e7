#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a shell waits for: help, and the guests' names that completion asks for. Beside a program that does nothing, and one that has libcrypto and
does nothing. libvirt and libcurl are loaded by neither (virt-load.c, curl.c). Fails when it takes 10 ms, or a ratio is above its limit.

    start.py --build DIR [--rounds N]
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

from measure import Bench

MOST_MS = 10
LATE = re.compile(r'lib(virt|curl)[^/]*\.so')


def loaded_late(command, env):
    """Which of the libraries that only some commands need this one loads."""
    r = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True, env={**env, 'LD_DEBUG': 'files'})
    return sorted({m.group(0) for m in LATE.finditer(r.stderr)})


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--rounds', type=int, default=100)
    a = a.parse_args()
    b = Bench(os.path.abspath(a.build), a.rounds)
    with tempfile.TemporaryDirectory() as d:
        os.environ['SECURE_VM_DIR'] = d
        commands = {'secure-vm --help': [b.vm, '--help'], 'secure-vm list --json, no guests': [b.vm, 'list', '--json'],
                    'secure-vm-broker --help': [os.path.join(a.build, 'broker/secure-vm-broker'), '--help']}
        *ours, crypto, nothing = b.run(*commands.values(), b.tool('minimal_snp', '/dev/null', 0), ['true'])
        for (name, command), row in zip(commands.items(), ours):
            b.ratio(name, row, 'a program with libcrypto', crypto, 1.5)
            late = loaded_late(command, os.environ)
            slow = row['wall'] * 1e3 > MOST_MS
            b.missed += slow + bool(late)
            print(f'{"  until it ends":56} {row["wall"] * 1e3:7.2f} ms, at most {MOST_MS}; {row["cpu"] / nothing["cpu"]:.1f} x true'
                  f'{"  MISSED" if slow else ""}{"; loads " + ", ".join(late) if late else ""}', flush=True)
        assert loaded_late([b.vm, 'list', '--connect', 'test:///default'], os.environ), 'a library that is loaded is not seen'
    return 1 if b.missed else 0


sys.exit(main())
