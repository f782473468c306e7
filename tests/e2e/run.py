#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End-to-end tests: real boots, real broker, real TPM. Each case has a broker, an encrypted disk and a guest of its own.

    run.py --build DIR [--list] [--jobs N] [--keep] [CASE...]
"""
import argparse
import concurrent.futures
import os
import shutil
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disks  # noqa: F401  its cases join the others
import users  # noqa: F401
import verity  # noqa: F401
from cases import CASES
from env import Case, Env, Failed, say_to, twice


def run_once(env, base, keep, function):
    begin, c, why = time.time(), None, ''
    try:
        c = Case(env, base, function.__name__)
        function(c)
    except Failed as e:
        why = str(e)
    except Exception:
        why = traceback.format_exc()
    finally:
        if c:
            try:
                c.end(keep and bool(why))
            except Exception:
                why = why or traceback.format_exc()
    return function, time.time() - begin, why


def run_case(env, base, keep, function):
    return twice(lambda: run_once(env, base, keep, function))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('cases', nargs='*')
    p.add_argument('--build', default='build')
    p.add_argument('--jobs', type=int, default=2)
    p.add_argument('--list', action='store_true')
    p.add_argument('--keep', action='store_true', help='keep the folders of failed cases')
    a = p.parse_args()
    chosen = [f for f in CASES if not a.cases or f.__name__ in a.cases]
    if a.list or len(chosen) < len(a.cases):
        for f in CASES:
            print(f'{f.__name__:24} {f.__doc__}')
        return 0 if a.list else 2
    say = say_to()
    try:
        env = Env(os.path.abspath(a.build), say)
    except Failed as e:
        print(f'e2e: FAILED to prepare: {e}', flush=True)
        return 1
    base = tempfile.mkdtemp(prefix='sve2e', dir='/tmp')  # short: UNIX socket paths lie below it
    os.makedirs(os.path.join(base, 's'))
    os.chmod(base, 0o755)
    os.chmod(os.path.join(base, 's'), 0o755)
    say(f'{len(chosen)} real boots, {a.jobs} at a time')
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for f, seconds, why in pool.map(lambda f: run_case(env, base, a.keep, f), chosen):
            failed += bool(why)
            print(f'{"FAILED" if why else "ok"} {f.__name__} ({seconds:.0f} s): {f.__doc__}' + (f'\n    {why}' if why else ''), flush=True)
    print(f'e2e: {len(chosen)} cases, {failed} failed', flush=True)
    if failed and a.keep:
        print(f'e2e: kept {base}')
    else:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
