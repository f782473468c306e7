#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How many guests a second get their key, and how long each waits: a broker with a file beside one with a PostgreSQL server (broker_rate.c).

    broker_rate.py --build DIR [--rounds N] [--broker PROGRAM]
"""
import argparse
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'conformance'))

from postgres_server import Server, make_folder  # noqa: E402


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--rounds', type=int, default=3)
    a.add_argument('--broker', help='of another tree, for a comparison')
    a = a.parse_args()
    folder = make_folder()
    server = Server(folder, 'server')
    try:
        server.make()
        server.sql('CREATE DATABASE broker')
        command = [os.path.join(a.build, 'tests/bench/bench-broker-rate'), str(a.rounds), a.broker or os.path.join(a.build, 'broker/secure-vm-broker')]
        return subprocess.run(command, env={**os.environ, 'SV_TEST_DATABASE': f'postgresql://broker@127.0.0.1:{server.port}/broker'}, check=False).returncode
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
