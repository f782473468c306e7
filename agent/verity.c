/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/verity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent/events.h"
#include "agent/root.h"
#include "agent/system.h"
#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "luks/dm-verity.h"

#define NAME "root"
/* In the initramfs, where the system cannot reach it once it has its own root. */
#define BASE "/overlay"

static int fail_block(struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "verity.block",
                       "a block of the root disk is not the one that the measured root hash is of: "
                       "somebody changed the disk, or it is another one");
}

int sv_verity_blame(struct sv_err *err)
{
        return sv_dm_verity_is_corrupt(NAME) ? fail_block(err) : -1;
}

/* With another disk above it (`top`) an error may be that one's: then the kernel knows. */
static int fail_reading(struct sv_err *err, const char *top, const char *what)
{
        if (errno == EIO && !top)
                return fail_block(err);
        sv_fail_errno(err, "agent.root", "cannot %s", what);
        return sv_verity_blame(err);
}

/* A disk that ends early would be found out block by block; so it has a name of its own. */
static int check_disk_size(const char *device, const struct sv_verity *v, struct sv_err *err)
{
        uint64_t size;

        if (sv_system_read_size(device, &size, err) < 0)
                return -1;
        if (size < sv_verity_end(v))
                return sv_fail(err, SV_PROOF, "verity.size",
                               "the root disk has %llu bytes, and the one that was measured %llu",
                               (unsigned long long)size, (unsigned long long)sv_verity_end(v));
        return 0;
}

static int make_layer(const struct sv_machine *m, const char *top, const char *name,
                      struct sv_err *err)
{
        SV_STR below = sv_asprintf("%s/%s", top, name);
        SV_STR path = sv_machine_path(m, below);

        return sv_mkdirs(path, 0755, err);
}

/* Whether it can be run shows here, before the guest counts as unlocked, and not when nothing else
 * is left. */
static int read_init(const struct sv_machine *m, const char *top, struct sv_err *err)
{
        SV_FD fd = sv_root_open_init(m, O_RDONLY | O_CLOEXEC, err);
        char chunk[16384];
        ssize_t n;

        if (fd < 0)
                return sv_verity_blame(err);
        while ((n = read(fd, chunk, sizeof(chunk))) > 0)
                ;
        return n < 0 ? fail_reading(err, top, "read /sbin/init of the root file system") : 0;
}

int sv_verity_mount(const struct sv_machine *machine, const char *device, const char *type,
                    struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR base = sv_machine_path(m, BASE);

        if (sv_mkdirs(base, 0755, err) < 0)
                return -1;
        if (m->mount("overlay", BASE, "tmpfs", 0, "mode=0755") < 0)
                return fail_reading(err, NULL, "mount a file system in memory");
        if (make_layer(m, BASE, "lower", err) < 0)
                return -1;
        if (m->mount(device, BASE "/lower", type, MS_RDONLY, NULL) < 0)
                return fail_reading(err, NULL, "mount the root file system");
        return 0;
}

int sv_verity_cover(const struct sv_machine *machine, const char *top, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        const char *at = top ? top : BASE;
        SV_STR layers =
                sv_asprintf("lowerdir=" BASE "/lower,upperdir=%s/upper,workdir=%s/work", at, at);

        if (make_layer(m, at, "upper", err) < 0 || make_layer(m, at, "work", err) < 0)
                return -1;
        if (m->mount("overlay", SV_ROOT, "overlay", 0, layers) < 0)
                return fail_reading(err, top, "mount the overlay above the root file system");
        return read_init(m, top, err);
}

int sv_verity_root(const struct sv_machine *m, const struct sv_agent_config *config,
                   struct sv_err *err)
{
        const struct sv_verity *v = &config->verity;
        char node[64], says[160], hex[65];
        SV_STR device = NULL;
        int64_t began;

        sv_event_start("open", NULL);
        if (sv_system_find_disk(m, config->disk, node, err) < 0)
                return -1;
        device = sv_machine_path(sv_machine_of(m), node);
        if (check_disk_size(device, v, err) < 0)
                return -1;
        began = sv_clock_ms();
        if (sv_dm_verity_open(device, NAME, v, err) < 0)
                return -1;
        sv_event_time("verity", sv_clock_ms() - began);
        if (sv_verity_mount(m, "/dev/mapper/" NAME, v->type, err) < 0)
                return -1;
        snprintf(says, sizeof(says), "each block of %s is verified: %s, root hash %s", node,
                 v->type, sv_hex(sv_bytes(v->root, sizeof(v->root)), hex));
        sv_event_done("open", says);
        if (*config->data)
                return 0;
        if (sv_verity_cover(m, NULL, err) < 0)
                return -1;
        sv_event_unlocked(says, NULL);
        return 0;
}
