#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A table of TEEs with one row more: what somebody who adds a TEE writes into it.

    add-row.py TABLE.c OUT.c HEADER ROW
"""
import sys

table, out, header, row = sys.argv[1:]
with open(table, encoding='utf-8') as f:
    text = f.read()
first = text.index('#include "sev/')
text = text[:first] + f'#include "{header}"\n' + text[first:]
end = text.index('        NULL,\n')
with open(out, 'w', encoding='utf-8') as f:
    f.write(text[:end] + f'        &{row},\n' + text[end:])
