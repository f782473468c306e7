#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The cluster's agent (launcher/ha/guest): what it answers to each word of secure-vm, which is played, and which processes are the guest's.

    ha_agent.py AGENT
"""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from patience import patient, wait_until  # noqa: E402

SUCCESS, GENERIC, PERM, INSTALLED, OFF = 0, 1, 4, 5, 7
ME = os.getuid()
# What the agent takes of resource-agents.
FUNCTIONS = '''
OCF_SUCCESS=0 OCF_ERR_GENERIC=1 OCF_ERR_ARGS=2 OCF_ERR_UNIMPLEMENTED=3 OCF_ERR_PERM=4 OCF_ERR_INSTALLED=5 OCF_ERR_CONFIGURED=6 OCF_NOT_RUNNING=7
__OCF_ACTION=$1
ocf_log() { echo "$@" >&2; }
ocf_exit_reason() { echo "reason: $*" >&2; }
ocf_is_probe() { false; }
'''
# Answers by files: "VERB" has the exit status, "VERB.says" the text; "ha state" is off before "launch" and what "state" says after it.
PROGRAM = '''#!/bin/sh
cd {folder}
verb=$1
[ "$1" != ha ] || verb=ha-$2
echo "$verb" >>asked
[ "$verb" != ha-state ] || grep -q -x launch asked || {{ echo off; exit 0; }}
cat "$verb.says" 2>/dev/null
exit "$(cat "$verb" 2>/dev/null || echo 0)"
'''


class World:
    def __init__(self, folder, agent):
        self.folder, self.processes = folder, []
        with open(agent, encoding='utf-8') as f:
            text = f.read()
        ours = text.replace('/var/lib/secure-vm', f'{folder}/lib').replace('/etc/libvirt/qemu.conf', f'{folder}/qemu.conf')
        assert ours.count(f'{folder}/lib') == 2 and ours.count(f'{folder}/qemu.conf') == 1, 'the agent looks elsewhere'
        self.agent = self.write('agent', ours)
        self.write('ocf-shellfuncs', FUNCTIONS)
        self.program = self.write('secure-vm', PROGRAM.format(folder=folder))
        os.chmod(self.program, 0o755)
        self.qemu = os.path.join(folder, 'qemu-system-x86_64')
        shutil.copy('/bin/sh', self.qemu)
        shutil.copy('/bin/sh', os.path.join(folder, 'other'))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def answer(self, verb, status, says=''):
        self.write(verb, str(status))
        self.write(f'{verb}.says', says)

    def forget(self):
        for path in ('lib', 'asked', 'qemu.conf'):
            path = os.path.join(self.folder, path)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.remove(path)
        for verb, says in (('ha-file', 'disk\n'), ('ha-state', 'runs\n'), ('launch', ''), ('wait', ''), ('stop', ''), ('destroy', '')):
            self.answer(verb, 0, says)

    def act(self, action, **parameters):
        given = {'name': 'g.1', 'config': '/srv/g.json', 'binary': self.program, **parameters}
        r = subprocess.run(['sh', self.agent, action], capture_output=True, text=True, check=False, timeout=patient(60), env={
            'PATH': os.environ['PATH'], 'OCF_FUNCTIONS_DIR': self.folder, **{f'OCF_RESKEY_{k}': v for k, v in given.items()}})
        return r.returncode, r.stderr

    def must(self, expected, action, **parameters):
        status, said = self.act(action, **parameters)
        assert status == expected, f'{action}: expected {expected}, found {status}: {said}'
        return said

    def start(self, program, name='g.1'):
        p = subprocess.Popen([os.path.join(self.folder, program), '-c', 'echo; read x', '-name', f'guest={name},debug-threads=on'],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.processes.append(p)
        p.stdout.readline()
        return p

    def end(self):
        for p in self.processes:
            p.kill()
            p.wait()


def starts(w):
    """A launch finds the guest file wrong at this node; what the guest says from inside does not."""
    for what, status, expected in (('launch', 2, INSTALLED), ('launch', 4, INSTALLED), ('launch', 3, GENERIC), ('launch', 5, PERM), ('launch', 6, PERM),
                                   ('wait', 2, GENERIC), ('wait', 4, GENERIC), ('wait', 3, GENERIC), ('wait', 5, PERM), ('wait', 6, PERM)):
        w.forget()
        w.answer('ha-state', 0, 'off: it ended\n')
        w.answer(what, status, 'why')
        assert 'why' in w.must(expected, 'start'), (what, status)
    w.forget()
    w.answer('wait', 3, 'not yet')
    w.must(SUCCESS, 'start')  # it runs, and goes on


def files(w):
    for status, says, expected in ((3, 'secure-vm: error: cannot open /srv/g.json: No such file or directory [guest.file]', INSTALLED),
                                   (3, 'secure-vm: error: g is neither a file nor the name of a defined guest (defined: none) [guest.file]', INSTALLED),
                                   (3, 'secure-vm: error: cannot open /srv/g.json: Stale file handle [guest.file]', GENERIC),
                                   (3, 'secure-vm: error: no memory [base.memory]', GENERIC), (137, '', GENERIC),
                                   (2, 'another guest\'s [ha.file.name]', INSTALLED), (4, 'this is not JSON [guest.json]', INSTALLED)):
        w.forget()
        w.answer('ha-file', status, says)
        for action in ('start', 'validate-all'):
            w.must(expected, action)


def own(w, uid, folder='g.1'):
    w.write(f'lib/{folder}/status.json', f'{{"error":{{"message":"\\"qemu_uid\\":{ME}"}},"name":"g.1","qemu_uid":{uid},"swtpm_uid":1}}\n')


def processes(w):
    """The program is gone, as it is where a node's disk died: the process alone says whether the guest runs."""
    daemon = {'connect': 'qemu:///system'}
    gone = {'binary': '/nowhere'}
    w.forget()
    ours, other, dot = w.start('qemu-system-x86_64'), w.start('other'), w.start('qemu-system-x86_64', 'g_1')
    for make, more, expected in ((lambda: own(w, ME), {}, INSTALLED), (lambda: own(w, ME + 1), {}, OFF), (lambda: None, {}, OFF),
                                 (lambda: own(w, ME, 'another'), {}, OFF),
                                 (lambda: w.write(f'lib/.ids/{ME}', f'{w.folder}/lib/g.1'), {}, INSTALLED),
                                 (lambda: w.write(f'lib/.ids/{ME}', f'{w.folder}/lib/g.12'), {}, OFF),
                                 (lambda: w.write(f'lib/.ids/{ME}', f'{w.folder}/lib/.elsewhere/g.1'), {}, OFF),
                                 (lambda: w.write(f'lib/.ids/{ME}', f'{w.folder}/lib/.elsewhere/g.1'), daemon, INSTALLED),
                                 (lambda: w.write('qemu.conf', f'# user = "x"\nuser = "+{ME}"\n'), daemon, INSTALLED),
                                 (lambda: w.write('qemu.conf', f'user = "+{ME + 1}"\n'), daemon, OFF),
                                 (lambda: w.write('qemu.conf', f'user = "+{ME}"\n'), {}, OFF)):
        w.forget()
        make()
        w.must(expected, 'monitor', **gone, **more)
    # nothing of another user's is ended, and none of it makes a stop fail
    w.forget()
    own(w, ME + 1)
    w.must(SUCCESS, 'stop', **gone)
    assert ours.poll() is None, 'a process of another user was ended'
    own(w, ME)
    w.must(SUCCESS, 'monitor', binary='/bin/false')
    w.must(SUCCESS, 'stop', **gone)
    wait_until('the guest\'s process was not ended', lambda: ours.poll() is not None)
    assert other.poll() is None, 'a process that is no QEMU was ended'
    assert dot.poll() is None, 'the process of another guest was ended'
    w.must(OFF, 'monitor', **gone)


def main():
    with tempfile.TemporaryDirectory() as folder:
        w = World(folder, sys.argv[1])
        try:
            for case in (starts, files, processes):
                case(w)
                print(f'{case.__name__}: ok', flush=True)
        finally:
            w.end()


main()
