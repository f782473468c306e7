#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What programs of others rely on: libsecurevm's header, its symbols, and what it does not do.

    abi.py HEADER MAP LIST LIBRARY      as it must be
    abi.py --write HEADER MAP LIST      add to LIST what is new; what stands there is never changed
    abi.py --prove HEADER MAP LIST LIBRARY OTHER    the proof that the rules fire; OTHER is tests/lint/opens.c

LIST has a line for each constant and each function: its version and its declaration. A line that is there stays, word for word.
"""
import re
import subprocess
import sys

# All that it may ask of the C library: memory, texts, arithmetic, the calendar. Nothing that opens, sends, asks a clock or the environment, ends the caller.
LIBC = set('''__ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc __cxa_finalize __errno_location __explicit_bzero_chk __memcpy_chk __memset_chk __memmove_chk
__snprintf_chk __stack_chk_fail __strcpy_chk __strcat_chk __tls_get_addr __vasprintf_chk __vsnprintf_chk _setjmp __longjmp_chk __isoc99_sscanf __sprintf_chk
calloc explicit_bzero free getrandom gmtime_r madvise malloc memchr memcmp memcpy memmem memmove memset memrchr mlock mmap mmap64 munmap qsort realloc reallocarray
snprintf strcasecmp strncasecmp strchr strcmp strcspn strerror strftime strlen strncmp strnlen strrchr strspn strstr strtol strtoul strtoull strtoll strdup strndup
strcpy strncpy sscanf sysconf timegm __isoc23_strtoul __isoc23_strtoull __isoc23_sscanf bsearch inet_ntop inet_pton strchrnul'''.split())
NEEDED = {'libcrypto', 'libjson-c', 'liblzma', 'libc', 'ld-linux-x86-64'}
# Of OpenSSL and json-c: what opens.
OPENS = re.compile(r'BIO_new_(file|fp|connect|accept|ssl|socket|fd)|BIO_s_(file|connect|accept|socket|fd)|OSSL_STORE_|CONF_|ERR_print_errors_fp|json_object_(from|to)_f|X509_LOOKUP')
# Pages that held secrets, kept for the next ones behind atomic exchanges (base/core/secret.c); the compiler's and linker's own.
VARIABLES = {'spare', 'completed.0', '__dso_handle', '__TMC_END__', '.data', '.bss', '__bss_start', '_edata', '_end'}


def declarations(text):
    """Of a header: {name: declaration}, in order; and what must not stand in one."""
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)
    text = re.sub(r'^[ \t]*#[^\n]*', '', text, flags=re.M)
    bad = [m.group(0).split('{')[0].strip() for m in re.finditer(r'(struct|union)\s+\w*\s*\{|static\s+inline', text)]
    found = {}
    for body in re.findall(r'enum\s+\w+\s*\{([^}]*)\}', text):
        found.update((name, f'{name} = {value}') for name, value in re.findall(r'(\w+)\s*=\s*(-?\w+)', body))
        bad += [c.strip() for c in body.split(',') if c.strip() and '=' not in c]
    for m in re.finditer(r'[^;{}]*?\b(securevm_\w+)\s*\(([^;{}]*)\)\s*;', text):
        found[m.group(1)] = re.sub(r'\s*([(),*])\s*', r'\1', ' '.join(m.group(0).split()))
    return found, bad


def versions(text):
    """Of a version script: {symbol: node}."""
    text = re.sub(r'#[^\n]*', '', text)
    return {name: node for node, body in re.findall(r'([\w.]+)\s*\{(.*?)\}', text, re.S)
            for name in re.findall(r'(securevm_\w+)\s*;', body)}


def listed(text):
    """Of the list: {name: (version, declaration)}."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith('#'):
            version, declaration = line.split(' ', 1)
            found[re.search(r'securevm_\w+(?=\()|^SECUREVM_\w+(?= =)', declaration).group(0)] = (version, declaration)
    return found


def compare_texts(header, script, known):
    have, bad = declarations(header)
    node, names = versions(script), listed(known)
    for what in bad:
        yield f'the header has "{what}": types are opaque, constants have their number'
    for name, (version, declaration) in names.items():
        if have.get(name) != declaration:
            yield f'{name} was "{declaration}", the header has "{have.get(name, "nothing of it")}": programs are built with the first'
        if name.startswith('securevm_') and node.get(name) != version:
            yield f'{name} was of {version}, the map has it in {node.get(name, "no node")}'
    for name in sorted(set(have) - set(names)):
        yield f'{name} is new: abi.py --write adds it to the list'
    for name in sorted(set(node) ^ {n for n in have if n.startswith('securevm_')}):
        yield f'{name} stands in the header or in the map, not in both'


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def compare_library(library, script):
    exported = dict(re.findall(r' [TBDRVW] (\w+)@@?([\w.]+)$', run('nm', '-D', '--defined-only', '--with-symbol-versions', library), re.M))
    for name in sorted(set(versions(script).items()) ^ set(exported.items())):
        yield f'{name[0]} of {name[1]} is exported or in the map, not both'
    for line in run('nm', '-D', '--undefined-only', '--with-symbol-versions', library).splitlines():
        name, _, version = line.split()[-1].partition('@')
        if version.startswith('GLIBC') and name not in LIBC:
            yield f'calls {name}(): not among the few of the C library that touch nothing but memory'
        if OPENS.match(name):
            yield f'calls {name}(), which opens'
    for name in re.findall(r'\(NEEDED\).*\[([^]]+)\]', run('readelf', '-dW', library)):
        if name.split('.so')[0] not in NEEDED:
            yield f'is linked with {name}'
    if not re.search(r'\(SONAME\).*\[libsecurevm\.so\.0\]', run('readelf', '-dW', library)):
        yield 'its soname is not libsecurevm.so.0'
    for line in run('objdump', '-t', library).splitlines():
        parts = line.split()
        if any(s in parts for s in ('.data', '.bss')) and parts[-1] not in VARIABLES:
            yield f'has a variable {parts[-1]}, which threads would share'


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def write(header, script, path):
    have, _ = declarations(read(header))
    node, names = versions(read(script)), listed(read(path))
    newest = list(re.findall(r'^([\w.]+) \{', read(script), re.M))[-1]
    with open(path, 'a', encoding='utf-8') as f:
        for name, declaration in have.items():
            if name not in names:
                f.write(f'{node.get(name, newest)} {declaration}\n')


def prove(header, script, known, library, other):
    """Each fault that is planted must be found."""
    planted = {
        'an argument more': (header.replace('securevm_free(void *text)', 'securevm_free(void *text, int more)'), script, known),
        'another number': (header.replace('SECUREVM_PROOF = 5', 'SECUREVM_PROOF = 7'), script, known),
        'a struct': (header + '\nstruct securevm_open { int a; };', script, known),
        'a function gone': (re.sub(r'void securevm_free\(void \*text\);', '', header), script.replace('securevm_free;', ''), known),
        'another version': (header, script.replace('SECUREVM_0.1', 'SECUREVM_0.9'), known),
        'a new function': (header + '\nint securevm_new(void);', script, known),
    }
    missed = [name for name, texts in planted.items() if texts[:2] == (header, script) or not list(compare_texts(*texts))]
    missed += ['a symbol gone'] * (not list(compare_library(library, script.replace('securevm_free;', ''))))
    found = list(compare_library(other, script))
    missed += [what for what in ('calls open', 'calls time(', 'calls abort(', 'a variable shared_by_threads', 'soname') if not any(what in f for f in found)]
    return [f'not found: {name}' for name in missed]


def main():
    mode = sys.argv[1] if sys.argv[1].startswith('--') else None
    header, script, known, *rest = sys.argv[2:] if mode else sys.argv[1:]
    if mode == '--write':
        return write(header, script, known)
    texts = read(header), read(script), read(known)
    found = prove(*texts, *rest) if mode == '--prove' else [*compare_texts(*texts), *compare_library(rest[0], texts[1])]
    for what in found:
        print(what)
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
