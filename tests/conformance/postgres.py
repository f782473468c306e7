# SPDX-License-Identifier: Apache-2.0
"""Brokers with a real PostgreSQL: a primary and a standby that each commit waits for, run by an ordinary user. usage: postgres.py BUILD

The store's own tests run on it, then three brokers (test_fleet.c), whose database dies and is replaced by its standby."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402
from postgres_server import make_folder, make_pair, take_over  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])


def run_program(name, **settings):
    r = subprocess.run([os.path.join(BUILD, 'tests', name)], env={**os.environ, **settings}, timeout=300 + 10 * patient(), check=False)
    if r.returncode:
        raise SystemExit(f'FAILED: {name} ends with {r.returncode}')


def main():
    folder = make_folder()
    servers = []
    try:
        servers = make_pair(folder)
        primary, standby = servers
        for name in ('store', 'brokers', 'pending'):
            primary.sql(f'CREATE DATABASE {name}')
        hosts = f'127.0.0.1:{primary.port},127.0.0.1:{standby.port}'
        for name in ('test-broker-store', 'test-broker-count', 'test-broker-migrate'):
            run_program(name, SV_TEST_DATABASE=f'postgresql://broker@127.0.0.1:{primary.port}/store')
        run_program('test-broker-pending', SV_TEST_DATABASE=f'postgresql://broker@127.0.0.1:{primary.port}/pending')
        run_program('conformance/conformance-fleet', SV_TEST_DATABASE=f'postgresql://broker@{hosts}/brokers?target_session_attrs=read-write',
                    SV_TEST_PROMOTE=take_over(folder, primary, standby))
    finally:
        for s in servers:
            s.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print('postgres: ok')


main()
