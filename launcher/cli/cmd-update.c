/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm update: a guest gets new files without a time in which its key is for nobody. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/choose.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/exposure.h"
#include "launcher/cli/guest-policy.h"
#include "launcher/cli/launch-guest.h"
#include "launcher/cli/own-lease.h"
#include "launcher/cli/update-guest.h"
#include "launcher/cli/update-reference.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/life.h"
#include "policy/set-form.h"
#include "policy/update.h"

#define DOWN_SECONDS   60
/* Longer than the agent asks for a disk that another instance still has. */
#define LAUNCH_SECONDS (SV_LEASE_TRIES * SV_LEASE_PAUSE_MS / 1000 + 300)

static const struct sv_opt opts[] = {
        {.name = "prepare",
         .help = "let the policy accept the new files beside the old ones, no more"},
        {.name = "finish", .help = "retire all but the newest, which was seen to get its key"},
        {.name = "again", .help = "accept a state that was retired once more"},
        {.name = "name", .arg = "TEXT", .help = "what to call the new state in the policy"},
        {.name = "timeout",
         .arg = "SECONDS",
         .help = "how long to wait for the guest to shut down (60)"},
        {.name = "author-key",
         .arg = "FILE",
         .help = "of a policy that names a reference set: sign the next generation with this key "
                 "(PEM)"},
        {.name = "force", .help = "end it when it has not shut down by then", .letter = 'f'},
        SV_ADMIN_OPTS,
        {0},
};

struct update {
        const struct sv_args *args;
        const struct sv_update_guest *asked;
        struct sv_guest guest;
        struct sv_admin *admin;
        struct sv_buf text; /* of the policy that the broker has, as it was read or put last */
        struct sv_policy *kept;
        const char *resource;
        int64_t generation; /* of the new state */
        bool changed;       /* the policy, its reference set, or what runs */
};

static void end_update(struct update *u)
{
        sv_guest_free(&u->guest);
        sv_admin_free(u->admin);
        sv_policy_free(u->kept);
        sv_buf_free(&u->text);
}

static int parse_kept(struct update *u, struct sv_err *err)
{
        sv_policy_free(u->kept);
        u->kept = NULL;
        if (sv_policy_parse(sv_buf_bytes(&u->text), &u->kept, err) < 0)
                return sv_wrap(err, "the broker's policy of %s", u->resource);
        return 0;
}

static int read_kept(struct update *u, struct sv_err *err)
{
        if (sv_admin_get_policy(u->admin, u->resource, &u->text, err) < 0)
                return sv_wrap(err, "the broker's policy of %s", u->resource);
        return parse_kept(u, err);
}

/* Only over the policy that was read: what another administrator has put meanwhile stays. */
static int put_policy(struct update *u, struct sv_buf *text, struct sv_err *err)
{
        if (sv_admin_replace_policy(u->admin, u->resource, sv_buf_bytes(&u->text),
                                    sv_buf_bytes(text), err) < 0)
                return sv_wrap(err, "giving the policy to the broker");
        u->changed = true;
        sv_buf_clear(&u->text);
        sv_buf_put(&u->text, sv_buf_bytes(text));
        return sv_buf_ok(&u->text, "the policy", err) < 0 ? -1 : parse_kept(u, err);
}

static bool accepts_older(const struct update *u)
{
        const struct sv_json *sets = sv_policy_sets(u->kept);

        for (size_t i = 0; i < sv_json_len(sets); i++)
                if (!sv_set_is_retired(sv_json_at(sets, i)) &&
                    sv_set_generation(sv_json_at(sets, i)) < u->generation)
                        return true;
        return false;
}

/* The policy accepts the new files already, as its newest state. */
static bool is_newest(const struct update *u, const struct sv_err *err)
{
        return !strcmp(err->check, "policy.update.same") &&
               u->generation == sv_sets_newest(sv_policy_sets(u->kept));
}

/* What the broker's record says of releases. */
struct seen {
        int64_t after;      /* the newest record that was looked at */
        int64_t generation; /* of the state that is looked for */
        bool released;      /* a key went to a guest of that state, by the policy that is there */
        bool last;          /* and it was the last one that went */
};

static void note_record(struct update *u, const struct sv_json *r, struct seen *seen)
{
        const char *path = sv_json_str(sv_json_get(r, "resource"));
        const char *outcome = sv_json_str(sv_json_get(r, "outcome"));
        const char *action = sv_json_str(sv_json_get(r, "action"));

        if (!path || !outcome || !action || strcmp(path, u->resource))
                return;
        if (!strcmp(action, "admin-put-policy") && !strcmp(outcome, "done"))
                seen->released = seen->last = false; /* of what number that policy's states are */
        if (strcmp(outcome, "released"))
                return;
        seen->last = sv_json_int(sv_json_get(r, "set"), 0) == seen->generation;
        seen->released |= seen->last;
}

/* The record behind seen->after, to its end. */
static int read_audit(struct update *u, struct seen *seen, struct sv_err *err)
{
        for (;;) {
                SV_JSON *page = NULL;
                const struct sv_json *rows;
                bool more = false;

                if (sv_admin_audit(u->admin, seen->after, &page, err) < 0)
                        return -1;
                rows = sv_json_get(page, "audit");
                for (size_t i = 0; i < sv_json_len(rows); i++) {
                        const struct sv_json *r = sv_json_at(rows, i);
                        const char *action = sv_json_str(sv_json_get(r, "action"));
                        int64_t id = sv_json_int(sv_json_get(r, "id"), INT64_MAX);

                        seen->after = id > seen->after ? id : seen->after;
                        /* asking makes a record, too */
                        more |= !action || strcmp(action, "admin-audit");
                        note_record(u, r, seen);
                }
                if (!more)
                        return 0;
        }
}

/* Of a policy that names a reference set: the set accepts the new files, now or already, and the
 * rest of the policy is asked before anything is put. *over: the guest has got its key by them
 * last.
 */
static int accept_in_set(struct update *u, const struct sv_tee *id, bool *over, struct sv_err *err)
{
        struct seen seen = {0};
        bool put = false;

        if (sv_update_reference(&(struct sv_set_update){.args = u->args,
                                                        .admin = u->admin,
                                                        .guest = &u->guest,
                                                        .tee = id,
                                                        .policy = sv_buf_bytes(&u->text)},
                                &put, &u->generation, err) < 0)
                return -1;
        u->changed |= put;
        seen.generation = u->generation;
        if (put)
                return 0;
        if (read_audit(u, &seen, err) < 0)
                return -1;
        *over = seen.last;
        sv_info("reference set %s accepts the new files already%s", sv_policy_reference(u->kept),
                *over ? ", and the guest has got its key by them: it is left as it is" : "");
        return 0;
}

/* *over: the guest's newest state is accepted, and no other: no step is left. An update that was
 * interrupted goes on where it was. */
static int accept_both(struct update *u, bool *over, struct sv_err *err)
{
        char day[32];
        SV_STR before = NULL;
        SV_STR after = NULL;
        SV_BUF predicted = SV_BUF_NULL, text = SV_BUF_NULL;
        SV_POLICY_DOC *p = NULL;
        const struct sv_tee_host *tee;
        const char *name = sv_opt(u->args, "name");
        size_t others;

        sv_format_time(time(NULL), day);
        before = sv_asprintf("before %s", day);
        after = sv_asprintf("from %s", day);
        if (sv_tee_choose(NULL, &u->guest, SV_CHOOSE_ANY, &tee, err) < 0 ||
            sv_report_exposure(tee->id, &u->guest, err) < 0)
                return -1;
        if (sv_policy_reference(u->kept))
                return accept_in_set(u, tee->id, over, err);
        if (sv_guest_write_policy(&u->guest, tee->id, &predicted, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&predicted), &p, err) < 0)
                return -1;
        others = sv_policy_count_other_anchors(u->kept, p);
        if (others)
                sv_warn("the policy trusts %zu roots that the guest file does not name, and goes "
                        "on "
                        "trusting them; \"secure-vm policy %s --put\" writes it without",
                        others, u->args->pos[0]);
        if (sv_policy_add_set(u->kept, p, &(struct sv_update_names){before, name ? name : after},
                              sv_has(u->args, "again"), &text, &u->generation, err) == 0) {
                if (put_policy(u, &text, err) < 0)
                        return -1;
                sv_info("the broker releases %s to the guest as it was and as it is now "
                        "(generation %lld)",
                        u->resource, (long long)u->generation);
                return 0;
        }
        if (!is_newest(u, err))
                return -1;
        *over = !accepts_older(u);
        if (*over)
                sv_info("%s, and the guest is left as it is", err->msg);
        else
                sv_info("the broker accepts both states already: going on");
        return 0;
}

/* Only what a guest was seen to get by is left. */
static int retire_older(struct update *u, int64_t after, size_t *retired, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        struct seen seen = {.after = after, .generation = u->generation};

        if (read_audit(u, &seen, err) < 0)
                return -1;
        if (!seen.released)
                return sv_fail(err, SV_USAGE, "update.unseen",
                               "the broker's record has no release of %s to the guest's newest "
                               "state (generation %lld), so the older ones stay accepted: launch "
                               "it first",
                               u->resource, (long long)u->generation);
        if (sv_policy_reference(u->kept)) {
                sv_info("the older images of reference set %s stay accepted, for other guests may "
                        "run them: \"secure-vm reference retire\"",
                        sv_policy_reference(u->kept));
                return 0;
        }
        if (sv_policy_retire_sets(u->kept, u->generation, &text, retired, err) < 0)
                return -1;
        return *retired ? put_policy(u, &text, err) : 0;
}

/* It did not give its disk back: the word that it is gone is ours. */
static int end_guest(struct update *u, const struct sv_keeper *k, struct sv_err *err)
{
        SV_JSON *status = NULL;

        if (k->destroy(NULL, u->guest.name, err) < 0)
                return -1;
        if (!u->admin)
                return 0;
        k->show(NULL, u->guest.name, &status, NULL);
        return sv_own_lease_end(u->admin, u->resource, sv_json_text(status, "instance", ""), err);
}

static int stop_guest(struct update *u, struct sv_err *err)
{
        const struct sv_keeper *k = sv_keeper_choose(NULL);
        const char *name = u->guest.name, *state;
        SV_JSON *status = NULL;
        struct sv_err absent = SV_ERR_NULL;
        unsigned seconds;
        int r;

        if (sv_client_parse_timeout(sv_opt(u->args, "timeout"), DOWN_SECONDS, &seconds, err) < 0)
                return -1;
        if (k->show(NULL, name, &status, &absent) < 0) {
                if (strcmp(absent.check, "state.absent")) {
                        *err = absent;
                        return -1;
                }
                return 0;
        }
        state = sv_json_str(sv_json_get(status, "state"));
        if (!state || !strcmp(state, sv_life_word(SV_LIFE_STOPPED)) ||
            !strcmp(state, sv_life_word(SV_LIFE_FAILED)))
                return 0;
        r = k->stop(NULL, name, seconds, false, err);
        if (r <= 0)
                return r;
        if (sv_has(u->args, "force"))
                return end_guest(u, k, err);
        return sv_fail(err, SV_SYSTEM, "stop.timeout",
                       "guest %s did not shut down within %u seconds; --timeout gives it more, "
                       "--force ends it then; the broker accepts it as it was and as it is now",
                       name, seconds);
}

static int restart(struct update *u, struct sv_json *result, struct sv_err *err)
{
        struct sv_follow f = {.wait = true,
                              .timeout = LAUNCH_SECONDS,
                              .fd = -1,
                              .quiet = sv_has(u->args, "json") || sv_has(u->args, "quiet")};
        struct sv_launch l;
        int r;

        if (sv_launch_prepare(NULL, &u->guest, &l, result, err) < 0)
                return sv_wrap(err, "the guest runs on; its new files would not start");
        if (stop_guest(u, err) < 0)
                return -1;
        r = sv_launch_prepared(NULL, &l, &f, result, err);
        sv_json_free(f.timings);
        u->changed = true;
        if (r == 0)
                return 0;
        if (f.cause == SV_FOLLOW_INTERRUPTED)
                return sv_wrap(err,
                               "the broker accepts the guest as it was and as it is now, until "
                               "\"secure-vm update --finish\"");
        return sv_wrap(err, "the guest does not start from its new files; the broker still accepts "
                            "the older ones, so launch those");
}

static int report_update(struct update *u, size_t retired, struct sv_json *result)
{
        sv_json_set_str(result, "name", u->guest.name);
        sv_json_set_str(result, "resource", u->resource);
        sv_json_set_int(result, "generation", u->generation);
        sv_json_set_int(result, "retired", (int64_t)retired);
        sv_json_set_bool(result, "changed", u->changed);
        if (sv_has(u->args, "json"))
                return 0;
        if (!u->changed)
                printf("guest %s: nothing is changed\n", u->guest.name);
        else
                printf("guest %s: generation %lld; %zu older retired\n", u->guest.name,
                       (long long)u->generation, retired);
        return 0;
}

static int finish_update(struct update *u, struct sv_json *result, struct sv_err *err)
{
        size_t retired = 0;

        if (sv_policy_reference(u->kept))
                return sv_fail(err, SV_USAGE, "policy.update.reference",
                               "what the policy accepts stands in reference set %s, which other "
                               "guests may be accepted by: \"secure-vm reference retire\" writes "
                               "the next one, \"policy test --reference\" says who would be "
                               "refused",
                               sv_policy_reference(u->kept));
        if (!sv_policy_sets(u->kept))
                return sv_fail(err, SV_USAGE, "update.unseen",
                               "the policy of %s has one state only: there is none to retire",
                               u->resource);
        u->generation = sv_sets_newest(sv_policy_sets(u->kept));
        if (!accepts_older(u))
                sv_info("nothing to finish: every older state of %s is retired", u->resource);
        else if (retire_older(u, 0, &retired, err) < 0)
                return -1;
        return report_update(u, retired, result);
}

static int take_update_steps(struct update *u, struct sv_json *result, struct sv_err *err)
{
        struct seen seen = {0};
        bool over = false;
        size_t retired = 0;

        if (sv_has(u->args, "finish"))
                return finish_update(u, result, err);
        if (accept_both(u, &over, err) < 0)
                return -1;
        if ((over && !u->asked->restarts) || sv_has(u->args, "prepare"))
                return report_update(u, 0, result);
        if (u->asked->ready && u->asked->ready(u->asked->arg, err) < 0)
                return -1;
        if (over)
                return restart(u, result, err) < 0 ? -1 : report_update(u, 0, result);
        if (read_audit(u, &seen, err) < 0 || restart(u, result, err) < 0 ||
            retire_older(u, seen.after, &retired, err) < 0)
                return -1;
        return report_update(u, retired, result);
}

int sv_update_take(const struct sv_update_guest *asked, struct sv_json *result, struct sv_err *err)
{
        __attribute__((cleanup(end_update))) struct update u = {.args = asked->args,
                                                                .asked = asked};
        const char *word = asked->args->pos[0];

        u.guest = *asked->guest;
        *asked->guest = (struct sv_guest){0};
        u.resource = u.guest.attestation.resource;
        if (!u.resource)
                return sv_fail(err, SV_USAGE, "guest.attestation",
                               "%s names no attestation, so there is no policy to update", word);
        if (sv_admin_from_args(u.args, u.guest.attestation.pin, &u.admin, err) < 0)
                return -1;
        if (read_kept(&u, err) < 0)
                return strcmp(err->check, "broker.policy.absent")
                               ? -1
                               : sv_wrap(err,
                                         "nothing to update (\"secure-vm policy %s --put\" "
                                         "puts the first)",
                                         word);
        return take_update_steps(&u, result, err);
}

int sv_update_restart(const struct sv_update_guest *asked, struct sv_json *result,
                      struct sv_err *err)
{
        __attribute__((cleanup(end_update))) struct update u = {.args = asked->args,
                                                                .asked = asked};

        u.guest = *asked->guest;
        *asked->guest = (struct sv_guest){0};
        if (asked->ready && asked->ready(asked->arg, err) < 0)
                return -1;
        return restart(&u, result, err);
}

static int run_update(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST guest = {0};
        const struct sv_update_guest asked = {.args = args, .guest = &guest};

        if (sv_has(args, "prepare") && sv_has(args, "finish"))
                return sv_fail(err, SV_USAGE, "update.step",
                               "--prepare is the first step and --finish the last: one at a time, "
                               "or none of them for all");
        if (sv_guest_take(args->pos[0], &guest, err) < 0)
                return -1;
        *result = sv_json_object();
        return sv_update_take(&asked, *result, err);
}

const struct sv_cmd sv_cmd_update = {
        .name = "update",
        .args = "GUEST.json",
        .help = "restart a guest from new files; its key is for both states until the new one has "
                "it",
        .opts = opts,
        .run = run_update,
};
