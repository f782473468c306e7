/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/known.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"

#define ROW  8
#define ROWS (SV_KNOWN_SOURCES / ROW)

struct sv_known {
        int fd; /* until it is mapped */
        struct entry {
                uint64_t source;
                int64_t until_ms; /* 0: none */
        } * entries;
};

#define SIZE (SV_KNOWN_SOURCES * sizeof(struct entry))

int sv_known_open(struct sv_known **out, struct sv_err *err)
{
        struct sv_known *k = calloc(1, sizeof(*k));

        if (!k)
                return sv_fail_errno(err, "base.memory", "no memory for known sources");
        k->fd = memfd_create("known", MFD_CLOEXEC);
        if (k->fd < 0 || ftruncate(k->fd, SIZE) < 0) {
                sv_fail_errno(err, "broker.serve", "no memory for known sources");
                sv_known_free(k);
                return -1;
        }
        *out = k;
        return 0;
}

int sv_known_map(struct sv_known *k, bool writes, struct sv_err *err)
{
        void *at = mmap(NULL, SIZE, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, k->fd, 0);

        if (at == MAP_FAILED)
                return sv_fail_errno(err, "broker.serve", "no memory for known sources");
        k->entries = at;
        sv_closep(&k->fd);
        return 0;
}

void sv_known_free(struct sv_known *k)
{
        if (!k)
                return;
        if (k->entries)
                munmap(k->entries, SIZE);
        sv_closep(&k->fd);
        free(k);
}

static struct entry *get_source_row(const struct sv_known *k, uint64_t source)
{
        return &k->entries[(source * UINT64_C(0x9e3779b97f4a7c15) >> 32) % ROWS * ROW];
}

void sv_known_note(struct sv_known *k, uint64_t source, int64_t now_ms)
{
        struct entry *row, *at;

        if (!k || !k->entries)
                return;
        row = at = get_source_row(k, source);
        for (size_t i = 0; i < ROW; i++) {
                if (row[i].until_ms && row[i].source == source) {
                        at = &row[i];
                        break;
                }
                if (row[i].until_ms < at->until_ms)
                        at = &row[i];
        }
        *at = (struct entry){source, now_ms + SV_KNOWN_MS};
}

bool sv_known_has(const struct sv_known *k, uint64_t source, int64_t now_ms)
{
        const struct entry *row;

        if (!k || !k->entries)
                return false;
        row = get_source_row(k, source);
        for (size_t i = 0; i < ROW; i++)
                if (row[i].source == source && now_ms < row[i].until_ms)
                        return true;
        return false;
}
