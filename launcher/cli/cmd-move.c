/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm move: a guest of a libvirt daemon is stopped, and launched at another host. */
#include <stdio.h>

#include "base/core/limits.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/move-broker.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/move.h"

#define DOWN_SECONDS 60
/* Longer than the agent asks for a disk that another instance still has. */
#define BOOT_SECONDS (SV_LEASE_TRIES * SV_LEASE_PAUSE_MS / 1000 + 300)

static int check_uris(const struct sv_args *args, struct sv_err *err)
{
        if (!sv_has(args, "connect"))
                return sv_fail(err, SV_USAGE, "move.keeper",
                               "a guest of this host's own supervisor has files that only this "
                               "host sees: \"secure-vm stop %s\", copy its disk, and \"secure-vm "
                               "launch\" the same guest file there. One that shall move is "
                               "launched under a libvirt daemon (--connect)",
                               args->pos[0]);
        if (sv_has(args, "to"))
                return 0;
        return sv_fail(err, SV_USAGE, "move.to",
                       "where to? --to takes the URI of the other host's libvirt, as "
                       "qemu+tls://HOST/system");
}

static int64_t get_phase(const struct sv_json *r, const char *name)
{
        return sv_json_int(sv_json_get(sv_json_get(r, "phases"), name), 0);
}

static void print_move(const struct sv_move *mv, const struct sv_json *r)
{
        if (mv->check) {
                printf("guest %s: nothing is against its move to %s\n", mv->name, mv->to);
                return;
        }
        printf("guest %s: %s at %s\n", mv->name, sv_json_text(r, "state", "kept"),
               sv_json_text(r, "connect", ""));
        if (sv_json_bool(sv_json_get(r, "moved"), false) && sv_json_get(r, "phases"))
                printf("down for %lld ms: shutdown %lld, rest of the disks %lld (%lld MiB looked "
                       "at), handed over %lld, boot to open disk %lld; copied before that: %lld "
                       "MiB in %lld ms\n",
                       (long long)sv_json_int(sv_json_get(r, "downtime_ms"), 0),
                       (long long)get_phase(r, "stop_ms"), (long long)get_phase(r, "rest_ms"),
                       (long long)sv_json_int(sv_json_get(r, "rest_read_bytes"), 0) >> 20,
                       (long long)get_phase(r, "hand_over_ms"), (long long)get_phase(r, "boot_ms"),
                       (long long)sv_json_int(sv_json_get(r, "bytes"), 0) >> 20,
                       (long long)get_phase(r, "copy_ms"));
}

int sv_move_read_seconds(const struct sv_args *args, struct sv_move *mv, struct sv_err *err)
{
        return sv_client_parse_timeout(sv_opt(args, "timeout"), DOWN_SECONDS, &mv->down_seconds,
                                       err) < 0 ||
                               sv_client_parse_timeout(sv_opt(args, "boot-timeout"), BOOT_SECONDS,
                                                       &mv->boot_seconds, err) < 0
                       ? -1
                       : 0;
}

static int run_move_command(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_MOVE_BROKER broker = {0};
        struct sv_move mv = {
                .name = args->pos[0],
                .from = sv_opt(args, "connect"),
                .to = sv_opt(args, "to"),
                .force = sv_has(args, "force"),
                .recover = sv_has(args, "recover"),
                .cold = sv_has(args, "cold"),
                .check = sv_has(args, "check"),
                .quiet = sv_has(args, "json"),
        };

        if (check_uris(args, err) < 0 || sv_move_read_seconds(args, &mv, err) < 0 ||
            sv_move_broker_open(args, &broker, &mv, err) < 0)
                return -1;
        *result = sv_json_object();
        if (sv_move_guest(&mv, *result, err) < 0)
                return -1;
        if (!mv.quiet)
                print_move(&mv, *result);
        return 0;
}

static const struct sv_opt move_opts[] = {
        {.name = "connect", .arg = "URI", .help = "the libvirt that has the guest", .letter = 'c'},
        {.name = "to",
         .arg = "URI",
         .help = "the libvirt of the host that the guest goes to",
         .letter = 't'},
        {.name = "cold", .help = "also a guest that could move while it runs (migrate)"},
        {.name = "check", .help = "only look at what can be told beforehand; nothing is changed"},
        {.name = "recover",
         .help = "take back a move that was broken off; where that would lose what the guest wrote "
                 "there, go on"},
        SV_MOVE_OPTS,
        SV_ADMIN_OPTS,
        {0},
};

const struct sv_cmd sv_cmd_move = {
        .name = "move",
        .args = "NAME",
        .help = "stop a guest of a libvirt daemon and launch it at another host, disks and all",
        .opts = move_opts,
        .run = run_move_command,
};
