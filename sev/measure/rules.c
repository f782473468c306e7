/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file and its launch digest to policy rules. What a guest file says nothing about is
 * required to be absent. */
#include <stdio.h>

#include "base/core/file.h"
#include "sev/measure/idblock.h"
#include "sev/options.h"
#include "sev/measure/require.h"
#include "sev/measure/measure.h"
#include "sev/verify/certs.h"
#include "sev/verify/floor.h"
#include "sev/verify/tee.h"

static void equals_hex(struct sv_json *rules, const char *check, const char *claim,
                       const char *covers, const char *reason, const uint8_t *p, size_t n)
{
        sv_json_set_hex(sv_rule_add(rules, check, claim, covers, reason), "equals", sv_bytes(p, n));
}

/* The ID block's fields and the digests of its keys; without one the firmware reports zeros. */
static int add_id_block_rules(const struct sv_sev_options *o, struct sv_json *rules,
                              struct sv_err *err)
{
        SV_BUF block = SV_BUF_NULL;
        SV_BUF auth = SV_BUF_NULL;
        struct sv_id_block b = {0};
        struct sv_id_auth a = {0};

        if (o->id_block &&
            (sv_file_read(o->id_block, SV_ID_BLOCK_SIZE, &block, "snp.id_block.size", err) < 0 ||
             sv_file_read(o->id_auth, SV_ID_AUTH_SIZE, &auth, "snp.id_auth.size", err) < 0 ||
             sv_id_block_parse(sv_buf_bytes(&block), &b, err) < 0 ||
             sv_id_auth_check(sv_buf_bytes(&block), sv_buf_bytes(&auth), o->author_key, &a, err) <
                     0 ||
             sv_id_block_expect(&b, NULL, &o->policy, err) < 0))
                return -1;
        if (!o->author_key)
                memset(a.author_key_digest, 0, sizeof(a.author_key_digest));
        equals_hex(rules, "policy.id_key", "/id_key_digest", "instance-identity",
                   "the ID block was signed with this key", a.id_key_digest, 48);
        equals_hex(rules, "policy.author_key", "/author_key_digest", "instance-identity",
                   "the ID key was certified by this key", a.author_key_digest, 48);
        equals_hex(rules, "policy.family_id", "/family_id", "instance-identity",
                   "the guest's family", b.family_id, 16);
        equals_hex(rules, "policy.image_id", "/image_id", "instance-identity", "the guest's image",
                   b.image_id, 16);
        sv_json_set_int(sv_rule_add(rules, "policy.guest_svn", "/guest_svn", "executables",
                                    "the guest's security version"),
                        "at_least", b.guest_svn);
        return 0;
}

static void add_guest_policy_rules(const struct sv_sev_options *o, struct sv_json *rules)
{
        char text[20];

        snprintf(text, sizeof(text), "0x%llx", (unsigned long long)o->policy);
        sv_json_set_str(sv_rule_add(rules, "policy.guest_policy", "/policy", "configuration",
                                    "the launch policy of the guest file"),
                        "equals", text);
        sv_json_set_bool(sv_rule_add(rules, "policy.debug", "/policy_bits/debug", "configuration",
                                     "the host may not debug the guest"),
                         "equals", o->policy & SV_SNP_POLICY_DEBUG);
        sv_json_set_bool(sv_rule_add(rules, "policy.migrate_ma", "/policy_bits/migrate_ma",
                                     "configuration", "no migration agent may take the guest"),
                         "equals", o->policy & SV_SNP_POLICY_MIGRATE_MA);
        sv_json_set_bool(sv_rule_add(rules, "policy.smt", "/policy_bits/smt", "configuration",
                                     "may a core's other thread be the host's"),
                         "equals", o->policy & SV_SNP_POLICY_SMT);
        if (o->allow & SV_SNP_FLOOR_VMPL)
                return;
        sv_json_set_int(sv_rule_add(rules, "policy.vmpl", "/vmpl", "instance-identity",
                                    "the report was asked for by the most privileged level"),
                        "equals", 0);
}

static const struct sv_root_rule snp_root = {
        .own = "/root/amd",
        .reason = "the root of the processor's key",
        .anchors = "ark_roots",
        .check = "snp.root.form",
};

/* The verifier's limit is about guests whose tables are the host's. */
static int add_acpi_rule(const struct sv_guest *g, const struct sv_sev_options *o,
                         struct sv_json *rules, struct sv_err *err)
{
        bool own_tables = false;

        if (!g->uki || o->igvm)
                return 0;
        if (sv_sev_image(g, &own_tables, err) < 0)
                return -1;
        if (own_tables)
                sv_json_set_str(sv_rule_add(rules, "policy.acpi", SV_SNP_ACPI_LIMIT,
                                            "configuration",
                                            "the image of this launch digest brings its own ACPI "
                                            "tables"),
                                "equals", SV_SNP_ACPI_LIMIT);
        return 0;
}

static int refuse_host_acpi(const struct sv_guest *g, const struct sv_sev_options *o,
                            struct sv_err *err)
{
        SV_STR cure = NULL;

        if (o->vmm && strcmp(o->vmm, "qemu") != 0)
                cure = sv_asprintf("no image of ours is for %s", o->vmm);
        else
                cure = sv_asprintf("%s`secure-vm image uki --out %s.efi %s` makes an image with "
                                   "tables of its own, for \"uki\" in place of \"kernel\" and "
                                   "\"initrd\"",
                                   g->uki ? "this \"uki\" has none of its own: with \"kernel\" and "
                                            "\"initrd\" in its place "
                                          : "",
                                   g->name, g->file ? g->file : "GUEST.json");
        return sv_fail(err, SV_USAGE, "guest.sev-snp.allow_host_acpi",
                       "the host's ACPI tables bring code into this guest that no measurement "
                       "covers, and the guest file does not allow it; %s; or say "
                       "\"allow_host_acpi\": true in /tees/sev-snp",
                       cure);
}

int sv_snp_exposure(const struct sv_guest *g, const char **left, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {0};
        bool own_tables = false;

        *left = NULL;
        if (sv_sev_options_read(g, &o, err) < 0)
                return -1;
        if (o.igvm || (!g->kernel && !g->uki))
                return 0; /* an IGVM file is not ours to make */
        if (g->uki && sv_sev_image(g, &own_tables, err) < 0)
                return -1;
        if (own_tables)
                return 0;
        if (!o.allow_host_acpi)
                return refuse_host_acpi(g, &o, err);
        *left = "the host can run code of its own in this guest, by ACPI tables that no "
                "measurement covers, as \"allow_host_acpi\" says: `secure-vm image uki` makes an "
                "image with tables of its own, for \"uki\" in the guest file";
        return 0;
}

static int add_all_rules(const struct sv_sev_options *o, const struct sv_measurement *m,
                         struct sv_json *rules, struct sv_json *trust, struct sv_err *err)
{
        const char *digest = sv_json_str(sv_json_get(m->values, "launch_digest"));
        uint8_t host_data[32];
        bool given;

        if (!digest)
                return sv_fail(err, SV_USAGE, "sev.measurement",
                               "the measurement has no launch digest: nothing to require");
        sv_json_set_str(sv_rule_add(rules, "policy.launch_digest", "/measurement", "executables",
                                    "firmware, kernel, initramfs, command line and vCPU state are "
                                    "the guest file's"),
                        "equals", digest);
        add_guest_policy_rules(o, rules);
        if (sv_sev_host_data(o, host_data, &given, err) < 0 ||
            add_id_block_rules(o, rules, err) < 0 ||
            sv_rule_add_root(&snp_root, o->test_root, rules, trust, err) < 0)
                return -1;
        equals_hex(rules, "policy.host_data", "/host_data", "configuration",
                   "the host gave the guest this and nothing else", host_data, 32);
        return sv_sev_require_rules(o->require, rules, err);
}

/* A guest file that has the debug bit says allow_debug, which says it all. What a policy would
 * refuse for ever is refused here. */
int sv_snp_allow(const struct sv_guest *guest, struct sv_json *allow, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {0};

        if (sv_sev_options_read(guest, &o, err) < 0)
                return -1;
        if (o.policy & SV_SNP_POLICY_MIGRATE_MA && !(o.allow & SV_SNP_FLOOR_MIGRATION))
                return sv_fail(err, SV_USAGE, "guest.sev-snp.allow",
                               "sev-snp policy 0x%llx lets a migration agent take the guest (bit "
                               "18), and no broker gives such a guest its key: clear it, or say "
                               "\"allow\": [\"migration\"] as well",
                               (unsigned long long)o.policy);
        for (unsigned i = 0; sv_snp_floor_names[i]; i++)
                if (o.allow & 1u << i || (1u << i == SV_SNP_FLOOR_DEBUG &&
                                          o.policy & SV_SNP_POLICY_DEBUG && o.allow_debug))
                        sv_json_add(allow, sv_json_new_str(sv_snp_floor_names[i]));
        return 0;
}

int sv_snp_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                 struct sv_json *rules, struct sv_json *trust, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {0};

        if (sv_sev_options_read(guest, &o, err) < 0)
                return -1;
        return add_all_rules(&o, m, rules, trust, err) < 0 ? -1
                                                           : add_acpi_rule(guest, &o, rules, err);
}
