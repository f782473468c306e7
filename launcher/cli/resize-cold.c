/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/resize-cold.h"

#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "launcher/choose.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/measure-text.h"
#include "launcher/cli/resize-edit.h"
#include "launcher/cli/update-guest.h"
#include "launcher/guest-file.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"

/* --- the guest before and after --- */

struct change {
        const struct sv_args *args;
        struct sv_guest before, after;
        struct sv_buf text; /* of after */
};

static void free_change(struct change *c)
{
        sv_guest_free(&c->before);
        sv_guest_free(&c->after);
        sv_buf_free(&c->text);
}

static int parse_after(struct change *c, struct sv_guest *out, struct sv_err *err)
{
        if (sv_guest_file_parse(sv_buf_bytes(&c->text), c->before.file, c->before.dir, out, err) <
            0)
                return -1;
        out->owner = c->before.owner;
        return 0;
}

/* A restart takes the whole file: what else was changed in it would come along unasked. */
static int check_running_file(const struct sv_guest *g, const struct sv_json *status,
                              struct sv_err *err)
{
        const char *runs = sv_json_text(status, "guest_sha256", ""),
                   *state = sv_json_text(status, "state", "");
        char digest[65];

        if (!*runs || sv_life_is_final(sv_life_from_word(state)) || !strcmp(state, "defined"))
                return 0;
        if (sv_sha256_hex(sv_bytes_str(g->text), digest, err) < 0)
                return -1;
        if (!strcmp(runs, digest))
                return 0;
        return sv_fail(err, SV_USAGE, "resize.changed",
                       "%s is not what the guest was launched from, and a restart would take all "
                       "of it: \"secure-vm update %s\" does that, change \"vcpus\" and \"memory\" "
                       "with it",
                       g->file, g->name);
}

/* Only one that is not there does not run for sure; *status is NULL then. */
static int find_status(const char *name, struct sv_json **status, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        if (sv_keeper_choose(NULL)->show(NULL, name, status, &why) == 0 ||
            !strcmp(why.check, "state.absent"))
                return 0;
        *err = why;
        return sv_wrap(err, "whether guest %s runs is not to be told", name);
}

static int read_change(struct change *c, struct sv_err *err)
{
        const char *name = c->args->pos[0], *vcpus = sv_opt(c->args, "vcpus"),
                   *memory = sv_opt(c->args, "memory");
        SV_JSON *status = NULL;

        if (!sv_defined_has(name))
                return sv_fail(err, SV_USAGE, "resize.undefined",
                               "no guest is defined as \"%s\": change \"vcpus\" and \"memory\" in "
                               "its guest file and \"secure-vm update FILE\", or \"secure-vm "
                               "define FILE\" first",
                               name);
        if (sv_defined_read(name, &c->before, err) < 0)
                return -1;
        if (find_status(name, &status, err) < 0 || check_running_file(&c->before, status, err) < 0)
                return -1;
        if (sv_resize_edit(&c->before, vcpus, memory, &c->text, err) < 0 ||
            parse_after(c, &c->after, err) < 0)
                return -1;
        if (c->after.vcpus != c->before.vcpus || c->after.memory != c->before.memory)
                return 0;
        return sv_fail(err, SV_USAGE, "resize.same",
                       "guest %s has that many vCPUs and that much memory already", name);
}

/* The definition follows the policy, so that what is started at any moment after it has its key. */
static int change_definition(void *arg, struct sv_err *err)
{
        struct change *c = arg;
        SV_GUEST after = {0};

        return parse_after(c, &after, err) < 0 ? -1 : sv_defined_change(&c->before, &after, err);
}

/* --- what it will measure --- */

static int put_measurement(const struct sv_guest *g, struct sv_json *out, struct sv_err *err)
{
        __attribute__((cleanup(sv_measurement_free))) struct sv_measurement m = {0};
        const struct sv_tee_measure *measures;
        const struct sv_tee_host *tee;

        if (sv_tee_choose(NULL, g, SV_CHOOSE_ANY, &tee, err) < 0 ||
            sv_tee_choose_measure(tee->id, &measures, err) < 0 ||
            sv_tee_predict(measures, g, &m, err) < 0)
                return -1;
        sv_json_set(out, "measurements", sv_json_ref(m.values));
        sv_json_set(out, "unpredicted",
                    m.unpredicted ? sv_json_ref(m.unpredicted) : sv_json_array());
        return 0;
}

static struct sv_json *describe_size(const struct sv_guest *g)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_int(j, "vcpus", g->vcpus);
        sv_json_set_int(j, "memory", (int64_t)g->memory);
        return j;
}

static int show_change(const struct change *c, struct sv_json *result, struct sv_err *err)
{
        struct sv_json *before = sv_json_set(result, "before", describe_size(&c->before)),
                       *after = sv_json_set(result, "after", describe_size(&c->after));
        char was[32], is[32];

        if (put_measurement(&c->before, before, err) < 0 ||
            put_measurement(&c->after, after, err) < 0)
                return -1;
        if (sv_has(c->args, "json"))
                return 0;
        printf("guest %s: %u vCPUs, %s; to be %u vCPUs, %s\n", c->before.name, c->before.vcpus,
               sv_format_size(c->before.memory, was), c->after.vcpus,
               sv_format_size(c->after.memory, is));
        if (sv_json_equal(sv_json_get(before, "measurements"), sv_json_get(after, "measurements")))
                printf("it measures the same as before\n");
        else
                sv_measure_print(after, false);
        return 0;
}

/* --- the way --- */

static int check_reach(const struct sv_args *args, struct sv_err *err)
{
        if (!sv_has(args, "connect"))
                return 0;
        return sv_fail(err, SV_USAGE, "resize.keeper",
                       "vCPUs and memory are what a guest boots with; under a daemon: change "
                       "\"vcpus\" and \"memory\" in its guest file, \"secure-vm policy FILE "
                       "--put\", \"secure-vm destroy %s --connect URI\", \"secure-vm launch FILE "
                       "--connect URI\"",
                       args->pos[0]);
}

/* One that is off only gets its definition: without a broker there is no policy, with one the
 * update launches it, to see that it gets its key. */
static int apply_change(struct change *c, struct sv_json *result, struct sv_err *err)
{
        const struct sv_update_guest u = {.args = c->args,
                                          .guest = &c->after,
                                          .ready = change_definition,
                                          .arg = c,
                                          .restarts = true};
        SV_JSON *status = NULL;

        if (c->after.attestation.resource)
                return sv_update_take(&u, result, err);
        if (find_status(c->before.name, &status, err) < 0)
                return -1;
        return status && !sv_life_is_final(sv_life_from_word(sv_json_text(status, "state", "")))
                       ? sv_update_restart(&u, result, err)
                       : change_definition(c, err);
}

int sv_resize_cold(const struct sv_args *args, struct sv_json *result, struct sv_err *err)
{
        __attribute__((cleanup(free_change))) struct change c = {.args = args};

        if (check_reach(args, err) < 0 || read_change(&c, err) < 0)
                return -1;
        sv_json_set_str(result, "name", c.before.name);
        if (show_change(&c, result, err) < 0)
                return -1;
        if (sv_has(args, "dry-run"))
                return 0;
        return apply_change(&c, result, err);
}
