# SPDX-License-Identifier: Apache-2.0
"""docs/THREATS.md says what is so: the tests that its tables name exist, each attack has one, and its limits are those of the verifiers."""
import os
import re

DOC = 'docs/THREATS.md'
CALL = re.compile(r'sv_claims_limit\(\s*\w+,\s*"([^"]*)"\s*,(?:"(?:\\.|[^"\\])*"|[^";])*?,\s*(\w+|"[^"]*")\s*\)\s*;')
TEE = re.compile(r'\.name\s*=\s*"([^"]+)"')
# Program and case, as `tools/test PROGRAM` knows the first.
NAMED = re.compile(r'`([a-z0-9-]+): ([^`]+)`')
C_TEST = re.compile(r"'([a-z0-9-]+)':[\s\[]*(?:files\()?'([^']+\.c)'")
SCRIPT_TEST = re.compile(r"test\('([a-z0-9-]+)'[^\n]*?files\('([^']+)'\)")


def rows(text, heading):
    """(line, cells) of the rows of the tables in a section, without their two first lines."""
    inside, seen = False, 0
    for i, line in enumerate(text.splitlines(), 1):
        if line.startswith('## '):
            inside = line[3:].startswith(heading)
        if not line.startswith('|'):
            seen = 0
        elif inside:
            seen += 1
            if seen > 2:
                yield i, [c.strip() for c in line.strip().strip('|').split('|')]


def programs(tree):
    """{name: paths of its source}, from all meson.build."""
    found = {}
    for build in tree.match(r'(.*/)?meson\.build'):
        folder, text = os.path.dirname(build), tree.text(build)
        for name, path in C_TEST.findall(text) + SCRIPT_TEST.findall(text):
            path = os.path.normpath(os.path.join(folder, path))
            found.setdefault(name, set()).add(path)
            if path.startswith('tests/conformance/') and path.endswith('.c'):
                found.setdefault('conformance-' + name, set()).add(path)
    return found


def has_case(tree, paths, case):
    """Does one of these run a case of that name? A script's cases may stand in the files beside it."""
    for path in paths:
        if path.endswith('.c') and path in tree.names and re.search(rf'cmocka_unit_test\w*\(\s*{re.escape(case)}\b', tree.code(path)):
            return True
        beside = os.path.dirname(path) + '/[^/]*\\.py' if path.endswith('.py') else None
        if beside and any(re.search(rf'^def (?:stub_)?{re.escape(case)}\(', tree.text(n), re.M) for n in tree.match(beside)):
            return True
    return False


def exists(tree, known, program, case):
    if program == 'proofs':
        return f'tests/proof/{case}.c' in tree.names
    if program == 'fuzz':
        return any(n.startswith(f'tests/fuzz/corpus/{case}/') for n in tree.names)
    if program.startswith('model-'):
        path = f'tests/model/{program[6:]}.pml'
        return path in tree.names and re.search(rf'\b{re.escape(case)}\b', tree.code(path)) is not None
    return has_case(tree, known.get(program, ()), case)


def attacks(tree):
    known = programs(tree)
    for line, cells in rows(tree.text(DOC), 'Attacks'):
        named = NAMED.findall(cells[-1])
        if len(cells) != 4:
            yield DOC, line, f'expected attack, rows, defence, tests, found {len(cells)} cells'
        elif not named:
            yield DOC, line, 'no test proves this row: name one as `PROGRAM: CASE`, or move it to what is not protected'
        for program, case in named:
            if not exists(tree, known, program, case):
                yield DOC, line, f'there is no test {program}: {case}'


def in_code(tree):
    """{(tee, aspect): unless} of what the verifiers say."""
    constants, found = {}, {}
    for name in tree.c_files():
        constants.update(re.findall(r'#define (\w+)\s+("[^"]*")', tree.without_comments(name)))
    for name in tree.c_files():
        head = name.split('/')[0] + '/tee.c'
        for aspect, unless in CALL.findall(tree.without_comments(name)):
            if head in tree.names:
                tee = TEE.search(tree.text(head)).group(1)
                found[tee, aspect] = constants.get(unless, unless).strip('"')
    return found


def limits(tree):
    code, said = in_code(tree), {}
    for line, cells in rows(tree.text(DOC), 'Limits'):
        key = (cells[0].strip('`'), cells[1].strip('`'))
        said[key] = line
        lifted = re.match(r'`([^`]+)`', cells[-1])
        if key not in code:
            yield DOC, line, f'no verifier of {key[0]} has a limit for {key[1]}'
        elif (lifted.group(1) if lifted else 'NULL') != code[key]:
            yield DOC, line, f'{key[0]}, {key[1]}: lifted by {code[key]}, the table says {cells[-1]}'
    for key in sorted(set(code) - set(said)):
        yield DOC, 1, f'the limit of {key[0]} for {key[1]} is not in the table'
    aspects = {a for _, a in code}
    for name in tree.match(r'(docs/.*|README\.md)'):
        for i, text in enumerate(tree.text(name).splitlines(), 1):
            for aspect in re.findall(r'/limits/([a-z-]+)', text):
                if aspect not in aspects:
                    yield name, i, f'/limits/{aspect}: no verifier has such a limit'


def threats(tree):
    if DOC in tree.names:
        yield from attacks(tree)
        yield from limits(tree)
