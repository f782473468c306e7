#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A QEMU for launcher/virt/acpi.c's test: qtest on descriptor 3, memory, fw_cfg's DMA, the interrupt routes. The firmware's name (-bios) says what is wrong."""
import os
import socket
import sys

SCRATCH = 0x4000000
FILES = {'etc/table-loader': b'loader', 'etc/acpi/rsdp': b'rsdp', 'etc/acpi/tables': b'tables' * 1000, 'bootorder': b'/rom@x\0', 'etc/boot-fail-wait': b'\xff' * 4,
         'etc/boot-menu-wait': b''}


def main():
    wrong = os.path.basename(sys.argv[sys.argv.index('-bios') + 1])
    assert sys.argv[sys.argv.index('-m') + 1] == '1024M' and sys.argv[sys.argv.index('-smp') + 1] == '3'
    if wrong == 'ends':
        print('first line\nfake: no such machine', file=sys.stderr)
        sys.exit(1)
    if wrong == 'no-tables':
        del FILES['etc/acpi/tables']
    names = list(FILES)
    directory = len(names).to_bytes(4, 'big')
    for i, name in enumerate(names):
        size = 1 << 30 if wrong == 'huge' else len(FILES[name])
        directory += size.to_bytes(4, 'big') + (0x20 + i).to_bytes(2, 'big') + b'\0\0' + name.encode().ljust(56, b'\0')
    if wrong == 'many':
        directory = b'\xff' * 4
    items = {0x19: directory, 0x0e: b'\0\0', **{0x20 + i: FILES[n] for i, n in enumerate(names)}}
    memory, polls, reads = {}, 0, 0
    channel = socket.socket(fileno=3).makefile('rwb', 0)
    for line in iter(channel.readline, b''):
        words = line.decode().split()
        answer = 'OK'
        if words[0] == 'readl':
            at = int(words[1], 16)
            value = int.from_bytes(memory.get(at, bytes(4))[:4], 'little')
            if at == 0xe00f8060:
                polls += 1
                value = 0x0b0b0a0a if polls > 2 and wrong != 'never' else 0x80808080
            answer = f'OK 0x{value:016x}'
        elif words[0] == 'write':
            memory[int(words[1], 16)] = bytes.fromhex(words[3][2:])
        elif words[0] == 'outl' and words[1] == '0x518':
            assert int(words[2], 16) == int.from_bytes(SCRATCH.to_bytes(4, 'big'), 'little')
            access = memory[SCRATCH]
            control, size, to = (int.from_bytes(access[a:b], 'big') for a, b in ((0, 4), (4, 8), (8, 16)))
            assert control & 0xffff == 0xa
            reads += 1
            data = items[control >> 16][:size]
            memory[to] = bytes([reads]) + data[1:] if wrong == 'unsteady' else data
            memory[SCRATCH] = bytes(4) if wrong != 'dma' else b'\1\0\0\0'
        elif words[0] == 'read':
            data = memory[int(words[1], 16)]
            assert len(data) == int(words[2], 16)
            answer = 'OK 0x' + (data[:-1] if wrong == 'short' else data).hex()
        if wrong == 'no':
            answer = 'FAIL Unknown command'
        channel.write(answer.encode() + b'\n')


main()
