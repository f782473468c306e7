#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tests/elsewhere/run.py found on emulated machines: a line for each case, then the sums. A
case that was skipped and a program that never ran count as failed: the machine has all they need.

    table.py FOLDER...      each with the tests.json and log.json of one machine
"""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tally


def read_json(folder, name):
    """One record a line; a line that was not written to its end is none."""
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return []
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f if line.endswith('\n')]


def test_rows(t):
    """(verdict, seconds, program and case) of one program"""
    name = t['name']
    for case, verdict in tally.cases(t):
        seconds = t['duration'] if case == name else t['seconds'].get(case[len(name) + 2:], 0)
        yield verdict, seconds, case
    if t['result'] == 'TIMEOUT':
        yield 'failed', t['duration'], f'{name}: ended by its time limit'


def machine_rows(folder, tests):
    with open(os.path.join(folder, 'tests.json'), encoding='utf-8') as f:
        wanted = ['machine'] + [t['name'] for t in json.load(f)]
    if len(wanted) < 2:
        yield 'failed', 0, 'no test was chosen'
    for name in wanted:
        if name in tests:
            yield from test_rows(tests[name])
        else:
            yield 'failed', 0, f'{name}: the machine was off before it had ended'


def print_machine(folder):
    """The sums: passed, failed."""
    name, log = os.path.basename(folder), read_json(folder, 'log.json')
    rows = list(machine_rows(folder, {t['name']: t for t in log}))
    print(f'{name}: {log[0]["stdout"].strip() if log else "the machine never got to the tests"}')
    for verdict, seconds, case in rows:
        print(f'  {verdict:8}{seconds:7.1f} s  {case}')
    for reason in sorted({r for t in log for r in re.findall(r'^SKIP: .*', t['stdout'], re.M)}):
        print(f'  {reason}')
    passed = sum(verdict == 'passed' for verdict, _, _ in rows)
    print(f'{name}: {passed} passed, {len(rows) - passed} failed in '
          f'{sum(t["duration"] for t in log):.0f} s; logs: {folder}')
    return passed, len(rows) - passed


def main():
    passed, failed = map(sum, zip(*map(print_machine, sys.argv[1:])))
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
