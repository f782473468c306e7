# SPDX-License-Identifier: Apache-2.0
"""Hardening is the first step of each program: where it fails nothing else is done, not even the reading of options."""
import os
import subprocess
import sys

deny, programs = sys.argv[1], sys.argv[2:]
ARGUMENTS = [[], ['--help'], ['--no-such-option'], ['audit', '--config', '/nonexistent'], ['no-such-command']]


def run(argv, **more):
    env = dict(os.environ, **more)
    r = subprocess.run(argv, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    return r.returncode, r.stderr


def main():
    failed = 0
    for program in programs:
        for arguments in ARGUMENTS:
            status, text = run([program] + arguments, LD_PRELOAD=deny, ASAN_OPTIONS='verify_asan_link_order=0')
            if status != 3 or '[base.harden]' not in text:
                print(f'{program} {arguments}: expected status 3 and [base.harden], found {status}: {text}')
                failed += 1
            status, text = run([program] + arguments)
            if '[base.harden]' in text:
                print(f'{program} {arguments}: hardening fails also where the kernel does its part: {text}')
                failed += 1
    return 1 if failed else 0


sys.exit(main())
