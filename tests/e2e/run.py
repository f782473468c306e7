#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End-to-end tests: real boots, real broker, real TPM. Each case has a broker, an encrypted disk and a guest of its own.

    run.py --build DIR [--list] [--jobs N] [--keep] [CASE...]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disks  # noqa: F401  its cases join the others
import net  # noqa: F401
import services  # noqa: F401
import users  # noqa: F401
import verity  # noqa: F401
from cases import CASES
from env import Case, Env, say_to, twice
from runner import read_arguments, run_cases, try_case


def main():
    a, status = read_arguments(__doc__, CASES)
    if not a:
        return status

    def prepare(base):
        env = Env(a.build, say_to())
        return lambda name: Case(env, base, name)
    return run_cases('vtpm', a, prepare, lambda make, f: twice(lambda: try_case(make, f, a.keep)))


sys.exit(main())
