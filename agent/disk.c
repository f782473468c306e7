/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/disk.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/system.h"
#include "base/core/file.h"
#include "luks/crypt.h"
#include "luks/integrity.h"

#define KMSG_LINE 1024 /* one record of /dev/kmsg; longer ones are cut by the kernel */

int sv_disk_check(const struct sv_agent_config *config, const struct sv_luks_header *h,
                  const char *device, struct sv_err *err)
{
        uint8_t super[SV_INTEGRITY_SUPERBLOCK];
        SV_FD fd = -1;
        ssize_t n;

        if (!h->integrity)
                return 0;
        if (config->discard)
                return sv_fail(err, SV_USAGE, "disk.discard",
                               "the disk has authentication tags, over which there is no discard: "
                               "take discard out of securevm.root");
        fd = open(device, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return sv_fail_errno(err, "agent.disk", "cannot open %s", device);
        n = pread(fd, super, sizeof(super), SV_LUKS_DATA_OFFSET);
        if (n < 0)
                return sv_fail_errno(err, "agent.disk", "cannot read %s", device);
        return sv_integrity_check(sv_bytes(super, (size_t)n), h->data_size / SV_INTEGRITY_BLOCK,
                                  err);
}

int sv_disk_check_size(const struct sv_luks_header *h, const char *opened, struct sv_err *err)
{
        uint64_t size;

        if (!h->integrity)
                return 0;
        if (sv_system_read_size(opened, &size, err) < 0)
                return -1;
        if (size == h->data_size)
                return 0;
        return sv_fail(err, SV_PROOF, "disk.size",
                       "the opened disk has %llu bytes, its header says %zu: somebody changed the "
                       "disk",
                       (unsigned long long)size, h->data_size);
}

/* Each read gives one record: "6,339,5140900,-;device-mapper: crypt: dm-1: INTEGRITY AEAD ERROR,
 * sector 17328". A record that was overwritten meanwhile fails with EPIPE. */
static bool find_in_log(const struct sv_machine *m, const char *const *words, char text[128])
{
        SV_STR path = sv_machine_path(sv_machine_of(m), "/dev/kmsg");
        SV_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        char line[KMSG_LINE + 1];

        for (int lost = 0; fd >= 0 && lost < 2;) {
                ssize_t n = read(fd, line, KMSG_LINE);
                const char *at = NULL;

                if (n == 0)
                        break;
                lost = n < 0 ? lost + 1 : 0;
                line[n < 0 ? 0 : n] = 0;
                for (size_t i = 0; words[i] && !at; i++)
                        at = strstr(line, words[i]);
                if (at) {
                        snprintf(text, 128, "%.*s", (int)strcspn(at, "\n"), at);
                        return true;
                }
        }
        return false;
}

void sv_disk_explain(const struct sv_machine *m, const struct sv_luks_header *h, struct sv_err *err)
{
        static const char *const words[] = {"INTEGRITY AEAD ERROR", NULL};
        struct sv_err failed = *err;
        char found[128];

        if (!h->integrity || !find_in_log(m, words, found))
                return;
        sv_fail(err, SV_PROOF, "disk.block",
                "a block of the disk has not the tag that it was written with (%s), so somebody "
                "changed the disk: %s",
                found, failed.msg);
}

/* The errno of the mount does not tell: of a chunk tree it is EINVAL, as of a wrong option. */
void sv_disk_explain_tree(const struct sv_machine *m, struct sv_err *err)
{
        static const char *const words[] = {"parent transid verify failed", "bad tree block start",
                                            "checksum verify failed", "csum failed", NULL};
        struct sv_err failed = *err;
        char found[128];

        if (failed.class != SV_SYSTEM || !find_in_log(m, words, found))
                return;
        sv_fail(err, SV_PROOF, "disk.tree",
                "the blocks of the disk do not belong together (%s), so somebody has put older "
                "ones back: %s",
                found, failed.msg);
}

const char *sv_disk_limits(const struct sv_luks_header *h, bool fresh)
{
        if (!h->integrity)
                return "the disk is encrypted only: that somebody changed blocks of it, or put "
                       "older ones back, is not noticed";
        return fresh ? "that somebody put back a state of the disk from after the last report is "
                       "not noticed"
                     : "that somebody put older blocks of the disk back, with their tags, is not "
                       "noticed";
}
