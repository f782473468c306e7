# SPDX-License-Identifier: Apache-2.0
"""Changes of one line of C, each what a careless edit does.

    compare   a comparison is inverted, or its boundary moves by one
    delete    `if (X) return sv_fail(...)` never fires
    ignore    the failure of a call is not noticed (`f() < 0` becomes `f() < -1`)
    logic     && and || are exchanged
    number    a number is one larger
"""
import re

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
COMPARISONS = {'==': '!=', '!=': '==', '<': '<=', '<=': '<', '>': '>=', '>=': '>'}
# What no test is about: memory that cannot be had (tests/oom has it), the wording of messages, the preprocessor.
LEFT_OUT = re.compile(r'base\.memory|no memory|alloc|sv_buf_ok|sv_json_ok|asprintf|printf|sv_info|sv_warn|sv_log|^\s*#|static_assert|^\s*(?:\} )?else$')
# Calls that fail only when the system does.
SYSTEM_CALLS = re.compile(r'\b(f?truncate|chdir|chroot|mount|mkdir|close|fstat|stat|poll|sv_hash_\w+|setsockopt|fsync)\b')


def blank(text):
    """The text with comments, strings and characters as blanks of the same length."""
    return TOKEN.sub(lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text)


def compare(line, code, _next):
    for m in re.finditer(r'(?<![<>=!\-+*/&|])(==|!=|<=|>=|<|>)(?![<>=])', code):
        op, rest = m.group(1), code[m.end():]
        if op == '<' and re.match(r'\s*(0|-1)\b', rest):
            continue  # the failure of a call: ignore() has it
        if op in '<>' and not rest.startswith(' '):
            continue
        yield line[:m.start()] + COMPARISONS[op] + line[m.end():]


def delete(line, code, following):
    m = re.match(r'(\s*(?:else )?if \()(.*)(\))(?: \{)?$', code)
    if m and 'sv_fail' in following and 'errno' not in following and m.group(2).count('(') == m.group(2).count(')'):
        yield f'{line[:m.start(2)]}0 && ({line[m.start(2):m.end(2)]}){line[m.end(2):]}'


def ignore(line, code, _next):
    for m in re.finditer(r'\) < 0\b', code):
        if not SYSTEM_CALLS.search(code):
            yield line[:m.start()] + ') < -1' + line[m.end():]


def logic(line, code, _next):
    for m in re.finditer(r'&&|\|\|', code):
        if not re.search(r'< 0\s*$', code[:m.start()]):  # steps in a row: ignore() has them
            yield line[:m.start()] + ('||' if m.group(0) == '&&' else '&&') + line[m.end():]


def number(line, code, _next):
    for m in re.finditer(r'(?<![\w.-])(0x[0-9a-fA-F]+|[1-9]\d*)(?![\w.])', code):
        if code[:m.start()].endswith('-') or re.search(r'case\s*$|\[\s*$', code[:m.start()]) or 'sizeof' in code:
            continue
        base = 16 if m.group(1).startswith('0x') else 10
        value = int(m.group(1), base) + 1
        yield line[:m.start()] + (hex(value) if base == 16 else str(value)) + line[m.end():]


OPERATORS = {'delete': delete, 'compare': compare, 'logic': logic, 'ignore': ignore, 'number': number}


def mutants(text):
    """(line from 0, operator, new text of the line) of each change inside functions and tables."""
    lines, plain = text.split('\n'), blank(text).split('\n')
    depth = 0
    for i, (line, code) in enumerate(zip(lines, plain)):
        inside, following = depth > 0, lines[i + 1] if i + 1 < len(lines) else ''
        depth += code.count('{') - code.count('}')
        if not inside or not code.strip() or LEFT_OUT.search(line) or LEFT_OUT.search(following):
            continue
        for name, change in OPERATORS.items():
            for new in change(line, code, following):
                yield i, name, new


CONTROL = re.compile(r'(?:\} )?(?:else\b|do$|(?:if|for|while|switch|\w*foreach\w*) ?\()')
LABEL = re.compile(r'(?:case\b.*|\w+):$')


def statement_of(text, line):
    """The lines, from 1, of the statement that a line, from 0, belongs to: the compiler counts a call of several lines to one. What
    follows a condition is a statement of its own."""
    first, depth = 0, 0
    for i, code in enumerate(blank(text).split('\n')):
        code = re.sub(r'^\s*#.*', '', code).strip()
        if first == i:
            begins = code
        depth += code.count('(') - code.count(')')
        if depth <= 0 and (not code or code[-1] in ';{}' or LABEL.match(code) or code[-1] in ')oe' and CONTROL.match(begins)):
            if i >= line:
                return range(first + 1, i + 2)
            first, depth = i + 1, 0
    return range(line + 1, line + 2)
