#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a person types by mistake, at a real broker: refused by name, before a byte is written, and the disk that was there still opens."""
import fcntl
import os
import resource
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import MIB, PATH, PLAIN, World

OTHER = 'default/demo/other'


def encrypt(w, status, out, *more, path=PATH, check=None):
    return w.run(status, 'image', 'encrypt', '--from', w.path('raw'), '--out', out, '--resource', path, *more, check=check)


def second_disk_under_one_name(w):
    first, second = w.path('t1.img'), w.path('t2.img')
    encrypt(w, 0, first)
    pair = w.pair(first)
    volume = pair[0]
    said = encrypt(w, 2, second, check='image.resource')
    assert volume in said['error']['message'] and not os.path.exists(second)
    encrypt(w, 2, first, check='image.exists')
    encrypt(w, 2, first, '--replace', check='image.resource')
    encrypt(w, 2, first, '--replace', '--forget-volume', volume[:-1] + ('0' if volume[-1] != '0' else '1'), check='image.resource')
    encrypt(w, 2, first, '--replace', '--forget-volume', 'x', check='key.volume')
    assert w.pair(first) == pair
    return first, pair


def failed_command(w, first, pair):
    os.mkdir(w.path('adir'))
    encrypt(w, 2, w.path('adir'), '--replace', '--forget-volume', pair[0], check='image.out')
    encrypt(w, 3, w.path('none', 'x'), '--forget-volume', pair[0], check='image.out')
    assert w.pair(first) == pair
    # A guest has it: QEMU's own lock.
    with open(first, 'rb') as f:
        fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_RDLCK, os.SEEK_SET, 100, 1, 0))
        encrypt(w, 2, first, '--replace', '--forget-volume', pair[0], check='image.busy')
        w.run(2, 'image', 'rekey', first, '--resource', PATH, check='image.busy')
    assert w.pair(first) == pair


def key_commands(w, first, pair):
    said = w.run(2, 'key', 'rotate', PATH, '--random', '32', check='key.disk')
    assert 'image rekey' in said['error']['message']
    w.run(2, 'key', 'put', PATH, '--random', '32', check='key.disk')
    w.run(2, 'key', 'rm', PATH, check='key.rm')
    w.run(2, 'key', 'rm', PATH, '--yes', check='broker.resource.volume')
    w.run(2, 'key', 'rm', PATH, '--yes', '--version', '1', check='broker.resource.volume')
    w.run(2, 'key', 'rm', PATH, '--yes', '--version', '0', check='key.version')
    w.run(2, 'key', 'rm', PATH, '--forget-volume', 'x', check='key.volume')
    assert w.pair(first) == pair
    shown = w.run(0, 'key', 'show', PATH)['versions']
    assert [(v['version'], v['volume'], v['header']) for v in shown] == [(1, *pair)], shown
    w.run(2, 'key', 'show', 'default/demo/none', check='key.absent')


def other_secrets(w):
    w.run(0, 'key', 'put', OTHER, stdin=b'one')
    w.run(2, 'key', 'put', OTHER, check='key.exists', stdin=b'two')
    w.run(0, 'key', 'rotate', OTHER, stdin=b'two')
    w.run(2, 'key', 'rotate', 'default/demo/none', check='key.absent', stdin=b'x')
    encrypt(w, 2, w.path('new.img'), path=OTHER, check='image.resource')
    assert [v['version'] for v in w.run(0, 'key', 'show', OTHER)['versions']] == [2, 1]
    row = [r for r in w.run(0, 'key', 'list')['resources'] if r['path'] == OTHER][0]
    assert (row['version'], row['versions'], row['size']) == (2, 2, 3), row
    w.run(0, 'key', 'rm', OTHER, '--yes', '--version', '1')
    assert [v['version'] for v in w.run(0, 'key', 'show', OTHER)['versions']] == [2]


def forbid_large_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))


def rekey(w, first, pair):
    w.run(2, 'image', 'rekey', first, check='image.options')
    w.run(3, 'image', 'rekey', w.path('none'), '--resource', PATH, check='image.disk')
    w.run(2, 'image', 'rekey', first, '--resource', OTHER, check='image.resource')
    w.run(4, 'image', 'rekey', w.raw('notadisk'), '--resource', PATH, check='luks.header.magic')
    os.link(first, w.path('link.img'))
    w.run(2, 'image', 'rekey', first, '--resource', PATH, check='image.disk')
    os.unlink(w.path('link.img'))
    w.run(3, 'image', 'rekey', first, '--resource', PATH, check='image.copy', prepare=forbid_large_files)
    assert w.pair(first) == pair and len(w.run(0, 'key', 'show', PATH)['versions']) == 1
    with open(first, 'rb') as f:
        f.seek(16 * MIB)
        data = f.read()
    w.copy(first, w.path('before.img'))
    os.chmod(first, 0o640)
    w.run(0, 'image', 'rekey', first, '--resource', PATH)
    now = w.pair(first)
    assert now and now[0] == pair[0] and now[1] != pair[1], (now, pair)
    assert os.stat(first).st_mode & 0o777 == 0o640
    with open(first, 'rb') as f:
        f.seek(16 * MIB)
        assert f.read() == data, 'the data are not what they were'
    assert len(w.run(0, 'key', 'show', PATH)['versions']) == 1
    assert w.pair(w.path('before.img')) is None, 'the old key still opens the old header'
    w.run(2, 'image', 'rekey', w.path('before.img'), '--resource', PATH, check='image.resource')
    return now


def given_up(w, first, pair):
    """With its volume's name a disk is replaced, and its key goes."""
    w.copy(first, w.path('given-up.img'))
    encrypt(w, 0, first, '--replace', '--forget-volume', pair[0])
    now = w.pair(first)
    assert now and now[0] != pair[0]
    assert w.pair(w.path('given-up.img')) is None
    assert len(w.run(0, 'key', 'show', PATH)['versions']) == 1
    w.run(0, 'key', 'rm', PATH, '--forget-volume', now[0])
    w.run(2, 'key', 'show', PATH, check='key.absent')


def recovery(w):
    """A file with the key, by choice: it opens the disk without a broker, and a broker that lost the key gets it back."""
    disk, key = w.path('recover.img'), w.path('recover.key')
    encrypt(w, 3, disk, '--recovery-key', w.path('none', 'key'), path='default/demo/r', check='image.recovery')
    encrypt(w, 0, disk, '--recovery-key', key, path='default/demo/r')
    assert os.stat(key).st_mode & 0o777 == 0o600 and os.path.getsize(key) == 64
    encrypt(w, 2, w.path('more.img'), '--recovery-key', key, path='default/demo/s', check='image.recovery')
    pair = w.pair(disk, 'default/demo/r')
    path = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin')
    subprocess.run(['cryptsetup', 'open', '--test-passphrase', '--disable-locks', '--key-file', key, disk], check=True, env=path)
    w.run(0, 'key', 'rm', 'default/demo/r', '--forget-volume', pair[0])
    assert w.pair(disk, 'default/demo/r') is None
    with open(key, 'rb') as f:
        value = f.read()
    w.run(5, 'key', 'put', 'default/demo/r', '--disk', disk, check='luks.key', stdin=bytes(64))
    w.run(3, 'key', 'put', 'default/demo/r', '--disk', w.path('none'), check='image.disk', stdin=value)
    w.run(0, 'key', 'put', 'default/demo/r', '--disk', disk, stdin=value)
    assert w.pair(disk, 'default/demo/r') == pair


def nothing_in_plain(w):
    """A directory and a tar: killed while mke2fs and tar are at work, nothing of them lies about."""
    tree = w.path('tree')
    os.mkdir(tree)
    with open(os.path.join(tree, 'file'), 'wb') as f:
        f.write(PLAIN * 200000)
    subprocess.run(['tar', '-cf', w.path('tree.tar'), '-C', tree, '.'], check=True)
    out, tmp = w.path('plain'), w.path('tmp')
    os.mkdir(out)
    os.mkdir(tmp)
    env = dict(os.environ, TMPDIR=tmp)
    for source in (tree, w.path('tree.tar')):
        for call in range(150, 700, 25):
            subprocess.run([w.kill_at, str(call), *w.command('image', 'encrypt', '--from', source, '--out', os.path.join(out, 'x.img'),
                                                             '--resource', f'default/demo/k{call}')], capture_output=True, env=env)
            for f in os.listdir(out):
                with open(os.path.join(out, f), 'rb') as file:
                    assert PLAIN not in file.read(), f
                os.unlink(os.path.join(out, f))
            w.wait('the unpacked tree goes', lambda: not os.listdir(tmp))


def main():
    w = World(sys.argv[1])
    try:
        w.raw()
        first, pair = second_disk_under_one_name(w)
        failed_command(w, first, pair)
        key_commands(w, first, pair)
        other_secrets(w)
        pair = rekey(w, first, pair)
        given_up(w, first, pair)
        recovery(w)
        nothing_in_plain(w)
    finally:
        w.end()


main()
