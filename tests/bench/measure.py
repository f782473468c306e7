#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`secure-vm measure` as a whole process, beside programs that only do the hashing which cannot be left out. All run in turn, round after
round; a command is worth the least processor time of its rounds (its own and the system's for it), for what else the machine does only adds.
Fails when a ratio is above its limit.

    measure.py --build DIR [--rounds N]
"""
import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KERNEL, INITRD = 15_000_000, 60_000_000
MEMORY_KIB = 12 * 1024


class Bench:
    def __init__(self, build, rounds):
        self.vm = os.path.join(build, 'launcher/secure-vm')
        self.tools = os.path.join(build, 'tests/bench')
        self.rounds = rounds
        self.missed = 0

    def run(self, *commands):
        args = [str(self.rounds)]
        for i, c in enumerate(commands):
            args += ([','] if i else []) + c
        out = subprocess.run([os.path.join(self.tools, 'spawn'), *args], check=True, stdout=subprocess.PIPE, text=True).stdout
        return [dict(zip(('wall', 'wall_median', 'cpu', 'cpu_median', 'memory'), map(float, line.split()))) for line in out.splitlines()]

    def ratio(self, what, ours, beside, theirs, limit):
        r = ours['cpu'] / theirs['cpu']
        bad = r > limit
        self.missed += bad
        print(f'{what:56} {ours["cpu"] * 1e3:7.2f} ms  {r:5.2f} x {beside} ({theirs["cpu"] * 1e3:.2f} ms), limit {limit:.2f}; '
              f'medians {ours["cpu_median"] * 1e3:.2f} and {theirs["cpu_median"] * 1e3:.2f}{"  MISSED" if bad else ""}', flush=True)

    def tool(self, name, *args):
        return [os.path.join(self.tools, name), *map(str, args)]

    def explain(self, command):
        return json.loads(subprocess.run([*command, '--explain', '--json'], check=True, stdout=subprocess.PIPE, text=True).stdout)['steps']


def pages(steps):
    """(measured with their contents, the others): what the rows of a prediction say of pages."""
    rows = [(s['type'] in ('NORMAL', 'ADD+EXTEND'), re.search(r'(\d+) pages?\b', s['what'])) for s in steps if s['register'] in ('launch_digest', 'mrtd')]
    return [sum(int(m.group(1)) for whole, m in rows if whole == want) for want in (True, False)]


def firmware(name):
    """Of tools/fetch-firmware, when it was fetched."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')), 'secure-vm/firmware')
    path = os.path.realpath(os.path.join(cache, name))
    if os.path.exists(path):
        return path
    print(f'skipped: {name} is not here; tools/fetch-firmware fetches it')
    return None


def snp(b):
    fd = firmware('OVMF.amdsev.fd')
    if not fd:
        return
    def ours(n, *more):
        return [b.vm, 'measure', '--tee', 'sev-snp', '--firmware', fd, '--vcpus', str(n), '--cpu', 'EPYC-v4', *more]

    normal, other = pages(b.explain(ours(1)))
    assert normal * 4096 == os.path.getsize(fd)
    one, two, many, least = b.run(ours(1), ours(2), ours(64), b.tool('minimal_snp', fd, other))
    b.ratio(f'sev-snp: {normal} pages of firmware, {other} others', one, 'the hashing alone', least, 1.3)
    b.ratio('sev-snp: 64 vCPUs', many, '2 vCPUs', two, 1.1)
    if importlib.util.find_spec('sevsnpmeasure'):
        theirs = [sys.executable, '-m', 'sevsnpmeasure.cli', '--mode', 'snp', '--vcpus', '1', '--vcpu-type', 'EPYC-v4', '--ovmf', fd]
        digests = [subprocess.run(c, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1] for c in (ours(1), theirs)]
        assert digests[0] == digests[1], digests
        mine, peer = b.run(ours(1), theirs)
        b.ratio('sev-snp: the same digest', mine, 'sev-snp-measure', peer, 0.3)
    else:
        print('skipped: sev-snp-measure is not here (a Python package sevsnpmeasure on PYTHONPATH)')
    with tempfile.TemporaryDirectory() as d:
        files = [os.path.join(d, 'kernel'), os.path.join(d, 'initrd')]
        for path, size in zip(files, (KERNEL, INITRD)):
            with open(path, 'wb') as f:
                head = bytearray(os.urandom(1024))
                head[0x1f1:0x1f2], head[0x202:0x208], head[:6] = b'\2', b'HdrS\x0f\2', b'070701'  # both are what they are said to be
                f.write(head + os.urandom(size - len(head)))
        mine, dgst = b.run(ours(1, '--kernel', files[0], '--initrd', files[1], '--cmdline', 'console=ttyS0'), ['openssl', 'dgst', '-sha256', fd, *files])
        b.ratio('sev-snp: with a kernel of 15 MB and an initramfs of 60', mine, 'openssl dgst of the same files', dgst, 1.1)
        over = mine['memory'] > MEMORY_KIB
        b.missed += over
        print(f'{"sev-snp: peak memory with them":56} {mine["memory"] / 1024:7.2f} MiB, limit {MEMORY_KIB / 1024:.0f}{"  MISSED" if over else ""}')


def tdx(b):
    fd = firmware('OVMF.inteltdx.ms.fd')
    if not fd:
        return
    command = [b.vm, 'measure', '--tee', 'tdx', '--firmware', fd]
    if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print('skipped: this build does not measure tdx')
        return
    steps = b.explain(command)
    measured, added = pages(steps)
    volume = sum(int(re.search(r'(\d+) bytes', s['what']).group(1)) for s in steps if s['type'] == 'EV_EFI_PLATFORM_FIRMWARE_BLOB2') // 4096
    ours, least = b.run(command, b.tool('minimal_tdx', fd, measured, added, volume))
    b.ratio(f'tdx: {measured} pages measured, {added} added, {volume} of a volume', ours, 'the hashing alone', least, 1.3)


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--rounds', type=int, default=60)
    a = a.parse_args()
    b = Bench(os.path.abspath(a.build), a.rounds)
    start, least = b.run([b.vm, '--version'], b.tool('minimal_snp', '/dev/null', 0))
    print(f'{"start of the program":56} {start["cpu"] * 1e3:7.2f} ms, {start["memory"] / 1024:.1f} MiB; a program with libcrypto alone {least["cpu"] * 1e3:.2f} ms')
    snp(b)
    tdx(b)
    return 1 if b.missed else 0


if __name__ == '__main__':
    sys.exit(main())
