/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots and backups of disks: their text, and what each step makes. */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "launcher/keeper/copying.h"
#include "tests/unit/snapshot_disks.h"

/* --- the text --- */

#define ROW "{\"id\":\"root\",\"bytes\":4096,\"mtime\":7}"

static void reads_its_own_text(void **state)
{
        struct sv_saved c, again;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;

        OK(sv_saved_parse(
                sv_bytes_str("{\"format\":1,\"guest\":\"g\",\"made\":5,\"disks\":[" ROW "]}"), &c,
                &err));
        j = sv_saved_print(&c);
        sv_json_print(j, &text);
        OK(sv_saved_parse(sv_buf_bytes(&text), &again, &err));
        assert_memory_equal(&c, &again, sizeof(c));
        assert_int_equal(c.disks[0].bytes, 4096);
        assert_int_equal(c.disks[0].mtime, 7);
}

static void refuses_other_text(void **state)
{
        static const char *const texts[] = {
                "{\"format\":1,\"guest\":\"g\",\"made\":5,\"disks\":[]}",
                "{\"format\":1,\"guest\":\"../g\",\"made\":5,\"disks\":[" ROW "]}",
                "{\"format\":1,\"guest\":\"g\",\"made\":5,\"disks\":[" ROW "," ROW "]}",
                "{\"format\":1,\"guest\":\"g\",\"made\":5,\"disks\":[{\"id\":\"../x\",\"bytes\":1}]"
                "}",
                "{\"format\":1,\"guest\":\"g\",\"made\":5,\"disks\":[{\"id\":\"x\",\"bytes\":1,"
                "\"sha256\":\"00\"}]}",
        };
        static const char *const members[][2] = {
                {"copies.format.member",
                 "{\"format\":3,\"guest\":\"g\",\"made\":5,\"disks\":[" ROW "]}"},
                {"copies.format.json", "{"},
                {"copies.format.unknown", "{\"format\":1,\"guest\":\"g\",\"made\":5,\"x\":1,"
                                          "\"disks\":[" ROW "]}"},
        };
        struct sv_saved c;

        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                FAILS(sv_saved_parse(sv_bytes_str(texts[i]), &c, &err), SV_FORMAT, "copies.format");
        for (size_t i = 0; i < 3; i++)
                FAILS(sv_saved_parse(sv_bytes_str(members[i][1]), &c, &err), SV_FORMAT,
                      members[i][0]);
}

static void counts_disks(void **state)
{
        for (int n = SV_GUEST_DISKS_MAX; n <= SV_GUEST_DISKS_MAX + 1; n++) {
                SV_BUF text = SV_BUF_NULL;
                struct sv_saved c;

                sv_buf_puts(&text, "{\"format\":1,\"guest\":\"g\",\"made\":5,\"disks\":[");
                for (int i = 0; i < n; i++)
                        sv_buf_printf(&text, "%s{\"id\":\"d%d\",\"bytes\":1}", i ? "," : "", i);
                sv_buf_puts(&text, "]}");
                if (n == SV_GUEST_DISKS_MAX)
                        OK(sv_saved_parse(sv_buf_bytes(&text), &c, &err));
                else
                        FAILS(sv_saved_parse(sv_buf_bytes(&text), &c, &err), SV_FORMAT,
                              "copies.format");
        }
}

static void reads_tasks(void **state)
{
        static const char *const good[] = {"{\"kind\":\"snapshot\",\"name\":\"a\"}",
                                           "{\"kind\":\"backup\",\"path\":\"/b\"}"};
        static const char *const bad[] = {
                "{\"kind\":\"snapshot\",\"name\":\"../a\"}", "{\"kind\":\"snapshot\"}",
                "{\"kind\":\"backup\",\"path\":\"b\"}",
                "{\"kind\":\"backup\",\"path\":\"/b\",\"name\":\"a\"}", "{\"kind\":\"else\"}"};
        struct sv_copy_task t;

        for (size_t i = 0; i < 2; i++) {
                SV_JSON *j = NULL;
                SV_JSON *out = NULL;
                SV_BUF text = SV_BUF_NULL;

                OK(sv_json_parse(sv_bytes_str(good[i]), "test", &j, &err));
                OK(sv_copy_task_parse(j, &t, &err));
                out = sv_copy_task_print(&t);
                sv_json_print(out, &text);
                assert_string_equal(sv_buf_str(&text), good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(bad[i]), "test", &j, &err));
                FAILS(sv_copy_task_parse(j, &t, &err), SV_FORMAT, "control.request");
        }
}

/* --- what each does --- */

static char synced[8192]; /* the folders, each with a space behind it */
static int refused_rename;
static bool refuses_after_rename, renamed;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
        char link[32], path[512];
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n > 0 && strlen(synced) + (size_t)n + 2 < sizeof(synced))
                snprintf(synced + strlen(synced), sizeof(synced) - strlen(synced), "%.*s ", (int)n,
                         path);
        if (refuses_after_rename && renamed) {
                errno = EIO;
                return -1;
        }
        return __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
        renamed = strstr(from, ".reverting");
        if (!refused_rename || !renamed)
                return __real_rename(from, to);
        errno = refused_rename;
        return -1;
}

/* The folder of snapshots is new with the first of them. */
static void is_there_after_a_loss_of_power(void **state)
{
        char above[64];

        snprintf(above, sizeof(above), "%s ", dir);
        *synced = 0;
        OK(take("one"));
        assert_non_null(strstr(synced, above));
}

static void comes_back(void **state)
{
        OK(take("one"));
        FAILS(take("one"), SV_USAGE, "snapshot.exists");
        FAILS(take(".one"), SV_USAGE, "snapshot.name");
        fill("a", 'n');
        fill("b", 'n');
        OK(take("two"));
        assert_int_equal(count_snapshots(), 2);
        OK(go_back("one"));
        assert_int_equal(look("a"), 'o');
        assert_int_equal(look("b"), 'o');
        OK(go_back("two"));
        assert_int_equal(look("a"), 'n');
        FAILS(go_back("three"), SV_USAGE, "snapshot.absent");
        OK(delete ("one"));
        FAILS(delete ("one"), SV_USAGE, "snapshot.absent");
        assert_int_equal(look("b"), 'n');
}

/* With several disks the next command goes on; with one there is nothing to go on with. */
static void says_what_became_of_it(void **state)
{
        OK(take("one"));
        fill("a", 'n');
        fill("b", 'n');
        refused_rename = EIO;
        FAILS(go_back("one"), SV_SYSTEM, "snapshot.unfinished");
        assert_non_null(strstr(err.msg, "tries again"));
        refused_rename = 0;
        OK(sv_revert_check(&guest, &err));
        assert_true(look("a") == 'o' && look("b") == 'o');
        OK(delete ("one"));

        guest.n_disks = 1;
        OK(take("one"));
        fill("a", 'n');
        refused_rename = EIO;
        FAILS(go_back("one"), SV_SYSTEM, "snapshot.folder");
        assert_non_null(strstr(err.msg, "as it was"));
        assert_int_equal(look("a.reverting"), '-');
        refused_rename = 0;
        OK(sv_revert_check(&guest, &err));
        assert_int_equal(look("a"), 'n');
}

static void the_new_one_may_not_be_on_the_medium(void **state)
{
        guest.n_disks = 1;
        OK(take("one"));
        fill("a", 'n');
        refuses_after_rename = true;
        FAILS(go_back("one"), SV_SYSTEM, "snapshot.folder");
        refuses_after_rename = false;
        assert_non_null(strstr(err.msg, "as asked for"));
        assert_int_equal(look("a"), 'o');
        assert_int_equal(access(find("a.snapshots/.revert.json"), F_OK), -1);
}

static void keeps_the_newest(void **state)
{
        SV_SITE p = {.lock = -1};
        size_t removed;

        OK(take("one"));
        fill("a", 'n');
        OK(take("two"));
        OK(sv_site_find(&guest, &p, &err));
        OK(sv_revert_enter(&p, &err));
        FAILS(take("three"), SV_SYSTEM, "snapshot.busy");
        OK(sv_snapshot_flatten(&p, &removed, &err));
        assert_int_equal(removed, 2);
        FAILS(sv_snapshot_flatten(&p, &removed, &err), SV_USAGE, "snapshot.none");
        sv_site_free(&p);
        assert_int_equal(look("a"), 'n');
        assert_int_equal(access(find("a.snapshots"), F_OK), -1);
}

static void keeps_mode_and_holes(void **state)
{
        struct stat before, after;

        assert_int_equal(truncate(find("b"), 64 << 20), 0);
        assert_int_equal(chmod(find("b"), 0640), 0);
        OK(take("one"));
        OK(go_back("one"));
        assert_int_equal(stat(find("b"), &after), 0);
        assert_int_equal(after.st_mode & 07777, 0640);
        assert_int_equal(after.st_size, 64 << 20);
        assert_int_equal(stat(find("a.snapshots/one/data.raw"), &before), 0);
        assert_int_equal(before.st_mode & 07777, 0600);
        assert_true(before.st_blocks < 2048 && after.st_blocks < 2048);
}

static void refuses_what_is_no_file(void **state)
{
        guest.n_disks = 3; /* one that is read only is none of it */
        fill("c", 'c');
        OK(take("one"));
        assert_int_equal(access(find("a.snapshots/one/seed.raw"), F_OK), -1);
        unlink(find("b"));
        assert_int_equal(mkdir(find("b"), 0700), 0);
        FAILS(take("two"), SV_USAGE, "snapshot.kind");
        rmdir(find("b"));
        FAILS(take("two"), SV_SYSTEM, "snapshot.disk");
        guest.n_disks = 0;
        FAILS(take("two"), SV_USAGE, "snapshot.kind");
}

static void refuses_disks_in_use(void **state)
{
        struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1};
        int fd = open(find("b"), O_RDWR);

        OK(take("one"));
        assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0); /* as QEMU does */
        FAILS(take("two"), SV_USAGE, "image.busy");
        FAILS(go_back("one"), SV_USAGE, "image.busy");
        close(fd);
        OK(go_back("one"));
}

static void notices_changes_from_outside(void **state)
{
        OK(take("one"));
        fill("a.snapshots/one/data.raw", 'x');
        fill("a", 'n');
        FAILS(go_back("one"), SV_PROOF, "copies.changed");
        assert_int_equal(truncate(find("a.snapshots/one/data.raw"), 9), 0);
        FAILS(go_back("one"), SV_PROOF, "copies.changed");
        unlink(find("a.snapshots/one/data.raw"));
        FAILS(go_back("one"), SV_SYSTEM, "copies.absent");
        guest.n_disks = 1;
        FAILS(go_back("one"), SV_USAGE, "snapshot.disks");
        guest.n_disks = 2;
        unlink(find("a.snapshots/one/copies.json"));
        FAILS(go_back("one"), SV_SYSTEM, "copies.absent");
        assert_int_equal(count_snapshots(), 1); /* listed, with the reason */
        assert_int_equal(look("a"), 'n');
        OK(delete ("one"));
}

static void refuses_disks_of_two_names(void **state)
{
        OK(take("one"));
        assert_int_equal(link(find("b"), find("b2")), 0);
        FAILS(go_back("one"), SV_USAGE, "snapshot.links");
        assert_int_equal(access(find("a.reverting"), F_OK), -1);
}

static void has_a_limit(void **state)
{
        for (int i = 0; i < SV_SNAPSHOTS_MAX - 1; i++) {
                char name[64];

                snprintf(name, sizeof(name), "a.snapshots/s%d", i);
                if (i == 0)
                        assert_int_equal(mkdir(find("a.snapshots"), 0700), 0);
                assert_int_equal(mkdir(find(name), 0700), 0);
        }
        OK(take("last"));
        FAILS(take("more"), SV_USAGE, "snapshot.limit");
}

static void backs_up(void **state)
{
        struct sv_saved set;

        OK(back_up("copy"));
        FAILS(back_up("copy"), SV_USAGE, "backup.exists");
        assert_int_equal(access(find("a.snapshots"), F_OK), -1);
        OK(check_backup(find("copy"), &set));
        assert_int_equal(set.n, 2);
        fill("a", 'n');
        FAILS(restore("copy", false), SV_USAGE, "backup.there");
        OK(restore("copy", true));
        assert_int_equal(look("a"), 'o');
        unlink(find("a"));
        unlink(find("b"));
        OK(restore("copy", false));
        assert_int_equal(look("b"), 'o');
        fill("b", 'n');
        fill("copy/data.raw", 'x');
        FAILS(check_backup(find("copy"), &set), SV_PROOF, "copies.changed");
        FAILS(restore("copy", true), SV_PROOF, "copies.changed");
        assert_int_equal(look("a"), 'o');
        assert_int_equal(look("b"), 'n');
        assert_int_equal(access(find("a.reverting"), F_OK), -1);
        unlink(find("copy/data.raw"));
        FAILS(check_backup(find("copy"), &set), SV_SYSTEM, "copies.absent");
        FAILS(check_backup(find("none"), &set), SV_SYSTEM, "copies.absent");
}

/* A guest of one other disk, and its backup on its way to the same name. */
static void begin_other_backup(struct sv_site *p, struct sv_copying *c)
{
        static char h_name[] = "h";
        static struct sv_guest other = {
                .file = h_name, .name = h_name, .disks = disks + 1, .n_disks = 1};
        int fds[SV_GUEST_DISKS_MAX];

        OK(sv_site_find(&other, p, &err));
        OK(sv_site_lock(p, &err));
        OK(sv_site_hold(p, false, fds, &err));
        OK(sv_copying_backup(p, find("copy"), c, &err));
        OK(sv_copying_fill(c, fds, NULL, &err));
        sv_site_let_go(fds);
}

static void two_backups_have_two_names(void **state)
{
        SV_SITE p = {.lock = -1};
        SV_COPYING c = {0};
        struct sv_saved set;

        begin_other_backup(&p, &c);
        guest.n_disks = 1;
        FAILS(back_up("copy"), SV_SYSTEM, "backup.busy");
        OK(sv_copying_finish(&c, NULL, &err));
        OK(check_backup(find("copy"), &set));
        assert_string_equal(set.guest, "h");
        FAILS(back_up("copy"), SV_USAGE, "backup.exists");
}

/* Where no folder can be locked. */
static void counts_its_own_folder_only(void **state)
{
        SV_SITE p = {.lock = -1};
        SV_COPYING c = {0};

        begin_other_backup(&p, &c);
        OK(sv_remove_tree(find(".copy.unfinished-backup"), &err));
        assert_int_equal(mkdir(find(".copy.unfinished-backup"), 0700), 0);
        FAILS(sv_copying_finish(&c, NULL, &err), SV_SYSTEM, "backup.busy");
        sv_copying_free(&c);
        assert_int_equal(access(find("copy"), F_OK), -1);
        assert_int_equal(access(find(".copy.unfinished-backup"), F_OK), 0);
        assert_int_equal(access(find(".copy.unfinished-backup/copies.json"), F_OK), -1);
}

static void tells_snapshots_from_backups(void **state)
{
        struct sv_saved set;

        OK(take("one"));
        FAILS(check_backup(find("a.snapshots/one"), &set), SV_FORMAT, "backup.digest");
}

/* A header that is not the disk's: another key opens it. */
static void asks_before_another_key(void **state)
{
        static const char magic[] = "LUKS\xba\xbe";
        SV_SITE p = {.lock = -1};
        SV_STR folder = NULL;
        struct sv_revert r = {.site = &p, .other_key = true};

        OK(sv_file_write(find("b"), 0600, sv_bytes(magic, sizeof(magic)), &err));
        assert_int_equal(truncate(find("b"), 40000), 0);
        OK(take("one"));
        OK(go_back("one")); /* the same */
        OK(sv_file_write(find("b"), 0600, sv_bytes("LUKS\xba\xbe\2", 8), &err));
        FAILS(go_back("one"), SV_USAGE, "snapshot.key");
        fill("b", 'n'); /* a header that is gone is no other key */
        OK(go_back("one"));
        OK(sv_file_write(find("b"), 0600, sv_bytes("LUKS\xba\xbe\2", 8), &err));
        OK(sv_site_find(&guest, &p, &err));
        OK(sv_revert_enter(&p, &err));
        folder = sv_site_path(&p, "one");
        r.folder = folder;
        OK(sv_revert_disks(&r, &err));
}

/* Who may write beside the disk may not lay a folder of snapshots there. */
static void refuses_a_folder_of_others(void **state)
{
        assert_int_equal(symlink("/tmp", find("a.snapshots")), 0);
        FAILS(take("one"), SV_SYSTEM, "snapshot.folder");
        unlink(find("a.snapshots"));
        if (geteuid())
                return;
        assert_int_equal(mkdir(find("a.snapshots"), 0777), 0);
        assert_int_equal(chown(find("a.snapshots"), 65534, 65534), 0);
        FAILS(take("one"), SV_SYSTEM, "snapshot.folder");
}

static void can_be_cancelled(void **state)
{
        volatile bool cancel = true;
        char digest[65];
        int fd = open(find("a"), O_WRONLY);

        FAILS(sv_copy_digest(fd, "a", NULL, digest, &err), SV_SYSTEM, "copies.read");
        close(fd);
        fd = open(find("a"), O_RDONLY);
        FAILS(sv_copy_digest(fd, "a", &cancel, digest, &err), SV_SYSTEM, "snapshot.cancelled");
        close(fd);
}

static void needs_a_folder(void **state)
{
        fill("a.snapshots", 'x');
        FAILS(take("one"), SV_SYSTEM, "snapshot.folder");
}

/* Before QEMU is asked for anything: the room for all of it, and a place where its user finds it.
 */
static void reserves_beforehand(void **state)
{
        static char name[] = "g";
        const struct sv_copy_running r = {.guest = &guest, .mounts = find("none")};
        struct sv_copy_task t = {.kind = SV_COPY_SNAPSHOT};
        struct rlimit limit = {BYTES / 2, BYTES / 2};
        int status;
        pid_t pid;

        snprintf(t.name, sizeof(t.name), "%s", name);
        FAILS(sv_copy_while_running(&r, &t, &err), SV_SYSTEM, "snapshot.mount");
        assert_int_equal(access(find("a.snapshots"), F_OK), -1);
        pid = fork();
        if (pid == 0) {
                signal(SIGXFSZ, SIG_IGN);
                setrlimit(RLIMIT_FSIZE, &limit);
                _exit(sv_copy_while_running(&r, &t, &err) == 0 ||
                      strcmp(err.check, "snapshot.room"));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(access(find("a.snapshots"), F_OK), -1);
}

/* A disk that is full while its new file is written stays what it is, and so does the other. */
static void a_full_disk_changes_nothing(void **state)
{
        struct rlimit limit = {BYTES / 2, BYTES / 2};
        int status;
        pid_t pid;

        assert_int_equal(truncate(find("a"), 100), 0);
        OK(take("one"));
        fill("a", 'n');
        fill("b", 'n');
        pid = fork();
        if (pid == 0) {
                signal(SIGXFSZ, SIG_IGN);
                setrlimit(RLIMIT_FSIZE, &limit);
                _exit(go_back("one") == 0 || strcmp(err.check, "image.copy"));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_true(look("a") == 'n' && look("b") == 'n');
        assert_int_equal(access(find("a.reverting"), F_OK), -1);
        assert_int_equal(access(find("a.snapshots/.revert.json"), F_OK), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_its_own_text),
                cmocka_unit_test(refuses_other_text),
                cmocka_unit_test(counts_disks),
                cmocka_unit_test(reads_tasks),
                cmocka_unit_test_setup(is_there_after_a_loss_of_power, begin),
                cmocka_unit_test_setup(comes_back, begin),
                cmocka_unit_test_setup(says_what_became_of_it, begin),
                cmocka_unit_test_setup(the_new_one_may_not_be_on_the_medium, begin),
                cmocka_unit_test_setup(keeps_the_newest, begin),
                cmocka_unit_test_setup(keeps_mode_and_holes, begin),
                cmocka_unit_test_setup(refuses_what_is_no_file, begin),
                cmocka_unit_test_setup(refuses_disks_in_use, begin),
                cmocka_unit_test_setup(notices_changes_from_outside, begin),
                cmocka_unit_test_setup(refuses_disks_of_two_names, begin),
                cmocka_unit_test_setup(has_a_limit, begin),
                cmocka_unit_test_setup(backs_up, begin),
                cmocka_unit_test_setup(asks_before_another_key, begin),
                cmocka_unit_test_setup(refuses_a_folder_of_others, begin),
                cmocka_unit_test_setup(can_be_cancelled, begin),
                cmocka_unit_test_setup(needs_a_folder, begin),
                cmocka_unit_test_setup(reserves_beforehand, begin),
                cmocka_unit_test_setup(a_full_disk_changes_nothing, begin),
                cmocka_unit_test_setup(two_backups_have_two_names, begin),
                cmocka_unit_test_setup(counts_its_own_folder_only, begin),
                cmocka_unit_test_setup(tells_snapshots_from_backups, begin),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
