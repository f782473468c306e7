# SPDX-License-Identifier: Apache-2.0
"""Who may include whom, and who may see which foreign library (docs/DESIGN.md, "Layers")."""
import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
# A TEE is a folder with a tee.h and the rooms of a TEE.
TEES = sorted(d for d in os.listdir(TOP) if os.path.isfile(os.path.join(TOP, d, 'tee.h')) and os.path.isdir(os.path.join(TOP, d, 'guest')))
# A room sees itself and these; "base" stands for all rooms in it. TEE folders see neither each other nor
# policy/ nor attest/.
LAYERS = {
    'base/core': [],
    'base/json': ['base/core'],
    'base/crypto': ['base/core'],
    'base/net': ['base/core', 'base/crypto'],
    'base/program': ['base/core', 'base/json'],
    'base/tpm': ['base/core', 'base/crypto'],
    'stub': ['base'],
    'guest': ['base'],
    'ovmf': ['base'],
    'policy': ['base'],
    'luks': ['base', 'luks/token'],
    'luks/token': ['base'],
    'tee': ['base', 'guest', 'ovmf'],
    'tee/host': ['base', 'tee'],
    'attest': ['base', 'guest', 'tee', 'policy'],
    'attest/jose': ['base', 'policy'],
    'attest/corim': ['base', 'policy'],
    'attest/kbs': ['base', 'attest/jose'],
    'attest/fetch': ['base', 'tee', 'attest'],
    # The public C API; its header stands alone, and the examples see nothing else.
    'include/secure-vm': [],
    'lib': ['base', 'guest', 'tee', 'policy', 'attest', 'include/secure-vm'],
    'examples': [],
    'broker/store': ['base'],
    'broker/kek': ['base'],
    'broker': ['base', 'guest', 'tee', 'policy', 'luks', 'attest', 'attest/jose', 'attest/kbs', 'attest/fetch',
               'broker/store', 'broker/kek'],
    'broker/process': ['base', 'tee', 'policy', 'attest', 'attest/kbs', 'attest/fetch', 'broker', 'broker/store'],
    'broker/serve': ['base', 'tee', 'policy', 'attest', 'attest/jose', 'attest/kbs', 'attest/fetch', 'broker',
                     'broker/process', 'broker/store'],
    'broker/handlers': ['base', 'tee', 'policy', 'luks', 'attest', 'attest/jose', 'attest/kbs', 'attest/fetch', 'broker',
                        'broker/process', 'broker/serve', 'broker/store'],
    'agent': ['base', 'tee', 'luks', 'attest', 'attest/jose', 'attest/kbs'],
    'image': ['base', 'stub', 'ovmf', 'luks'],
    'image/import': ['base', 'image'],
    'launcher': ['base', 'guest', 'tee', 'launcher/host'],
    'launcher/host': ['base', 'tee', 'tee/host'],
    'launcher/tune': ['base', 'guest', 'launcher/host'],
    'launcher/virt': ['base', 'guest', 'tee', 'launcher/host', 'launcher/tune'],
    'launcher/keeper': ['base', 'guest', 'tee', 'attest', 'image', 'launcher/host', 'launcher/tune', 'launcher/virt'],
    'launcher/ha': ['base', 'guest', 'launcher/host', 'launcher/virt', 'launcher/keeper'],
    'launcher/cli': ['base', 'guest', 'tee', 'ovmf', 'policy', 'luks', 'attest', 'attest/jose', 'attest/corim', 'attest/kbs', 'attest/fetch', 'image', 'image/import',
                     'launcher', 'launcher/host', 'launcher/tune', 'launcher/virt', 'launcher/keeper', 'launcher/ha'],
}
# The same rooms in each TEE: what verifies sees neither what measures nor the host nor the guest.
for _tee in TEES:
    LAYERS[_tee] = ['base', 'guest', 'ovmf', 'tee'] + [f'{_tee}/{room}' for room in ('verify', 'measure', 'host')]
    LAYERS[_tee + '/verify'] = ['base', 'ovmf', 'tee', _tee]
    LAYERS[_tee + '/measure'] = ['base', 'guest', 'ovmf', 'tee', _tee, _tee + '/verify']
    LAYERS[_tee + '/guest'] = ['base', 'tee', _tee, _tee + '/verify']
    LAYERS[_tee + '/host'] = ['base', 'guest', 'ovmf', 'tee', 'tee/host', _tee, _tee + '/verify', _tee + '/measure', _tee + '/guest']
# The tables are the places that name the TEEs.
TABLES = {name: TEES for name in ('attest/tees-verify.c', 'launcher/tees-host.c', 'launcher/tees-measure.c', 'agent/attesters.c')}

FOREIGN = [
    (r'openssl/.*', r'base/(crypto/(crypto|x509)[-a-z]*|net/tls[-a-z]*)\.[ch]'),
    (r'json-c/.*|json\.h', r'base/json/json[-a-z]*\.[ch]'),
    (r'libvirt/.*', r'launcher/virt/virt(-int|-load|-stream|-forward|-facts|-watch|-backup|-monitor|-bitmaps|-changes|-quiesce)?\.[ch]'),
    (r'tss2/.*', r'(base/tpm|vtpm/guest)/tpm[-a-z]*\.[ch]'),
    (r'p11-kit/.*', r'broker/kek/pkcs11[-a-z]*\.[ch]'),
    (r'libcryptsetup\.h', r'luks/((crypt|open|rekey|dm-verity)\.[ch]|token/plugin\.c)'),
    (r'curl/curl\.h', r'attest/fetch/curl\.[ch]'),
    (r'sqlite3\.h', r'broker/store/sqlite[-a-z]*\.[ch]'),
    (r'libpq-fe\.h', r'broker/store/postgres[-a-z]*\.[ch]'),
    (r'lzma\.h', r'ovmf/lzma\.[ch]'),
    (r'zstd\.h', r'image/zstd\.[ch]'),
    (r'libnvme\.h', r'launcher/host/fabrics-call\.c'),
    (r'zlib\.h', r'image/gzip\.[ch]'),
    (r'libnbd\.h', r'image/import/nbd\.[ch]'),
    (r'blkid/blkid\.h', r'image/import/table\.[ch]'),
    (r'ext2fs/.*|et/com_err\.h', r'image/import/ext(-io)?\.[ch]'),
    (r'secure-vm/securevm\.h', r'examples/.*\.c'),
    (r'cpuid\.h', r'(sev|tdx)/host/probe\.c'),
]
SYSTEM = re.compile(r'(linux|sys|arpa|net|netinet|asm|netpacket)/.*|'
                    r'(assert|ctype|dirent|dlfcn|endian|errno|elf|fcntl|fnmatch|ftw|getopt|malloc|glob|grp|inttypes|libgen|limits|locale|math|netdb|'
                    r'poll|pthread|pty|pwd|sched|setjmp|signal|spawn|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|'
                    r'syslog|termios|time|unistd|wchar|ifaddrs|stdalign|stdnoreturn)\.h')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def room_of(name):
    """The innermost room of the table that a file lies in."""
    folder = name.rpartition('/')[0]
    return folder if folder in LAYERS else None


def includes(tree, name):
    """(line, header) of each include of ours."""
    text = tree.without_comments(name)
    for m in INCLUDE.finditer(text):
        if m.group(1) == '"':
            yield text.count('\n', 0, m.start()) + 1, m.group(2)


def layers(tree):
    for name in tree.c_files():
        room = room_of(name)
        if not room:
            yield name, 1, f'folder {name.rpartition("/")[0]}/ has no row in the table of layers'
            continue
        allowed = [room] + LAYERS[room] + TABLES.get(name, [])
        for line, header in includes(tree, name):
            to = room_of(header) or header.rpartition('/')[0]
            if '/' not in header or '..' in header:
                yield name, line, f'include "{header}": write it from the root'
            elif to not in allowed and not ('base' in allowed and to.startswith('base/')):
                yield name, line, f'{room}/ may not include {to}/ ("{header}")'


def foreign(tree):
    for name in tree.c_files():
        for m in INCLUDE.finditer(tree.without_comments(name)):
            if m.group(1) != '<':
                continue
            header = m.group(2)
            rows = [home for pattern, home in FOREIGN if re.fullmatch(pattern, header)]
            if rows and not re.fullmatch(rows[0], name):
                yield name, 1, f'<{header}> belongs behind {rows[0]}'
            elif not rows and not SYSTEM.fullmatch(header):
                yield name, 1, f'<{header}> is neither the C library\'s nor in the table of foreign libraries'


def find_circles(edges):
    """Each node that reaches itself through others."""
    for start in sorted(edges):
        seen, todo = set(), [t for t in edges[start] if t != start]
        while todo:
            at = todo.pop()
            if at == start:
                yield start
                break
            if at not in seen:
                seen.add(at)
                todo += [t for t in edges.get(at, ()) if t != at]


DEFINITION = re.compile(r'^(?!static\b|typedef\b|extern\b)[A-Za-z_][\w \t*]*?\b(\w+)\s*\([^;{}]*\)\s*\n\{', re.M)
VARIABLE = re.compile(r'^const [\w \t*]*?\b(\w+)(?:\[\w*\])? =', re.M)


def definitions(tree, name):
    """What a C file defines for others."""
    code = tree.code(name)
    return {m.group(1) for r in (DEFINITION, VARIABLE) for m in r.finditer(code)}


def cycles(tree):
    """No folder of the top reaches itself through others, and no C file calls one that calls it back."""
    folders, files, home = {}, {}, {}
    sources = [n for n in tree.c_files() if n.endswith('.c')]
    for name in tree.c_files():
        for _, header in includes(tree, name):
            if name not in TABLES:
                folders.setdefault(name.split('/')[0], set()).add(header.split('/')[0])
    for name in sources:
        for symbol in definitions(tree, name):
            home[symbol] = name
    for name in sources:
        words = set(re.findall(r'(?<!struct )(?<!enum )\bsv_\w+', tree.code(name)))
        files[name] = {home[w] for w in words if w in home} - {name}
    for start in find_circles(folders):
        yield start + '/', 1, 'folder includes itself through others'
    circle = list(find_circles(files))
    for start in circle:
        yield start, 1, f'calls a file that calls it, one of {", ".join(sorted(files[start] & set(circle)))}'


IMPURE = {'fcntl.h', 'sys/ioctl.h', 'time.h', 'sys/socket.h', 'dirent.h', 'base/core/clock.h'}


def pure(tree):
    """What measures and verifies works on what it is given: no device, no directory, no clock, no network."""
    for name in tree.c_files():
        if not re.fullmatch(r'[^/]+/(measure|verify)', name.rpartition('/')[0]):
            continue
        for m in INCLUDE.finditer(tree.without_comments(name)):
            if m.group(2) in IMPURE:
                yield name, 1, f'{m.group(2)} in a room that is pure'


def mirror(tree):
    """Each TEE has the same rooms."""
    for tee in TEES:
        have = {n.split('/')[1] for n in tree.c_files() if n.startswith(tee + '/') and n.count('/') == 2}
        if have and have != {'host', 'measure', 'verify', 'guest'}:
            yield tee + '/', 1, f'has the folders {", ".join(sorted(have))}; a TEE has host, measure, verify and guest'
