/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm wait: until a guest that was launched before has got somewhere. */
#include <stdio.h>
#include <string.h>

#include "launcher/cli/commands.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"

static const struct sv_opt wait_opts[] = {
        {"for", "running|unlocked|ended", "what to wait for (unlocked)", 0, false},
        {"timeout", "SECONDS", "give up after this time, the guest goes on (600; 0 never)", 0,
         false},
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {0},
};

static int parse_goal(const char *word, struct sv_follow *f, struct sv_err *err)
{
        f->wait = !strcmp(word, sv_life_word(SV_LIFE_UNLOCKED));
        f->end = !strcmp(word, "ended");
        if (f->wait || f->end || !strcmp(word, sv_life_word(SV_LIFE_RUNNING)))
                return 0;
        return sv_fail(err, SV_USAGE, "wait.for",
                       "--for takes running, unlocked or ended, found \"%s\"", word);
}

static int run_wait(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0],
                   *goal = sv_opt(args, "for");
        const struct sv_keeper *k = sv_keeper_choose(uri);
        struct sv_follow f = {.quiet = sv_has(args, "json") || sv_has(args, "quiet")};
        int r;

        if (!goal)
                goal = sv_life_word(SV_LIFE_UNLOCKED);
        if (parse_goal(goal, &f, err) < 0 ||
            sv_client_parse_timeout(sv_opt(args, "timeout"), 600, &f.timeout, err) < 0)
                return -1;
        r = k->wait(uri, name, &f, err);
        sv_json_free(f.timings);
        if (r < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", name);
        sv_json_set_str(*result, "reached", goal);
        if (*f.reasons)
                sv_json_set_str(*result, "grounds", f.reasons);
        if (!sv_has(args, "json"))
                printf("guest %s: %s\n", name, goal);
        return 0;
}

const struct sv_cmd sv_cmd_wait = {
        .name = "wait",
        .args = "NAME",
        .help = "wait until a guest runs, has its disk, or has ended",
        .opts = wait_opts,
        .run = run_wait,
};
