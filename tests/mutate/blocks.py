# SPDX-License-Identifier: Apache-2.0
"""Which lines of a source each test executes: what blocks.c recorded, and the debug information of the programs."""
import bisect
import collections
import os
import re
import struct

MARK = b'__sanitizer_cov_trace_pc'


class Elf:
    """What is read of a 64-bit little-endian ELF module: its build id, its files, and where each block of code begins."""

    def __init__(self, path):
        with open(path, 'rb') as f:
            self.data = f.read()
        at, size, n, names = struct.unpack_from('<Q10xHHH', self.data, 40)
        heads = [struct.unpack_from('<IIQQQQIIQQ', self.data, at + i * size) for i in range(n)]
        names = heads[names][4]
        self.sections = {self.text_at(names + h[0]): h for h in heads}

    def text_at(self, at):
        return self.data[at:self.data.index(b'\0', at)]

    def bytes_of(self, name):
        h = self.sections.get(name)
        return self.data[h[4]:h[4] + h[5]] if h else b''

    def build_id(self):
        note = self.bytes_of(b'.note.gnu.build-id')
        return note[16:].hex() if note else None

    def symbols(self, shared=False):
        """(name, kind, value) of each that is defined; only of those that are not static."""
        names = self.sections[b'.strtab'][4] if b'.strtab' in self.sections else 0
        for name, info, _other, section, value, _size in struct.iter_unpack('<IBBHQQ', self.bytes_of(b'.symtab')):
            if section and (info >> 4 or not shared):
                yield self.text_at(names + name), info & 15, value

    def defined(self, shared=False):
        """The functions and objects; only those that other objects may ask for."""
        return {name for name, kind, _ in self.symbols(shared) if kind in (1, 2)}

    def files(self):
        """The names, without folders, of the sources that it is made of."""
        return {name.decode() for name, kind, _ in self.symbols() if kind == 4}

    def block_ends(self):
        """Behind each call of the recorder: the addresses that it records."""
        mark = [value for name, _, value in self.symbols() if name == MARK]
        code = self.bytes_of(b'.text')
        if not mark or not code:
            return []
        begin = self.sections[b'.text'][3]
        found = (m.start() + 5 for m in re.finditer(rb'\xe8', code[:-4]))
        return [begin + at for at in found if begin + at + struct.unpack_from('<i', code, at - 4)[0] == mark[0]]


class Reader:
    def __init__(self, data, at):
        self.data, self.at = data, at

    def take(self, form):
        value, = struct.unpack_from('<' + form, self.data, self.at)
        self.at += struct.calcsize('<' + form)
        return value

    def text(self):
        end = self.data.index(b'\0', self.at)
        value, self.at = self.data[self.at:end].decode(), end + 1
        return value

    def leb(self, signed=False):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value - (1 << shift) if signed and byte & 64 else value


def rows_of(data, wanted):
    """(file, line, first address, address behind) of a .debug_line section, of the files that `wanted` gives a name. DWARF 2 to 4
    (section 6.2 of the standard); a unit of which no file is wanted is passed over."""
    r = Reader(data, 0)
    while r.at < len(data):
        end = r.take('I') + r.at
        version = r.take('H')
        if not 2 <= version <= 4:
            raise ValueError(f'line tables of DWARF 2 to 4 are read, not of {version}: compile with -gdwarf-4')
        program = r.take('I') + r.at
        least = r.take('B')
        r.at += 1 if version < 4 else 2
        base, span, first_special = r.take('b'), r.take('B'), r.take('B')
        operands = [r.take('B') for _ in range(first_special - 1)]
        folders, names = [''], [None]
        while data[r.at]:
            folders.append(r.text())
        r.at += 1
        while data[r.at]:
            name = r.text()
            names.append(wanted(os.path.join(folders[r.leb()], name)))
            r.leb(), r.leb()
        if any(names):
            r.at = program
            yield from run_program(r, end, names, least, base, span, first_special, operands)
        r.at = end


def run_program(r, end, names, least, base, span, first_special, operands):
    address, file, line, before = 0, 1, 1, None
    while r.at < end:
        op, row, ends = r.take('B'), False, False
        if op >= first_special:
            address += (op - first_special) // span * least
            line += base + (op - first_special) % span
            row = True
        elif op == 0:
            size = r.leb()
            behind, kind = r.at + size, r.take('B')
            if kind == 1:
                row = ends = True
            elif kind == 2:
                address = r.take('Q')
            r.at = behind
        elif op == 1:
            row = True
        elif op == 2:
            address += r.leb() * least
        elif op == 3:
            line += r.leb(signed=True)
        elif op == 4:
            file = r.leb()
        elif op == 8:
            address += (255 - first_special) // span * least
        elif op == 9:
            address += r.take('H')
        else:
            for _ in range(operands[op - 1]):
                r.leb()
        if row:
            if before and before[0] and before[2] < address:
                yield *before, address
            before = None if ends else (names[file], line, address)
            if ends:
                address, file, line = 0, 1, 1


def blocks_of(path, wanted):
    """{file: {line: [address that is recorded when the line runs]}} of a program."""
    elf = Elf(path)
    ends = elf.block_ends()
    begins = [e - 5 for e in ends]
    found = collections.defaultdict(lambda: collections.defaultdict(set))
    for name, line, first, behind in rows_of(elf.bytes_of(b'.debug_line'), wanted):
        at = max(bisect.bisect_right(begins, first) - 1, 0)
        found[name][line].update(ends[at:bisect.bisect_left(begins, behind)])
    return {name: {line: sorted(at) for line, at in lines.items()} for name, lines in found.items()}
