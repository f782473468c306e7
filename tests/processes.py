# SPDX-License-Identifier: Apache-2.0
"""What the kernel says of processes."""
import glob


def read_state(path):
    """The letter (proc(5)) in a process's or a thread's stat; "X" when it is there no more."""
    try:
        with open(path, encoding='ascii') as f:
            return f.read().rsplit(')', 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return 'X'


def has_ended(pid):
    """Also when nobody has asked how."""
    return read_state(f'/proc/{pid}/stat') in 'ZX'


def read_states(pid):
    """Of all its threads; empty when it is there no more."""
    return {read_state(p) for p in glob.glob(f'/proc/{pid}/task/*/stat')}


def find_children(pid):
    """Of its first thread; none when it has ended."""
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []
