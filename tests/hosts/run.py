#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests of libvirt daemons on hosts out of namespaces.

    run.py --build DIR [--list] [--keep] [CASE...]
"""
import contextlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guests  # noqa: E402
import hosts  # noqa: E402
import bad_input  # noqa: E402
import daemon_life  # noqa: E402
import drain  # noqa: E402
import faults  # noqa: E402
import migrate  # noqa: E402
import move  # noqa: E402
from env import say_to  # noqa: E402
from runner import main  # noqa: E402


WORLD = contextlib.ExitStack()


def prepare(a, _):
    """One pair of hosts for all cases, which run one after the other."""
    e = guests.HostsEnv(a.build, say_to())
    pair = WORLD.enter_context(hosts.Hosts('a', 'b'))
    a.jobs = 1
    return lambda name: guests.Guest(e, pair, name)


if __name__ == '__main__':
    with WORLD:
        sys.exit(main('hosts', __doc__, daemon_life.CASES + bad_input.CASES + migrate.CASES + faults.CASES + move.CASES + drain.CASES, prepare, hosts.missing))
