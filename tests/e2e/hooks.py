#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A distribution's own initramfs opens its LUKS volumes by attestation: Debian's initramfs-tools, and its dracut, in a tree of Debian's packages with our
hooks where the package puts them. The root and a second volume have each a key of its own; the disks are made by cryptsetup alone.

    hooks.py --build DIR [--list] [--keep] [CASE...]
"""
import json
import os
import secrets
import shutil
import subprocess
import sys

from env import MARKER, TOP, Broker, Case, Env, Failed, free_port, run, say_to, twice
from runner import main

NEEDS = ['libtss2-esys-3.0.2-0', 'libtss2-tcti-device0', 'libjson-c5']
KINDS = {'tools': (['linux-image-amd64', 'initramfs-tools', 'cryptsetup-initramfs'], 'update-initramfs -c -k all'),
         'dracut': (['linux-image-amd64', 'dracut', 'cryptsetup-bin', 'systemd-sysv', 'udev', 'dbus', 'login'], 'dracut --force --no-hostonly --compress "gzip -1" --kver "$(ls /lib/modules)" "/boot/initrd.img-$(ls /lib/modules)"')}
VOLUMES = {'root': '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4b101', 'data': '6d0cf2f1-9d0b-4a3e-8f60-2f0a53c4b102'}
# Nothing of this machine's devices is to be seen where the initramfs is made.
IN_TREE = """
mount -t tmpfs tmpfs "$1/dev"
for d in null zero urandom; do : >"$1/dev/$d"; mount --bind "/dev/$d" "$1/dev/$d"; done
ln -s /proc/self/fd "$1/dev/fd"
mkdir -p "$1/proc" "$1/dev/shm"
mount --rbind /proc "$1/proc"
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec chroot "$1" sh -ec "$2"
"""
OURS = ('/libexec/secure-vm-agent/', '/initramfs-tools/', '/dracut/', '/bin/secure-vm-agent', 'cryptsetup-token')


def in_namespace(*command, **kw):
    return run('unshare', '--mount', *([] if os.getuid() == 0 else ['--map-root-user']), *command, **kw)


def install(build, tree):
    """What the agent's package has, as if the prefix had been /usr."""
    options = json.loads(run('meson', 'introspect', build, '--buildoptions').stdout)
    prefix = next(o['value'] for o in options if o['name'] == 'prefix')
    for built, place in json.loads(run('meson', 'introspect', build, '--installed').stdout).items():
        if not any(o in place for o in OURS):
            continue
        to = tree + '/usr' + place[len(prefix):]
        os.makedirs(os.path.dirname(to), exist_ok=True)
        with open(built, 'rb') as f:
            data = f.read()
        with open(to, 'wb') as f:
            f.write(data if data[:4] == b'\x7fELF' else data.replace(prefix.encode() + b'/', b'/usr/'))
        os.chmod(to, 0o755)


class Tree:
    """A Debian whose initramfs was made for this broker."""
    def __init__(self, env, kind, folder, broker, say):
        self.dir = os.path.join(folder, f'tree-{kind}')
        packages, make = KINDS[kind]
        say(f'{kind}: a Debian')
        tar = run(os.path.join(TOP, 'tools', 'rootfs'), '--plain', *packages, *NEEDS, timeout=1800).stdout.strip()
        os.mkdir(self.dir)
        in_namespace('tar', '-xf', tar, '-C', self.dir, '--no-same-owner', '--exclude=./dev/*', timeout=600)
        install(env.build, self.dir)
        self.write('etc/crypttab', ''.join(f'{name} UUID={uuid} none luks,discard{",initramfs" if name == "root" else ""}\n' for name, uuid in VOLUMES.items()))
        for name in VOLUMES:
            self.write(f'etc/secure-vm/tokens/{name}.json', json.dumps(make_token(broker, name)))
        say(f'{kind}: its initramfs')
        # All drivers of all hardware would be copied one by one: what this guest has is enough, as for whoever writes this line.
        if os.path.exists(f'{self.dir}/etc/initramfs-tools'):
            self.write('etc/initramfs-tools/conf.d/modules', 'MODULES=list\n')
            self.write('etc/initramfs-tools/modules', 'ext4\ncrc32c_generic\n')
        in_namespace('sh', '-ec', IN_TREE, 'sh', self.dir, make, timeout=1200)
        boot = os.path.join(self.dir, 'boot')
        self.kernel, self.initrd = (os.path.join(boot, next(f for f in sorted(os.listdir(boot)) if f.startswith(p))) for p in ('vmlinuz-', 'initrd.img-'))

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)


def make_token(broker, name):
    return {'type': 'secure-vm', 'keyslots': ['0'], 'url': f'https://10.0.2.2:{broker.port}', 'pin': broker.pin, 'resource': f'default/g/{name}'}


class Volumes:
    """Root and data, made by mke2fs and cryptsetup in user space, and their keys at the broker."""
    def __init__(self, env, folder, broker):
        self.dir = os.path.join(folder, 'volumes')
        os.mkdir(self.dir)
        root = os.path.join(self.dir, 'tree')
        shutil.copytree(env.root, root)
        os.makedirs(f'{root}/etc')
        with open(f'{root}/etc/os-release', 'w', encoding='ascii') as f:
            f.write('ID=test\n')
        for name, uuid in VOLUMES.items():
            image, key = os.path.join(self.dir, f'{name}.img'), secrets.token_bytes(32)
            run('mke2fs', '-q', '-t', 'ext4', '-d', root, image, '32M')
            os.truncate(image, 64 << 20)
            run_bytes('cryptsetup', 'reencrypt', '--encrypt', '--force-offline-reencrypt', '--type', 'luks2', '--reduce-device-size', '32M', '--uuid', uuid,
                      '--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '-q', '--key-file', '-', image, given=key)
            run_bytes('cryptsetup', 'token', 'import', '--token-id', '0', image, given=json.dumps(make_token(broker, name)).encode())
            run_bytes(env.vm, 'key', 'put', f'default/g/{name}', *broker.admin(), given=key)


class Hooks(Case):
    """A guest of a tree; its broker is the one that the tree's initramfs was made for."""
    def __init__(self, env, base, name, tree, broker, volumes):
        super().__init__(env, base, name)
        self.tree, self.shared, self.volumes = tree, broker, volumes
        self.guest.update(kernel=tree.kernel, initrd=tree.initrd, memory='1GiB', cmdline='console=ttyS0 no_timer_check root=/dev/mapper/root ro',
                          disks=[{'path': self.path(f'{v}.img')} for v in VOLUMES],
                          attestation={'url': f'https://10.0.2.2:{broker.port}', 'pin': broker.pin, 'resource': 'default/g/root'})
        self.earlier = len(broker.audit())

    def put_policies(self, file):
        made = self.path('policy.json')
        run(*self.vm, 'policy', file, '--out', made, env=self.environment)
        with open(made, encoding='utf-8') as f:
            policy = json.load(f)
        for name in VOLUMES:
            with open(made, 'w', encoding='utf-8') as f:
                json.dump(dict(policy, resource=f'default/g/{name}'), f)
            run(self.env.vm, 'policy', 'put', made, *self.shared.admin(), env=self.environment)

    def prepare(self, behind=False):
        for name in VOLUMES:
            shutil.copy(os.path.join(self.volumes.dir, f'{name}.img'), self.path(f'{name}.img'))
        self.file = self.write_guest()
        self.put_policies(self.file)

    def records(self):
        return self.shared.audit()[self.earlier:]

    def must_open(self):
        self.must(self.status == 0 and self.result.get('ok'), 'expected the guest to get its disks')
        self.wait_console(MARKER, 120)
        for name in VOLUMES:
            self.must(f'secure-vm: volume {name} is open' in self.console(), f'expected volume {name} to be open')
        released = [r['resource'] for r in self.records() if r.get('outcome') == 'released']
        self.must(sorted(released) == ['default/g/data', 'default/g/root'], f'expected each volume\'s own key, found {released}')

    def must_end(self, words):
        self.must(self.status != 0 and self.result['error']['check'] == 'agent.volumes', 'expected the volumes to be refused')
        self.must(words in self.console(), f'expected "{words}" on the console')
        for never in (MARKER, '(initramfs)', 'Please unlock', 'Enter passphrase', 'emergency mode', 'Press Enter'):
            self.must(never not in self.console(), f'"{never}" is on the console')
        self.must(not self.processes(), 'the guest still runs')


def run_bytes(*command, given):
    p = subprocess.run([str(c) for c in command], input=given, capture_output=True, check=False, timeout=600)
    if p.returncode:
        raise Failed(f'{command[:3]} ended with {p.returncode}: {p.stderr[-600:]}')


def opens(c):
    c.prepare()
    c.launch(timeout=400)
    c.must_open()


def refuses(c):
    c.prepare()
    c.launch(c.write_guest('other.json', cmdline=c.guest['cmdline'] + ' quiet'), timeout=400)
    c.must_end('policy.pcr.9')
    c.must(not [r for r in c.records() if r.get('outcome') == 'released'], 'a key was released')


def tools(c):
    """initramfs-tools: update-initramfs's own initramfs opens root and data, each by its own key"""
    opens(c)


def tools_refused(c):
    """initramfs-tools: another command line: the refusal is shown, there is no prompt and no shell"""
    refuses(c)


def tools_exchanged(c):
    """initramfs-tools: a key slot that opens with any passphrase is not looked into"""
    c.prepare()
    import cases
    head, size = cases.header_of(c.path('root.img'))
    meta = json.loads(head[4096:size].rstrip(b'\0'))
    meta['keyslots']['0']['area']['encryption'] = 'cipher_null-ecb'
    text = json.dumps(meta, separators=(',', ':')).encode()
    cases.write_header(c.path('root.img'), head[:4096] + text + bytes(size - 4096 - len(text)))
    c.launch(timeout=400)
    c.must_end('luks.header.cipher')


def dracut(c):
    """dracut: its own initramfs opens root and data, each by its own key"""
    opens(c)


def dracut_refused(c):
    """dracut: another command line: the refusal is shown, there is no prompt and no shell"""
    refuses(c)


class HooksEnv(Env):
    def __init__(self, build, say):
        super().__init__(build, say)
        self.build = build


def prepare(a, base):
    say = say_to()
    env = HooksEnv(a.build, say)
    a.jobs = 1  # they have one broker
    broker = Broker(env, os.path.join(base, 'broker'), free_port()).start()
    volumes = Volumes(env, base, broker)
    trees = {kind: Tree(env, kind, base, broker, say) for kind in sorted({f.__name__.split('_')[0] for f in a.cases})}

    def make(name):
        if not broker.process:
            broker.start()
        c = Hooks(env, base, name, trees[name.split('_')[0]], broker, volumes)
        c.broker = broker  # ends with its case, and begins with the next
        return c
    return make


if __name__ == '__main__':
    sys.exit(main('hooks', __doc__, [tools, tools_refused, tools_exchanged, dracut, dracut_refused], prepare, again=twice))
