#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lint: what the compiler cannot say about the house (docs/DESIGN.md).

    lint.py [--root DIR] [RULE...]          check the tree
    lint.py --pin                           write tests/lint/pinned.json anew, take what is tested out of untested.json
    lint.py manual --program NAME=PATH...   compare man pages with the built programs; "typed": what documents show as typed
"""
import argparse
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checks as checks_mod
import config
import includes
import layers
import life
import manual
import names
import rules
import tested
import threats
import typed
import vectors
import version
from tree import Tree

RULES = {
    'layers': layers.layers,
    'foreign': layers.foreign,
    'cycles': layers.cycles,
    'pure': layers.pure,
    'mirror': layers.mirror,
    'length': rules.length,
    'spdx': rules.spdx,
    'format': rules.formatted,
    'banned': rules.banned,
    'pinned': rules.pinned,
    'tee-names': rules.tee_names,
    'paths': rules.machine_paths,
    'readme': rules.readme,
    'names': names.names,
    'includes': includes.includes,
    'checks': checks_mod.checks,
    'tested': tested.tested,
    'threats': threats.threats,
    'life': life.life,
    'vectors': vectors.vectors,
    'version': version.version,
    'config': config.config,
}


def main():
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('rules', nargs='*')
    p.add_argument('--root', default=here)
    p.add_argument('--pin', action='store_true')
    p.add_argument('--program', action='append', default=[])
    a = p.parse_args()
    tree = Tree(a.root)
    if a.pin:
        for name, value in (('tests/lint/pinned.json', rules.count_pinned(tree)), (tested.EXCEPTIONS, tested.shrink(tree))):
            with open(tree.path(name), 'w', encoding='utf-8') as f:
                json.dump(value, f, indent=1, sort_keys=True)
                f.write('\n')
        return 0
    bad = 0
    for name in a.rules or RULES:
        if name == 'manual':
            found = list(manual.manual(tree, dict(x.split('=', 1) for x in a.program)))
        elif name == 'typed':
            found = list(typed.typed(tree, manual.commands_of(dict(x.split('=', 1) for x in a.program)['secure-vm'])))
        else:
            found = list(RULES[name](tree))
        for f, line, what in found:
            print(f'{f}:{line}: {what} [{name}]')
        bad += len(found)
        print(f'{name}: {"ok" if not found else f"{len(found)} findings"}', file=sys.stderr)
    return 1 if bad else 0


sys.exit(main())
