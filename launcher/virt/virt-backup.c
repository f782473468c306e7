/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-backup.h"

#include <unistd.h>

#include "launcher/virt/domain.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/xml.h"

#define POLL_US 50000

static int print_backup(const char *const *paths, size_t n, struct sv_buf *xml, struct sv_err *err)
{
        sv_xml_printf(xml, "<domainbackup mode='push'>\n  <disks>\n");
        for (size_t i = 0; i < n; i++) {
                char target[SV_DISK_TARGET_SIZE];

                sv_domain_name_disk(i, target);
                if (paths[i])
                        sv_xml_printf(xml,
                                      "    <disk name='%s' backup='yes' type='file'>\n"
                                      "      <driver type='raw'/>\n      <target file='%s'/>\n"
                                      "    </disk>\n",
                                      target, paths[i]);
                else
                        sv_xml_printf(xml, "    <disk name='%s' backup='no'/>\n", target);
        }
        sv_xml_printf(xml, "  </disks>\n</domainbackup>\n");
        return sv_buf_ok(xml, "the backup", err);
}

struct job {
        int type;
        virTypedParameterPtr params;
        int n;
};

static void free_job(struct job *j)
{
        if (j->params)
                vir.TypedParamsFree(j->params, j->n);
}
#define JOB __attribute__((cleanup(free_job))) struct job

static int read_job(struct sv_virt *v, unsigned flags, struct job *j)
{
        return vir.DomainGetJobStats(v->dom, &j->type, &j->params, &j->n, flags);
}

static void report_progress(const struct job *j, struct sv_progress *progress)
{
        unsigned long long total = 0, done = 0;

        vir.TypedParamsGetULLong(j->params, j->n, VIR_DOMAIN_JOB_DISK_TOTAL, &total);
        vir.TypedParamsGetULLong(j->params, j->n, VIR_DOMAIN_JOB_DISK_PROCESSED, &done);
        if (total)
                sv_progress_seen(progress, done, total);
}

/* Only what says of itself that it was a backup and has succeeded has. */
static int judge_end(struct sv_virt *v, struct sv_err *err)
{
        int operation = 0, success = 0;
        const char *why = NULL;
        JOB j = {0};

        if (read_job(v, VIR_DOMAIN_JOB_STATS_COMPLETED, &j) < 0)
                return sv_fail(err, SV_SYSTEM, "snapshot.job",
                               "whether the disks were copied is not to be told, since the guest "
                               "or libvirt is gone; there is no copy");
        vir.TypedParamsGetInt(j.params, j.n, VIR_DOMAIN_JOB_OPERATION, &operation);
        vir.TypedParamsGetBoolean(j.params, j.n, VIR_DOMAIN_JOB_SUCCESS, &success);
        vir.TypedParamsGetString(j.params, j.n, VIR_DOMAIN_JOB_ERRMSG, &why);
        if (operation == VIR_DOMAIN_JOB_OPERATION_BACKUP && success)
                return 0;
        return sv_fail(err, SV_SYSTEM, "snapshot.job",
                       "QEMU did not copy all of the disks: %s; the guest goes on, and there is "
                       "no copy",
                       why ? why : "libvirt does not say why");
}

static int fail_cancelled(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "snapshot.cancelled", "cancelled: nothing has changed");
}

static int fail_untold(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "snapshot.job",
                       "libvirt did not say how the copying went, and was told to end it: there "
                       "is no copy");
}

/* QEMU writes to the files for as long as there is a job: nobody goes on before it has none, or is
 * gone. */
static int wait_for_job(struct sv_virt *v, const volatile bool *cancel,
                        struct sv_progress *progress, struct sv_err *err)
{
        bool asked = false, untold = false;

        for (;;) {
                JOB j = {0};
                bool told = read_job(v, 0, &j) == 0;

                if (!told && vir.DomainIsActive(v->dom) != 1)
                        return judge_end(v, err);
                if (told && j.type == VIR_DOMAIN_JOB_NONE)
                        break;
                /* again and again while the daemon does not answer: who knows what it has heard */
                if (!told || (cancel && *cancel && !asked))
                        vir.DomainAbortJob(v->dom);
                untold |= !told;
                asked |= cancel && *cancel;
                report_progress(&j, progress);
                usleep(POLL_US);
        }
        return asked ? fail_cancelled(err) : untold ? fail_untold(err) : judge_end(v, err);
}

struct beginning {
        struct sv_virt *v;
        const char *xml;
        bool done;
};

static int begin_job(void *arg, struct sv_err *err)
{
        struct beginning *b = arg;

        b->done = vir.DomainBackupBegin(b->v->dom, b->xml, NULL,
                                        VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL) == 0;
        return b->done ? 0 : sv_virt_fail(err, "copying the disks of a running guest");
}

int sv_virt_copy_disks(struct sv_virt *v, const char *const *paths, size_t n,
                       struct sv_quiesce *quiesce, const volatile bool *cancel,
                       struct sv_progress *progress, struct sv_err *err)
{
        struct beginning b = {.v = v};
        SV_BUF xml = SV_BUF_NULL;
        JOB earlier = {0};

        if (print_backup(paths, n, &xml, err) < 0)
                return -1;
        /* what an earlier job has left to be read is not this one's */
        read_job(v, VIR_DOMAIN_JOB_STATS_COMPLETED, &earlier);
        b.xml = sv_buf_str(&xml);
        if (sv_quiesce_around(quiesce, begin_job, &b, err) == 0)
                return wait_for_job(v, cancel, progress, err);
        if (b.done) {
                vir.DomainAbortJob(v->dom);
                wait_for_job(v, NULL, progress, NULL);
        }
        return -1;
}
