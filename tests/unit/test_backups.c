/* SPDX-License-Identifier: Apache-2.0 */
/* A backup that goes on in its folder: all of the disks, then what changed, and each copy comes
 * back. QEMU and libvirt are a few functions here. */
#include "launcher/keeper/following.h"
#include "tests/unit/played_job.h"
#include "tests/unit/played_monitor.h"
#include "tests/unit/snapshot_disks.h"
#include "tests/unit/kill_each.h"

static struct sv_virt subject;
static struct sv_saved last;
static bool no_full, quiesce;

/* --- libvirt's backup of all of the disks --- */

static int begin_backup(virDomainPtr dom, const char *xml, const char *checkpoint, unsigned flags)
{
        assert_true(played->frozen == quiesce);
        if (no_full)
                return -1;
        for (const char *at = strstr(xml, "file='"); at; at = strstr(at + 1, "file='")) {
                SV_STR to = strndup(at + 6, strcspn(at + 6, "'"));
                SV_STR from = strdup(find(strstr(to, "root.raw") ? "a" : "b"));
                SV_BUF bytes = SV_BUF_NULL;
                SV_FD fd = open(to, O_WRONLY | O_CLOEXEC);

                OK(sv_file_read(from, 1 << 20, &bytes, "test", &err));
                OK(sv_fd_write(fd, to, sv_buf_bytes(&bytes), &err));
        }
        return 0;
}

static int tell_job(virDomainPtr dom, int *type, virTypedParameterPtr *params, int *n,
                    unsigned flags)
{
        *type = VIR_DOMAIN_JOB_NONE;
        return 0;
}

static int begin_running(void **state)
{
        begin(NULL);
        begin_played(2, BYTES);
        no_full = quiesce = false;
        snprintf(played->paths[0], sizeof(played->paths[0]), "%s", find("a"));
        snprintf(played->paths[1], sizeof(played->paths[1]), "%s", find("b"));
        vir.DomainBackupBegin = begin_backup;
        vir.DomainGetJobStats = tell_job;
        play_job_end();
        return 0;
}

/* --- what is done --- */

static void write_disks(char a, char b)
{
        fill("a", a);
        fill("b", b);
        note_played();
}

static int go_on_as(const char *name, bool runs, bool incremental)
{
        const struct sv_copy_running r = {.guest = &guest, .virt = &subject};
        struct sv_copy_task t = {
                .kind = SV_COPY_BACKUP, .incremental = incremental, .quiesce = quiesce};

        played->want_frozen = quiesce && incremental;
        snprintf(t.path, sizeof(t.path), "%s", find(name));
        return runs ? sv_copy_while_running(&r, &t, &err) : sv_copy_at_rest(&guest, &t, NULL, &err);
}

/* And `last` is the copy that was made. */
static int go_on(void)
{
        return go_on_as("chain", true, true) < 0 ? -1 : check_backup(find("chain"), &last);
}

static int bring_back(size_t number)
{
        SV_SITE p = {.lock = -1};
        SV_CHAIN c = {0};
        struct sv_revert r = {
                .site = &p, .changes = &c, .own = true, .may_miss = true, .replace = true};

        if (sv_chain_read(find("chain"), number, &c, &err) < 0)
                return -1;
        r.folder = c.links[sv_chain_base(&c)].path;
        if (sv_site_find(&guest, &p, &err) < 0 || sv_revert_enter(&p, &err) < 0)
                return -1;
        return sv_revert_disks(&r, &err);
}

static void expect_back(size_t number, char a, char b)
{
        OK(bring_back(number));
        assert_int_equal(look("a"), a);
        assert_int_equal(look("b"), b);
}

static void make_three(void)
{
        OK(go_on());
        write_disks('1', 'o');
        OK(go_on());
        write_disks('2', '2');
        OK(go_on());
}

static void goes_on_with_what_changed(void **state)
{
        OK(go_on());
        assert_int_equal(last.whole, SV_WHOLE_FIRST);
        assert_int_equal(last.number, 0);
        assert_int_equal(played->n_bitmaps, 1);
        write_disks('1', 'o');
        OK(go_on());
        assert_int_equal(last.number, 1);
        assert_true(*last.since && !last.whole);
        assert_int_equal(last.disks[0].changed, BYTES);
        assert_int_equal(played->n_bitmaps, 1);
        assert_string_equal(played->bitmaps[0].name, last.bitmap);
        OK(go_on()); /* nothing changed */
        assert_int_equal(last.number, 2);
        assert_int_equal(last.disks[0].changed + last.disks[1].changed, 0);
        write_disks('2', '2');
        OK(go_on());
        write_disks('x', 'x');
        expect_back(0, 'o', 'o');
        expect_back(1, '1', 'o');
        expect_back(2, '1', 'o');
        expect_back(3, '2', '2');
        expect_back(SV_CHAIN_ALL, '2', '2');
        FAILS(bring_back(4), SV_USAGE, "backup.number");
}

static void a_plain_one_is_as_it_was(void **state)
{
        OK(go_on_as("copy", true, false));
        OK(check_backup(find("copy"), &last));
        assert_int_equal(played->n_bitmaps + played->calls, 0);
        assert_int_equal(last.whole, SV_WHOLE_UNSAID);
        FAILS(go_on_as("copy", true, false), SV_USAGE, "backup.exists");
}

/* --- when there is no telling what changed --- */

static void expect_whole(enum sv_whole why)
{
        OK(go_on());
        assert_int_equal(last.whole, why);
        assert_string_equal(last.since, "");
        assert_non_null(sv_saved_explain(why));
        assert_int_equal(played->n_bitmaps, 1);
}

static void everything_again_with_the_reason(void **state)
{
        make_three();
        write_disks('n', 'n');
        played->n_bitmaps = 0; /* another QEMU */
        expect_whole(SV_WHOLE_ENDED);
        played->bitmaps[0].broken = true;
        expect_whole(SV_WHOLE_ENDED);
        snprintf(played->fail, sizeof(played->fail), "add-fd");
        expect_whole(SV_WHOLE_REFUSED);
        *played->fail = 0;
        OK(go_on());
        assert_int_equal(last.whole, SV_WHOLE_UNSAID);
        OK(go_on_as("chain", false, true));
        OK(check_backup(find("chain"), &last));
        assert_int_equal(last.whole, SV_WHOLE_OFF);
        assert_string_equal(last.bitmap, "");
        expect_whole(SV_WHOLE_UNMARKED);
        expect_back(2, '2', '2');
        expect_back(SV_CHAIN_ALL, 'n', 'n');
}

static void another_size_is_everything(void **state)
{
        make_three();
        played->size = BYTES / 2;
        assert_int_equal(truncate(find("a"), BYTES / 2) + truncate(find("b"), BYTES / 2), 0);
        expect_whole(SV_WHOLE_RESIZED);
}

static void other_disks_are_everything(void **state)
{
        make_three();
        guest.n_disks = 1;
        played->n = 1;
        expect_whole(SV_WHOLE_DISKS);
        guest.n_disks = 2;
        played->n = 2;
        expect_whole(SV_WHOLE_DISKS);
}

static void the_first_may_be_of_a_guest_that_is_off(void **state)
{
        OK(go_on_as("chain", false, true));
        OK(check_backup(find("chain"), &last));
        assert_int_equal(last.whole, SV_WHOLE_FIRST);
        expect_whole(SV_WHOLE_UNMARKED);
}

/* --- what does not fit together --- */

static void another_guests_folder_is_refused(void **state)
{
        static char other[] = "h";

        make_three();
        guest.name = other;
        FAILS(go_on(), SV_USAGE, "backup.guest");
        guest.name = g_name;
}

static int rename_in(const char *from, const char *to)
{
        SV_STR a = strdup(find(from));

        return rename(a, find(to));
}

static void a_missing_copy_is_named(void **state)
{
        make_three();
        write_disks('x', 'x');
        assert_int_equal(rename_in("chain/1", "away"), 0);
        FAILS(check_backup(find("chain"), &last), SV_PROOF, "backup.chain");
        assert_non_null(strstr(err.msg, "chain/1"));
        FAILS(bring_back(SV_CHAIN_ALL), SV_PROOF, "backup.chain");
        FAILS(go_on(), SV_PROOF, "backup.chain");
        assert_int_equal(look("a"), 'x');
        expect_back(0, 'o', 'o');
        assert_int_equal(rename_in("away", "chain/1"), 0);
        expect_back(2, '2', '2');
        assert_int_equal(truncate(find("chain/1/root.qcow2"), 7), 0);
        FAILS(go_on_as("chain", true, true), SV_PROOF, "copies.changed");
        unlink(find("chain/1/root.qcow2"));
        FAILS(go_on_as("chain", true, true), SV_SYSTEM, "copies.absent");
        assert_int_equal(access(find("chain/3"), F_OK), -1);
        FAILS(check_backup(find("chain"), &last), SV_SYSTEM, "copies.absent");
        FAILS(bring_back(2), SV_SYSTEM, "copies.absent");
        assert_int_equal(look("a"), '2');
}

static void a_copy_of_another_chain_is_named(void **state)
{
        make_three();
        assert_int_equal(rename_in("chain", "first"), 0);
        make_three();
        assert_int_equal(rename_in("chain/1", "away"), 0);
        assert_int_equal(rename_in("first/1", "chain/1"), 0);
        FAILS(check_backup(find("chain"), &last), SV_PROOF, "backup.chain");
        assert_int_equal(rename_in("chain/1", "other"), 0);
        assert_int_equal(rename_in("chain/2", "chain/1"), 0);
        FAILS(check_backup(find("chain"), &last), SV_PROOF, "backup.chain");
        FAILS(check_backup(find("chain/1"), &last), SV_PROOF, "backup.chain");
}

/* Each has everything, and could be read without the others. */
static void a_copy_in_anothers_place_is_named(void **state)
{
        OK(go_on_as("chain", false, true));
        OK(go_on_as("chain", false, true));
        OK(go_on_as("chain", false, true));
        FAILS(check_backup(find("chain/1"), &last), SV_PROOF, "backup.chain");
        assert_int_equal(rename_in("chain/1", "away"), 0);
        assert_int_equal(rename_in("chain/2", "chain/1"), 0);
        FAILS(check_backup(find("chain"), &last), SV_PROOF, "backup.chain");
}

static void a_failed_one_leaves_no_bitmap(void **state)
{
        no_full = true;
        FAILS(go_on(), SV_SYSTEM, "virt.libvirt");
        assert_int_equal(played->n_bitmaps, 0);
        assert_int_equal(access(find("chain"), F_OK), -1);
        no_full = false;
        OK(go_on());
        snprintf(played->job_error, sizeof(played->job_error), "No space left");
        FAILS(go_on(), SV_SYSTEM, "snapshot.job");
        assert_int_equal(played->n_bitmaps, 1);
        assert_int_equal(access(find("chain/1"), F_OK), -1);
        *played->job_error = 0;
        OK(go_on());
        assert_int_equal(last.whole, SV_WHOLE_UNSAID);
}

static void another_guests_copy_in_it_is_named(void **state)
{
        static char other[] = "h";

        OK(go_on());
        assert_int_equal(rename_in("chain", "mine"), 0);
        guest.name = other;
        OK(go_on());
        played->n_bitmaps = 0;
        OK(go_on());
        guest.name = g_name;
        assert_int_equal(rename_in("chain/1", "mine/1"), 0);
        FAILS(check_backup(find("mine"), &last), SV_PROOF, "backup.chain");
}

static void flip(const char *name, off_t at)
{
        SV_FD fd = open(find(name), O_RDWR | O_CLOEXEC);
        uint8_t b;

        assert_int_equal(pread(fd, &b, 1, at), 1);
        b ^= 1;
        assert_int_equal(pwrite(fd, &b, 1, at), 1);
}

static void changed_bytes_are_named(void **state)
{
        make_three();
        write_disks('x', 'x');
        flip("chain/2/root.qcow2", 5 * SV_QCOW2_CLUSTER + 7);
        FAILS(check_backup(find("chain"), &last), SV_PROOF, "copies.changed");
        assert_non_null(strstr(err.msg, "chain/2/root.qcow2"));
        FAILS(bring_back(2), SV_PROOF, "copies.changed");
        assert_int_equal(look("a"), 'x');
        assert_int_equal(access(find("a.reverting"), F_OK), -1);
        expect_back(1, '1', 'o');
        flip("chain/copies.json", 40);
        assert_true(check_backup(find("chain"), &last) < 0);
}

static void put_link(size_t number)
{
        SV_STR name = sv_asprintf("chain/%zu", number);
        SV_STR list = sv_asprintf("%s/chain/%zu/copies.json", dir, number);
        SV_STR text = sv_asprintf("{\"format\":2,\"guest\":\"g\",\"made\":5,\"number\":%zu,"
                                  "\"whole\":\"ended\",\"disks\":[{\"id\":\"root\",\"bytes\":1}]}",
                                  number);

        assert_int_equal(mkdir(find(name), 0700), 0);
        OK(sv_file_write(list, 0600, sv_bytes_str(text), &err));
}

static void a_folder_has_so_many(void **state)
{
        SV_CHAIN c = {0};

        OK(go_on());
        for (size_t i = 1; i < SV_BACKUP_LINKS_MAX; i++)
                put_link(i);
        OK(go_on_as("chain", true, true));
        OK(sv_chain_read(find("chain"), SV_CHAIN_ALL, &c, &err));
        assert_int_equal(c.n, SV_BACKUP_LINKS_MAX + 1);
        assert_int_equal(c.links[c.n - 1].set.whole, SV_WHOLE_DISKS);
        FAILS(go_on_as("chain", true, true), SV_USAGE, "backup.limit");
}

static void refuses_other_text(void **state)
{
#define HEX   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD  "{\"format\":2,\"guest\":\"g\",\"made\":5,"
#define SMALL "\"disks\":[{\"id\":\"x\",\"bytes\":9}]}"
        static const char *const texts[] = {
                HEAD "\"whole\":\"why\"," SMALL,
                HEAD "\"bitmap\":\"x\"," SMALL,
                HEAD "\"number\":1,\"since\":\"00\"," SMALL,
                HEAD "\"number\":1,\"since\":\"" HEX "\"," SMALL,
                HEAD "\"since\":\"" HEX "\",\"disks\":[{\"id\":\"x\",\"bytes\":9,\"stored\":1,"
                     "\"changed\":1,\"sha256\":\"" HEX "\"}]}",
                HEAD "\"disks\":[{\"id\":\"x\",\"bytes\":9,\"stored\":1}]}",
                HEAD "\"disks\":[{\"id\":\"x\",\"bytes\":9,\"stored\":-1}]}",
                HEAD "\"disks\":[{\"id\":\"x\",\"bytes\":9,\"changed\":10}]}",
        };
        static const char good[] =
                HEAD "\"number\":1,\"since\":\"" HEX "\",\"disks\":[{\"id\":\"x\",\"bytes\":9,"
                     "\"stored\":1,\"changed\":9,\"sha256\":\"" HEX "\"}]}";
        struct sv_saved c;

        OK(sv_saved_parse(sv_bytes_str(good), &c, &err));
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                FAILS(sv_saved_parse(sv_bytes_str(texts[i]), &c, &err), SV_FORMAT, "copies.format");
        FAILS(sv_saved_parse(sv_bytes_str(HEAD "\"number\":1000," SMALL), &c, &err), SV_FORMAT,
              "copies.format.member");
}

static void what_is_not_whole_is_no_copy(void **state)
{
        OK(go_on());
        write_disks('1', '1');
        played->hollow = true;
        FAILS(go_on(), SV_SYSTEM, "snapshot.job");
        played->hollow = false;
        OK(go_on()); /* nothing of what changed is forgotten */
        assert_int_equal(last.whole, SV_WHOLE_UNSAID);
        expect_back(1, '1', '1');
}

/* --- the key --- */

static void put_header(char letter)
{
        SV_FD fd = open(find("a"), O_RDWR | O_CLOEXEC);
        char text[] = "LUKS\xba\xbe-";

        text[6] = letter;
        assert_int_equal(pwrite(fd, text, 7, 0), 7);
        note_played();
}

/* The header that counts is that of the copy, which may be in what changed. */
static void another_key_is_seen_in_the_changes(void **state)
{
        put_header('1');
        OK(go_on());
        put_header('2');
        OK(go_on());
        OK(bring_back(1));
        FAILS(bring_back(0), SV_USAGE, "snapshot.key");
        put_header('1');
        OK(bring_back(0));
        FAILS(bring_back(1), SV_USAGE, "snapshot.key");
}

/* --- at rest for the moment --- */

static bool has_mark(void)
{
        return access(find("a.snapshots/.frozen"), F_OK) == 0;
}

static void comes_to_rest_for_the_moment(void **state)
{
        quiesce = true;
        for (int i = 0; i < 2; i++) {
                OK(go_on());
                assert_true(last.quiesced);
                assert_false(played->frozen);
                assert_false(has_mark());
        }
        OK(go_on_as("chain", false, true));
        OK(check_backup(find("chain"), &last));
        assert_false(last.quiesced); /* there was nobody to ask */
}

static void without_an_agent_there_is_no_copy(void **state)
{
        OK(go_on());
        quiesce = played->no_agent = true;
        FAILS(go_on(), SV_SYSTEM, "snapshot.quiesce");
        assert_int_equal(played->freezes, 0); /* what might be done unheard */
        assert_int_equal(access(find("chain/1"), F_OK), -1);
        FAILS(go_on_as("plain", true, false), SV_SYSTEM, "snapshot.quiesce");
        assert_int_equal(access(find("plain"), F_OK), -1);
        assert_false(has_mark());
        assert_int_equal(played->n_bitmaps, 1);
        quiesce = false;
        OK(go_on());
        assert_int_equal(last.whole, SV_WHOLE_UNSAID);
}

/* It may have done it, and just not say so, or have gone with its answer. */
static void who_is_late_is_let_go(void **state)
{
        quiesce = played->late = true;
        FAILS(go_on(), SV_SYSTEM, "snapshot.quiesce");
        assert_false(has_mark() || played->frozen);
        played->no_thaw = true;
        FAILS(go_on(), SV_SYSTEM, "snapshot.frozen");
        assert_true(has_mark() && played->frozen);
        played->no_thaw = played->late = quiesce = false;
        OK(go_on());
        assert_false(has_mark() || played->frozen);
}

static unsigned aborted;

static int abort_job(virDomainPtr dom)
{
        aborted++;
        return 0;
}

/* The copy would be whole; that the guest stands still is what has to be told. */
static void what_cannot_be_let_go_is_told(void **state)
{
        vir.DomainAbortJob = abort_job;
        OK(go_on());
        quiesce = true;
        played->no_thaw = true;
        FAILS(go_on(), SV_SYSTEM, "snapshot.frozen");
        assert_true(has_mark() && played->frozen);
        assert_int_equal(access(find("chain/1"), F_OK), -1);
        assert_int_equal(played->n_bitmaps, 1);
        aborted = 0;
        FAILS(go_on_as("plain", true, false), SV_SYSTEM, "snapshot.frozen");
        assert_true(!aborted && has_mark()); /* nothing is begun */
        played->frozen = false;              /* by its restart */
        FAILS(go_on_as("plain", true, false), SV_SYSTEM, "snapshot.frozen");
        assert_int_equal(aborted, 1);
        assert_int_equal(access(find("plain"), F_OK), -1);
        assert_true(has_mark());
        quiesce = played->no_thaw = false;
        OK(go_on()); /* the next command, whatever it asks for */
        assert_false(has_mark() || played->frozen);
        assert_int_equal(last.whole, SV_WHOLE_UNSAID);
}

static void a_guest_that_is_off_is_not_at_rest(void **state)
{
        quiesce = played->no_thaw = true;
        FAILS(go_on(), SV_SYSTEM, "snapshot.frozen");
        assert_true(has_mark());
        OK(go_on_as("chain", false, true));
        assert_false(has_mark());
}

/* --- killed at each system call --- */

static int run_go_on(void)
{
        return go_on_as("chain", true, true);
}

static void going_on_is_killed(void **state)
{
        unsigned frozen = 0;

        for (long n = 1;; n += 2) {
                bool killed;

                begin_running(NULL);
                OK(go_on());
                write_disks('1', '1');
                quiesce = n % 4 == 1;
                killed = kill_at_call(run_go_on, n);
                frozen += played->frozen;
                quiesce = false;
                OK(check_backup(find("chain"), &last));
                assert_in_range(last.number, !killed, 1);
                write_disks('2', last.number ? '1' : '2');
                OK(go_on());
                assert_int_equal(last.whole, SV_WHOLE_UNSAID); /* nothing was lost */
                assert_false(played->frozen || has_mark());
                for (size_t i = 0; i < 2; i++)
                        assert_false(played->jobs[i].there || played->jobs[i].image ||
                                     played->jobs[i].set);
                expect_back(0, 'o', 'o');
                if (last.number == 2)
                        expect_back(1, '1', '1');
                expect_back(SV_CHAIN_ALL, '2', last.number == 2 ? '1' : '2');
                if (!killed) {
                        assert_true(n > 100 && frozen);
                        return;
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(goes_on_with_what_changed, begin_running),
                cmocka_unit_test_setup(a_plain_one_is_as_it_was, begin_running),
                cmocka_unit_test_setup(everything_again_with_the_reason, begin_running),
                cmocka_unit_test_setup(another_size_is_everything, begin_running),
                cmocka_unit_test_setup(other_disks_are_everything, begin_running),
                cmocka_unit_test_setup(the_first_may_be_of_a_guest_that_is_off, begin_running),
                cmocka_unit_test_setup(another_guests_folder_is_refused, begin_running),
                cmocka_unit_test_setup(a_missing_copy_is_named, begin_running),
                cmocka_unit_test_setup(a_copy_of_another_chain_is_named, begin_running),
                cmocka_unit_test_setup(a_copy_in_anothers_place_is_named, begin_running),
                cmocka_unit_test_setup(a_failed_one_leaves_no_bitmap, begin_running),
                cmocka_unit_test_setup(another_guests_copy_in_it_is_named, begin_running),
                cmocka_unit_test_setup(changed_bytes_are_named, begin_running),
                cmocka_unit_test_setup(a_folder_has_so_many, begin_running),
                cmocka_unit_test(refuses_other_text),
                cmocka_unit_test_setup(what_is_not_whole_is_no_copy, begin_running),
                cmocka_unit_test_setup(another_key_is_seen_in_the_changes, begin_running),
                cmocka_unit_test_setup(comes_to_rest_for_the_moment, begin_running),
                cmocka_unit_test_setup(without_an_agent_there_is_no_copy, begin_running),
                cmocka_unit_test_setup(who_is_late_is_let_go, begin_running),
                cmocka_unit_test_setup(what_cannot_be_let_go_is_told, begin_running),
                cmocka_unit_test_setup(a_guest_that_is_off_is_not_at_rest, begin_running),
                cmocka_unit_test_setup(going_on_is_killed, begin_running),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
