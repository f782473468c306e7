#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A firmware image in OVMF's form, as small as it can be: small.fd. Its PEIFV has one file of 40 bytes, its DXEFV is empty.
small-lazy.fd has in its DXEFV the GUID of the protocol by which memory is accepted."""
import lzma
import os
import struct
import uuid

FFS2 = uuid.UUID('8c8ce578-8a3d-4f1c-9935-896185c32dd3').bytes_le
LZMA = uuid.UUID('ee4e5898-3914-4259-9d6e-dc7bd79403cf').bytes_le


def volume(size, name, files):
    ext = name + struct.pack('<I', 20)
    head = bytes(16) + FFS2 + struct.pack('<Q4sIHHHBB', size, b'_FVH', 0x4feff, 72, 0, 72, 0, 2)
    head += struct.pack('<IIII', size // 512, 512, 0, 0)
    total = sum(struct.unpack('<36H', head)) & 0xffff
    head = head[:50] + struct.pack('<H', -total & 0xffff) + head[52:] + ext
    body = head + bytes(-len(head) % 8) + files
    return body + b'\xff' * (size - len(body))


def file(name, kind, body):
    size = 24 + len(body)
    data = name + b'\x00\xaa' + bytes([kind, 0]) + size.to_bytes(3, 'little') + b'\xf8' + body
    return data + bytes(-len(data) % 8)


def section(kind, body):
    data = (4 + len(body)).to_bytes(3, 'little') + bytes([kind]) + body
    return data + bytes(-len(data) % 4)


LAZY = uuid.UUID('38c74800-5590-4db4-a0f3-675d9b8e8026').bytes_le  # EDKII_MEMORY_ACCEPT_PROTOCOL


def make(dxe_files=b''):
    pei = volume(512, b'P' * 16, file(b'p' * 16, 0x06, b'sixteen bytes...'))
    dxe = volume(1024, b'D' * 16, dxe_files)
    inner = section(0x17, pei) + section(0x17, dxe)
    packed = bytearray(lzma.compress(inner, format=lzma.FORMAT_ALONE, filters=[{'id': lzma.FILTER_LZMA1, 'dict_size': 1 << 16}]))
    # Python leaves the size open and writes an end mark; edk2 writes the size. A decoder takes both.
    packed[5:13] = struct.pack('<Q', len(inner))
    guided = section(0x02, LZMA + struct.pack('<HH', 24, 1) + bytes(packed))
    main = volume(4096, b'M' * 16, file(b'm' * 16, 0x0b, guided))
    return main, bytes(packed)


if __name__ == '__main__':
    here = os.path.dirname(os.path.abspath(__file__))
    corpus = os.path.join(here, '../../fuzz/corpus')
    image, stream = make()
    lazy, _ = make(file(b'd' * 16, 0x07, LAZY))
    for path, data in ((os.path.join(here, 'small.fd'), image), (os.path.join(here, 'small-lazy.fd'), lazy), (corpus + '/ovmf-firmware/small', image), (corpus + '/ovmf-lzma/small', stream)):
        with open(path, 'wb') as f:
            f.write(data)
