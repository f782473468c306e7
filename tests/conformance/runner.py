#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The runner of boots (tests/e2e/runner.py): each case once, on one processor and on many, also on a machine that never idles; never more at once than it was told,
nor than processors while none idles, nor than eight without a look at memory; what comes after it idles; and a case that ends the program ends it.

    runner.py
"""
import io
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))

import runner  # noqa: E402


def try_machine(processors, jobs, room, most):
    """Twelve cases of which each waits until as many run as are to: `most`."""
    lock, full, counts = threading.Lock(), threading.Event(), {'now': 0, 'most': 0}
    runner.os.cpu_count, runner.has_room = lambda: processors, lambda: room

    def one(f):
        with lock:
            counts['now'] += 1
            counts['most'] = max(counts.values())
            if counts['now'] >= most:
                full.set()
        full.wait()
        with lock:
            counts['now'] -= 1
        return f
    found = sorted(runner.run_beside(range(12), one, jobs))
    assert found == list(range(12)) and counts['most'] == most, f'{processors} processors, {jobs} jobs, room: {room}: {counts}, {found}'


def main():
    for processors, jobs, room, most in ((1, 3, False, 1), (1, 3, True, 3), (1, 1, True, 1), (2, 6, False, 2), (64, 24, False, 8), (64, 24, True, 12), (64, 2, True, 2)):
        try_machine(processors, jobs, room, most)

    hertz = os.sysconf('SC_CLK_TCK')
    runner.open = lambda *_, **__: io.StringIO('cpu ' + ' '.join(str(n * hertz) for n in (100, 20, 300, 4, 5, 600, 700)))
    for own, idle in ((0, 29), (-5, 29), (10, 9)):
        runner.os.nice = lambda _, own=own: own
        assert runner.read_idle() == idle, f'at nice {own}: {runner.read_idle()} s to spare'

    def end(f):
        raise SystemExit(f'ended by {f}')
    try:
        list(runner.run_beside(['x'], end, 1))
        raise AssertionError('the case ended the program, and nobody heard of it')
    except SystemExit as e:
        assert 'ended by x' in str(e), e
    sys.argv = ['runner', '--jobs', '0']
    try:
        runner.read_arguments('', [])
        raise AssertionError('no jobs at once were taken')
    except SystemExit as e:
        assert e.code == 2, e
    print('runner: as many as there is room for')
    return 0


if __name__ == '__main__':
    sys.exit(main())
