#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sum up meson's test logs: every failed and skipped case by name, a table of the suites, and one closing line.

    tally.py [SUFFIX=]LOG.json...

One line for each failed and skipped case, then a row for each suite (cases passed, failed and skipped, seconds of its programs added up),
then "N passed, N failed, N skipped". SUFFIX names a second run of the same suites ("sanitized"). An extra case (its name
begins with extra_) needs something that no clone has, beside what another case tests with committed data.
"""
import json
import re
import sys

# What the test programs print for one case: cmocka; tests/e2e/run.py; tests/e2e/kill.sh.
CASE = re.compile(r'^\[ *(OK|FAILED|SKIPPED) *\] (\S+)$|^(ok|FAILED) ([\w.-]+) \(\d+ s\)|^(ok|not ok)(?: \d+)?: (.+)$', re.M)
VERDICTS = ('passed', 'failed', 'skipped', 'extra')


def cases_in(text):
    """(case, 'passed' | 'failed' | 'skipped' | 'extra') for each case that the text of a test program reports."""
    for m in CASE.finditer(text):
        word, case = (m[1] or m[3] or m[5]).upper(), m[2] or m[4] or m[6]
        skipped = 'extra' if case.startswith('extra_') else 'skipped'
        yield case, {'OK': 'passed', 'SKIPPED': skipped}.get(word, 'failed')


def cases(test):
    """The same with the program's name, for all that it printed."""
    name, result = test['name'], test['result']
    seen = dict(cases_in(test.get('stdout') or ''))
    if result == 'SKIP' or not seen:
        return [(name, {'OK': 'passed', 'SKIP': 'skipped', 'EXPECTEDFAIL': 'passed'}.get(result, 'failed'))]
    found = [(f'{name}: {case}', verdict) for case, verdict in seen.items()]
    # A program that died, or that says nothing about what failed, counts as one more failure.
    if result != 'OK' and 'failed' not in seen.values():
        found.append((name, 'failed'))
    return found


def suite_of(name, suffix):
    """"secure-vm:unit / rd" is of the suite "unit"."""
    m = re.match(r'[^:]+:([\w-]+) / ', name)
    return ' '.join(filter(None, (m[1] if m else 'other', suffix)))


def read_logs(paths):
    """suite -> [passed, failed, skipped, extra, seconds]; the lines to print; the reasons for skips."""
    rows, lines, reasons = {}, [], set()
    for argument in paths:
        suffix, _, path = argument.rpartition('=')
        with open(path, encoding='utf-8') as log:
            for test in map(json.loads, log):
                row = rows.setdefault(suite_of(test['name'], suffix), [0, 0, 0, 0, 0.0])
                row[4] += test.get('duration') or 0
                reasons.update(re.findall(r'^(?:SKIP|EXTRA): .*', test.get('stdout') or '', re.M))
                for case, verdict in cases(test):
                    row[VERDICTS.index(verdict)] += 1
                    if verdict != 'passed':
                        lines.append(f'{verdict}: {case}')
    return rows, lines, sorted(reasons)


def main():
    rows, lines, reasons = read_logs(sys.argv[1:])
    for line in lines + reasons:
        print(line)
    print(f'{"suite":24} {"passed":>7} {"failed":>7} {"skipped":>8} {"extra":>6} {"seconds":>8}')
    for suite, row in rows.items():
        print(f'{suite:24} {row[0]:7} {row[1]:7} {row[2]:8} {row[3]:6} {row[4]:8.0f}')
    total = [sum(row[i] for row in rows.values()) for i in range(4)]
    if total[3]:
        print(f'{total[3]} extra cases were not run: they need what no clone has')
    print('{} passed, {} failed, {} skipped'.format(*total))
    return 1 if total[1] or not total[0] else 0


if __name__ == '__main__':
    sys.exit(main())
