# SPDX-License-Identifier: Apache-2.0
"""docs/BROKER.md as it stands there: each of its commands is typed, with a real PostgreSQL pair, two brokers and the administrators' keys; what stands for something
(a folder, an address, a number that the record has) is put in its place. A command of the page that is neither typed here nor said to be tried elsewhere fails.

    walk.py BUILD SECURE-VM BROKER
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import postgres_server as postgres  # noqa: E402
from patience import patient, wait_until  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM, BROKER = (os.path.abspath(p) for p in sys.argv[2:4])
NAMES = {'secure-vm': PROGRAM, 'secure-vm-broker': BROKER}
# What needs more than a broker.
ELSEWHERE = {
    'secure-vm-broker kek seal --config config.json --to tpm: --pcrs 7 --copy /media/safe/kek': 'broker-kek, with swtpm',
    "secure-vm-broker kek seal --config config.json --to 'pkcs11:token=keys;object=broker?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/keys/pin' --make-key --no-copy":
        'broker-kek, with softhsm',
    'secure-vm stop web-1 && secure-vm launch web-1.json': 'e2e: image_set',
}


def commands(page):
    """Of the page's blocks, without what is said of them; a loop is one."""
    found, loop = [], None
    text = re.sub(r' *\\\n +', ' ', page)
    for line in re.findall(r'^    (.+)$', text, re.M):
        line = re.sub(r'\s+# .*$', '', line.strip().removeprefix('$ '))
        if line.startswith('for '):
            loop = [line]
        elif loop and line == 'done':
            found.append('; '.join(loop).replace('do; ', 'do ') + '; done')
            loop = None
        elif loop:
            loop.append(line)
        elif re.match(r'(secure-vm(-broker)? |\$EDITOR )', line):
            found.append(line)
    return found


class Walk:
    def __init__(self, folder):
        self.folder, self.typed, self.broker = folder, [], None
        with open(os.path.join(TOP, 'docs/BROKER.md'), encoding='utf-8') as f:
            self.page = f.read()
        self.commands = commands(self.page)
        assert len(self.commands) > 40, self.commands
        os.makedirs(self.path('bin'))
        for name, program in NAMES.items():
            os.symlink(program, self.path('bin', name))
        self.here = self.make_folder('start')

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make_folder(self, name):
        self.here = self.path(name)
        os.makedirs(self.here, exist_ok=True)
        return self.here

    def run(self, command, status=0):
        env = {**os.environ, 'PATH': f'{self.path("bin")}:{os.environ["PATH"]}', 'XDG_CONFIG_HOME': self.path('config'), 'EDITOR': 'true',
               **({'SECURE_VM_BROKER': self.broker} if self.broker else {})}
        r = subprocess.run(['bash', '-ec', command], cwd=self.here, env=env, capture_output=True, text=True, timeout=60 + patient(), check=False, stdin=subprocess.DEVNULL)
        assert status is None or r.returncode == status, f'{command}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
        return r

    def type(self, line, status=0, **places):
        """A line of the page, with other words where it has words of its own."""
        assert line in self.commands, f'docs/BROKER.md has no command {line!r}'
        self.typed.append(line)
        for word, place in places.pop('put', {}).items():
            assert word in line, f'{line}: no {word}'
            line = line.replace(word, place)
        print(f'$ {line}', flush=True)
        return self.run(line, status).stdout

    def json(self, command, status=0):
        return json.loads(self.run(f'{command} --json', status).stdout)

    def configure(self, folder, **members):
        path = self.path(folder, 'config.json')
        with open(path, encoding='utf-8') as f:
            config = json.load(f)
        config.update(members)
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(config, f)

    def fragment(self, begin):
        """A part of a configuration that the page shows."""
        block = self.page[self.page.index(begin):].split('\n\n')[0]
        return json.loads('{' + block + '}')

    def write(self, name, text):
        with open(os.path.join(self.here, name), 'w', encoding='utf-8') as f:
            f.write(text if isinstance(text, str) else json.dumps(text))


class Brokers:
    def __init__(self):
        self.running = {}

    def start(self, w, folder):
        with open(w.path(folder, 'log'), 'w', encoding='utf-8') as log:
            self.running[folder] = subprocess.Popen([BROKER, 'serve', '--config', w.path(folder, 'config.json')], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def reload(self, w):
        for folder, p in self.running.items():
            with open(w.path(folder, 'log'), encoding='utf-8') as f:
                before = f.read().count('"action":"reload"')
            p.send_signal(signal.SIGHUP)
            wait_until(lambda: f'{folder} does not take its configuration', lambda: open(w.path(folder, 'log'), encoding='utf-8').read().count('"action":"reload"') > before)

    def end(self):
        for p in self.running.values():
            p.terminate()
        for p in self.running.values():
            p.wait(30 + patient())


def make_key(w, name):
    subprocess.run(f'openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out {name}.key && chmod 600 {name}.key && openssl pkey -in {name}.key -pubout -out {name}.pub',
                   shell=True, cwd=w.path('keys'), check=True, capture_output=True)
    return w.path('keys', f'{name}.key')


def guest(w, name, resource, **more):
    """As any with a vTPM, whose authority is its host's own."""
    kernel = subprocess.run([os.path.join(TOP, 'tools/fetch-kernel')], check=True, stdout=subprocess.PIPE, text=True, timeout=900).stdout.strip().splitlines()[-1]
    root = w.path('keys', 'root.pem')
    if not os.path.exists(root):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', root + '.key', '-out', root, '-subj', '/CN=root'],
                       check=True, capture_output=True)
    return {'name': name, 'tee': 'vtpm', 'kernel': os.path.join(kernel, 'vmlinuz'),
            'attestation': {'url': w.url, 'pin': w.pin, 'resource': resource, 'ek_roots': [root]}, **more}


# --- the page, in its order ---

def several_brokers(w, brokers, database):
    ports = postgres.free_port(), postgres.free_port()
    said = w.type("secure-vm-broker init --dir /var/lib/secure-vm-broker --listen 0.0.0.0:8443 --name keys.example "
                  "--database 'postgresql://broker@db1,db2/keys?target_session_attrs=read-write&sslmode=verify-full&passfile=/var/lib/secure-vm-broker/pgpass'",
                  put={'postgresql://broker@db1,db2/keys?target_session_attrs=read-write&sslmode=verify-full&passfile=/var/lib/secure-vm-broker/pgpass': database,
                       '/var/lib/secure-vm-broker': w.path('b1'), '0.0.0.0:8443': f'127.0.0.1:{ports[0]}'})
    w.pin = dict(line.split(' ', 1) for line in said.splitlines() if ' ' in line)['pin']
    w.url = f'https://127.0.0.1:{ports[0]}'
    shutil.copytree(w.path('b1'), w.path('b2'))
    w.configure('b2', listen=f'127.0.0.1:{ports[1]}')
    for folder in ('b1', 'b2'):
        brokers.start(w, folder)
    os.mkdir(w.path('keys'))
    wait_until('the brokers do not answer', lambda: all(
        w.run(f'secure-vm broker add {name} --broker https://127.0.0.1:{port} --pin {w.pin} --admin-key {w.path("b1/admin.key")} --replace', None).returncode == 0
        for name, port in (('keys', ports[0]), ('second', ports[1]))))
    w.broker = 'keys'
    w.here = w.path('b1')
    shown = w.type('secure-vm-broker kek show --config config.json --open')
    w.here = w.path('b2')
    assert w.run('secure-vm-broker kek show --config config.json --open').stdout == shown


def administrators(w, brokers):
    for name in ('alice', 'ben', 'audit', 'release'):
        key = make_key(w, name)
        w.run(f'secure-vm broker add {name} --broker {w.url} --pin {w.pin} --admin-key {key} --unchecked')
    for folder in ('b1', 'b2'):
        for name in ('alice', 'ben', 'audit', 'release'):
            shutil.copy(w.path('keys', f'{name}.pub'), w.path(folder))
        w.configure(folder, **w.fragment('"admins": [{"key": "alice.pub"'))
    brokers.reload(w)
    w.broker = 'alice'
    w.run('secure-vm key put tenant-b/x/y --random 32', 6)
    w.broker = 'audit'
    w.run('secure-vm key put tenant-a/x/y --random 32', 6)


def two_persons(w, brokers):
    for folder in ('b1', 'b2'):
        w.configure(folder, **w.fragment('"admins": [{"name": "alice"'))
    brokers.reload(w)
    w.make_folder('two')
    w.write('guest.json', guest(w, 'web', 'tenant-a/web/root'))
    w.run('secure-vm policy guest.json --out web.json')
    w.broker = 'alice'
    w.run('secure-vm key put tenant-a/web/root --random 32')
    w.type('secure-vm policy put web.json', 6)
    w.broker = 'ben'
    w.type('secure-vm pending list')
    (row,) = w.json('secure-vm pending list')['pending']
    as_shown = {'5d6695063ebf5097399e693e49d3e425': row['id']}
    assert 'alice' in w.type('secure-vm pending show 5d6695063ebf5097399e693e49d3e425', put=as_shown)
    w.broker = 'alice'
    w.run(f'secure-vm pending approve {row["id"]}', 6)
    w.broker = 'ben'
    w.type('secure-vm pending approve 5d6695063ebf5097399e693e49d3e425', put=as_shown)
    assert w.json('secure-vm policy get tenant-a/web/root')['policy']['resource'] == 'tenant-a/web/root'
    w.broker = 'keys'


def secrets(w):
    w.make_folder('secrets')
    w.write('token', 'join me')
    w.type('secure-vm key put default/join/token --fd 0 --releases 1 --label env=prod --label team=web < token')
    assert 'default/join/token' in w.type('secure-vm key list --label env=prod')
    w.type('secure-vm key set default/join/token --releases 1')
    w.type('secure-vm key provision default/web/data')
    w.write('guest.json', guest(w, 'web', 'default/web/data'))
    w.run('secure-vm policy guest.json --out web-data.json')
    w.type('secure-vm policy put web-data.json')
    assert 'secure-vm key list --prefix tenant-a' in w.page
    assert [r['path'] for r in w.json('secure-vm key list --prefix tenant-a')['resources']] == ['tenant-a/web/root']


def one_set(w, brokers):
    for folder in ('b1', 'b2'):
        with open(w.path(folder, 'config.json'), encoding='utf-8') as f:
            admins = json.load(f)['admins']
        w.configure(folder, admins=[*admins, {'key': 'release.pub', 'roles': ['signer'], 'paths': ['vendor']}])
    brokers.reload(w)
    w.make_folder('set')
    shutil.copy(w.path('keys', 'release.key'), w.here)
    for n in (1, 2):
        w.write(f'web-{n}.json', guest(w, f'web-{n}', 'default/web/root'))
    w.type('secure-vm reference make vendor/reference/web web-1.json --image "web 1.7" --out web.json')
    w.type('secure-vm reference sign web.json --key release.key --out web.jws')
    w.type('secure-vm reference put web.jws')
    w.type('for n in 1 2; do secure-vm key provision default/web-$n/data; secure-vm policy web-$n.json --reference vendor/reference/web --resource default/web-$n/data --put; done')
    for n in (1, 2):
        w.write(f'web-{n}.json', guest(w, f'web-{n}', 'default/web/root', cmdline='quiet'))
    w.type('secure-vm reference make vendor/reference/web web-1.json --after web.jws --key release.key --image "web 1.8" --out web.json')
    w.type('secure-vm reference sign web.json --key release.key --out web.jws')
    tested = w.type('secure-vm policy test --reference web.jws')
    assert 'default/web-1/data' in tested and 'default/web-2/data' in tested, tested
    w.type('secure-vm reference put web.jws')
    w.type('secure-vm reference retire web.jws --key release.key --out web.json')
    with open(os.path.join(w.here, 'web.json'), encoding='utf-8') as f:
        left = [v['image'] for v in json.load(f)['any_of'] if not v.get('retired')]
    assert left == ['web 1.8'], left


def two_states(w):
    w.make_folder('states')
    w.write('web.json', guest(w, 'web', 'default/web/root'))
    w.run('mkdir tree && secure-vm image encrypt --from tree --out disk.img --size 32MiB --resource default/web/root')
    w.run('secure-vm policy web.json --put')
    w.write('web.json', guest(w, 'web', 'default/web/root', cmdline='quiet'))
    w.type('secure-vm update web.json --prepare')
    w.type('secure-vm policy show default/web/root')
    w.type('secure-vm policy get default/web/root --out web-policy.json')
    w.type('$EDITOR web-policy.json')
    w.type('secure-vm policy test web-policy.json')
    w.type('secure-vm policy test web-policy.json --at 2027-01-01T00:00:00Z')
    w.type('secure-vm policy test')
    w.type('secure-vm policy put web-policy.json')
    w.type('secure-vm policy history default/web/root')


def refusal(w):
    config = {'CONFIG': w.path('b1/config.json')}
    w.type('secure-vm-broker audit search --config CONFIG --outcome refused --since 2026-12-01', put=config)
    record = w.json(f'secure-vm-broker audit search --config {config["CONFIG"]} --outcome refused')['audit'][-1]
    assert record['check'] in w.type('secure-vm-broker why 4711 --config CONFIG', put={'4711': str(record['id']), **config})
    found = w.type('secure-vm-broker audit search --config CONFIG --request 5f0c…', put={'5f0c…': record['request'], **config})
    assert record['check'] in found, found


def replaced_key(w):
    w.here = w.path('states')
    (before,) = w.json('secure-vm key show default/web/root')['versions']
    w.type('secure-vm image rekey disk.img --resource default/web/root')
    w.type('secure-vm key show default/web/root')
    (after,) = w.json('secure-vm key show default/web/root')['versions']
    assert after['version'] == before['version'] + 1, after
    w.write('token', 'join them')
    w.type('secure-vm key rotate default/join/token < token')
    assert sorted(v['version'] for v in w.json('secure-vm key show default/join/token')['versions']) == [1, 2]


def record(w, brokers):
    config = {'CONFIG': w.path('b1/config.json')}
    w.make_folder('record')
    w.type('secure-vm-broker audit --config CONFIG --verify', put=config)
    brokers.running['b1'].terminate()  # a head is signed at a start, and each minute
    brokers.running.pop('b1').wait(30 + patient())
    brokers.start(w, 'b1')
    wait_until('no head is signed', lambda: os.path.exists(w.path('b1/audit.head')))
    wait_until('the broker does not come back', lambda: w.run('secure-vm key list', None).returncode == 0)
    shutil.copy(w.path('b1/audit.head'), os.path.join(w.here, 'kept.head'))
    w.type('secure-vm-broker audit --config CONFIG --verify --head kept.head', put=config)
    w.type('secure-vm-broker audit export --config CONFIG --out audit.jsonl', put=config)
    w.type('secure-vm-broker audit cut --config CONFIG --older 400 --out audit-2026.jsonl', put={'--older 400': '--older 0', **config})


def something_dies(w, brokers, primary, promote):
    """A broker, and then the machine with the database."""
    paths = [r['path'] for r in w.json('secure-vm key list')['resources']]
    brokers.running['b1'].kill()
    brokers.running.pop('b1').wait()
    w.broker = 'second'
    assert [r['path'] for r in w.json('secure-vm key list')['resources']] == paths
    w.run(promote)
    wait_until('the standby does not take over', lambda: w.run('secure-vm key list --json', None).returncode == 0)
    assert [r['path'] for r in w.json('secure-vm key list')['resources']] == paths
    w.run('secure-vm key put default/after/all --random 32')


def the_way_back(w, brokers):
    """With the broker stopped. The next start goes the way again, and all is there."""
    config = {'CONFIG': w.path('b2/config.json')}
    paths = [r['path'] for r in w.json('secure-vm key list')['resources']]
    brokers.running['b2'].terminate()
    brokers.running.pop('b2').wait(30 + patient())
    w.type('secure-vm-broker migrate --config CONFIG', put=config)
    refused = w.json(f'secure-vm-broker migrate --config {config["CONFIG"]} --to 11', 2)['error']
    assert refused['check'] == 'broker.migrate.loses' and 'reference_sets' in refused['message'], refused
    w.type('secure-vm-broker migrate --config CONFIG --to 12', put=config)
    brokers.start(w, 'b2')
    wait_until('the broker does not come back', lambda: w.run('secure-vm key list', None).returncode == 0)
    assert [r['path'] for r in w.json('secure-vm key list')['resources']] == paths
    record = w.json(f'secure-vm-broker audit search --config {config["CONFIG"]} --action migrate')['audit'][-1]
    assert (record['from'], record['to']) == (14, 12), record


def walk(w, brokers, folder, servers):
    primary, standby = servers
    primary.sql('CREATE DATABASE walk')
    several_brokers(w, brokers, f'postgresql://broker@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/walk?target_session_attrs=read-write')
    administrators(w, brokers)
    two_persons(w, brokers)
    secrets(w)
    one_set(w, brokers)
    two_states(w)
    refusal(w)
    replaced_key(w)
    record(w, brokers)
    something_dies(w, brokers, primary, postgres.take_over(folder, primary, standby))
    the_way_back(w, brokers)
    left = [c for c in w.commands if c not in w.typed and c not in ELSEWHERE]
    assert not left, f'of docs/BROKER.md nothing types {left}'


def main():
    folder = tempfile.mkdtemp(prefix='svwalk', dir='/tmp')
    os.chmod(folder, 0o755)
    database = postgres.make_folder()
    servers, brokers = [], Brokers()
    try:
        servers = postgres.make_pair(database)
        walk(Walk(os.path.join(folder, 'walk')), brokers, folder, servers)
    finally:
        brokers.end()
        for s in servers:
            s.stop()
        for made in (folder, database):
            shutil.rmtree(made, ignore_errors=True)
    print('walk: ok')


if __name__ == '__main__':
    main()
