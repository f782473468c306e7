#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""In the lab machine: a guest on KVM goes from one libvirt daemon to another (tests/hosts/hosts.py) while it walks through its memory. It is KVM that notes what the
guest writes meanwhile, which an emulated guest never shows: a page that was not noted would come late, and the guest looks at each in each pass."""
import json
import os
import re
import sys

os.environ['SV_TEST_PATIENCE'] = '40'  # for the hosts: this machine is emulated
sys.path.insert(0, '/lab')

import hosts  # noqa: E402
from inside import VM, finish, must, read_text, run, say, wait_until, write_json  # noqa: E402

GUEST = 'g'


class KvmHost(hosts.Host):
    """With this machine's KVM in it."""
    def start_daemons(self):
        self.run('mknod', '--mode=666', '/dev/kvm', 'c', '10', '232')
        super().start_daemons()


def at(host, *words, **more):
    return run(*hosts.enter(host), VM, *words, **more)


def shown(host):
    r = at(host, 'show', GUEST, '--connect', 'qemu:///system', '--json', status=None)
    return json.loads(r.stdout) if r.stdout.startswith('{') else {}


def passes(image):
    """How far it got, and how many pages were not as it had left them."""
    with open(image, 'rb') as f:
        found = re.match(rb'pass (\d+), (\d+) pages wrong', f.read(64))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def goes_on(image, what):
    begin = passes(image)[0]
    wait_until(f'{what}: it walks on', lambda: passes(image)[0] >= begin + 24, 1500)
    must(passes(image)[0] > begin and passes(image)[1] == 0, f'{what}: each page is as it left it', passes(image))


def launch(host, folder):
    image = f'{folder}/{GUEST}.img'
    run('truncate', '-s', '32M', image)
    file = write_json(f'{folder}/{GUEST}.json', {
        'name': GUEST, 'tee': 'vtpm', 'vcpus': 1, 'memory': '256MiB', 'kernel': '/lab/vmlinuz', 'initrd': '/lab/walker.initrd', 'cmdline': 'console=ttyS0 panic=-1 quiet',
        'disks': [{'path': image}], 'nics': [{'type': 'bridge', 'source': 'br0'}], 'security': {'shared_user': True}})
    r = at(host, 'launch', file, '--connect', 'qemu:///system', status=None)
    return must(r.returncode == 0, 'the guest is launched', r.stderr + r.stdout) and image


def migrate(source, target, image):
    r = at(source, 'migrate', GUEST, '--connect', 'qemu:///system', '--to', target.uri, '--downtime', '2000', '--json', status=None)
    what = f'from {source.name} to {target.name}'
    if not must(r.returncode == 0, f'{what}: it moves', r.stdout + r.stderr):
        return
    moved = json.loads(r.stdout)
    say(f'{what}: {moved}')
    must(moved['passes'] > 1, f'{what}: what was written meanwhile is sent again', moved)
    must(shown(target).get('accelerator') == 'kvm' and not shown(source).get('state'), f'{what}: it is there, on KVM, and here no more', (shown(target), shown(source)))
    goes_on(image, what)


def main():
    for name in ('kvm_amd', 'tun', 'bridge', 'veth'):
        run('modprobe', name)
    run('insmod', '/lab/cr8.ko')
    with hosts.Hosts('a', 'b', kind=KvmHost) as pair:
        say('two hosts')
        image = launch(pair.a, pair.folder)
        if image:
            wait_until('the guest walks through its memory', lambda: passes(image)[0] >= 16, 1500)
            must(shown(pair.a).get('accelerator') == 'kvm', 'it has KVM', shown(pair.a))
            migrate(pair.a, pair.b, image)
    finish()


main()
