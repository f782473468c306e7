"""Who may include whom, and who may see which foreign library (docs/DESIGN.md, "Layers")."""
import re

# A folder sees itself and these. TEE folders see neither each other nor policy/ nor attest/.
LAYERS = {
    'base': [],
    'ovmf': ['base'],
    'policy': ['base'],
    'luks': ['base'],
    'sev': ['base', 'ovmf'],
    'tdx': ['base', 'ovmf'],
    'vtpm': ['base', 'ovmf'],
    'attest': ['base', 'policy'],
    'broker': ['base', 'policy', 'attest'],
    'agent': ['base', 'luks', 'attest'],
    'image': ['base', 'ovmf', 'luks'],
    'launcher': ['base', 'ovmf', 'policy', 'luks', 'attest', 'image'],
}
# The two tables are the places that name the TEEs.
TABLES = {'attest/tees.c': ['sev', 'tdx', 'vtpm'], 'agent/attesters.c': ['sev', 'tdx', 'vtpm']}

FOREIGN = [
    (r'openssl/.*', r'base/(crypto[-a-z]*\.[ch]|x509[-a-z]*\.c|tls[-a-z]*\.c)'),
    (r'json-c/.*|json\.h', r'base/json[-a-z]*\.[ch]'),
    (r'libvirt/.*', r'launcher/virt(-int|-load|-stream)?\.[ch]'),
    (r'tss2/.*', r'vtpm/tpm[-a-z]*\.[ch]'),
    (r'libcryptsetup\.h', r'luks/crypt[-a-z]*\.[ch]'),
    (r'curl/curl\.h', r'attest/curl\.[ch]'),
    (r'sqlite3\.h', r'broker/store[-a-z]*\.[ch]'),
    (r'lzma\.h', r'ovmf/lzma\.[ch]'),
    (r'zstd\.h', r'image/zstd\.[ch]'),
    (r'cpuid\.h', r'(sev|tdx)/probe\.c'),
]
SYSTEM = re.compile(r'(linux|sys|arpa|net|netinet|asm|netpacket)/.*|'
                    r'(assert|ctype|dirent|dlfcn|endian|errno|elf|fcntl|fnmatch|ftw|getopt|glob|grp|inttypes|libgen|limits|locale|math|netdb|'
                    r'poll|pthread|pty|pwd|sched|setjmp|signal|spawn|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|'
                    r'syslog|termios|time|unistd|wchar|ifaddrs|stdalign|stdnoreturn)\.h')
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def layers(tree):
    for name in tree.c_files():
        folder = name.split('/')[0]
        if folder not in LAYERS:
            yield name, 1, f'folder {folder}/ has no row in the table of layers'
            continue
        allowed = [folder] + LAYERS[folder] + TABLES.get(name, [])
        for m in INCLUDE.finditer(tree.without_comments(name)):
            if m.group(1) != '"':
                continue
            line = tree.text(name).count('\n', 0, tree.text(name).find(m.group(0).strip())) + 1
            to = m.group(2).split('/')[0]
            if '/' not in m.group(2) or '..' in m.group(2):
                yield name, line, f'include "{m.group(2)}": write it from the root'
            elif to not in allowed:
                yield name, line, f'{folder}/ may not include {to}/ ("{m.group(2)}")'


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


def cycles(tree):
    """The table itself must be free of cycles, and what is really included as well."""
    edges = {}
    for name in tree.c_files():
        if name in TABLES:
            continue
        for m in INCLUDE.finditer(tree.without_comments(name)):
            if m.group(1) == '"':
                edges.setdefault(name.split('/')[0], set()).add(m.group(2).split('/')[0])
    for start in edges:
        seen, todo = set(), [t for t in edges[start] if t != start]
        while todo:
            at = todo.pop()
            if at == start:
                yield start + '/', 1, 'folder includes itself through others'
                break
            if at not in seen:
                seen.add(at)
                todo += [t for t in edges.get(at, ()) if t != at]
