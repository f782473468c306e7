#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`secure-vm launch` against starting the very same domain directly through libvirt, both from the start of the program to the
guest's first instruction (QEMU's processors resume). Runs alternate; the first of each, which makes the vTPM, is not counted.
Fails when the overhead is above 10 % (--limit).

    launch.py --build DIR [--runs N] [--limit PERCENT]
"""
import argparse
import json
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))
from env import TOP, run

NAME = 'bench'


def launched(vm, guest, environment):
    """Seconds to the event "running", and its parts as the events say."""
    reader, writer = os.pipe()
    began = time.monotonic()
    p = subprocess.Popen([vm, 'launch', guest, '--quiet', '--events', f'/dev/fd/{writer}'], pass_fds=[writer], env=environment,
                         stdout=subprocess.DEVNULL)
    os.close(writer)
    parts, seconds = {}, None
    with os.fdopen(reader) as lines:
        for line in lines:
            e = json.loads(line)
            if e['event'] == 'launch':
                parts[e['step']] = e['ms']
            if e['event'] == 'running':
                seconds = time.monotonic() - began
    if p.wait(60) or seconds is None:
        sys.exit('launch failed')
    return seconds, parts


def start_directly(direct, uri, xml):
    """(seconds, what its standard input ends)"""
    began = time.monotonic()
    p = subprocess.Popen([direct, uri, xml], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.stdout.readline().strip() != 'running':
        sys.exit(f'the direct start failed: {p.communicate("")[1]}')
    return time.monotonic() - began, p


def started(direct, uri, xml):
    seconds, p = start_directly(direct, uri, xml)
    p.communicate('')
    return seconds


def use_distribution_users(conf):
    """A guest's own ids are of use only where launch prepares for them: the groups, and a vTPM that is made already."""
    swtpm = next(u for u in ('swtpm', 'tss', 'root') if u in [p.pw_name for p in pwd.getpwall()])
    with open(conf, encoding='utf-8') as f:
        lines = [line for line in f if not line.startswith(('user', 'group', 'swtpm_'))]
    with open(conf, 'w', encoding='utf-8') as f:
        f.writelines([*lines, 'user = "libvirt-qemu"\n', f'swtpm_user = "{swtpm}"\n', f'swtpm_group = "{swtpm}"\n'])


def twin(base, folder, name=NAME):
    """A root for the direct start: the same files, the same configuration, the same capability cache; and the running guest's XML."""
    other = os.path.join(base, f'd-{name}')
    for d in ('boot', 'etc', 'cache'):
        # Contents and modes only: libvirt notes in extended attributes who uses a file.
        shutil.copytree(os.path.join(folder, d), os.path.join(other, d), ignore=shutil.ignore_patterns('nvram', f'{name}.xml'),
                        copy_function=shutil.copy)
    for d in ('', 'boot', 'etc', 'cache'):
        os.chmod(os.path.join(other, d), 0o711)
    use_distribution_users(os.path.join(other, 'etc/qemu.conf'))
    with open(os.path.join(folder, 'etc/qemu', f'{name}.xml'), encoding='utf-8') as f:
        text = f.read().replace(folder + '/', other + '/')
    xml = os.path.join(base, f'{name}.xml')
    with open(xml, 'w', encoding='utf-8') as f:
        f.write(text[text.index('<domain'):])
    return f'qemu:///embed?root={other}', xml


def make_base():
    base = tempfile.mkdtemp(prefix='svb.', dir='/tmp')
    os.chmod(base, 0o711)
    return base, dict(os.environ, SECURE_VM_DIR=os.path.join(base, 's'))


def write_guest(base, name, memory):
    kernel = run(os.path.join(TOP, 'tools', 'fetch-kernel'), timeout=600).stdout.strip().splitlines()[-1]
    path = os.path.join(base, f'{name}.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump({'name': name, 'kernel': os.path.join(kernel, 'vmlinuz'), 'cmdline': 'console=ttyS0', 'memory': memory}, f)
    return path


def main():
    a = argparse.ArgumentParser(usage=__doc__)
    a.add_argument('--build', default='build')
    a.add_argument('--runs', type=int, default=10)
    a.add_argument('--limit', type=float, default=10)
    a = a.parse_args()
    vm, direct = os.path.join(a.build, 'launcher/secure-vm'), os.path.join(a.build, 'tests/bench/direct')
    base, environment = make_base()
    guest = write_guest(base, NAME, '512MiB')
    ours, theirs, parts = [], [], []
    try:
        launched(vm, guest, environment)
        uri, xml = twin(base, os.path.join(base, 's', NAME))
        run(vm, 'destroy', NAME, env=environment)
        started(direct, uri, xml)
        for i in range(a.runs):
            seconds, steps = launched(vm, guest, environment)
            run(vm, 'destroy', NAME, env=environment)
            ours.append(seconds)
            parts.append(steps)
            theirs.append(started(direct, uri, xml))
            print(f'{i + 1:3}  launch {ours[-1] * 1000:5.0f} ms   direct {theirs[-1] * 1000:5.0f} ms', flush=True)
    finally:
        run(vm, 'destroy', NAME, check=False, env=environment)
        shutil.rmtree(base, ignore_errors=True)
    o, t = statistics.median(ours), statistics.median(theirs)
    for step in parts[0]:
        print(f'     {step:18} {statistics.median(p[step] for p in parts):5.0f} ms')
    over = (o / t - 1) * 100
    print(f'median of {a.runs}: launch {o * 1000:.0f} ms, direct {t * 1000:.0f} ms to the first instruction: {over:+.1f} % (limit {a.limit:.0f} %)')
    return 1 if over > a.limit else 0


if __name__ == '__main__':
    sys.exit(main())
