#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each Debian kernel from its unchanged package: the agent starts, finds its disk, proves what runs and opens the disk. One boot each.

    kernels.py --build DIR [12 | 12-backports | 13 | 14 ...]
"""
import argparse
import os
import shutil
import sys
import time

from env import Case, Env, say_to, twice
from runner import make_folder, try_case

KERNELS = {'12': [], '12-backports': ['--backports'], '13': ['--suite', 'trixie'], '14': ['--suite', 'forky']}


def get_release(env):
    return os.path.basename(env.modules()[0])


def boots(c):
    c.prepare()
    c.launch()
    c.must_unlock()
    release = get_release(c.env)
    c.must(f'Linux version {release} ' in c.console(), f'expected Linux {release} to have started')


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('kernels', nargs='*', default=list(KERNELS))
    p.add_argument('--build', default='build')
    a = p.parse_args()
    say, failed = say_to(), 0
    base = make_folder('k')
    for name in a.kernels:
        env = type('KernelEnv', (Env,), {'FETCH': KERNELS[name]})(os.path.abspath(a.build), say)
        begin = time.time()
        why = twice(lambda: try_case(lambda _: Case(env, base, f'k{name}'), boots))
        failed += bool(why)
        print(f'{"FAILED" if why else "ok"} Debian {name}, {get_release(env)} ({time.time() - begin:.0f} s)' + (f'\n    {why}' if why else ''), flush=True)
    shutil.rmtree(base, ignore_errors=True)
    return failed > 0


sys.exit(main())
