/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm inspect: what a file says, in readable form. Nothing in it is verified, and the output
 * says so. */
#include "launcher/cli/commands.h"

#include <stdio.h>

#include "launcher/tees.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "attest/armor.h"
#include "launcher/cli/inspect-own.h"
#include "ovmf/inspect.h"

static int fail_unknown_file(struct sv_err *err)
{
        SV_BUF formats = SV_BUF_NULL;

        for (size_t i = 0; sv_tees_measure[i]; i++)
                if (sv_tees_measure[i]->formats)
                        sv_buf_printf(&formats, "; %s", sv_tees_measure[i]->formats);
        return sv_fail(err, SV_FORMAT, "inspect.kind",
                       "none of the formats that inspect knows: firmware, variable store, kernel, "
                       "unified kernel image, shim, encrypted disk, initramfs of ours, guest file, "
                       "policy, audit log, certificates, revocation list%s",
                       sv_buf_str(&formats));
}

/* The TEEs' own formats first: each knows its files by their beginning. */
static int inspect_file(const char *path, struct sv_bytes file, struct sv_json **out,
                        struct sv_err *err)
{
        for (size_t i = 0; sv_tees_measure[i]; i++) {
                if (sv_tees_measure[i]->inspect && sv_tees_measure[i]->inspect(file, out, err) < 0)
                        return -1;
                if (*out) {
                        sv_json_set_str(*out, "tee", sv_tees_measure[i]->id->name);
                        return 0;
                }
        }
        if (sv_ovmf_inspect(file, out, err) < 0)
                return -1;
        if (!*out && sv_inspect_own(path, file, out, err) < 0)
                return -1;
        return *out ? 0 : fail_unknown_file(err);
}

/* "events.3.pcr 0": names and positions joined by dots. */
static int print_member(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const char *prefix = arg;
        SV_STR full = sv_asprintf("%s%s%s", prefix, *prefix ? "." : "", name);
        SV_BUF text = SV_BUF_NULL;

        if (sv_json_type(value) == SV_JSON_OBJECT)
                return sv_json_each(value, print_member, full, err);
        if (sv_json_type(value) == SV_JSON_ARRAY) {
                for (size_t i = 0; i < sv_json_len(value); i++) {
                        char index[32];

                        snprintf(index, sizeof(index), "%zu", i);
                        if (print_member(full, index, sv_json_at(value, i), err) < 0)
                                return -1;
                }
                return 0;
        }
        if (!sv_json_str(value))
                sv_json_print(value, &text);
        printf("%s %s\n", full, sv_json_str(value) ? sv_json_str(value) : sv_buf_str(&text));
        return 0;
}

static int read_and_inspect(const char *path, struct sv_json **out, struct sv_err *err)
{
        SV_BUF file = SV_BUF_NULL;
        const char *form;

        if (sv_file_read(path, SV_KERNEL_SIZE_MAX, &file, "inspect.file", err) < 0 ||
            sv_armor_remove(&file, &form, err) < 0 ||
            inspect_file(path, sv_buf_bytes(&file), out, err) < 0)
                return -1;
        if (form)
                sv_json_set_str(*out, "text", form);
        return 0;
}

static int run_inspect(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_JSON *what = NULL;
        char none[] = "";

        if (sv_inspect_disk(args->pos[0], &what, err) < 0)
                return -1;
        if (!what && read_and_inspect(args->pos[0], &what, err) < 0)
                return -1;
        sv_json_set_bool(what, "verified", false);
        *result = sv_json_ref(what);
        return sv_has(args, "json") ? 0 : sv_json_each(what, print_member, none, err);
}

const struct sv_cmd sv_cmd_inspect = {
        .name = "inspect",
        .args = "FILE",
        .help = "say what a firmware image, kernel, disk, event log, report, certificate or other "
                "file of ours says; nothing is verified",
        .run = run_inspect,
};
