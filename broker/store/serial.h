/* SPDX-License-Identifier: Apache-2.0 */
/* How far the database is, in a file outside of it: the number of its newest change, and that
 * state's MAC. It is written when the change is committed, so the database is never behind it, at
 * whatever moment a process is killed. A database that is behind has been put back. */
#pragma once

#include "base/core/bytes.h"

#define SV_MAC_SIZE 32

struct sv_serial {
        int64_t number; /* 0: a database that has none may be there; -1: there is no such file */
        uint8_t mac[SV_MAC_SIZE];
};

/* SV_SYSTEM "broker.store.serial" */
int sv_serial_read(const char *path, struct sv_serial *out, struct sv_err *err);
int sv_serial_write(const char *path, const struct sv_serial *serial, struct sv_err *err);
/* One at a time changes database and serial: a descriptor, to be closed; waits for another. `file`
 * is one that is there and stays: the kek's. SV_SYSTEM "broker.store.lock". */
int sv_serial_lock(const char *file, struct sv_err *err);
