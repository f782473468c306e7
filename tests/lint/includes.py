# SPDX-License-Identifier: Apache-2.0
"""A C file includes no header of the project that it uses nothing of."""
import re

from tree import line_of

INCLUDE = re.compile(r'^#include "([^"]+)"$', re.M)
WORD = re.compile(r'\b[A-Za-z_]\w*\b')


def given_by(tree, header):
    """What one header declares: macros, tags, constants, functions, variables and types."""
    code = tree.code(header)
    found = set(re.findall(r'^[ \t]*#[ \t]*define[ \t]+(\w+)', code, re.M))
    code = re.sub(r'^[ \t]*#(?:\\\n|[^\n])*', '', code, flags=re.M)
    found |= set(re.findall(r'\b(?:struct|union|enum)\s+(\w+)\s*[{;]', code))
    for body in re.findall(r'\benum\b[^{;]*\{([^}]*)\}', code):
        found |= {m for part in body.split(',') for m in WORD.findall(part.split('=')[0])}
    found |= set(re.findall(r'\b(\w+)\s*\(', code))
    return found | set(re.findall(r'\b(\w+)(?:\[[^\]]*\])*\s*(?:=[^;]*)?;', re.sub(r'\{[^{}]*\}', '{}', code)))


def brought_by(tree, header, seen):
    """The header and all that it includes itself: a file that uses any of it has its reason."""
    if header not in seen and header in tree.names:
        seen.add(header)
        for inner in INCLUDE.findall(tree.text(header)):
            brought_by(tree, inner, seen)
    return seen


def includes(tree):
    given = {}
    for name in tree.c_files():
        if not name.endswith('.c'):
            continue
        text = tree.text(name)
        used = set(WORD.findall(INCLUDE.sub('', tree.code(name))))
        for m in INCLUDE.finditer(text):
            header = m.group(1)
            if header not in tree.names or header == name[:-2] + '.h':
                continue
            parts = brought_by(tree, header, set())
            for h in parts:
                if h not in given:
                    given[h] = given_by(tree, h)
            if not any(given[h] & used for h in parts):
                yield name, line_of(text, m.start()), f'uses nothing of {header}; remove the include'
