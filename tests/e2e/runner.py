# SPDX-License-Identifier: Apache-2.0
"""Cases are functions; the docstring of each says what must be true. Those that were chosen run beside each other: as many as there are
processors, and one more whenever a processor idles, since many of them wait (for a broker, a lease, a disk) most of their time."""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import tempfile
import time
import traceback

from env import Case, Env, Failed, say_to


def read_arguments(usage, cases):
    """(arguments, None), with the functions chosen in .cases; or (None, exit status) when there is nothing to run."""
    p = argparse.ArgumentParser(usage=usage)
    p.add_argument('cases', nargs='*')
    p.add_argument('--build', default='build')
    p.add_argument('--jobs', type=int, default=3 * min(os.cpu_count(), 8), help='at most so many at once')
    p.add_argument('--list', action='store_true')
    p.add_argument('--keep', action='store_true', help='keep the folders of failed cases')
    a = p.parse_args()
    if a.jobs < 1:
        p.error(f'--jobs takes a number from 1, found {a.jobs}')
    a.build = os.path.abspath(a.build)
    chosen = [f for f in cases if not a.cases or f.__name__ in a.cases]
    if a.list or len(chosen) < len(a.cases):
        for f in cases:
            print(f'{f.__name__:24} {f.__doc__}')
        return None, 0 if a.list else 2
    a.cases = chosen
    return a, None


def why_not(attempt):
    """What stood against attempt(), or ''."""
    try:
        attempt()
    except (Failed, subprocess.SubprocessError) as e:
        return str(e) or repr(e)
    except Exception:
        return traceback.format_exc()
    return ''


def try_case(make, function, keep=False):
    """The case as make(its name) sets it up. Why it failed, or ''; whatever it started is gone."""
    made = []

    def attempt():
        made.append(make(function.__name__))
        function(made[0])
    why = why_not(attempt)
    return why + why_not(lambda: [c.end(keep and bool(why)) for c in made])


def make_folder(name):
    """Where cases have their folders, and below "s" those of their guests."""
    base = tempfile.mkdtemp(prefix=f'sv{name}', dir='/tmp')  # short: UNIX socket paths lie below it
    os.makedirs(os.path.join(base, 's'))
    for folder in (base, os.path.join(base, 's')):
        os.chmod(folder, 0o755)  # for the user whom QEMU runs as
    return base


def read_idle():
    """Seconds that this machine's processors had to spare since its start: did nothing, waited for a file, or did what comes after us (the proofs)."""
    with open('/proc/stat', encoding='ascii') as f:
        nice, _, idle, wait = map(int, f.readline().split()[2:6])
    return (idle + wait + (nice if os.nice(0) <= 0 else 0)) / os.sysconf('SC_CLK_TCK')


def has_room(seconds=2):
    """Has a processor been idle, and is there memory for another guest?"""
    before = read_idle()
    time.sleep(seconds)
    with open('/proc/meminfo', encoding='ascii') as f:
        free = next((int(line.split()[1]) for line in f if line.startswith('MemAvailable')), 0)
    return read_idle() - before > 0.5 * seconds and free > 3 << 20


def run_beside(functions, one, jobs):
    """one(f) of each, in threads of their own; what they return, as they end, or raise, also what ends a program."""
    least, running = min(os.cpu_count(), jobs, 8), set()  # a guest has up to 1 GiB: so many begin without a look at memory
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for f in functions:
            while len(running) >= jobs or len(running) >= least and not has_room():
                ended, running = concurrent.futures.wait(running, None if len(running) >= jobs else 0.01, concurrent.futures.FIRST_COMPLETED)
                yield from (e.result() for e in ended)
            running.add(pool.submit(one, f))
        yield from (e.result() for e in concurrent.futures.as_completed(running))


def run_cases(name, a, prepare, run_case):
    """prepare(folder) -> what run_case(that, function) -> why it failed gets. The exit status."""
    base = make_folder(name)
    try:
        world = prepare(base)
    except Failed as e:
        print(f'e2e-{name}: FAILED to prepare: {e}', flush=True)
        shutil.rmtree(base, ignore_errors=True)
        return 1

    def timed(f):
        begin = time.time()
        return f, run_case(world, f), time.time() - begin

    failed = 0
    for f, why, seconds in run_beside(a.cases, timed, a.jobs):
        failed += bool(why)
        print(f'{"FAILED" if why else "ok"} {f.__name__} ({seconds:.0f} s): {f.__doc__}' + (f'\n    {why}' if why else ''), flush=True)
    print(f'e2e-{name}: {len(a.cases)} cases, {failed} failed', flush=True)
    if failed and a.keep:
        print(f'e2e-{name}: kept {base}')
    else:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if failed else 0


def prepare_plain(a, base):
    env = Env(a.build, say_to())
    return lambda name: Case(env, base, name)


def main(name, usage, cases, prepare=prepare_plain, missing=None, again=lambda one_try: one_try()):
    """prepare(arguments, folder) -> make(a case's name), of whom each function is a case. missing() says what this machine lacks, or None."""
    a, status = read_arguments(usage, cases)
    if not a:
        return status
    if missing and missing():
        print(f'SKIP: {missing()}')
        return 77
    return run_cases(name, a, lambda base: prepare(a, base), lambda make, f: again(lambda: try_case(make, f, a.keep)))
