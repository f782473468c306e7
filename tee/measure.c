/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/measure.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/x509.h"

void sv_id_out_free(struct sv_id_out *out)
{
        sv_buf_free(&out->block);
        sv_buf_free(&out->auth);
        sv_json_free(out->values);
        *out = (struct sv_id_out){0};
}

struct sv_json *sv_rule_add(struct sv_json *rules, const char *check, const char *claim,
                            const char *covers, const char *reason)
{
        struct sv_json *rule = sv_json_add(rules, sv_json_object());

        sv_json_set_str(rule, "check", check);
        sv_json_set_str(rule, "claim", claim);
        sv_json_set_str(rule, "covers", covers);
        sv_json_set_str(rule, "reason", reason);
        return rule;
}

int sv_rule_add_root(const struct sv_root_rule *root, const char *path, struct sv_json *rules,
                     struct sv_json *trust, struct sv_err *err)
{
        SV_CERTS certs = {0};
        SV_BUF raw = SV_BUF_NULL;
        SV_BUF pem = SV_BUF_NULL;
        uint8_t digest[32];
        struct sv_json *r = sv_rule_add(rules, "policy.root", path ? "/root/sha256" : root->own,
                                        "hardware", root->reason);

        if (!path) {
                sv_json_set_bool(r, "equals", true);
                return 0;
        }
        if (sv_file_read(path, SV_PEM_SIZE_MAX, &raw, root->check, err) < 0 ||
            sv_certs_parse(sv_buf_bytes(&raw), &certs, root->check, err) < 0 ||
            sv_cert_pem(certs.list[0], &pem, err) < 0)
                return sv_wrap(err, "%s", path);
        sv_cert_fingerprint(certs.list[0], digest);
        sv_json_set_hex(r, "equals", sv_bytes(digest, 32));
        sv_json_add(sv_json_set(trust, root->anchors, sv_json_array()),
                    sv_json_new_str(sv_buf_str(&pem)));
        return 0;
}

struct sv_json *sv_measurement_json(const struct sv_tee *tee, const struct sv_measurement *m)
{
        struct sv_json *result = sv_json_object();

        sv_json_set_str(result, "tee", tee->name);
        sv_json_set(result, "measurements", sv_json_ref(m->values));
        sv_json_set(result, "unpredicted",
                    m->unpredicted ? sv_json_ref(m->unpredicted) : sv_json_array());
        return result;
}

const char *sv_why_unpredicted(const struct sv_measurement *m, const char *name)
{
        for (size_t i = 0; i < sv_json_len(m->unpredicted); i++) {
                const struct sv_json *row = sv_json_at(m->unpredicted, i);
                const char *of = sv_json_str(sv_json_get(row, "name"));

                if (of && !strcmp(of, name) && sv_json_str(sv_json_get(row, "reason")))
                        return sv_json_str(sv_json_get(row, "reason"));
        }
        return "it is not among the measurements";
}
