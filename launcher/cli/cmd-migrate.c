/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm migrate: a guest of a libvirt daemon goes on at another host. */
#include <stdio.h>

#include "base/core/text.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/migrate.h"

#define DOWNTIME_MAX_MS 60000

static int check_keeper(const struct sv_args *args, struct sv_err *err)
{
        if (sv_has(args, "connect"))
                return 0;
        return sv_fail(
                err, SV_USAGE, "migrate.keeper",
                "a guest of this host's own supervisor ends with it and cannot move while "
                "it runs: \"secure-vm stop %s\", copy its disk, and \"secure-vm launch\" the "
                "same guest file there: it attests anew and gets its disk. One that shall "
                "move is launched under a libvirt daemon (--connect), and without a TEE of "
                "the processor",
                args->pos[0]);
}

int sv_migrate_read_numbers(const struct sv_args *args, struct sv_migrate *m, struct sv_err *err)
{
        const char *bandwidth = sv_opt(args, "bandwidth"), *downtime = sv_opt(args, "downtime");

        if (bandwidth && sv_parse_size(bandwidth, &m->bandwidth, "migrate.bandwidth", err) < 0)
                return sv_wrap(err, "--bandwidth takes bytes per second, as 100MiB");
        if (downtime &&
            sv_parse_u64(downtime, DOWNTIME_MAX_MS, &m->downtime_ms, "migrate.downtime", err) < 0)
                return sv_wrap(err, "--downtime takes milliseconds");
        if ((bandwidth && !m->bandwidth) || (downtime && !m->downtime_ms))
                return sv_fail(err, SV_USAGE,
                               bandwidth && !m->bandwidth ? "migrate.bandwidth"
                                                          : "migrate.downtime",
                               "0 would never move the guest; leave the option out for no limit");
        return 0;
}

static void print_migration(const struct sv_json *r)
{
        printf("guest %s: %s at %s (%s)\n", sv_json_text(r, "name", ""),
               sv_json_text(r, "state", ""), sv_json_text(r, "host", ""),
               sv_json_text(r, "connect", ""));
        printf("pause %lld ms, total %lld ms, %lld MiB sent in %lld passes\n",
               (long long)sv_json_int(sv_json_get(r, "pause_ms"), 0),
               (long long)sv_json_int(sv_json_get(r, "total_ms"), 0),
               (long long)sv_json_int(sv_json_get(r, "bytes"), 0) >> 20,
               (long long)sv_json_int(sv_json_get(r, "passes"), 0));
        if (sv_json_get(r, "throttle_percent"))
                printf("auto-converge kept the guest from running for up to %lld %% of its time\n",
                       (long long)sv_json_int(sv_json_get(r, "throttle_percent"), 0));
        if (sv_json_get(r, "compressed_bytes"))
                printf("%lld KiB of these as what changed in a page\n",
                       (long long)sv_json_int(sv_json_get(r, "compressed_bytes"), 0) >> 10);
}

static int run_migrate(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_migrate m = {
                .name = args->pos[0],
                .from = sv_opt(args, "connect"),
                .to = sv_opt(args, "to"),
                .address = sv_opt(args, "address"),
                .copy_storage = sv_has(args, "copy-storage"),
                .auto_converge = sv_has(args, "auto-converge"),
                .post_copy = sv_has(args, "post-copy"),
                .compress = sv_has(args, "compress"),
                .tls = sv_has(args, "tls"),
                .peer_to_peer = sv_has(args, "peer-to-peer"),
                .recover = sv_has(args, "recover"),
                .check = sv_has(args, "check"),
                .quiet = sv_has(args, "json"),
        };

        if (check_keeper(args, err) < 0 || sv_migrate_read_numbers(args, &m, err) < 0)
                return -1;
        if (!m.to)
                return sv_fail(err, SV_USAGE, "migrate.to",
                               "where to? --to takes the URI of the other host's libvirt, as "
                               "qemu+tls://HOST/system");
        *result = sv_json_object();
        if (sv_migrate_guest(&m, *result, err) < 0)
                return -1;
        if (!m.quiet && m.check)
                printf("guest %s: nothing is against its migration to %s\n", m.name, m.to);
        else if (!m.quiet)
                print_migration(*result);
        return 0;
}

static const struct sv_opt migrate_opts[] = {
        {"connect", "URI", "the libvirt that has the guest", 'c', false},
        {"to", "URI", "the libvirt of the host that the guest goes to", 't', false},
        {"copy-storage", NULL, "the disks go, too; else both hosts share their files", 0, false},
        {"check", NULL, "only look at what can be told beforehand; nothing is changed", 0, false},
        {"bandwidth", "SIZE", "send at most so much a second (100MiB)", 0, false},
        {"downtime", "MS", "pause the guest for at most so many milliseconds", 0, false},
        {"auto-converge", NULL, "slow a guest that changes memory faster than it is sent", 0,
         false},
        {"post-copy", NULL, "after one pass the guest goes on there, its memory comes after it", 0,
         false},
        {"recover", NULL, "go on with a post-copy that broke", 0, false},
        {"compress", NULL, "send what changed in a page only", 0, false},
        {"tls", NULL, "memory and disks go encrypted between the hosts", 0, false},
        {"peer-to-peer", NULL, "the daemons do it by themselves, also when this command ends", 0,
         false},
        {"address", "HOST", "the target's address for memory and disks, where --to's will not do",
         0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_migrate = {
        "migrate", "NAME", "move a guest of a libvirt daemon to another host while it runs",
        migrate_opts, run_migrate};
