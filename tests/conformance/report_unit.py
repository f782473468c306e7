#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the unit of a guest's reports makes of each exit status, under a systemd of its own in namespaces: a broker that was not reached (3) is no failure, any other
is a failed unit and nothing more (whoever has lost the disk is off before there is one), and without the key of reports nothing runs.

    report_unit.py UNIT      (root)
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

SYSTEMD = '/usr/lib/systemd/systemd'
OFF = 'exec systemctl --force --force poweroff'
REPORT = re.compile('^ExecStart=/.*/secure-vm-agent report --power-off$', re.M)
BOOT = '''
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir /run/none && mount --bind /run/none /usr/lib/systemd/system-generators
exec ''' + SYSTEMD + ' --system --log-target=console --unit=default.target'
GO = '''[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for n in 5 3 2 0 none; do systemctl start r$$n.service; echo $$n $$? $$(systemctl is-failed r$$n.service); done >%s/out; \
%s'
'''
EXPECTED = '5 1 failed\n3 0 inactive\n2 1 failed\n0 0 inactive\nnone 0 inactive\n'


def write_unit(folder, name, text, status, key=True):
    """As it stands there, but for the program."""
    assert REPORT.search(text) and 'ExecCondition=/usr/bin/grep -q secure-vm:report /proc/keys' in text, text
    for line, by in (('ExecStart', f"/bin/sh -c 'exit {status}'"), ('ExecCondition', '/bin/true' if key else '/bin/false')):
        text = re.sub(f'^{line}=.*$', f'{line}={by}', text, flags=re.M)
    text = re.sub('^(Wants|After)=.*$', 'DefaultDependencies=no', text, flags=re.M)
    with open(f'{folder}/{name}.service', 'w', encoding='utf-8') as f:
        f.write(text)


def main():
    if os.geteuid() != 0 or not os.path.exists(SYSTEMD):
        print('SKIP: this needs root and systemd')
        return 77
    with open(sys.argv[1], encoding='utf-8') as f:
        text = f.read()
    with tempfile.TemporaryDirectory(prefix='svr', dir='/tmp') as d:
        for status in (5, 3, 2, 0):
            write_unit(d, f'r{status}', text, status)
        write_unit(d, 'rnone', text, 5, key=False)
        for name, unit in (('go.service', GO % (d, OFF)), ('default.target', '[Unit]\nDefaultDependencies=no\nWants=go.service\n'),
                           *((f'{t}.target', '[Unit]\nDefaultDependencies=no\n') for t in ('sysinit', 'basic', 'shutdown', 'umount'))):
            with open(f'{d}/{name}', 'w', encoding='utf-8') as f:
                f.write(unit)
        r = subprocess.run(['unshare', '--mount', '--pid', '--cgroup', '--ipc', '--uts', '--fork', '--kill-child', '--propagation', 'private', 'sh', '-ec', BOOT],
                           env={'PATH': os.environ['PATH'], 'SYSTEMD_UNIT_PATH': d, 'container': 'test'}, capture_output=True, text=True, check=False,
                           stdin=subprocess.DEVNULL, timeout=patient(60))
        if not os.path.exists(f'{d}/out'):
            print(f'SKIP: systemd does not run in namespaces here: {r.stdout[-300:]}{r.stderr[-300:]}')
            return 77
        with open(f'{d}/out', encoding='utf-8') as f:
            said = f.read()
        assert said == EXPECTED, said
    print('3 is no failure, others are failed units')
    return 0


if __name__ == '__main__':
    sys.exit(main())
