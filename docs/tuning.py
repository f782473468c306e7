#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/TUNING.md from the rows of the program (launcher/tune/knobs-*.c), as "tune profile --json" says them.

usage: tuning.py SECURE-VM prints it; tuning.py SECURE-VM FILE fails when FILE is another text
"""
import json
import subprocess
import sys

HEAD = '''# Tuning a host

Made by `docs/tuning.py` from the program's own rows (`launcher/tune/knobs-*.c`); a test holds it against them. `secure-vm tune plan` shows what of this
concerns a host, with its values; how plan, apply, check and undo work is said in secure-vm(1).

Every value is a file of the kernel's, or is named as one (`/ethtool`). `apply` tries each file, writes down what is there, syncs that, and only then changes anything; each value is read back, and when one
is refused all go back. `undo` restores what was there before the first apply. What a daemon sets as well (last line of each knob) is left while it runs, unless `--take` is given.
`bench-host` (in `tools/`, or `examples` beside the documents of an installation) measures a host by fio and iperf3 with and without all this, in turns, and calls nothing a gain that chance could show.
All knobs count for ordinary guests and for SEV-SNP and TDX alike, as they are the host's; where a row says otherwise, sealed memory is meant.

'''
TEST = '''
A guest's own card is no knob: `"type": "vf"` in its guest file gives it a virtual function of a card (SR-IOV), with the limits that the card then holds (secure-vm-guest(5)). `show --check` reads them
from the card. It takes the host out of the way of each packet, and costs what VFIO costs: all of the guest's memory is pinned, it does not move to another host while it runs, and no
confidential guest has one. A function near the guest's node is what its guest file names: `tune plan` shows where cards are. vDPA is refused by name,
and no pair of a function and a virtio card is made that stands in for it (failover): a guest that shall move while it runs takes a bridge.

Each row is tried on recorded hosts (`tests/unit/hosts`): what is planned (`tune-plan: hosts_have_their_plans`), that it comes into force and goes back
(`tune-apply: there_and_back`), that check names it when somebody else turns it (`tune-apply: sabotage`), and that a kill at each system call of apply and undo leaves
each setting as before or as planned, and undo brings all back (`tune-kill: killed_while_it_applies`). In an emulated machine with two nodes (`tests/lab`) `knobs` turns
them in its kernel, and `kvm` what guest files ask for (nodes, CPUs, huge pages, queues, I/O threads, io_uring, vhost) of two guests on KVM: `show --check` names each
thing that somebody else turns there, and nothing else.
'''


def cell(text):
    return (text or '').replace('|', '\\|').replace('*', '\\*')


def rows(said):
    yield '## Profiles\n'
    yield '| profile | for |\n|---|---|'
    for name, text in said['profiles'].items():
        yield f'| `{name}` | {cell(text)} |'
    yield '\n## Knobs\n'
    for k in said['knobs']:
        yield f'### `{k["name"]}`\n'
        yield f'{k["what"][0].upper()}{k["what"][1:]}{"" if k["what"].endswith("?") else "."}\n'
        yield f'`{k["interface"]}`\n'
        yield '| profile | wanted | why |\n|---|---|---|'
        for name, wish in k['wanted'].items():
            yield f'| {name} | {cell(wish["value"]) or "stays as it is"} | {cell(wish["why"])} |'
        yield f'\n* **Gain:** {k["gain"]}. Source: {k["source"]}.'
        yield f'* **Hurts:** {k["hurts"]}.'
        yield f'* **Risk while it changes:** {k["risk"]}.'
        yield f'* **Set as well by:** {", ".join(k["daemons"]) or "nobody known"}.\n'


def main():
    said = json.loads(subprocess.run([sys.argv[1], 'tune', 'profile', '--json'], check=True, capture_output=True, text=True, timeout=60).stdout)
    text = HEAD + '\n'.join(rows(said)).rstrip() + '\n' + TEST
    if len(sys.argv) == 2:
        print(text, end='')
        return 0
    with open(sys.argv[2], encoding='utf-8') as f:
        same = f.read() == text
    print('ok' if same else f'{sys.argv[2]} is not what the rows say: docs/tuning.py SECURE-VM > {sys.argv[2]}')
    return 0 if same else 1


sys.exit(main())
