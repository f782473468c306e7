# SPDX-License-Identifier: Apache-2.0
"""The commands of SEV-SNP as a script uses them: exit status, one JSON object, files. usage: snp_commands.py SECURE-VM AGENT"""
import base64
import contextlib
import json
import os
import pty
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

PROGRAM, AGENT = (os.path.abspath(p) for p in sys.argv[1:3])
DIGEST = '11' * 48
VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vectors')


def run(status, *args, program=PROGRAM):
    r = subprocess.run([program, *args, '--json'], capture_output=True, text=True, timeout=patient(60))
    assert r.returncode == status, f'{args}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    out = json.loads(r.stdout)
    assert out['ok'] is (status == 0), out
    return out


def check_of(out):
    return out['error']['check']


def key(name):
    subprocess.run(['openssl', 'ecparam', '-name', 'secp384r1', '-genkey', '-noout', '-out', name], check=True, capture_output=True)
    return name


def id_block():
    made = run(0, 'id-block', '--launch-digest', DIGEST, '--key', key('id.pem'), '--author-key', key('author.pem'), '--svn', '7', '--out', 'g')
    assert made['values']['launch_digest'] == DIGEST and made['values']['guest_svn'] == 7
    assert made['guest']['tees']['sev-snp'] == {'id_block': 'g.id-block', 'id_auth': 'g.id-auth', 'author_key': True}
    for member, name, size in (('idBlock', 'g.id-block', 96), ('idAuth', 'g.id-auth', 4096)):
        with open(name, 'rb') as f:
            raw = f.read()
        assert len(raw) == size and base64.b64decode(made['libvirt'][member]) == raw
    block, auth = run(0, 'inspect', 'g.id-block'), run(0, 'inspect', 'g.id-auth')
    assert block['kind'] == 'id-block' and block['id_block']['launch_digest'] == DIGEST and block['verified'] is False
    assert auth['id_auth']['author_key_digest'] == made['values']['author_key_digest']
    nobody = run(0, 'id-block', '--launch-digest', DIGEST, '--anonymous')
    assert nobody['values']['anonymous'] and nobody == run(0, 'id-block', '--launch-digest', DIGEST, '--anonymous')
    assert check_of(run(2, 'id-block', '--launch-digest', DIGEST)) == 'id-block.key'
    assert check_of(run(2, 'id-block', '--anonymous')) == 'id-block.digest'
    assert check_of(run(2, 'id-block', '--launch-digest', '11', '--anonymous')) == 'sev.id_block.launch_digest'
    assert check_of(run(2, 'id-block', '--launch-digest', DIGEST, '--anonymous', '--tee', 'vtpm')) == 'id-block.tee'
    assert check_of(run(3, 'id-block', '--launch-digest', DIGEST, '--key', 'none.pem')) == 'crypto.keystore'


def forms():
    """What people have in hand says and proves what the plain report does."""
    synth, field = (os.path.join(VECTORS, d) for d in ('snp/synth', 'field/snp'))
    plain, root = os.path.join(synth, 'reports/ok-milan-v3.bin'), os.path.join(field, 'vcek-ask-ark.pem')
    says = run(0, 'inspect', plain)['report']
    with open(plain, 'rb') as f:
        raw = f.read()
    with open('report.b64', 'wb') as f:
        f.write(base64.encodebytes(raw))
    given = [os.path.join(field, 'report.hex'), os.path.join(field, 'get-report-response.bin'), 'report.b64']
    for path in given:
        assert run(0, 'inspect', path)['report'] == says, path
    assert run(0, 'inspect', given[0])['text'] == 'hexadecimal text'
    with open(root) as f:
        ark = f.read().split('-----BEGIN')[-1]
    with open('ark.pem', 'w') as f:
        f.write('-----BEGIN' + ark)
    trust = ['--tee', 'sev-snp', '--time', '2026-06-01T00:00:00Z', '--test-root', 'ark.pem',
             '--allow', 'tcb', '--allow', 'firmware', '--allow', 'alias_check']
    proven = [run(0, 'verify', path, '--vek', vek, *trust)['claims']
                for path in [plain, *given] for vek in (root, os.path.join(field, 'thim.json'))]
    assert all(claims == proven[0] for claims in proven)
    broken = bytearray(raw)
    broken[0x90] ^= 1
    with open('broken.hex', 'w') as f:
        f.write(broken.hex())
    assert check_of(run(5, 'verify', 'broken.hex', '--vek', root, *trust)) == 'snp.signature'
    with open('odd.hex', 'w') as f:
        f.write(raw.hex()[:-1])
    run(4, 'verify', 'odd.hex', '--vek', root, *trust)


def alone():
    """A VCEK without what is above it; the TEE is found, and so is what was launched."""
    def real(name):
        return os.path.join(VECTORS, 'snp', name)

    report, vek = real('reports/turin-v5-azure.bin'), real('certs/vcek-turin-a.pem')
    out = run(0, 'verify', report, '--vek', vek, '--time', '2026-06-01T00:00:00Z', '--allow', 'tcb')
    assert out['tee'] == 'sev-snp' and out['claims']['root']['amd']
    measured = out['claims']['measurement']
    run(0, 'verify', report, '--vek', vek, '--time', '2026-06-01T00:00:00Z', '--allow', 'tcb', '--measurement', measured.upper())
    other = f'{int(measured[0], 16) ^ 1:x}' + measured[1:]
    assert check_of(run(6, 'verify', report, '--vek', vek, '--time', '2026-06-01T00:00:00Z', '--allow', 'tcb',
                        '--measurement', other)) == 'policy.measurement'
    for text in ('', measured[1:], measured + '00', 'x' * 96):
        assert check_of(run(2, 'verify', report, '--vek', vek, '--measurement', text)) == 'verify.measurement', text
    with open('policy.json', 'w') as f:
        f.write('{}')
    assert check_of(run(2, 'verify', report, '--vek', vek, '--measurement', measured, '--policy', 'policy.json')) == 'verify.measurement'
    with open('nothing', 'wb') as f:
        f.write(bytes(1184))
    assert check_of(run(2, 'verify', 'nothing')) == 'tee.name'
    with open('nothing.json', 'w') as f:
        f.write('{}')
    assert check_of(run(2, 'verify', 'nothing.json')) == 'tee.name'
    bits = run(0, 'inspect', real('reports/milan-v2-a.bin'))['report']['platform_info_bits']
    assert 'tio_en' not in bits and 'alias_check_complete' not in bits and 'smt_en' in bits
    assert 'tio_en' in run(0, 'inspect', report)['report']['platform_info_bits']


def difference():
    for name, kernel in (('a', '11'), ('b', '22')):
        step = {'register': 'launch_digest', 'type': 'NORMAL', 'what': '1 page: hashes', 'inputs': {'kernel': kernel}}
        with open(name, 'w') as f:
            json.dump({'ok': True, 'tee': 'sev-snp', 'measurements': {'launch_digest': kernel}, 'steps': [step]}, f)
    assert run(0, 'measure', '--diff', 'a', 'a')['differences'] == []
    out = run(5, 'measure', '--diff', 'a', 'b')
    assert check_of(out) == 'measure.differs'
    assert [(d['input'], d['a'], d['b']) for d in out['differences']] == [('kernel', '11', '22')]
    assert check_of(run(2, 'measure', '--diff', 'a')) == 'measure.diff'


def on_terminal(*args, **environment):
    """What a person sees: standard output and standard error on one terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen([PROGRAM, *args], stdin=slave, stdout=slave, stderr=slave, env={**os.environ, 'TERM': 'xterm', **environment}) as process:
        os.close(slave)
        seen = b''
        with contextlib.suppress(OSError):  # the terminal's end
            while chunk := os.read(master, 4096):
                seen += chunk
        os.close(master)
        process.wait(patient(60))
    return seen.decode()


def colours():
    """On a terminal what holds is green, what does not is red; nothing of it with NO_COLOR or in a pipe."""
    verify = ('verify', os.path.join(VECTORS, 'snp/reports/milan-v2-a.bin'), '--vek', os.path.join(VECTORS, 'snp/certs/vcek-milan-a.der'),
              '--time', '2026-06-01T00:00:00Z')
    diff = ('measure', '--diff', 'a', 'b')
    for args, marked in ((verify, ('\x1b[32mholds \x1b[0m', '\x1b[1;31mFAILS \x1b[0m')),
                         ((*verify, '--allow', 'tcb', '--allow', 'firmware'), ('\x1b[33mLIFTED \x1b[0m', 'status \x1b[33mwarning\x1b[0m')),
                         (diff, ('\x1b[1mlaunch_digest\x1b[0m: ', '\x1b[1;31m11\x1b[0m -> \x1b[32m22\x1b[0m'))):
        seen = on_terminal(*args)
        for words in marked:
            assert words in seen, f'{args}: {words!r} is not in {seen!r}'
        assert '\x1b' not in on_terminal(*args, NO_COLOR='1')
        piped = subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=patient(60))
        assert '\x1b' not in piped.stdout + piped.stderr and '\x01' not in piped.stdout


def platform():
    if not os.path.exists('/dev/sev'):
        assert check_of(run(3, 'host', 'commit', '--dry-run')) == 'sev.host.device'
        assert check_of(run(3, 'host', 'config', '--reset', '--dry-run')) == 'sev.host.device'
    assert check_of(run(2, 'host', 'commit', '--tee', 'vtpm')) == 'host.tee'
    assert check_of(run(2, 'host', 'vlek-load')) == 'cli.arguments'


def derive():
    assert check_of(run(2, 'derive-key', program=AGENT)) == 'agent.fd'
    assert check_of(run(2, 'derive-key', '--stdout', program=AGENT)) == 'agent.fd'  # never beside --json
    assert check_of(run(2, 'derive-key', '--fd', '3', '--stdout', program=AGENT)) == 'agent.fd'


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    for test in (id_block, forms, alone, difference, colours, platform, derive):
        test()
        print(test.__name__, 'ok')
