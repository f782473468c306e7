#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a program does not contain: broker and agent have no code that starts, probes or measures a guest, of any TEE.

    symbols.py BUILD PROGRAM...        none of them has a symbol that a room host/ or measure/ of a TEE defines
    symbols.py --prove BUILD PROGRAM   the proof that the rule fires: this program has some of every such room

The rooms are found by the objects of the build, so that a new TEE is looked for as well.
"""
import functools
import glob
import os
import re
import subprocess
import sys

ROOM = re.compile(r'([a-z0-9]+)/libsv-[a-z0-9-]+\.a\.p/(host|measure)_[^/]*\.o$|([a-z0-9]+)/libsv-[a-z0-9]+-(host|measure)\.a\.p/[^/]*\.o$')


def defined(path):
    """Names that others can see; a linker takes an object of a library whole or not at all."""
    out = subprocess.run(['nm', '-g', '--defined-only', path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines() if re.match(r'[0-9a-f]+ [A-Z] ', line)}


@functools.cache
def rooms(build):
    """{'sev/host': symbols, …}"""
    found = {}
    for path in glob.glob(os.path.join(build, '*/libsv-*.a.p/*.o')):
        m = ROOM.search(path)
        if m:
            found.setdefault(f'{m[1] or m[3]}/{m[2] or m[4]}', set()).update(defined(path))
    return found


def findings(build, program):
    """(room, symbols) of each room that is in the program."""
    have = defined(program)
    if 'main' not in have:
        sys.exit(f'{program}: has no symbols to look at')
    return [(room, sorted(names & have)) for room, names in sorted(rooms(build).items()) if names & have]


def main():
    prove = sys.argv[1] == '--prove'
    build, *programs = sys.argv[2:] if prove else sys.argv[1:]
    if len(rooms(build)) < 2:
        sys.exit(f'{build}: no objects of host/ and measure/ are there')
    bad = 0
    for program in programs:
        found = findings(build, program)
        if prove:
            for room in sorted(set(rooms(build)) - {room for room, _ in found}):
                bad += 1
                print(f'{program}: nothing of {room}/ is found in it, though it is linked with it')
            continue
        for room, names in found:
            bad += 1
            print(f'{program}: has code of {room}/: {", ".join(names[:5])}{" …" if len(names) > 5 else ""}')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
