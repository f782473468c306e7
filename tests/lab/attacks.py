# SPDX-License-Identifier: Apache-2.0
"""What a QEMU or a vTPM that was taken over would try on another guest, from a process that has its label: as root, so that only the label refuses. The table of
attacks is that of tests/e2e/apart.py, which tries them with the users alone."""
import json
import os
import signal
import stat
import sys

sys.path.insert(0, '/lab')

import apart  # noqa: E402
from apart import attacks_on_paths, attempt, libc, take_descriptor, trace  # noqa: E402


def on_process(name, pid):
    for file, mode in (('mem', 'rb'), ('mem', 'r+b'), ('environ', 'rb'), ('maps', 'rb')):
        yield f'open /proc/{name}/{file} {mode}', attempt(open, f'/proc/{pid}/{file}', mode)
    yield f'list /proc/{name}/fd', attempt(os.listdir, f'/proc/{pid}/fd')
    yield f'pidfd_getfd of {name}', take_descriptor(pid)
    yield f'ptrace of {name}', trace(pid)
    # one that does nothing to a process that did not ask for it
    yield f'a signal to {name}', attempt(os.kill, pid, signal.SIGCONT)


def everything(processes, paths):
    for name, pid in processes.items():
        yield from on_process(name, pid)
    yield from attacks_on_paths(paths)


def as_label(enter, attacks):
    """What of it works, from a process of root's that `enter` has confined."""
    r, w = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter()
            found = [what for what, works in attacks() if works]
        except OSError as e:
            found = [f'the label could not be taken: {e}']
        with os.fdopen(w, 'w') as f:
            json.dump(found, f)
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        text = f.read()
    os.waitpid(child, 0)
    return json.loads(text or '["nothing was said"]')


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


def processes_of(folder):
    """{who: pid} of a guest's QEMU and vTPM."""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                line = f.read()
            name = os.path.basename(os.readlink(f'/proc/{pid}/exe'))
        except OSError:
            continue
        if os.fsencode(folder + '/') in line and name.startswith(('qemu-', 'swtpm')):
            found['qemu' if name.startswith('qemu-') else 'swtpm'] = int(pid)
    return found


__all__ = ['apart', 'as_label', 'everything', 'libc', 'paths_of', 'processes_of']
