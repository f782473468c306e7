/* SPDX-License-Identifier: Apache-2.0 */
/* proves: each field of a report that is accepted is the bytes at the offset that AMD 56860, table
 *         23, gives it, and what is refused writes nothing.
 * for:    every report of 1184 bytes
 * stubs:  texts of errors
 * unwind: 369
 * options: --arrays-uf-never
 * fault:  `sv_rd_copy(rd, r->host_data, 32);` => `sv_rd_skip(rd, 32);`
 * fault:  `out[47 - i] = b[i];` => `out[i] = b[i];`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "sev/verify/report.c"
#include "sev/verify/tcb.c"

static uint64_t le(const uint8_t *p, size_t n)
{
        uint64_t v = 0;

        for (size_t i = n; i; i--)
                v = v << 8 | p[i - 1];
        return v;
}

static uint8_t raw[SV_REPORT_SIZE];
static struct sv_report out;

#define NUMBER(field, offset, size) PROVE(out.field == le(raw + (offset), size))

static void same(const uint8_t *field, size_t n, size_t offset)
{
        size_t i = any_below(n);

        PROVE(field[i] == raw[offset + i]);
}

static void bytes(void)
{
        same(out.family_id, 16, 0x010);
        same(out.image_id, 16, 0x020);
        same(out.report_data, 64, 0x050);
        same(out.measurement, 48, 0x090);
        same(out.host_data, 32, 0x0c0);
        same(out.id_key_digest, 48, 0x0e0);
        same(out.author_key_digest, 48, 0x110);
        same(out.report_id, 32, 0x140);
        same(out.report_id_ma, 32, 0x160);
        same(out.chip_id, 64, 0x1a0);
}

static void numbers(void)
{
        NUMBER(version, 0x000, 4);
        NUMBER(guest_svn, 0x004, 4);
        NUMBER(policy, 0x008, 8);
        NUMBER(vmpl, 0x030, 4);
        NUMBER(signature_algo, 0x034, 4);
        NUMBER(platform_info, 0x040, 8);
        NUMBER(key_info, 0x048, 4);
        NUMBER(current_build, 0x1e8, 1);
        NUMBER(current_minor, 0x1e9, 1);
        NUMBER(current_major, 0x1ea, 1);
        NUMBER(committed_build, 0x1ec, 1);
        NUMBER(committed_minor, 0x1ed, 1);
        NUMBER(committed_major, 0x1ee, 1);
        if (out.version >= 3) {
                NUMBER(cpuid_fam_id, 0x188, 1);
                NUMBER(cpuid_mod_id, 0x189, 1);
                NUMBER(cpuid_step, 0x18a, 1);
        }
        if (out.version >= 5) {
                NUMBER(launch_mit_vector, 0x1f8, 8);
                NUMBER(current_mit_vector, 0x200, 8);
        }
        PROVE(out.has_cpuid == (out.version >= 3) && out.has_mit == (out.version >= 5));
}

static void signature(void)
{
        size_t i = any_below(48);

        PROVE(out.r[47 - i] == raw[0x2a0 + i]);
        PROVE(out.s[47 - i] == raw[0x2e8 + i]);
}

/* The microcode's level is in byte 7 for every product, the others are snp_tcb.c's. */
static void tcb_places(void)
{
        PROVE(out.current_tcb.microcode == raw[0x038 + 7]);
        PROVE(out.reported_tcb.microcode == raw[0x180 + 7]);
        PROVE(out.committed_tcb.microcode == raw[0x1e0 + 7]);
        PROVE(out.launch_tcb.microcode == raw[0x1f0 + 7]);
}

void prove(void)
{
        __CPROVER_havoc_object(raw);
        out.version = 77;
        if (sv_report_parse(sv_bytes(raw, sizeof(raw)), &out, NULL) < 0) {
                PROVE(out.version == 77 && failed_check);
                return;
        }
        bytes();
        numbers();
        signature();
        tcb_places();
}
