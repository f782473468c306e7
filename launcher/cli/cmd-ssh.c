/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm ssh: ssh to a guest, through the port of this host that leads to its port 22. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"

#define SSH_PORT 22

static const struct sv_opt ssh_opts[] = {
        {"connect", "URI", "a guest of this libvirt: not possible, it does not say its forwards",
         'c', false},
        {0},
};

static const struct sv_json *find_ssh_forward(const struct sv_json *guest)
{
        const struct sv_json *nics = sv_json_get(guest, "nics");

        for (size_t i = 0; i < sv_json_len(nics); i++) {
                const struct sv_json *list = sv_json_get(sv_json_at(nics, i), "forward");

                for (size_t j = 0; j < sv_json_len(list); j++) {
                        const struct sv_json *f = sv_json_at(list, j);

                        if (sv_json_int(sv_json_get(f, "to"), 0) == SSH_PORT &&
                            !strcmp(sv_json_text(f, "protocol", ""), "tcp"))
                                return f;
                }
        }
        return NULL;
}

static int find_ssh_port(const struct sv_args *args, const char *name, char **address, char **port,
                         struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *state;
        const struct sv_json *forward;
        SV_JSON *guest = NULL;

        if (sv_keeper_choose(uri)->show(uri, name, &guest, err) < 0)
                return -1;
        state = sv_json_text(guest, "state", "");
        if (sv_life_is_paused(sv_life_from_word(state)))
                return sv_fail(err, SV_SYSTEM, "state.paused",
                               "guest %s is paused; \"secure-vm resume %s\" lets it go on", name,
                               name);
        if (!sv_life_runs(state))
                return sv_fail(err, SV_SYSTEM, "state.off",
                               "guest %s does not run (%s); \"secure-vm start\" or \"launch\" "
                               "starts it",
                               name, state);
        forward = find_ssh_forward(guest);
        if (!forward)
                return sv_fail(err, SV_USAGE, "ssh.forward",
                               "no port of this host leads to port %d of guest %s: put \"nics\": "
                               "[{\"type\": \"user\", \"forward\": [{\"port\": 2222, \"to\": "
                               "%d}]}] into its guest file and start it anew, or ssh to its own "
                               "address",
                               SSH_PORT, name, SSH_PORT);
        *address = sv_asprintf("%s", strcmp(sv_json_text(forward, "address", ""), "0.0.0.0")
                                             ? sv_json_text(forward, "address", "")
                                             : "127.0.0.1");
        *port = sv_asprintf("%lld", (long long)sv_json_int(sv_json_get(forward, "port"), 0));
        return 0;
}

/* The guest's host key is known by the guest's name, whatever its port is at the time. */
static int exec_ssh(const struct sv_args *args, const char *name, const char *destination,
                    const char *port, struct sv_err *err)
{
        SV_STR alias = sv_asprintf("HostKeyAlias=%s.secure-vm", name);
        const char *argv[SV_ARGS_MAX + 8] = {"ssh", "-o", alias, "-p", port, destination};
        size_t n = 6;

        for (int i = 1; i < args->n; i++)
                argv[n++] = args->pos[i];
        fflush(NULL);
        execvp(argv[0], (char *const *)argv);
        return sv_fail_errno(err, "ssh.program", "ssh does not start; install openssh-client");
}

static int run_ssh(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *at = strrchr(args->pos[0], '@'), *name = at ? at + 1 : args->pos[0];
        SV_STR address = NULL;
        SV_STR port = NULL;
        SV_STR destination = NULL;

        if (sv_has(args, "json"))
                return sv_fail(err, SV_USAGE, "ssh.json",
                               "what ssh prints is not JSON; leave --json out");
        if (find_ssh_port(args, name, &address, &port, err) < 0)
                return -1;
        destination = sv_asprintf("%.*s%s", (int)(name - args->pos[0]), args->pos[0], address);
        return exec_ssh(args, name, destination, port, err);
}

const struct sv_cmd sv_cmd_ssh = {
        .name = "ssh",
        .args = "NAME [ARGUMENT...]",
        .help = "ssh to a guest (or USER@NAME) by a port that leads to its port 22; what follows "
                "\"--\" "
                "is ssh's",
        .opts = ssh_opts,
        .run = run_ssh,
};
