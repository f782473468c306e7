/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/fstab.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/core/file.h"
#include "base/core/guest-root.h"

#define BLANKS " \t\r"

/* Splits in place. */
static struct sv_fstab_entry split_entry(char *line)
{
        const char *fields[4] = {"", "", "", ""};
        char *save = NULL, *field = strtok_r(line, BLANKS, &save);

        for (size_t i = 0; i < 4 && field; i++, field = strtok_r(NULL, BLANKS, &save))
                fields[i] = field;
        return (struct sv_fstab_entry){fields[0], fields[1], fields[2], fields[3]};
}

static bool has_option(const char *options, const char *want)
{
        size_t n = strlen(want);

        for (const char *at = options; (at = strstr(at, want)); at += n)
                if ((at == options || at[-1] == ',') && (at[n] == ',' || !at[n]))
                        return true;
        return false;
}

/* Of network file systems, tmpfs and bind mounts the first field names none. */
static bool is_device(const char *spec)
{
        static const char *const begins[] = {
                "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID=", "/dev/"};

        for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
                if (strncmp(spec, begins[i], strlen(begins[i])) == 0)
                        return true;
        return false;
}

bool sv_fstab_names(const char *spec, const char *tag, const char *folder, const char *value)
{
        size_t n = strlen(tag), m = strlen(folder);

        if (!*value)
                return false;
        if (strncmp(spec, folder, m) == 0)
                return strcasecmp(spec + m, value) == 0;
        if (strncmp(spec, tag, n) != 0)
                return false;
        spec += n;
        n = strlen(value);
        if (*spec == '"')
                return strncasecmp(spec + 1, value, n) == 0 && strcmp(spec + 1 + n, "\"") == 0;
        return strcasecmp(spec, value) == 0;
}

static bool names_root(const struct sv_fstab_in *in, const char *spec)
{
        return sv_fstab_names(spec, "UUID=", "/dev/disk/by-uuid/", in->uuid) ||
               sv_fstab_names(spec, "LABEL=", "/dev/disk/by-label/", in->label);
}

static void put_comment(struct sv_buf *out, struct sv_bytes line)
{
        sv_buf_puts(out, "# not imported: ");
        sv_buf_put(out, line);
}

/* The first field alone changes. */
static void put_spec(const char *name, const char *spec, struct sv_bytes line, struct sv_buf *out)
{
        const uint8_t *at = memmem(line.p, line.n, spec, strlen(spec));
        size_t before = (size_t)(at - line.p), n = before + strlen(spec);

        sv_buf_put(out, sv_bytes(line.p, before));
        sv_buf_puts(out, name);
        sv_buf_put(out, sv_bytes(line.p + n, line.n - n));
}

static int edit_entry(const struct sv_fstab_in *in, const struct sv_fstab_entry *e,
                      struct sv_bytes line, struct sv_buf *out, struct sv_err *err)
{
        SV_STR uuid = sv_asprintf("UUID=%s", in->uuid);

        if (!is_device(e->spec) || !*e->mount || has_option(e->options, "noauto")) {
                sv_buf_put(out, line);
                return 0;
        }
        if (strcmp(e->mount, "/") == 0) {
                if (in->readonly_root)
                        put_comment(out, line);
                else if (names_root(in, e->spec) || !*in->uuid)
                        sv_buf_put(out, line);
                else
                        put_spec(uuid, e->spec, line, out);
                return 0;
        }
        if (strcmp(e->type, "btrfs") == 0 &&
            (names_root(in, e->spec) || (in->is_root && in->is_root(in->arg, e->spec)))) {
                put_spec(SV_GUEST_ROOT, e->spec, line, out);
                return 0;
        }
        if (names_root(in, e->spec)) {
                sv_buf_put(out, line);
                return 0;
        }
        put_comment(out, line);
        return in->absent(in->arg, e, err);
}

static int edit_line(const void *arg, struct sv_bytes line, struct sv_buf *out, struct sv_err *err)
{
        const struct sv_fstab_in *in = arg;
        SV_STR text = sv_asprintf("%.*s", (int)line.n, (const char *)line.p);
        struct sv_fstab_entry e = split_entry(text);

        if (!*e.spec || *e.spec == '#') {
                sv_buf_put(out, line);
                return 0;
        }
        return edit_entry(in, &e, line, out, err);
}

struct line_editor {
        int (*line)(const void *in, struct sv_bytes line, struct sv_buf *out, struct sv_err *err);
        const void *in;
};

static int edit_lines(struct sv_bytes text, const struct line_editor *by, struct sv_buf *out,
                      struct sv_err *err)
{
        for (size_t at = 0, n; at < text.n; at += n + 1) {
                const uint8_t *stop = memchr(text.p + at, '\n', text.n - at);

                n = stop ? (size_t)(stop - text.p) - at : text.n - at;
                if (by->line(by->in, sv_bytes(text.p + at, n), out, err) < 0)
                        return -1;
                if (stop)
                        sv_buf_puts(out, "\n");
        }
        return sv_buf_ok(out, "the new text", err);
}

static int check_text(struct sv_bytes text, const char *check, const char *name, struct sv_err *err)
{
        if (text.n && memchr(text.p, 0, text.n))
                return sv_fail(err, SV_FORMAT, check,
                               "the image's %s is no text: a NUL byte is in it", name);
        return 0;
}

int sv_fstab_edit(struct sv_bytes text, const struct sv_fstab_in *in, struct sv_buf *out,
                  struct sv_err *err)
{
        const struct line_editor by = {edit_line, in};

        if (check_text(text, "import.fstab", "/etc/fstab", err) < 0)
                return -1;
        return edit_lines(text, &by, out, err);
}

char *sv_fstab_option(const char *options, const char *name)
{
        size_t n = strlen(name);

        for (const char *at = options; *at; at += strcspn(at, ","), at += *at == ',')
                if (strncmp(at, name, n) == 0 && at[n] == '=')
                        return sv_asprintf("%.*s", (int)strcspn(at + n + 1, ","), at + n + 1);
        return NULL;
}

struct each_entry {
        void (*entry)(void *arg, const struct sv_fstab_entry *e);
        void *arg;
};

static int pass_line(const void *in, struct sv_bytes line, struct sv_buf *out, struct sv_err *err)
{
        const struct each_entry *each = in;
        SV_STR text = sv_asprintf("%.*s", (int)line.n, (const char *)line.p);
        struct sv_fstab_entry e = split_entry(text);

        if (*e.spec && *e.spec != '#')
                each->entry(each->arg, &e);
        return 0;
}

void sv_fstab_each(struct sv_bytes text, void (*entry)(void *arg, const struct sv_fstab_entry *e),
                   void *arg)
{
        const struct each_entry each = {entry, arg};
        const struct line_editor by = {pass_line, &each};
        SV_BUF none = SV_BUF_NULL;

        edit_lines(text, &by, &none, NULL);
}

/* --- crypttab(5): NAME DEVICE [KEY [OPTIONS]] --- */

struct crypt_in {
        void (*absent)(void *arg, const struct sv_crypttab_entry *e);
        void *arg;
};

static int edit_crypt_line(const void *in, struct sv_bytes line, struct sv_buf *out,
                           struct sv_err *err)
{
        const struct crypt_in *c = in;
        SV_STR text = sv_asprintf("%.*s", (int)line.n, (const char *)line.p);
        struct sv_fstab_entry e = split_entry(text);
        const struct sv_crypttab_entry entry = {e.spec, e.mount};

        if (!*entry.name || *entry.name == '#' || !is_device(entry.device) ||
            has_option(e.options, "noauto")) {
                sv_buf_put(out, line);
                return 0;
        }
        put_comment(out, line);
        c->absent(c->arg, &entry);
        return 0;
}

int sv_crypttab_edit(struct sv_bytes text,
                     void (*absent)(void *arg, const struct sv_crypttab_entry *e), void *arg,
                     struct sv_buf *out, struct sv_err *err)
{
        const struct crypt_in in = {absent, arg};
        const struct line_editor by = {edit_crypt_line, &in};

        if (check_text(text, "import.crypttab", "/etc/crypttab", err) < 0)
                return -1;
        return edit_lines(text, &by, out, err);
}
