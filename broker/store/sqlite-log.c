/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's log, written anew after a sync of it has failed: the kernel then takes its pages for
 * written, and they are in memory only. A checkpoint would copy them into the database, and a power
 * cut in the middle of it would leave half of them there. The same bytes in their place harm
 * nothing, whenever it ends.
 *
 * sqlite.org/walformat.html: the log is a header of 32 bytes and frames, each of a header of 24
 * (page, size, two salts, two sums) and a page; the sums are of all before them. The index in
 * memory has the number of frames that count at 16. */
#include "broker/store/sqlite.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define LOG_HEADER   32
#define FRAME_HEADER 24
#define INDEX_SIZE   32768
#define INDEX_FORMAT 3007000

static void add_sums(uint32_t sums[2], const uint8_t *p, size_t n)
{
        uint32_t words[2];

        for (size_t i = 0; i + sizeof(words) <= n; i += sizeof(words)) {
                memcpy(words, p + i, sizeof(words));
                sums[0] += words[0] + sums[1];
                sums[1] += words[1] + sums[0];
        }
}

static bool has_sums(const uint32_t sums[2], const uint8_t *p)
{
        const uint32_t stored[2] = {htobe32(sums[0]), htobe32(sums[1])};

        return sv_bytes_eq(sv_bytes(p, sizeof(stored)), sv_bytes(stored, sizeof(stored)));
}

/* What is no longer in memory is what the disk has instead: the sums tell. */
static int write_frames_anew(sqlite3_file *log, uint32_t frames, const uint8_t *header,
                             uint32_t sums[2], uint8_t *frame, uint32_t size)
{
        for (uint32_t i = 0; i < frames; i++) {
                sqlite3_int64 at = LOG_HEADER + (sqlite3_int64)i * size;

                if (log->pMethods->xRead(log, frame, (int)size, at) != SQLITE_OK)
                        return -1;
                add_sums(sums, frame, 8);
                add_sums(sums, frame + FRAME_HEADER, size - FRAME_HEADER);
                if (!sv_bytes_eq(sv_bytes(frame + 8, 8), sv_bytes(header + 16, 8)) ||
                    !has_sums(sums, frame + 16) ||
                    log->pMethods->xWrite(log, frame, (int)size, at) != SQLITE_OK)
                        return -1;
        }
        return 0;
}

static int write_log_anew(sqlite3_file *log, uint32_t frames)
{
        uint8_t header[LOG_HEADER], *frame;
        uint32_t sums[2] = {0}, size;
        int rc;

        if (!frames)
                return 0;
        if (log->pMethods->xRead(log, header, LOG_HEADER, 0) != SQLITE_OK)
                return -1;
        memcpy(&size, header + 8, sizeof(size));
        size = be32toh(size);
        add_sums(sums, header, 24);
        if (size < 512 || size > 65536 || !has_sums(sums, header + 24) ||
            log->pMethods->xWrite(log, header, LOG_HEADER, 0) != SQLITE_OK)
                return -1;
        size += FRAME_HEADER;
        frame = malloc(size);
        rc = frame ? write_frames_anew(log, frames, header, sums, frame, size) : -1;
        free(frame);
        return rc;
}

/* As it is while nobody can write. */
static int count_frames(sqlite3 *db, uint32_t *frames)
{
        sqlite3_file *file = NULL;
        void volatile *map = NULL;
        uint32_t index[5];

        if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
            !file || !file->pMethods || file->pMethods->iVersion < 2 ||
            file->pMethods->xShmMap(file, 0, INDEX_SIZE, 0, &map) != SQLITE_OK || !map)
                return -1;
        memcpy(index, (const void *)map, sizeof(index));
        *frames = index[4];
        return index[0] == INDEX_FORMAT ? 0 : -1;
}

/* Others may not begin the log anew meanwhile. */
int sv_sqlite_write_log_anew(sqlite3 *db, sqlite3_file *log)
{
        uint32_t frames;
        int rc;

        if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
                return -1;
        rc = count_frames(db, &frames) == 0 ? write_log_anew(log, frames) : -1;
        return sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK ? rc : -1;
}
