/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm-agent: as /init of an initramfs it unlocks; in a running system it attests on request.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/commands.h"
#include "agent/events.h"
#include "agent/initramfs.h"
#include "agent/system.h"
#include "agent/unlock.h"
#include "base/program/cli.h"
#include "base/program/log.h"
#include "base/program/memory.h"
#include "base/core/file.h"
#include "base/core/secret.h"

/* No shell, no second way: what fails here ends with the disk locked and the machine off. */
static _Noreturn void run_as_init(bool hardened, struct sv_err *err)
{
        sv_memory_end_with(sv_system_power_off);
        if (hardened)
                sv_unlock(err);
        sv_event_failed(err);
        sv_system_power_off();
}

static int run_unlock(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        if (getpid() != 1)
                return sv_fail(
                        err, SV_USAGE, "agent.init",
                        "unlock mounts, loads modules and changes the root: it runs as /init of an "
                        "initramfs only (secure-vm image initrd makes one)");
        run_as_init(true, err);
}

static const struct sv_cmd commands[] = {
        {.name = "attest",
         .args = "",
         .help = "prove this machine to the broker and print its token",
         .opts = sv_agent_attest_opts,
         .run = sv_agent_attest},
        {.name = "derive-key",
         .args = "",
         .help = "a key that the hardware derives for this guest, to a descriptor or a pipe",
         .opts = sv_agent_derive_key_opts,
         .run = sv_agent_derive_key},
        {.name = "evidence",
         .args = "",
         .help = "fresh evidence of what runs here, for secure-vm verify",
         .opts = sv_agent_evidence_opts,
         .run = sv_agent_evidence},
        {.name = "get",
         .args = "RESOURCE",
         .help = "prove this machine to the broker and get a secret",
         .opts = sv_agent_get_opts,
         .run = sv_agent_get},
        {.name = "header",
         .args = "DEVICE",
         .help = "hold a LUKS2 volume's header to what may open it, and copy it",
         .opts = sv_agent_header_opts,
         .run = sv_agent_header},
        {.name = "initramfs",
         .args = "PROGRAM",
         .help = "in a distribution's initramfs: network, then PROGRAM, which opens the volumes",
         .run = sv_agent_initramfs},
        {.name = "report",
         .args = "",
         .help = "write the root disk out and tell the broker its generation",
         .opts = sv_agent_report_opts,
         .run = sv_agent_report},
        {.name = "unlock",
         .args = "",
         .help = "attest, get the disk's key, open the disk, start its system",
         .run = run_unlock},
        {0},
};

/* The kernel starts an initramfs's /init under this name; the first process of a container may be
 * anything. */
static bool is_init(const char *name)
{
        return getpid() == 1 && name && !strcmp(sv_path_name(name), "init");
}

int main(int argc, char **argv)
{
        struct sv_err err = SV_ERR_NULL;
        bool hardened = sv_secret_harden_process(&err) == 0;

        /* The TPM's library writes its own lines to standard error; the agent's own messages say
         * what failed. */
        setenv("TSS2_LOG", "all+none", 0);
        if (is_init(argv[0]))
                run_as_init(hardened, &err);
        sv_log_init("secure-vm-agent", 0);
        if (!hardened) {
                sv_log_err(&err);
                return (int)err.class;
        }
        return sv_cli_main("secure-vm-agent",
                           "the guest's side: proves what runs, gets the disk's key", commands,
                           argc, argv);
}
