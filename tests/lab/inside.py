# SPDX-License-Identifier: Apache-2.0
"""What the cases share that run in the lab machine: commands, what the kernel refused, and lines for whoever waits outside."""
import json
import os
import re
import stat
import subprocess
import time

VM = next(p for p in ('/usr/bin/secure-vm', '/usr/local/bin/secure-vm') if os.path.exists(p))
STATE = '/var/lib/secure-vm'
FAILED = []


def say(text):
    print(f'[{time.clock_gettime(time.CLOCK_BOOTTIME):5.0f}s] {text}', flush=True)


def must(truth, what, why=''):
    """One line for each thing that must be true; the case goes on, and ends with the sum."""
    if truth:
        print(f'ok {what}', flush=True)
    else:
        FAILED.append(what)
        print(f'not ok {what}: {" ".join(str(why).split())[-1500:]}', flush=True)
    return truth


def run(*command, status=0, **more):
    """Ends as expected, or the case says how not."""
    begin = time.monotonic()
    r = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, errors='replace', stdin=subprocess.DEVNULL, **more)
    say(f'{" ".join(str(c) for c in command)[:150]}: {r.returncode} after {time.monotonic() - begin:.0f} s')
    if status is not None and r.returncode != status:
        must(False, f'{os.path.basename(str(command[0]))} {" ".join(str(c) for c in command[1:3])} ends with {status}', f'{r.returncode}: {r.stderr[-1200:]} {r.stdout[-300:]}')
    return r


def vm(*words, **more):
    return run(VM, *words, **more)


def launch(file):
    """libvirt waits a few seconds for swtpm, however slow the machine is: that alone is tried again."""
    for _ in range(5):
        r = vm('launch', file, status=None)
        if 'swtpm socket did not show up' not in r.stderr:
            break
    return r


def write_json(path, value):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(value, f)
    return path


def end_guest(name, *more):
    """A command waits half a minute for the supervisor's end, however slow the machine is: the wait alone is tried again."""
    for _ in range(10):
        r = vm('destroy', name, *more, status=None)
        if 'state.busy' not in r.stderr:
            break
    must(r.returncode == 0, f'guest {name} is ended', r.stderr)


def guest_file(name, **more):
    return write_json(f'/srv/guests/{name}.json', {'name': name, 'tee': 'vtpm', 'vcpus': 1, 'memory': '256MiB', 'kernel': '/lab/vmlinuz',
                                                   'cmdline': 'console=ttyS0 panic=-1', 'disks': [{'path': f'/srv/guests/{name}.img'}], **more})


def read_text(path):
    with open(path, encoding='utf-8', errors='replace') as f:
        return f.read().replace('\0', '').strip()


def paths_of(*tops):
    """Below these, as root sees them, each with its kind. Not what an attack left there."""
    for top in tops:
        mode = os.lstat(top).st_mode
        yield top, mode
        if stat.S_ISDIR(mode):
            for folder, folders, files in os.walk(top):
                for name in folders + files:
                    path = os.path.join(folder, name)
                    if name != 'attack' and not stat.S_ISLNK(os.lstat(path).st_mode):
                        yield path, os.lstat(path).st_mode


def put(path, text):
    """To a file of the kernel's."""
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)


def make_port(target, n):
    """Of nvmet's: TCP at 127.0.0.N."""
    os.mkdir(f'{target}/ports/{n}')
    for name, value in (('addr_trtype', 'tcp'), ('addr_adrfam', 'ipv4'), ('addr_traddr', f'127.0.0.{n}'), ('addr_trsvcid', '4420')):
        put(f'{target}/ports/{n}/{name}', value)


def refusals(pattern):
    """What the kernel's log has of it since it was last asked, each once."""
    text = subprocess.run(['dmesg', '--read-clear'], capture_output=True, text=True, errors='replace', check=False).stdout
    found = {}
    for line in text.splitlines():
        if re.search(pattern, line):
            line = re.sub(r'^.*?(apparmor=|avc: )', r'\1', line)
            line = re.sub(r' (pid|ino)=\d+', '', line)
            found[line] = found.get(line, 0) + 1
    return found


def wait_until(what, truth, seconds=600):
    end = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > end:
            must(False, what, f'not within {seconds} s')
            return False
        time.sleep(0.2)
    return True


def finish():
    print(f'lab: {len(FAILED)} failed', flush=True)
    raise SystemExit(1 if FAILED else 0)
