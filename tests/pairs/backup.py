#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A broker's database is lost, and comes back with every key; a backup that would not bring them back is none."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import PATH, World

OTHER = 'default/demo/other'


def broker(w, status, *args, check=None):
    p = subprocess.run([w.program, *args, '--config', w.config, '--json'], capture_output=True)
    answer = json.loads(p.stdout)
    assert p.returncode == status, (args, p.returncode, answer, p.stderr.decode())
    if check:
        assert answer['error']['check'] == check, (args, answer)
    return answer


def change(path, sql):
    db = sqlite3.connect(path)
    db.execute(sql)
    db.commit()
    db.close()


def lose_database(w):
    for f in os.listdir(w.home):
        if f.startswith('broker.db'):
            os.unlink(os.path.join(w.home, f))


def made_and_restored(w, disk, pair):
    """While it is served; then the database is gone, and comes back while it is served."""
    out = w.path('backup')
    made = broker(w, 0, 'backup', '--out', out)
    assert (made['resources'], made['versions']) == (2, 3), made
    assert os.stat(out).st_mode & 0o777 == 0o600 and sorted(f for f in os.listdir(w.dir) if f.startswith('backup')) == ['backup']
    broker(w, 2, 'backup', '--out', out, check='broker.backup.exists')
    broker(w, 3, 'backup', '--out', w.path('none', 'x'), check='broker.backup.file')
    broker(w, 2, 'backup', check='cli.option')
    lose_database(w)
    assert w.pair(disk) is None
    broker(w, 0, 'restore', '--from', out)
    assert w.pair(disk) == pair
    assert [v['version'] for v in w.run(0, 'key', 'show', OTHER)['versions']] == [2, 1]
    assert not [f for f in os.listdir(w.home) if f.startswith('broker.db.')], 'the copy is left'
    return out


def nothing_is_lost(w, out):
    """What came after the backup does not go without being told."""
    w.run(0, 'key', 'rotate', OTHER, stdin=b'three')
    said = broker(w, 2, 'restore', '--from', out, check='broker.restore.loses')
    assert OTHER in said['error']['message'] and '3' in said['error']['message']
    assert w.run(0, 'key', 'show', OTHER)['versions'][0]['version'] == 3
    broker(w, 0, 'restore', '--from', out, '--replace')
    assert w.run(0, 'key', 'show', OTHER)['versions'][0]['version'] == 2
    # The same number with another value is another version.
    w.run(0, 'key', 'rm', OTHER, '--yes', '--version', '2')
    w.run(0, 'key', 'rotate', OTHER, stdin=b'other')
    broker(w, 2, 'restore', '--from', out, check='broker.restore.loses')
    broker(w, 0, 'restore', '--from', out, '--replace')


def bad_backups(w, out, disk, pair):
    """Refused before anything of the database is touched."""
    bad = w.path('bad')
    shutil.copyfile(out, bad)
    change(bad, "UPDATE resources SET sealed = zeroblob(40) WHERE version = 1")
    broker(w, 5, 'restore', '--from', bad, '--replace', check='broker.backup.sealed')
    shutil.copyfile(out, bad)
    change(bad, 'PRAGMA user_version = 99')
    broker(w, 3, 'restore', '--from', bad, '--replace', check='broker.store.version')
    shutil.copyfile(out, bad)
    with open(bad, 'r+b') as f:
        f.seek(4096)
        f.write(bytes(os.path.getsize(bad) - 4096))
    answer = broker(w, 3, 'restore', '--from', bad, '--replace')
    assert answer['error']['check'] in ('broker.store', 'broker.store.damaged'), answer
    with open(bad, 'wb') as f:
        f.write(b'no database at all, but long enough to be looked at' * 100)
    broker(w, 3, 'restore', '--from', bad, '--replace', check='broker.store')
    broker(w, 3, 'restore', '--from', w.path('none'), '--replace', check='file.copy')
    # Pages that are whole, and do not belong together.
    shutil.copyfile(out, bad)
    change(bad, 'PRAGMA writable_schema = ON')
    db = sqlite3.connect(bad)
    db.execute('PRAGMA writable_schema = ON')
    db.execute("UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'audit') WHERE name = 'sessions_expires'")
    db.commit()
    db.close()
    broker(w, 3, 'restore', '--from', bad, '--replace', check='broker.store.damaged')
    assert w.pair(disk) == pair
    # Another broker's kek.
    with open(os.path.join(w.home, 'kek'), 'r+b') as f:
        kek = f.read()
        f.seek(0)
        f.write(bytes(32))
    broker(w, 5, 'restore', '--from', out, '--replace', check='broker.backup.sealed')
    broker(w, 5, 'backup', '--out', w.path('sealed'), check='broker.backup.sealed')
    assert not os.path.exists(w.path('sealed'))
    with open(os.path.join(w.home, 'kek'), 'wb') as f:
        f.write(kek)
    assert w.pair(disk) == pair


def main():
    w = World(sys.argv[1])
    try:
        disk = w.path('disk.img')
        w.run(0, 'image', 'encrypt', '--from', w.raw(), '--out', disk, '--resource', PATH)
        pair = w.pair(disk)
        w.run(0, 'key', 'put', OTHER, stdin=b'one')
        w.run(0, 'key', 'rotate', OTHER, stdin=b'two')
        out = made_and_restored(w, disk, pair)
        nothing_is_lost(w, out)
        bad_backups(w, out, disk, pair)
    finally:
        w.end()


main()
