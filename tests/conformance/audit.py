# SPDX-License-Identifier: Apache-2.0
"""The audit record's commands, by who has only what they print: search, why, a chain that is computed anew from the export, heads, cuts.
usage: audit.py BROKER"""
import hashlib
import json
import os
import signal
import ssl
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient, wait_until  # noqa: E402

BROKER = os.path.abspath(sys.argv[1])
CONFIG = ('--config', 'b/config.json')


def run(*words, status=0):
    r = subprocess.run([BROKER, *words], capture_output=True, text=True, timeout=patient(60), check=False)
    assert r.returncode == status, (words, r.returncode, r.stdout, r.stderr)
    return r


def as_json(*words, status=0):
    return json.loads(run(*words, '--json', status=status).stdout)


class Serving:
    def __enter__(self):
        if os.path.exists('b/port'):
            os.unlink('b/port')
        self.process = subprocess.Popen([BROKER, 'serve', *CONFIG], stderr=subprocess.DEVNULL)
        wait_until('no port file', lambda: os.path.exists('b/port') and os.path.getsize('b/port'))
        with open('b/port', encoding='ascii') as f:
            self.url = f'https://127.0.0.1:{int(f.read())}'
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(patient(60)) == 0

    def get(self, path, request):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers={'X-Request-Id': request}), context=context, timeout=patient(30)) as r:
                return r.status
        except urllib.error.HTTPError as e:
            return e.code

    def reload(self):
        """Each is a record of the chain."""
        before = as_json('audit', 'search', *CONFIG, '--action', 'reload')['found']
        self.process.send_signal(signal.SIGHUP)
        wait_until('no record of the reload', lambda: as_json('audit', 'search', *CONFIG, '--action', 'reload')['found'] == before + 1)


def chain_of(lines, link=bytes(32)):
    """Goes from link to link as docs/FORMATS.md says; the newest."""
    for line in lines:
        if 'link' in line:
            made = hashlib.sha256(b'secure-vm audit 1\0' + link + struct.pack('<qq', line['id'], line['time']) + line['record'].encode()).digest()
            assert made.hex() == line['link'], line
            link = made
    return link


def read_export(path):
    with open(path, encoding='utf-8') as f:
        lines = [json.loads(line) for line in f]
    assert list(lines[-1]) == ['head']
    return lines[:-1], lines[-1]['head']


def search_and_why():
    found = as_json('audit', 'search', *CONFIG, '--request', 'request-of-mine')
    assert found['found'] == 1 and found['audit'][0]['resource'] == 'a/b/mine'
    assert as_json('audit', 'search', *CONFIG, '--resource', 'a/b/', '--check', 'broker.')['found'] == 2
    assert as_json('audit', 'search', *CONFIG, '--since', '2999')['found'] == 0
    assert 'a/b/mine' in run('audit', 'search', *CONFIG, '--who', '127.0.0.1', '--outcome', 'refused').stdout
    assert '[cli.option]' in run('audit', 'search', *CONFIG, '--until', 'noon', status=2).stderr
    number = str(found['audit'][0]['id'])
    why = as_json('why', number, *CONFIG)
    assert why['record']['request'] == 'request-of-mine' and why['meaning'] and why['remedy'], why
    text = run('why', number, *CONFIG).stdout
    assert 'broker.session.cookie' in text and why['remedy'] in text, text
    assert '[broker.why]' in run('why', '4711', *CONFIG, status=2).stderr


def export():
    as_json('audit', 'export', *CONFIG, '--out', 'all')
    lines, _ = read_export('all')
    assert chain_of(lines).hex() == as_json('audit', *CONFIG, '--verify')['link']
    with open('all', encoding='utf-8') as f:
        before = f.read().splitlines()[:-1]
    assert run('audit', 'export', *CONFIG).stdout.splitlines()[:-1] == before  # stable
    assert '[file.write]' in run('audit', 'export', *CONFIG, '--out', 'all', status=3).stderr
    assert '[cli.option]' in run('audit', 'export', *CONFIG, '--json', status=2).stderr
    first = as_json('audit', 'export', *CONFIG, '--out', 'late', '--after', str(lines[0]['id']))
    assert first['records'] == len(lines) - 1


def heads():
    """The broker writes one when it starts; it stays true as the record grows, and finds a record that is another."""
    with Serving() as s:
        wait_until('no head', lambda: os.path.exists('b/audit.head'))
        s.reload()
    run('audit', *CONFIG, '--head', 'b/audit.head')
    known = as_json('audit', *CONFIG, '--verify', '--head', 'b/audit.head')
    assert known['head'] < known['id'] and known['head_time'] > 0, known
    subprocess.run(['openssl', 'pkey', '-in', 'b/token.key', '-pubout', '-out', 'token.pub'], check=True, timeout=patient(60))
    run('audit', *CONFIG, '--head', 'b/audit.head', '--key', 'token.pub')
    assert '[broker.head.signature]' in run('audit', *CONFIG, '--head', 'b/audit.head', '--key', 'b/admin.pub', status=5).stderr
    assert '[broker.head]' in run('audit', *CONFIG, '--head', 'nowhere', status=3).stderr
    with open('damaged', 'w', encoding='ascii') as f:
        f.write('a.b')
    assert '[broker.head.form]' in run('audit', *CONFIG, '--head', 'damaged', status=4).stderr
    assert '[cli.option]' in run('audit', *CONFIG, '--head', 'b/audit.head', '--known', f'1:{"0" * 64}', status=2).stderr


def cuts():
    lines, _ = read_export('all')
    linked = [line['id'] for line in lines if 'link' in line]
    assert '[cli.option]' in run('audit', 'cut', *CONFIG, '--out', 'x', status=2).stderr
    assert '[broker.audit.cut]' in run('audit', 'cut', *CONFIG, '--older', '1', '--out', 'x', status=2).stderr
    assert not os.path.exists('x')
    with Serving():  # while it is served
        done = as_json('audit', 'cut', *CONFIG, '--through', str(linked[1]), '--out', 'old')
    assert done['through'] == linked[1] and done['removed'] == linked[1] - 1, done
    old, head = read_export('old')
    link = chain_of(old)
    assert old[-1]['id'] == linked[1] and [line['id'] for line in old] == list(range(1, linked[1] + 1))
    run('check', *CONFIG)
    known = as_json('audit', *CONFIG, '--verify')
    assert known['cut'] == linked[1], known
    with open('old.head', 'w', encoding='ascii') as f:
        f.write(head)
    run('audit', *CONFIG, '--head', 'old.head')  # what was taken out goes before what is there
    as_json('audit', 'export', *CONFIG, '--out', 'new')
    new, _ = read_export('new')
    assert json.loads(new[0]['record'])['action'] == 'cut' and new[0]['link'] == link.hex()
    chain_of(new[1:], link)
    assert json.loads(new[-1]['record'])['action'] == 'audit-cut'
    run('audit', 'cut', *CONFIG, '--through', str(new[-2]['id']), '--out', 'older')
    run('audit', *CONFIG, '--verify')


def main():
    with tempfile.TemporaryDirectory(prefix='svm', dir='/tmp') as folder:
        os.chdir(folder)
        run('init', '--dir', 'b', '--listen', '127.0.0.1:0')
        with Serving() as s:
            assert s.get('/kbs/v0/resource/a/b/mine', 'request-of-mine') == 401
            assert s.get('/kbs/v0/resource/a/b/other', 'request-of-another') == 401
            for _ in range(3):
                s.reload()
        for part in (search_and_why, export, heads, cuts):
            part()
        print('ok: search, why, export, heads, cuts')


main()
