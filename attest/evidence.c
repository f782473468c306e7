/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/evidence.h"

#include "attest/armor.h"

/* Evidence in JSON has a member that no other TEE's has. */
static const struct sv_tee_verify *find_marked(const struct sv_json *evidence)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if ((*t)->mark && sv_json_get(evidence, (*t)->mark))
                        return *t;
        return NULL;
}

static bool is_raw_evidence(const struct sv_tee_verify *tee, struct sv_bytes raw)
{
        SV_JSON *evidence = NULL;
        SV_EVIDENCE *opened = NULL;

        return tee->wrap && sv_evidence_wrap(tee, raw, &evidence, NULL) == 0 &&
               sv_evidence_open(tee, evidence, &opened, NULL) == 0;
}

/* What hardware or kernel give is read by one TEE only. */
static const struct sv_tee_verify *find_wrapping(struct sv_bytes raw)
{
        for (const struct sv_tee_verify *const *t = sv_tees_verify; *t; t++)
                if (is_raw_evidence(*t, raw))
                        return *t;
        return NULL;
}

static int find_evidence(struct sv_buf *raw, const struct sv_tee_verify **tee,
                         struct sv_json **evidence, struct sv_err *err)
{
        const char *text = sv_buf_str(raw);
        char names[SV_TEE_NAMES_SIZE];
        bool wrapped = text[strspn(text, " \t\r\n")] != '{' && (!*tee || (*tee)->wrap);

        if (!wrapped && sv_json_parse(sv_buf_bytes(raw), "verify.evidence", evidence, err) < 0)
                return -1;
        if (!*tee)
                *tee = wrapped ? find_wrapping(sv_buf_bytes(raw)) : find_marked(*evidence);
        if (!*tee)
                return sv_fail(err, SV_USAGE, "tee.name",
                               "by its form this is no evidence that we know: --tee (one of %s) "
                               "says whose it is meant to be, and then what is wrong with it",
                               sv_tee_list_verify(names));
        return wrapped ? sv_evidence_wrap(*tee, sv_buf_bytes(raw), evidence, err) : 0;
}

int sv_evidence_parse(struct sv_buf *raw, const struct sv_tee_verify **tee,
                      struct sv_evidence **out, struct sv_err *err)
{
        SV_JSON *evidence = NULL;
        const char *form;

        if (((!*tee || (*tee)->wrap) && sv_armor_remove(raw, &form, err) < 0) ||
            find_evidence(raw, tee, &evidence, err) < 0)
                return -1;
        return sv_evidence_open(*tee, evidence, out, err);
}
