/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a cold move between the two hosts, forth and back, in the order in which they keep
 * the guest in one place. */
#pragma once

#include "launcher/keeper/move-int.h"

struct sv_buf;

/* Both hosts, what the source has of the guest, and how far an earlier command has come. */
int sv_move_open(struct sv_move_run *m, struct sv_err *err);
/* From here on the move can go on after whatever happens. */
int sv_move_begin_mark(struct sv_move_run *m, struct sv_err *err);
/* The certificates (PEM) of who makes the target's vTPMs; left empty when there are none yet. */
int sv_move_read_authority(struct sv_move_run *m, struct sv_buf *out, struct sv_err *err);
/* The guest is off: nothing starts it here from now on. "move.started" when somebody just has. */
int sv_move_raise_fence(struct sv_move_run *m, struct sv_err *err);
int sv_move_define_there(struct sv_move_run *m, struct sv_err *err);
/* Until it has its disk, unless it was off. */
int sv_move_start_there(struct sv_move_run *m, struct sv_err *err);
int sv_move_forget_here(struct sv_move_run *m, struct sv_err *err);
/* The source has nothing of it any more, and the target it: the mark goes. */
int sv_move_end_arrival(struct sv_move_run *m, struct sv_json *result, struct sv_err *err);
/* Where it was, running if it did. SV_SYSTEM "move.written" when its disks have changed there, or
 * it has them open, which this leaves as it is; "move.target" when it may be there and that cannot
 * be seen. */
int sv_move_go_back(struct sv_move_run *m, struct sv_err *err);
