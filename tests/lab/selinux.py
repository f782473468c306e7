#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine, SELinux enforcing: the host says when libvirtd's module lacks, and no longer when it is there."""
import json
import os
import shutil
import sys

sys.path.insert(0, '/lab')

from inside import finish, must, read_text, refusals, run, say, vm  # noqa: E402

ADMIN = 'unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023'
POLICY = '/etc/selinux/default/policy'


def load_policy():
    """The kernel began with none: what it saw before that has no label."""
    run('load_policy', '-i', status=None)
    run('restorecon', '-R', '/dev', '/run', '/lab', '/usr/local', '/etc', '/tmp', '/srv', '/var/lib', status=None)
    os.execvp('runcon', ['runcon', ADMIN, sys.executable, '-u', '/lab/case', 'loaded'])


def is_enforced():
    return read_text('/sys/fs/selinux/enforce') == '1'


def enforce(on):
    with open('/sys/fs/selinux/enforce', 'w', encoding='ascii') as f:
        f.write('1' if on else '0')


def try_module():
    """Built of its source where the disk was made."""
    found = json.loads(vm('host', '--json').stdout)['host']['confined']
    must(found['ok'] and found['found'] == 'selinux' and 'semodule -i' in found.get('advice', ''), 'without the module, the host says so', found)
    for name in os.listdir('/lab/policy'):
        shutil.copy(f'/lab/policy/{name}', f'{POLICY}/{name}')
    run('load_policy')
    found = json.loads(vm('host', '--json').stdout)['host']['confined']
    must(found['ok'] and found['found'] == 'selinux' and 'advice' not in found, 'with the module, it does not', found)


def main():
    refusals('.')
    enforce(True)
    must(is_enforced(), 'SELinux is enforced')
    try_module()
    say('done')
    finish()


if len(sys.argv) > 1:
    main()
else:
    load_policy()
