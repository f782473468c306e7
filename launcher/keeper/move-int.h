/* SPDX-License-Identifier: Apache-2.0 */
/* What launcher/keeper/move*.c share. */
#pragma once

#include "launcher/keeper/migrate-int.h"
#include "launcher/keeper/move-disk.h"
#include "launcher/keeper/move-mark.h"
#include "launcher/keeper/move.h"

struct sv_move_run {
        const struct sv_move *mv;
        struct sv_migrate as;    /* for r.m */
        struct sv_migrate_run r; /* both hosts; the domain without its fence */
        struct sv_json *facts;   /* kept with the guest */
        struct sv_json *mark;    /* at the source; NULL: no move has begun */
        bool fenced;             /* at the source */
        bool there;              /* the target has the definition */
        bool arrived;            /* and the source nothing of it */
        bool unlocked;           /* it was seen to have its disk there */
        struct sv_move_disk disks[SV_GUEST_DISKS_MAX];
        bool shared[SV_GUEST_DISKS_MAX];
        /* ms */
        int64_t copy, stop, rest, over, boot;
        uint64_t bytes, rest_bytes, rest_read;
        unsigned passes;
        struct sv_move_track *track; /* NULL: nobody knows where the guest writes */
        char untracked[400];         /* why not, where that was wanted */
};

/* Disks of the guest: shared by both hosts, or with room at the target; a file of the name may be
 * there only when this move has made it. "move.storage", "move.room", "move.disk". */
int sv_move_check_disks(struct sv_move_run *m, struct sv_err *err);
/* Their files at the target, where they are not yet. */
int sv_move_make_disks(struct sv_move_run *m, struct sv_err *err);
/* Once over all that are copied, or over what is marked in them. */
int sv_move_pass(struct sv_move_run *m, struct sv_move_pass *pass, struct sv_err *err);
/* Has anything been written to the copies since? Only while the guest runs nowhere. */
int sv_move_compare(struct sv_move_run *m, bool *same, struct sv_err *err);
/* Those that were made at the target. */
int sv_move_remove_disks(struct sv_move_run *m, struct sv_err *err);
void sv_move_free_disks(struct sv_move_run *m);

/* Where the guest writes from here on. Without (m->track NULL) each pass is over the whole disks,
 * which is said. */
void sv_move_track_begin(struct sv_move_run *m);
/* What was written to since is marked, while the guest runs, and after its end. */
void sv_move_track_take(struct sv_move_run *m);
void sv_move_track_read(struct sv_move_run *m);
void sv_move_track_end(struct sv_move_run *m);
