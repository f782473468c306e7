# SPDX-License-Identifier: Apache-2.0
"""What documents show as typed at a prompt is taken by the program as it is: the command is there, with these options and so many arguments."""
import re
import shlex

from manual import COMMON

PROMPT = re.compile(r'[a-z0-9]*\$ (secure-vm .*)')


def lines_of(text):
    """(line, what was typed) of each command of secure-vm in a code block, continued lines joined."""
    inside, rows = False, text.splitlines()
    for i, row in enumerate(rows):
        if row.startswith('```'):
            inside = not inside
        m = PROMPT.match(row) if inside else None
        if not m:
            continue
        line, more = m.group(1), i
        while line.endswith('\\') and more + 1 < len(rows):
            more += 1
            line = line[:-1] + rows[more].strip()
        yield i + 1, line


def split_words(words, options):
    """(arguments, long options given) as the program reads them; `options` says which take a value."""
    given, plain, skip = [], [], False
    for w in words:
        if skip:
            skip = False
        elif w.startswith('--'):
            name, _, value = w[2:].partition('=')
            given.append(name)
            skip = not value and bool(options.get(name))
        else:
            plain.append(w)
    return plain, given


def count_arguments(words):
    """The fewest and the most of "NAME [FILE...]"."""
    named = words.split()
    least = len([w for w in named if not w.startswith('[')])
    return least, 99 if '...' in words else len(named)


def judge(line, table):
    """What is wrong with it, or None."""
    words = shlex.split(line, comments=True)[1:]
    name = next((' '.join(words[:n]) for n in (2, 1) if ' '.join(words[:n]) in table), None)
    if not name:
        return f'there is no command "{" ".join(words[:2])}"'
    arguments, options = table[name]
    plain, given = split_words(words[len(name.split()):], options)
    unknown = [o for o in given if o not in options and o not in COMMON]
    if unknown:
        return f'{name} has no --{unknown[0]}'
    least, most = count_arguments(arguments)
    if not least <= len(plain) <= most and 'help' not in given:
        return f'{name} takes "{arguments}", found {len(plain)} arguments'
    return None


def compare(name, text, table):
    for number, line in lines_of(text):
        wrong = judge(line, table)
        if wrong:
            yield name, number, wrong


def typed(tree, commands):
    table = {c['name']: (c['arguments'], {o['name']: o['argument'] for o in c['options']}) for c in commands}
    for name in ['README.md', *tree.match(r'docs/[A-Z]+\.md')]:
        yield from compare(name, tree.text(name), table)
