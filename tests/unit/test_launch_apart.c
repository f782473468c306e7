/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps guests of one machine apart: ids of each one's own, what confines them beside that,
 * and what a taken over swtpm may leave for its next start. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "launcher/host/confinement.h"
#include "launcher/host/vtpm-ca.h"
#include "launcher/keeper/ids.h"
#include "tests/unit/unit.h"

static char base[32];

static void put(const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s%s", base, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, sv_bytes_str(text), &err));
}

static int take(const char *guest, struct sv_ids *ids, struct sv_err *err)
{
        SV_STR registry = sv_asprintf("%s/ids", base);
        SV_STR subuid = sv_asprintf("%s/subuid", base);
        SV_STR folder = sv_asprintf("%s/%s", base, guest);

        return sv_mkdirs(folder, 0755, err) < 0
                       ? -1
                       : sv_ids_take_from(registry, subuid, folder, ids, err);
}

static void no_two_guests_have_one_id(void **state)
{
        SV_STR gone = sv_asprintf("%s/b", base);
        struct sv_ids a, b, c, again;
        struct sv_err err;

        /* not the default range, of which a guest of this machine may have some */
        put("/subuid", "secure-vm:700001:100\n");
        OK(take("a", &a, &err));
        OK(take("b", &b, &err));
        assert_int_equal(a.qemu, 700001);
        assert_int_equal(a.group, a.qemu);
        assert_int_equal(a.swtpm, a.qemu + 1);
        assert_int_equal(b.qemu, a.qemu + 2);
        /* the same at the next launch, also when others came between */
        OK(take("c", &c, &err));
        assert_int_equal(c.qemu, b.qemu + 2);
        OK(take("a", &again, &err));
        assert_memory_equal(&again, &a, sizeof(a));
        /* free again when the guest's folder is gone */
        OK(sv_remove_tree(gone, &err));
        OK(take("d", &again, &err));
        assert_memory_equal(&again, &b, sizeof(b));
}

static void the_range_is_a_setting(void **state)
{
        static const char *const wrong[] = {
                "secure-vm:x:8\n",
                "secure-vm:-5:8\n",
                "secure-vm:0:8\n",
                "secure-vm:999:8\n",
                "secure-vm:5000:1\n",
                "secure-vm:5000:8:1\n",
                "secure-vm:5000\n",
                "secure-vm:4294967293:2\n",
                "secure-vm:5000:4294967295\n",
                "secure-vm:18446744073709551615:8\n",
        };
        struct sv_ids ids;
        struct sv_err err;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                put("/subuid", wrong[i]);
                FAILS(take("r1", &ids, &err), SV_USAGE, "launch.ids");
        }
        put("/subuid", "root:100000:65536\nsecure-vm:5001:5\n");
        OK(take("r1", &ids, &err));
        assert_int_equal(ids.qemu, 5001);
        OK(take("r2", &ids, &err));
        assert_int_equal(ids.qemu, 5003);
        /* five ids are two guests */
        FAILS(take("r3", &ids, &err), SV_SYSTEM, "launch.ids");
        put("/subuid", "root:100000:65536\n");
        OK(take("r3", &ids, &err));
        assert_true(ids.qemu >= SV_IDS_FIRST);
}

static struct sv_ids seen[4];
static size_t nseen;

static int note_pair(const struct sv_ids *ids, struct sv_err *err)
{
        if (nseen == 2)
                return sv_fail(err, SV_SYSTEM, "launch.leftovers", "there are more than two");
        seen[nseen++] = *ids;
        return 0;
}

static int visit(const char *guest, struct sv_err *err)
{
        SV_STR registry = sv_asprintf("%s/ids", base);
        SV_STR folder = sv_asprintf("%s/%s", base, guest);

        nseen = 0;
        return sv_ids_visit_in(registry, folder, note_pair, err);
}

/* A guest's reader is no other's, has an id of none of the others, and the same at the next launch;
 * it is not among what is ended before the guest starts. */
static void readers_are_apart(void **state)
{
        SV_STR registry = sv_asprintf("%s/ids", base);
        SV_STR subuid = sv_asprintf("%s/subuid", base);
        SV_STR one = sv_asprintf("%s/reads1", base);
        SV_STR two = sv_asprintf("%s/reads2", base);
        unsigned first, second, again;
        struct sv_ids ids;
        struct sv_err err;

        put("/subuid", "secure-vm:750001:6\n");
        OK(take("reads1", &ids, &err));
        OK(sv_mkdirs(two, 0755, &err));
        OK(sv_ids_take_reader_from(registry, subuid, one, &first, &err));
        OK(sv_ids_take_reader_from(registry, subuid, two, &second, &err));
        OK(sv_ids_take_reader_from(registry, subuid, one, &again, &err));
        assert_int_equal(ids.qemu, 750001);
        assert_int_equal(first, 750003);
        assert_int_equal(second, 750005);
        assert_int_equal(again, first);
        OK(visit("reads1", &err));
        assert_int_equal(nseen, 1);
        assert_int_equal(seen[0].qemu, ids.qemu);
        OK(sv_remove_tree(one, &err));
        OK(take("reads3", &ids, &err));
        assert_int_equal(ids.qemu, 750001);
        OK(sv_ids_take_reader_from(registry, subuid, two, &again, &err));
        assert_int_equal(again, second);
}

/* What ran with the ids of a range that was set before is the guest's too. */
static void pairs_of_every_range(void **state)
{
        SV_STR unreadable = sv_asprintf("%s/ids/9001", base);
        struct sv_ids first, second;
        struct sv_err err;

        OK(visit("v", &err));
        assert_int_equal(nseen, 0);
        put("/subuid", "secure-vm:710001:8\n");
        OK(take("v", &first, &err));
        put("/subuid", "secure-vm:720001:8\n");
        OK(take("v", &second, &err));
        assert_int_equal(second.qemu, 720001);
        put("/subuid", "secure-vm:x:8\n");
        put("/ids/730001.aBcDeF", "");
        OK(visit("v", &err));
        assert_int_equal(nseen, 2);
        assert_int_equal(seen[0].qemu + seen[1].qemu, first.qemu + second.qemu);
        assert_int_equal(seen[0].swtpm, seen[0].qemu + 1);
        assert_int_equal(seen[0].group, seen[0].qemu);
        OK(visit("w", &err));
        assert_int_equal(nseen, 0);
        /* a third: what the visitor says is what is said */
        put("/subuid", "secure-vm:730001:8\n");
        OK(take("v", &second, &err));
        FAILS(visit("v", &err), SV_SYSTEM, "launch.leftovers");
        /* whose a pair is cannot be read: it may be this guest's, and is nobody else's */
        OK(sv_mkdirs(unreadable, 0700, &err));
        FAILS(visit("w", &err), SV_SYSTEM, "launch.ids");
        FAILS(take("w", &second, &err), SV_SYSTEM, "launch.ids");
        assert_int_equal(rmdir(unreadable), 0);
        OK(visit("w", &err));
        FAILS(sv_ids_visit_in("/proc/self/exe", "w", note_pair, &err), SV_SYSTEM, "launch.ids");
        OK(sv_ids_visit_in("/nonexistent/ids", "w", note_pair, &err));
}

/* A range that begins an odd number of ids from the one before: no pair of it has half of another
 * guest's, all of which ends with that guest. */
static void no_half_of_another_pair(void **state)
{
        SV_STR folder = sv_asprintf("%s/h1", base);
        struct sv_ids a, b;
        struct sv_err err;

        put("/subuid", "secure-vm:740003:4\n");
        OK(take("h1", &a, &err));
        assert_int_equal(a.qemu, 740003);
        put("/subuid", "secure-vm:740002:6\n");
        OK(take("h2", &b, &err));
        assert_int_equal(b.qemu, 740006);
        /* that guest is gone, and one of its name comes again */
        OK(sv_remove_tree(folder, &err));
        OK(take("h3", &b, &err));
        assert_int_equal(b.qemu, 740002);
        OK(visit("h1", &err));
        assert_int_equal(nseen, 0);
}

/* The folder of a guest may be gone before its processes are. */
static void no_id_of_a_process_that_runs(void **state)
{
        uid_t used = geteuid() ? geteuid() : 6001;
        SV_STR line = sv_asprintf("secure-vm:%u:4\n", (unsigned)used);
        struct sv_ids ids;
        struct sv_err err;
        int ready[2];
        pid_t pid;
        char byte;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        if (pid == 0) {
                if (setuid(used) < 0 || write(ready[1], "", 1) < 0)
                        _exit(1);
                for (;;)
                        pause();
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        put("/subuid", line);
        OK(take("p", &ids, &err));
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        assert_int_equal(ids.qemu, used + 2);
}

/* All that runs with a guest's ids ends with it. */
static void no_id_of_a_named_user(void **state)
{
        SV_STR folder = sv_asprintf("%s/n", base);
        struct sv_ids ids;
        struct sv_err err;

        if (!getpwuid(65534))
                skip();
        put("/subuid", "secure-vm:65533:6\n");
        OK(take("n", &ids, &err));
        assert_int_equal(ids.qemu, 65535);
        /* who was added when the guest had its ids already */
        put("/ids/65535", "");
        put("/ids/65533", folder);
        OK(take("n", &ids, &err));
        assert_int_equal(ids.qemu, 65535);
}

static void folders_are_closed(void **state)
{
        const struct sv_ids none = {0}, ids = {.qemu = 5001, .swtpm = 5002, .group = 5001};
        SV_STR folder = sv_asprintf("%s/closed", base);
        struct sv_err err;
        struct stat st;

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_ids_close_folder(folder, &none, &err));
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0755);
        FAILS(sv_ids_close_folder("/nonexistent/x", &ids, &err), SV_SYSTEM, "launch.ids");
        if (geteuid() != 0)
                return;
        OK(sv_ids_close_folder(folder, &ids, &err));
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0710);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(st.st_gid, 5001);
}

/* What libvirt asks, as it asks it: getpwuid_r, then getgrouplist. */
static void the_user_database_knows_the_id(void **state)
{
        const struct sv_ids ids = {.qemu = 5001, .swtpm = 5002, .group = 5001};
        const char *opens[] = {base, NULL};
        const struct sv_tee_host tee = {.opens = opens};
        struct passwd pw, *found = NULL;
        char buf[1024];
        gid_t groups[8];
        int n = 8;

        assert_int_equal(getpwuid_r(5001, &pw, buf, sizeof(buf), &found), 0);
        assert_null(found);
        sv_ids_announce(&ids, &tee);
        assert_int_equal(getpwuid_r(5001, &pw, buf, 4, &found), ERANGE);
        assert_int_equal(getpwuid_r(5001, &pw, buf, sizeof(buf), &found), 0);
        assert_non_null(found);
        assert_int_equal(found->pw_gid, 5001);
        assert_true(getgrouplist(found->pw_name, found->pw_gid, groups, &n) >= 1);
        assert_int_equal(groups[0], 5001);
        /* that id only: not the vTPM's, and the others as ever */
        assert_int_equal(getpwuid_r(5002, &pw, buf, sizeof(buf), &found), 0);
        assert_null(found);
        assert_int_equal(getpwuid_r(0, &pw, buf, sizeof(buf), &found), 0);
        assert_string_equal(found->pw_name, "root");
        n = 0;
        assert_int_equal(getgrouplist("secure-vm-guest", 5001, groups, &n), -1);
}

static void what_confines(void **state)
{
        static const struct {
                const char *file, *text, *model, *why;
        } t[] = {
                {"/proc/x", "", NULL, "neither"},
                {"/sys/module/apparmor/parameters/enabled", "Y\n", NULL, "libvirtd's profile"},
                /* a profile for virtqemud says nothing of this process */
                {"/sys/kernel/security/apparmor/profiles", "virtqemud (enforce)\n", NULL,
                 "libvirtd's profile"},
                /* neither does one for this one, where nobody can make a guest's */
                {"/sys/kernel/security/apparmor/profiles", "secure-vm (enforce)\n", NULL,
                 "virt-aa-helper"},
                {"/sys/kernel/security/apparmor/profiles", "libvirtd (enforce)\n", NULL,
                 "virt-aa-helper"},
                {"/usr/lib/libvirt/virt-aa-helper", "", "apparmor", NULL},
                {"/sys/kernel/security/apparmor/profiles", "secure-vm (enforce)\n", "apparmor",
                 NULL},
                {"/sys/fs/selinux/enforce", "0", "apparmor", NULL},
                {"/sys/fs/selinux/enforce", "1", "selinux", NULL},
                {"/sys/kernel/security/apparmor/profiles", "", "selinux", NULL},
                {"/sys/fs/selinux/enforce", "0", NULL, "permissive"},
        };
        struct sv_confinement c;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR path = sv_asprintf("%s%s", base, t[i].file);

                put(t[i].file, t[i].text);
                assert_int_equal(chmod(path, 0755), 0);
                sv_host_confinement(base, &c);
                assert_int_equal(c.none, c.why && strstr(c.why, "virt-aa-helper"));
                if (!t[i].model != !c.model || (c.model && strcmp(c.model, t[i].model)))
                        fail_msg("case %zu: found %s", i, c.model ? c.model : "none");
                if (t[i].why)
                        assert_non_null(strstr(c.why, t[i].why));
        }
}

static void what_swtpm_left(void **state)
{
        SV_STR folder = sv_asprintf("%s/tpm2", base);
        SV_STR bad = sv_asprintf("%s/tpm2/bad", base);
        SV_STR state_file = sv_asprintf("%s/tpm2/tpm2-00.permall", base);
        struct sv_err err;

        put("/tpm2/tpm2-00.permall", "state");
        put("/tpm2/.lock", "");
        OK(sv_host_vtpm_check(folder, &err));
        assert_int_equal(symlink("/etc/passwd", bad), 0);
        FAILS(sv_host_vtpm_check(folder, &err), SV_SYSTEM, "launch.vtpm");
        assert_int_equal(unlink(bad), 0);
        assert_int_equal(link(state_file, bad), 0);
        FAILS(sv_host_vtpm_check(folder, &err), SV_SYSTEM, "launch.vtpm");
        assert_int_equal(unlink(bad), 0);
        assert_int_equal(mkdir(bad, 0700), 0);
        FAILS(sv_host_vtpm_check(folder, &err), SV_SYSTEM, "launch.vtpm");
        FAILS(sv_host_vtpm_check("/nonexistent", &err), SV_SYSTEM, "launch.vtpm");
}

static int set_up(void **state)
{
        snprintf(base, sizeof(base), "/tmp/sva-XXXXXX");
        return mkdtemp(base) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_two_guests_have_one_id),
                cmocka_unit_test(readers_are_apart),
                cmocka_unit_test(the_range_is_a_setting),
                cmocka_unit_test(pairs_of_every_range),
                cmocka_unit_test(no_half_of_another_pair),
                cmocka_unit_test(no_id_of_a_process_that_runs),
                cmocka_unit_test(no_id_of_a_named_user),
                cmocka_unit_test(folders_are_closed),
                cmocka_unit_test(the_user_database_knows_the_id),
                cmocka_unit_test(what_confines),
                cmocka_unit_test(what_swtpm_left),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
