# SPDX-License-Identifier: Apache-2.0
"""The 48 cases of the survey of this field, by their numbers: what each was, and what shows today how it goes. Several numbers stand together where the survey told
them together; those that were good then it told without numbers, so they are shared out here. A name is a case of field_cases.py; FILE: WORD is a test of its own,
below tests/. field.py holds all of it against the tree."""

# What fell short then.
MENDED = [
    ((1, 2, 3), 'the initramfs from kernels of today: modules as .ko.xz, .ko.gz, .ko.zst; crc32c_generic gone; everything built in', (
        'modules-forms', 'kernels')),
    ((4, 5, 6, 7), 'the network of the initramfs: DHCP that comes late, several cards, IPv6, a gateway outside of the prefix, routes, MTU, VLAN', (
        'dhcp-late', 'net-static', 'net-ipv6', 'net-none', 'e2e/net.py: def net_dhcp6', 'e2e/net.py: def net_static6')),
    ((8, 9, 10, 11, 12, 13, 14, 15), 'evidence and collateral in the forms that people have: text, base64url in JSON, the firmware\'s answer, PEM bundles, a VCEK alone, THIM, '
                                     'CRLs as PEM and text, a CHIP_ID that is masked, logs of SHA-1', (
        'report-hex', 'report-base64', 'report-hex-proof', 'report-base64-proof', 'report-hex-odd', 'report-hex-typo', 'report-hex-wrong', 'quote-hex', 'quote-base64',
        'quote-cut', 'quote-imds', 'report-response', 'report-response-proof', 'vek-bundle', 'vek-alone', 'vek-ask', 'vek-other', 'vek-thim', 'crl-pem', 'crl-hex',
        'crl-pem-fetched', 'crl-hex-fetched', 'crl-cut', 'crl-cut-fetched', 'collateral-pcs', 'chip-masked', 'chip-shown', 'masked-refused', 'log-sha1')),
    ((16,), "a command line in UTF-16 in PCR 12, and a boot application's file", ('log-utf16', 'log-file')),
    ((17,), "fields that a report's version does not have", ('report-v2', 'report-v3', 'report-v5')),
    ((18,), 'one minimum TCB for all products', ('tcb-products', 'tcb-short', 'unit/test_policy_when.c: when')),
    ((19,), 'an XFAM without x87 and SSE', ('unit/test_tdx_rules.c: policy.xfam.base',)),
    ((23,), 'provisional firmware, and one launch digest without a policy', ('provisional', 'provisional-lifted', 'measurement', 'measurement-other')),
    ((31,), "a log with its area's padding", ('log-zeros', 'log-ones')),
    ((45,), 'LUKS2 with another sector size says which; disks with tags have sectors of 4096 bytes', (
        'unit/test_luks_crypt.c: expected \\"512\\", found \\"513\\"', 'unit/test_luks_integrity.c: 4096', 'unit/test_inspect_own.c: luks')),
    ((47,), 'a package of modules for which depmod was not run', ('modules-undone',)),
]

# What was good, and is looked at by these.
GOOD = [
    ((20, 21, 22, 24), 'reports and certificates: each mutation, each chain, each CRL by its name; unknown bits of PLATFORM_INFO; hwIDs that look like DER; new models', (
        'report-v6', 'unit/test_sev_verify.c: each_synthetic_report', 'unit/test_sev_verify.c: each_bad_certificate', 'unit/test_sev_verify.c: real_reports_hold',
        'unit/test_sev_verify.c: of_another_product')),
    ((25, 26, 27), 'quotes: each TCB status, attributes, pins; evidence of clouds of several years', (
        'unit/test_tdx_verify.c: every_case', 'unit/test_tdx_verify.c: real_pairs', 'unit/test_tdx_verify.c: chains_do_not_mix')),
    ((28, 29, 30, 32, 33), "event logs of 27 machines; a CCEL replays to its machine's own quote; pipes", (
        'log-ccel', 'log-ccel-twice', 'unit/test_eventlog.c: test_real_boot', 'unit/test_tdx_ccel.c: real_pairs', 'unit/test_tdx_ccel.c: real_logs',
        'unit/test_vtpm_vectors.c: quotes')),
    ((34, 35, 36, 37), "a TD's prediction: RTMR2 by hand, a kernel that cannot be predicted, the hand-off block, Secure Boot of a distribution's firmware", (
        'unit/test_tdx_measure.c: expected_json', 'unit/test_tdx_measure.c: not_predicted', 'unit/test_tdx_mrtd.c: hob_lists', 'unit/test_tdx_measure.c: secure_boot')),
    ((38, 39, 40), 'a launch digest equal to the independent peers\'; firmware without hashes, without a CAA, CPU models: one sentence each', (
        'unit/test_sev_launch.c: digests_equal_the_peers', 'unit/test_sev_launch.c: bad_firmware_is_refused_by_name', 'unit/test_sev_launch.c: svsm_digests',
        'unit/test_sev_launch.c: cpu_models')),
    ((41, 42), 'guest files: one meaning for each way to write a number, nonsense refused with its line', (
        'unit/test_base_guest.c: malformed', 'unit/test_base_guest.c: cut_and_lines')),
    ((44, 46), 'foreign LUKS2 headers are refused by the member', ('unit/test_luks_crypt.c: luks.header',)),
    ((48,), 'what is no kernel is told so, by each command; a kernel of Debian 14 goes the whole way', ('kernel-none', 'kernel-none-explained', 'kernels')),
]

# What it does not do, and what there is instead.
LEFT = [
    ((43,), 'shim and GRUB from the disk are not predicted: "image import" takes kernel and command line out of the disk, and boots them itself; shims and unified '
            'images that the host gives are predicted', ('e2e/cloud.py: def ', 'e2e/secureboot.py: shim')),
]

NUMBERS = MENDED + GOOD + LEFT
