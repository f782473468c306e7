#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One failing allocation at a time: a program that cannot get memory ends with class 3 and "base.memory", whichever it was.

    run.py --build DIR --fail LIBRARY [--points N | --all] [CASE...]

Each command runs once undisturbed, then with its 1st, 2nd, ... allocation failing (spread over N points, or all). Right is exit status 3,
"[base.memory]" on standard error, and with --json one JSON object that says the same (once the program runs: not while it is loaded). A keeper's process of a broker is disturbed the
same way: the client must see a lost connection or a server's error, never another class, and the broker goes on with what it had.
"""
import argparse
import concurrent.futures
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VECTORS = os.path.join(TOP, 'tests/vectors')


class Bad(Exception):
    pass


class Trial:
    def __init__(self, a):
        self.vm = os.path.join(a.build, 'launcher/secure-vm')
        self.broker = os.path.join(a.build, 'broker/secure-vm-broker')
        self.fail, self.points, self.all = os.path.abspath(a.fail), a.points, a.all

    def chosen(self, count):
        """The first 20 and the last 20 always, the rest evenly."""
        if self.all or count <= self.points:
            return range(1, count + 1)
        edge = min(20, self.points // 4)
        step = max(1, (count - 2 * edge) // (self.points - 2 * edge))
        return sorted({*range(1, edge + 1), *range(edge + 1, count - edge, step), *range(count - edge + 1, count + 1)})

    def spawn(self, args, **env):
        r = subprocess.run([self.vm, *args, '--json'], cwd=VECTORS, capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
                           env={'PATH': os.environ['PATH'], 'LC_ALL': 'C', 'HOME': self.home, 'LD_PRELOAD': self.fail, **env})
        return r.returncode, r.stdout, r.stderr

    def command(self, name, status, args):
        counted = os.path.join(self.home, name + '.count')
        got, whole, err = self.spawn(args, SV_OOM_COUNT=counted)
        if got != status:
            raise Bad(f'{name}: undisturbed it ends with {got}, expected {status}: {err.decode()}')
        with open(counted) as f:
            count = int(f.read())
        self.spawn(['--version'], SV_OOM_COUNT=counted)
        with open(counted) as f:
            startup = int(f.read())  # before the program knows that JSON is wanted
        points = self.chosen(count)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for n, (got, out, err) in zip(points, pool.map(lambda n: self.spawn(args, SV_OOM_AT=str(n)), points)):
                if (got, out) != (status, whole):  # else it had answered: an exit handler failed
                    check(name, n, got, out, err, n <= startup)
        return count, len(points)


def check(name, n, got, out, err, early):
    if got != 3 or b'[base.memory]' not in err:
        raise Bad(f'{name}: allocation {n} failed: exit {got}, expected 3 and [base.memory]: {err[-300:]!r}')
    if early and not out:
        return
    try:
        said = json.loads(out)
    except ValueError:
        raise Bad(f'{name}: allocation {n} failed: standard output is not one JSON object: {out[:300]!r}') from None
    if said['ok'] is not False or said['error']['check'] != 'base.memory' or said['error']['class'] != 'system':
        raise Bad(f'{name}: allocation {n} failed: {said}')


def commands(home):
    """name -> (exit status undisturbed, arguments)"""
    guest = os.path.join(home, 'guest.json')
    firmware = os.path.join(VECTORS, 'firmware/small.fd')
    measured = {'name': 'oom', 'tee': 'vtpm', 'memory': '1GiB', 'firmware': firmware, 'kernel': kernel(), 'cmdline': 'console=ttyS0 quiet',
                'tees': {'vtpm': {'allow_unpredicted': ['0']}},
                'attestation': {'url': 'https://10.0.2.2:8443', 'pin': 'sha256:' + '11' * 32, 'resource': 'default/oom/root',
                                'ek_roots': [os.path.join(VECTORS, 'kbs/generated/tpm/swtpm_localca_root.pem')]}}
    with open(guest, 'w') as f:
        json.dump(measured, f)
    tdx = {r['quote']: r for r in load('tdx/expected-real.json')}['quotes/gtg-cos113.bin']
    return {
        **confidential(),
        'inspect-report': (0, ['inspect', 'snp/reports/milan-v3-azure.bin']),
        'inspect-quote': (0, ['inspect', 'tdx/quotes/gtg-cos113.bin']),
        'inspect-log': (0, ['inspect', 'eventlog/debian12-ovmf4m-linux61.bin']),
        'inspect-firmware': (0, ['inspect', 'firmware/small.fd']),
        'verify-snp': (0, ['verify', '--tee', 'sev-snp', 'snp/reports/milan-v2-a.bin', '--vek', 'snp/certs/vcek-milan-a.der',
                           '--chain', 'snp/certs/cert_chain-milan-vcek.pem', '--time', '2024-06-01T00:00:00Z', '--allow', 'tcb', '--allow', 'firmware']),
        'verify-tdx': (0, ['verify', '--tee', 'tdx', 'tdx/' + tdx['quote'], '--collateral', 'tdx/' + tdx['collateral'], '--time', tdx['at']]),
        'measure-vtpm': (0, ['measure', guest, '--explain']),
        'measure-snp': (0, ['measure', '--tee', 'sev-snp', '--igvm', 'snp/igvm/ok-basic.igvm', '--explain']),
        'policy': (0, ['policy', guest]),
    }


def confidential():
    """Debian's confidential firmware with a kernel, when tools/fetch-firmware has been run."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'secure-vm/firmware')
    rows = {'measure-snp-kernel': ['sev-snp', 'OVMF.amdsev.fd', '--cpu', 'EPYC-v4', '--vcpus', '2'],
            'measure-tdx': ['tdx', 'OVMF.inteltdx.ms.fd', '--memory', '1GiB']}
    found = {}
    for name, (tee, image, *more) in rows.items():
        path = os.path.join(cache, image)
        if not os.path.exists(path):
            print(f'SKIP: {name}: {path} is not there (tools/fetch-firmware)')
            continue
        found[name] = (0, ['measure', '--tee', tee, '--firmware', path, '--kernel', kernel(), '--cmdline', 'quiet', *more, '--explain'])
    return found


def load(name):
    with open(os.path.join(VECTORS, name)) as f:
        return json.load(f)


@functools.cache
def kernel():
    out = subprocess.run([os.path.join(TOP, 'tools/fetch-kernel')], check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout
    return os.path.join(out.strip().splitlines()[-1], 'vmlinuz')


# --- a broker's process ---

def wait_for(what, ask, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ask():
            return
        time.sleep(0.05)
    raise Bad(f'{what}: not within {seconds} s')


def answers(port):
    try:
        socket.create_connection(('127.0.0.1', port), 1).close()
        return True
    except OSError:
        return False


def name_of(pid):
    try:
        with open(f'/proc/{pid}/comm') as f:
            return f.read().strip()
    except OSError:
        return None


class Broker:
    """One whose keeper's processes have their n-th allocation fail, n being what the file says when they are made."""

    def __init__(self, t):
        self.t, self.dir = t, os.path.join(t.home, 'broker')
        self.number = os.path.join(t.home, 'number')
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        made = json.loads(subprocess.run([t.broker, 'init', '--dir', self.dir, '--listen', f'127.0.0.1:{self.port}', '--json'],
                                         check=True, stdout=subprocess.PIPE).stdout)
        self.admin = ['--broker', f'https://127.0.0.1:{self.port}', '--pin', made['pin'], '--admin-key', made['admin_key']]
        self.made = made
        self.begin()

    def begin(self):
        with open(self.number, 'w') as f:
            f.write('-1\n')
        self.process = subprocess.Popen([self.t.broker, 'serve', '--config', self.made['config']], stderr=subprocess.DEVNULL,
                                        env={'PATH': os.environ['PATH'], 'LD_PRELOAD': self.t.fail, 'SV_OOM_CHILD': self.number})
        wait_for('the broker listens', lambda: answers(self.port))

    def end(self):
        self.process.terminate()
        self.process.wait(30)

    def keepers(self):
        """Those that have requests: the first process of the broker makes them when there is one, and uses them again."""
        with open(f'/proc/{self.process.pid}/task/{self.process.pid}/children') as f:
            return [int(p) for p in f.read().split() if name_of(p) == 'sv-keeper']

    def set(self, n):
        """Of those that come now: the ones that are there are ended."""
        with open(self.number, 'w') as f:
            f.write(f'{n}\n')
        wait_for('the end of what had requests', self.kill_keepers)

    def kill_keepers(self):
        """True when there is none any more."""
        there = self.keepers()
        for p in there:
            with contextlib.suppress(ProcessLookupError):  # the broker ended it first
                os.kill(p, signal.SIGKILL)
        return not there

    def ask(self, *args, value=None):
        r = subprocess.run([self.t.vm, *args, *self.admin, '--json'], input=value, capture_output=True, timeout=120)
        return r.returncode, json.loads(r.stdout)

    def count(self, *args, value=None):
        """Allocations of one undisturbed request."""
        self.set(-1)
        path = self.number + '.count'
        if os.path.exists(path):
            os.unlink(path)
        status, said = self.ask(*args, value=value)
        if status:
            raise Bad(f'{args}: undisturbed it ends with {status}: {said}')
        self.end()
        with open(path) as f:
            count = max(map(int, f.read().split()))
        self.begin()
        return count


def broker_request(t, b, name, args, value=None, made=None):
    count = b.count(*args, value=value)
    points = t.chosen(count)
    for n in points:
        b.set(n)
        status, said = b.ask(*args, value=value)
        if status not in (0, 3):
            raise Bad(f'{name}: allocation {n} of the broker failed: the client ends with {status}: {said}')
        if b.process.poll() is not None:
            raise Bad(f'{name}: allocation {n} failed: the broker ended too, with {b.process.returncode}')
        b.set(-1)
        again, listed = b.ask('key', 'list')
        if again:
            raise Bad(f'{name}: after allocation {n} failed the broker answers {listed}')
        if made and status == 0 and made not in [r['path'] for r in listed['resources']]:
            raise Bad(f'{name}: allocation {n} failed, the client was told that the key is there, and it is not')
    return count, len(points)


def brokers(t):
    b = Broker(t)
    try:
        yield 'broker-list', broker_request(t, b, 'broker-list', ['key', 'list'])
        b.ask('key', 'put', 'default/oom/one', value=b'x' * 32)
        yield 'broker-rotate', broker_request(t, b, 'broker-rotate', ['key', 'rotate', 'default/oom/one'], b'y' * 32, 'default/oom/one')
    finally:
        b.end()


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', required=True)
    p.add_argument('--fail', required=True)
    p.add_argument('--points', type=int, default=120)
    p.add_argument('--all', action='store_true')
    p.add_argument('cases', nargs='*')
    a = p.parse_args()
    a.build = os.path.abspath(a.build)
    t, failed = Trial(a), 0
    with tempfile.TemporaryDirectory() as t.home:
        print(f'{"case":20} {"allocations":>11} {"failed, one at a time":>22} {"seconds":>8}')
        rows = ((name, lambda name=name, row=row: t.command(name, *row)) for name, row in commands(t.home).items())
        for name, run in rows:
            if a.cases and name not in a.cases:
                continue
            failed += report(name, run)
        if not a.cases or 'broker' in a.cases:
            begin, runs = time.monotonic(), brokers(t)
            while True:
                try:
                    name, (count, tried) = next(runs)
                except StopIteration:
                    break
                except Bad as e:
                    print(f'FAILED {e}')
                    failed += 1
                    break
                print(f'{name:20} {count:11} {tried:22} {time.monotonic() - begin:8.1f}', flush=True)
                begin = time.monotonic()
    print('0 answers of the wrong class, 0 lost texts, 0 crashes' if not failed else f'{failed} cases failed')
    return failed != 0


def report(name, run):
    begin = time.monotonic()
    try:
        count, tried = run()
    except Bad as e:
        print(f'FAILED {e}', flush=True)
        return 1
    print(f'{name:20} {count:11} {tried:22} {time.monotonic() - begin:8.1f}', flush=True)
    return 0


sys.exit(main())
