# SPDX-License-Identifier: Apache-2.0
"""Every check name in the code is in docs/CHECKS.md, and every name there is in the code."""
import re

DOC = 'docs/CHECKS.md'
NAME = re.compile(r'[a-z][a-z0-9]*(?:[.-][a-z0-9_-]+)*\.[a-z0-9_%<>-][A-Za-z0-9_%<>.-]*')
CLASSES = {'usage', 'system', 'format', 'proof', 'policy', 'warning'}
# What callees add to a name that they are given (base/json/json.h, base/crypto/x509.h, base/core/text.h, base/core/bytes.h, attest/jose/jose.h, attest/jose/token.h).
SUFFIXES = {'json', 'member', 'unknown', 'hex', 'base64', 'base64url', 'chain', 'expired', 'revoked', 'crl', 'size',
            'header.json', 'payload.json', 'form', 'alg', 'crit', 'signature', 'key', 'early', 'life', 'role', 'broker', 'request', 'kty', 'crv', 'point', 'weak'}
FAIL = re.compile(r'\bsv_fail(?:_errno)?\s*\(\s*[^",;]*?(?:,\s*[^",;]*?)?,\s*"([^"]+)"', re.S)
# File names and the like that look like check names.
NOT_CHECKS = re.compile(r'.*\.(json|key|crt|pub|db|pem|der|log|sock|socket|xml|fd|img|cpio|zst|gz|xz|conf|pid|txt|so|ko|qcow2|c|h|md)(\.[a-z]+)?')


def documented(tree):
    rows = {}
    if DOC not in tree.names:
        return rows
    for i, line in enumerate(tree.text(DOC).splitlines(), 1):
        m = re.match(r'\|\s*`([^`]+)`\s*\|\s*([^|]*?)\s*\|', line)
        if m:
            rows.setdefault(m.group(1), []).append((i, m.group(2), line))
    return rows


def generic(name):
    """policy.pcr.%u and policy.pcr.<n> are the same name."""
    return re.sub(r'%[-0-9]*(?:ll|z|l)?[a-z]|<[a-z-]+>', '*', name)


def in_code(tree):
    """(certain, possible): arguments of sv_fail, and every literal with the shape of a check name."""
    certain, possible = {}, {}
    for name in tree.c_files():
        text = tree.without_comments(name)
        for m in FAIL.finditer(text):
            if NAME.fullmatch(m.group(1)):
                certain.setdefault(generic(m.group(1)), name)
        for _, value in tree.literals(name):
            if NAME.fullmatch(value):
                possible.setdefault(generic(value), name)
            elif re.fullmatch(r'%s\.[a-z0-9_-]+', value):
                SUFFIXES.add(value[3:])
    return certain, possible


def checks(tree):
    rows = documented(tree)
    names = {generic(n) for n in rows}
    certain, possible = in_code(tree)
    words = re.compile(r'"([a-z][a-z0-9-]*)"')
    plain = {m.group(1) for f in tree.c_files() for m in words.finditer(tree.without_comments(f))}
    spaces = {n.split('.')[0] for n in names}
    for n, f in sorted({**possible, **certain}.items()):
        if n not in certain and (n.split('.')[0] not in spaces or NOT_CHECKS.fullmatch(n)):
            continue
        if n not in names and not any(r.startswith(n + '.') for r in names):
            yield f, 1, f'check {n} is not in {DOC}'
    for n, found in sorted(rows.items()):
        line, klass, text = found[0]
        g = generic(n)
        base, _, last = g.rpartition('.')
        known = g in possible or (last in SUFFIXES and (base in possible or base in plain)) or any(
            g == b + '.' + x for x in SUFFIXES if '.' in x for b in (g[:-len(x) - 1],) if b in possible or b in plain)
        if not known:
            yield DOC, line, f'no code fails with {n}'
        if len(found) > 1:
            yield DOC, found[1][0], f'{n} is described twice'
        if not set(re.split(r'[,/ ]+', klass)) <= CLASSES:
            yield DOC, line, f'{n}: class "{klass}" is none of {", ".join(sorted(CLASSES))}'
        if text.count('|') < 5:
            yield DOC, line, f'{n}: a row has name, class, meaning and what to do'
