# SPDX-License-Identifier: Apache-2.0
"""Brokers with a real PostgreSQL: a primary and a standby that each commit waits for, run by an ordinary user. usage: postgres.py BUILD

The store's own tests run on it, then three brokers (test_fleet.c), whose database dies and is replaced by its standby."""
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient, wait_until  # noqa: E402
from postgres_server import AS_USER, Server, make_folder  # noqa: E402

BUILD = os.path.abspath(sys.argv[1])
def make_pair(folder):
    primary, standby = Server(folder, 'primary'), Server(folder, 'standby')
    primary.make()
    primary.run('pg_basebackup', '-h', '127.0.0.1', '-p', str(primary.port), '-U', 'broker', '-D', standby.data, '-R', '-X', 'stream')
    standby.configure(f"primary_conninfo = 'host=127.0.0.1 port={primary.port} user=broker application_name=standby'\n")
    standby.start()
    primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    primary.sql('SELECT pg_reload_conf()')
    wait_until('the standby does not follow', lambda: primary.sql('SELECT sync_state FROM pg_stat_replication') == 'sync')
    return primary, standby


def take_over(folder, primary, standby):
    """A program that kills the primary as a machine's loss would, and lets the standby take its place."""
    path = os.path.join(folder, 'promote')
    with open(path, 'w', encoding='ascii') as f:
        f.write(f'''#!/bin/sh
head -n 1 {primary.data}/postmaster.pid | xargs kill -9
cd / && exec {' '.join([*AS_USER, primary.bin])}/pg_ctl -D {standby.data} -w promote >/dev/null
''')
    os.chmod(path, 0o755)
    return path


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
        for name in ('test-broker-store', 'test-broker-count'):
            run_program(name, SV_TEST_DATABASE=f'postgresql://broker@127.0.0.1:{primary.port}/store')
        run_program('test-broker-pending', SV_TEST_DATABASE=f'postgresql://broker@127.0.0.1:{primary.port}/pending')
        run_program('conformance/conformance-fleet', SV_TEST_DATABASE=f'postgresql://broker@{hosts}/brokers?target_session_attrs=read-write',
                    SV_TEST_PROMOTE=take_over(folder, primary, standby))
    finally:
        for s in servers:
            s.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print('postgres: ok')


if __name__ == '__main__':
    main()
