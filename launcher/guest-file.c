/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/guest-file.h"

#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/choose.h"
#include "launcher/host/descriptors.h"

static int check_guest_tee(const struct sv_guest *g, struct sv_err *err)
{
        const struct sv_tee_host *tee;

        if (!strcmp(g->tee, "auto") || sv_tee_choose(NULL, g, SV_CHOOSE_ANY, &tee, err) == 0)
                return 0;
        return sv_guest_wrap(g, "/tee", err);
}

static int fail_unknown_section(const struct sv_guest *g, const char *name, struct sv_err *err)
{
        SV_STR pointer = sv_asprintf("/tees/%s", name);
        char hint[SV_TEE_HINT_SIZE];

        sv_fail(err, SV_USAGE, "guest.tees.unknown", "no TEE is called \"%.40s\"; %s", name,
                sv_tee_suggest(name, hint));
        return sv_guest_wrap(g, pointer, err);
}

/* Of each TEE, not only of the one that the guest runs under: "auto" takes what the host has. */
static int check_tee_section(void *arg, const char *name, struct sv_json *section,
                             struct sv_err *err)
{
        const struct sv_tee_host *tee = sv_tee_find_host(name);
        const struct sv_guest *g = arg;

        (void)section;
        if (!tee)
                return fail_unknown_section(g, name, err);
        return tee->check_options(g, err) < 0 ? sv_guest_wrap_check(g, name, err) : 0;
}

static int check_guest_tees(struct sv_guest *g, struct sv_err *err)
{
        if (check_guest_tee(g, err) < 0)
                return -1;
        return g->tees ? sv_json_each(g->tees, check_tee_section, g, err) : 0;
}

/* The distribution's usual file as ever; where that is not there, or features are asked for, what
 * QEMU's descriptors say. What follows measures, copies and boots one file by its path. */
static int choose_firmware(struct sv_guest *g, struct sv_err *err)
{
        const struct sv_tee_host *tee;
        struct sv_err why = SV_ERR_NULL;

        if (g->firmware || (!g->n_firmware_features && !strcmp(g->tee, "auto")))
                return 0;
        if (sv_tee_choose(NULL, g, SV_CHOOSE_ANY, &tee, err) < 0)
                return sv_guest_wrap_member(g, "firmware_features", err);
        if (!g->n_firmware_features && access(sv_tee_firmware(tee->id, g), R_OK) == 0)
                return 0;
        g->firmware = sv_descriptors_find("", tee->id->firmware_feature, g->firmware_features,
                                          g->n_firmware_features, &why);
        if (g->firmware || !g->n_firmware_features)
                return 0; /* whoever opens it says that the usual one is not there */
        *err = why;
        return sv_guest_wrap_member(g, "firmware_features", err);
}

/* Hands over what holds. */
static int take_checked(struct sv_guest *g, struct sv_guest *out, struct sv_err *err)
{
        if (check_guest_tees(g, err) < 0 || choose_firmware(g, err) < 0)
                return -1;
        *out = *g;
        *g = (struct sv_guest){0};
        return 0;
}

int sv_guest_file_read(const char *path, struct sv_guest *out, struct sv_err *err)
{
        SV_GUEST g = {0};

        return sv_guest_read(path, &g, err) < 0 ? -1 : take_checked(&g, out, err);
}

int sv_guest_file_parse(struct sv_bytes text, const char *file, const char *dir,
                        struct sv_guest *out, struct sv_err *err)
{
        SV_GUEST g = {0};

        return sv_guest_parse(text, file, dir, &g, err) < 0 ? -1 : take_checked(&g, out, err);
}
