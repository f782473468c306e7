/* SPDX-License-Identifier: Apache-2.0 */
/* A file beside all guests' folders: what was done to this machine for which guests, from before it
 * is done. It counts until the machine's next boot, which undoes it. Who holds a guest's lock may
 * take the file's, never the other way round. */
#pragma once

#include "base/json/json.h"

struct sv_boot_record {
        const char *file;  /* ".nvme" */
        const char *list;  /* the member that has the rows */
        const char *check; /* of its errors, SV_SYSTEM */
        struct sv_json *all;
        struct sv_json *rows; /* of `all`; others after a write */
        int lock;
};
#define SV_BOOT_RECORD_NULL \
        {                   \
                .lock = -1  \
        }

bool sv_boot_record_is_there(const char *file);
/* Holds its lock until it is closed; without rows when they are of another boot. The texts stay the
 * caller's. */
int sv_boot_record_open(const char *root, const char *file, const char *list, const char *check,
                        struct sv_boot_record *r, struct sv_err *err);
void sv_boot_record_close(struct sv_boot_record *r);
#define SV_BOOT_RECORD __attribute__((cleanup(sv_boot_record_close))) struct sv_boot_record

/* A row that the next write leaves out. */
void sv_boot_record_remove(struct sv_json *row);
bool sv_boot_record_has(const struct sv_json *row);
/* Written and synced; without rows there is no file. */
int sv_boot_record_write(struct sv_boot_record *r, struct sv_err *err);
