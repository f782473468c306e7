/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/verify.h"

int sv_evidence_open(const struct sv_tee_verify *tee, const struct sv_json *evidence,
                     struct sv_evidence **out, struct sv_err *err)
{
        struct sv_evidence *e = NULL;

        if (tee->open(evidence, &e, err) < 0)
                return -1;
        e->tee = tee;
        *out = e;
        return 0;
}

void sv_evidence_free(struct sv_evidence *e)
{
        if (e)
                e->tee->close(e);
}

void sv_evidence_freep(struct sv_evidence **e)
{
        sv_evidence_free(*e);
}

struct sv_json *sv_needs_add(struct sv_json *needs, const char *kind, const char *url,
                             const char *form, const char *offline)
{
        struct sv_json *row = sv_json_add(needs, sv_json_object());

        sv_json_set_str(row, "kind", kind);
        sv_json_set_str(row, "url", url);
        sv_json_set_str(row, "form", form);
        sv_json_set_str(row, "offline", offline);
        return row;
}
