/* SPDX-License-Identifier: Apache-2.0 */
/* A guest with two disks, each of 8 KiB, and what it writes to them and reads. */
#pragma once

#include <fcntl.h>

#include "base/core/file.h"
#include "launcher/host/host.h"
#include "launcher/keeper/snapshot.h"
#include "tests/unit/unit.h"

static struct sv_err err;
static char base[32];

static inline int run_tool(const char *tool, const char *a, const char *b, const char *c,
                           const char *d)
{
        const char *argv[] = {tool, a, b, c, d, NULL};

        return sv_host_run(argv, NULL, "x", &err);
}

static struct sv_disk two[2];
static char guest_name[] = "g";
static struct sv_guest guest = {.name = guest_name, .disks = two, .n_disks = 2};

static inline void put_disk(size_t i, char fill)
{
        char bytes[8192];

        memset(bytes, fill, sizeof(bytes));
        OK(sv_file_write(two[i].path, 0600, sv_bytes(bytes, sizeof(bytes)), &err));
}

static inline void begin_disks(void)
{
        SV_STR clean = sv_asprintf("rm -rf %s/*", base);

        assert_int_equal(system(clean), 0);
        put_disk(0, 'a');
        put_disk(1, 'b');
}

/* As a guest does: into the file that is written. */
static inline void write_disk(size_t i, const char *pattern)
{
        SV_STR command = sv_asprintf("write -P %s 0 4096", pattern);
        SV_CHAINS c = {0};
        SV_STR path = NULL;

        OK(sv_chains_take(&guest, &c, &err));
        path = sv_layer_path(&c.disks[i], c.disks[i].chain.now.active);
        OK(run_tool("qemu-io", "-c", command, path, NULL));
}

/* What a guest would read: 1 when it is that pattern. */
static inline bool reads(size_t i, const char *pattern)
{
        SV_STR command = sv_asprintf("read -P %s 0 4096", pattern);
        SV_CHAINS c = {0};
        SV_STR path = NULL;
        size_t active;

        OK(sv_chains_take(&guest, &c, &err));
        active = c.disks[i].chain.now.active;
        path = sv_layer_path(&c.disks[i], active);
        return run_tool("qemu-io", active ? "-fqcow2" : "-fraw", "-c", command, path) == 0;
}

static inline int do_snapshot(int (*what)(struct sv_disks *d, const char *name, struct sv_err *err),
                              const char *name)
{
        SV_CHAINS c = {0};
        struct sv_disks d = {.chains = &c};

        memset(&err, 0, sizeof(err));
        if (sv_chains_take(&guest, &c, &err) < 0)
                return -1;
        return what ? what(&d, name, &err) : sv_snapshot_flatten(&d, &err);
}

static inline int make_base(void **state)
{
        strcpy(base, "/dev/shm/svchainXXXXXX"); /* hundreds of syncs */
        if (!mkdtemp(base) && !mkdtemp(strcpy(base, "/tmp/svchainXXXXXX")))
                return -1;
        for (size_t i = 0; i < 2; i++)
                two[i].path = sv_asprintf("%s/%zu.img", base, i);
        return 0;
}

static inline int remove_base(void **state)
{
        free(two[0].path);
        free(two[1].path);
        return sv_remove_tree(base, &err);
}
