#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Killed at each of its system calls, one after the other: the disk under its name and the broker's key are the old pair or the new one, the
step from one to the other is a single call, and nothing of the contents lies about that is not encrypted.

    killed.py BUILD encrypt|replace|rekey [STEP]

Most calls are the encryption's own, before the broker gets the key: of those only each STEP-th is tried, and all of those behind it.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import PATH, PLAIN, World


class Case:
    """One command, and the state that it begins with each time."""

    def __init__(self, world, name):
        self.w = world
        os.mkdir(world.path('out'))
        self.disk = world.path('out', 'disk.img')
        self.first = world.raw('first')
        self.second = world.raw('second', 2 << 20)
        self.old = None
        if name != 'encrypt':
            world.run(0, 'image', 'encrypt', '--from', self.first, '--out', self.disk, '--resource', PATH)
            self.old = world.pair(self.disk)
            assert self.old, world.why
            world.copy(self.disk, world.path('old.img'))
        world.save_store('store')
        self.args = {
            'encrypt': ['image', 'encrypt', '--from', self.second, '--out', self.disk, '--resource', PATH],
            'replace': ['image', 'encrypt', '--from', self.second, '--out', self.disk, '--resource', PATH, '--replace',
                        '--forget-volume', self.old and self.old[0]],
            'rekey': ['image', 'rekey', self.disk, '--resource', PATH],
        }[name]

    def restore(self):
        self.w.restore_store('store')
        for f in os.listdir(self.w.path('out')):
            os.unlink(self.w.path('out', f))
        if self.old:
            self.w.copy(self.w.path('old.img'), self.disk)

    def run_until(self, call):
        """What it printed, when it ended by itself."""
        p = subprocess.run([self.w.kill_at, str(call), *self.w.command(*self.args)], capture_output=True, text=True)
        if p.returncode == 0:
            return None
        assert p.returncode == 1, (p.returncode, p.stdout, p.stderr)
        return p.stdout

    def look(self):
        """The pair that is there; None: no disk under the name, as at the beginning of `encrypt`."""
        for f in os.listdir(self.w.path('out')):
            with open(self.w.path('out', f), 'rb') as file:
                assert PLAIN not in file.read(), f'{f} holds contents that are not encrypted'
        if not os.path.exists(self.disk):
            assert not self.old, 'the old disk is gone'
            return None
        pair = self.w.pair(self.disk)
        assert pair, f'no key for the disk: {self.w.why}'
        return pair


    def leave_half_done(self, switched):
        """The broker has the new key, and the disk is the old one."""
        for back in range(64):
            self.restore()
            self.run_until(switched - back)
            known = [r['versions'] for r in self.w.run(0, 'key', 'list')['resources'] if r['path'] == PATH]
            if self.look() == self.old and known == [2 if self.old else 1]:
                return
        raise AssertionError('no call between the key and the disk')

    def finish(self, name):
        """What was left half done is no obstacle: the same command, or with what its message names, goes through."""
        again = self.w.run(2 if name == 'encrypt' else 0, *self.args)
        if name == 'encrypt':
            assert again['error']['check'] == 'image.resource', again
            volume = again['error']['message'].split('--forget-volume ')[1].split()[0]
            self.w.run(0, *self.args, '--forget-volume', volume)
        assert self.look() not in (None, self.old)


def run(world, name, step):
    case = Case(world, name)
    case.restore()
    change, calls = (int(n) for n in case.run_until(0).split()[-2:])
    assert case.look() not in (None, case.old), 'the command did nothing'
    switched, last_old = None, 0
    tried = [*range(1, change, step), *range(change, calls + 1)]
    for call in tried:
        case.restore()
        if case.run_until(call) is not None:
            break
        world.settle()
        pair = case.look()
        if pair == case.old:
            last_old = call
        elif switched is None:
            switched = call
    assert switched, 'the new pair came only with the end'
    # The number of a call differs a little from run to run, by how the answers of the broker arrive.
    assert last_old - switched < 32, f'call {last_old}: the old pair, and at {switched} there was the new one'
    case.leave_half_done(switched)
    case.finish(name)
    print(f'{name}: killed at {len(tried)} of {calls} system calls, at each from {change} on; the new pair is there from {switched} on')


def main():
    world = World(sys.argv[1])
    try:
        run(world, sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    finally:
        world.end()


main()
