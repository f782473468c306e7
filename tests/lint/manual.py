# SPDX-License-Identifier: Apache-2.0
"""Every command and option that a program has is in its man page, and the other way round."""
import json
import re
import subprocess

COMMON = {'json', 'help', 'verbose', 'quiet'}  # said once, for all commands


def plain(roff):
    """Roff without its fonts and escapes."""
    return re.sub(r'\\f[BIRP]|\\&', '', roff).replace('\\-', '-')


def page_of(text):
    """{command: options} as the page's sections say: .SS "COMMAND", then .TP and .B --option lines."""
    found, at = {}, None
    for line in plain(text).splitlines():
        m = re.match(r'\.SS "?(.*?)"?$', line)
        if m:
            words = []
            for w in m.group(1).split():
                if not re.fullmatch(r'[a-z][a-z-]*', w):
                    break
                words.append(w)
            at = found.setdefault(' '.join(words), set())
            continue
        if line.startswith('.SH'):
            at = None
        if at is not None and line.startswith('.B'):
            at |= set(re.findall(r'--([a-z][a-z0-9-]*)', line))
    return found


def commands_of(program):
    out = subprocess.run([program, '--table'], capture_output=True, text=True, check=True, timeout=30).stdout
    return json.loads(out)['commands']


def table_of(program):
    return {c['name']: {o['name'] for o in c['options']} - COMMON for c in commands_of(program)}


def compare(page_name, text, table):
    page = page_of(text)
    for command in sorted(set(table) - set(page)):
        yield page_name, 1, f'command "{command}" is not in the page'
    for command in sorted(set(page) - set(table)):
        yield page_name, 1, f'the program has no command "{command}"'
    for command in sorted(set(page) & set(table)):
        for o in sorted(table[command] - page[command]):
            yield page_name, 1, f'{command}: --{o} is not in the page'
        for o in sorted(page[command] - table[command] - COMMON):
            yield page_name, 1, f'{command}: the program has no --{o}'


def manual(tree, programs):
    for name, path in programs.items():
        page = (tree.match(f'docs/man/{name}\\.[18]') or [None])[0]
        if not page:
            yield f'docs/man/{name}.1', 1, 'is missing'
            continue
        yield from compare(page, tree.text(page), table_of(path))
