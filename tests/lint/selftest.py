#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proof that each lint rule fires: for every case a small clean tree must pass and the same tree with one flaw must not."""
import hashlib
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checks
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

ROW = '| `base.thing` | system | meaning | what to do |\n'
FAILS = 'int f(void)\n{\n        return sv_fail(err, SV_SYSTEM, "base.thing", "x");\n}\n'
GOOD_PAGE = '.SH COMMANDS\n.SS "image encrypt SOURCE"\n.TP\n.B \\-\\-out FILE\nWhere to.\n.SH FILES\n.B \\-\\-no\n'
TABLE = {'image encrypt': {'out'}}
README = '```\ntools/demo\n```\n```\ntools/test\n```\n'
TOOLS = {'README.md': README, 'tools/demo': '#!/bin/sh\n', 'tools/test': '#!/bin/sh\n'}

UNTESTED = tested.EXCEPTIONS
TESTED = {'docs/CHECKS.md': ROW, 'tests/unit/a.c': '"base.thing"'}

ONE = '| a.bin | what | own | CC0 | - | {} |\n'.format(hashlib.sha256(b'one\n').hexdigest())
VECTORS = {'tests/vectors/a.bin': 'one\n', 'tests/vectors/MANIFEST.md': ONE}

ATTACKS = '## Attacks\n\n| attack | rows | defence | proved by |\n|---|---|---|---|\n| a | all | d | `thing: holds` `e2e: good` `proofs: p` `fuzz: f` `model-m: W` |\n'
LIMITS = '## Limits\n\n| row | aspect | why | lifted |\n|---|---|---|---|\n| `toy` | `hardware` | w | nothing |\n| `toy` | `configuration` | w | `/rtmr` by |\n'
VERBS = '## Verbs\n\n| verb | keeper | TEE | interface | fails | proved by |\n|---|---|---|---|---|---|\n| `stop` | both | all | i | f | `thing: holds` |\n'
TRAPS = '\n## Traps\n\n| trap | told as | proved by |\n|---|---|---|\n| t | c | `thing: holds` |\n'
LIFE = {'docs/LIFE.md': VERBS + TRAPS, 'launcher/cli/main.c': '{"Guests:",\n {&sv_cmd_stop}},\n{"\\nThis host:", {&sv_cmd_host}},\n',
        'toy/meson.build': "unit_tests += {'thing': [files('../tests/unit/test_thing.c'), x]}\n", 'tests/unit/test_thing.c': 'cmocka_unit_test(holds)'}
THREATS = {
    'docs/THREATS.md': ATTACKS + LIMITS, 'toy/tee.c': '.name = "toy",\n', 'toy/l.h': '#define LIFT "/rtmr"\n',
    'toy/v.c': 'sv_claims_limit(claims, "hardware", "why; so", NULL);\nsv_claims_limit(claims, "configuration",\n "w" "y", LIFT);\n',
    'toy/meson.build': "unit_tests += {'thing': [files('../tests/unit/test_thing.c'), dep]}\n",
    'tests/unit/test_thing.c': 'cmocka_unit_test(holds),\n', 'tests/e2e/meson.build': "test('e2e', python, args: [files('run.py'), x])\n",
    'tests/e2e/run.py': '', 'tests/e2e/cases.py': 'def good(c):\n', 'tests/proof/p.c': '', 'tests/fuzz/corpus/f/x': '', 'tests/model/m.pml': 'W\n'}

VERSIONS = {'meson.build': "        version: '0.2.1',\n", 'CHANGELOG.md': '# Changes\n\n## 0.2.1\n\n## 0.2.0\n', 'debian/changelog': 'secure-vm (0.2.1) bookworm\n'}

CONFIG = {'broker/config.c': '{"kek", PATH, offsetof(struct c, kek), "kek", 0, 0, 0},\n{"waiting", INT, offsetof(struct c, waiting),\n NULL, 512, 1, 9},\n',
          'docs/broker.schema.json': '{"properties":{"kek":{"type":"string","default":"kek","description":"k"},'
                                     '"waiting":{"type":"integer","minimum":1,"maximum":9,"default":512,"description":"w"}}}'}

# rule, clean tree, flawed files, words of the finding
CASES = [
    (layers.layers, {'vtpm/verify/a.c': '#include "base/core/err.h"\n'}, {'vtpm/verify/a.c': '#include "policy/policy.h"\n'}, 'may not include policy/'),
    (layers.layers, {'attest/tees-verify.c': '#include "vtpm/tee.h"\n'}, {'attest/x.c': '#include "vtpm/tee.h"\n'}, 'may not include vtpm/'),
    (layers.layers, {'base/core/a.c': '// #include "vtpm/a.h"\n'}, {'base/core/a.c': '#include "launcher/cli/a.h"\n'}, 'may not include launcher/cli/'),
    (layers.layers, {'sev/host/a.c': '#include "sev/measure/a.h"\n'}, {'sev/verify/a.c': '#include "sev/measure/a.h"\n'}, 'may not include sev/measure/'),
    (layers.layers, {'base/core/a.c': ''}, {'base/core/a.c': '#include "err.h"\n'}, 'from the root'),
    (layers.layers, {'base/core/a.c': ''}, {'base/extra/a.c': ''}, 'no row'),
    (layers.foreign, {'base/json/json.c': '#include <json-c/json.h>\n'}, {'base/program/cli.c': '#include <json-c/json.h>\n'}, 'belongs behind'),
    (layers.foreign, {'vtpm/guest/tpm.c': '#include <tss2/tss2_esys.h>\n'}, {'vtpm/verify/verify.c': '#include <tss2/tss2_mu.h>\n'}, 'belongs behind'),
    (layers.foreign, {'base/net/tls.c': '#include <openssl/ssl.h>\n'}, {'base/net/http.c': '#include <openssl/ssl.h>\n'}, 'belongs behind'),
    (layers.foreign, {'base/a.c': '#include <stdio.h>\n'}, {'base/a.c': '#include <gnutls/gnutls.h>\n'}, 'neither'),
    (layers.cycles, {'base/a.c': '#include "base/b.h"\n'},
     {'base/a.c': '#include "ovmf/b.h"\n', 'ovmf/b.h': '#include "base/c.h"\n'}, 'includes itself'),
    (layers.cycles, {'base/core/a.c': 'int sv_a(void)\n{\n        return 1;\n}\n', 'base/core/b.c': 'int sv_b(int x)\n{\n        return sv_a();\n}\n'},
     {'base/core/a.c': 'int sv_a(void)\n{\n        return sv_b(1);\n}\n'}, 'calls a file that calls it'),
    (layers.pure, {'sev/host/a.c': '#include <fcntl.h>\n'}, {'sev/verify/a.c': '#include <time.h>\n'}, 'a room that is pure'),
    (layers.mirror, {f'sev/{r}/a.c': '' for r in ('host', 'measure', 'verify', 'guest')}, {'sev/extra/a.c': ''}, 'has the folders'),
    (rules.length, {'base/a.c': 'x\n' * 600}, {'base/a.c': 'x\n' * 601}, '601 lines'),
    (rules.length, {'tools/a': 'x\n'}, {'tools/a': 'x\n' * 700}, '700 lines'),
    (rules.spdx, {'base/a.c': '/* SPDX-License-Identifier: Apache-2.0 */\n'}, {'base/a.c': 'int a;\n'}, 'the first line is not'),
    (rules.spdx, {'tools/a': '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n'}, {'tools/b': '#!/bin/sh\n'}, 'the first line is not'),
    (rules.formatted, {'base/a.c': 'int a;\n'}, {'base/a.c': 'int a ;\n'}, 'is not formatted'),
    (rules.banned, {'base/a.c': '/* strcpy( */ char *s = "sprintf(";\nint f(void) { return p->system(1); }\n'},
     {'base/a.c': 'int f(void) { strcpy(a, b); }\n'}, 'strcpy is banned'),
    (rules.banned, {'base/a.c': 'snprintf(a, b);\n'}, {'base/a.c': 'sprintf (a, b);\n'}, 'sprintf is banned'),
    (rules.banned, {'base/a.c': ''}, {'base/a.c': 'x = system("ls");\n'}, 'system is banned'),
    (rules.pinned, {'base/a.c': 'memcmp(a, b, 3);\n', 'tests/lint/pinned.json': '{"memcmp":{"base/a.c":1}}'},
     {'base/a.c': 'memcmp(a, b, 3);\nmemcmp(a, b, 3);\n'}, 'memcmp: 2 uses, 1 are pinned'),
    (rules.pinned, {'base/a.c': '/* sv_secret_reveal */\n'}, {'base/a.c': 'p = sv_secret_reveal(s);\n'}, 'sv_secret_reveal: 1 uses'),
    (rules.pinned, {'base/a.c': 'sv_secret_reveal(s);', 'tests/lint/pinned.json': '{"sv_secret_reveal":{"base/a.c":1}}'},
     {'base/a.c': ''}, 'sv_secret_reveal: 0 uses'),
    (rules.tee_names, {'vtpm/tee.c': 'x = "vtpm";\n'}, {'broker/a.c': 'if (!strcmp(tee, "vtpm"))\n'}, '"vtpm"'),
    (rules.tee_names, {'broker/a.c': '/* "tdx" */ x = "tdx is fine in a sentence";\n'}, {'broker/a.c': 'x = "sev-snp";\n'}, '"sev-snp"'),
    (rules.machine_paths, {'docs/a.md': '$dir/root/lib and /usr/lib\n'}, {'docs/a.md': 'see /work/main\n'}, 'one machine'),
    (rules.machine_paths, {'tools/a': 'x\n'}, {'tools/a': 'cd /home/somebody\n'}, 'one machine'),
    (rules.readme, TOOLS, {'README.md': '```\ntools/demo\n```\n'}, 'no code block runs tools/test'),
    (rules.readme, TOOLS, {'README.md': README + '```\ntools/gone\n```\n'}, 'tools/gone is not'),
    (checks.checks, {'docs/CHECKS.md': ROW, 'base/a.c': FAILS}, {'docs/CHECKS.md': '# none\n'}, 'base.thing is not in'),
    (checks.checks, {'docs/CHECKS.md': ROW, 'base/a.c': FAILS}, {'base/a.c': '/* "base.thing" */\n'}, 'no code fails with base.thing'),
    (checks.checks, {'docs/CHECKS.md': ROW, 'base/a.c': FAILS}, {'docs/CHECKS.md': ROW + ROW}, 'described twice'),
    (checks.checks, {'docs/CHECKS.md': ROW, 'base/a.c': FAILS}, {'docs/CHECKS.md': ROW.replace('system', 'bad')}, 'class "bad"'),
    (checks.checks, {'docs/CHECKS.md': '| `a.b.<n>` | policy | m | w |\n', 'base/a.c': 'printf("a.b.%u", 1);\n'},
     {'base/a.c': 'printf("a.b.%u a.c.%u", 1);\n'}, 'no code fails with a.b.<n>'),
    (checks.checks, {'docs/CHECKS.md': '| `a.b.member` | format | m | w |\n', 'base/a.c': 'sv_json_need_str(j, "m", &s, "a.b", err);\n'},
     {'base/a.c': 'sv_json_need_str(j, "m", &s, "a.d", err);\n'}, 'a.d is not in'),
    (names.names, {'base/a.c': 'static int read_a(int x)\n{\n}\n', 'ovmf/b.c': 'int read_b(void)\n{\n}\n'},
     {'ovmf/b.c': 'static void read_a(void)\n{\n}\n'}, 'read_a() is defined in base/a.c too'),
    (names.names, {'base/a.c': 'int main(void)\n{\n}\n', 'ovmf/b.c': 'int main(void)\n{\n}\n'},
     {'policy/c.c': 'struct b *read_c(int x,\n                 int y)\n{\n}\n', 'base/a.c': 'bool read_c(void)\n{\n}\n'}, 'read_c() is defined in base/a.c too'),
    (names.names, {'sev/a.c': 'static int read_a(void)\n{\n}\n', 'tdx/b.c': 'static int read_b(void)\n{\n}\n'},
     {'tdx/b.c': 'static int read_a(void)\n{\n}\n'}, 'read_a() is defined in sev/a.c too'),
    (includes.includes, {'base/a.c': '#include "base/h.h"\nint x = A;\n', 'base/h.h': '#define A 1\n'}, {'base/a.c': '#include "base/h.h"\nint x = B; /* A */\n'},
     'uses nothing of base/h.h'),
    (includes.includes, {'sev/a.c': '#include "sev/h.h"\nint x = A;\n', 'sev/h.h': '#define A 1\n'}, {'sev/a.c': '#include "sev/h.h"\nint x = B;\n'},
     'uses nothing of sev/h.h'),
    (includes.includes, {'base/a.c': '#include "base/i.h"\nint x = f();\n', 'base/h.h': 'int f(void);\n', 'base/i.h': '#include "base/h.h"\nint g(void);\n'},
     {'base/a.c': '#include "base/i.h"\nint x;\n'}, 'uses nothing of base/i.h'),
    (tested.tested, TESTED, {'tests/unit/a.c': '"base.thing.other" "x.base.thing"'}, 'no test names base.thing'),
    (tested.tested, {**TESTED, 'tests/unit/a.c': '', UNTESTED: '{"base.thing": "why"}'}, {'tests/unit/a.c': '"base.thing"'}, 'base.thing is tested: remove'),
    (tested.tested, {**TESTED, 'tests/unit/a.c': '', UNTESTED: '{"base.thing": "why"}'}, {UNTESTED: '{"base.thing": " "}'}, 'has no reason'),
    (tested.tested, TESTED, {UNTESTED: '{"base.gone": "why"}'}, 'base.gone is not in docs/CHECKS.md'),
    (tested.tested, {'docs/CHECKS.md': ROW.replace('thing', '<n>'), 'tests/unit/a.c': '"base.12"'}, {'tests/unit/a.c': '"base."'}, 'no test names base.<n>'),
    (tested.tested, TESTED, {'tests/unit/a.c': '', 'tests/fuzz/corpus/x/a.py': 'base.thing', 'tests/lint/a.py': 'base.thing'}, 'no test names base.thing'),
    (life.life, LIFE, {'launcher/cli/main.c': '{"Guests:",\n {&sv_cmd_stop, &sv_cmd_pause}},\n'}, 'the command pause is in no row'),
    (life.life, LIFE, {'launcher/cli/main.c': '{"Guests:",\n {&sv_cmd_pause}},\n'}, 'there is no command stop'),
    (life.life, LIFE, {'tests/unit/test_thing.c': ''}, 'no test thing: holds'),
    (life.life, LIFE, {'docs/LIFE.md': VERBS.replace('`thing: holds`', '-')}, 'no test proves'),
    (life.life, LIFE, {'docs/LIFE.md': VERBS.replace('| i | f |', '| i |')}, 'found 5 cells'),
    (life.life, LIFE, {'docs/LIFE.md': VERBS + TRAPS.replace('thing: holds', 'thing: held')}, 'no test thing: held'),
    (life.life, LIFE, {'docs/LIFE.md': VERBS + TRAPS.replace('`thing: holds`', '-')}, 'the tests that prove it'),
    (threats.threats, THREATS, {'tests/unit/test_thing.c': '/* cmocka_unit_test(holds) */'}, 'no test thing: holds'),
    (threats.threats, THREATS, {'toy/meson.build': ''}, 'no test thing: holds'),
    (threats.threats, THREATS, {'tests/e2e/cases.py': 'def goods(c):\n'}, 'no test e2e: good'),
    (threats.threats, THREATS, {'tests/model/m.pml': '/* W */'}, 'no test model-m: W'),
    (threats.threats, THREATS, {'docs/THREATS.md': THREATS['docs/THREATS.md'].replace('proofs: p', 'proofs: q')}, 'no test proofs: q'),
    (threats.threats, THREATS, {'docs/THREATS.md': THREATS['docs/THREATS.md'].replace('fuzz: f', 'fuzz: g')}, 'no test fuzz: g'),
    (threats.threats, THREATS, {'docs/THREATS.md': THREATS['docs/THREATS.md'].replace('## Limits', '| b | all | d | - |\n## Limits')}, 'no test proves'),
    (threats.threats, THREATS, {'toy/v.c': 'sv_claims_limit(claims, "hardware", "w", NULL);\n'}, 'no verifier of toy has a limit for configuration'),
    (threats.threats, THREATS, {'toy/w.c': 'sv_claims_limit(claims, "executables", "w", NULL);\n'}, 'of toy for executables is not in the table'),
    (threats.threats, THREATS, {'toy/l.h': '#define LIFT "/rtmr1"\n'}, 'lifted by /rtmr1'),
    (threats.threats, THREATS, {'docs/FORMATS.md': 'a rule over /limits/hardwares\n'}, '/limits/hardwares'),
    (vectors.vectors, VECTORS, {'tests/vectors/a.bin': 'two\n'}, 'its sha256 is'),
    (vectors.vectors, VECTORS, {'tests/vectors/b.bin': ''}, 'it has no row'),
    (vectors.vectors, VECTORS, {'tests/vectors/MANIFEST.md': ONE + ONE.replace('a.bin', 'b.bin')}, 'is not in the folder'),
    (vectors.vectors, VECTORS, {'tests/vectors/MANIFEST.md': ONE + ONE}, 'two rows'),
    (vectors.vectors, VECTORS, {'tests/vectors/MANIFEST.md': ONE.replace('CC0', '')}, 'expected 6'),
    (vectors.vectors, VECTORS, {'tests/vectors/a.bin': 'x' * ((4 << 20) + 1)}, 'at most'),
    (version.version, VERSIONS, {'CHANGELOG.md': '# Changes\n\n## 0.2.0\n'}, 'says version 0.2.0, meson.build says 0.2.1'),
    (version.version, VERSIONS, {'debian/changelog': 'secure-vm (0.2.1-1) bookworm\n'}, 'says version 0.2.1-1'),
    (version.version, VERSIONS, {'CHANGELOG.md': '# Changes\n'}, 'says no version'),
    (version.version, VERSIONS, {k: v.replace('0.2.1', '0.2') for k, v in VERSIONS.items()}, 'is not MAJOR.MINOR.PATCH'),
    (config.config, CONFIG, {'broker/config.c': CONFIG['broker/config.c'].replace('1, 9', '1, 8')}, '"waiting" is'),
    (config.config, CONFIG, {'broker/config.c': CONFIG['broker/config.c'].replace('"kek", 0', 'NULL, 0')}, '"kek" is'),
    (config.config, CONFIG, {'broker/config.c': CONFIG['broker/config.c'] + '{"more", INT, offsetof(a, b), NULL, 1, 1, 2},'}, '"more" is not there'),
    (config.config, CONFIG, {'docs/broker.schema.json': CONFIG['docs/broker.schema.json'].replace('"k"', '""')}, '"kek" has no description'),
]
PAGES = [
    (GOOD_PAGE.replace('\\-\\-out', '\\-\\-into'), TABLE, '--out is not in the page'),
    (GOOD_PAGE.replace('\\-\\-out', '\\-\\-into'), TABLE, 'has no --into'),
    (GOOD_PAGE, {'image encrypt': {'out'}, 'list': set()}, 'command "list" is not'),
    (GOOD_PAGE, {}, 'has no command "image encrypt"'),
]
TAKES = {'image encrypt': ('SOURCE', {'out': 'FILE', 'quick': None}), 'list': ('', {})}
TYPED = [
    ('secure-vm image encrypt', 'takes "SOURCE", found 0'),
    ('secure-vm image encrypt a b', 'found 2'),
    ('secure-vm image encrypt --quick a b --out c', 'found 2'),
    ('secure-vm image encrypt a \\\n --into b', 'no --into'),
    ('secure-vm list a', 'takes "", found 1'),
    ('secure-vm lists', 'no command "lists"'),
]


def run(rule, files):
    with tempfile.TemporaryDirectory() as d:
        for name, text in files.items():
            path = os.path.join(d, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as f:
                f.write(text)
            if name.startswith('tools/'):
                os.chmod(path, 0o755)
        return [what for _, _, what in rule(Tree(d))]


def main():
    bad = 0
    for rule, clean, flaw, words in CASES:
        before, after = run(rule, clean), run(rule, {**clean, **flaw})
        ok = not before and any(words in w for w in after)
        bad += not ok
        print(f'{"ok" if ok else "FAIL"}: {rule.__name__}: {words}' + ('' if ok else f'  clean: {before} flawed: {after}'))
    for page, table, words in PAGES:
        good = list(manual.compare('p', GOOD_PAGE, TABLE))
        found = [w for _, _, w in manual.compare('p', page, table)]
        ok = not good and any(words in w for w in found)
        bad += not ok
        print(f'{"ok" if ok else "FAIL"}: manual: {words}' + ('' if ok else f'  clean: {good} flawed: {found}'))
    for line, words in TYPED:
        good = list(typed.compare('p', '```\nhosta$ secure-vm image encrypt a --out b --json\n```\n$ secure-vm none\n', TAKES))
        found = [w for _, _, w in typed.compare('p', f'```\nhosta$ {line}\nwhat it says\n```\n', TAKES)]
        ok = not good and len(found) == 1 and words in found[0]
        bad += not ok
        print(f'{"ok" if ok else "FAIL"}: typed: {line}' + ('' if ok else f'  clean: {good} flawed: {found}'))
    print(f'{len(CASES) + len(PAGES) + len(TYPED)} cases, {bad} failed')
    return 1 if bad else 0


sys.exit(main())
