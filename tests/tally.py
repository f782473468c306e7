#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sum up meson's test logs: every single case of every test program, and every skipped one by name and reason.

    tally.py LOG.json...      prints one line for each failed and skipped case, then "N passed, N failed, N skipped, N extra not run"

An extra case (its name begins with extra_) needs something that no clone has, beside what another case tests with committed data.
"""
import json
import re
import sys

# What the test programs print for one case: cmocka; tests/e2e/run.py; tests/e2e/kill.sh.
CASE = re.compile(r'^\[ *(OK|FAILED|SKIPPED) *\] (\S+)$|^(ok|FAILED) ([\w.-]+) \(\d+ s\)|^(ok|not ok)(?: \d+)?: (.+)$', re.M)


def cases(test):
    """(name, 'passed' | 'failed' | 'skipped' | 'extra') for each case of one test program."""
    name, result = test['name'], test['result']
    seen = {}
    for m in CASE.finditer(test.get('stdout') or ''):
        word, case = (m[1] or m[3] or m[5]).upper(), m[2] or m[4] or m[6]
        skipped = 'extra' if case.startswith('extra_') else 'skipped'
        seen[case] = {'OK': 'passed', 'SKIPPED': skipped}.get(word, 'failed')
    if result == 'SKIP' or not seen:
        return [(name, {'OK': 'passed', 'SKIP': 'skipped', 'EXPECTEDFAIL': 'passed'}.get(result, 'failed'))]
    found = [(f'{name}: {case}', verdict) for case, verdict in seen.items()]
    # A program that died, or that says nothing about what failed, counts as one more failure.
    if result != 'OK' and 'failed' not in seen.values():
        found.append((name, 'failed'))
    return found


def main():
    count = {'passed': 0, 'failed': 0, 'skipped': 0, 'extra': 0}
    reasons = set()
    for path in sys.argv[1:]:
        with open(path, encoding='utf-8') as log:
            for line in log:
                test = json.loads(line)
                reasons.update(re.findall(r'^(?:SKIP|EXTRA): .*', test.get('stdout') or '', re.M))
                for case, verdict in cases(test):
                    count[verdict] += 1
                    if verdict != 'passed':
                        print(f'{verdict}: {case}')
    for reason in sorted(reasons):
        print(reason)
    print('{passed} passed, {failed} failed, {skipped} skipped, {extra} extra not run'.format(**count))
    return 1 if count['failed'] or not count['passed'] else 0


sys.exit(main())
