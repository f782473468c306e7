# SPDX-License-Identifier: Apache-2.0
"""Rules over single files."""
import json
import os
import re
import subprocess

from layers import TEES as TEE_FOLDERS, TOP
from tree import line_of

MAX_LINES = 600
BANNED = ['strcpy', 'strncpy', 'stpcpy', 'sprintf', 'vsprintf', 'strcat', 'strncat', 'gets', 'system', 'popen', 'atoi', 'atol', 'atoll',
          'atof', 'alloca', 'tmpnam', 'mktemp', 'tempnam', 'strtok', 'putenv', 'rand', 'srand', 'random', 'scanf']
# Pinned: each use is a place that was reviewed. `lint.py --pin` writes the file anew; the diff is the review.
PINNED = ['memcmp', 'sv_secret_reveal', 'getenv', 'skip_signatures', 'sscanf']
# What the TEEs are called: the names in <tee>/tee.c.
TEES = {name for tee in TEE_FOLDERS
        for name in re.findall(r'^\s*\.(?:kbs_)?name = "([^"]+)"', open(os.path.join(TOP, tee, 'tee.c'), encoding='utf-8').read(), re.M)}
TEE_HOMES = '(' + '|'.join(TEE_FOLDERS) + r")/.*|[^/]+/(tees-[a-z]+|attesters)\.c"
PATHS = re.compile(r'(?<![\w$}./*-])(?:/(?:work|home|Users)/[A-Za-z0-9_.-]+|/root/\.[a-z]+|/tmp/[a-z]+/)')


def length(tree):
    for name in tree.match(r'.*\.(c|h|py|sh)|tools/[^/.]+'):
        n = tree.text(name).count('\n')
        if n > MAX_LINES:
            yield name, n, f'{n} lines; a file has at most {MAX_LINES}'


def banned(tree):
    calls = re.compile(r'(?<![\w.>])(' + '|'.join(BANNED) + r')\s*\(')
    for name in tree.c_files():
        code = tree.code(name)
        for m in calls.finditer(code):
            yield name, line_of(code, m.start()), f'{m.group(1)} is banned'


def count_pinned(tree):
    counts = {}
    for word in PINNED:
        for name in tree.c_files():
            n = len(re.findall(r'\b' + word + r'\b', tree.code(name)))
            if n:
                counts.setdefault(word, {})[name] = n
    return counts


def pinned(tree):
    name = 'tests/lint/pinned.json'
    want = json.loads(tree.text(name)) if name in tree.names else {}
    have = count_pinned(tree)
    for word in PINNED:
        for f in sorted(set(want.get(word, {})) | set(have.get(word, {}))):
            a, b = want.get(word, {}).get(f, 0), have.get(word, {}).get(f, 0)
            if a != b:
                yield f, 1, f'{word}: {b} uses, {a} are pinned; look at them, then tests/lint/lint.py --pin'


def tee_names(tree):
    for name in tree.c_files():
        if re.fullmatch(TEE_HOMES, name):
            continue
        for line, value in tree.literals(name):
            if value in TEES:
                yield name, line, f'"{value}": only a TEE\'s folder and the tables know its name; ask the row'


def machine_paths(tree):
    for name in tree.names:
        if name.startswith('tests/lint/') or '/corpus/' in name or re.search(r'\.(bin|der|png|cpio)$', name):
            continue
        for m in PATHS.finditer(tree.text(name)):
            if re.search(r'\$\{?\w+\}?"$', tree.text(name)[:m.start()]):
                continue  # "$dir"/root/file
            yield name, line_of(tree.text(name), m.start()), f'{m.group(0)} is a path of one machine'


def readme(tree):
    """README's code blocks that are commands run something that is there; there are the two that everybody needs."""
    if 'README.md' not in tree.names:
        yield 'README.md', 1, 'is missing'
        return
    text = tree.text('README.md')
    blocks = re.findall(r'^```(?:sh|console|bash)?\n(.*?)^```', text, re.M | re.S)
    blocks += re.findall(r'(?:^    .+\n)+', text, re.M)
    commands = set(re.findall(r'(?:^|[\s;&`$])(?:\./)?(tools/[a-z][a-z-]*)', '\n'.join(blocks)))
    for want in ('tools/demo', 'tools/test'):
        if want not in commands:
            yield 'README.md', 1, f'no code block runs {want}'
    for c in sorted(commands):
        if c not in tree.names or not os.access(tree.path(c), os.X_OK):
            yield 'README.md', 1, f'{c} is not an executable file of the tree'


SPDX = 'SPDX-License-Identifier: Apache-2.0'
HAS_SPDX = re.compile(r'[^ ]*\.(c|h|py|sh)|.*meson\.build|tools/[^/.]+')


def spdx(tree):
    """The licence is the first line, or the second below an interpreter."""
    for name in tree.names:
        if HAS_SPDX.fullmatch(name) and '/corpus/' not in name and SPDX not in ''.join(tree.text(name).splitlines()[:2]):
            yield name, 1, f'the first line is not "{SPDX}"'


def formatted(tree):
    """The C code is what clang-format makes of it."""
    names = [n for n in tree.c_files(tests=True) if '/corpus/' not in n]
    try:
        run = subprocess.run(['clang-format', '--dry-run', '-Werror', *names], cwd=tree.root, capture_output=True, text=True)
    except OSError:
        yield '.clang-format', 1, 'clang-format is not to be had: tools/setup installs it'
        return
    for m in re.finditer(r'^([^\n:]+):(\d+):\d+: error', run.stderr, re.M):
        yield m.group(1), int(m.group(2)), 'is not formatted: clang-format -i'
    if run.returncode and 'error' not in run.stderr:
        yield '.clang-format', 1, f'clang-format failed: {run.stderr.strip()[:200]}'
