#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests in a cluster of three hosts out of namespaces.

    run_ha.py --build DIR [--list] [--keep] [CASE...]
"""
import contextlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guests  # noqa: E402
import cluster  # noqa: E402
import ha  # noqa: E402
import virtual_domain  # noqa: E402
from env import say_to  # noqa: E402
from runner import main  # noqa: E402

WORLD = contextlib.ExitStack()
OWN = [virtual_domain.virtual_domain, virtual_domain.daemon_agent]  # with clusters of their own


class Shared:
    """For a case with a cluster of its own."""

    def __init__(self, e):
        self.env = e

    def end(self, keep=False):
        pass


def prepare(a, _):
    """One cluster for all cases, which run one after the other."""
    say = say_to()
    e = guests.HostsEnv(a.build, say)
    a.jobs = 1
    if set(a.cases) <= set(OWN):
        return lambda name: Shared(e)
    say('a cluster of three hosts')
    hosts = WORLD.enter_context(cluster.Cluster('a', 'b', 'c'))
    return lambda name: Shared(e) if name in [f.__name__ for f in OWN] else ha.Resource(e, hosts, name)


if __name__ == '__main__':
    with WORLD:
        sys.exit(main('ha', __doc__, ha.CASES + OWN, prepare, cluster.missing_cluster))
