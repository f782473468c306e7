/* SPDX-License-Identifier: Apache-2.0 */
/* What a running guest writes its disks to, changed under it (launcher/virt/snapshot.h). */
#include "launcher/virt/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/xml.h"

#define POLL_US 50000

/* No metadata at libvirt: DISK.snapshots/chain.json says what there is. */
#define SNAPSHOT_FLAGS                                                              \
        (VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC | \
         VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA)

void sv_virt_target(size_t disk, char out[8])
{
        snprintf(out, 8, "vd%c", (int)('a' + disk));
}

bool sv_virt_has_source(struct sv_virt *v, const char *path)
{
        SV_BUF xml = SV_BUF_NULL;
        SV_BUF source = SV_BUF_NULL;

        sv_xml_printf(&source, "<source file='%s'", path);
        return sv_virt_get_xml(v, &xml, NULL) == 0 && strstr(sv_buf_str(&xml), sv_buf_str(&source));
}

int sv_virt_snapshot(struct sv_virt *v, const struct sv_overlay *overlays, size_t n,
                     struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        virDomainSnapshotPtr s;

        sv_xml_printf(&xml, "<domainsnapshot>\n  <disks>\n");
        for (size_t i = 0; i < n; i++) {
                const struct sv_overlay *o = &overlays[i];
                char target[8];

                sv_virt_target(i, target);
                if (!o->path) {
                        sv_xml_printf(&xml, "    <disk name='%s' snapshot='no'/>\n", target);
                        continue;
                }
                sv_xml_printf(&xml,
                              "    <disk name='%s' snapshot='external' type='file'>\n"
                              "      <driver type='qcow2'/>\n      <source file='%s'",
                              target, o->path);
                if (o->group)
                        sv_xml_printf(&xml, " fdgroup='%s'", o->group);
                sv_xml_printf(&xml, "/>\n    </disk>\n");
        }
        sv_xml_printf(&xml, "  </disks>\n</domainsnapshot>\n");
        if (sv_buf_ok(&xml, "the snapshot", err) < 0)
                return -1;
        s = vir.DomainSnapshotCreateXML(v->dom, sv_buf_str(&xml), SNAPSHOT_FLAGS);
        if (!s)
                return sv_virt_fail(err, "taking the snapshot");
        vir.DomainSnapshotFree(s);
        return 0;
}

/* --- commit --- */

/* Of the one block job there is: have both files the same content, which stays so? */
static bool is_ready(struct sv_virt *v)
{
        SV_BUF xml = SV_BUF_NULL;

        return sv_virt_get_xml(v, &xml, NULL) == 0 && strstr(sv_buf_str(&xml), " ready='yes'");
}

static int cancel_commit(struct sv_virt *v, const char *target, struct sv_err *err)
{
        vir.DomainBlockJobAbort(v->dom, target, 0);
        return sv_fail(err, SV_SYSTEM, "snapshot.cancelled",
                       "it was cancelled: the guest goes on with all that it has written");
}

/* Until the job is ready (1), or there is none any more (0). */
static int wait_for_job(struct sv_virt *v, const char *target, const struct sv_disk_watch *w,
                        struct sv_err *err)
{
        for (;;) {
                virDomainBlockJobInfo info = {0};
                int r = vir.DomainGetBlockJobInfo(v->dom, target, &info, 0);

                if (r <= 0)
                        return r < 0 ? sv_virt_fail(err, "following the disk's job") : 0;
                sv_progress_seen(w->progress, info.cur, info.end);
                if (is_ready(v))
                        return 1;
                if (w->cancel && *w->cancel)
                        return cancel_commit(v, target, err);
                usleep(POLL_US);
        }
}

static int fail_job(const char *target, const char *into, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "snapshot.job",
                       "QEMU gave up writing the states of %s into %s: its disk may be full, or "
                       "gone; the guest goes on with all that it has written",
                       target, into);
}

int sv_virt_commit(struct sv_virt *v, size_t disk, const char *top, const char *into,
                   const struct sv_disk_watch *w, struct sv_err *err)
{
        char target[8];
        int r;

        sv_virt_target(disk, target);
        if (vir.DomainBlockCommit(v->dom, target, into, top, 0,
                                  top ? 0 : VIR_DOMAIN_BLOCK_COMMIT_ACTIVE) < 0)
                return sv_virt_fail(err, "writing a disk's later state into the earlier");
        sv_virt_free_locks(v);
        r = wait_for_job(v, target, w, err);
        if (r < 0)
                return -1;
        if (top ? sv_virt_has_source(v, top) : r == 0)
                return fail_job(target, into, err);
        return 0;
}

int sv_virt_pivot(struct sv_virt *v, size_t disk, const char *into, struct sv_err *err)
{
        char target[8];

        sv_virt_target(disk, target);
        sv_virt_free_locks(v);
        if (vir.DomainBlockJobAbort(v->dom, target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) == 0)
                return 0;
        sv_virt_fail(err, "going over to the file that now has everything");
        vir.DomainBlockJobAbort(v->dom, target, 0);
        return -1;
}

int sv_virt_halt(struct sv_virt *v, bool *halted, struct sv_err *err)
{
        enum sv_virt_state state;

        *halted = false;
        if (sv_virt_get_state(v, &state, err) < 0)
                return -1;
        if (state != SV_VIRT_RUNNING)
                return 0;
        if (sv_virt_pause(v, err) < 0)
                return -1;
        *halted = true;
        return 0;
}
