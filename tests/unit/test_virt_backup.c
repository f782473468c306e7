/* SPDX-License-Identifier: Apache-2.0 */
/* When copies of a running guest's disks count: only when libvirt says so. libvirt is a few
 * functions here. */
#include "launcher/virt/virt-backup.h"
#include "tests/unit/played_job.h"
#include "tests/unit/unit.h"

static struct sv_err err;
static struct sv_virt subject;

static struct {
        int asked_more; /* times that the job still runs */
        int silent;     /* times that it does not say so */
        bool refused, gone;
        char xml[1000];
        unsigned flags, aborted, cleared;
} daemon_is;

static int begin_backup(virDomainPtr dom, const char *xml, const char *checkpoint, unsigned flags)
{
        assert_int_equal(daemon_is.cleared, 1); /* what an earlier one has left */
        snprintf(daemon_is.xml, sizeof(daemon_is.xml), "%s", xml);
        daemon_is.flags = flags;
        return daemon_is.refused ? -1 : 0;
}

static int tell_job(virDomainPtr dom, int *type, virTypedParameterPtr *params, int *n,
                    unsigned flags)
{
        if (daemon_is.gone)
                return -1;
        if (!flags && daemon_is.silent-- > 0)
                return -1;
        daemon_is.cleared += flags == VIR_DOMAIN_JOB_STATS_COMPLETED;
        *type = daemon_is.asked_more-- > 0 ? VIR_DOMAIN_JOB_UNBOUNDED : VIR_DOMAIN_JOB_NONE;
        return 0;
}

static int abort_job(virDomainPtr dom)
{
        daemon_is.aborted++;
        daemon_is.asked_more = 2;
        return 0;
}

static int is_active(virDomainPtr dom)
{
        return daemon_is.gone ? -1 : 1;
}

static int get_number(virTypedParameterPtr params, int n, const char *name,
                      unsigned long long *value)
{
        return 0;
}

static virErrorPtr tell_nothing(void)
{
        return NULL;
}

static int set_up(void **state)
{
        memset(&daemon_is, 0, sizeof(daemon_is));
        daemon_is.asked_more = 1;
        vir.DomainBackupBegin = begin_backup;
        vir.DomainGetJobStats = tell_job;
        vir.DomainAbortJob = abort_job;
        vir.DomainIsActive = is_active;
        play_job_end();
        vir.TypedParamsGetULLong = get_number;
        vir.GetLastError = tell_nothing;
        return 0;
}

static int copy(const volatile bool *cancel)
{
        const char *const paths[] = {"/c/a&b.raw", NULL, "/c/c.raw"};

        return sv_virt_copy_disks(&subject, paths, 3, NULL, cancel, NULL, &err);
}

static void counts_what_has_succeeded(void **state)
{
        OK(copy(NULL));
        assert_non_null(strstr(daemon_is.xml, "<domainbackup mode='push'>"));
        assert_non_null(strstr(daemon_is.xml, "<disk name='vda' backup='yes' type='file'>"));
        assert_non_null(strstr(daemon_is.xml, "<target file='/c/a&amp;b.raw'/>"));
        assert_non_null(strstr(daemon_is.xml, "<disk name='vdb' backup='no'/>"));
        assert_non_null(strstr(daemon_is.xml, "<driver type='raw'/>"));
        assert_int_equal(daemon_is.flags, VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL);
}

static void counts_nothing_else(void **state)
{
        played_job.success = 0;
        played_job.why = "No space left on device";
        FAILS(copy(NULL), SV_SYSTEM, "snapshot.job");
        assert_non_null(strstr(err.msg, "No space left"));
        set_up(NULL);
        played_job.operation = VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT; /* of somebody else, since */
        FAILS(copy(NULL), SV_SYSTEM, "snapshot.job");
        set_up(NULL);
        daemon_is.refused = true;
        FAILS(copy(NULL), SV_SYSTEM, "virt.libvirt");
}

static void counts_nothing_that_cannot_be_told(void **state)
{
        const char *const paths[] = {"/c/a.raw"};

        daemon_is.gone = true;
        daemon_is.cleared = 1;
        FAILS(sv_virt_copy_disks(&subject, paths, 1, NULL, NULL, NULL, &err), SV_SYSTEM,
              "snapshot.job");
}

/* QEMU would write to files that somebody else has by then. */
static void leaves_no_job_behind(void **state)
{
        daemon_is.asked_more = 1000;
        daemon_is.silent = 1;
        FAILS(copy(NULL), SV_SYSTEM, "snapshot.job");
        assert_int_equal(daemon_is.aborted, 1);
        assert_true(daemon_is.asked_more <= 0);
}

static void ends_when_it_is_told_to(void **state)
{
        const volatile bool cancel = true;

        daemon_is.asked_more = 1000;
        FAILS(copy(&cancel), SV_SYSTEM, "snapshot.cancelled");
        assert_int_equal(daemon_is.aborted, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(counts_what_has_succeeded, set_up),
                cmocka_unit_test_setup(counts_nothing_else, set_up),
                cmocka_unit_test_setup(counts_nothing_that_cannot_be_told, set_up),
                cmocka_unit_test_setup(leaves_no_job_behind, set_up),
                cmocka_unit_test_setup(ends_when_it_is_told_to, set_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
