#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of the suite "teesim" as meson would, on a machine that has no meson: the same
commands in the same folder with the same environment.

    run.py choose [TEST...]          of what `meson introspect --tests` says, on the standard input,
                                     these tests (default: the suite)
    run.py RESULTS VENDOR PATIENCE   runs the tests of RESULTS/tests.json

RESULTS/log.json is as meson's own log, with the seconds of each case; RESULTS/NAME.txt is what the
program NAME printed. Before them comes a case "machine": a processor of VENDOR, and no /dev/kvm. A
time limit is meson's times PATIENCE, which the tests get for their waiting as SV_TEST_PATIENCE.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tally

SUITE = 'secure-vm:teesim'
VERDICTS = {0: 'OK', 77: 'SKIP', 99: 'ERROR'}
BEGIN = time.time()


def say(text):
    print(f'[{time.time() - BEGIN:4.0f}s] {text}', flush=True)


class Output(threading.Thread):
    """Reads what a program prints, as it comes: a case begins where the one before ended, if it does
    not say itself how long it took."""
    def __init__(self, name, stream, path):
        super().__init__(daemon=True)
        self.name, self.stream, self.path = name, stream, path
        self.text, self.seconds, self.since = '', {}, time.time()

    def run(self):
        with open(self.path, 'w', encoding='utf-8') as log:
            for raw in self.stream:
                line = raw.decode(errors='replace')
                self.text += line
                log.write(line)
                log.flush()
                said = re.search(r' \((\d+) s\)', line)
                for case, verdict in tally.cases_in(line):
                    self.end_case(case, verdict, said and int(said[1]))

    def end_case(self, case, verdict, said):
        if case in self.seconds:  # cmocka lists the failed ones once more
            return
        now = time.time()
        self.seconds[case], self.since = round(now - self.since, 1) if said is None else said, now
        say(f'    {verdict} {self.name}: {case} ({self.seconds[case]} s)')


def choose(tests, names):
    """The emulated machine has no /dev/kvm by design, so nothing to compare what is played with."""
    return [t for t in tests if SUITE in t['suite'] and t['name'] != 'teesim-kvm-real'
            and (not names or t['name'] in names)]


def command(test):
    """An interpreter that the host has at another path is the one of that name here."""
    program, *more = test['cmd']
    if not os.path.exists(program):
        program = shutil.which(os.path.basename(program)) or program
    return [program, *more]


def wait(process, seconds):
    """How it ended, by meson's words. What it started and left behind ends with it."""
    try:
        result = VERDICTS.get(process.wait(seconds), 'FAIL')
    except subprocess.TimeoutExpired:
        result = 'TIMEOUT'
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    return result


def run(test, results, patience):
    name, begin = test['name'], time.time()
    say(f'{name}: begins')
    environment = dict(os.environ, **test['env'], SV_TEST_PATIENCE=str(patience))
    p = subprocess.Popen(command(test), env=environment, cwd=test['workdir'],
                         start_new_session=True, stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = Output(name, p.stdout, os.path.join(results, name + '.txt'))
    output.start()
    result = wait(p, test['timeout'] * patience)
    output.join(10)
    duration = round(time.time() - begin, 1)
    say(f'{name}: {result} after {duration} s')
    return {'name': name, 'result': result, 'duration': duration, 'returncode': p.returncode,
            'stdout': output.text, 'seconds': output.seconds}


def check_machine(vendor):
    """Is this the machine that was to be emulated?"""
    with open('/proc/cpuinfo', encoding='ascii') as f:
        text = f.read()
    found = re.search(r'^vendor_id\s*: (.*)', text, re.M)[1]
    model = re.search(r'^model name\s*: (.*)', text, re.M)[1]
    kvm = os.path.exists('/dev/kvm')
    what = f'{model} ({found}), {"/dev/kvm is there" if kvm else "no /dev/kvm"}'
    say(f'machine: {what}')
    return {'name': 'machine', 'result': 'FAIL' if kvm or found != vendor else 'OK', 'duration': 0,
            'stdout': what + '\n', 'seconds': {}}


def run_all(results, vendor, patience):
    with open(os.path.join(results, 'tests.json'), encoding='utf-8') as f:
        tests = json.load(f)
    with open(os.path.join(results, 'log.json'), 'w', encoding='utf-8') as log:
        def put(record):
            log.write(json.dumps(record) + '\n')
            log.flush()
        put(check_machine(vendor))
        for t in tests:
            put(run(t, results, patience))


if __name__ == '__main__':
    if sys.argv[1] == 'choose':
        json.dump(choose(json.load(sys.stdin), sys.argv[2:]), sys.stdout)
    else:
        run_all(sys.argv[1], sys.argv[2], int(sys.argv[3]))
