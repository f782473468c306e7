# SPDX-License-Identifier: Apache-2.0
"""A resource and its policy in a broker, by the host's commands: put, get, rm. usage: policies.py SECURE-VM BROKER"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAM, BROKER = (os.path.abspath(p) for p in sys.argv[1:3])
PATH = 'default/demo/root'
SETTINGS = {}  # environment: whatever names this user has given to brokers are not looked at
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(status, *args):
    r = subprocess.run([PROGRAM, *args, '--json'], capture_output=True, timeout=60, stdin=subprocess.DEVNULL, env={**os.environ, **SETTINGS})
    assert r.returncode == status, f'{args}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    return json.loads(r.stdout)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(('127.0.0.1', port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit('the broker does not listen')


def make_guest(folder, admin):
    """What `policy` measures: the distribution's kernel and firmware; there is no such disk."""
    out = subprocess.run([os.path.join(TOP, 'tools/fetch-kernel')], check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout
    guest = os.path.join(folder, 'guest.json')
    with open(guest, 'w') as f:
        json.dump({'name': 'demo', 'tee': 'vtpm', 'kernel': os.path.join(out.strip().splitlines()[-1], 'vmlinuz'),
                   'attestation': {'url': admin[1], 'pin': admin[3], 'resource': PATH, 'ek_roots': [make_root(folder)]}}, f)
    return guest


def make_root(folder):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem',
                    '-out', 'root.pem', '-subj', '/CN=root'], check=True, capture_output=True, cwd=folder)
    return os.path.join(folder, 'root.pem')


def fails(check, *args):
    error = run(2, *args)['error']
    assert error['check'] == check, error


def commands(admin, folder):
    copy = os.path.join(folder, 'copy.json')
    run(0, 'key', 'put', PATH, '--random', '32', *admin)
    fails('broker.policy.absent', 'policy', 'get', PATH, *admin)
    fails('broker.policy.absent', 'policy', 'rm', PATH, *admin)
    guest = make_guest(folder, admin)
    assert run(3, 'measure', guest, '--event-log', os.path.join(folder, 'none'))['error']['check'] == 'measure.event-log'
    put = run(0, 'policy', guest, '--put', *admin)['policy']
    assert put['resource'] == PATH
    got = run(0, 'policy', 'get', PATH, '--out', copy, *admin)
    assert got['policy'] == put and got['path'] == PATH
    with open(copy) as f:
        assert json.load(f) == put
    plain = subprocess.run([PROGRAM, 'policy', 'get', PATH, *admin], capture_output=True, text=True, check=True).stdout
    assert json.loads(plain) == put
    foreseen(guest, put, admin, folder)
    versions(admin)
    rehearsed(admin, copy)
    assert run(0, 'policy', 'rm', PATH, *admin)['path'] == PATH
    fails('broker.policy.absent', 'policy', 'get', PATH, *admin)
    assert [(r['path'], r['policy']) for r in run(0, 'key', 'list', *admin)['resources']] == [(PATH, False)]
    fails('admin.broker', 'policy', 'get', PATH)


def foreseen(guest, put, admin, folder):
    """What the broker's policy will say to a guest, before it runs."""
    rules = run(0, 'policy', 'check', guest, *admin)['rules']
    assert [r['check'] for r in rules] == [r['check'] for r in put['rules']]
    held = [r['check'] for r in rules if r['outcome'] == 'holds']
    assert 'policy.pcr.4' in held and not [r for r in rules if r['outcome'] == 'fails'], rules
    with open(guest) as f:
        changed = json.load(f)
    changed['cmdline'] = 'quiet'
    other = os.path.join(folder, 'other.json')
    with open(other, 'w') as f:
        json.dump(changed, f)
    error = run(6, 'policy', 'check', other, *admin)['error']
    assert error['check'] == 'policy.pcr.9', error
    failed = [r for r in run(6, 'policy', 'check', other, *admin)['rules'] if r['outcome'] == 'fails']
    assert failed[0]['check'] == 'policy.pcr.9' and {len(failed[0][side]) for side in ('expected', 'found')} == {64}, failed
    fails('admin.broker', 'policy', 'check', guest)
    fails('policy.check.source', 'policy', 'check', guest, '--policy', other, *admin)
    updated(guest, other, admin)


def warning(guest, other, admin, folder):
    """A rule that only warns: written, foreseen, put, shown; what must hold is refused before it is sent."""
    fails_format('policy.warn.must', 'policy', guest, '--warn', 'policy.ek.subject')
    fails_format('policy.warn.unknown', 'policy', guest, '--warn', 'policy.pcr')
    policy = os.path.join(folder, 'warns.json')
    assert run(0, 'policy', guest, '--warn', 'policy.pcr.9', '--out', policy)['policy']['warn'] == ['policy.pcr.9']
    rows = run(0, 'policy', 'check', other, '--policy', policy)['rules']
    assert [r['check'] for r in rows if r['outcome'] == 'warns'] == ['policy.pcr.9'], rows
    every = run(0, 'policy', guest, '--warn-only')['policy']
    assert {'policy.pcr.0', 'policy.pcr.4', 'policy.pcr.9'} <= set(every['warn']), every['warn']
    assert not {'policy.ek.root', 'policy.ek.subject', 'policy.ak.origin', 'policy.pcr.11'} & set(every['warn']), every['warn']
    named = run(0, 'policy', guest, '--warn-only', '--reference', 'v/r/web')['policy']
    assert 'policy.reference.pcrs.sha256.9' in named['warn'] and 'policy.pcr.9' not in named['warn'], named['warn']
    run(0, 'policy', 'put', policy, *admin)
    text = subprocess.run([PROGRAM, 'policy', 'show', PATH, *admin], capture_output=True, text=True, check=True).stdout
    assert 'warns only, where it would refuse: policy.pcr.9\n' in text, text
    assert [d['what'] for d in run(0, 'policy', 'diff', PATH, *admin)['differences']].count('warn') == 1
    run(0, 'policy', guest, '--put', *admin)


def fails_format(check, *args):
    error = run(4, *args)['error']
    assert error['check'] == check, error


def unchanged(generation, *args):
    """What is done already is done once more without an error, and without a new version of the policy."""
    before = run(0, 'policy', 'history', PATH, *args[-6:])['versions']
    r = run(0, *args)
    assert (r['changed'], r['retired'], r['generation']) == (False, 0, generation), (args, r)
    assert run(0, 'policy', 'history', PATH, *args[-6:])['versions'] == before


def updated(guest, other, admin):
    """A new state beside the old one; the old one goes only when the new one was seen to get the key."""
    fails('update.step', 'update', other, '--prepare', '--finish', *admin)
    for step in ([], ['--prepare']):
        unchanged(0, 'update', guest, *step, *admin)
    fails('update.unseen', 'update', guest, '--finish', *admin)
    assert run(0, 'update', other, '--prepare', '--name', 'quiet one', *admin)['generation'] == 2
    sets = run(0, 'policy', 'get', PATH, *admin)['policy']['sets']
    assert [(s['generation'], [r['check'] for r in s['rules']]) for s in sets] == [(1, ['policy.pcr.9']), (2, ['policy.pcr.9'])], sets
    assert sets[1]['name'] == 'quiet one' and sets[0]['name'].startswith('before 20'), sets
    run(0, 'policy', 'check', guest, *admin)
    run(0, 'policy', 'check', other, *admin)
    assert run(0, 'update', other, '--prepare', *admin)['generation'] == 2  # interrupted, and begun again
    fails('policy.update.same', 'update', guest, '--prepare', *admin)  # the older one, while both are accepted
    fails('update.unseen', 'update', other, '--finish', *admin)
    assert run(0, 'policy', 'get', PATH, *admin)['policy']['sets'] == sets
    retired = json.loads(json.dumps(run(0, 'policy', 'get', PATH, *admin)['policy']))
    retired['sets'][0]['retired'] = True
    policy = other + '.policy'
    with open(policy, 'w') as f:
        json.dump(retired, f)
    assert run(0, 'policy', 'put', policy, *admin)['path'] == PATH  # as `update --finish` does once a guest was seen
    for step in ([], ['--prepare'], ['--finish']):
        unchanged(2, 'update', other, *step, *admin)
    assert run(4, 'policy', 'put', guest, *admin)['error']['check'].startswith('policy.')


def versions(admin):
    """Who put what, where it differs, and the way back."""
    rows = run(0, 'policy', 'history', PATH, *admin)['versions']
    assert [r['version'] for r in rows] == [3, 2, 1] and [r['current'] for r in rows] == [True, False, False], rows
    assert all(' at 127.0.0.1' in r['author'] for r in rows), rows
    differences = run(0, 'policy', 'diff', PATH, *admin)
    assert (differences['from'], differences['to']) == (2, 3), differences
    assert [(d['what'], d['from'], d['to']) for d in differences['differences']] == [('set 1: retired', None, True)], differences
    first = run(0, 'policy', 'diff', PATH, '--from', '1', '--to', '2', *admin)['differences']
    assert [d['what'] for d in first] == ['rule policy.pcr.9', 'set 1', 'set 2'], first
    assert 'sets' not in run(0, 'policy', 'show', PATH, '--version', '1', *admin)['policy']
    shown = subprocess.run([PROGRAM, 'policy', 'show', PATH, *admin], capture_output=True, text=True, check=True).stdout
    assert 'generation 1' in shown and 'retired' in shown and 'generation 2, "quiet one": accepted' in shown, shown
    for to in ('1', '2'):  # both accept what was retired
        fails('policy.rollback.retired', 'policy', 'rollback', PATH, '--to', to, *admin)
    fails('policy.rollback.retired', 'policy', 'rollback', PATH, *admin)
    fails('policy.rollback.same', 'policy', 'rollback', PATH, '--to', '3', *admin)
    fails('broker.policy.version', 'policy', 'rollback', PATH, '--to', '9', *admin)
    fails('policy.history.version', 'policy', 'rollback', PATH, '--to', 'x', *admin)
    back = run(0, 'policy', 'rollback', PATH, '--to', '1', '--again', *admin)
    assert (back['from'], back['version']) == (1, 4), back
    assert run(0, 'policy', 'get', PATH, *admin)['policy'] == run(0, 'policy', 'show', PATH, '--version', '1', *admin)['policy']
    run(0, 'policy', 'rm', PATH, *admin)
    rows = run(0, 'policy', 'history', PATH, *admin)['versions']
    assert rows[0]['removed'] and not any(r['current'] for r in rows), rows
    fails('broker.policy.version', 'policy', 'show', PATH, '--version', '5', *admin)
    assert run(0, 'policy', 'rollback', PATH, *admin)['from'] == 4  # what was removed by mistake
    fails('broker.policy.absent', 'policy', 'history', PATH + 'x', *admin)


def rehearsed(admin, policy):
    """Nobody has had the key: nobody would lose it. Who has, is in the real boots."""
    for args in (['--resource', PATH], [policy], []):
        r = run(0, 'policy', 'test', *args, *admin)
        assert (r['holds'], r['refused'], [a['resource'] for a in r['resources']]) == (0, 0, [PATH]), r
    assert run(0, 'policy', 'test', policy, '--at', '2031-01-01T00:00:00Z', *admin)['resources'][0]['at'] == '2031-01-01T00:00:00Z'
    fails('policy.test.both', 'policy', 'test', policy, '--resource', PATH, *admin)
    fails('policy.test.at', 'policy', 'test', policy, '--at', 'soon', *admin)
    fails('broker.policy.absent', 'policy', 'test', '--resource', PATH + 'x', *admin)
    said = subprocess.run([PROGRAM, 'policy', 'test', *admin], capture_output=True, text=True, check=True).stdout
    assert said == f'{PATH}\n  no guest has had it\n', said


def names_of_brokers(admin, folder):
    """A broker is known by a name only when it takes the key; then no command needs the three options."""
    known = dict(zip(admin[::2], admin[1::2]))
    wrong = ['--broker', known['--broker'], '--pin', 'sha256:' + '0' * 64, '--admin-key', known['--admin-key']]
    fails('admin.broker', 'broker', 'add', 'ours', '--broker', known['--broker'])
    error = run(5, 'broker', 'add', 'ours', *wrong)['error']
    assert error['check'] == 'tls.pin' and run(0, 'broker', 'list')['brokers'] == [], error
    run(0, 'broker', 'add', 'ours', *admin)
    fails('brokers.exists', 'broker', 'add', 'ours', *admin)
    fails('admin.broker', 'broker', 'add', 'again', '--broker', 'ours', *admin[2:])
    run(0, 'broker', 'add', 'wrong', *wrong, '--unchecked')
    run(5, 'broker', 'add', 'ours', *wrong, '--replace')
    expected = run(0, 'key', 'list', *admin)
    assert run(0, 'key', 'list', '--broker', 'ours') == expected
    error = run(2, 'key', 'list')['error']  # two are known
    assert error['check'] == 'admin.broker' and '(known: ours, wrong)' in error['message'], error
    run(0, 'policy', make_guest(folder, admin), '--put')  # one of them by the guest's key
    run(0, 'broker', 'add', 'same', *admin)
    fails('admin.broker', 'policy', make_guest(folder, admin), '--put')  # and now two
    run(0, 'broker', 'rm', 'same')
    run(0, 'policy', 'rm', PATH, *admin)
    SETTINGS['SECURE_VM_BROKER'] = 'wrong'
    assert run(5, 'key', 'list')['error']['check'] == 'tls.pin'
    assert run(0, 'key', 'list', '--broker', 'ours') == expected
    SETTINGS['SECURE_VM_BROKER'] = known['--broker']
    assert run(0, 'key', 'list', *admin[2:]) == expected
    del SETTINGS['SECURE_VM_BROKER']
    fails('brokers.name', 'key', 'list', '--broker', 'other')
    run(0, 'broker', 'rm', 'wrong')
    fails('brokers.name', 'broker', 'rm', 'wrong')
    assert [b['name'] for b in run(0, 'broker', 'list')['brokers']] == ['ours']
    assert run(0, 'key', 'list') == expected  # the only one
    elsewhere = make_guest(folder, [*admin[:3], 'sha256:' + '1' * 64])
    fails('admin.broker', 'policy', elsewhere, '--put')  # but its guest's is another
    fails('admin.broker', 'key', 'list', *admin[2:])  # of which broker?
    run(0, 'broker', 'rm', 'ours')


def keys(admin):
    """What a key's value may be, and where it comes from; nothing of it reaches the broker."""
    other = PATH + 'x'
    fails('key.exists', 'key', 'put', PATH, '--random', '32', *admin)
    fails('key.absent', 'key', 'rotate', other, '--random', '32', *admin)
    for size in ('0', '1GiB', 'much'):
        fails('key.size', 'key', 'put', other, '--random', size, *admin)
    fails('key.size', 'key', 'put', other, *admin)  # standard input is empty
    fails('key.size', 'key', 'put', other, '--random', '32', '--fd', '0', *admin)
    fails('key.fd', 'key', 'put', other, '--fd', '1024', *admin)
    assert run(3, 'key', 'put', other, '--fd', '99', *admin)['error']['check'] == 'key.read'
    assert [r['path'] for r in run(0, 'key', 'list', *admin)['resources']] == [PATH]


def settings(admin):
    """Labels, and releases that are counted."""
    one, two = PATH + 'one', PATH + 'two'
    run(0, 'key', 'put', one, '--random', '32', '--releases', '1', '--label', 'env=prod', '--label', 'tier=web', *admin)
    run(0, 'key', 'put', two, '--random', '32', '--label', 'env=prod', *admin)

    def find(*labels):
        rows = run(0, 'key', 'list', *[word for label in labels for word in ('--label', label)], *admin)['resources']
        return [r['path'] for r in rows]
    assert find('env=prod') == [one, two] and find('env=prod', 'tier=web') == [one] and find('env=test') == []
    shown = run(0, 'key', 'show', one, *admin)
    assert shown['labels'] == {'env': 'prod', 'tier': 'web'} and (shown['releases'], shown['released']) == (1, 0), shown
    run(0, 'key', 'rotate', one, '--random', '32', *admin)
    shown = run(0, 'key', 'set', one, '--releases', '3', '--label', 'env=test', '--no-label', 'tier', *admin)
    assert shown['labels'] == {'env': 'test'} and shown['releases'] == 3 and len(shown['versions']) == 2, shown
    for command, expected in ((('show', one), 'env=test, released 0 of 3 times\n'), (('list',), 'never released  env=test, released 0 of 3 times\n'),
                              (('set', two, '--no-label', 'env'), 'no labels, any releases\n')):
        text = subprocess.run([PROGRAM, 'key', *command, *admin], capture_output=True, text=True, timeout=60, check=True).stdout
        assert expected in text, text
    assert 'releases' not in run(0, 'key', 'set', one, '--releases', 'none', *admin)
    fails('broker.resource.none', 'key', 'set', PATH + 'three', '--releases', '1', *admin)
    made = run(0, 'key', 'provision', PATH + 'three', '--label', 'env=prod', *admin)
    assert made['provision'] == 32 and made['versions'] == [], made
    assert find('env=prod') == [PATH + 'three'], find('env=prod')
    fails('broker.resource.exists', 'key', 'provision', PATH + 'three', '--bytes', '64', *admin)
    fails('broker.resource.provision', 'key', 'put', PATH + 'three', '--random', '32', *admin)
    text = subprocess.run([PROGRAM, 'key', 'list', *admin], capture_output=True, text=True, timeout=60, check=True).stdout
    assert 'not made yet' in text and 'env=prod, its first guest makes it\n' in text, text
    run(0, 'key', 'rm', PATH + 'three', '--yes', *admin)
    many = [word for i in range(17) for word in ('--label', f'l{i}=x')]
    fails('broker.label.limit', 'key', 'set', one, *many[:-2], *admin)  # 16 beside the one that it has
    fails('key.label', 'key', 'set', one, *many, *admin)
    for path in (one, two):
        run(0, 'key', 'rm', path, '--yes', *admin)


def references(admin, folder):
    """Values that several policies name, signed by the administrator's own key, which may sign too."""
    name, key = 'vendor/reference/web', admin[5]

    def write(generation, **more):
        path = os.path.join(folder, 'set.json')
        with open(path, 'w') as f:
            json.dump({'version': 1, 'name': name, 'tee': 'vtpm', 'generation': generation,
                       'any_of': [{'image': 'web', 'generation': generation, 'values': {'/pcrs/sha256/4': '00'}}], **more}, f)
        return path
    signed = os.path.join(folder, 'set.jws')
    fails('reference.key', 'reference', 'sign', write(2))
    open_key = os.path.join(folder, 'open.key')
    with open(key) as f, open(open_key, 'w') as g:
        g.write(f.read())
    os.chmod(open_key, 0o644)
    assert run(3, 'reference', 'sign', write(2), '--key', open_key)['error']['check'] == 'reference.key.mode'
    assert run(4, 'reference', 'sign', write(2, tee=7), '--key', key)['error']['check'] == 'reference.member'
    assert run(0, 'reference', 'sign', write(2), '--key', key, '--out', signed)['generation'] == 2
    policy = os.path.join(folder, 'named.json')
    with open(policy, 'w') as f:
        json.dump({'version': 1, 'guest': 'demo', 'tee': 'vtpm', 'resource': PATH, 'trust': {}, 'rules': [], 'reference_set': name}, f)
    fails('reference.none', 'policy', 'put', policy, *admin)
    assert run(0, 'reference', 'put', signed, *admin)['name'] == name
    fails('reference.generation', 'reference', 'put', signed, *admin)
    run(0, 'policy', 'put', policy, *admin)
    with open(policy) as f:
        doc = json.load(f)
    del doc['reference_set']
    doc['rules'] = [{'check': 'policy.k', 'claim': '/k', 'equals': 1, 'covers': 'executables', 'reason': 'r'}]
    own = os.path.join(folder, 'own.json')
    with open(own, 'w') as f:
        json.dump(doc, f)
    run(0, 'policy', 'put', own, *admin)
    fails('policy.rollback.retired', 'policy', 'rollback', PATH, *admin)
    assert [d['what'] for d in run(0, 'policy', 'diff', PATH, *admin)['differences']].count('reference_set') == 1
    run(0, 'policy', 'rollback', PATH, '--again', *admin)
    text = subprocess.run([PROGRAM, 'policy', 'show', PATH, *admin], capture_output=True, text=True, timeout=60, check=True).stdout
    assert f'and one whole tuple of reference set {name}\n' in text, text
    tried = run(0, 'policy', 'test', '--reference', signed, '--resource', PATH, *admin)
    assert tried['refused'] == 0, tried
    assert [(r['name'], r['generation']) for r in run(0, 'reference', 'list', *admin)['references']] == [(name, 2)]
    assert run(0, 'reference', 'get', name, *admin)['set']['any_of'][0]['image'] == 'web'
    run(0, 'reference', 'get', name, '--out', f'{signed}.copy', *admin)
    with open(signed) as f, open(f'{signed}.copy') as g:
        assert f.read() == g.read()
    run(0, 'reference', 'rm', name, *admin)
    fails('reference.none', 'reference', 'get', name, *admin)
    fails('reference.generation', 'reference', 'put', signed, *admin)
    run(0, 'policy', 'rm', PATH, *admin)


def sets_from_guests(admin, folder):
    """One set, made from a guest file, serves two guests; the next image is in it before a guest restarts, and the old one leaves it."""
    name, key = 'vendor/reference/image', admin[5]
    make_guest(folder, admin)

    def write(guest, **more):
        with open(os.path.join(folder, 'guest.json')) as f:
            doc = json.load(f)
        path = os.path.join(folder, f'{guest}.json')
        doc['attestation']['resource'] = 'default/web/root'
        with open(path, 'w') as f:
            json.dump({**doc, 'name': 'web-2' if guest == 'two' else 'web-1', **more}, f)
        return path

    def in_folder(file):
        return os.path.join(folder, file)
    one, two, newer = write('one'), write('two'), write('newer', cmdline='quiet')
    made, signed, public = in_folder('made.json'), in_folder('made.jws'), in_folder('author.pub')
    set1 = run(0, 'reference', 'make', name, one, '--image', 'web 1', '--not-before', '2026-01-01T00:00:00Z', '--not-after', '2036-01-01T00:00:00Z', '--out', made)
    values = set1['set']['any_of'][0]['values']
    assert {'/pcrs/sha256/0', '/pcrs/sha256/4', '/pcrs/sha256/9'} <= set(values) and '/pcrs/sha256/11' not in values, values
    assert run(0, 'reference', 'make', name, two)['set']['any_of'][0]['values'] == values
    fails('reference.make.same', 'reference', 'make', name, two, '--after', made)
    fails('reference.make.other', 'reference', 'make', name + 'x', newer, '--after', made)
    run(0, 'reference', 'sign', made, '--key', key, '--out', signed)
    run(0, 'reference', 'put', signed, *admin)
    guests = {}
    run(0, 'key', 'provision', 'default/db/root', *admin)  # of no policy that names a set
    for guest, resource in ((one, 'default/web-1/data'), (two, 'default/web-2/data'), (one, 'default/web/root')):
        run(0, 'key', 'provision', resource, *admin)
        policy = run(0, 'policy', guest, '--reference', name, '--resource', resource, '--put', *admin)['policy']
        assert policy['reference_set'] == name and not [r for r in policy['rules'] if r['claim'] in values], policy
        guests[resource] = [r['equals'] for r in policy['rules'] if r['check'] == 'policy.ek.subject'][0].split(':')[0]
    assert guests == {'default/web-1/data': 'web-1', 'default/web-2/data': 'web-2', 'default/web/root': 'web-1'}, guests
    tried = run(0, 'policy', 'test', '--reference', signed, *admin)['resources']
    assert sorted(r['resource'] for r in tried) == sorted(guests), tried
    # what the set says counts before a launch, from the broker and from files
    run(0, 'policy', 'check', one, *admin)
    assert run(6, 'policy', 'check', two, *admin)['error']['check'] == 'policy.ek.subject'
    assert run(6, 'policy', 'check', newer, *admin)['error']['check'] == 'policy.reference.pcrs.sha256.9'
    policy = in_folder('one.policy')
    run(0, 'policy', one, '--reference', name, '--out', policy)
    with open(public, 'w') as f:
        f.write(subprocess.run(['openssl', 'pkey', '-in', key, '-pubout'], check=True, capture_output=True, text=True).stdout)
    from_file = ['policy', 'check', one, '--policy', policy]
    assert run(6, *from_file)['error']['check'] == 'policy.reference'
    run(0, *from_file, '--reference', made)
    fails('reference.key', *from_file, '--reference', signed)
    for author in (key, public):
        run(0, *from_file, '--reference', signed, '--reference-key', author)
    other = in_folder('other.key')
    subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', other], check=True, capture_output=True)
    assert run(5, *from_file, '--reference', signed, '--reference-key', other)['error']['check'] == 'reference.signature'
    os.chmod(other, 0o644)
    assert run(3, *from_file, '--reference', signed, '--reference-key', other)['error']['check'] == 'reference.key.mode'
    os.chmod(other, 0o600)
    corim = in_folder('made.corim')
    for words, status in (([], 2), (['--key', other], 5), (['--key', public], 0)):  # what others exchange, and back
        assert run(0, 'reference', 'export', made, '--generation', '1', '--key', key, '--out', corim)['signed']
        back = run(status, 'reference', 'import', corim, '--name', name, *words)
        assert status or (back['set']['any_of'][0]['values'], back['set']['tee'], back['ignored']) == (values, 'vtpm', []), back
    followed(admin, folder, (name, one, newer, write('elsewhere', name='web-3', cmdline='x')), other)
    for resource in (*guests, 'default/db/root'):
        run(0, 'key', 'rm', resource, '--yes', *admin)
    for resource in guests:
        run(0, 'policy', 'rm', resource, *admin)
    run(0, 'reference', 'rm', name, *admin)


def warned(admin, folder):
    guest = make_guest(folder, admin)
    with open(guest) as f:
        doc = json.load(f)
    other = os.path.join(folder, 'other.json')
    with open(other, 'w') as f:
        json.dump({**doc, 'cmdline': 'quiet'}, f)
    run(0, 'policy', guest, '--put', *admin)
    warning(guest, other, admin, folder)
    run(0, 'policy', 'rm', PATH, *admin)


def followed(admin, folder, what, other):
    """update --prepare with the author's key, without it, and with somebody else's; then the old image is retired."""
    name, one, newer, elsewhere = what

    def generations():
        return [(t['generation'], t.get('retired', False)) for t in run(0, 'reference', 'get', name, *admin)['set']['any_of']]
    prepare = ['update', newer, '--prepare', *admin]
    fails('policy.update.reference', *prepare)
    assert run(5, *prepare, '--author-key', other)['error']['check'] == 'reference.signature'
    # refused by another rule: the set stays as it is
    assert run(6, 'update', elsewhere, '--prepare', '--author-key', admin[5], *admin)['error']['check'] == 'policy.ek.subject'
    assert generations() == [(1, False)]
    r = run(0, *prepare, '--author-key', admin[5], '--name', 'web 2')
    assert (r['generation'], r['changed']) == (2, True), r
    assert generations() == [(2, False), (1, False)]
    for guest in (one, newer):
        run(0, 'policy', 'check', guest, *admin)
    r = run(0, *prepare)  # once more, and by one who has no key
    assert (r['generation'], r['changed']) == (2, False), r
    fails('policy.update.reference', 'update', newer, '--finish', *admin)
    held, last, signed = (os.path.join(folder, n) for n in ('held.jws', 'last.json', 'last.jws'))
    run(0, 'reference', 'get', name, '--out', held, *admin)
    fails('reference.key', 'reference', 'retire', held)
    assert run(5, 'reference', 'retire', held, '--key', other)['error']['check'] == 'reference.signature'
    fails('reference.retire.none', 'reference', 'retire', held, '--key', admin[5], '--below', '1')
    assert run(0, 'reference', 'retire', held, '--key', admin[5], '--out', last)['retired'] == 1
    run(0, 'reference', 'sign', last, '--key', admin[5], '--out', signed)
    run(0, 'reference', 'put', signed, *admin)
    assert generations() == [(2, False), (1, True)]
    run(0, 'policy', 'check', newer, *admin)
    assert run(6, 'policy', 'check', one, *admin)['error']['check'] == 'policy.set.retired'
    fails('reference.make.retired', 'update', one, '--prepare', '--author-key', admin[5], *admin)
    assert run(0, 'update', one, '--prepare', '--again', '--author-key', admin[5], *admin)['generation'] == 4


def two_persons(admin, folder, broker):
    """What is marked changes by the word of two, of which the second is asked for by name."""
    others = {}
    for name in 'alice', 'ben':
        others[name] = os.path.join(folder, name)
        subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', others[name] + '.ec'], check=True, capture_output=True)
        subprocess.run(['openssl', 'pkcs8', '-topk8', '-nocrypt', '-in', others[name] + '.ec', '-out', others[name]], check=True)
        subprocess.run(['openssl', 'pkey', '-in', others[name], '-pubout', '-out', others[name] + '.pub'], check=True)
        os.chmod(others[name], 0o600)
    config = f'{folder}/broker/config.json'
    with open(config) as f:
        text = json.load(f)
    text['admins'] = [{'name': n, 'key': f'{k}.pub', 'roles': ['operator', 'author', 'auditor']} for n, k in others.items()]
    text['two_persons'] = ['tenant']
    with open(config, 'w') as f:
        json.dump(text, f)
    alice, ben = ([*admin[:5], others[n]] for n in ('alice', 'ben'))
    broker.send_signal(signal.SIGHUP)
    for _ in range(300):
        if subprocess.run([PROGRAM, 'pending', 'list', *ben], capture_output=True, timeout=60, env={**os.environ, **SETTINGS}).returncode == 0:
            break
        time.sleep(0.1)
    path = 'tenant/web/root'
    run(0, 'key', 'put', path, '--random', '32', *alice)  # the first takes nothing away
    said = run(6, 'key', 'rm', path, '--yes', *alice)['error']
    assert said['check'] == 'broker.pending', said
    (row,) = run(0, 'pending', 'list', *ben)['pending']
    assert (row['change'], row['resource'], row['person']) == ('admin-delete-resource', path, 'alice') and row['id'] in said['message'], row
    shown = subprocess.run([PROGRAM, 'pending', 'list', *ben], capture_output=True, text=True, timeout=60, check=True, env={**os.environ, **SETTINGS}).stdout
    assert row['id'] in shown and path in shown and 'by alice' in shown, shown
    assert run(0, 'pending', 'show', row['id'], *ben)['id'] == row['id']
    assert run(6, 'pending', 'approve', row['id'], *alice)['error']['check'] == 'broker.pending.person'
    assert run(0, 'key', 'show', path, *ben)['versions']
    assert run(0, 'pending', 'approve', row['id'], *ben)['done'] is True
    fails('key.absent', 'key', 'show', path, *ben)
    fails('broker.pending.none', 'pending', 'reject', row['id'], *ben)
    fails('admin.pending', 'pending', 'show', 'what', *ben)
    for name in others:
        record = json.loads(subprocess.run([BROKER, 'audit', 'search', '--config', config, '--action', 'admin-delete-resource', '--who', name, '--json'],
                                           capture_output=True, check=True).stdout)['audit'][-1]
        assert (record['person'], record['proposed_by'], record['outcome']) == ('ben', 'alice', 'done'), record


def main():
    with tempfile.TemporaryDirectory(prefix='svp', dir='/tmp') as folder:
        port = free_port()
        made = subprocess.run([BROKER, 'init', '--dir', f'{folder}/broker', '--listen', f'127.0.0.1:{port}'], capture_output=True, text=True,
                              check=True).stdout
        SETTINGS['XDG_CONFIG_HOME'] = f'{folder}/config'
        pin = dict(line.split(' ', 1) for line in made.splitlines())['pin']
        admin = ['--broker', f'https://127.0.0.1:{port}', '--pin', pin, '--admin-key', f'{folder}/broker/admin.key']
        broker = subprocess.Popen([BROKER, 'serve', '--config', f'{folder}/broker/config.json'], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            commands(admin, folder)
            keys(admin)
            settings(admin)
            references(admin, folder)
            sets_from_guests(admin, folder)
            warned(admin, folder)
            names_of_brokers(admin, folder)
            two_persons(admin, folder, broker)
        finally:
            broker.terminate()
            broker.wait(20)


main()
