#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compile and link the EFI stub. The linker makes the PE image from ELF objects; four things are looked at that would make an image which the
firmware refuses without a word, or which is another one in every build: relocations (there is nobody to apply them), sections that nobody
ordered, the flag by which the firmware may not move it, and pages that would be both written and executed.

usage: make.py OUT TOP SOURCE... -- COMPILER...
"""
import os
import re
import struct
import subprocess
import sys
import tempfile

CFLAGS = ['-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-missing-field-initializers', '-ffreestanding', '-fPIE',
          '-fno-stack-protector', '-mno-red-zone', '-mgeneral-regs-only', '-fno-ident', '-fno-asynchronous-unwind-tables',
          '-fno-unwind-tables', '-fno-jump-tables', '-fno-strict-aliasing', '-fno-tree-loop-distribute-patterns', '-fcf-protection=none', '-fno-builtin-printf',
          '-U_FORTIFY_SOURCE', '-D_GNU_SOURCE']
LDFLAGS = ['-m', 'i386pep', '--subsystem', '10', '--image-base', '0', '--disable-dynamicbase', '--disable-reloc-section', '--no-insert-timestamp',
           '--nxcompat', '-s', '-e', 'efi_main', '--oformat', 'pei-x86-64', '-nostdlib']
RELOCS_STRIPPED = 1
NX_COMPAT, PAGE = 0x100, 4096
EXECUTE, WRITE = 0x20000000, 0x80000000
SECTIONS = {'.text', '.rdata', '.data', '.bss', '.idata'}


def run(*words):
    r = subprocess.run(words, capture_output=True, text=True)
    if r.returncode:
        sys.exit(f'{" ".join(words)}: {r.stderr}')
    return r.stdout


def check_relocations(path):
    """Only those that the linker resolves for good, wherever the image lies."""
    for kind in re.findall(r'R_X86_64_\w+', run('readelf', '-rW', path)):
        if kind not in ('R_X86_64_PC32', 'R_X86_64_PLT32'):
            sys.exit(f'{path}: a relocation {kind}: a pointer that is initialised statically')


def fix_headers(image):
    """The image may be moved; ld says that it may not when it has no relocations."""
    at, = struct.unpack_from('<I', image, 0x3c)
    sections, = struct.unpack_from('<H', image, at + 6)
    optional, flags = struct.unpack_from('<HH', image, at + 20)
    struct.pack_into('<H', image, at + 22, flags & ~RELOCS_STRIPPED)
    struct.pack_into('<I', image, at + 24 + 64, 0)  # checksum: nobody looks at it
    align, = struct.unpack_from('<I', image, at + 24 + 32)
    if align % PAGE or not struct.unpack_from('<H', image, at + 24 + 70)[0] & NX_COMPAT:
        sys.exit('an image that does not say NX_COMPAT, or whose sections share pages')
    for i in range(sections):
        row = at + 24 + optional + 40 * i
        name, mode = image[row:row + 8].rstrip(b'\0').decode(), struct.unpack_from('<I', image, row + 36)[0]
        if name not in SECTIONS:
            sys.exit(f'a section {name}: firmware may not load an image with it')
        if mode & EXECUTE and mode & WRITE:
            sys.exit(f'section {name} is written and executed: no image of NX_COMPAT')


def main():
    out, top, *words = sys.argv[1:]
    sources, compiler = words[:words.index('--')], words[words.index('--') + 1:]
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for source in sources:
            objects.append(os.path.join(folder, os.path.basename(source) + '.o'))
            run(*compiler, *CFLAGS, f'-I{top}', '-c', source, '-o', objects[-1])
            check_relocations(objects[-1])
        # As a linker of PE, ld does not see the symbols of one ELF object from another.
        whole, image_path = os.path.join(folder, 'whole.o'), os.path.join(folder, 'image')
        run('ld', '-r', '-T', os.path.join(top, 'stub', 'merge.ld'), *objects, '-o', whole)
        run('ld', *LDFLAGS, whole, '-o', image_path)
        with open(image_path, 'rb') as f:
            image = bytearray(f.read())
    fix_headers(image)
    with open(out, 'wb') as f:
        f.write(image)


if __name__ == '__main__':
    main()
