# SPDX-License-Identifier: Apache-2.0
"""Each check name of docs/CHECKS.md stands in a test, or among the exceptions with a reason."""
import json
import re

from checks import DOC, documented

EXCEPTIONS = 'tests/lint/untested.json'
# What is no test: the rules and their exceptions, inputs, and what was made of real machines.
NO_TESTS = re.compile(r'tests/(lint|fuzz/corpus|vectors)/.*')


def stands_in(name, words):
    """Is the whole name among the words of the tests? <n> is a number, a word, or what prints one."""
    if '<' not in name:
        return name in words
    whole = re.compile(re.sub(r'<[a-z-]+>', r'(?:[0-9A-Za-z_-]+|%[a-z]+)', re.escape(name)))
    return any(whole.fullmatch(w) for w in words)


def state(tree):
    """(rows of the document, names that stand in a test, exceptions)"""
    words = {w.rstrip('.') for n in tree.names
             if n.startswith('tests/') and re.search(r'\.(c|h|py|sh)$', n) and not NO_TESTS.fullmatch(n)
             for w in re.findall(r'[\w.%-]*\.[\w.%-]+', tree.text(n))}
    rows = documented(tree)
    exceptions = json.loads(tree.text(EXCEPTIONS)) if EXCEPTIONS in tree.names else {}
    return rows, {n for n in rows if stands_in(n, words)}, exceptions


def shrink(tree):
    """The exceptions without those that are tested or gone; nothing is added by itself."""
    rows, in_tests, exceptions = state(tree)
    return {n: reason for n, reason in exceptions.items() if n in rows and n not in in_tests}


def tested(tree):
    rows, in_tests, exceptions = state(tree)
    for name, found in sorted(rows.items()):
        if name not in in_tests and name not in exceptions:
            yield DOC, found[0][0], f'no test names {name}; write one that is refused by this check'
        if name in in_tests and name in exceptions:
            yield EXCEPTIONS, 1, f'{name} is tested: remove the exception (lint.py --pin does)'
    for name in sorted(set(exceptions) - set(rows)):
        yield EXCEPTIONS, 1, f'{name} is not in {DOC}: remove the exception (lint.py --pin does)'
    for name, reason in sorted(exceptions.items()):
        if not reason.strip():
            yield EXCEPTIONS, 1, f'{name} has no reason'
