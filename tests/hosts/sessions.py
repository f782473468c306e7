#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records docs/SESSIONS.md: commands as a person types them, and what they answer, with real guests on emulated processors.

    sessions.py --build DIR [life|sharing|migration|cluster...]              prints the Markdown of these sessions
    sessions.py --build DIR --check [life|sharing|migration|cluster...]      records them anew, and compares with the page, figures masked
"""
import argparse
import contextlib
import difflib
import os
import re
import shlex
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import guests  # noqa: E402
import cluster  # noqa: E402
import ha  # noqa: E402
import hosts  # noqa: E402
import migrate  # noqa: E402
from env import CACHE, TOP, Case, Env, run, say_to  # noqa: E402
from patience import wait_until  # noqa: E402
from runner import make_folder  # noqa: E402

HEAD = '''# Recorded sessions

Typed and answered for real: libvirt, QEMU, swtpm, corosync, Pacemaker, a broker; the hosts are namespaces of one machine, the processors are emulated, so times are of
that. `tests/hosts/sessions.py --build DIR` records this page, and the test `hosts-sessions` types all of it again and compares every word that is no figure; `~` is the folder of the guest's files. What each verb does, how it fails and what proves it is in LIFE.md.
'''


class Session:
    """One chapter: what is typed at hosts, and what comes back, with this machine's own paths shortened."""

    def __init__(self, title, c, prompt=''):
        self.c, self.prompt, self.parts = c, prompt, [f'## {title}']
        self.shorter = [(c.env.vm, 'secure-vm'), (c.dir, '~'), (os.path.dirname(CACHE), '/var/cache/secure-vm'), (getattr(c, 'state', c.dir), '/var/lib/secure-vm')]

    def say(self, text):
        self.parts.append(text)

    def show(self, command, answer, host=None):
        text = f'{host.hostname if host else self.prompt}$ {command}\n{answer}'.rstrip()
        for long, short in sorted(self.shorter, key=lambda p: -len(p[0])):
            text = text.replace(long, short)
        self.parts.append(f'```\n{text}\n```')

    def type(self, *argv, host=None):
        """secure-vm at the guest's host, or at another; also what fails is shown."""
        at = host or getattr(self.c, 'host', None)
        before = [*(at.tool() if isinstance(at, cluster.Node) else hosts.enter(at)), self.c.env.vm] if at else self.c.vm
        r = run(*before, *argv, check=False, env=self.c.environment)
        status = f'(exit status {r.returncode})\n' if r.returncode else ''
        self.show(shlex.join(['secure-vm', *argv]), r.stdout + r.stderr + status, at)

    def markdown(self):
        return '\n\n'.join(self.parts) + '\n'


def life(e, stack):
    """On the supervisor of our own."""
    c = Case(e, make_folder('sessions'), 'life')
    stack.callback(c.end)
    c.prepare()
    s = Session('A life, without a daemon', c)
    s.say('The disk is encrypted, its policy is at the broker; the guest gets a name and starts by it.')
    s.type('define', c.file)
    s.type('start', 'g', '--wait')
    s.type('list')
    s.type('show', 'g')
    s.type('pause', 'g')
    s.type('resume', 'g')
    s.say('A snapshot is a copy, taken while the guest runs; to go back to it the guest has to be off.')
    s.type('snapshot', 'create', 'g', '--name', 'before-upgrade')
    s.type('snapshot', 'list', 'g')
    s.type('snapshot', 'revert', 'g', 'before-upgrade')
    s.say('This guest has one static program, which does not listen to its power button.')
    s.type('stop', 'g', '--timeout', '3')
    s.type('stop', 'g', '--timeout', '3', '--force')
    s.type('snapshot', 'revert', 'g', 'before-upgrade')
    s.type('start', 'g', '--wait')
    s.type('destroy', 'g')
    s.type('undefine', 'g')
    return s


def sharing(e, stack):
    """What guests take of a host, and one that gets more while it runs."""
    c = Case(e, make_folder('sessions'), 'sharing')
    stack.callback(c.end)
    c.guest.update(vcpus_max=3, memory_max='1GiB')
    c.prepare()
    s = Session('Sharing a host, and more for a guest that runs', c)
    s.say('The guest file says what the guest boots with and, for later, `"vcpus_max": 3` and `"memory_max": "1GiB"`: both are in what is predicted and measured.')
    s.type('define', c.file)
    s.type('start', 'g', '--wait')
    s.type('host', 'budget', '--reserve', '1GiB')
    s.type('resize', 'g', '--vcpus', '3', '--memory', '1GiB', '--disk-iops', 'root=500')
    time.sleep(12)  # the guest takes it in its own time, and its balloon speaks every five seconds
    s.type('show', 'g')
    s.type('host', 'budget')
    s.say('What is more than its file says would be another machine, and what the host has not got is refused with all the rest.')
    s.type('resize', 'g', '--vcpus', '4', '--online')
    s.type('host', 'budget', '--reserve', '1TiB')
    s.type('resize', 'g', '--vcpus', '1', '--memory', '512MiB')
    s.type('resize', 'g', '--memory', '1GiB')
    s.type('host', 'budget', '--reserve', '0')
    return s


def migration(e, stack):
    """Between two libvirt daemons that share storage."""
    pair = stack.enter_context(hosts.Hosts('a', 'b'))
    c = guests.Guest(e, pair, 'migration')
    stack.callback(c.end)
    migrate.start(c)
    s = Session('To another host while it runs', c)
    s.say('A guest with a vTPM at the daemon of `hosta`. Its disk is on shared storage, a TCP connection to it is open all the time.')
    s.type('list', *c.more)
    with migrate.connection(c) as figures:
        s.type('migrate', 'g', *c.more, '--to', pair.b.uri)
    c.host = pair.b
    s.say(f'The connection lived: {figures[0]["lines"]} lines were echoed, the longest silence between two of them was {figures[0]["gap_ms"]} ms.')
    s.type('list', *c.more)
    s.type('list', *c.more, host=pair.a)
    s.say('Started over where it is now, it attests to the policy that it had.')
    s.type('reset', 'g', *c.more)
    wait_until('the guest does not get its disk again', lambda: c.released()[1] > 1, 240)
    s.type('show', 'g', *c.more)
    s.say('What cannot be is refused beforehand, and the guest runs on.')
    s.type('migrate', 'g', *c.more, '--to', pair.b.uri)
    return s


def in_cluster(e, stack):
    """Three hosts with corosync, Pacemaker and a power switch."""
    trio = stack.enter_context(cluster.Cluster('a', 'b', 'c'))
    c = ha.Resource(e, trio, 'cluster')
    stack.callback(c.end)
    c.prepare()
    s = Session('A host dies', c)
    s.say('Three hosts with corosync, Pacemaker and fencing; the guest is a resource of `ocf:secure-vm:guest`, its disk has tags and a floor at the broker.')
    ha.start_in_cluster(c, trio.a)
    s.show('crm_mon -1', trio.b.ask('crm_mon', '-1'), trio.b)
    c.host = trio.b
    s.type('ha', 'check')
    s.say('The power of `hosta` is cut.')
    dead = ha.reports(c)[-1][0]
    c.host, fenced, runs = ha.cut(c, trio.a)
    s.say(f'It was fenced {fenced:.1f} s after the cut, and the guest ran at `{c.host.hostname}` {runs - fenced:.1f} s after that. The broker keeps it off its disk while the '
          'dead instance has its lease, since only the cluster says that it is dead:')
    wait_until('the broker does not refuse the second instance', lambda: ha.refusals(c), 240)
    s.show('crm_mon -1', c.host.ask('crm_mon', '-1'), c.host)
    s.type('show', 'g')
    s.say('The administrator\'s word ends the lease at once.')
    s.type('key', 'end-lease', ha.RESOURCE, *c.broker.admin())
    wait_until('the guest does not get its disk', lambda: ha.reports(c)[-1][0] != dead, 240)
    wait_until('the supervisor does not hear that the disk is open', lambda: '"unlocked"' in run(*c.vm, 'list', '--json', env=c.environment).stdout, 240)
    s.type('list')
    return s


SESSIONS = {'life': life, 'sharing': sharing, 'migration': migration, 'cluster': in_cluster}


# --- held against the page ---

# What is another at each recording, and on each machine; the first that fits counts. What is left are the words.
MASKS = [(re.compile(what), mask) for what, mask in (
    (r'\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b', 'UUID'),
    (r'\b[0-9a-f]{16,}\b', 'HEX'),
    (r'\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ', 'TIME'),
    (r'\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} +\d+ [\d:]+ \d{4}', 'TIME'),
    (r'(?<=://)10\.9\.0\.254:\d+|(?<=://)10\.0\.2\.2:\d+', 'BROKER'),
    (r'/kernels/\S+', '/kernels/KERNEL'),
    (r'^host +\S+$|\bhost[abc]\b', 'HOST'),  # a cluster chooses itself
    (r'(?<=Stack: )\w+|(?<=\(version )[^)]+|\bby \w+ via \w+', 'PACEMAKER'),  # what it does not say in its first second
    (r'\b(\d+(\.\d+)? )(B|KiB|MiB|GiB|TiB)\b', 'SIZE'),
    (r'\d+(\.\d+)*', 'N'),
    (r'(?<= )#+$', ''),
    (r'\s+', ' '),
)]
# Said of the machine and not of the guest, or as often as it takes long.
MACHINE = re.compile(r'secure-vm: (no KVM, so|this guest is apart from others by its user ids alone|copying the disks: )')


def mask(text):
    """Its lines without figures."""
    found = []
    for line in text.splitlines():
        if MACHINE.match(line):
            continue
        for what, masked in MASKS:
            line = what.sub(masked, line)
        found.append(line.strip())
    return [line for line in found if line]


def chapter(page, text):
    """The chapter of the page with this one's title."""
    title = text.splitlines()[0]
    parts = re.split(r'^(?=## )', page, flags=re.M)
    return next((p for p in parts if p.splitlines()[0] == title), '')


def compare(page, text):
    """What differs between the page and what was recorded, as lines."""
    return list(difflib.unified_diff(mask(chapter(page, text)), mask(text), 'docs/SESSIONS.md', 'recorded', lineterm='', n=2))


def main():
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('--build', default='build')
    p.add_argument('--check', action='store_true')
    p.add_argument('sessions', nargs='*', choices=[*SESSIONS, []])
    a = p.parse_args()
    if a.check and cluster.missing_cluster():
        print(cluster.missing_cluster())
        return 77
    a.build = os.path.abspath(a.build)
    say = say_to()
    with open(os.path.join(TOP, 'docs/SESSIONS.md'), encoding='utf-8') as f:
        page = f.read()
    if not a.check:
        print(HEAD)
    bad = 0
    for name in a.sessions or SESSIONS:
        with contextlib.ExitStack() as stack:
            e = (Env if name in ('life', 'sharing') else guests.HostsEnv)(a.build, say)
            text = SESSIONS[name](e, stack).markdown()
        if not a.check:
            print(text, flush=True)
            continue
        differs = compare(page, text)
        bad += bool(differs)
        print(f'{"ok" if not differs else "FAIL"} {name}', *differs, sep='\n', flush=True)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
