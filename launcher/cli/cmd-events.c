/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm events: what happens to guests, as it happens; autostart: guests that start with their
 * host. */
#include <stdio.h>
#include <string.h>

#include "base/core/text.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/keeper/keeper.h"

struct event_output {
        bool json;
        uint64_t left; /* 0: no end */
};

/* What an event says beside its guest and its time. */
static int put_detail(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        static const char *const shown[] = {"state", "step", "reason", "check", "message"};

        for (size_t i = 0; i < sizeof(shown) / sizeof(*shown); i++)
                if (!strcmp(name, shown[i]) && sv_json_str(value))
                        sv_buf_printf(arg, " %s", sv_json_str(value));
        return 0;
}

static int print_event(void *arg, const struct sv_json *event, struct sv_err *err)
{
        struct event_output *o = arg;
        SV_BUF line = SV_BUF_NULL;

        if (o->json) {
                sv_json_print(event, &line);
        } else {
                sv_buf_printf(&line, "%s %s %s", sv_json_text(event, "at", "-"),
                              sv_json_text(event, "guest", "-"), sv_json_text(event, "event", "-"));
                sv_json_each(event, put_detail, &line, NULL);
        }
        if (printf("%s\n", sv_buf_str(&line)) < 0 || fflush(stdout) < 0)
                return 1; /* whoever read it has gone */
        return o->left && --o->left == 0;
}

static int run_events(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *count = sv_opt(args, "count");
        struct event_output o = {.json = sv_has(args, "json")};

        if (count && (sv_parse_u64(count, UINT32_MAX, &o.left, "events.count", err) < 0))
                return sv_wrap(err, "--count takes a number of events");
        return sv_keeper_choose(uri)->events(uri, args->n ? args->pos[0] : NULL, print_event, &o,
                                             err);
}

static int parse_switch(const char *word, bool *on, struct sv_err *err)
{
        *on = !strcmp(word, "on");
        if (*on || !strcmp(word, "off"))
                return 0;
        return sv_fail(err, SV_USAGE, "autostart.switch", "on or off was expected, found \"%s\"",
                       word);
}

static int run_autostart(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0],
                   *word = sv_opt(args, "set");
        bool on = false, now = false;
        SV_GUEST g = {0};

        if (word && parse_switch(word, &on, err) < 0)
                return -1;
        /* the service starts what is defined */
        if (on && !uri && sv_defined_read(name, &g, err) < 0)
                return -1;
        if (sv_keeper_choose(uri)->autostart(uri, name, word ? &on : NULL, &now, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", name);
        sv_json_set_bool(*result, "autostart", now);
        if (!sv_has(args, "json"))
                printf("guest %s: autostart %s\n", name, now ? "on" : "off");
        return 0;
}

static const struct sv_opt events_opts[] = {
        {.name = "count", .arg = "N", .help = "end after so many"},
        {.name = "connect", .arg = "URI", .help = "guests of this libvirt", .letter = 'c'},
        {0},
};

static const struct sv_opt autostart_opts[] = {
        {.name = "set", .arg = "on|off", .help = "switch it; without it, say how it is"},
        {.name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c'},
        {0},
};

const struct sv_cmd sv_cmd_events = {
        .name = "events",
        .args = "[NAME]",
        .help = "print what happens to a guest, or to all, a line each, until interrupted",
        .opts = events_opts,
        .run = run_events,
};

const struct sv_cmd sv_cmd_autostart = {
        .name = "autostart",
        .args = "NAME",
        .help = "start a guest with its host, or no longer, or say whether",
        .opts = autostart_opts,
        .run = run_autostart,
};
