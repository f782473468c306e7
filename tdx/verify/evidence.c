/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/evidence.h"

#include "base/core/limits.h"
#include "tdx/verify/quote.h"

#define CHECK "tdx.evidence"

void sv_tdx_evidence_free(struct sv_tdx_evidence *e)
{
        sv_buf_free(&e->quote);
        sv_buf_free(&e->event_log);
        *e = (struct sv_tdx_evidence){0};
}

static int read_td_parts(const struct sv_json *evidence, struct sv_tdx_evidence *e,
                         struct sv_err *err)
{
        static const char *const members[] = {"quote", "cc_eventlog", NULL};

        if (sv_json_type(evidence) != SV_JSON_OBJECT)
                return sv_fail(err, SV_FORMAT, CHECK ".member",
                               "an object was expected as evidence, found %s",
                               sv_json_type_name(sv_json_type(evidence)));
        if (sv_json_only(evidence, members, CHECK, err) < 0 ||
            sv_json_need_b64(evidence, "quote", &e->quote, CHECK, err) < 0)
                return -1;
        if (!e->quote.n)
                return sv_fail(err, SV_FORMAT, "tdx.evidence.quote",
                               "the quote is empty: the host's quoting service gave none (is qgsd "
                               "running, and the platform registered?)");
        if (sv_json_type(sv_json_get(evidence, "cc_eventlog")) == SV_JSON_NULL)
                return 0;
        return sv_json_need_b64(evidence, "cc_eventlog", &e->event_log, CHECK, err);
}

int sv_tdx_evidence_read(const struct sv_json *evidence, struct sv_tdx_evidence *out,
                         struct sv_err *err)
{
        SV_TDX_EVIDENCE e = {.quote.max = SV_QUOTE_SIZE_MAX, .event_log.max = SV_EVENTLOG_SIZE_MAX};

        if (read_td_parts(evidence, &e, err) < 0)
                return -1;
        *out = e;
        e = (struct sv_tdx_evidence){0};
        return 0;
}

int sv_tdx_evidence_write(struct sv_bytes quote, struct sv_bytes event_log, struct sv_json **out,
                          struct sv_err *err)
{
        struct sv_quote q;

        if (sv_quote_parse(quote, &q, err) < 0)
                return -1;
        *out = sv_json_object();
        if (event_log.n)
                sv_json_set_b64(*out, "cc_eventlog", event_log);
        else
                sv_json_set_str(*out, "cc_eventlog", NULL);
        sv_json_set_b64(*out, "quote", quote);
        return 0;
}

int sv_tdx_evidence_wrap(struct sv_bytes raw, struct sv_json **out, struct sv_err *err)
{
        return sv_tdx_evidence_write(raw, SV_BYTES_NULL, out, err);
}
