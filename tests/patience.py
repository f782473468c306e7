# SPDX-License-Identifier: Apache-2.0
"""Waiting in tests for what must come. The seconds are many, as they pass only when a test fails; on a machine that is slower still,
SV_TEST_PATIENCE (a number) multiplies them."""
import os
import time

PATIENCE = 60  # seconds, where nothing calls for others


class Failed(Exception):
    """A case did not end as it must."""


def patient(seconds=PATIENCE):
    factor = float(os.environ.get('SV_TEST_PATIENCE') or 1)
    return seconds * (factor if factor > 0 else 1)


def wait_until(what, ready, seconds=PATIENCE, pause=0.02):
    """What ready() says once it is true, asked with pauses of so many seconds; Failed with `what` (a text, or a function that makes one) when that takes longer."""
    end = time.monotonic() + patient(seconds)
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > end:
            raise Failed(f'waited {patient(seconds):.0f} s in vain: {what() if callable(what) else what}')
        time.sleep(pause)
