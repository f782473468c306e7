/* SPDX-License-Identifier: Apache-2.0 */
/* Where a guest file says what a message is about. */
#include <string.h>

#include "guest/guest.h"

static unsigned find_line(const struct sv_guest *g, const char *pointer)
{
        return g->text ? sv_json_line(sv_bytes_str(g->text), pointer) : 0;
}

void sv_guest_place(const struct sv_guest *g, const char *pointer, struct sv_buf *out)
{
        unsigned line = find_line(g, pointer);

        if (line && *pointer)
                sv_buf_printf(out, "%s:%u: %s: ", g->file, line, pointer);
        else if (g->file)
                sv_buf_printf(out, "%s: ", g->file);
}

int sv_guest_wrap(const struct sv_guest *g, const char *pointer, struct sv_err *err)
{
        SV_BUF place = SV_BUF_NULL;

        if (!err || !g->file || !strncmp(err->msg, g->file, strlen(g->file)))
                return -1;
        sv_guest_place(g, pointer, &place);
        return sv_wrap(err, "%.*s", (int)place.n - 2, sv_buf_str(&place));
}

int sv_guest_wrap_member(const struct sv_guest *g, const char *member, struct sv_err *err)
{
        SV_BUF pointer = SV_BUF_NULL;

        sv_buf_printf(&pointer, "/%s", member);
        return sv_guest_wrap(g, sv_buf_str(&pointer), err);
}

/* Checks end in the name of the key that they are about: launch.kernel, sev.domain.cpu. */
int sv_guest_wrap_check(const struct sv_guest *g, const char *tee, struct sv_err *err)
{
        const char *key = err ? strrchr(err->check, '.') : NULL;
        SV_BUF common = SV_BUF_NULL;
        SV_BUF own = SV_BUF_NULL;

        if (!key)
                return -1;
        sv_buf_printf(&common, "/%s", key + 1);
        sv_buf_printf(&own, "/tees/%s/%s", tee, key + 1);
        return sv_guest_wrap(
                g, find_line(g, sv_buf_str(&own)) ? sv_buf_str(&own) : sv_buf_str(&common), err);
}
