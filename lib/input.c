/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into an appraisal. */
#include "attest/evidence.h"
#include "attest/strict.h"
#include "base/core/limits.h"
#include "lib/types.h"

#include <stdlib.h>

static int open_evidence(const void *data, size_t size, const char *tee, securevm_evidence **out,
                         struct sv_err *why)
{
        SV_BUF raw = SV_BUF_NULL;
        securevm_evidence *e;

        if (!out)
                return sv_call_refuse(why, "a place for the evidence");
        e = calloc(1, sizeof(*e));
        if (!e)
                return sv_fail(why, SV_SYSTEM, "base.memory", "no memory for evidence");
        if (sv_call_find_tee(tee, &e->tee, why) < 0 ||
            sv_call_copy(data, size, SV_JSON_SIZE_MAX, "verify.evidence", &raw, why) < 0 ||
            sv_evidence_parse(&raw, &e->tee, &e->evidence, why) < 0) {
                free(e);
                return -1;
        }
        *out = e;
        return 0;
}

SECUREVM_API int securevm_evidence_open(const void *data, size_t size, const char *tee,
                                        securevm_evidence **out, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        securevm_evidence *e = NULL;
        int r;

        sv_call_begin();
        sv_watch_memory();
        r = sv_check_memory(open_evidence(data, size, tee, out ? &e : NULL, &why), &why);
        if (r < 0)
                securevm_evidence_free(e);
        else
                *out = e;
        return sv_call_end(r, &why, err);
}

SECUREVM_API void securevm_evidence_free(securevm_evidence *evidence)
{
        if (evidence)
                sv_evidence_free(evidence->evidence);
        free(evidence);
}

SECUREVM_API const char *securevm_evidence_tee(const securevm_evidence *evidence)
{
        return evidence ? evidence->tee->id->name : NULL;
}

static int list_needs(const securevm_evidence *evidence, char **json, struct sv_err *why)
{
        SV_JSON *needs = sv_json_array();

        if (!evidence || !json)
                return sv_call_refuse(why, evidence ? "a place for the text" : "evidence");
        if (evidence->tee->needs(evidence->evidence, needs, why) < 0)
                return -1;
        return sv_call_print(needs, json, why);
}

SECUREVM_API int securevm_evidence_needs(const securevm_evidence *evidence, char **json,
                                         securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;

        sv_call_begin();
        sv_watch_memory();
        return sv_call_end(list_needs(evidence, json, &why), &why, err);
}

SECUREVM_API int securevm_collateral_new(securevm_collateral **out, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        securevm_collateral *c = out ? calloc(1, sizeof(*c)) : NULL;

        if (!out)
                return sv_call_end(sv_call_refuse(&why, "a place for the collateral"), &why, err);
        if (!c)
                return sv_call_end(sv_fail(&why, SV_SYSTEM, "base.memory", "no memory"), &why, err);
        *out = c;
        return sv_call_end(0, NULL, err);
}

SECUREVM_API void securevm_collateral_free(securevm_collateral *collateral)
{
        if (collateral)
                sv_files_free(&collateral->files);
        free(collateral);
}

static int add_collateral(securevm_collateral *c, const char *kind, const void *data, size_t size,
                          struct sv_err *why)
{
        SV_BUF copy = SV_BUF_NULL;
        size_t before;

        if (!c || !kind)
                return sv_call_refuse(why, c ? "a kind" : "collateral");
        before = c->files.n;
        if (sv_call_copy(data, size, SV_JSON_SIZE_MAX, "verify.collateral", &copy, why) < 0)
                return -1;
        if (sv_files_take(&c->files, kind, "collateral", &copy, why) < 0) {
                if (c->files.n > before)
                        sv_buf_free(&c->files.list[--c->files.n].data);
                return -1;
        }
        return 0;
}

SECUREVM_API int securevm_collateral_add(securevm_collateral *collateral, const char *kind,
                                         const void *data, size_t size, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;

        sv_call_begin();
        return sv_call_end(add_collateral(collateral, kind, data, size, &why), &why, err);
}

/* Takes the text when it is a policy. */
static int keep_policy(struct sv_buf *text, securevm_policy **out, struct sv_err *why)
{
        SV_POLICY_DOC *parsed = NULL;
        securevm_policy *p;

        if (sv_policy_parse(sv_buf_bytes(text), &parsed, why) < 0)
                return -1;
        p = calloc(1, sizeof(*p));
        if (!p)
                return sv_fail(why, SV_SYSTEM, "base.memory", "no memory for a policy");
        p->text = *text;
        *text = (struct sv_buf)SV_BUF_NULL;
        *out = p;
        return 0;
}

static int parse_policy(const void *data, size_t size, securevm_policy **out, struct sv_err *why)
{
        SV_BUF text = SV_BUF_NULL;

        if (!out)
                return sv_call_refuse(why, "a place for the policy");
        if (sv_call_copy(data, size, SV_POLICY_SIZE_MAX, "policy.size", &text, why) < 0)
                return -1;
        return keep_policy(&text, out, why);
}

/* What was made is given away only once nothing has failed, memory neither. */
static int give_policy(int r, securevm_policy *made, securevm_policy **out,
                       const struct sv_err *why, securevm_error *err)
{
        if (r < 0)
                securevm_policy_free(made);
        else
                *out = made;
        return sv_call_end(r, why, err);
}

SECUREVM_API int securevm_policy_parse(const void *text, size_t size, securevm_policy **out,
                                       securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        securevm_policy *p = NULL;
        int r;

        sv_call_begin();
        sv_watch_memory();
        r = sv_check_memory(parse_policy(text, size, out ? &p : NULL, &why), &why);
        return give_policy(r, p, out, &why, err);
}

/* "debug,smt" as an array. */
static int split_names(const char *names, struct sv_json *out, struct sv_err *why)
{
        SV_BUF name = SV_BUF_NULL;

        while (names && *names) {
                size_t n = strcspn(names, ",");

                sv_buf_clear(&name);
                sv_buf_put(&name, sv_bytes(names, n));
                sv_buf_str(&name);
                if (sv_buf_ok(&name, "a name", why) < 0)
                        return -1;
                sv_json_add(out, sv_json_new_str(sv_buf_str(&name)));
                names += n + (names[n] == ',');
        }
        return sv_json_ok(why);
}

static int make_strict(const char *tee, const char *allow, const char *measurement,
                       securevm_policy **out, struct sv_err *why)
{
        SV_JSON *names = sv_json_array();
        const struct sv_tee_verify *row;
        SV_BUF text = SV_BUF_NULL;

        if (!tee || !out)
                return sv_call_refuse(why, tee ? "a place for the policy" : "a TEE");
        if (sv_call_find_tee(tee, &row, why) < 0 || split_names(allow, names, why) < 0 ||
            sv_policy_write_strict(row, names, measurement, &text, why) < 0)
                return -1;
        return keep_policy(&text, out, why);
}

SECUREVM_API int securevm_policy_strict(const char *tee, const char *allow, const char *measurement,
                                        securevm_policy **out, securevm_error *err)
{
        struct sv_err why = SV_ERR_NULL;
        securevm_policy *p = NULL;
        int r;

        sv_call_begin();
        sv_watch_memory();
        r = sv_check_memory(make_strict(tee, allow, measurement, out ? &p : NULL, &why), &why);
        return give_policy(r, p, out, &why, err);
}

SECUREVM_API void securevm_policy_free(securevm_policy *policy)
{
        if (policy)
                sv_buf_free(&policy->text);
        free(policy);
}
