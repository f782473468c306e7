/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/running-guest.h"

#include <string.h>
#include <unistd.h>

#include "base/program/log.h"
#include "launcher/cli/defined.h"
#include "launcher/guest-file.h"
#include "launcher/keeper/keeper.h"

/* The guest file that the guest of this name was last launched from. */
static int read_launched(const char *name, struct sv_guest *out, struct sv_err *err)
{
        SV_JSON *status = NULL;
        const char *file;

        if (sv_keeper_choose(NULL)->show(NULL, name, &status, err) < 0)
                return -1;
        file = sv_json_text(status, "guest_file", NULL);
        if (!file)
                return sv_guest_take(name, out, err);
        return sv_guest_file_read(file, out, err);
}

int sv_guest_running(const char *word, const char *uri, struct sv_guest *out, struct sv_err *err)
{
        if (uri || sv_defined_has(word) || strchr(word, '/') || access(word, F_OK) == 0)
                return sv_guest_take(word, out, err);
        return read_launched(word, out, err);
}

void sv_put_rollback(const struct sv_guest *g, struct sv_json *result)
{
        sv_json_set_str(result, "rollback", sv_guest_reports_disk(g) ? "broker" : "unseen");
        if (sv_guest_reports_disk(g))
                sv_info("the disk is of an earlier time, and the broker refuses it (disk.rollback) "
                        "until an administrator has said \"secure-vm key accept-restore %s "
                        "--generation N\", with the number that the refused guest says",
                        g->attestation.resource);
        else
                sv_info("the disks are of an earlier time, and neither the TEE nor the broker "
                        "sees that");
}
