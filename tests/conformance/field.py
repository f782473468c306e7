# SPDX-License-Identifier: Apache-2.0
"""The cases of the field (field_cases.py): each command with its input; verdict, check and words held against the table. usage: field.py SECURE-VM AGENT"""
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from field_cases import CASES, ELSEWHERE
from field_numbers import NUMBERS
from vectors import ROOT

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from patience import patient  # noqa: E402

PROGRAM, AGENT = (os.path.abspath(p) for p in sys.argv[1:3])


def read(name):
    with open(os.path.join(ROOT, name), 'rb') as f:
        return f.read()


def write(name, what):
    with open(name, 'wb') as f:
        f.write(what.encode() if isinstance(what, str) else what)


def write_policy(name, snp):
    """Minimums for each product, as a guest file's `require` has them."""
    rules = [{'check': f'policy.reported_tcb.{product.lower()}.snp', 'reason': 'enough', 'claim': '/reported_tcb/snp', 'covers': 'hardware', 'at_least': least,
              'when': {'claim': '/product', 'equals': product}} for product, least in (('Milan', snp), ('Genoa', 255))]
    rules.append({'check': 'policy.debug', 'reason': 'no debugging', 'claim': '/policy_bits/debug', 'covers': 'configuration', 'equals': False})
    write(name, json.dumps({'version': 1, 'guest': 'g', 'tee': 'sev-snp', 'resource': 'a/b/c', 'trust': {}, 'allow': ['tcb', 'firmware'], 'rules': rules}))


def make_reports():
    raw = read('snp/synth/reports/ok-milan-v3.bin')
    wrong = bytearray(raw)
    wrong[0x90] ^= 1
    masked = bytearray(read('snp/reports/milan-v2-a.bin'))
    masked[0x1a0:0x1e0] = bytes(64)
    write('report.b64', base64.encodebytes(raw))
    write('odd.hex', raw.hex()[:-1])
    write('typo.hex', raw.hex()[:100] + 'o' + raw.hex()[101:])
    write('wrong.hex', wrong.hex())
    write('masked.bin', masked)
    blocks = re.findall(r'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n', read('field/snp/vcek-ask-ark.pem').decode(), re.S)
    write('ark.pem', blocks[-1])
    write('ask.pem', re.search(r'-----BEGIN.*?-----END CERTIFICATE-----\n', read('snp/certs/cert_chain-milan-vcek.pem').decode(), re.S).group())
    write_policy('tcb-met.json', 1)
    write_policy('tcb-short.json', 24)
    return raw[0x90:0x90 + 48].hex()


def make_quotes():
    raw = read('tdx/quotes/gtg-cos113.bin')
    write('quote.hex', raw.hex())
    write('cut.hex', raw.hex()[:1000])
    write('quote.b64', base64.encodebytes(raw))
    write('quote.json', json.dumps({'quote': base64.urlsafe_b64encode(raw).decode().rstrip('=')}))
    for form in ('pem', 'hex', 'cut'):
        shutil.copytree(os.path.join(ROOT, 'tdx/collateral/00806f-2025-07'), f'crls-{form}')
        for name in ('pck_crl', 'root_ca_crl'):
            path = f'crls-{form}/{name}'
            der = read(f'tdx/collateral/00806f-2025-07/{name}.der')
            os.unlink(path + '.der')
            pem = f'-----BEGIN X509 CRL-----\n{base64.encodebytes(der).decode()}-----END X509 CRL-----\n'
            write(path + '.txt', der.hex()) if form == 'hex' else write(path + '.pem', pem if form == 'pem' else pem[:-60])


def make_logs():
    log = read('eventlog/debian12-ovmf4m-linux61.bin')
    write('zeros.log', log + bytes(4096))
    write('ones.log', log + b'\xff' * 4096)


def make_inputs():
    digest = make_reports()
    make_quotes()
    make_logs()
    os.mkdir('no-vek')
    shutil.copy(os.path.join(ROOT, 'snp/certs/cert_chain-milan-vcek.pem'), 'no-vek/ca.pem')
    os.mkdir('modules')
    write('modules/modules.builtin', '')
    return {'{agent}': AGENT, '{digest}': digest}


def fill(words, known):
    """A word in braces: a value, an input that was made, or a file of the vectors."""
    def one(word):
        if not word.startswith('{'):
            return word
        name = word[1:-1]
        path = known.get(word) or (os.path.abspath(name) if os.path.exists(name) else os.path.join(ROOT, name))
        assert word == '{digest}' or os.path.exists(path), f'no input {name}'
        return path
    return [one(word) for word in words]


def run(words):
    r = subprocess.run([PROGRAM, *words, '--json'], capture_output=True, text=True, timeout=patient(60))
    return r.returncode, json.loads(r.stdout)


def strip(out):
    """What says by which form or file it came."""
    return {k: v for k, v in out.items() if k not in ('text', 'file', 'form')}


def look(case, known):
    status, out = run(fill(case.run, known))
    error = out.get('error') or {}
    assert (status, error.get('check')) == (case.exit, case.check), f'exit {status}, {error}'
    answer = json.dumps(out, ensure_ascii=False, separators=(',', ':'))
    for word in case.says:
        assert word in answer, f'{word} is missing in {answer[:2000]}'
    words = error.get('message', answer)
    for word in case.never:
        assert word not in words, f'{word} is in {words[:2000]}'
    if case.same:
        plain = run(fill(case.same, known))
        assert plain[0] == 0 and strip(plain[1]) == strip(out), f'other than {case.same} says'


def must_have(name, path, word):
    with open(os.path.join(TESTS, path)) as f:
        assert word in f.read(), f'{name}: {path} has no "{word}" any more'


def trace_numbers(names):
    """Each number of the survey stands once, and what it names is there."""
    assert sorted(n for numbers, *_ in NUMBERS for n in numbers) == list(range(1, 49)), 'a number of the survey is missing, or stands twice'
    for numbers, _, shown in NUMBERS:
        for name in shown:
            if ': ' in name:
                must_have(f'number {numbers[0]}', *name.split(': ', 1))
            else:
                assert name in names, f'number {numbers[0]}: there is no case {name}'


def main():
    failed = 0
    names = [case.name for case in CASES] + [name for name, *_ in ELSEWHERE]
    assert len(names) == len(set(names)), 'a name stands twice'
    known = make_inputs()
    for case in CASES:
        try:
            look(case, known)
            print('ok', case.name)
        except AssertionError as e:
            failed += 1
            print(f'FAILED {case.name} ({case.what}): {e}')
    for name, _, path, word in ELSEWHERE:
        must_have(name, path, word)
    trace_numbers(names)
    print(f'{len(CASES) - failed} of {len(CASES)} cases as the table has them, {len(ELSEWHERE)} in tests of their own')
    return failed


with tempfile.TemporaryDirectory() as folder:
    os.environ['XDG_CACHE_HOME'] = folder
    os.chdir(folder)
    sys.exit(1 if main() else 0)
