# SPDX-License-Identifier: Apache-2.0
"""tools/bench-host: what it calls a gain, that it calls noise none, and that the host is as it was after it, however it ended.
usage: bench_host.py BENCH-HOST SECURE-VM PLANT-HOST"""
import argparse
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import wait_until  # noqa: E402

TOOL, PROGRAM, PLANT = (os.path.abspath(p) for p in sys.argv[1:4])
SWAP = '/proc/sys/vm/swappiness'
# As the real ones print it, of a host that reads one at a time 20 % quicker when it is tuned, and receives less. What they draw is the same in
# each run of this test: one in some rows of noise would be called a gain by chance.
DRAW = '''
with open(os.environ['ROOT'] + '.calls', 'a+') as calls:
    calls.write('.')
    draw = random.Random(calls.tell())
'''
FIO = '''#!/usr/bin/env python3
import json, os, random, sys
''' + DRAW + '''
args = dict(a.lstrip('-').split('=', 1) for a in sys.argv[1:] if '=' in a)
tuned = open(os.environ['ROOT'] + '/proc/sys/vm/swappiness').read().strip() == '10'
if os.environ.get('FAILS') and tuned:
    sys.exit('fio: no space left')
open(args['filename'], 'a').close()
quick = 1.2 if tuned and args['rw'] == 'randread' and args['iodepth'] == '1' else 1
iops = 1000 * quick * draw.uniform(0.97, 1.03)
side = {'iops': iops, 'bw_bytes': int(iops * 4096), 'clat_ns': {'percentile': {'99.000000': 2e9 / iops}}}
print('fio: a note before it')
print(json.dumps({'jobs': [{'read': side, 'write': side}]}))
'''
IPERF = '''#!/usr/bin/env python3
import json, os, random, sys, time
''' + DRAW + '''
tuned = open(os.environ['ROOT'] + '/proc/sys/vm/swappiness').read().strip() == '10'
if os.environ.get('STANDS') and tuned:
    open('stands', 'w').close()
    time.sleep(600)
rate = 1e9 * (0.9 if tuned and '--reverse' in sys.argv else 1) * draw.uniform(0.97, 1.03)
print(json.dumps({'end': {'sum_received': {'bits_per_second': rate}}}))
'''


def load_tool():
    loader = importlib.machinery.SourceFileLoader('bench_host_tool', TOOL)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('bench_host_tool', loader))
    loader.exec_module(module)
    return module


def plant():
    root = os.path.abspath(tempfile.mkdtemp(dir='.'))
    subprocess.run([PLANT, 'xeon-snc2', root], check=True, capture_output=True)
    os.makedirs('bin', exist_ok=True)
    os.makedirs('disk', exist_ok=True)
    for name, text in (('fio', FIO), ('iperf3', IPERF)):
        with open(f'bin/{name}', 'w', encoding='ascii') as f:
            f.write(text)
        os.chmod(f'bin/{name}', 0o755)
    return root


def command(*options, root=None):
    return [TOOL, '--secure-vm', PROGRAM, *options, '--json', *(['--', '--profile', 'latency', '--root', root] if root else [])]


def environment(root, **more):
    return {**os.environ, 'PATH': os.path.abspath('bin') + ':' + os.environ['PATH'], 'ROOT': root, **more}


def run(status, *options, root, **more):
    r = subprocess.run(command(*options, root=root), capture_output=True, text=True, env=environment(root, **more), timeout=120, check=False)
    assert r.returncode == status, f'{options}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    return r


def must_be_as_before(root):
    with open(root + SWAP, encoding='ascii') as f:
        assert f.read().strip() == '60', 'the host is not as it was'
    assert not os.listdir('disk'), f'left on the disk: {os.listdir("disk")}'


def says_gain_and_loss():
    root = plant()
    rows = {r['what']: r for r in json.loads(run(0, '--disk', 'disk', '--server', 'peer', root=root).stdout)['rows']}
    said = {what: r['verdict'] for what, r in rows.items() if r['verdict'] != 'noise'}
    assert said == {'disk, 4 KiB read one at a time': 'gain', 'disk, 4 KiB read one at a time, 99 % within': 'gain', 'network, received': 'loss'}, rows
    assert len(rows) == 7 and 0.15 < rows['disk, 4 KiB read one at a time']['change'] < 0.25, rows
    must_be_as_before(root)


def calls_noise_no_gain(tool):
    """Of 400 tables without any difference at most one in twenty has a word; one lucky round is no gain."""
    draw = random.Random(7)
    words = 0
    for _ in range(400):
        sides = [[{w: (draw.lognormvariate(0, 0.1), 'IO/s') for w in 'abcdefg'} for _ in range(10)] for _ in range(2)]
        words += any(r['verdict'] != 'noise' for r in tool.judge(*sides))
    assert words <= 20, f'{words} of 400 tables without a difference have a gain or a loss'
    lucky = tool.judge([{'a': (1.0, 'IO/s')}] * 6, [{'a': (9.0, 'IO/s')}] + [{'a': (1.0, 'IO/s')}] * 5)
    assert lucky[0]['verdict'] == 'noise', lucky


def refuses_beforehand():
    root = plant()
    for options in ((), ('--disk', '/dev/null'), ('--server', 'peer', '--rounds', '5'), ('--server', 'peer', '--rounds', '17'), ('--server', 'peer', '--seconds', '0')):
        run(2, *options, root=root)
    subprocess.run([PROGRAM, 'tune', 'apply', '--profile', 'latency', '--root', root], check=True, capture_output=True)
    assert 'not tuned' in run(3, '--disk', 'disk', root=root).stderr
    with open(root + SWAP, encoding='ascii') as f:
        assert f.read().strip() == '10', 'it undid what it had not done'
    subprocess.run([PROGRAM, 'tune', 'undo', '--root', root], check=True, capture_output=True)


def leaves_the_host():
    """A program that fails, and an interrupt, while the host is tuned."""
    root = plant()
    r = run(3, '--disk', 'disk', root=root, FAILS='1')
    assert 'no space left' in r.stderr, r.stderr
    must_be_as_before(root)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        p = subprocess.Popen(command('--server', 'peer', root=root), env=environment(root, STANDS='1'), stderr=subprocess.PIPE, text=True)
        wait_until('the program that is measured has not begun', lambda: os.path.exists('stands') or p.poll() is not None)
        assert p.poll() is None, p.stderr.read()
        p.send_signal(number)
        said = p.communicate()[1]
        assert p.returncode == 3 and 'interrupted' in said, said
        os.remove('stands')
        must_be_as_before(root)


def reads_the_real_ones(tool):
    """fio on this folder, iperf3 over loopback: every row has a number."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port = free.getsockname()[1]
    a = argparse.Namespace(size='4M', seconds=1, server='127.0.0.1', port=port)
    server = subprocess.Popen(['iperf3', '--server', '--bind', '127.0.0.1', '--port', str(port), '--forceflush'], stdout=subprocess.PIPE, text=True)
    try:
        server.stdout.readline()
        found = tool.measure(os.path.abspath('file'), a)
    finally:
        server.kill()
        server.communicate()
    assert len(found) == 7 and all(value > 0 for value, _ in found.values()), found


def main():
    with tempfile.TemporaryDirectory(dir='.') as folder:
        os.chdir(folder)
        os.environ['SECURE_VM_DIR'] = os.path.abspath('state')
        tool = load_tool()
        for case, args in ((says_gain_and_loss, ()), (calls_noise_no_gain, (tool,)), (refuses_beforehand, ()), (leaves_the_host, ()), (reads_the_real_ones, (tool,))):
            case(*args)
            print(f'ok {case.__name__}', flush=True)
        os.chdir('..')


main()
