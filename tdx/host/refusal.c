/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU says when the platform refuses a launch (target/i386/kvm/tdx.c): "TDX ioctl
 * KVM_TDX_INIT_VM failed, hw_errors: 0xc000010000000040: Invalid argument". A launch that the
 * module refused failed a proof; one that KVM refused was never asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tdx/host/host.h"
#include "tdx/host/status.h"

#define CALL   "TDX ioctl "
#define STATUS " failed, hw_errors: 0x"

/* The rest of a line, without the line's end. */
static void copy_rest_of_line(const char *p, char *out, size_t size)
{
        snprintf(out, size, "%.*s", (int)strcspn(p, "\r\n"), p);
}

static int fail_tdx_refusal(const char *call, unsigned long long status, const char *rest,
                            struct sv_err *err)
{
        SV_BUF sentence = SV_BUF_NULL;
        char why[80];

        if (!status) {
                copy_rest_of_line(*rest == ':' ? rest + 1 + (rest[1] == ' ')
                                               : "the kernel does not say why",
                                  why, sizeof(why));
                return sv_fail(err, SV_SYSTEM, "tdx.launch.kvm",
                               "KVM refuses the launch (%s: %s): \"secure-vm trial\" makes the "
                               "same calls and explains, "
                               "\"secure-vm host\" says what this machine lacks",
                               call, why);
        }
        sv_tdx_status(status, &sentence);
        if (sv_tdx_status_again(status))
                return sv_fail(err, SV_SYSTEM, "tdx.launch.busy",
                               "the TDX module was busy for longer than KVM waits (%s, status "
                               "0x%016llx): %s; launch again",
                               call, status, sv_buf_str(&sentence));
        return sv_fail(err, SV_PROOF, "tdx.launch.module",
                       "the TDX module refuses the launch (%s, status 0x%016llx): %s", call, status,
                       sv_buf_str(&sentence));
}

/* "Invalid attributes 0x… for TDX VM (KVM supported: 0x…)": QEMU asked KVM, and did not try. */
static int fail_not_offered(const char *message, struct sv_err *err)
{
        static const char *const what[] = {"Invalid attributes 0x", "Invalid XFAM 0x"};
        char line[160];

        for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++) {
                const char *at = strstr(message, what[i]);

                if (!at || !strstr(at, " for TDX VM ("))
                        continue;
                copy_rest_of_line(at, line, sizeof(line));
                return sv_fail(err, SV_SYSTEM, "tdx.launch.offer",
                               "this machine's TDX module does not offer what the guest file asks "
                               "for: %s; ask for less in "
                               "\"attributes\", or update the module",
                               line);
        }
        return 0;
}

int sv_tdx_refusal(const char *message, struct sv_err *err)
{
        const char *call = strstr(message, CALL), *status = call ? strstr(call, STATUS) : NULL;
        unsigned long long number;
        char name[32];
        char *end;

        if (!status || (size_t)(status - call) - strlen(CALL) >= sizeof(name))
                return fail_not_offered(message, err);
        call += strlen(CALL);
        snprintf(name, sizeof(name), "%.*s", (int)(status - call), call);
        number = strtoull(status + strlen(STATUS), &end, 16);
        return fail_tdx_refusal(name, number, end, err);
}
