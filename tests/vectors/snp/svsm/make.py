#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An SVSM image in coconut-svsm's form and a firmware to stand above it: svsm.bin and firmware.fd, deterministic bytes with the tables that are read."""
import hashlib
import os
import struct
import uuid

FOOTER = '96b582de-1fb2-45f7-baea-a366c55a082d'
SEV_META = 'dc886566-984a-4798-a75e-5585a7bf67cc'
RESET = '00f771de-1a7e-4fcb-890e-68c77e2fb44e'
SVSM_INFO = 'a789a612-0597-4c4b-a49f-cbb1fe9d1ddd'
SECTIONS = ((0x1000, 0x2000, 1), (0x3000, 0x1000, 2), (0x4000, 0x1000, 3), (0x5000, 0x1000, 4))  # memory, secrets, CPUID, SVSM_CAA


def noise(name, size):
    out = b''
    for i in range((size + 31) // 32):
        out += hashlib.sha256(b'%s %d' % (name, i)).digest()
    return bytearray(out[:size])


def entry(guid, data):
    return data + struct.pack('<H', len(data) + 18) + uuid.UUID(guid).bytes_le


def image(name, size, entries):
    """The table ends 32 bytes below the image's end; its entries are read from there downwards; the metadata lie at half the size."""
    out = noise(name, size)
    meta = b'ASEV' + struct.pack('<III', 16 + 12 * len(SECTIONS), 1, len(SECTIONS)) + b''.join(struct.pack('<III', *s) for s in SECTIONS)
    out[size // 2:size // 2 + len(meta)] = meta
    rows = b''.join(entry(guid, data) for guid, data in entries + [(SEV_META, struct.pack('<I', size - size // 2))])
    table = rows + struct.pack('<H', len(rows) + 18) + uuid.UUID(FOOTER).bytes_le
    out[size - 32 - len(table):size - 32] = table
    return bytes(out)


if __name__ == '__main__':
    here = os.path.dirname(os.path.abspath(__file__))
    for file, data in (('svsm.bin', image(b'svsm', 12288, [(SVSM_INFO, struct.pack('<I', 0x1230))])),
                       ('firmware.fd', image(b'firmware', 8192, [(RESET, struct.pack('<I', 0x80b004))]))):
        with open(os.path.join(here, file), 'wb') as f:
            f.write(data)
