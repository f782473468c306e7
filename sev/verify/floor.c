/* SPDX-License-Identifier: Apache-2.0 */
/* AMD publishes no "up to date" as Intel does: what is too old stands in its security bulletins
 * (https://www.amd.com/en/resources/product-security.html), and here. A row is raised when a
 * bulletin gives a value that an attestation report shows; `date` is then changed too. */
#include "sev/verify/floor.h"

#include <stdio.h>

#include "base/core/buf.h"
#include "tee/strict.h"

#define DATE "2026-11-29"

#define VERSION(major, minor, build) ((uint32_t)(major) << 16 | (minor) << 8 | (build))

/* The SEV firmware, by its security patch level (TCB[SNP]) and its version; 0: none is published,
 * the level stands for it.
 *   AMD-SB-3015  BadRAM, CVE-2024-21944: the alias check, Milan 1.55.22
 *   AMD-SB-3020  RMPocalypse, CVE-2025-0033: Genoa 0x1b (1.55.49), Turin 0x04
 *   AMD-SB-3023  CVE-2025-48514: Milan and Genoa 0x1b, Turin 0x04; Linux has the same numbers in
 *                drivers/crypto/ccp/sev-dev.c */
static const struct firmware {
        enum sv_sev_product product;
        uint8_t snp;
        const char *snp_source;
        uint32_t version;
        const char *version_source;
} firmwares[] = {
        {SV_SEV_MILAN, 0x1b, "AMD-SB-3023", VERSION(1, 55, 22), "AMD-SB-3015"},
        {SV_SEV_GENOA, 0x1b, "AMD-SB-3020", VERSION(1, 55, 49), "AMD-SB-3020"},
        {SV_SEV_TURIN, 0x04, "AMD-SB-3020", 0, ""},
};

/* TCB[MICROCODE], the last byte of the patch's revision, counts anew for each stepping. Those that
 * are not here are not compared.
 *   AMD-SB-3019, AMD-SB-7033  EntrySign, CVE-2024-56161, CVE-2024-36347; Linux has the last
 *                             revisions without it in arch/x86/kernel/cpu/microcode/amd.c
 *   AMD-SB-3020, AMD-SB-3027  RMPocalypse, StackWarp (CVE-2025-29943) */
static const struct microcode {
        uint8_t family, model, stepping, level;
        const char *source;
} microcodes[] = {
        {0x19, 0x01, 0, 0x7b, "AMD-SB-7033"}, /* Milan B0 */
        {0x19, 0x01, 1, 0xdb, "AMD-SB-3019"}, /* Milan */
        {0x19, 0x01, 2, 0x44, "AMD-SB-3019"}, /* Milan-X */
        {0x19, 0x11, 1, 0x56, "AMD-SB-3020"}, /* Genoa */
        {0x19, 0x11, 2, 0x51, "AMD-SB-3020"}, /* Genoa-X */
        {0x19, 0xa0, 1, 0x17, "AMD-SB-7033"}, /* Bergamo, Siena */
        {0x19, 0xa0, 2, 0x19, "AMD-SB-3019"}, /* Bergamo, Siena */
        {0x1a, 0x02, 1, 0x51, "AMD-SB-3027"}, /* Turin */
        {0x1a, 0x11, 0, 0x47, "AMD-SB-7033"}, /* Turin Dense */
};

static const struct firmware *find_firmware(enum sv_sev_product product)
{
        for (size_t i = 0; i < sizeof(firmwares) / sizeof(firmwares[0]); i++)
                if (firmwares[i].product == product)
                        return &firmwares[i];
        return NULL;
}

static const struct microcode *find_microcode(const struct sv_report *r)
{
        for (size_t i = 0; r->has_cpuid && i < sizeof(microcodes) / sizeof(microcodes[0]); i++)
                if (microcodes[i].family == r->cpuid_fam_id &&
                    microcodes[i].model == r->cpuid_mod_id &&
                    microcodes[i].stepping == r->cpuid_step)
                        return &microcodes[i];
        return NULL;
}

static void add_below(struct sv_buf *out, const char *when, const char *what, unsigned found,
                      unsigned least, const char *source)
{
        if (found < least)
                sv_buf_printf(out, "%s%s %s is 0x%02x, 0x%02x is the least (%s)",
                              out->n ? "; " : "", when, what, found, least, source);
}

/* What the processor's key stands for, and what the guest was launched under. */
static void compare_tcb(const struct sv_report *r, const struct firmware *f, struct sv_buf *out)
{
        const struct sv_tcb *tcbs[] = {&r->reported_tcb, &r->launch_tcb};
        static const char *const when[] = {"reported", "at launch"};
        const struct microcode *m = find_microcode(r);

        for (size_t i = 0; i < sizeof(tcbs) / sizeof(tcbs[0]); i++) {
                add_below(out, when[i], "snp", tcbs[i]->snp, f->snp, f->snp_source);
                if (m)
                        add_below(out, when[i], "microcode", tcbs[i]->microcode, m->level,
                                  m->source);
        }
}

static void compare_firmware(const struct sv_report *r, const struct firmware *f,
                             struct sv_buf *out)
{
        uint32_t v = VERSION(r->committed_major, r->committed_minor, r->committed_build);

        if (v < f->version)
                sv_buf_printf(out, "%u.%u.%u is committed, %u.%u.%u is the least (%s)",
                              r->committed_major, r->committed_minor, r->committed_build,
                              f->version >> 16, f->version >> 8 & 0xff, f->version & 0xff,
                              f->version_source);
}

static void set_floor_claim(struct sv_json *floor, const char *name, struct sv_buf *below)
{
        sv_json_set_str(floor, name, below->n ? sv_buf_str(below) : "met");
}

/* AMD-SB-3015. Reports before version 3 do not have the bit. */
static const char *check_alias(const struct sv_report *r)
{
        if (r->version < 3)
                return "unknown: reports of version 2 do not say";
        return r->platform_info & SV_SNP_ALIAS_CHECK
                       ? "met"
                       : "the platform has not looked for memory aliases (AMD-SB-3015)";
}

struct sv_json *sv_snp_floor_claims(const struct sv_report *r, enum sv_sev_product product)
{
        const struct firmware *f = find_firmware(product);
        struct sv_json *floor = sv_json_object();
        SV_BUF tcb = SV_BUF_NULL, version = SV_BUF_NULL;

        if (f) {
                compare_tcb(r, f, &tcb);
                compare_firmware(r, f, &version);
        } else {
                sv_buf_printf(&tcb, "no least TCB is known for this product (%s)",
                              sv_sev_product_name(product));
        }
        sv_json_set_str(floor, "date", DATE);
        set_floor_claim(floor, "tcb", &tcb);
        set_floor_claim(floor, "firmware", &version);
        sv_json_set_str(floor, "alias_check", check_alias(r));
        return floor;
}

#define MET      "\"equals\":\"met\""
#define MET_OR_2 "\"one_of\":[\"met\",\"unknown: reports of version 2 do not say\"]"

/* clang-format off */
const char sv_snp_floor[] = "["
        R("policy.floor.debug", "/policy_bits/debug", FALSE, "configuration",
          "the host may not debug the guest") ","
        R("policy.floor.migration", "/policy_bits/migrate_ma", FALSE, "configuration",
          "no migration agent may take the guest") ","
        R("policy.floor.vmpl", "/vmpl", "\"equals\":0", "instance-identity",
          "the report was asked for by the most privileged level") ","
        R("policy.floor.host_report", "/vmpl", "\"one_of\":[0,1,2,3]", "instance-identity",
          "the guest asked for the report, not the host (VMPL 0xffffffff)") ","
        R("policy.floor.tcb", "/floor/tcb", MET, "hardware",
          "the platform's TCB is one without known holes that a report could show") ","
        R("policy.floor.firmware", "/floor/firmware", MET, "hardware",
          "the committed SEV firmware is one without known holes") ","
        R("policy.floor.alias_check", "/floor/alias_check", MET_OR_2, "hardware",
          "the platform has looked for memory aliases") "]";
/* clang-format on */

const char *const sv_snp_floor_names[] = {"debug", "migration", "vmpl",        "host_report",
                                          "tcb",   "firmware",  "alias_check", NULL};
