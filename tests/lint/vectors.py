# SPDX-License-Identifier: Apache-2.0
"""The committed vectors: tests/vectors/MANIFEST.md and the folder say the same, and it stays small."""
import hashlib
import os

FOLDER = 'tests/vectors'
MANIFEST = FOLDER + '/MANIFEST.md'
SIZE_MAX = 4 << 20
COLUMNS = ('file', 'what', 'source', 'licence', 'time', 'sha256')


def read_rows(tree):
    """(line, cells) of every row of the table; the two lines of its head are none."""
    for number, line in enumerate(tree.text(MANIFEST).splitlines(), 1):
        cells = [c.strip() for c in line.strip('|').split('|')]
        if line.startswith('|') and cells[0] != COLUMNS[0] and not cells[0].startswith('---'):
            yield number, cells


def check_row(tree, number, cells, size):
    """Findings of one row; the file's size is added to `size`."""
    name = f'{FOLDER}/{cells[0]}'
    if len(cells) != len(COLUMNS) or not all(cells):
        yield MANIFEST, number, f'{cells[0]} has {len(cells)} cells, expected {len(COLUMNS)}: {", ".join(COLUMNS)}'
        return
    try:
        with open(tree.path(name), 'rb') as f:
            data = f.read()
    except OSError:
        yield MANIFEST, number, f'{name} is not in the folder'
        return
    size.append(len(data))
    found = hashlib.sha256(data).hexdigest()
    if found != cells[5]:
        yield name, 1, f'its sha256 is {found}, its row says {cells[5]}'


def vectors(tree):
    files = {n for n in tree.names if n.startswith(FOLDER + '/')} - {MANIFEST}
    if not os.path.exists(tree.path(MANIFEST)):
        for name in sorted(files):
            yield name, 1, f'there is no {MANIFEST}'
        return
    seen, size = set(), [os.path.getsize(tree.path(MANIFEST))]
    for number, cells in read_rows(tree):
        name = f'{FOLDER}/{cells[0]}'
        if name in seen:
            yield MANIFEST, number, f'{name} has two rows'
            continue
        seen.add(name)
        yield from check_row(tree, number, cells, size)
    for name in sorted(files - seen):
        yield name, 1, f'it has no row in {MANIFEST}'
    if sum(size) > SIZE_MAX:
        yield MANIFEST, 1, f'the vectors are {sum(size)} bytes; at most {SIZE_MAX} are committed'
