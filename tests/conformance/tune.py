# SPDX-License-Identifier: Apache-2.0
"""secure-vm tune on recorded hosts (tests/unit/hosts): plan, apply, check, undo as a user has them, their JSON, text, page and exit status.
usage: tune.py SECURE-VM PLANT-HOST"""
import html.parser
import json
import os
import subprocess
import sys
import tempfile

PROGRAM, PLANT = (os.path.abspath(p) for p in sys.argv[1:3])


def call(status, *args):
    r = subprocess.run([PROGRAM, 'tune', *args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert r.returncode == status, f'{args}: exit {r.returncode}, expected {status}: {r.stdout}{r.stderr}'
    return r.stdout


def run(status, *args):
    return json.loads(call(status, *args, '--json'))


def fails(status, check, *args):
    error = run(status, *args)['error']
    assert error['check'] == check, f'{args}: {error}'
    return error['message']


def plant(name):
    root = os.path.abspath(tempfile.mkdtemp(dir='.'))
    subprocess.run([PLANT, name, root], check=True, capture_output=True)
    return root


def value(root, path):
    with open(root + path) as f:
        return f.readline().strip()


SWAP = '/proc/sys/vm/swappiness'
LATENCY = ('--profile', 'latency')


def whole_way():
    """What a plan showed is what is done; check finds the change of another; undo brings all back; each is the user's own to see."""
    root = plant('xeon-snc2')
    there = ('--root', root)
    fails(3, 'tune.nothing', 'check', *there)
    plan = run(0, 'plan', *LATENCY, *there)
    sets = sum(len(s['paths']) for s in plan['settings'] if s['action'] == 'set')
    assert plan['ok'] and plan['profile'] == 'latency' and sets > 600, plan
    assert all({'what', 'why', 'gain', 'source', 'hurts', 'risk'} <= set(k) for k in plan['knobs'].values()), plan['knobs']
    with open('plan.json', 'w') as f:
        json.dump(plan, f)
    fails(2, 'tune.options', 'apply', 'plan.json', '--skip', 'cpu.governor', *there)
    assert run(0, 'apply', 'plan.json', *there)['changed'] == sets
    assert value(root, SWAP) == '10' and value(root, '/proc/irq/60/smp_affinity_list') == '86', 'not beside the pinned guest'
    assert 'all of' in call(0, 'check', *there)
    fails(3, 'tune.changed', 'apply', 'plan.json', *there)
    with open(root + SWAP, 'w') as f:
        f.write('55\n')
    assert f'memory.swappiness: {SWAP} is 55, applied was 10' in call(5, 'check', '--prometheus', 'm.prom', *there)
    with open('m.prom') as f:
        assert 'secure_vm_tune_differences{knob="memory.swappiness"} 1\n' in f.read()
    fails(5, 'tune.differs', 'check', *there)
    assert run(0, 'apply', *LATENCY, *there)['changed'] == 1
    run(0, 'check', *there)
    fails(2, 'tune.applied', 'apply', '--profile', 'density', *there)
    undone = run(0, 'undo', *there)
    assert undone['restored'] == undone['settings'] == sets and value(root, SWAP) == '60', undone
    assert run(0, 'undo', *there)['settings'] == 0


def changed_meanwhile():
    """A plan of another day is refused before anything changes; so is what is none."""
    root = plant('nested')
    with open('old.json', 'w') as f:
        json.dump(run(0, 'plan', *LATENCY, '--root', root), f)
    with open(root + '/sys/kernel/mm/ksm/run', 'w') as f:
        f.write('1\n')
    message = fails(3, 'tune.changed', 'apply', 'old.json', '--root', root)
    assert '/sys/kernel/mm/ksm/run' in message and value(root, SWAP) == '60', message
    for text, check in (('{}', 'tune.plan'), ('[]', 'tune.plan'), ('{"profile":"latency"}', 'tune.plan'), ('{', 'tune.plan.json')):
        with open('none.json', 'w') as f:
            f.write(text)
        fails(4, check, 'apply', 'none.json', '--root', root)
    fails(3, 'tune.plan', 'apply', 'not-there.json', '--root', root)
    fails(2, 'tune.profile', 'plan', '--root', root)
    fails(2, 'tune.profile', 'plan', '--profile', 'speed', '--root', root)
    fails(2, 'tune.profile', 'profile', 'speed')
    fails(3, 'tune.topology.read', 'plan', *LATENCY, '--root', os.path.abspath('.'))


def as_text():
    """The text has what a person decides by."""
    root = plant('desktop')
    out = call(0, 'plan', '--profile', 'throughput', '--scheduler', 'sda=none', '--root', root)
    for words in ('mq-deadline -> none: --scheduler asks for it', 'gain ', 'source  ', 'hurts ', 'risk ', 'to be changed',
                  'left: it lies on other devices', 'policy0/scaling_governor … ', '(8)'):
        assert words in out, f'{words!r} is not in {out}'
    assert 'latency ' in call(0, 'profile') and 'cpu.governor' in call(0, 'profile', 'density')
    assert not os.path.exists(os.path.join(os.environ['SECURE_VM_DIR'], '.tune', 'applied.json')), 'a plan leaves nothing'


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.boxes, self.text = [], ''
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == 'rect':
            self.boxes.append(dict(attrs)['class'])

    def handle_data(self, data):
        self.text += data


def picture():
    """Each processor is a box; a pinned guest's, and those that a card interrupts, are told."""
    root = plant('xeon-snc2')
    assert call(0, 'plan', *LATENCY, '--root', root, '--html', 'p.html') == ''
    with open('p.html', encoding='utf-8') as f:
        page = Page(f.read())
    cpus = [b for b in page.boxes if b != 'frame']
    assert len(cpus) == 224 and cpus.count('bad') == 2 and cpus.count('warn') == 26, (len(cpus), cpus.count('bad'), cpus.count('warn'))
    for words in ('Node 3', 'CPU 84, core 84', 'guest web, its CPU 0', 'an interrupt of ens1f0', 'ens1f0', 'memory.swappiness', '224'):
        assert words in page.text, f'{words!r} is not in the page'


def main():
    with tempfile.TemporaryDirectory() as base:
        os.chdir(base)
        os.environ['SECURE_VM_DIR'] = os.path.join(base, 'state')
        for case in (whole_way, changed_meanwhile, as_text, picture):
            case()
            print(f'{case.__name__}: ok')


main()
