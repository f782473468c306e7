/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched: as collateral for a verifier, and as readable JSON. */
#include <stdlib.h>

#include "attest/fetch/fetch.h"
#include "base/core/text.h"

void sv_fetched_free(struct sv_fetched *f)
{
        for (size_t i = 0; i < f->n; i++) {
                sv_entry_free(&f->list[i].entry);
                free(f->list[i].note);
        }
        free(f->list);
        sv_json_free(f->absent);
        *f = (struct sv_fetched){0};
}

const char *sv_fetch_from_name(enum sv_fetch_from from)
{
        static const char *const names[] = {"offline", "cache", "stale", "network"};

        return names[from];
}

struct adding {
        const struct sv_collateral *given;
        struct sv_blobs *out;
};

static int add_header_blob(void *arg, const char *kind, struct sv_json *value, struct sv_err *err)
{
        struct adding *a = arg;
        const char *text = sv_json_str(value);
        struct sv_bytes data;

        if (text && strlen(kind) < sizeof(a->out->list->kind) &&
            !(a->given && sv_collateral_get(a->given, kind, 0, &data)))
                sv_blobs_add(a->out, kind, sv_bytes_str(text));
        return 0;
}

void sv_fetched_blobs(const struct sv_fetched *f, const struct sv_collateral *given,
                      struct sv_blobs *out)
{
        struct adding a = {given, out};

        for (size_t i = 0; i < f->n; i++) {
                const struct sv_entry *e = &f->list[i].entry;

                sv_blobs_add(out, e->kind, sv_buf_bytes(&e->body));
                if (e->headers)
                        (void)sv_json_each(e->headers, add_header_blob, &a,
                                           NULL); /* add_header_blob cannot fail */
        }
}

static void set_time(struct sv_json *row, const char *member, int64_t t)
{
        char text[32];

        if (t != SV_NEVER && t > 0)
                sv_json_set_str(row, member, sv_format_time(t, text));
}

struct sv_json *sv_fetched_json(const struct sv_fetched *f)
{
        struct sv_json *list = sv_json_array();

        for (size_t i = 0; i < f->n; i++) {
                const struct sv_fetched_item *item = &f->list[i];
                struct sv_json *row = sv_json_add(list, sv_json_object());

                sv_json_set_str(row, "kind", item->entry.kind);
                sv_json_set_str(row, item->from == SV_FROM_OFFLINE ? "file" : "url",
                                item->entry.url);
                sv_json_set_str(row, "from", sv_fetch_from_name(item->from));
                sv_json_set_int(row, "size", (int64_t)item->entry.body.n);
                set_time(row, "fetched", item->entry.fetched);
                set_time(row, "refresh", item->entry.refresh);
                set_time(row, "until", item->entry.until);
                if (item->note)
                        sv_json_set_str(row, "note", item->note);
        }
        return list;
}
