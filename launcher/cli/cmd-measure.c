/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm measure: what a guest's TEE will measure, from files alone, before anything runs. */
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "launcher/choose.h"
#include "base/core/file.h"
#include "guest/guest.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "base/core/text.h"
#include "launcher/cli/diff.h"
#include "launcher/cli/exposure.h"
#include "launcher/cli/measure-text.h"
#include "launcher/cli/pages.h"
#include "base/program/page.h"
#include "launcher/cli/warnings.h"
#include "launcher/keeper/owner.h"
#include "tee/warn.h"

#define MIB (1ull << 20)

static const struct sv_opt opts[] = {
        {.name = "tee", .arg = "T", .help = "the TEE, when the guest file leaves it to the host"},
        {.name = "firmware", .arg = "FILE", .help = "without a guest file: the firmware image"},
        {.name = "kernel", .arg = "FILE", .help = "without a guest file: the kernel"},
        {.name = "uki",
         .arg = "FILE",
         .help = "without a guest file: a unified kernel image, instead of a kernel"},
        {.name = "initrd", .arg = "FILE", .help = "without a guest file: the initramfs"},
        {.name = "cmdline",
         .arg = "S",
         .help = "without a guest file: the whole command line, exactly as it is"},
        {.name = "memory",
         .arg = "SIZE",
         .help = "without a guest file: the guest's memory (1GiB)"},
        {.name = "vcpus", .arg = "N", .help = "without a guest file: its CPUs (2)"},
        {.name = "cpu", .arg = "MODEL", .help = "without a guest file: its CPU model"},
        {.name = "shim",
         .arg = "FILE",
         .help = "without a guest file: a shim between firmware and kernel"},
        {.name = "all",
         .help = "also the other bank, what stays zero, whole digests and each input"},
        {.name = "explain", .help = "as a tree: each register, and what is measured into it"},
        {.name = "html",
         .arg = "FILE",
         .help = "with --explain: write it as a page by itself, to attach to a ticket"},
        {.name = "diff",
         .arg = "FILE",
         .help = "say which input makes this guest file (or result of measure --explain --json) "
                 "measure otherwise"},
        {.name = "event-log",
         .arg = "FILE",
         .help = "compare with the TCG event log of a boot; the first event that differs is the "
                 "error"},
        {0},
};

/* Options that describe a guest. Those of the TEEs (sv_tee_measure.options) become members of the
 * TEE's own object, which checks them. */
static const char *const flags[] = {"firmware", "kernel", "uki", "initrd", "cmdline",
                                    "memory",   "vcpus",  "cpu", "shim",   NULL};

static const struct sv_opt *get_tee_options(size_t i)
{
        for (size_t k = 0; sv_tees_measure[k]; k++)
                if (sv_tees_measure[k]->options && i-- == 0)
                        return sv_tees_measure[k]->options;
        return NULL;
}

static void set_text(char **member, const char *value)
{
        if (value)
                *member = sv_asprintf("%s", value);
}

static void set_tee_members(const struct sv_args *args, struct sv_guest *g)
{
        const struct sv_opt *o;
        struct sv_json *own = NULL;

        for (size_t i = 0; (o = get_tee_options(i)); i++) {
                for (; o->name; o++) {
                        const char *value = sv_opt(args, o->name);
                        SV_STR member = sv_asprintf("%s", o->name);

                        if (!value)
                                continue;
                        for (char *dash = member; (dash = strchr(dash, '-'));)
                                *dash = '_';
                        if (!own) {
                                g->tees = sv_json_object();
                                own = sv_json_set(g->tees, sv_opt(args, "tee"), sv_json_object());
                        }
                        sv_json_set_str(own, member, value);
                }
        }
}

/* A guest that only this command knows. */
static int make_guest_from_flags(const struct sv_args *args, struct sv_guest *g, struct sv_err *err)
{
        const char *memory = sv_opt(args, "memory"), *vcpus = sv_opt(args, "vcpus");
        uint64_t n = 2;

        if (!sv_opt(args, "tee"))
                return sv_fail(err, SV_USAGE, "measure.tee",
                               "without a guest file, --tee must say what to predict");
        if (sv_parse_size(memory ? memory : "1GiB", &g->memory, "measure.memory", err) < 0 ||
            (vcpus && sv_parse_u64(vcpus, 4096, &n, "measure.vcpus", err) < 0))
                return -1;
        /* Nothing is predicted of a guest that no guest file could describe. */
        if (g->memory % MIB || g->memory < 128 * MIB || g->memory > 1ull << 44)
                return sv_fail(err, SV_USAGE, "measure.memory",
                               "--memory: a multiple of 1 MiB, from 128 MiB to 16 TiB, was "
                               "expected, found %s",
                               memory);
        if (!n)
                return sv_fail(err, SV_USAGE, "measure.vcpus",
                               "--vcpus: at least 1 was expected, found %s", vcpus);
        g->vcpus = (unsigned)n;
        set_text(&g->name, "flags");
        set_text(&g->tee, sv_opt(args, "tee"));
        set_text(&g->firmware, sv_opt(args, "firmware"));
        set_text(&g->kernel, sv_opt(args, "kernel"));
        set_text(&g->uki, sv_opt(args, "uki"));
        set_text(&g->initrd, sv_opt(args, "initrd"));
        set_text(&g->shim, sv_opt(args, "shim"));
        set_text(&g->cmdline, sv_opt(args, "cmdline"));
        set_text(&g->cpu, sv_opt(args, "cpu"));
        g->cmdline_exact = true;
        set_tee_members(args, g);
        if (g->uki && g->kernel)
                return sv_fail(err, SV_USAGE, "measure.kernel",
                               "--uki and --kernel: one of them is what boots");
        if (g->initrd && !g->kernel)
                return sv_fail(err, SV_USAGE, "measure.initrd", "--initrd goes with --kernel");
        return 0;
}

static int refuse_flag(const struct sv_args *args, const char *flag, struct sv_err *err)
{
        return sv_has(args, flag)
                       ? sv_fail(err, SV_USAGE, "measure.flags",
                                 "--%s and a guest file: the guest file already says it", flag)
                       : 0;
}

static int get_guest(const struct sv_args *args, struct sv_guest *g, struct sv_err *err)
{
        const struct sv_opt *o;

        if (args->n == 0)
                return make_guest_from_flags(args, g, err);
        for (size_t i = 0; flags[i]; i++)
                if (refuse_flag(args, flags[i], err) < 0)
                        return -1;
        for (size_t i = 0; (o = get_tee_options(i)); i++)
                for (; o->name; o++)
                        if (refuse_flag(args, o->name, err) < 0)
                                return -1;
        return sv_guest_take(args->pos[0], g, err);
}

static void add_steps(struct sv_json *result, const struct sv_measurement *m)
{
        struct sv_json *list = sv_json_set(result, "steps", sv_json_array());

        for (size_t i = 0; i < m->n_steps; i++) {
                const struct sv_measure_step *s = &m->steps[i];
                struct sv_json *row = sv_json_add(list, sv_json_object());

                sv_json_set_str(row, "register", s->reg);
                sv_json_set_str(row, "type", s->type);
                sv_json_set_str(row, "what", s->what);
                for (int b = 0; b < 2; b++)
                        if (s->digest_size[b])
                                sv_json_set_hex(row, b ? "sha384" : "sha256",
                                                sv_bytes(s->digest[b], s->digest_size[b]));
                if (s->inputs)
                        sv_json_set(row, "inputs", sv_json_ref(s->inputs));
        }
}

/* Side by side with what a boot measured; the rows are shown also when one of them is the error. */
static int compare_expected(const struct sv_args *args, const struct sv_tee_measure *tee,
                            const struct sv_measurement *m, const char *path, struct sv_json *rows,
                            struct sv_err *err)
{
        SV_BUF log = SV_BUF_NULL;
        int r;

        if (!tee->compare)
                return sv_fail(
                        err, SV_USAGE, "measure.event-log",
                        "guests on %s keep no event log that a prediction could be compared with",
                        tee->id->name);
        if (sv_file_read(path, SV_EVENTLOG_SIZE_MAX, &log, "measure.event-log", err) < 0)
                return -1;
        r = tee->compare(m, sv_buf_bytes(&log), rows, err);
        for (size_t i = 0;
             sv_has(args, "explain") && !sv_has(args, "json") && i < sv_json_len(rows); i++)
                printf("%s\n", sv_json_str(sv_json_get(sv_json_at(rows, i), "text")));
        if (r == 0)
                sv_info("every predicted register is as in the event log");
        return r < 0 && strcmp(err->check, "measure.differs") ? sv_wrap(err, "%s", path) : r;
}

/* A result of measure: what --json prints. */
static struct sv_json *make_result(const struct sv_tee_measure *tee, const struct sv_measurement *m,
                                   bool steps)
{
        struct sv_json *result = sv_measurement_json(tee->id, m);

        if (steps)
                add_steps(result, m);
        return result;
}

/* With --explain and an event log, its comparison stands in place of the steps. */
static void print_result(const struct sv_args *args, struct sv_json *result)
{
        SV_JSON *values = sv_json_object();

        sv_json_set(values, "measurements", sv_json_ref(sv_json_get(result, "measurements")));
        sv_json_set(values, "unpredicted", sv_json_ref(sv_json_get(result, "unpredicted")));
        sv_measure_print(sv_opt(args, "event-log") ? values : result, sv_has(args, "all"));
}

static int report_measurement(const struct sv_args *args, const struct sv_tee_measure *tee,
                              const struct sv_measurement *m, struct sv_json **result,
                              struct sv_err *err)
{
        const char *log = sv_opt(args, "event-log");
        SV_JSON *rows = sv_json_array();

        if (log && compare_expected(args, tee, m, log, rows, err) < 0)
                return -1;
        *result = make_result(tee, m, sv_has(args, "explain"));
        if (!sv_has(args, "json") && !sv_has(args, "html"))
                print_result(args, *result);
        if (log)
                sv_json_set(*result, "events", sv_json_ref(rows));
        return 0;
}

static int measure_guest(const struct sv_args *args, const struct sv_guest *guest,
                         const struct sv_tee_measure **tee, struct sv_measurement *m,
                         struct sv_err *err)
{
        const struct sv_tee_host *host;

        if (sv_tee_choose(sv_opt(args, "tee"), guest, SV_CHOOSE_ANY, &host, err) < 0 ||
            sv_tee_choose_measure(host->id, tee, err) < 0 || sv_tee_takes(host->id, guest, err) < 0)
                return -1;
        return sv_tee_predict(*tee, guest, m, err);
}

/* One side of --diff: a guest file is measured, a result is taken as it is. */
static int read_side(const struct sv_args *args, const char *path, struct sv_json **out,
                     struct sv_err *err)
{
        struct sv_measurement m = {0};
        const struct sv_tee_measure *tee;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *doc = NULL;
        SV_GUEST g = {0};

        if (!sv_defined_has(path) &&
            sv_file_read(path, SV_JSON_SIZE_MAX, &text, "measure.diff", err) < 0)
                return -1;
        if (sv_json_parse(sv_buf_bytes(&text), "measure.diff", &doc, NULL) == 0 &&
            sv_json_get(doc, "measurements")) {
                *out = sv_json_ref(doc);
                return 0;
        }
        if (sv_guest_take(path, &g, err) < 0 || measure_guest(args, &g, &tee, &m, err) < 0)
                return sv_wrap(err, "%s", path);
        *out = make_result(tee, &m, true);
        sv_measurement_free(&m);
        return 0;
}

static void print_difference(const struct sv_json *row)
{
        const struct sv_diff_marks marks = {.name = sv_colour(STDOUT_FILENO, SV_COLOUR_BOLD),
                                            .before = sv_colour(STDOUT_FILENO, SV_COLOUR_RED),
                                            .after = sv_colour(STDOUT_FILENO, SV_COLOUR_GREEN),
                                            .end = sv_colour(STDOUT_FILENO, SV_COLOUR_NONE)};
        SV_BUF line = SV_BUF_NULL;

        sv_diff_put_row(row, &marks, &line);
        printf("%s\n", sv_buf_str(&line));
}

/* "--diff A B": A before, B after. */
static int diff_guests(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_JSON *a = NULL, *b = NULL;
        struct sv_json *rows;
        int r;

        if (args->n != 1)
                return sv_fail(err, SV_USAGE, "measure.diff",
                               "--diff compares two guest files, or two results of measure "
                               "--explain --json: --diff A B");
        if (read_side(args, sv_opt(args, "diff"), &a, err) < 0 ||
            read_side(args, args->pos[0], &b, err) < 0)
                return -1;
        *result = sv_json_object();
        rows = sv_json_set(*result, "differences", sv_json_array());
        r = sv_measure_diff(a, b, rows, err);
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(rows); i++)
                print_difference(sv_json_at(rows, i));
        if (r == 0)
                sv_info("both measure the same");
        return r;
}

static int write_measure_page(const char *path, const struct sv_guest *g,
                              const struct sv_json *result, struct sv_err *err)
{
        SV_BUF page = SV_BUF_NULL;

        sv_page_of_measurement(g, result, &page);
        return sv_page_write(path, 0666, &page, err);
}

static int run_measure(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST guest = {0};
        struct sv_measurement m = {0};
        const struct sv_tee_measure *tee;
        struct sv_json *warnings;
        int r;

        if (sv_has(args, "diff"))
                return diff_guests(args, result, err);
        if (sv_has(args, "html") && !sv_has(args, "explain"))
                return sv_fail(err, SV_USAGE, "measure.html",
                               "--html is the page of --explain; give both");
        if (get_guest(args, &guest, err) < 0 || measure_guest(args, &guest, &tee, &m, err) < 0)
                return -1;
        warnings = sv_json_array();
        r = args->n ? sv_check_exposure(tee->id, &guest, warnings, err) : 0;
        sv_warn_acceptance(tee->id, &guest, sv_owner_open, warnings);
        if (r == 0)
                r = report_measurement(args, tee, &m, result, err);
        sv_warnings_report(warnings, *result);
        if (r == 0 && sv_opt(args, "html"))
                r = write_measure_page(sv_opt(args, "html"), &guest, *result, err);
        sv_measurement_free(&m);
        return r;
}

const struct sv_cmd sv_cmd_measure = {
        .name = "measure",
        .args = "[GUEST.json]",
        .help = "predict the measurements of a guest from its files",
        .opts = opts,
        .more_opts = get_tee_options,
        .run = run_measure,
};
