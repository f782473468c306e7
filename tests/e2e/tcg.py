# SPDX-License-Identifier: Apache-2.0
"""Just enough of the TCG's formats to attack and to compare, written apart from the product's own parsers."""
import base64
import hashlib
import os
import struct
import subprocess
import tempfile

SIZES = {0x0004: 20, 0x000b: 32, 0x000c: 48, 0x000d: 64}
NAMES = {0x000b: 'sha256', 0x000c: 'sha384'}
SPEC_ID, NO_ACTION = b'Spec ID Event03\0', 3


def events(log):
    """[(pcr, type, {bank: (offset, digest)}, data)] of a crypto agile log (PC Client Platform Firmware Profile, section 10)."""
    pcr, kind, size = struct.unpack_from('<II20xI', log, 0)
    if kind != NO_ACTION or log[32:48] != SPEC_ID:
        raise ValueError('no crypto agile event log')
    at, found = 32 + size, []
    while at < len(log):
        pcr, kind, count = struct.unpack_from('<III', log, at)
        at += 12
        digests = {}
        for _ in range(count):
            alg, = struct.unpack_from('<H', log, at)
            n = SIZES[alg]
            digests[NAMES.get(alg, hex(alg))] = (at + 2, log[at + 2:at + 2 + n])
            at += 2 + n
        n, = struct.unpack_from('<I', log, at)
        found.append((pcr, kind, digests, log[at + 4:at + 4 + n]))
        at += 4 + n
    return found


def replay(log, bank):
    values = {}
    for pcr, kind, digests, data in events(log):
        if kind == NO_ACTION:
            if pcr == 0 and data.startswith(b'StartupLocality\0'):
                values[0] = bytes(SIZES[0x000b if bank == 'sha256' else 0x000c] - 1) + data[16:17]
            continue
        old = values.get(pcr, bytes(len(digests[bank][1])))
        values[pcr] = hashlib.new(bank, old + digests[bank][1]).digest()
    return {k: v.hex() for k, v in values.items()}


def break_log(log, pcr):
    """One bit of the digest of the first event in this register."""
    for at, kind, digests, _ in events(log):
        if at == pcr and kind != NO_ACTION:
            offset = digests['sha256'][0]
            return log[:offset] + bytes([log[offset] ^ 1]) + log[offset + 1:]
    raise ValueError(f'no event in PCR {pcr}')


class SoftwareKey:
    """An RSA key that says of itself what a TPM's attestation key would: right attributes, right names, right signatures."""
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.pem = os.path.join(self.dir.name, 'key.pem')
        self._openssl('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', self.pem)
        self.spki = self._openssl('pkey', '-in', self.pem, '-pubout', '-outform', 'DER')
        modulus = self._openssl('rsa', '-in', self.pem, '-noout', '-modulus').split(b'=')[1].strip()
        modulus = bytes.fromhex(modulus.decode())
        # TPMT_PUBLIC: RSA, nameAlg SHA-256, fixedTPM|fixedParent|sensitiveDataOrigin|userWithAuth|restricted|sign, RSASSA-SHA256.
        area = struct.pack('>HHIH', 0x0001, 0x000b, 0x00050072, 0) + struct.pack('>HHHHI', 0x0010, 0x0014, 0x000b, 2048, 0)
        area += struct.pack('>H', len(modulus)) + modulus
        self.public = struct.pack('>H', len(area)) + area
        self.name = struct.pack('>H', 0x000b) + hashlib.sha256(area).digest()

    def _openssl(self, *args, data=None):
        return subprocess.run(['openssl', *args], check=True, capture_output=True, input=data).stdout

    def sign(self, message):
        raw = self._openssl('dgst', '-sha256', '-sign', self.pem, data=message)
        return struct.pack('>HHH', 0x0014, 0x000b, len(raw)) + raw

    def requote(self, attest):
        """The same statement, with this key as the qualified signer in the endorsement hierarchy."""
        qualified = struct.pack('>H', 0x000b) + hashlib.sha256(struct.pack('>I', 0x4000000b) + self.name).digest()
        n, = struct.unpack_from('>H', attest, 6)
        return attest[:6] + struct.pack('>H', len(qualified)) + qualified + attest[8 + n:]

    def evidence(self, evidence):
        out = dict(evidence, ak_public=b64(self.spki), ak_tpm2b=b64(self.public))
        for bank in ('tpm_quote', 'tpm_quote_sha384'):
            if bank in out:
                message = self.requote(base64.b64decode(out[bank]['message']))
                out[bank] = dict(out[bank], message=b64(message), signature=b64(self.sign(message)))
        return out


def b64(data):
    return base64.b64encode(data).decode()
