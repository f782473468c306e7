/* secure-vm-agent: in the initramfs it is /init, and then unlocks. */
#include <fcntl.h>
#include <unistd.h>

#include "agent/events.h"
#include "agent/system.h"
#include "agent/unlock.h"
#include "base/cli.h"
#include "base/log.h"
#include "base/secret.h"

static int run_unlock(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        if (getpid() != 1)
                return sv_fail(err, SV_USAGE, "agent.init", "unlock mounts, loads modules and changes the root: it runs as /init of an "
                                                            "initramfs only (secure-vm image initrd makes one)");
        return sv_unlock(err);
}

static const struct sv_cmd commands[] = {
        {.name = "unlock", .args = "", .help = "attest, get the disk's key, open the disk, start its system", .run = run_unlock},
        {0},
};

/* No shell, no second way: what fails here ends with the disk locked and the machine off. */
static _Noreturn void run_as_init(void)
{
        struct sv_err err = SV_ERR_NULL;

        if (sv_secret_harden_process(&err) == 0)
                sv_unlock(&err);
        sv_event_failed(&err);
        sv_system_power_off();
}

int main(int argc, char **argv)
{
        if (getpid() == 1)
                run_as_init();
        sv_log_init("secure-vm-agent", 0);
        return sv_cli_main("secure-vm-agent", "the guest's side: proves what runs, gets the disk's key", commands, argc, argv);
}
