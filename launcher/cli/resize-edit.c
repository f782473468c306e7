/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/resize-edit.h"

#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

static void edit_member(struct sv_buf *text, const char *name, const char *value)
{
        SV_STR pointer = sv_asprintf("/%s", name);
        SV_STR before = sv_asprintf("%s", sv_buf_str(text));
        struct sv_bytes all = sv_bytes_str(before), old = sv_json_raw(all, pointer);
        const char *inside = strchr(before, '{') + 1;
        size_t blanks = strspn(inside, " \t\r\n");

        sv_buf_clear(text);
        if (old.n)
                sv_buf_printf(text, "%.*s%s%s", (int)(old.p - all.p), before, value,
                              (const char *)old.p + old.n);
        else
                sv_buf_printf(text, "%.*s%.*s\"%s\": %s,%s%s", (int)(inside - before), before,
                              (int)blanks, inside, name, value, blanks ? "" : " ", inside);
}

int sv_resize_edit(const struct sv_guest *g, const char *vcpus, const char *memory,
                   struct sv_buf *out, struct sv_err *err)
{
        struct sv_err ignored;
        uint64_t n;

        if (vcpus && (sv_parse_u64(vcpus, UINT32_MAX, &n, "resize.value", &ignored) < 0 || !n))
                return sv_fail(err, SV_USAGE, "resize.value",
                               "--vcpus takes a number, found \"%s\"", vcpus);
        if (memory && sv_parse_size(memory, &n, "resize.value", &ignored) < 0)
                return sv_fail(err, SV_USAGE, "resize.value",
                               "--memory takes a size, as 4GiB, found \"%s\"", memory);
        out->max = SV_GUEST_SIZE_MAX;
        sv_buf_puts(out, g->text);
        if (vcpus)
                edit_member(out, "vcpus", vcpus);
        if (memory) {
                SV_STR quoted = sv_asprintf("\"%s\"", memory);

                edit_member(out, "memory", quoted);
        }
        return sv_buf_ok(out, "the guest file", err);
}
