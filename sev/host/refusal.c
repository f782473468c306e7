/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU says when the platform refuses a launch: "SNP_LAUNCH_FINISH ret=-5 fw_error=11 'Bad
 * measurement'" (target/i386/sev.c). A launch that the firmware refused failed a proof; one that
 * KVM refused was never asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sev/host/host.h"

/* The command's name: the word before " ret=". "SNP_INIT2" where QEMU only says that it failed to
 * initialise. */
static void find_launch_command(const char *message, const char *ret, char out[32])
{
        const char *p = ret;

        while (p > message &&
               (p[-1] == '_' || (p[-1] >= 'A' && p[-1] <= 'Z') || (p[-1] >= '0' && p[-1] <= '9')))
                p--;
        snprintf(out, 32, "%.*s", (int)(ret - p), p);
        if (!*out)
                snprintf(out, 32, "SNP_INIT2");
}

static int fail_launch_command(const char *command, long status, struct sv_err *err)
{
        if (status == 0xb)
                return sv_fail(err, SV_PROOF, "sev.launch.measurement",
                               "the platform refuses the launch (%s, firmware status 0xb): %s; "
                               "\"secure-vm measure --explain\" shows what this guest file "
                               "measures, sign the ID block for that",
                               command, sv_sev_status((uint32_t)status));
        return sv_fail(err, SV_PROOF, "sev.launch.firmware",
                       "the platform refuses the launch (%s, firmware status 0x%lx): %s", command,
                       status, sv_sev_status((uint32_t)status));
}

int sv_sev_refusal(const char *message, struct sv_err *err)
{
        const char *at = strstr(message, "fw_error="), *ret = NULL;
        char command[32];
        long status, number;

        for (const char *p = message; at && (p = strstr(p, " ret=")) && p < at; p++)
                ret = p;
        if (!ret)
                return 0;
        status = strtol(at + strlen("fw_error="), NULL, 10);
        number = strtol(ret + strlen(" ret="), NULL, 10);
        find_launch_command(message, ret, command);
        if (status > 0)
                return fail_launch_command(command, status, err);
        return sv_fail(
                err, SV_SYSTEM, "sev.launch.kvm",
                "KVM refuses the launch (%s: %s): \"secure-vm host\" says what this machine lacks",
                command, strerror(number < 0 ? (int)-number : (int)number));
}
