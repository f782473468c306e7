/* SPDX-License-Identifier: Apache-2.0 */
/* The reader: the process that reads what a guest's agent says, for one that has rights of its own.
 *
 * What it is given is the guest's end of the agent's port, and what comes back are events of fixed
 * fields (launcher/keeper/agent-event.h). It has no file, no other socket, no rights over another
 * process and, where root starts it, a user who is no other guest's reader: who takes it over can
 * say what the guest could have said, and nothing else. */
#pragma once

#include <sys/types.h>

#include "base/json/json.h"

struct sv_reader {
        int fd; /* readable when there is something; -1: none */
        pid_t pid;
        bool reading; /* it has a port, whose end was not yet seen */
};
#define SV_READER_NONE   \
        {                \
                .fd = -1 \
        }

/* Call it before the process has threads. `user` is the id that it gets where root starts it (and
 * that of its group); 0: that of "nobody". SV_SYSTEM "launch.reader". */
int sv_reader_start(struct sv_reader *r, unsigned user, struct sv_err *err);
/* Read this port from now on, and no longer the one before; the caller closes its own. */
int sv_reader_give(struct sv_reader *r, int port, struct sv_err *err);
/* 1 and the next event, which the caller frees; 0 when there is none now, or when the port has
 * ended; -1 SV_SYSTEM or SV_FORMAT "launch.reader" when the process has ended or sends another
 * form. */
int sv_reader_next(struct sv_reader *r, struct sv_json **event, struct sv_err *err);
void sv_reader_end(struct sv_reader *r);

/* Its message, of one byte, when it is ready, and at the end of a port. */
#define SV_READER_END ""
/* In the process: until `control` is closed. */
void sv_reader_serve(int control);
