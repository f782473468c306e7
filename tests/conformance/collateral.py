#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""secure-vm as people run it, with real certificates: the SNP reports and TDX quotes, fetched from a server on loopback that has what
AMD's key server or a PCCS has, from an offline folder made from the same files, and exported. Each way gives the same verdict.

    collateral.py SECURE-VM
"""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from urllib.parse import quote, urlparse

from vectors import SNP, TDX

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

PROGRAM = sys.argv[1]
# What the floor and the strict policy say of them when their certificates hold: all but one are of platforms that are older than the floor.
REFUSED = {'milan-v2-a': 'policy.floor.tcb', 'milan-v2-debug': 'policy.floor.debug', 'milan-v2-azure': 'policy.provisional',
           'milan-v3-azure': 'policy.floor.tcb', 'genoa-v3-azure': 'policy.floor.tcb'}
ALLOW = ['--allow', 'tcb', '--allow', 'firmware']
REFUSED_THEN = {'milan-v2-debug': 'policy.floor.debug', 'milan-v2-azure': 'policy.provisional'}


class Maker(http.server.BaseHTTPRequestHandler):
    """A maker's server, with its limit: the first request after `busy` was set is told to come back a second later."""
    protocol_version, wbufsize = 'HTTP/1.1', 1 << 16  # head and body in one packet
    files, heads, asked, busy = {}, {}, [], 0

    def do_GET(self):
        Maker.asked.append(self.path)
        body, status = Maker.files.get(self.path), 200
        if Maker.busy:
            Maker.busy, body, status = Maker.busy - 1, b'slowly', 429
        elif body is None:
            body, status = b'', 404
        self.send_response(status)
        if status == 429:
            self.send_header('Retry-After', '1')
        for name, value in Maker.heads.get(self.path, {}).items():
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def run(*args, cache, fails=None, any_end=False):
    env = {**os.environ, 'XDG_CACHE_HOME': cache, 'no_proxy': '127.0.0.1'}
    p = subprocess.run([PROGRAM, *args, '--json'], capture_output=True, text=True, env=env, timeout=patient(100))
    out = json.loads(p.stdout)
    check = out.get('error', {}).get('check')
    assert any_end or check == fails, f'{args}: expected {fails}, found {check}: {p.stderr}'
    return out


def slurp(path):
    with open(path, 'rb') as f:
        return f.read()


def main():
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Maker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    work = tempfile.mkdtemp(prefix='sv-collateral-')
    try:
        snp(f'http://127.0.0.1:{server.server_port}/deep/', os.path.join(work, 'snp'))
        tdx(f'http://127.0.0.1:{server.server_port}/pccs', os.path.join(work, 'tdx'))
    finally:
        server.shutdown()
        shutil.rmtree(work)
    return 0


# --- TDX: a PCCS ---

def serve_pccs(folder):
    """What this folder of collateral is as answers of a PCCS. The list of the root CA is in hexadecimal there."""
    Maker.files.clear()
    Maker.heads.clear()
    tcb = slurp(f'{folder}/tcb_info.json')
    fmspc = json.loads(tcb)['tcbInfo']['fmspc'].upper()
    base = '/pccs/sgx/certification/v4/'
    for path, body, head, chain in (
            (f'/pccs/tdx/certification/v4/tcb?fmspc={fmspc}', tcb, 'TCB-Info-Issuer-Chain', 'tcb_info_chain.pem'),
            ('/pccs/tdx/certification/v4/qe/identity', slurp(f'{folder}/qe_identity.json'), 'SGX-Enclave-Identity-Issuer-Chain', 'qe_identity_chain.pem'),
            (base + 'pckcrl?ca=platform&encoding=der', slurp(f'{folder}/pck_crl.der'), None, None),
            (base + 'pckcrl?ca=processor&encoding=der', slurp(f'{folder}/pck_crl.der'), None, None),
            (base + 'rootcacrl', slurp(f'{folder}/root_ca_crl.der').hex().encode(), None, None)):
        Maker.files[path] = body
        if head:
            Maker.heads[path] = {head: quote(slurp(f'{folder}/{chain}').decode())}


def tdx(url, work):
    """Each real quote with its collateral of that time: the verdict of files by hand, of the mirror, of a tree and of a folder are the same."""
    tee, mirror, ends = ['--tee', 'tdx'], ['--mirror', url], {}
    rows = json.loads(slurp(f'{TDX}/expected-real.json'))
    for i, row in enumerate(rows):
        evidence, at, here = f'{TDX}/{row["quote"]}', ['--time', row['at']], f'{work}/{i}'
        serve_pccs(f'{TDX}/{row["collateral"]}')
        by_hand = run('verify', evidence, *tee, *at, '--collateral', f'{TDX}/{row["collateral"]}', cache=work, any_end=True)
        check = by_hand.get('error', {}).get('check')
        if check == 'tdx.pck.chain':
            continue  # no certificate of Intel's in it: nothing says what to ask for
        Maker.asked.clear()
        # What was fetched has run out by the machine's clock: it is asked for each time, and never taken from the cache instead.
        out = run('verify', evidence, *tee, *at, '--fetch', *mirror, cache=work + '/cache', any_end=True)
        end = out.get('error', {}).get('check')
        missing = end == 'collateral.none'  # the collateral is of another platform's FMSPC
        assert missing or end == check, f'{row}: by hand {check}, fetched {end}'
        ends[end] = ends.get(end, 0) + 1
        if missing:
            continue
        assert len(Maker.asked) == 4, Maker.asked
        run('collateral', 'export', evidence, *tee, *mirror, '--tree', '--out', here + '/tree', cache=work + '/cache')
        run('verify', evidence, *tee, *at, '--fetch', '--offline', here + '/tree', cache=work + '/none', fails=check)
        run('collateral', 'export', evidence, *tee, '--offline', here + '/tree', '--out', here + '/folder', cache=work + '/none')
        run('verify', evidence, *tee, *at, '--collateral', here + '/folder', cache=work + '/none', fails=check)
    assert ends.get(None, 0) >= 4, ends
    print(f'{sum(ends.values())} real TDX quotes with collateral of their time: {ends}')


# --- SNP: AMD's key server ---

def snp(url, work):
    rows = json.loads(slurp(f'{SNP}/reports/expected-fields.json'))
    assert len(rows) >= 6, rows.keys()
    for row in rows.values():
        for of, name in ((row['kds_vek_url'], row['vek']), (row['kds_chain_url'], row['chain'])):
            u = urlparse(of)
            Maker.files['/deep' + u.path + ('?' + u.query if u.query else '')] = slurp(f'{SNP}/{name}')
    os.mkdir(work)
    check(rows, ['--mirror', 'kdsintf.amd.com=' + url], work)
    print(f'{len(rows)} real SNP reports, each fetched, from the cache, from a tree, from a folder: {len(rows) - len(REFUSED)} affirming, '
          f'{len(REFUSED)} refused by the strict policy; {len(Maker.asked)} requests')


def check(rows, mirror, work):
    cache, tree = work + '/cache', work + '/tree'
    reports = {n: f'{SNP}/{r["file"]}' for n, r in rows.items()}
    tee = ['--tee', 'sev-snp']
    for name, report in reports.items():
        Maker.busy = 1 if name == 'turin-v5-azure' else 0
        out = run('verify', report, *tee, '--fetch', *mirror, cache=cache, fails=REFUSED.get(name))
        assert out['claims']['root']['amd'], out['claims']
        if name not in REFUSED:
            assert not out['claims']['crl_checked'], out['claims']
            assert [c['kind'] for c in out['fetched']] == ['vek', 'ca'], out['fetched']
    # Every chip's certificate once, every chain once; the list is not there and is asked for each time; one answer was "later".
    chains = {r['kds_chain_url'] for r in rows.values()}
    found = [a for a in Maker.asked if not a.endswith('/crl')]
    assert len(found) == len(rows) + len(chains) + 1, Maker.asked
    listed = run('collateral', 'list', cache=cache)['collateral']
    assert len(listed) == len(rows) + len(chains) and all(e['verified'] and 'refresh' not in e for e in listed), listed
    out = run('collateral', 'fetch', *reports.values(), *tee, *mirror, cache=cache)
    assert {c['from'] for c in out['collateral']} == {'cache'}, out
    folder = work + '/reports'
    os.mkdir(folder)
    for report in reports.values():
        shutil.copy(report, folder)
    run('collateral', 'export', folder, *tee, *mirror, '--tree', '--out', tree, cache=cache)
    run('collateral', 'fetch', work + '/none', *tee, *mirror, cache=cache, fails='verify.evidence')
    run('collateral', 'export', *reports.values(), *tee, *mirror, '--out', tree, cache=cache, fails='collateral.out')
    for name, report in reports.items():
        folder = f'{work}/{name}'
        run('verify', report, *tee, '--fetch', '--offline', tree, cache=work + '/none', fails=REFUSED.get(name))
        run('collateral', 'export', report, *tee, '--offline', tree, '--out', folder, cache=work + '/none')
        run('verify', report, *tee, '--collateral', folder, cache=work + '/none', fails=REFUSED.get(name))
        out = run('verify', report, *tee, '--collateral', folder, *ALLOW, cache=work + '/none', fails=REFUSED_THEN.get(name))
        lifted = sorted(r['check'] for r in out['appraisal']['reasons'] if r.get('lifted'))
        assert lifted == ['policy.floor.firmware', 'policy.floor.tcb'], lifted
        if name not in REFUSED_THEN:
            assert out['appraisal']['status'] == ('affirming' if name not in REFUSED else 'warning'), out['appraisal']
    assert not os.path.exists(work + '/none/secure-vm'), 'an offline folder is all there is'
    one = ['verify', reports['turin-v5-azure'], *tee, '--collateral', work + '/turin-v5-azure']
    run(*one, '--allow', 'everything', cache=cache, fails='policy.allow.unknown')
    with open(work + '/policy.json', 'w') as f:
        json.dump({'version': 1, 'guest': 'any', 'tee': 'sev-snp', 'resource': 'a/b/c', 'trust': {}, 'rules': [
            {'check': 'policy.any', 'claim': '/version', 'present': True, 'covers': 'hardware', 'reason': 'a report'}]}, f)
    run(*one, '--policy', work + '/policy.json', cache=cache)
    run(*one, '--policy', work + '/policy.json', '--allow', 'tcb', cache=cache, fails='verify.allow')
    # A policy of one rule has the floor all the same.
    run('verify', reports['milan-v2-a'], *tee, '--collateral', work + '/milan-v2-a', '--policy', work + '/policy.json', cache=cache,
        fails='policy.floor.tcb')
    # The folder of one chip does not do for another.
    run('verify', reports['milan-v2-a'], *tee, '--collateral', f'{work}/milan-v3-azure', cache=cache, fails='snp.signature')
    run('verify', reports['milan-v2-a'], *tee, '--fetch', '--offline', work, cache=cache, fails='collateral.offline')
    run('verify', reports['milan-v2-a'], *tee, *mirror, cache=cache, fails='verify.fetch')
    # The certificates under plain names.
    plain = work + '/plain'
    os.mkdir(plain)
    shutil.copy(f'{SNP}/{rows["turin-v5-azure"]["vek"]}', plain + '/vek.pem')
    shutil.copy(f'{SNP}/{rows["turin-v5-azure"]["chain"]}', plain + '/ca.pem')
    run('verify', reports['turin-v5-azure'], *tee, '--fetch', '--offline', plain, cache=cache)


sys.exit(main())
