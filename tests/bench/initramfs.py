#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent adds to a guest's initramfs: its size, and what it is made of. Fails above 8 MiB compressed.

    initramfs.py --build DIR [--agent FILE]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from env import TOP, run

LIMIT = 8 << 20


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--agent', help='another build of the agent (release)')
    a = p.parse_args()
    vm = os.path.join(a.build, 'launcher', 'secure-vm')
    agent = a.agent or os.path.join(a.build, 'agent', 'secure-vm-agent')
    kernel = run(os.path.join(TOP, 'tools', 'fetch-kernel'), timeout=600).stdout.strip().splitlines()[-1]
    with tempfile.TemporaryDirectory() as d:
        out = os.path.join(d, 'initrd')
        made = json.loads(run(vm, 'image', 'initrd', '--kernel-modules', os.path.realpath(os.path.join(kernel, 'modules')),
                              '--agent', agent, '--out', out, '--json').stdout)
        raw = len(subprocess.run(['zstd', '-dcq', out], check=True, capture_output=True).stdout)
        size = os.path.getsize(out)
    kinds = {}
    for part in made['parts']:
        n, total = kinds.get(part['kind'], (0, 0))
        kinds[part['kind']] = (n + 1, total + part['size'])
    print(f'kernel {os.path.basename(kernel)}')
    print(f'compressed {size} bytes ({size / 2**20:.2f} MiB of at most {LIMIT >> 20}), uncompressed {raw} bytes')
    for kind, (n, total) in sorted(kinds.items(), key=lambda k: -k[1][1]):
        print(f'  {kind:8} {n:3} files {total:9} bytes uncompressed')
    for part in sorted(made['parts'], key=lambda x: -x['size'])[:12]:
        print(f'    {part["size"]:9} {os.path.basename(part["path"])}')
    print('ok' if size <= LIMIT else 'FAILED: larger than allowed')
    return 0 if size <= LIMIT else 1


sys.exit(main())
