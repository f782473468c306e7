#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/end-process ends the process that was meant, and nobody who got its number."""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f'{TOP}/tests')
from patience import patient  # noqa: E402


def end_process(folder, number, word):
    path = os.path.join(folder, 'pid')
    if number is not None:
        with open(path, 'w', encoding='ascii') as f:
            f.write(f'{number}\n')
    r = subprocess.run([f'{TOP}/tools/end-process', path, word], capture_output=True, text=True, check=False)
    return r.returncode, os.path.exists(path)


def main():
    with tempfile.TemporaryDirectory() as folder:
        word = f'{folder}/broker/config.json'
        ours = subprocess.Popen(['sh', '-c', 'read x', 'sh', word], stdin=subprocess.PIPE)
        other = subprocess.Popen(['sh', '-c', 'read x', 'sh', f'{word}.old', '/other/broker/config.json'], stdin=subprocess.PIPE)
        try:
            assert end_process(folder, None, word) == (0, False)
            assert end_process(folder, other.pid, word) == (0, False)
            assert other.poll() is None, 'a process that was not meant was ended'
            assert end_process(folder, 2 ** 22 + 1, word) == (0, False)  # no process has that number
            assert end_process(folder, 'none', word) == (1, True)
            assert end_process(folder, ours.pid, word) == (0, False)
            assert ours.wait(patient(10)) == -15, ours.returncode
            assert end_process(folder, ours.pid, word) == (0, False)
            assert other.poll() is None, 'a process that was not meant was ended'
        finally:
            for p in (ours, other):
                p.kill()
                p.wait()
    print('end-process: ok')


main()
