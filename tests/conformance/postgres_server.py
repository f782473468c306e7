# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL server, run by an ordinary user, in a folder of the test's."""
import glob
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient, wait_until  # noqa: E402

# The server refuses root.
AS_USER = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] if os.getuid() == 0 else []
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = on
max_connections = 100
wal_level = replica
"""


def programs():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin/postgres'), key=lambda p: int(p.split('/')[4]))
    if not found:
        raise SystemExit('FAILED: no PostgreSQL on this machine: tools/setup installs it')
    return os.path.dirname(found[-1])


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, folder, name):
        self.bin, self.data, self.port = programs(), os.path.join(folder, name), free_port()
        self.log = self.data + '.log'

    def run(self, name, *args, check=True):
        command = [*AS_USER, os.path.join(self.bin, name), *args]
        r = subprocess.run(command, capture_output=True, text=True, timeout=120 + patient(), cwd='/', env={**os.environ, 'LC_ALL': 'C'})
        if check and r.returncode:
            raise SystemExit(f'FAILED: {name} {args}: {r.stdout}{r.stderr}')
        return r

    def configure(self, more=''):
        with open(os.path.join(self.data, 'postgresql.auto.conf'), 'a', encoding='ascii') as f:
            f.write(f'{SETTINGS}port = {self.port}\n{more}')

    def make(self):
        self.run('initdb', '-D', self.data, '-U', 'broker', '-A', 'trust', '-E', 'UTF8', '--locale', 'C.UTF-8')
        self.configure()
        self.start()

    def start(self):
        # Not to a pipe: the server keeps it open.
        self.run('pg_ctl', '-D', self.data, '-w', '-t', str(int(patient())), '-l', self.log, 'start')

    def sql(self, text):
        return self.run('psql', '-h', '127.0.0.1', '-p', str(self.port), '-U', 'broker', '-d', 'postgres', '-Atc', text).stdout.strip()

    def stop(self):
        if os.path.exists(os.path.join(self.data, 'postmaster.pid')):
            self.run('pg_ctl', '-D', self.data, '-m', 'immediate', 'stop', check=False)


def make_folder():
    folder = tempfile.mkdtemp(prefix='svpg', dir='/tmp')
    os.chmod(folder, 0o755)
    if os.getuid() == 0:
        os.chown(folder, 65534, 65534)
    return folder


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
