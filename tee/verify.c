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
