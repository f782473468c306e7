#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a program is linked with: all of it comes into an initramfs, so the agent links no library that it does not use.

    libraries.py PROGRAM LIBRARY...     exactly these (and the C library), by the beginning of their names
"""
import re
import subprocess
import sys

out = subprocess.run(['readelf', '-dW', sys.argv[1]], capture_output=True, text=True, check=True).stdout
found = {m.group(1) for m in re.finditer(r'\(NEEDED\).*\[([^]]+)\]', out)}
bad = [n for n in sorted(found) if not re.match(r'(libc|ld-linux.*|libclang_rt.*|lib[alut]+san)\.so', n) and
       not any(n.startswith(want) for want in sys.argv[2:])]
missing = [want for want in sys.argv[2:] if not any(n.startswith(want) for n in found)]
for n in bad:
    print(f'{sys.argv[1]} is linked with {n}')
for n in missing:
    print(f'{sys.argv[1]} is no longer linked with {n}: shorten the list')
sys.exit(1 if bad or missing or not found else 0)
