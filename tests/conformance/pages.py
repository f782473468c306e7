# SPDX-License-Identifier: Apache-2.0
"""The pages of measure, show and audit in a real browser: they look as they should, what others wrote stays text, and the browser
keeps to the page's policy. usage: pages.py SECURE-VM BROKER"""
import contextlib
import html.parser
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient  # noqa: E402

PROGRAM, BROKER = (os.path.abspath(p) for p in sys.argv[1:3])
VECTORS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'vectors')
BROWSER = shutil.which('chromium')
HOSTILE = '</title></style><script>document.title="owned"</script><img src=x onerror=\'document.title="owned"\'>&amp;"'
LIGHT, DARK = (0xf5, 0xf6, 0xf8), (0x12, 0x15, 0x1c)  # the page's ground in base/program/page.c


def browse(*words):
    """With a profile of its own, and no network that it could ask."""
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run([BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=1000,800',
                               '--host-resolver-rules=MAP * ~NOTFOUND', f'--user-data-dir={profile}', *words], check=True,
                              capture_output=True, timeout=patient(120), stdin=subprocess.DEVNULL).stdout


def dom(page):
    """The document as the browser has it after it has loaded."""
    return browse('--dump-dom', f'file://{os.path.abspath(page)}').decode()


def first_pixel(page, *words):
    browse('--screenshot=' + os.path.abspath('shot.png'), *words, f'file://{os.path.abspath(page)}')
    with open('shot.png', 'rb') as f:
        data = f.read()
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b'IDAT' else b''
        at += size + 12
    return tuple(zlib.decompress(packed)[1:4])  # of any filter: nothing is before the first


class Texts(html.parser.HTMLParser):
    """Names of elements, and the text in them."""

    def __init__(self, text):
        super().__init__()
        self.names, self.text, self.title, self.inside = [], '', '', []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        if self.inside[-1:] == ['title']:
            self.title += data
        elif self.inside[-1:] != ['style']:
            self.text += data


def look(page, *expected):
    seen = Texts(dom(page))
    assert 'owned' != seen.title and 'script' not in seen.names and 'img' not in seen.names, (page, seen.title, seen.names)
    for text in expected:
        assert text in seen.text, f'{page}: {text!r} is not to be seen: {seen.text}'
    assert first_pixel(page) == LIGHT, f'{page}: the style is not applied: {first_pixel(page)}'
    with open(page, encoding='utf-8') as f:
        raw = f.read()
    assert 'http:' not in raw.replace('http-equiv', '') and 'https:' not in raw, f'{page}: something from elsewhere'
    return seen


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=patient(60), stdin=subprocess.DEVNULL, **more).stdout


def mode(page):
    return oct(os.stat(page).st_mode & 0o777)


def measure():
    out = run(PROGRAM, 'measure', '--tee', 'sev-snp', '--igvm', os.path.join(VECTORS, 'snp/igvm/ok-basic.igvm'), '--explain', '--html', 'm.html')
    assert out == '', f'beside the page: {out}'
    assert mode('m.html') == '0o640', f'not of the umask: {mode("m.html")}'
    steps = json.loads(run(PROGRAM, 'measure', '--tee', 'sev-snp', '--igvm', os.path.join(VECTORS, 'snp/igvm/ok-basic.igvm'), '--explain', '--json'))
    look('m.html', 'launch_digest', steps['measurements']['launch_digest'], *(s['what'] for s in steps['steps']))


def show():
    os.makedirs('states/g')
    step = {'event': 'step', 'state': 'done', 'ms': 700, 'at_ms': 2000}
    steps = [{**step, 'step': HOSTILE}, {'event': 'running', 'at_ms': 2000}, {'event': 'step', 'step': 'network', 'state': 'start', 'at_ms': 7000},
             {**step, 'step': 'network', 'at_ms': 9000, 'says': HOSTILE + 'eth0'}]
    status = {'name': HOSTILE, 'state': 'failed', 'tee': 'vtpm', 'memory': 1 << 30, 'since': 'now', 'grounds': HOSTILE, 'unheard_of': [HOSTILE],
              'disks': [{'id': 'root', 'path': HOSTILE + 'root.img', 'encrypted': True}, {'id': 'data', 'path': 'data.img'}],
              'nics': [{'type': 'user', 'mac': '52:54:00:00:00:01', 'forward': [{'protocol': 'tcp', 'address': '127.0.0.1', 'port': 2222, 'to': 22}]}],
              'attestation': {'url': 'broker.example', 'resource': HOSTILE + 'default/x/root'}, 'started': 1,
              'steps': steps, 'boot': {HOSTILE: {'path': HOSTILE, 'sha256': 'ab' * 32, 'bytes': 1048576}},
              'error': {'message': HOSTILE, 'check': 'policy.pcr.9'}}
    with open('states/g/status.json', 'w', encoding='utf-8') as f:
        json.dump(status, f)
    open('states/g/lock', 'w').close()
    out = run(PROGRAM, 'show', 'g', '--html', 's.html', env={**os.environ, 'SECURE_VM_DIR': os.path.abspath('states')})
    assert out == '', f'beside the page: {out}'
    seen = look('s.html', f'{HOSTILE} [policy.pcr.9]', 'failed', '1 GiB', '700 ms', 'ab' * 32, '1 MiB', 'firmware, kernel', '5000 ms',
                HOSTILE + 'root.img', 'encrypted', "the host's to read and change", HOSTILE + 'eth0', '52:54:00:00:00:01',
                'tcp 127.0.0.1:2222 to its port 22', 'broker.example', HOSTILE + 'default/x/root')
    out = run(PROGRAM, 'show', 'g', env={**os.environ, 'SECURE_VM_DIR': os.path.abspath('states')})
    assert f'address      {HOSTILE}eth0, as the guest says\n' in out and 'firmware, kernel         5.00 s' in out, out
    assert 'forward' not in seen.text.lower().replace('forwarded', ''), 'a member as it stands in JSON'
    assert seen.title == f'Guest {HOSTILE}' and seen.names.count('svg') == 3, seen.title
    assert first_pixel('s.html', '--blink-settings=preferredColorScheme=0') == DARK, 'the dark style is not applied'


def audit():
    run(BROKER, 'init', '--dir', 'broker', '--listen', '127.0.0.1:0')
    records = [{'time': '2026-01-31T12:00:00Z', 'peer': HOSTILE, 'action': 'resource', 'resource': 'default/x/root', 'outcome': 'refused',
                'check': 'policy.pcr.9', 'message': HOSTILE, 'checks': ['policy.pcr.4', 'policy.pcr.9 fails', 3]},
               {'time': '2026-01-31T12:01:00Z', 'peer': '192.0.2.1:1', 'action': 'resource', 'resource': 'default/x/root', 'outcome': 'released',
                'grounds': 'policy for x: 2 of 2 checks hold', 'checks': ['policy.pcr.4']}]
    with contextlib.closing(sqlite3.connect('broker/broker.db')) as db, db:
        for r in records:
            db.execute('INSERT INTO audit (time, record) VALUES (0, ?)', (json.dumps(r),))
    out = run(BROKER, 'audit', '--config', 'broker/config.json', '--html', 'a.html')
    assert out == '', f'beside the page: {out}'
    assert mode('a.html') == '0o600', f'others may read who asked for keys: {mode("a.html")}'
    look('a.html', HOSTILE, f'{HOSTILE} [policy.pcr.9]', 'policy for x: 2 of 2 checks hold', 'policy.pcr.9', 'refused', 'released')


def policy():
    """That this test could see a script run: without the page's policy it does, with it, it does not."""
    with open('m.html', encoding='utf-8') as f:
        page = f.read()
    scripted = page.replace('</body>', '<script>document.title="owned"</script></body>')
    start = scripted.index('<meta http-equiv')
    for name, text, owned in (('with.html', scripted, False), ('without.html', scripted[:start] + scripted[scripted.index('>', start) + 1:], True)):
        with open(name, 'w', encoding='utf-8') as f:
            f.write(text)
        assert ('owned' == Texts(dom(name)).title) is owned, f'{name}: {Texts(dom(name)).title}'


def main():
    if not BROWSER:
        print('skipped: chromium is not installed (tools/setup)')
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix='svp', dir='/tmp') as folder:
        os.chdir(folder)
        os.umask(0o027)
        for part in (measure, show, audit, policy):
            part()
            print(f'ok: {part.__name__}')
        os.chdir('/')


main()
