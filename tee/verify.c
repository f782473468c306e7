/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/verify.h"

int sv_evidence_wrap(const struct sv_tee_verify *tee, struct sv_bytes raw, struct sv_json **out,
                     struct sv_err *err)
{
        struct sv_json *made = NULL;
        int r;

        sv_watch_memory();
        r = tee->wrap(raw, &made, err);
        if (sv_json_ok(err) < 0)
                r = -1;
        if (sv_check_memory(r, err) < 0) {
                sv_json_free(made);
                return -1;
        }
        *out = made;
        return 0;
}

int sv_evidence_open(const struct sv_tee_verify *tee, const struct sv_json *evidence,
                     struct sv_evidence **out, struct sv_err *err)
{
        struct sv_evidence *e = NULL;

        sv_watch_memory();
        if (sv_check_memory(tee->open(evidence, &e, err), err) < 0) {
                if (e)
                        tee->close(e);
                return -1;
        }
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
