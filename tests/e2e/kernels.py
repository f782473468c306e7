#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each Debian kernel from its unchanged package: the agent starts, finds its disk, proves what runs and opens the disk. One boot each.

    kernels.py --build DIR [12 | 12-backports | 13 | 14 ...]
"""
import argparse
import os
import sys
import tempfile
import time

from env import Case, Env, Failed, say_to, twice

KERNELS = {'12': [], '12-backports': ['--backports'], '13': ['--suite', 'trixie'], '14': ['--suite', 'forky']}


def get_release(env):
    return os.path.basename(env.modules()[0])


def boot(env, base, name):
    """Why this kernel did not get its disk, or ''."""
    c = Case(env, base, f'k{name}')
    try:
        c.prepare()
        c.launch()
        c.must_unlock()
        release = get_release(env)
        c.must(f'Linux version {release} ' in c.console(), f'expected Linux {release} to have started')
    except Failed as e:
        return str(e)
    finally:
        c.end()
    return ''


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('kernels', nargs='*', default=list(KERNELS))
    p.add_argument('--build', default='build')
    a = p.parse_args()
    say, failed = say_to(), 0
    with tempfile.TemporaryDirectory(prefix='svk', dir='/tmp') as base:  # short: UNIX socket paths lie below it
        os.makedirs(os.path.join(base, 's'))
        for folder in (base, os.path.join(base, 's')):
            os.chmod(folder, 0o755)
        for name in a.kernels:
            env = type('KernelEnv', (Env,), {'FETCH': KERNELS[name]})(os.path.abspath(a.build), say)
            begin = time.time()
            why = twice(lambda: boot(env, base, name))
            failed += bool(why)
            print(f'{"FAILED" if why else "ok"} Debian {name}, {get_release(env)} ({time.time() - begin:.0f} s)' + (f'\n    {why}' if why else ''), flush=True)
    return failed > 0


sys.exit(main())
