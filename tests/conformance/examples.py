#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The programs of examples/, which use libsecurevm as others do, over evidence of real machines, good and broken: the one in C, the one in Python and the
server give the answer of `secure-vm verify`, word for word.

    examples.py SECURE-VM EXAMPLE-VERIFY LIBRARY EXAMPLES HEADER
"""
import base64
import calendar
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from vectors import SNP, TDX

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

PROGRAM, VERIFY, LIBRARY, EXAMPLES, HEADER = sys.argv[1:]
ENV = {**os.environ, 'SECUREVM_LIBRARY': LIBRARY, 'PYTHONDONTWRITEBYTECODE': '1', 'no_proxy': '127.0.0.1'}
INTEL = os.path.join(TDX, 'collateral/00806f-2025-02')
MILAN = [('vek', f'{SNP}/certs/vcek-milan-a.der'), ('ca', f'{SNP}/certs/cert_chain-milan-vcek.pem')]
QUOTE = [(kind, f'{INTEL}/{name}') for kind, name in (('tcb-info', 'tcb_info.json'), ('tcb-info-chain', 'tcb_info_chain.pem'),
                                                     ('qe-identity', 'qe_identity.json'), ('qe-identity-chain', 'qe_identity_chain.pem'),
                                                     ('pck-crl', 'pck_crl.der'), ('root-ca-crl', 'root_ca_crl.der'))]
IN_2024, IN_2025 = '2024-06-01T00:00:00Z', '2025-02-28T03:44:50Z'
os.environ['SECUREVM_LIBRARY'] = LIBRARY
sys.dont_write_bytecode = True
sys.path.insert(0, EXAMPLES)

import securevm  # noqa: E402

# evidence, a bit that is turned, collateral, as of when, what is said of it, and with which exit status
CASES = [
    ('snp/reports/milan-v2-a.bin', None, MILAN, IN_2024, 'policy.floor.tcb', 6),
    ('snp/reports/milan-v2-a.bin', 0x90, MILAN, IN_2024, 'snp.signature', 5),
    ('snp/reports/milan-v2-a.bin', None, MILAN, '2044-06-01T00:00:00Z', 'snp.chain.expired', 5),
    ('snp/reports/milan-v2-debug.bin', None, [('vek', f'{SNP}/certs/vcek-milan-b.der'), MILAN[1]], IN_2024, 'policy.floor.debug', 6),
    ('tdx/quotes/gtg-cos113.bin', None, QUOTE, IN_2025, None, 0),
    ('tdx/quotes/gtg-cos113.bin', 200, QUOTE, IN_2025, 'tdx.signature', 5),
    ('tdx/quotes/gtg-cos113.bin', None, QUOTE[:-1], IN_2025, 'tdx.pck.crl', 5),
    ('tdx/quotes/gtg-cos113.bin', None, [], '2025-02-28T03:44:50Z', 'tdx.collateral.missing', 5),
    ('tdx/tdreport/nothing', None, [], IN_2025, 'tee.name', 2),
]
HTTP = {0: 200, 2: 400, 4: 400, 5: 403, 6: 403}


def seconds(text):
    return str(calendar.timegm(time.strptime(text, '%Y-%m-%dT%H:%M:%SZ')))


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def run(*command):
    p = subprocess.run(command, capture_output=True, text=True, env=ENV, timeout=patient(60))
    return p.returncode, json.loads(p.stdout)


def run_program(folder, evidence, files, when):
    """secure-vm verify, with a folder of collateral."""
    for kind, path in files:
        os.symlink(path, os.path.join(folder, kind + '.' + os.path.basename(path)))
    return run(PROGRAM, 'verify', evidence, '--time', when, '--json', *(['--collateral', folder] if files else []))


class Server:
    def __init__(self, *options):
        self.p = subprocess.Popen([sys.executable, os.path.join(EXAMPLES, 'server.py'), *options], stdout=subprocess.PIPE, text=True, env=ENV)
        self.url = self.p.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.terminate()
        self.p.wait(patient(10))

    def post(self, path, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=patient(60)) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, json.load(answer)


def ask_server(evidence, files, when):
    body = {'evidence': base64.b64encode(read(evidence)).decode(),
            'collateral': [{'kind': kind, 'data': base64.b64encode(read(path)).decode()} for kind, path in files]}
    with Server('--time', seconds(when), '--any-nonce') as server:
        return server.post('/appraise', body)


def compare(name, want, got):
    """The same claims and verdict, and the same first failed check."""
    for member in ('ok', 'tee', 'claims', 'appraisal'):
        assert got.get(member) == want.get(member) or want['ok'] is False and member == 'tee' and 'claims' not in want, (name, member, got.get(member), want)
    assert got.get('error', {}).get('check') == want.get('error', {}).get('check'), (name, got, want)


def try_case(folder, case):
    name, flip, files, when, check, status = case
    evidence = os.path.join(folder, 'evidence')
    source = os.path.join(os.path.dirname(SNP), name)
    data = bytearray(read(source) if os.path.exists(source) else b'no evidence of any TEE')
    if flip is not None:
        data[flip] ^= 1
    with open(evidence, 'wb') as f:
        f.write(data)
    given = os.path.join(folder, 'given')
    os.mkdir(given)
    pieces = [f'{kind}={path}' for kind, path in files]
    code, want = run_program(given, evidence, files, when)
    assert (code, want.get('error', {}).get('check')) == (status, check), (case, code, want)
    code, answer = run(VERIFY, seconds(when), evidence, *pieces)
    assert code == status, (case, code, answer)
    compare('C', want, answer)
    code, answer = run(sys.executable, os.path.join(EXAMPLES, 'securevm.py'), seconds(when), evidence, *pieces)
    assert code == status, (case, code, answer)
    compare('Python', want, answer)
    code, answer = ask_server(evidence, files, when)
    assert code == HTTP[status], (case, code, answer)
    compare('server', want, answer)
    print(f'{name}{"" if flip is None else ", one bit turned"}, {len(files)} pieces of collateral: {check or "holds"}')


def try_server():
    """Nonces are good once; what cannot be read is refused, and the server goes on."""
    quote = base64.b64encode(read(f'{TDX}/quotes/gtg-cos113.bin')).decode()
    pieces = [{'kind': kind, 'data': base64.b64encode(read(path)).decode()} for kind, path in QUOTE]
    with Server('--time', seconds(IN_2025)) as server:
        nonce = server.post('/nonce', {})[1]['nonce']
        assert len(nonce) == 96
        asked = {'evidence': quote, 'nonce': nonce, 'collateral': pieces}
        assert server.post('/appraise', {**asked, 'nonce': '00' * 48})[1]['error']['check'] == 'server.nonce'
        code, answer = server.post('/appraise', asked)
        assert (code, answer['error']['check']) == (403, 'tdx.report_data'), answer
        assert server.post('/appraise', asked)[1]['error']['check'] == 'server.nonce'
        for bad in (b'{', b'[]', b'{"evidence":"#"}', b'{"evidence":7,"nonce":"00"}'):
            assert server.post('/appraise', bad)[0] in (400, 403), bad
        code, needs = server.post('/needs', {'evidence': quote})
        assert code == 200 and {n['kind'] for n in needs} >= {'tcb-info', 'qe-identity', 'pck-crl'}, needs
        assert server.post('/other', {})[0] == 404
    print('server: a nonce is good once; what cannot be read is refused')


def try_prediction():
    """What securevm.py predicts from bytes is what the program does from files: Debian's kernel, a firmware for each TEE."""
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'secure-vm/firmware')
    top = os.path.dirname(EXAMPLES)
    kernels = subprocess.run([os.path.join(top, 'tools/fetch-kernel')], check=True, capture_output=True, text=True, timeout=patient(900)).stdout
    kernel = os.path.join(kernels.strip().splitlines()[-1], 'vmlinuz')
    for tee, firmware in (('vtpm', '/usr/share/OVMF/OVMF_CODE_4M.fd'), ('sev-snp', f'{cache}/OVMF.amdsev.fd'), ('tdx', f'{cache}/OVMF.inteltdx.ms.fd')):
        beside = firmware.replace('_CODE_', '_VARS_')
        if not os.path.exists(firmware):
            print(f'SKIP: {tee}: {firmware} is not there (tools/fetch-firmware)')
            continue
        guest = {'name': 'demo', 'tee': tee, 'vcpus': 2, 'memory': '1GiB', 'cpu': 'EPYC-v4', 'firmware': firmware, 'kernel': kernel, 'initrd': 'initrd.img',
                 'cmdline': 'console=ttyS0', **({} if tee == 'vtpm' else {'tees': {tee: {'allow_host_acpi': True}}})}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'guest.json')
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(guest, f)
            with open(os.path.join(folder, 'initrd.img'), 'wb') as f:
                f.write(b'070701' + bytes(1000))
            code, want = run(PROGRAM, 'measure', path, '--json')
            files = {'initrd.img': b'070701' + bytes(1000), **{p: read(p) for p in {firmware, beside, kernel}}}
            got = securevm.predict(json.dumps(guest).encode(), securevm.Files(files))
            assert code == 0 and {'ok': True, **got} == {k: v for k, v in want.items() if k in ('ok', *got)}, (tee, want, got)
            assert got['tee'] == tee and got['measurements'], got
        print(f'{tee}: {len(json.dumps(got["measurements"]))} bytes of measurements are the same from bytes and from files')


def try_header():
    """The header as C99 and as C++, by itself."""
    with tempfile.TemporaryDirectory() as folder:
        for name, compiler in (('c99.c', ['cc', '-std=c99', '-pedantic-errors']), ('cxx.cc', ['c++', '-std=c++11', '-pedantic-errors'])):
            with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
                f.write('#include <secure-vm/securevm.h>\n#include <secure-vm/securevm.h>\nint main(void) { return securevm_tee(9) ? 1 : SECUREVM_OK; }\n')
            program = os.path.join(folder, 'program')
            subprocess.run([*compiler, '-Wall', '-Wextra', '-Werror', '-I', HEADER, os.path.join(folder, name), LIBRARY, '-o', program], check=True)
            subprocess.run([program], check=True, env={**ENV, 'LD_LIBRARY_PATH': os.path.dirname(LIBRARY)})
    print('the header is C99 and C++')


def main():
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            try_case(folder, case)
    try_server()
    try_prediction()
    try_header()


if __name__ == '__main__':
    main()
