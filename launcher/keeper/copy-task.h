/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a snapshot or a backup of a guest: what a command asks for, and how it is done. */
#pragma once

#include "guest/guest.h"
#include "base/core/limits.h"
#include "base/core/source.h"
#include "base/json/json.h"

struct sv_virt;

enum sv_copy_kind {
        SV_COPY_SNAPSHOT = 1,
        SV_COPY_BACKUP,
};

struct sv_copy_task {
        enum sv_copy_kind kind;
        char name[SV_NAME_MAX + 1]; /* of the snapshot */
        char path[SV_PATH_MAX + 1]; /* of the backup's folder, absolute */
        bool incremental;           /* a backup: go on in that folder (launcher/keeper/chain.h) */
        bool quiesce;               /* the guest, if it runs, comes to rest while the copy begins */
};

/* {"kind":"snapshot","name":"s1"} or
 * {"kind":"backup","path":"/b","incremental":true,"quiesce":true}: the member "task" of a request
 * on the control socket. SV_FORMAT "control.request". */
int sv_copy_task_parse(const struct sv_json *j, struct sv_copy_task *out, struct sv_err *err);
struct sv_json *sv_copy_task_print(const struct sv_copy_task *t);
const char *sv_copy_task_name(const struct sv_copy_task *t);

/* Of a guest that does not run; the caller keeps it so. "image.busy" when another has a disk. */
int sv_copy_at_rest(const struct sv_guest *g, const struct sv_copy_task *t,
                    struct sv_progress *progress, struct sv_err *err);

struct sv_copy_running {
        const struct sv_guest *guest;
        struct sv_virt *virt;
        /* a folder that QEMU's user reaches, in a mount namespace of this process's and QEMU's own,
         * where the files are mounted for it; NULL: it reaches them by their names */
        const char *mounts;
        const volatile bool *cancel; /* or NULL */
        struct sv_progress *progress;
};
/* Of one that runs, and goes on: SV_SYSTEM "snapshot.mount", those of
 * launcher/virt/virt-backup.h and of launcher/keeper/copying.h. */
int sv_copy_while_running(const struct sv_copy_running *r, const struct sv_copy_task *t,
                          struct sv_err *err);
