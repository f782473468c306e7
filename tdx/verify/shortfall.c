/* SPDX-License-Identifier: Apache-2.0 */
/* Component by component: what a platform lacks of the newest level that Intel lists for it. */
#include "tdx/verify/tcb.h"

static void add_text(struct sv_json *list, struct sv_buf *text)
{
        sv_json_add(list, sv_json_new_str(sv_buf_str(text)));
}

/* Intel's own words, where it has some: "Early Microcode Update", of "BIOS" or "OS/VMM". */
static void add_component(struct sv_json *list, const struct sv_json *component, const char *family,
                          size_t i, unsigned have)
{
        const char *type = sv_json_str(sv_json_get(component, "type"));
        const char *category = sv_json_str(sv_json_get(component, "category"));
        int64_t want = sv_json_int(sv_json_get(component, "svn"), 0);
        SV_BUF text = SV_BUF_NULL;

        if (have >= want)
                return;
        if (type)
                sv_buf_printf(&text, "%.64s", type);
        else
                sv_buf_printf(&text, "%s component %zu", family, i + 1);
        sv_buf_printf(&text, "%s%.16s%s is at %u, %lld is current", category ? " (" : "",
                      category ? category : "", category ? ")" : "", have, (long long)want);
        add_text(list, &text);
}

static void add_components(struct sv_json *list, const struct sv_json *components,
                           const char *family, const uint8_t have[16], size_t from)
{
        for (size_t i = from; i < 16; i++)
                add_component(list, sv_json_at(components, i), family, i, have[i]);
}

static void add_svn_shortfall(struct sv_json *list, const char *what, int64_t have,
                              const struct sv_json *want)
{
        SV_BUF text = SV_BUF_NULL;

        if (have >= sv_json_int(want, 0))
                return;
        sv_buf_printf(&text, "%s is at %lld, %lld is current", what, (long long)have,
                      (long long)sv_json_int(want, 0));
        add_text(list, &text);
}

static const struct sv_json *get_newest_tcb(const struct sv_json *identity)
{
        return sv_json_get(sv_json_at(sv_json_get(identity, "tcbLevels"), 0), "tcb");
}

void sv_tcb_shortfall(const struct sv_tcb_doc *info, const struct sv_tcb_doc *identity,
                      const struct sv_pck *pck, const struct sv_quote *quote, struct sv_json *list)
{
        const uint8_t *svn = quote->td.tee_tcb_svn;
        const struct sv_json *newest = get_newest_tcb(info->body);

        add_components(list, sv_json_get(newest, "sgxtcbcomponents"), "SGX", pck->components, 0);
        /* as the levels are compared: the module's own are judged by its identity */
        add_components(list, sv_json_get(newest, "tdxtcbcomponents"), "TDX", svn, svn[1] ? 2 : 0);
        add_svn_shortfall(list, "PCE", pck->pcesvn, sv_json_get(newest, "pcesvn"));
        if (svn[1])
                add_svn_shortfall(
                        list, "TDX module", svn[0],
                        sv_json_get(get_newest_tcb(sv_tcb_find_module(info, svn[1])), "isvsvn"));
        add_svn_shortfall(list, "TD quoting enclave", quote->qe.isvsvn,
                          sv_json_get(get_newest_tcb(identity->body), "isvsvn"));
}
