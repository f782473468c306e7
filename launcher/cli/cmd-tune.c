/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm tune: the host's settings that guests are faster or more with. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/program/page.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/pages.h"
#include "launcher/keeper/state.h"
#include "launcher/tune/apply.h"
#include "launcher/tune/knob.h"

static char *find_record_folder(void)
{
        SV_STR base = sv_state_base();

        return sv_asprintf("%s/.tune", base);
}

static const char *read_root_option(const struct sv_args *args)
{
        const char *root = sv_opt(args, "root");

        return root && strcmp(root, "/") != 0 ? root : "";
}

/* --- what is asked for --- */

struct tune_words {
        const char *hugepages[SV_ARGS_MAX + 1], *schedulers[SV_ARGS_MAX + 1],
                *only[SV_ARGS_MAX + 1], *skip[SV_ARGS_MAX + 1];
};

static void collect_words(const struct sv_args *args, const char *option, const char **list)
{
        for (int i = 0; i < SV_ARGS_MAX && (list[i] = sv_opt_nth(args, option, i)); i++)
                ;
}

static struct sv_tune_ask make_ask(const struct sv_args *args, const struct tune_words *w,
                                   bool take)
{
        return (struct sv_tune_ask){
                .root = read_root_option(args),
                .take = take,
                .hugepages = w->hugepages,
                .schedulers = w->schedulers,
                .only = w->only,
                .skip = w->skip,
        };
}

static int read_ask(const struct sv_args *args, struct tune_words *w, struct sv_tune_ask *ask,
                    struct sv_err *err)
{
        const char *profile = sv_opt(args, "profile");

        collect_words(args, "hugepages", w->hugepages);
        collect_words(args, "scheduler", w->schedulers);
        collect_words(args, "only", w->only);
        collect_words(args, "skip", w->skip);
        *ask = make_ask(args, w, sv_has(args, "take"));
        if (!profile)
                return sv_fail(err, SV_USAGE, "tune.profile",
                               "which profile? --profile takes latency, throughput or density; "
                               "\"secure-vm tune profile\" says what each is for");
        return sv_tune_parse_profile(profile, &ask->profile, err);
}

/* --- as text --- */

static void print_paths(const struct sv_json *paths)
{
        size_t n = sv_json_len(paths);

        printf("    %s", sv_json_str(sv_json_at(paths, 0)));
        if (n > 1)
                printf(" … %s (%zu)", sv_json_str(sv_json_at(paths, n - 1)), n);
        putchar('\n');
}

static void print_setting(const struct sv_json *s)
{
        const char *action = sv_json_text(s, "action", ""), *why = sv_json_text(s, "why", NULL),
                   *now = sv_json_text(s, "now", "");
        bool set = !strcmp(action, "set"), left = !strcmp(action, "left");

        print_paths(sv_json_get(s, "paths"));
        printf("        %s%s%s%s%s%s%s%s\n", *now ? now : "\"\"", set ? " -> " : "",
               sv_colour(STDOUT_FILENO, set ? SV_COLOUR_YELLOW : SV_COLOUR_NONE),
               set ? sv_json_text(s, "wanted", "") : "", sv_colour(STDOUT_FILENO, SV_COLOUR_NONE),
               set    ? ""
               : left ? ", left"
                      : ", as wanted",
               why ? ": " : "", why ? why : "");
}

static void print_reasons(const struct sv_json *knob)
{
        static const char *const rows[] = {"why", "gain", "source", "hurts", "risk"};

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *text = sv_json_text(knob, rows[i], NULL);

                if (text)
                        printf("        %-8s%s\n", rows[i], text);
        }
}

/* The reasons once for each knob, behind its last group, and only where something is to change. */
static void print_plan(const struct sv_json *plan)
{
        const struct sv_json *list = sv_json_get(plan, "settings"),
                             *knobs = sv_json_get(plan, "knobs");
        size_t n = sv_json_len(list), sets = 0;
        const char *before = "";
        bool changes = false;

        for (size_t i = 0; i < n; i++) {
                const struct sv_json *s = sv_json_at(list, i), *next = sv_json_at(list, i + 1);
                const char *name = sv_json_text(s, "knob", "");
                const struct sv_json *knob = sv_json_get(knobs, name);

                if (strcmp(name, before) != 0) {
                        printf("%s: %s\n", name, sv_json_text(knob, "what", ""));
                        changes = false;
                }
                before = name;
                print_setting(s);
                if (!strcmp(sv_json_text(s, "action", ""), "set")) {
                        changes = true;
                        sets += sv_json_len(sv_json_get(s, "paths"));
                }
                if (changes && (!next || strcmp(sv_json_text(next, "knob", ""), name) != 0))
                        print_reasons(knob);
        }
        printf("profile %s: %zu to be changed\n", sv_json_text(plan, "profile", ""), sets);
}

/* --- plan --- */

static int run_tune_plan(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *page = sv_opt(args, "html");
        SV_TUNE_PLAN plan = {.n = 0};
        struct tune_words words = {{0}};
        struct sv_tune_ask ask;

        if (read_ask(args, &words, &ask, err) < 0 || sv_tune_make_plan(&ask, &plan, err) < 0)
                return -1;
        *result = sv_tune_plan_json(&plan, err);
        if (!*result)
                return -1;
        if (page) {
                SV_BUF html = SV_BUF_NULL;

                sv_page_of_tuning(&plan, *result, &html);
                if (sv_page_write(page, 0666, &html, err) < 0)
                        return -1;
        }
        if (!sv_has(args, "json") && !page)
                print_plan(*result);
        return 0;
}

/* --- apply --- */

/* The plan's own profile and options count: what was shown is what is done. */
static void take_words(const struct sv_json *options, const char *member, const char **list)
{
        const struct sv_json *a = sv_json_get(options, member);

        for (size_t i = 0; i < sv_json_len(a) && i < SV_ARGS_MAX; i++)
                list[i] = sv_json_str(sv_json_at(a, i));
}

static int read_plan(const struct sv_args *args, struct sv_json **said, struct tune_words *w,
                     struct sv_tune_ask *ask, struct sv_err *err)
{
        const char *path = args->pos[0];
        const struct sv_json *options;
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, SV_JSON_SIZE_MAX, &text, "tune.plan", err) < 0 ||
            sv_json_parse(sv_buf_bytes(&text), "tune.plan", said, err) < 0)
                return -1;
        options = sv_json_get(*said, "options");
        take_words(options, "hugepages", w->hugepages);
        take_words(options, "scheduler", w->schedulers);
        take_words(options, "only", w->only);
        take_words(options, "skip", w->skip);
        *ask = make_ask(args, w, sv_json_bool(sv_json_get(options, "take"), false));
        if (sv_tune_parse_profile(sv_json_text(*said, "profile", ""), &ask->profile, NULL) < 0)
                return sv_fail(err, SV_FORMAT, "tune.plan",
                               "%s is no plan: \"secure-vm tune plan --json\" writes one", path);
        return 0;
}

static int refuse_options_beside_plan(const struct sv_args *args, struct sv_err *err)
{
        for (int i = 0; i < args->n_opts; i++)
                if (strcmp(args->opts[i].opt->name, "root") != 0 &&
                    strcmp(args->opts[i].opt->name, "json") != 0)
                        return sv_fail(err, SV_USAGE, "tune.options",
                                       "--%s and a plan: the plan has its profile and options; "
                                       "make another one to have it otherwise",
                                       args->opts[i].opt->name);
        return 0;
}

static int run_tune_apply(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_STR dir = find_record_folder();
        SV_TUNE_PLAN plan = {.n = 0};
        SV_JSON *said = NULL;
        SV_JSON *now = NULL;
        struct tune_words words = {{0}};
        struct sv_tune_ask ask;

        if (args->n ? refuse_options_beside_plan(args, err) < 0 ||
                              read_plan(args, &said, &words, &ask, err) < 0
                    : read_ask(args, &words, &ask, err) < 0)
                return -1;
        if (sv_tune_make_plan(&ask, &plan, err) < 0)
                return -1;
        now = sv_tune_plan_json(&plan, err);
        if (!now)
                return -1;
        if (said && sv_tune_compare_plans(said, now, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "profile", sv_tune_profiles[ask.profile]);
        if (sv_tune_apply(&plan, dir, *result, err) < 0)
                return -1;
        if (sv_has(args, "json"))
                return 0;
        if (!said)
                print_plan(now);
        for (size_t i = 0; i < sv_json_len(sv_json_get(*result, "left")); i++)
                sv_info("%s is left: the kernel places this interrupt by itself",
                        sv_json_str(sv_json_at(sv_json_get(*result, "left"), i)));
        printf("%lld changed; \"secure-vm tune undo\" restores what was there\n",
               (long long)sv_json_int(sv_json_get(*result, "changed"), 0));
        return 0;
}

/* --- undo and check --- */

static int run_tune_undo(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_STR dir = find_record_folder();
        const struct sv_json *kept;

        *result = sv_json_object();
        if (sv_tune_undo(read_root_option(args), dir, *result, err) < 0)
                return -1;
        kept = sv_json_get(*result, "kept");
        if (sv_has(args, "json"))
                return 0;
        for (size_t i = 0; i < sv_json_len(kept); i++)
                printf("%s stays: %s\n", sv_json_text(sv_json_at(kept, i), "path", ""),
                       sv_json_text(sv_json_at(kept, i), "why", ""));
        printf("%lld of %lld restored\n",
               (long long)sv_json_int(sv_json_get(*result, "restored"), 0),
               (long long)sv_json_int(sv_json_get(*result, "settings"), 0));
        return 0;
}

static int run_tune_check(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_STR dir = find_record_folder();
        const char *metrics = sv_opt(args, "prometheus");
        const struct sv_json *list, *lost;
        int r;

        *result = sv_json_object();
        r = sv_tune_check(read_root_option(args), dir, *result, err);
        if (metrics) {
                SV_BUF text = SV_BUF_NULL;
                struct sv_err second = SV_ERR_NULL;

                sv_tune_put_metrics(*result, time(NULL), &text);
                if (sv_output_write(metrics, 0644, sv_buf_bytes(&text), r < 0 ? &second : err) < 0)
                        return -1;
        }
        list = sv_json_get(*result, "differences");
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(list); i++) {
                const struct sv_json *d = sv_json_at(list, i);

                printf("%s: %s is %s, applied was %s\n", sv_json_text(d, "knob", ""),
                       sv_json_text(d, "path", ""), sv_json_text(d, "found", "gone"),
                       sv_json_text(d, "wanted", ""));
        }
        lost = sv_json_get(*result, "lost_paths");
        for (size_t i = 0; !sv_has(args, "json") && i < sv_json_len(lost); i++)
                printf("%s is %s, expected live\n", sv_json_text(sv_json_at(lost, i), "path", ""),
                       sv_json_text(sv_json_at(lost, i), "found", ""));
        if (r == 0 && !sv_has(args, "json"))
                printf("profile %s: all of %lld settings are as applied\n",
                       sv_json_text(*result, "profile", ""),
                       (long long)sv_json_int(sv_json_get(*result, "settings"), 0));
        return r;
}

/* --- profile --- */

static struct sv_json *make_knob_row(const struct sv_knob *k)
{
        struct sv_json *row = sv_json_object(), *wishes;

        sv_json_set_str(row, "name", k->name);
        sv_json_set_str(row, "interface", k->interface);
        sv_json_set_str(row, "what", k->what);
        wishes = sv_json_set(row, "wanted", sv_json_object());
        for (int i = 0; i < SV_TUNE_PROFILES; i++) {
                struct sv_json *w = sv_json_set(wishes, sv_tune_profiles[i], sv_json_object());

                sv_json_set_str(w, "value", k->wish[i].value);
                sv_json_set_str(w, "why", k->wish[i].why);
        }
        sv_knob_put_reasons(k, row);
        sv_tune_put_owners(k->owners, sv_json_set(row, "daemons", sv_json_array()));
        return row;
}

static void print_profile(enum sv_tune_profile p)
{
        const struct sv_knob *k;

        printf("%s: %s\n", sv_tune_profiles[p], sv_tune_profile_texts[p]);
        for (size_t i = 0; (k = sv_knob_at(i)); i++)
                printf("  %-22s %s\n  %-22s %s\n", k->name,
                       k->wish[p].value ? k->wish[p].value : "stays as it is", "", k->wish[p].why);
}

static int run_tune_profile(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_json *list, *profiles;
        enum sv_tune_profile one = SV_TUNE_PROFILES;
        const struct sv_knob *k;

        if (args->n && sv_tune_parse_profile(args->pos[0], &one, err) < 0)
                return -1;
        *result = sv_json_object();
        profiles = sv_json_set(*result, "profiles", sv_json_object());
        for (int i = 0; i < SV_TUNE_PROFILES; i++)
                sv_json_set_str(profiles, sv_tune_profiles[i], sv_tune_profile_texts[i]);
        list = sv_json_set(*result, "knobs", sv_json_array());
        for (size_t i = 0; (k = sv_knob_at(i)); i++)
                sv_json_add(list, make_knob_row(k));
        if (sv_has(args, "json"))
                return 0;
        if (args->n)
                print_profile(one);
        for (int i = 0; !args->n && i < SV_TUNE_PROFILES; i++)
                printf("%-11s %s\n", sv_tune_profiles[i], sv_tune_profile_texts[i]);
        return 0;
}

#define PROFILE_OPTION                                                                 \
        {                                                                              \
                .name = "profile", .arg = "latency|throughput|density", .letter = 'p', \
                .help = "what the host is for; \"secure-vm tune profile\" says more"   \
        }
#define ASK_OPTIONS                                                                        \
        {.name = "hugepages",                                                              \
         .arg = "NODE:SIZE",                                                               \
         .help = "keep so much memory of a node in pages of 2 MiB (0:16GiB)",              \
         .many = true},                                                                    \
                {.name = "scheduler",                                                      \
                 .arg = "DEVICE=NAME",                                                     \
                 .help = "this scheduler for a block device, not that of its kind",        \
                 .many = true},                                                            \
                {.name = "only",                                                           \
                 .arg = "KNOB",                                                            \
                 .help = "look at no other knobs than these",                              \
                 .many = true},                                                            \
                {.name = "skip", .arg = "KNOB", .help = "leave this knob", .many = true},  \
        {                                                                                  \
                .name = "take",                                                            \
                .help = "change also what tuned, irqbalance, numad or another daemon sets" \
        }
#define ROOT_OPTION                                                                 \
        {                                                                           \
                .name = "root", .arg = "DIR",                                       \
                .help = "the kernel's files are below this folder: a recorded host" \
        }

static const struct sv_opt plan_opts[] = {
        PROFILE_OPTION,
        ASK_OPTIONS,
        {.name = "html", .arg = "FILE", .help = "write the plan, and a picture of the host, there"},
        ROOT_OPTION,
        {0},
};
static const struct sv_opt apply_opts[] = {PROFILE_OPTION, ASK_OPTIONS, ROOT_OPTION, {0}};
static const struct sv_opt undo_opts[] = {ROOT_OPTION, {0}};
static const struct sv_opt check_opts[] = {
        {.name = "prometheus",
         .arg = "FILE",
         .help = "write what was found there, for node_exporter's textfile collector"},
        ROOT_OPTION,
        {0},
};

const struct sv_cmd sv_cmd_tune_plan = {
        "tune plan", "", "what to change on this host for its guests, and why; changes nothing",
        plan_opts, run_tune_plan};
const struct sv_cmd sv_cmd_tune_apply = {"tune apply", "[FILE]",
                                         "change what a plan shows, all or nothing", apply_opts,
                                         run_tune_apply};
const struct sv_cmd sv_cmd_tune_check = {
        "tune check", "", "is this host still as it was tuned? Names each difference", check_opts,
        run_tune_check};
const struct sv_cmd sv_cmd_tune_undo = {
        "tune undo", "", "restore what was there before the first apply", undo_opts, run_tune_undo};
const struct sv_cmd sv_cmd_tune_profile = {"tune profile", "[PROFILE]",
                                           "the profiles, or what one wants of each knob", NULL,
                                           run_tune_profile};
