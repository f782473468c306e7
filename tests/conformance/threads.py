#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libsecurevm under ThreadSanitizer: the library's own test, whose threads share policies, collateral and files, in a build of its own below this one,
which is kept. A planted race must be found first.

    threads.py BUILD
"""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST = 'test-securevm'  # its case "threads"
RACE = r"""
#include <pthread.h>
static int n;
static void *add(void *arg) { for (int i = 0; i < 1000; i++) n++; return arg; }
int main(void)
{
        pthread_t t[2];
        for (int i = 0; i < 2; i++) pthread_create(&t[i], 0, add, 0);
        for (int i = 0; i < 2; i++) pthread_join(t[i], 0);
        return 0;
}
"""


def run(*command, status=0, **kw):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=patient(900), **kw)
    if p.returncode != status:
        sys.exit(f'{" ".join(command[:6])} ended with {p.returncode}, expected {status}:\n{p.stdout[-8000:]}')
    return p.stdout


def run_sanitized(program, status=0):
    """Where a kernel lays programs out at random further than the sanitizer's map reaches, it is not done."""
    return run('setarch', '-R', program, status=status, cwd=TOP, env={**os.environ, 'SV_SOURCE': TOP, 'TSAN_OPTIONS': 'halt_on_error=1:exitcode=66'})


def find_planted_race():
    with tempfile.TemporaryDirectory() as d:
        with open(f'{d}/race.c', 'w', encoding='ascii') as f:
            f.write(RACE)
        run('gcc', '-fsanitize=thread', '-g', '-o', f'{d}/race', f'{d}/race.c')
        assert 'data race' in run_sanitized(f'{d}/race', 66)
    print('a planted race is found')


def main():
    find_planted_race()
    build = os.path.join(sys.argv[1], 'thread-sanitizer')
    if not os.path.exists(os.path.join(build, 'build.ninja')):
        run('meson', 'setup', '-Db_sanitize=thread', '-Db_lundef=false', '-Doptimization=1', build, TOP)
    run('ninja', '-C', build, f'tests/{TEST}')
    said = run_sanitized(os.path.join(build, 'tests', TEST))
    assert 'OK ] test_threads' in said and 'ThreadSanitizer' not in said, said
    print(f'{TEST}: no race')


if __name__ == '__main__':
    main()
