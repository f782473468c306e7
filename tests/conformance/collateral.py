#!/usr/bin/env python3
"""secure-vm as people run it, with AMD's real certificates: the shared SNP reports, fetched from a server on loopback that has what AMD's
has, from an offline folder made from the same files, and exported. Each way gives the same verdict.

    collateral.py SECURE-VM SHARED
"""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from urllib.parse import urlparse

PROGRAM, SHARED = sys.argv[1], sys.argv[2]
SNP = os.path.join(SHARED, 'vectors/snp')
# What the strict policy says of them when their certificates hold.
REFUSED = {'milan-v2-debug': 'policy.debug', 'milan-v2-azure': 'policy.provisional'}


class Maker(http.server.BaseHTTPRequestHandler):
    """AMD's key server, with its limit: the first request after `busy` was set is told to come back a second later."""
    protocol_version = 'HTTP/1.1'
    files, asked, busy = {}, [], 0

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
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def run(*args, cache, fails=None):
    env = {**os.environ, 'XDG_CACHE_HOME': cache, 'no_proxy': '127.0.0.1'}
    p = subprocess.run([PROGRAM, *args, '--json'], capture_output=True, text=True, env=env, timeout=100)
    out = json.loads(p.stdout)
    check = out.get('error', {}).get('check')
    assert check == fails, f'{args}: expected {fails}, found {check}: {p.stderr}'
    return out


def slurp(path):
    with open(path, 'rb') as f:
        return f.read()


def main():
    if not os.path.exists(f'{SNP}/reports/expected-fields.json'):
        print('SKIP: the shared SNP vectors are not on this machine')
        return 77
    rows = {n: r for n, r in json.loads(slurp(f'{SNP}/reports/expected-fields.json')).items() if os.path.exists(f'{SNP}/{r["vek"]}')}
    assert len(rows) >= 6, rows.keys()
    for row in rows.values():
        for url, name in ((row['kds_vek_url'], row['vek']), (row['kds_chain_url'], row['chain'])):
            u = urlparse(url)
            Maker.files['/deep' + u.path + ('?' + u.query if u.query else '')] = slurp(f'{SNP}/{name}')
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Maker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mirror = ['--mirror', f'kdsintf.amd.com=http://127.0.0.1:{server.server_port}/deep/']
    work = tempfile.mkdtemp(prefix='sv-collateral-')
    try:
        check(rows, mirror, work)
    finally:
        server.shutdown()
        shutil.rmtree(work)
    print(f'{len(rows)} real reports, each fetched, from the cache, from a tree, from a folder: {len(rows) - len(REFUSED)} affirming, '
          f'{len(REFUSED)} refused by the strict policy; {len(Maker.asked)} requests')
    return 0


def check(rows, mirror, work):
    cache, tree = work + '/cache', work + '/tree'
    reports = {n: f'{SNP}/{r["file"]}' for n, r in rows.items()}
    tee = ['--tee', 'sev-snp']
    for name, report in reports.items():
        Maker.busy = 1 if name == 'turin-v5-azure' else 0
        out = run('verify', report, *tee, '--fetch', *mirror, cache=cache, fails=REFUSED.get(name))
        if name not in REFUSED:
            assert out['claims']['root']['amd'] and not out['claims']['crl_checked'], out['claims']
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
    assert not os.path.exists(work + '/none'), 'an offline folder is all there is'
    # The folder of one chip does not do for another.
    run('verify', reports['milan-v2-a'], *tee, '--collateral', f'{work}/milan-v3-azure', cache=cache, fails='snp.signature')
    run('verify', reports['milan-v2-a'], *tee, '--fetch', '--offline', work, cache=cache, fails='collateral.offline')
    run('verify', reports['milan-v2-a'], *tee, *mirror, cache=cache, fails='verify.fetch')
    # The shared certificates under plain names.
    plain = work + '/plain'
    os.mkdir(plain)
    shutil.copy(f'{SNP}/{rows["turin-v5-azure"]["vek"]}', plain + '/vek.pem')
    shutil.copy(f'{SNP}/{rows["turin-v5-azure"]["chain"]}', plain + '/ca.pem')
    run('verify', reports['turin-v5-azure'], *tee, '--fetch', '--offline', plain, cache=cache)


sys.exit(main())
