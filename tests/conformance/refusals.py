# SPDX-License-Identifier: Apache-2.0
"""What the programs refuse before they begin: a command line, its exit status and the check that it names.
usage: refusals.py SECURE-VM BROKER [AGENT]"""
import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

PROGRAM, BROKER, AGENT = [*(os.path.abspath(p) for p in sys.argv[1:]), None][:3]
VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vectors')

# Exit status, check, command line; NAME=VALUE before it as a shell has it. {vectors}: tests/vectors, {program}: any ELF program.
COMMANDS = """
2 measure.tee            measure
2 measure.memory         measure --tee vtpm --memory 127MiB
2 measure.memory         measure --tee vtpm --memory much
2 measure.vcpus          measure --tee vtpm --vcpus 0
2 measure.vcpus          measure --tee vtpm --vcpus 4097
2 measure.flags          measure guest.json --vcpus 2
2 measure.html           measure --tee vtpm --kernel garbage --html o
4 ovmf.linux.magic       measure --tee vtpm --kernel garbage
4 ovmf.linux.magic       launch garbage.json --check
4 ovmf.initramfs.magic   measure --tee vtpm --kernel vmlinuz --initrd garbage
4 ovmf.linux.magic       id-block snp.json --out o --anonymous
4 ovmf.initramfs.magic   image uki --out o --acpi d --kernel garbage --initrd garbage
4 ovmf.initramfs.magic   measure --tee sev-snp --kernel vmlinuz --initrd garbage
3 inspect.file           inspect none
4 inspect.kind           inspect garbage
2 verify.time            verify garbage --tee vtpm --time yesterday
4 verify.evidence.json   verify garbage --tee vtpm
2 console.json           console x
2 state.name             show ../x
2 state.path             SECURE_VM_DIR=/{long} show x
2 client.timeout         stop x --timeout soon
2 wait.for               wait x --for ever
2 state.absent           wait x
2 move.keeper            move x --to qemu+tls://other/system
2 move.to                move x --connect test:///default
2 client.timeout         move x --connect test:///default --to test:///default --boot-timeout soon
2 drain.to               drain test:///default
2 drain.to               drain test:///default --to test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a
3 virt.library           LD_LIBRARY_PATH=broken drain test:///default --jobs 16 --to test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a,test:///a
2 drain.jobs             drain test:///default --to test:///a --jobs 17
2 drain.jobs             drain test:///default --to test:///a --jobs 0
2 cli.command            --quiet list
2 cli.absent             shutdown x
2 launch.wait            launch guest.json --wait
2 launch.trial           trial guest.json
3 launch.events          launch guest.json --events none/events
3 virt.library           LD_LIBRARY_PATH=broken list --connect test:///default
2 collateral.cache-dir   HOME= XDG_CACHE_HOME= collateral list
3 collateral.list        collateral list --cache garbage
3 collateral.library     LD_LIBRARY_PATH=broken collateral fetch {vectors}/snp/reports/milan-v2-a.bin --tee sev-snp --cache cache
2 admin.pin              key list --broker https://x --pin sha256:1 --admin-key key.pem
2 key.rm                 key rm a/b/c
2 key.set                key set a/b/c
4 reference.json         reference sign garbage --key key.pem
4 reference.form         reference put garbage
2 policy.test.reference  policy test guest.json --reference garbage
2 policy.name.reference  policy guest.json --reference web
2 policy.name.resource   policy guest.json --resource web
3 reference.size         reference make a/b/c guest.json --after set.json
2 reference.retire.below reference retire set.json --below x
2 corim.name             reference import garbage
2 corim.name             reference import garbage --name web
2 corim.claim            reference import garbage --name a/b/c --claim kernel
2 corim.generation       reference import garbage --name a/b/c --generation x
2 corim.time             reference import garbage --name a/b/c --time soon
4 corim.cbor             reference import garbage --name a/b/c
2 corim.export.out       reference export set.json
2 verify.reference       verify {vectors}/snp/reports/milan-v2-a.bin --reference set.json
2 key.size               key provision a/b/c --bytes 15
2 key.size               key provision a/b/c --bytes 8193
2 key.releases           key set a/b/c --releases 0
2 key.releases           key put a/b/c --releases 1000000001
2 key.label              key set a/b/c --label env
2 key.label              key set a/b/c --no-label env=prod
2 key.label              key list --label env
2 key.generation         key accept-restore a/b/c
2 key.generation         key accept-restore a/b/c --generation 0
2 image.options          image initrd
2 image.options          image encrypt
2 image.resource         image encrypt --from d --out o --resource web
2 image.resource         image import garbage --out o --resource web
2 image.resource         image rekey garbage --resource a/b/c/d
2 image.options          image verity --from garbage
2 image.options          image import garbage
2 image.options          image import garbage --out o --verity --integrity
2 import.name            image import garbage --out 'a b'
3 import.disk            image import none --out o --verity
2 import.root            image import garbage --out o --verity --partition x
4 import.table           image import garbage --out o --verity
2 image.salt             image verity --from garbage --out o --salt 00
4 image.verity.filesystem image verity --from garbage --out o
2 image.quote-port       image initrd --kernel-modules d --agent {program} --out o --quote-port 0
3 image.agent            image initrd --kernel-modules d --agent none --out o
3 image.ca               image initrd --kernel-modules d --agent {program} --out o --ca none
3 image.modules          image initrd --kernel-modules none --agent {program} --out o
2 image.modules.missing  image initrd --kernel-modules d --agent {program} --out o
3 image.modules.dep      image initrd --kernel-modules . --agent {program} --out o
4 image.modules.cycle    image initrd --kernel-modules loop --agent {program} --out o
4 image.modules.dep      image initrd --kernel-modules out --agent {program} --out o
2 image.options          image initrd --module x --agent {program} --out o
2 image.options          image uki --out o
2 image.options          image uki --out o --acpi d
3 image.stub             image uki --out o --acpi d --kernel garbage --stub none
3 image.kernel           image uki --out o --acpi d --kernel none
3 image.initrd           image uki --out o --acpi d --kernel garbage --initrd none
3 image.acpi             image uki --out o --acpi none --kernel garbage
2 acpi.options           image acpi --out o
2 acpi.vcpus             image acpi --out o --firmware garbage --vcpus 4097
2 acpi.timeout           image acpi --out o --firmware garbage --timeout 3601
"""


def refuses(status, check, *args, program=PROGRAM, env=None, **more):
    r = subprocess.run([program, *args, '--json'], capture_output=True, text=True, timeout=patient(60), stdin=subprocess.DEVNULL,
                       env={**os.environ, **(env or {})}, **more)
    what = f'{args}: exit {r.returncode}, expected {status} {check}: {r.stdout}{r.stderr}'
    assert r.returncode == status, what
    assert json.loads(r.stdout)['error']['check'] == check, what


def commands():
    for line in COMMANDS.strip().splitlines():
        status, check, text = line.split(None, 2)
        words = shlex.split(text.format(vectors=VECTORS, program=PROGRAM, long='x' * 60))
        env = dict(w.split('=', 1) for w in words if '=' in w and w.split('=')[0].isupper())
        refuses(int(status), check, *[w for w in words if w.split('=')[0] not in env], env=env)
    assert not os.path.lexists('o'), 'a command that was refused has left its output'
    if AGENT:
        refuses(2, 'agent.init', 'unlock', program=AGENT)


def broker():
    """Each file of a new broker, damaged or gone."""
    subprocess.run([BROKER, 'init', '--dir', 'broker', '--listen', '127.0.0.1:0'], check=True, capture_output=True)

    def check(status, name):
        refuses(status, name, 'check', '--config', 'broker/config.json', program=BROKER)

    with open('broker/config.json') as f:
        config = json.load(f)
    for member, name in (('tls_cert', 'broker.cert'), ('tls_key', 'broker.key')):
        file = os.path.join('broker', config[member])
        os.rename(file, 'kept')
        check(3, name)
        os.rename('kept', file)
    for member in ('tls_key', 'token_key', 'kek'):
        file = os.path.join('broker', config[member])
        for mode in (0o640, 0o604, 0o620):
            os.chmod(file, mode)
            check(3, 'broker.key.mode')
        os.chmod(file, 0o400)
        subprocess.run([BROKER, 'check', '--config', 'broker/config.json'], check=True, capture_output=True)
    os.chmod('broker/admin.key', 0o644)
    refuses(3, 'admin.key.mode', 'key', 'list', '--broker', 'https://127.0.0.1:1', '--pin', 'sha256:' + '0' * 64,
            '--admin-key', 'broker/admin.key')
    audit = ['audit', '--config', 'broker/config.json']
    refuses(2, 'cli.option', *audit, '--after', 'x', program=BROKER)
    released = {'action': 'resource', 'outcome': 'released', 'grounds': 'policy for x: 1 of 2 checks hold', 'checks': ['policy.a', 'policy.b\x1b[2J\nforged', 3]}
    with contextlib.closing(sqlite3.connect('broker/broker.db')) as db, db:
        db.execute('INSERT INTO audit (time, record) VALUES (0, ?)', (json.dumps(released),))
    listed = subprocess.run([BROKER, *audit, '--checks'], check=True, capture_output=True, text=True).stdout.splitlines()
    assert listed[0].endswith(' released policy for x: 1 of 2 checks hold') and listed[1:] == ['    policy.a', '    policy.b?[2J?forged', '    -'], listed
    assert subprocess.run([BROKER, *audit], check=True, capture_output=True, text=True).stdout.splitlines() == listed[:1]
    with contextlib.closing(sqlite3.connect('broker/broker.db')) as db:
        db.execute('ALTER TABLE audit RENAME TO aside')  # no records are not the same as none
    refuses(3, 'broker.store', *audit, program=BROKER)
    said = json.loads(subprocess.run([BROKER, *audit, '--json'], capture_output=True).stdout)
    assert said['error']['check'] == 'broker.store' and 'audit' not in said, f'no records beside an error: {said}'
    with open('broker/config.json', 'a') as f:
        f.write(' ' * (64 << 10))
    check(4, 'broker.config.size')
    refuses(2, 'broker.config.value', 'init', '--dir', 'other', '--listen', 'here', program=BROKER)
    assert not os.path.exists('other'), 'a broker that could not be made has left its folder'
    subprocess.run([BROKER, 'init', '--dir', 'named', '--listen', '127.0.0.1:0', '--name', 'a.example', '--name', '192.0.2.1'],
                   check=True, capture_output=True)
    refuses(3, 'broker.store.libpq', 'init', '--dir', 'other', '--database', 'postgresql://127.0.0.1:1/x', program=BROKER, env={'LD_LIBRARY_PATH': 'broken'})
    assert not os.path.exists('other'), 'a broker that could not be made has left its folder'
    refuses(3, 'broker.kek.library', 'kek', 'seal', '--config', 'named/config.json', '--to', 'pkcs11:object=a?pin-source=/pin', '--no-copy', program=BROKER,
            env={'LD_LIBRARY_PATH': 'broken'})
    names = subprocess.run(['openssl', 'x509', '-in', 'named/tls.crt', '-noout', '-ext', 'subjectAltName'], check=True,
                           capture_output=True, text=True).stdout
    assert 'DNS:a.example' in names and 'IP Address:192.0.2.1' in names, names


def answer():
    """An administrator's broker that is the right one, and whose answer is no JSON."""
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key.pem',
                    '-out', 'cert.pem', '-subj', '/CN=x'], check=True, capture_output=True)
    spki = subprocess.run(['openssl', 'pkey', '-in', 'key.pem', '-pubout', '-outform', 'DER'], check=True, capture_output=True).stdout
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain('cert.pem', 'key.pem')
    with socket.create_server(('127.0.0.1', 0)) as listener:
        def serve():
            with context.wrap_socket(listener.accept()[0], server_side=True) as c:
                c.recv(65536)
                c.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\nno')

        server = threading.Thread(target=serve, daemon=True)
        server.start()
        refuses(4, 'admin.answer.json', 'key', 'list', '--broker', f'https://127.0.0.1:{listener.getsockname()[1]}',
                '--pin', 'sha256:' + hashlib.sha256(spki).hexdigest(), '--admin-key', 'key.pem')
        server.join(patient(10))


def ordinary():
    """Root may everything: these are asked by another user then, who needs the program in reach."""
    user = {'user': 65534, 'group': 65534, 'extra_groups': []} if os.geteuid() == 0 else {}
    program = shutil.copy(PROGRAM, 'copy')
    os.chmod('.', 0o755)
    os.makedirs('guests/g')
    open('guests/g/lock', 'w').close()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind('guests/g/control.sock')
        s.listen()
        os.chmod('guests/g/control.sock', 0)
        refuses(3, 'state.permission', 'stop', 'g', program=os.path.abspath(program), env={'SECURE_VM_DIR': os.path.abspath('guests')}, **user)
    refuses(3, 'host.vtpm-ca', 'host', 'vtpm-ca', program=os.path.abspath(program), env={'PATH': '/nowhere', 'HOME': '/nowhere'}, **user)


def terminal():
    """What others wrote steers no terminal: a file's name in a message, a guest's state in a list, the guest's console log."""
    os.makedirs('states/g')
    with open('states/g/status.json', 'w', encoding='utf-8') as f:
        json.dump({'name': 'g', 'state': 'stopped', 'since': 'now\x1b]0;pwned\x07\x9b2J'}, f)
    open('states/g/lock', 'w').close()
    with open('states/g/console.log', 'wb') as f:
        f.write(b'login: \x1b[2J\x1b]0;pwned\x07 end\n')
    env = {**os.environ, 'SECURE_VM_DIR': os.path.abspath('states'), 'TERM': 'dumb'}
    r = subprocess.run([PROGRAM, 'inspect', 'no\x1b[2Jsuch\nfile'], capture_output=True, stdin=subprocess.DEVNULL, env=env)
    assert r.returncode == 3 and b'no?[2Jsuch?file' in r.stderr and b'\x1b' not in r.stderr, r
    for words, shown, raw in ((['list'], b'now?]0;pwned???2J', b'now\x1b]0;pwned\x07\xc2\x9b2J'),
                              (['console', '--log', 'g'], b'login: ?]0;pwned? end', b'login: \x1b[2J\x1b]0;pwned\x07 end')):
        r = subprocess.run(['script', '-qec', shlex.join([PROGRAM, *words]), '/dev/null'], capture_output=True, stdin=subprocess.DEVNULL,
                           env=env, timeout=patient(60))
        assert r.returncode == 0 and shown in r.stdout and b'\x1b' not in r.stdout, (words, r)
        r = subprocess.run([PROGRAM, *words], capture_output=True, stdin=subprocess.DEVNULL, env=env)
        assert raw in r.stdout, (words, r)
    for words in (['get', 'a/b/c'], ['derive-key', '--stdout']) if AGENT else ():  # and no secret stays on one
        r = subprocess.run(['script', '-qec', shlex.join([AGENT, *words]), '/dev/null'], capture_output=True, stdin=subprocess.DEVNULL,
                           timeout=patient(60))
        assert r.returncode == 2 and b'[agent.fd]' in r.stdout, (words, r)


def colours():
    """On a terminal only, not on a dumb one, not with NO_COLOR; and nobody else's text is coloured."""
    os.makedirs('coloured/g')
    with open('coloured/g/status.json', 'w', encoding='utf-8') as f:
        json.dump({'name': 'g', 'state': 'failed', 'tee': 'vtpm'}, f)
    open('coloured/g/lock', 'w').close()
    with open('coloured/g/console.log', 'wb') as f:
        f.write(b'\x01' + b'00000000' + b'd\x01rred\n')
    subprocess.run([BROKER, 'init', '--dir', 'coloured/broker', '--listen', '127.0.0.1:0'], check=True, capture_output=True)
    with contextlib.closing(sqlite3.connect('coloured/broker/broker.db')) as db, db:
        db.execute('INSERT INTO audit (time, record) VALUES (0, ?)', (json.dumps({'outcome': 'released', 'grounds': 'policy for x'}),))
        number = db.execute('INSERT INTO audit (time, record) VALUES (0, ?)', (json.dumps({'outcome': 'released', 'grounds': 'policy for x', 'warned': [
            {'check': 'policy.reference.rtmr0', 'expected': '"aa"', 'found': '"bb\x1b[2J"'}]}),)).lastrowid
    why = subprocess.run([BROKER, 'why', str(number), '--config', 'coloured/broker/config.json'], capture_output=True, text=True, check=True).stdout
    assert 'warns     policy.reference.rtmr0: expected "aa", found "bb?[2J"\nto do     ' in why, why
    red, plain = b'\x1b[1;31merror: \x1b[0m', b'error: '
    with open('coloured/g/lock', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refuses(3, 'state.busy', 'launch', 'guest.json', '--check', env={'SECURE_VM_DIR': os.path.abspath('coloured')})
    for settings, shown in (({'TERM': 'xterm'}, red), ({'TERM': 'xterm', 'NO_COLOR': ''}, red), ({'TERM': 'xterm', 'NO_COLOR': '1'}, plain),
                            ({'TERM': 'dumb'}, plain), ({'TERM': ''}, plain)):
        env = {**{k: v for k, v in os.environ.items() if k != 'NO_COLOR'}, **settings, 'SECURE_VM_DIR': os.path.abspath('coloured')}
        for words in ([PROGRAM, 'inspect', 'none'], [PROGRAM, 'console', '--log', 'g'], [BROKER, 'audit', '--config', 'coloured/broker/config.json'],
                      [PROGRAM, 'list']):
            r = subprocess.run(['script', '-qec', shlex.join(words), '/dev/null'], capture_output=True, stdin=subprocess.DEVNULL, env=env,
                               timeout=patient(60))
            if words[1] == 'inspect':
                assert shown in r.stdout and (b'\x1b' in r.stdout) is (shown is red), (settings, r)
            elif words[1] == 'console':
                assert b'?00000000d?rred' in r.stdout and b'\x1b' not in r.stdout, (settings, r)
            elif words[1] == 'list':
                assert (b'\x1b[1;31mfailed    \x1b[0m vtpm' in r.stdout) is (shown is red) and b'failed     vtpm' in r.stdout.replace(
                    b'\x1b[1;31m', b'').replace(b'\x1b[0m', b''), (settings, r)
            else:
                assert (b'\x1b[32m' in r.stdout and b'\x1b[0m' in r.stdout) is (shown is red), (settings, r)
                assert b'\x01' not in r.stdout and b' released policy for x' in r.stdout, (settings, r)
        r = subprocess.run([PROGRAM, 'inspect', 'none'], capture_output=True, stdin=subprocess.DEVNULL, env=env)
        assert plain in r.stderr and b'\x1b' not in r.stderr, (settings, r)


def main():
    with tempfile.TemporaryDirectory(prefix='svr', dir='/tmp') as folder:
        os.chdir(folder)
        for name in ('d', 'loop', 'out', 'broken'):
            os.mkdir(name)
        for name, text in (('garbage', 'garbage'), ('vmlinuz', ''), ('d/modules.dep', ''), ('d/modules.order', ''),
                           ('loop/modules.dep', 'k/virtio_pci.ko: k/a.ko\nk/a.ko: k/virtio_pci.ko\n'), ('out/modules.dep', '../virtio_pci.ko:\n'),
                           ('guest.json', '{"name": "g", "tee": "vtpm", "kernel": "vmlinuz"}'),
                           ('garbage.json', '{"name": "g", "tee": "vtpm", "kernel": "garbage"}'),
                           ('snp.json', '{"name": "g", "tee": "sev-snp", "cpu": "EPYC-v4", "kernel": "garbage"}'),
                           ('broken/libvirt.so.0', ''), ('broken/libcurl.so.4', ''), ('broken/libcurl-gnutls.so.4', ''), ('broken/libpq.so.5', ''), ('broken/libp11-kit.so.0', '')):
            with open(name, 'w') as f:
                f.write(text)
        for part in (commands, broker, answer, ordinary, terminal, colours):
            part()
            print(f'ok: {part.__name__}')
        os.chdir('/')


main()
