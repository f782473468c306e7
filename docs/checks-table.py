#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rows of CHECKS.md as a table in C, for a program that says what a check means and what to do.

usage: checks-table.py CHECKS.md prints the file
"""
import json
import re
import sys

NAME = re.compile(r'`([^`]+)`')


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        cells = [[c.strip() for c in re.split(r'(?<!\\)\|', line)[1:-1]] for line in f if line.startswith('| `')]
    rows = [(NAME.match(c[0]).group(1), c[2], c[3]) for c in cells if len(c) == 4]
    if not rows:
        sys.exit(f'{sys.argv[1]} has no rows')
    print('/* SPDX-License-Identifier: Apache-2.0 */\n#include "broker/why.h"\n\nconst struct sv_check_row sv_check_rows[] = {')
    for name, meaning, cure in rows:
        fields = ', '.join(json.dumps(t.strip().replace('`', '"').replace('\\|', '|'), ensure_ascii=False) for t in (name, meaning, cure))
        print(f'        {{{fields}}},')
    print('        {0},\n};')


main()
