/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/key-settings.h"

#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"

static int check_releases(const char *text, struct sv_err *err)
{
        uint64_t n;

        if (!text || !strcmp(text, "none") ||
            (sv_parse_u64(text, SV_RELEASES_MAX, &n, "", NULL) == 0 && n))
                return 0;
        return sv_fail(err, SV_USAGE, "key.releases",
                       "expected a number from 1 to %d as --releases, or none, found '%.40s'",
                       SV_RELEASES_MAX, text);
}

static int check_label_form(const char *text, bool has_value, struct sv_err *err)
{
        size_t n = strcspn(text, "=");
        SV_STR name = sv_asprintf("%.*s", (int)n, text);

        if (sv_name_ok(name) && (has_value ? text[n] && sv_name_ok(text + n + 1) : !text[n]))
                return 0;
        return sv_fail(err, SV_USAGE, "key.label",
                       "expected %s as --%s, of 1 to %d letters, digits and \"_.-\" that do not "
                       "begin with a dot%s, found '%.80s'",
                       has_value ? "NAME=VALUE" : "NAME", has_value ? "label" : "no-label",
                       SV_NAME_MAX, has_value ? " each" : "", text);
}

static int read_label_args(const struct sv_args *args, const char *option, bool has_value,
                           const char *out[SV_LABELS_MAX], struct sv_err *err)
{
        const char *text;

        for (int i = 0; (text = sv_opt_nth(args, option, i)); i++) {
                if (i == SV_LABELS_MAX)
                        return sv_fail(err, SV_USAGE, "key.label",
                                       "a resource has at most %d labels", SV_LABELS_MAX);
                if (check_label_form(text, has_value, err) < 0)
                        return -1;
                out[i] = text;
        }
        return 0;
}

int sv_settings_from_args(const struct sv_args *args, struct sv_admin_settings *out,
                          struct sv_err *err)
{
        *out = (struct sv_admin_settings){.releases = sv_opt(args, "releases")};
        if (check_releases(out->releases, err) < 0 ||
            read_label_args(args, "label", true, out->labels, err) < 0)
                return -1;
        return read_label_args(args, "no-label", false, out->no_labels, err);
}

static int print_one_label(void *before, const char *name, struct sv_json *value,
                           struct sv_err *err)
{
        const char **space = before;

        printf("%s%s=%s", *space, name, sv_json_str(value));
        *space = " ";
        return 0;
}

bool sv_settings_print(const struct sv_json *row, const char *before)
{
        const struct sv_json *labels = sv_json_get(row, "labels");
        int64_t most = sv_json_int(sv_json_get(row, "releases"), 0);
        int64_t bytes = sv_json_int(sv_json_get(row, "provision"), 0);
        const char *space = before;

        if (!labels && !most && !bytes)
                return false;
        if (labels)
                sv_json_each(labels, print_one_label, &space, NULL);
        if (bytes)
                printf("%sits first guest makes it", labels ? ", " : before);
        if (most)
                printf("%sreleased %lld of %lld times", labels || bytes ? ", " : before,
                       (long long)sv_json_int(sv_json_get(row, "released"), 0), (long long)most);
        return true;
}
