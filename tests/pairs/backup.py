#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A broker's database is lost, and comes back with every key; a backup that would not bring them back is none."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from world import PATH, World

OTHER = 'default/demo/other'
EVIL = '{"tee":"somebody else"}'


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


def counts_are_not_lost(w, out):
    """How often a key may be released is said after the backup."""
    w.run(0, 'key', 'set', OTHER, '--releases', '1')
    said = broker(w, 2, 'restore', '--from', out, check='broker.restore.loses')
    assert OTHER in said['error']['message'] and 'released 1 times' in said['error']['message'], said
    newer = w.path('counted-too')
    broker(w, 0, 'backup', '--out', newer)
    broker(w, 0, 'restore', '--from', newer)
    row = w.run(0, 'key', 'show', OTHER)
    assert (row['releases'], row['released']) == (1, 1), row
    broker(w, 0, 'restore', '--from', out, '--replace')


def put_back(w):
    """An older database in the place of the newer one: refused by name, and taken on the administrator's word, which is recorded."""
    db, serial, old = os.path.join(w.home, 'broker.db'), os.path.join(w.home, 'serial'), w.path('old')
    w.stop()
    broker(w, 0, 'check')
    shutil.copy(db, old)
    w.start()
    w.run(0, 'key', 'rotate', OTHER, stdin=b'after')
    w.stop()
    shutil.copy(db, w.path('newer'))
    number = int(open(serial).read().split()[0])
    lose_database(w)
    shutil.copy(old, db)
    for command in ['check'], ['serve'], ['backup', '--out', w.path('refused')]:
        said = broker(w, 3, *command, check='broker.store.rollback')['error']['message']
        assert f'change {number - 1}' in said and f'change {number}' in said and 'restore --from' in said, said
    assert not [r for r in broker(w, 0, 'audit')['audit'] if r.get('serial') == number + 1]
    broker(w, 0, 'restore', '--from', db)
    broker(w, 0, 'check')
    assert int(open(serial).read().split()[0]) == number + 1
    record = broker(w, 0, 'audit')['audit'][-1]
    assert (record['action'], record['serial'], record['before']) == ('restore', number + 1, number), record
    log = open(os.path.join(w.home, 'audit.jsonl')).read().splitlines()
    assert json.loads(log[-1])['serial'] == number + 1, log[-1]
    # What was there before is older now, too.
    lose_database(w)
    shutil.copy(w.path('newer'), db)
    broker(w, 3, 'check', check='broker.store.rollback')
    broker(w, 0, 'restore', '--from', w.path('old'), '--replace')
    # Without the serial nobody knows; with the word of the administrator nothing of before counts.
    os.unlink(serial)
    broker(w, 3, 'check', check='broker.store.serial')
    broker(w, 0, 'restore', '--from', db)
    lose_database(w)
    shutil.copy(w.path('newer'), db)
    broker(w, 3, 'check', check='broker.store.rollback')
    broker(w, 0, 'restore', '--from', w.path('old'), '--replace')
    w.start()


def journal_comes_along(w):
    """What was committed before the broker was killed stands in the journal beside the database."""
    db, copy = os.path.join(w.home, 'broker.db'), w.path('copy.db')
    w.run(0, 'key', 'rotate', OTHER, stdin=b'in the journal')
    newest = w.run(0, 'key', 'show', OTHER)['versions'][0]['version']
    w.process.kill()
    w.process.wait()
    assert os.path.getsize(db + '-wal') > 0
    for tail in '', '-wal':
        shutil.copy(db + tail, copy + tail)
    os.unlink(os.path.join(w.home, 'serial'))
    broker(w, 0, 'restore', '--from', db)
    lose_database(w)
    broker(w, 0, 'restore', '--from', copy)
    w.start()
    assert w.run(0, 'key', 'show', OTHER)['versions'][0]['version'] == newest


def restore_killed(w, out):
    """At each of its system calls from the first that writes on: the database is believed, and it is what it was or the backup."""
    w.stop()
    command = [w.program, 'restore', '--from', out, '--replace', '--config', w.config]
    p = subprocess.run([w.kill_at, '0', *command], capture_output=True, text=True)
    assert p.returncode == 1, (p.returncode, p.stderr)
    calls = int(p.stdout.split()[-1])
    for call in range(calls // 4, calls, 11):
        subprocess.run([w.kill_at, str(call), *command], capture_output=True)
        broker(w, 0, 'check')
    for f in os.listdir(w.home):
        if f.startswith('broker.db.'):
            os.unlink(os.path.join(w.home, f))
    broker(w, 0, 'restore', '--from', out, '--replace')
    broker(w, 0, 'audit', '--verify')
    w.start()


TABLES_OF_4 = ('sessions', 'releases', 'admin_tokens', 'floors', 'resources', 'policies', 'audit', 'disks', 'anchors', 'policy_anchors')


def write_without_macs(path, text):
    """A database as from before there were MACs, with a policy that its writer chose: the sealed keys are as they were."""
    db = sqlite3.connect(path)
    if 'link' in [row[1] for row in db.execute('PRAGMA table_info(audit)')]:
        db.executescript('DROP INDEX audit_links; ALTER TABLE audit DROP COLUMN link;')
    db.executescript('DROP INDEX IF EXISTS sessions_alive;')
    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
        if table not in TABLES_OF_4:
            db.execute(f'DROP TABLE {table}')
    db.executescript(f"""
        CREATE TABLE IF NOT EXISTS anchors (id INTEGER); CREATE TABLE IF NOT EXISTS policy_anchors (path TEXT);
        CREATE TRIGGER IF NOT EXISTS disks_unused AFTER DELETE ON resources BEGIN SELECT 1; END;
        REPLACE INTO policies (path, text, created) VALUES ('{PATH}', CAST('{text}' AS BLOB), 1), ('{OTHER}', CAST('{text}' AS BLOB), 1);
        PRAGMA user_version = 4;""")
    db.close()


def policy_of(w, path):
    with contextlib.closing(sqlite3.connect(os.path.join(w.home, 'broker.db'))) as db:
        row = db.execute('SELECT text FROM policies WHERE path = ?', (path,)).fetchone()
    return row and row[0].decode()


def refuse_without_macs(w, bad, policy):
    for options in [], ['--replace']:
        said = broker(w, 5, 'restore', '--from', bad, *options, check='broker.restore.unauthenticated')['error']['message']
        assert '--unauthenticated' in said, said
        assert policy_of(w, PATH) == policy, 'the policy of whoever wrote the backup'


def unauthenticated(w, out, disk, pair):
    """Nobody's MAC is on it: refused, with a serial and without, until the administrator says so, and the record does."""
    db, serial, bad, policy = os.path.join(w.home, 'broker.db'), os.path.join(w.home, 'serial'), w.path('foreign'), policy_of(w, PATH)
    broker(w, 0, 'restore', '--from', out, '--replace')
    assert 'unauthenticated' not in broker(w, 0, 'audit')['audit'][-1]
    shutil.copyfile(out, bad)
    write_without_macs(bad, EVIL)
    refuse_without_macs(w, bad, policy)
    open(w.path('empty'), 'wb').close()
    refuse_without_macs(w, w.path('empty'), policy)
    # A broker on a new machine has the kek, and no serial and no database.
    os.rename(serial, serial + '.away')
    refuse_without_macs(w, bad, policy)
    os.rename(serial + '.away', serial)
    assert w.pair(disk) == pair
    broker(w, 0, 'restore', '--from', bad, '--replace', '--unauthenticated')
    record = broker(w, 0, 'audit')['audit'][-1]
    assert (record['action'], record['unauthenticated']) == ('restore', True), record
    assert policy_of(w, PATH) == EVIL
    # The option takes nothing from the MACs of one that has them, and is not recorded of it.
    broker(w, 0, 'restore', '--from', out, '--replace', '--unauthenticated')
    assert 'unauthenticated' not in broker(w, 0, 'audit')['audit'][-1]
    # In the place of the database: nothing says that the way in is harmless.
    w.stop()
    broker(w, 0, 'check')
    write_without_macs(db, EVIL)
    said = broker(w, 3, 'check', check='broker.store.rollback')['error']['message']
    assert 'any policy' in said and 'restore --from' not in said, said
    broker(w, 5, 'restore', '--from', db, '--replace', check='broker.restore.unauthenticated')
    broker(w, 0, 'restore', '--from', out, '--replace')
    w.start()
    assert policy_of(w, PATH) == policy


def policies_are_counted(w, out):
    """Policies come back with the backup, whose word that is: the numbers say what became of those in the database."""
    def restored(*args):
        said = broker(w, 0, 'restore', '--from', *args)
        return [said['policies'], *(said.get(f'policies_{k}') for k in ('changed', 'lost', 'added'))]
    two, bad = w.path('two'), w.path('counted')
    for path, text in (bad, EVIL), (two, '{}'):
        shutil.copyfile(out, path)
        write_without_macs(path, text)
    assert restored(two, '--unauthenticated') == [2, 0, 0, 2]
    os.unlink(two)
    assert broker(w, 0, 'backup', '--out', two)['policies'] == 2
    assert restored(two) == [2, 0, 0, 0]
    assert restored(bad, '--unauthenticated') == [2, 2, 0, 0]
    w.run(0, 'policy', 'rm', PATH)
    assert restored(two) == [2, 1, 0, 1]
    p = subprocess.run([w.program, 'restore', '--from', out, '--config', w.config], capture_output=True, text=True)
    assert p.returncode == 0 and '0 changed, 2 lost, 0 added' in p.stdout, p
    lose_database(w)
    assert restored(two) == [2, 0, 0, 2]
    # One that is not to be read has no numbers.
    lose_database(w)
    with open(os.path.join(w.home, 'broker.db'), 'wb') as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(b'no database at all, but long enough to be looked at' * 100)
    broker(w, 3, 'restore', '--from', two, check='broker.store')


def bad_backups(w, out, disk, pair):
    """Refused before anything of the database is touched."""
    bad = w.path('bad')
    shutil.copyfile(out, bad)
    change(bad, "UPDATE resources SET sealed = zeroblob(40) WHERE version = 1")
    broker(w, 3, 'restore', '--from', bad, '--replace', check='broker.store.mac')
    shutil.copyfile(out, bad)
    change(bad, "DELETE FROM disks")
    change(bad, "DELETE FROM resources WHERE version = 2")
    broker(w, 3, 'restore', '--from', bad, '--replace', check='broker.store.mac')
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
    broker(w, 3, 'restore', '--from', out, '--replace', check='broker.store.state')
    broker(w, 3, 'backup', '--out', w.path('sealed'), check='broker.store.state')
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
        counts_are_not_lost(w, out)
        put_back(w)
        journal_comes_along(w)
        if sys.argv[2] == 'kill':
            restore_killed(w, out)
        bad_backups(w, out, disk, pair)
        unauthenticated(w, out, disk, pair)
        policies_are_counted(w, out)
    finally:
        w.end()


main()
