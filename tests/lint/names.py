# SPDX-License-Identifier: Apache-2.0
"""A name stands for one function: in a backtrace, for a breakpoint, for grep."""
import re

from tree import line_of

# A program has one main.
SHARED = {'main'}
# The EFI stub has no C library and no base/core/err.c: these files are its own.
FREESTANDING = ('stub/console.c', 'stub/libc.c')
DEFINITION = re.compile(r'^(?!(?:else|return|typedef|struct\s+\w+\s*\{))[A-Za-z_][^;{}()=#\n]*?[\s*](\w+)\((?:[^;{}]*?)\)\s*\n\{', re.M)


def definitions(tree):
    found = {}
    for name in tree.c_files():
        if name.endswith('.c') and name not in FREESTANDING:
            code = tree.code(name)
            for m in DEFINITION.finditer(code):
                found.setdefault(m.group(1), []).append((name, line_of(code, m.start(1))))
    return found


def names(tree):
    for function, places in sorted(definitions(tree).items()):
        files = sorted({f for f, _ in places})
        if len(files) < 2 or function in SHARED:
            continue
        for f, line in places:
            others = ', '.join(x for x in files if x != f)
            yield f, line, f'{function}() is defined in {others} too; give it a name that says what it does here'
