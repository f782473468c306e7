/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, versions of resources and floors of disks are authenticated, each row and all of them
 * together: who can write the database and has not the kek can change nothing that is believed.
 *
 *      table macs    256 lists by the hash of the path, in each an entry for each row: what it is,
 *                    sorted, and the MAC over that and its columns
 *      table state   one row: the number of changes, the digests of the lists, and the MAC over
 * both
 *
 * A row counts when its MAC is in its list, the list has its digest in the state, and the state is
 * not older than the serial outside of the database (broker/store/serial.h). What is not there must
 * have no entry. To read one row takes two rows more, however many there are.
 *
 * A change is one transaction, under a lock of its own as the serial is written after it. */
#pragma once

#include "broker/store/serial.h"
#include "broker/store/sql.h"

#define SV_MAC_LISTS 256
#define SV_MAC_ENTRY 64

enum sv_row_kind {
        SV_ROW_POLICY = 1, /* text, created; its name is "" */
        SV_ROW_VERSION,    /* sealed, size, created; the number */
        SV_ROW_DISK,       /* generation, restored, time; the volume */
        SV_ROW_HISTORY,    /* text, created, author; the number of a policy's version */
        SV_ROW_SETTINGS,   /* labels, most, released, bytes, takers; "" */
        SV_ROW_REFERENCE,  /* text, generation, created; "" */
        SV_ROW_PENDING,    /* head, body, expires; the id */
        SV_ROW_KINDS
};

/* A transaction over rows that are authenticated. Zeroed before its begin; its end frees it. */
struct sv_macs {
        struct sv_serial outside;
        int lock;   /* 0: none */
        bool inner; /* inside of a transaction that is held */
        bool changed;
        int64_t serial;
        uint8_t mac[SV_MAC_SIZE];
        uint8_t digests[SV_MAC_LISTS][SV_MAC_SIZE];
        struct sv_list {
                bool loaded, changed;
                struct sv_buf entries;
        } lists[SV_MAC_LISTS];
};

/* Both check the state: SV_SYSTEM "broker.store.state" when it is not of this kek,
 * "broker.store.rollback" when it is older than the serial, "broker.store.serial". In a store
 * without a key nothing is checked. On failure there is nothing to end. */
int sv_macs_begin_read(struct sv_store *s, struct sv_macs *m, struct sv_err *err);
int sv_macs_begin_change(struct sv_store *s, struct sv_macs *m, struct sv_err *err);
/* Ends it; rc is what came of it, and returned. A change is committed when it is 0, and the serial
 * follows. */
int sv_macs_end_read(struct sv_store *s, struct sv_macs *m, int rc);
int sv_macs_end_change(struct sv_store *s, struct sv_macs *m, int rc, struct sv_err *err);

/* The row as it is stored: 1, with its columns in *q (the caller finishes it), or 0, there is none;
 * -1 and SV_SYSTEM "broker.store.mac" when it is not what was stored there. */
int sv_macs_get_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind, const char *path,
                    const char *name, struct sv_stmt **q, struct sv_err *err);
/* For a row that this transaction has written, or removed: the database is asked for it, and must
 * answer what was written (as sv_sql_prepare has it), or that there is none. SV_SYSTEM
 * "broker.store.mac": what somebody else makes of it is never authenticated. */
int sv_macs_put_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind, const char *path,
                    const char *name, struct sv_err *err, const char *types, ...);
int sv_macs_drop_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind, const char *path,
                     const char *name, struct sv_err *err);
/* Whatever stands there: only for a database from before there were MACs. */
int sv_macs_adopt_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                      const char *path, const char *name, struct sv_err *err);
/* How many rows of a kind the path has; with `drop` their entries go. -1 on failure. */
int64_t sv_macs_count(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                      const char *path, bool drop, struct sv_err *err);

/* Are there as many as this broker stored? SV_SYSTEM "broker.store.mac"; `of` stands before the
 * path in the message. */
int sv_macs_check_count(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                        const char *of, const char *path, int64_t n, struct sv_err *err);
/* The name of a row that is one of many versions. */
#define SV_VERSION_NAME 24
const char *sv_version_name(int64_t version, char name[SV_VERSION_NAME]);

/* --- for those that follow the lists themselves --- */

/* What a MAC is over begins with one of these. */
enum sv_mac_label {
        SV_LABEL_PATH = 1,
        SV_LABEL_ROW_ID,
        SV_LABEL_ROW,
        SV_LABEL_LIST,
        SV_LABEL_STATE
};
int sv_macs_make(struct sv_store *s, const struct sv_buf *in, uint8_t out[SV_MAC_SIZE],
                 struct sv_err *err);
/* Reads a list, once, and checks it: SV_SYSTEM "broker.store.state". */
int sv_macs_load_list(struct sv_store *s, struct sv_macs *m, unsigned i, struct sv_err *err);
/* What there is of a kind, to be stepped: path, name. */
struct sv_stmt *sv_macs_list_rows(struct sv_store *s, enum sv_row_kind kind, struct sv_err *err);
/* Writes lists and state of what was changed, as change m->serial + 1; in a transaction. */
int sv_macs_write(struct sv_store *s, struct sv_macs *m, struct sv_err *err);
/* Every row has its entry and every entry its row. */
int sv_macs_check_all(struct sv_store *s, struct sv_macs *m, struct sv_err *err);
void sv_macs_free(struct sv_macs *m);
