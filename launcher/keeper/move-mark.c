/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/move-mark.h"

#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "launcher/keeper/status.h"
#include "launcher/virt/virt-move.h"
#include "launcher/virt/virt.h"

#define FENCE_LENGTH (sizeof(SV_MOVE_FENCE) - 1)

/* --- the fence --- */

/* The end of the value of a disk's first path behind `at`, as libvirt prints it; NULL: no more. */
static const char *find_path_end(const char *at)
{
        for (at = strstr(at, "<disk "); at; at = strstr(at + 1, "<disk ")) {
                const char *end = strstr(at, "</disk>"), *source = strstr(at, "<source "), *tag;
                const char *value = NULL;

                if (!source || !end || source > end)
                        continue;
                tag = strchr(source, '>');
                value = strstr(source, " file='");
                if (!value || value > tag)
                        value = strstr(source, " dev='");
                if (value && tag && value < tag)
                        return strchr(strchr(value, '\'') + 1, '\'');
        }
        return NULL;
}

static bool has_fence(const char *xml, const char *end)
{
        return (size_t)(end - xml) > FENCE_LENGTH &&
               !strncmp(end - FENCE_LENGTH, SV_MOVE_FENCE, FENCE_LENGTH);
}

bool sv_move_is_fenced(const char *xml)
{
        for (const char *end = find_path_end(xml); end; end = find_path_end(end))
                if (has_fence(xml, end))
                        return true;
        return false;
}

char *sv_move_fence(const char *xml, bool on)
{
        SV_BUF out = SV_BUF_NULL;
        const char *done = xml;

        for (const char *end = find_path_end(xml); end; end = find_path_end(end)) {
                bool has = has_fence(xml, end);
                const char *until = has && !on ? end - FENCE_LENGTH : end;

                sv_buf_put(&out, sv_bytes(done, (size_t)(until - done)));
                if (on && !has)
                        sv_buf_puts(&out, SV_MOVE_FENCE);
                done = end;
        }
        sv_buf_puts(&out, done);
        return out.bad ? NULL : sv_asprintf("%s", sv_buf_str(&out));
}

/* --- the mark --- */

int sv_move_read_mark(struct sv_virt *v, const char *name, struct sv_json **out, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;

        *out = NULL;
        if (sv_virt_read_move(v, &text, err) < 0)
                return -1;
        if (!text.n)
                return 0;
        if (sv_json_parse(sv_buf_bytes(&text), "state.facts", &j, err) < 0)
                return sv_fail(err, SV_FORMAT, "state.facts",
                               "the mark of a move at the domain %s is not what secure-vm wrote: "
                               "\"virsh dumpxml --inactive\" shows it, in " SV_VIRT_MOVE,
                               name);
        if (sv_status_check_version(j, name, err) < 0)
                return -1;
        *out = sv_json_ref(j);
        return 0;
}

int sv_move_write_mark(struct sv_virt *v, const struct sv_json *mark, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (!mark)
                return sv_virt_write_move(v, NULL, err);
        sv_json_print(mark, &text);
        if (sv_buf_ok(&text, "the mark of a move", err) < 0)
                return -1;
        return sv_virt_write_move(v, sv_buf_str(&text), err);
}

int sv_move_read_way(struct sv_virt *v, const char *name, const char *host_uuid, bool look,
                     struct sv_json **out, struct sv_err *err)
{
        if (sv_move_read_mark(v, name, out, err) < 0)
                return -1;
        if (!*out || strcmp(sv_json_text(*out, "to_host", ""), host_uuid))
                return 0;
        sv_json_freep(out);
        return look ? 0 : sv_move_write_mark(v, NULL, err);
}

int sv_move_fail_unfinished(const struct sv_json *mark, const char *name, const char *what,
                            struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "move.unfinished",
                       "guest %s is on its way to %s, and %s: \"secure-vm move %s --to %s\" goes "
                       "on, and with --recover it comes back where that loses nothing",
                       name, sv_json_text(mark, "host", "another host"), what, name,
                       sv_json_text(mark, "to", "URI"));
}

int sv_move_check_start(struct sv_virt *v, const char *name, struct sv_err *err)
{
        SV_STR xml = sv_virt_get_definition(v, false, err);
        SV_JSON *mark = NULL;

        if (!xml || sv_move_read_mark(v, name, &mark, err) < 0)
                return -1;
        return sv_move_is_fenced(xml)
                       ? sv_move_fail_unfinished(mark, name, "must not run here", err)
                       : 0;
}

int sv_move_check_launch(struct sv_virt *v, const char *name, struct sv_err *err)
{
        return sv_move_check_start(v, name, err) < 0 ? -1 : sv_virt_check_unsaved(v, name, err);
}
