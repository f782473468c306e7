# SPDX-License-Identifier: Apache-2.0
"""Each check name of docs/CHECKS.md stands in a test, or among the exceptions with a reason."""
import json
import re

from checks import DOC, documented

EXCEPTIONS = 'tests/lint/untested.json'
# What is no test: the rules and their exceptions, inputs, and what was made of real machines.
NO_TESTS = re.compile(r'tests/(lint|fuzz/corpus|vectors)/.*')


def pattern(name):
    """The name as a whole; <n> is a number or what prints one."""
    whole = re.sub(r'<[a-z-]+>', r'(?:[0-9A-Za-z_-]+|%[a-z]+)', re.escape(name).replace(r'\-', '-'))
    return re.compile(r'(?<![\w.-])' + whole + r'(?![\w-]|\.[a-z0-9])')


def tested(tree):
    text = '\n'.join(tree.text(n) for n in tree.names
                     if n.startswith('tests/') and re.search(r'\.(c|h|py|sh)$', n) and not NO_TESTS.fullmatch(n))
    exceptions = json.loads(tree.text(EXCEPTIONS)) if EXCEPTIONS in tree.names else {}
    rows = documented(tree)
    for name, found in sorted(rows.items()):
        in_tests = bool(pattern(name).search(text))
        if not in_tests and name not in exceptions:
            yield DOC, found[0][0], f'no test names {name}; write one that is refused by this check'
        if in_tests and name in exceptions:
            yield EXCEPTIONS, 1, f'{name} is tested: remove the exception'
    for name in sorted(set(exceptions) - set(rows)):
        yield EXCEPTIONS, 1, f'{name} is not in {DOC}: remove the exception'
    for name, reason in sorted(exceptions.items()):
        if not reason.strip():
            yield EXCEPTIONS, 1, f'{name} has no reason'
