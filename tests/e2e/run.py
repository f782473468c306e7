#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End-to-end tests: real boots, real broker, real TPM. Each case has a broker, an encrypted disk and a guest of its own.

    run.py --build DIR [--list] [--jobs N] [--keep] [CASE...]
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import disks  # noqa: F401  its cases join the others
import tuning  # noqa: F401
import life  # noqa: F401
import net  # noqa: F401
import services  # noqa: F401
import snapshots  # noqa: F401
import users  # noqa: F401
import verity  # noqa: F401
from cases import CASES
from env import twice
from runner import main


sys.exit(main('vtpm', __doc__, CASES, again=twice))
