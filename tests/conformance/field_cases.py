# SPDX-License-Identifier: Apache-2.0
"""What people of this field have in hand and do, from public bug reports and files, as a table: name, what it is, how its inputs are made, the command, and what
comes of it. The names in braces are files of tests/vectors, or inputs that field.py makes."""

MILAN = ('--vek', '{snp/certs/vcek-milan-a.der}', '--time', '2026-06-01T00:00:00Z', '--allow', 'tcb', '--allow', 'firmware')
AZURE = ('--vek', '{snp/certs/vcek-milan-c.der}', *MILAN[2:])
SYNTH = ('--time', '2026-06-01T00:00:00Z', '--test-root', '{ark.pem}', '--allow', 'tcb', '--allow', 'firmware', '--allow', 'alias_check')
BUNDLE = ('--vek', '{field/snp/vcek-ask-ark.pem}', *SYNTH)
COS = ('--collateral', '{tdx/collateral/00806f-2025-07}', '--time', '2025-07-22T00:00:00Z')
REPORT, QUOTE, LOG = '{snp/synth/reports/ok-milan-v3.bin}', '{tdx/quotes/gtg-cos113.bin}', '{eventlog/debian12-ovmf4m-linux61.bin}'
BOOT = ('measure', '--tee', 'sev-snp', '--firmware', '{firmware/small.fd}')


class Case:
    """exit: the status; check: the error's name. same: the command whose result must be the same. says, never: words of the answer that are there, and that are not."""

    def __init__(self, name, what, *run, exit=0, check=None, same=None, says=(), never=()):
        self.name, self.what, self.run, self.exit, self.check = name, what, run, exit, check
        self.same, self.says, self.never = same, says, never


CASES = [
    # Reports of SEV-SNP
    Case('report-hex', 'a report as hexadecimal text is shown', 'inspect', '{field/snp/report.hex}', same=('inspect', REPORT)),
    Case('report-base64', 'a report as base64 text is shown', 'inspect', '{report.b64}', same=('inspect', REPORT)),
    Case('report-response', "the firmware's answer, with its head, is shown", 'inspect', '{field/snp/get-report-response.bin}', same=('inspect', REPORT)),
    Case('report-hex-proof', 'a report as hexadecimal text proves', 'verify', '{field/snp/report.hex}', *BUNDLE, same=('verify', REPORT, *BUNDLE)),
    Case('report-base64-proof', 'a report as base64 text proves', 'verify', '{report.b64}', *BUNDLE, same=('verify', REPORT, *BUNDLE)),
    Case('report-response-proof', "the firmware's answer proves", 'verify', '{field/snp/get-report-response.bin}', *BUNDLE, same=('verify', REPORT, *BUNDLE)),
    Case('report-hex-odd', 'hexadecimal text with a digit lost', 'verify', '{odd.hex}', *BUNDLE, exit=4, check='verify.evidence', says=('2367',)),
    Case('report-hex-typo', 'hexadecimal text with another letter', 'verify', '{typo.hex}', *BUNDLE, exit=4, check='verify.evidence', says=('character 101',)),
    Case('report-hex-wrong', 'hexadecimal text with a digit changed', 'verify', '{wrong.hex}', *BUNDLE, exit=5, check='snp.signature'),
    Case('report-v2', 'fields of later versions are absent', 'inspect', '{snp/reports/milan-v2-a.bin}', says=('"smt_en"',), never=('"tio_en"', '"page_swap_disable"')),
    Case('report-v3', 'fields of version 5 are absent', 'inspect', '{snp/reports/milan-v3-azure.bin}', never=('"tio_en"', '"page_swap_disable"')),
    Case('report-v5', 'fields of version 5 are there', 'inspect', '{snp/reports/turin-v5-azure.bin}', says=('"tio_en"', '"page_swap_disable"')),
    Case('report-v6', 'a version of the future is named', 'verify', '{snp/synth/reports/future-version-6.bin}', '--tee', 'sev-snp', *BUNDLE,
         exit=4, check='snp.report.version', says=('6',)),
    Case('chip-masked', 'the platform hides its CHIP_ID: its certificate is not asked of AMD', 'collateral', 'fetch', '{masked.bin}', '--tee', 'sev-snp',
         '--offline', '{no-vek}', says=('"kind":"ca"',), never=('"vek"',)),
    Case('chip-shown', 'a platform that does not: it is', 'collateral', 'fetch', '{snp/reports/milan-v2-a.bin}', '--tee', 'sev-snp',
         '--offline', '{no-vek}', exit=3, check='collateral.offline', says=('vek',)),
    Case('provisional', 'provisional firmware, as a cloud runs it, is refused by its name', 'verify', '{snp/reports/milan-v2-azure.bin}', *AZURE,
         exit=6, check='policy.provisional'),
    Case('provisional-lifted', 'and lifted by it', 'verify', '{snp/reports/milan-v2-azure.bin}', *AZURE, '--allow', 'provisional', says=('"provisional":true',)),
    # Certificates
    Case('vek-bundle', 'VCEK, ASK and ARK in one file', 'verify', REPORT, *BUNDLE),
    Case('vek-thim', "Azure's THIM answer", 'verify', REPORT, '--vek', '{field/snp/thim.json}', *SYNTH, same=('verify', REPORT, *BUNDLE)),
    Case('vek-alone', 'a VCEK without what is above it', 'verify', '{snp/reports/milan-v2-a.bin}', *MILAN, says=('"amd":true',)),
    Case('vek-ask', 'ASK without ARK', 'verify', '{snp/reports/milan-v2-a.bin}', *MILAN, '--chain', '{ask.pem}', says=('"amd":true',)),
    Case('vek-other', "another chip's VCEK", 'verify', '{snp/reports/milan-v2-a.bin}', '--vek', '{snp/certs/vcek-milan-b.der}', *MILAN[2:], exit=5, check='snp.signature'),
    Case('measurement', 'the launch digest alone', 'verify', REPORT, *BUNDLE, '--measurement', '{digest}'),
    Case('measurement-other', 'another launch digest', 'verify', REPORT, *BUNDLE, '--measurement', '11' * 48, exit=6, check='policy.measurement'),
    # Quotes of TDX
    Case('quote-hex', 'a quote as hexadecimal text', 'verify', '{quote.hex}', *COS, same=('verify', QUOTE, *COS)),
    Case('quote-base64', 'a quote as base64 text', 'verify', '{quote.b64}', *COS, same=('verify', QUOTE, *COS)),
    Case('quote-imds', 'a quote in base64url in JSON, as a cloud answers it', 'verify', '{quote.json}', *COS, same=('verify', QUOTE, *COS)),
    Case('quote-cut', 'a quote as text, cut', 'verify', '{cut.hex}', '--tee', 'tdx', *COS, exit=4, check='tdx.quote.size'),
    Case('crl-pem', 'revocation lists as PEM in files', 'verify', QUOTE, '--collateral', '{crls-pem}', *COS[2:], same=('verify', QUOTE, *COS)),
    Case('crl-hex', 'revocation lists as hexadecimal text in files', 'verify', QUOTE, '--collateral', '{crls-hex}', *COS[2:], same=('verify', QUOTE, *COS)),
    Case('crl-pem-fetched', 'revocation lists as PEM from a source', 'verify', QUOTE, '--fetch', '--offline', '{crls-pem}', *COS[2:], says=('"intel":true',)),
    Case('crl-hex-fetched', 'revocation lists as hexadecimal text from a source', 'verify', QUOTE, '--fetch', '--offline', '{crls-hex}', *COS[2:], says=('"intel":true',)),
    Case('crl-cut', 'a PEM list cut short, in a file', 'verify', QUOTE, '--collateral', '{crls-cut}', *COS[2:], exit=5, check='tdx.pck.crl'),
    Case('crl-cut-fetched', 'a PEM list cut short, from a source', 'collateral', 'fetch', QUOTE, '--offline', '{crls-cut}', exit=4, check='collateral.form', says=('PEM',)),
    Case('collateral-pcs', "PcsClientTool's JSON", 'verify', QUOTE, '--collateral', '{tdx/collateral-json/00806f-2025-07.platform_collaterals.json}', *COS[2:],
         same=('verify', QUOTE, *COS)),
    # Event logs
    Case('log-sha1', 'a log of a TPM 1.2 is named and shown', 'inspect', '{field/eventlog/sha1-only.bin}', says=('event-log-sha1', 'EV_S_CRTM_VERSION')),
    Case('log-utf16', "systemd-stub's command line in PCR 12 is readable", 'inspect', '{field/eventlog/systemd-stub-utf16.bin}', says=('console=ttyS0 console=tty0',)),
    Case('log-file', 'a boot application is shown with its file', 'inspect', '{tdx/ccel/cos113.data.bin}', says=(r'BOOTX64.EFI', r'grub-lakitu.efi')),
    Case('log-zeros', "a log with its area's zeros behind", 'inspect', '{zeros.log}', same=('inspect', LOG)),
    Case('log-ones', "a log with its area's 0xff behind", 'inspect', '{ones.log}', same=('inspect', LOG)),
    Case('log-ccel', 'the log of a live machine leads to its quote', 'verify', QUOTE, *COS, '--event-log', '{tdx/ccel/cos113.data.bin}', says=('"checked":true',)),
    Case('log-ccel-twice', 'a log with an event twice does not', 'verify', QUOTE, *COS, '--event-log', '{tdx/ccel/goeventlog-cos113-dupe-separator.bin}',
         exit=5, check='tdx.ccel.replay', says=('RTMR0',)),
    # Policies
    Case('tcb-products', 'minimums for each product: this one has enough', 'verify', '{snp/reports/milan-v2-a.bin}', *MILAN[:4], '--policy', '{tcb-met.json}'),
    Case('tcb-short', 'this one has not', 'verify', '{snp/reports/milan-v2-a.bin}', *MILAN[:4], '--policy', '{tcb-short.json}', exit=6,
         check='policy.reported_tcb.milan.snp', says=('24',)),
    # What boots
    Case('kernel-none', 'what is no kernel', *BOOT, '--kernel', '{MANIFEST.md}', exit=4, check='ovmf.linux.magic'),
    Case('kernel-none-explained', 'what is no kernel, on another TEE: the same words', 'measure', '--tee', 'vtpm', '--firmware', '{firmware/small.fd}',
         '--kernel', '{MANIFEST.md}', exit=4, check='ovmf.linux.magic'),
    Case('modules-undone', 'kernel modules for which depmod was not run', 'image', 'initrd', '--agent', '{agent}', '--kernel-modules', '{modules}', '--out', 'i.img',
         exit=3, check='image.modules.dep', says=('depmod',)),
]

# What needs more than a file and a command: the test that has it (file, and a word that stands in it).
ELSEWHERE = [
    ('modules-forms', '.ko, .ko.xz, .ko.gz, .ko.zst; a kernel with everything built in; crc32c_generic gone', 'unit/test_image_modules.c', 'zst'),
    ('kernels', 'the unchanged kernels of Debian 12, its backports, 13 and 14 boot', 'e2e/kernels.py', 'def boots'),
    ('dhcp-late', 'a DHCP server that comes late, and one that answers nonsense', 'e2e/net.py', 'def net_dhcp'),
    ('net-static', 'addresses without DHCP, a gateway outside of the prefix, VLAN', 'e2e/net.py', 'def net_static'),
    ('net-ipv6', 'networks with IPv6 only', 'e2e/net.py', 'def net_slaac'),
    ('net-none', 'no network at all: said, not silence', 'e2e/net.py', 'def net_none'),
    ('masked-refused', 'a CHIP_ID that is zero proves nothing by a VCEK', 'unit/test_sev_verify.c', 'snp.chip_id.masked'),
]
