# SPDX-License-Identifier: Apache-2.0
"""docs/LIFE.md has a row for each command of a guest's life, names no other, and the tests that its tables name exist."""
import re

from threats import NAMED, exists, programs, rows

DOC = 'docs/LIFE.md'
TABLE = 'launcher/cli/main.c'
GROUPS = ('Guests:', 'Guests that have a name here:', 'Guests between hosts:')
TWO = ("States of a guest's disks:", 'Guests in a cluster:')  # commands of two words


def commands(tree):
    """The names of the commands in main.c's groups of guests."""
    for heading, body in re.findall(r'\{"(?:\\n)?([^"]*)",\s*\{([^}]*)\}\}', tree.text(TABLE)):
        if heading in GROUPS:
            yield from (c.replace('_', '-') for c in re.findall(r'&sv_cmd_(\w+)', body))
        if heading in TWO:
            yield from (c.replace('_', ' ') for c in re.findall(r'&sv_cmd_(\w+)', body))


def life(tree):
    if DOC not in tree.names:
        return
    known, there, said = programs(tree), set(commands(tree)), {}
    for line, cells in rows(tree.text(DOC), 'Verbs'):
        if len(cells) != 6:
            yield DOC, line, f'expected verb, keeper, TEE, interface, fails, proved by, found {len(cells)} cells'
            continue
        for verb in re.findall(r'`([a-z-]+(?: [a-z]+(?=`))?)', cells[0]):
            said[verb] = line
        named = NAMED.findall(cells[-1])
        if not named:
            yield DOC, line, 'no test proves this row: name one as `PROGRAM: CASE`'
        for program, case in named:
            if not exists(tree, known, program, case):
                yield DOC, line, f'there is no test {program}: {case}'
    for section in ('Faults', 'Traps'):
        for line, cells in rows(tree.text(DOC), section):
            named = NAMED.findall(cells[-1])
            if len(cells) != 3 or not named:
                yield DOC, line, 'expected what happens, what holds, and the tests that prove it'
            for program, case in named:
                if not exists(tree, known, program, case):
                    yield DOC, line, f'there is no test {program}: {case}'
    for verb in sorted(there - set(said)):
        yield DOC, 1, f'the command {verb} is in no row'
    for verb in sorted(set(said) - there):
        yield DOC, said[verb], f'there is no command {verb} for guests'
