/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/check-tuning.h"

#include <stdio.h>

#include "launcher/keeper/functions.h"
#include "launcher/tune/readback.h"

static void print_differences(const struct sv_json *found)
{
        for (size_t i = 0; i < sv_json_len(found); i++) {
                const struct sv_json *d = sv_json_at(found, i);

                printf("%s: expected %s, found %s (%s)\n", sv_json_text(d, "what", "-"),
                       sv_json_text(d, "wanted", "-"), sv_json_text(d, "found", "-"),
                       sv_json_text(d, "where", "-"));
        }
}

static unsigned find_process(const struct sv_json *status, bool daemon)
{
        const char *uuid = sv_json_text(status, "uuid", "-");
        unsigned pid = (unsigned)sv_json_int(sv_json_get(status, "qemu_pid"), 0);

        if (daemon)
                return sv_readback_find_qemu("", uuid);
        return pid && sv_readback_is_qemu("", pid, uuid) ? pid : 0;
}

static void note_requests(struct sv_json *status)
{
        const struct sv_json *requests = sv_json_get(status, "disk_requests"),
                             *disks = sv_json_pointer(status, "/tuning/disks");

        for (size_t i = 0; i < sv_json_len(requests) && i < sv_json_len(disks); i++)
                sv_json_set(sv_json_at(disks, i), "requests", sv_json_ref(sv_json_at(requests, i)));
}

int sv_check_tuning(struct sv_json *status, bool daemon, bool say, struct sv_err *err)
{
        const struct sv_json *tuning = sv_json_get(status, "tuning"), *first;
        const char *name = sv_json_text(status, "name", "-");
        struct sv_json *found = sv_json_set(status, "differences", sv_json_array());
        unsigned pid;

        if (!tuning && !sv_functions_compare("", status, found)) {
                if (say)
                        printf("guest %s: its guest file wishes for nothing of the host\n", name);
                return 0;
        }
        pid = find_process(status, daemon);
        if (!pid)
                return sv_fail(err, SV_SYSTEM, "tuning.off",
                               "no QEMU of the guest %s runs on this machine: there is nothing to "
                               "read back",
                               name);
        note_requests(status);
        if (tuning && sv_readback("", pid, tuning, found, err) < 0)
                return -1;
        if (tuning)
                sv_functions_compare("", status, found);
        if (say)
                print_differences(found);
        if (!sv_json_len(found)) {
                if (say)
                        printf("guest %s: its tuning is in force\n", name);
                return 0;
        }
        first = sv_json_at(found, 0);
        return sv_fail(err, SV_PROOF, "tuning.differs",
                       "%zu of what the guest %s shall have of its host is not in force; %s: "
                       "expected %s, found %s",
                       sv_json_len(found), name, sv_json_text(first, "what", "-"),
                       sv_json_text(first, "wanted", "-"), sv_json_text(first, "found", "-"));
}
