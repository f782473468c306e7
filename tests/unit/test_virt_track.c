/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU is asked for when a guest's writes are to be noted, and when that counts: a monitor of
 * a few functions, with jobs and images of two disks. */
#include <sys/mman.h>

#include "base/core/file.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/virt-track.h"
#include "tests/unit/notes_image.h"

#define MIB   (1ull << 20)
#define SIZE  (20 * MIB)
#define MARKS 20
#define NODES 4

static struct sv_err err;
static struct sv_virt subject;
static bool marks[2][MARKS];
static int images[2] = {-1, -1}; /* ours */
static struct sv_bitmaps disks;

static struct {
        struct {
                char name[40];
                int set, fd; /* what QEMU has of it */
                uint8_t bits[3];
                bool bitmap, job;
                unsigned polls; /* that a cancelled job still is there */
        } nodes[NODES];
        char fail[40]; /* this command is refused */
        unsigned asked, cancels;
        bool off, deaf; /* no events can be had */
        virConnectDomainQemuMonitorEventCallback on_monitor;
        virConnectDomainEventCallback on_life;
        void *arg;
        int callbacks;
} q;

/* --- QEMU --- */

static size_t find_node(const char *name)
{
        for (size_t i = 0; i < NODES; i++)
                if (!strcmp(q.nodes[i].name, name))
                        return i;
        return NODES;
}

static size_t find_set(int set)
{
        for (size_t i = 0; i < NODES; i++)
                if (q.nodes[i].set == set && q.nodes[i].fd >= 0)
                        return i;
        return NODES;
}

static void tell(const char *event, const char *id, const char *status)
{
        SV_STR text = sv_asprintf("{\"id\":\"%s\",\"status\":\"%s\"}", id, status);

        if (q.on_monitor)
                q.on_monitor(NULL, NULL, event, 0, 0, text, q.arg);
}

/* QEMU lets go of the image in order. */
static void close_node(size_t i)
{
        if (q.nodes[i].bitmap)
                put_notes(q.nodes[i].fd, q.nodes[i].bits, 3);
        sv_closep(&q.nodes[i].fd);
        memset(&q.nodes[i], 0, sizeof(q.nodes[i]));
        q.nodes[i].fd = -1;
}

static bool add_fd(const struct sv_json *a, int fd)
{
        size_t i = find_set(-1);
        int set = (int)sv_json_int(sv_json_get(a, "fdset-id"), 0);

        for (i = 0; i < NODES && (q.nodes[i].fd >= 0 || *q.nodes[i].name); i++)
                ;
        assert_true(i < NODES && fd >= 0 && find_set(set) == NODES);
        q.nodes[i].fd = dup(fd);
        q.nodes[i].set = set;
        return true;
}

static bool add_node(const struct sv_json *a)
{
        int set = 0;
        size_t i;

        assert_string_equal(sv_json_text(a, "driver", ""), "qcow2");
        assert_string_equal(sv_json_text(a, "discard", ""), "unmap");
        assert_string_equal(sv_json_text(sv_json_get(a, "data-file"), "driver", ""), "null-co");
        assert_int_equal(sv_json_int(sv_json_get(sv_json_get(a, "data-file"), "size"), 0), SIZE);
        assert_int_equal(
                sscanf(sv_json_text(sv_json_get(a, "file"), "filename", ""), "/dev/fdset/%d", &set),
                1);
        i = find_set(set);
        assert_true(i < NODES && strlen(sv_json_text(a, "node-name", "")) < 32);
        snprintf(q.nodes[i].name, sizeof(q.nodes[i].name), "%s", sv_json_text(a, "node-name", ""));
        return true;
}

static bool add_bitmap(const struct sv_json *a)
{
        size_t i = find_node(sv_json_text(a, "node", ""));

        assert_string_equal(sv_json_text(a, "name", ""), "writes");
        assert_true(sv_json_bool(sv_json_get(a, "persistent"), false));
        assert_int_equal(sv_json_int(sv_json_get(a, "granularity"), 0), MIB);
        return q.nodes[i].bitmap = true;
}

static bool mirror(const struct sv_json *a)
{
        size_t i = find_node(sv_json_text(a, "target", "")), disk = 9;

        assert_string_equal(sv_json_text(a, "sync", ""), "none");
        assert_string_equal(sv_json_text(a, "copy-mode", ""), "write-blocking");
        assert_int_equal(sscanf(sv_json_text(a, "device", ""), "libvirt-%zu-storage", &disk), 1);
        assert_true(disk == i + 1 && q.nodes[i].bitmap);
        tell("JOB_STATUS_CHANGE", q.nodes[i].name, "created");
        tell("JOB_STATUS_CHANGE", q.nodes[i].name, "ready");
        return q.nodes[i].job = true;
}

static bool cancel(const struct sv_json *a)
{
        size_t i = find_node(sv_json_text(a, "id", ""));

        q.cancels++;
        if (i == NODES || !q.nodes[i].job)
                return false;
        if (q.nodes[i].polls) {
                q.nodes[i].polls--;
                return true;
        }
        q.nodes[i].job = false;
        tell("JOB_STATUS_CHANGE", q.nodes[i].name, "concluded");
        return true;
}

static bool remove_node(const struct sv_json *a)
{
        size_t i = find_node(sv_json_text(a, "node-name", ""));

        if (i == NODES || q.nodes[i].job)
                return false;
        close_node(i);
        return true;
}

/* What no image has open is gone by itself with that. */
static bool remove_fd(const struct sv_json *a)
{
        size_t i = find_set((int)sv_json_int(sv_json_get(a, "fdset-id"), 0));

        if (i == NODES)
                return false;
        if (!*q.nodes[i].name)
                sv_closep(&q.nodes[i].fd);
        return true;
}

static bool do_together(const struct sv_json *a)
{
        const struct sv_json *actions = sv_json_get(a, "actions");
        const struct sv_json *merge = sv_json_get(sv_json_at(actions, 0), "data");
        const struct sv_json *clear = sv_json_get(sv_json_at(actions, 1), "data");
        const struct sv_json *from = sv_json_at(sv_json_get(merge, "bitmaps"), 0);
        size_t to = find_node(sv_json_text(merge, "node", "")),
               of = find_node(sv_json_text(from, "node", ""));

        assert_string_equal(sv_json_text(sv_json_at(actions, 0), "type", ""),
                            "block-dirty-bitmap-merge");
        assert_string_equal(sv_json_text(sv_json_at(actions, 1), "type", ""),
                            "block-dirty-bitmap-clear");
        assert_string_equal(sv_json_text(clear, "node", ""), q.nodes[of].name);
        assert_true(to < NODES && of < NODES && q.nodes[to].bitmap);
        memcpy(q.nodes[to].bits, q.nodes[of].bits, 3);
        memset(q.nodes[of].bits, 0, 3);
        return true;
}

static void print_asked(const char *what, struct sv_buf *out)
{
        bool jobs = !strcmp(what, "query-jobs"), nodes = !strcmp(what, "query-named-block-nodes"),
             sets = !strcmp(what, "query-fdsets"), comma = false;

        sv_buf_puts(out, "[");
        for (size_t i = 0; i < NODES; i++) {
                if (sets && q.nodes[i].fd >= 0)
                        sv_buf_printf(out, "%s{\"fdset-id\":%d}", comma ? "," : "", q.nodes[i].set);
                else if ((jobs && q.nodes[i].job) || (nodes && *q.nodes[i].name))
                        sv_buf_printf(out, "%s{\"%s\":\"%s\"}", comma ? "," : "",
                                      jobs ? "id" : "node-name", q.nodes[i].name);
                else
                        continue;
                comma = true;
        }
        sv_buf_puts(out, "]");
}

static bool play(const char *what, const struct sv_json *a, int fd, struct sv_buf *out)
{
        static const struct {
                const char *name;
                bool (*run)(const struct sv_json *a);
        } rows[] = {
                {"blockdev-add", add_node},    {"block-dirty-bitmap-add", add_bitmap},
                {"blockdev-mirror", mirror},   {"job-cancel", cancel},
                {"blockdev-del", remove_node}, {"transaction", do_together},
        };

        q.asked++;
        if (!strcmp(what, q.fail))
                return false;
        if (!strncmp(what, "query-", 6)) {
                print_asked(what, out);
                return true;
        }
        sv_buf_puts(out, "{}");
        if (!strcmp(what, "add-fd"))
                return add_fd(a, fd);
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (!strcmp(what, rows[i].name))
                        return rows[i].run(a);
        assert_string_equal(what, "remove-fd");
        return remove_fd(a);
}

static int ask_with_files(virDomainPtr dom, const char *text, unsigned n, int *fds, unsigned *n_out,
                          int **out_fds, char **result, unsigned flags)
{
        SV_BUF out = SV_BUF_NULL;
        SV_JSON *j = NULL;

        assert_int_equal(sv_json_parse(sv_bytes_str(text), "test", &j, NULL), 0);
        if (play(sv_json_text(j, "execute", ""), sv_json_get(j, "arguments"), n ? fds[0] : -1,
                 &out))
                *result = sv_asprintf("{\"return\":%s}", sv_buf_str(&out));
        else
                *result = strdup("{\"error\":{\"class\":\"GenericError\",\"desc\":\"not now\"}}");
        return 0;
}

static int ask_plain(virDomainPtr dom, const char *text, char **result, unsigned flags)
{
        return ask_with_files(dom, text, 0, NULL, NULL, NULL, result, flags);
}

static int is_active(virDomainPtr dom)
{
        return !q.off;
}

static int hear_monitor(virConnectPtr conn, virDomainPtr dom, const char *event,
                        virConnectDomainQemuMonitorEventCallback cb, void *arg,
                        virFreeCallback free_arg, unsigned flags)
{
        if (q.deaf)
                return -1;
        assert_null(event);
        q.on_monitor = cb;
        q.arg = arg;
        q.callbacks++;
        return 7;
}

static int hear_life(virConnectPtr conn, virDomainPtr dom, int id,
                     virConnectDomainEventGenericCallback cb, void *arg, virFreeCallback free_arg)
{
        q.on_life = (virConnectDomainEventCallback)(void (*)(void))cb;
        q.arg = arg;
        q.callbacks++;
        return 0;
}

static int stop_hearing(virConnectPtr conn, int id)
{
        assert_true(id == 7 || id == 0);
        if (id == 7)
                q.on_monitor = NULL;
        q.callbacks--;
        sv_virt_drop_events(q.arg);
        return 0;
}

static virErrorPtr last_error(void)
{
        return NULL;
}

/* --- the guest --- */

static void write_at(size_t disk, unsigned mib)
{
        if (q.nodes[disk].job)
                q.nodes[disk].bits[mib / 8] |= (uint8_t)(1 << mib % 8);
}

enum end { IN_ORDER, KILLED };

static void end_guest(enum end how)
{
        if (how == IN_ORDER)
                tell("SHUTDOWN", "", "");
        for (size_t i = 0; i < NODES; i++) {
                if (q.nodes[i].job && how == IN_ORDER)
                        tell("JOB_STATUS_CHANGE", q.nodes[i].name, "concluded");
                q.nodes[i].job = false;
                if (how == IN_ORDER && *q.nodes[i].name)
                        close_node(i);
        }
        q.off = true;
        q.on_life(NULL, NULL, VIR_DOMAIN_EVENT_STOPPED, 0, q.arg);
}

static int open_image(void)
{
        int fd = memfd_create("image", MFD_CLOEXEC);

        OK(sv_qcow2_make_notes(fd, "image", SIZE, &err));
        return fd;
}

static int set_up(void **state)
{
        memset(&q, 0, sizeof(q));
        for (size_t i = 0; i < NODES; i++)
                q.nodes[i].fd = -1;
        memset(marks, 0, sizeof(marks));
        disks.n = 2;
        for (size_t i = 0; i < 2; i++) {
                sv_closep(&images[i]);
                images[i] = open_image();
                disks.disks[i].size = SIZE;
                snprintf(disks.disks[i].node, sizeof(disks.disks[i].node), "libvirt-%zu-storage",
                         i + 1);
        }
        return 0;
}

static int tear_down(void **state)
{
        for (size_t i = 0; i < NODES; i++)
                sv_closep(&q.nodes[i].fd);
        for (size_t i = 0; i < 2; i++)
                sv_closep(&images[i]);
        assert_int_equal(q.callbacks, 0);
        return 0;
}

static struct sv_virt_track *begin(void)
{
        struct sv_virt_track *t = NULL;

        OK(sv_virt_track_begin(&subject, &disks, images, &t, &err));
        return t;
}

static void expect_marks(size_t disk, size_t a, size_t b)
{
        for (size_t i = 0; i < MARKS; i++)
                assert_int_equal(marks[disk][i], i == a || i == b);
}

static int read_marks(size_t disk, int fd)
{
        return sv_qcow2_read_bitmap(fd, "image", SV_TRACK_BITMAP, SIZE, marks[disk], &err);
}

static int take_both(struct sv_virt_track *t)
{
        for (size_t i = 0; i < 2; i++) {
                SV_FD fd = open_image();

                if (sv_virt_track_take(t, i, fd, &err) < 0 || read_marks(i, fd) < 0)
                        return -1;
        }
        return 0;
}

static int read_both(struct sv_virt_track *t)
{
        if (sv_virt_track_wait(t, &err) < 0)
                return -1;
        return read_marks(0, images[0]) < 0 ? -1 : read_marks(1, images[1]);
}

static void expect_nothing_left(void)
{
        for (size_t i = 0; i < NODES; i++)
                assert_false(*q.nodes[i].name || q.nodes[i].job || q.nodes[i].fd >= 0);
}

/* --- cases --- */

static void notes_until_the_end(void **state)
{
        struct sv_virt_track *t = begin();

        write_at(0, 3);
        write_at(1, 19);
        OK(take_both(t));
        expect_marks(0, 3, 3);
        expect_marks(1, 19, 19);
        memset(marks, 0, sizeof(marks));
        OK(take_both(t));
        expect_marks(0, MARKS, MARKS);
        write_at(0, 5);
        write_at(0, 17);
        end_guest(IN_ORDER);
        OK(read_both(t));
        expect_marks(0, 5, 17);
        expect_marks(1, MARKS, MARKS);
        sv_virt_track_end(t);
}

static void a_killed_qemu_noted_nothing(void **state)
{
        struct sv_virt_track *t = begin();

        write_at(0, 3);
        end_guest(KILLED);
        FAILS(read_both(t), SV_FORMAT, "image.qcow2.bitmap");
        sv_virt_track_end(t);
}

/* All are closed in order, and lack what was written after the job. */
static void a_job_that_ended_before_does_not_count(void **state)
{
        static const char *const ends[] = {"aborting", "concluded", "null", "waiting", "", NULL};

        for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
                struct sv_virt_track *t;

                set_up(NULL);
                t = begin();
                if (ends[i])
                        tell("JOB_STATUS_CHANGE", q.nodes[1].name, ends[i]);
                else /* what cannot be read may be that */
                        q.on_monitor(NULL, NULL, "JOB_STATUS_CHANGE", 0, 0, "{", q.arg);
                end_guest(IN_ORDER);
                FAILS(read_both(t), SV_SYSTEM, "virt.track");
                sv_virt_track_end(t);
        }
}

static void other_events_are_none_of_ours(void **state)
{
        struct sv_virt_track *t = begin();

        tell("JOB_STATUS_CHANGE", "libvirt-1-storage", "aborting");
        tell("JOB_STATUS_CHANGE", "secure-vm-w01234567-0", "concluded"); /* of a killed command */
        tell("JOB_STATUS_CHANGE", q.nodes[0].name, "standby");
        tell("JOB_STATUS_CHANGE", q.nodes[0].name, "paused");
        tell("BLOCK_JOB_READY", q.nodes[0].name, "aborting");
        tell("RESUME", "", "");
        write_at(0, 1);
        end_guest(IN_ORDER);
        OK(read_both(t));
        expect_marks(0, 1, 1);
        sv_virt_track_end(t);
}

/* It shut down, its job ended, and it was reset: libvirt does that to reboot. */
static void a_guest_that_went_on_does_not_count(void **state)
{
        struct sv_virt_track *t = begin();

        tell("SHUTDOWN", "", "");
        tell("RESUME", "", "");
        end_guest(IN_ORDER);
        OK(read_both(t)); /* its job did, too */
        sv_virt_track_end(t);
        set_up(NULL);
        t = begin();
        tell("SHUTDOWN", "", "");
        tell("JOB_STATUS_CHANGE", q.nodes[0].name, "concluded");
        tell("RESUME", "", "");
        end_guest(IN_ORDER);
        FAILS(read_both(t), SV_SYSTEM, "virt.track");
        sv_virt_track_end(t);
}

static void another_qemu_does_not_count(void **state)
{
        struct sv_virt_track *t = begin();

        end_guest(IN_ORDER);
        q.on_life(NULL, NULL, VIR_DOMAIN_EVENT_STARTED, 0, q.arg);
        q.on_life(NULL, NULL, VIR_DOMAIN_EVENT_STOPPED, 0, q.arg);
        FAILS(read_both(t), SV_SYSTEM, "virt.track");
        sv_virt_track_end(t);
}

static void what_qemu_refuses_leaves_nothing(void **state)
{
        static const char *const commands[] = {
                "query-jobs",   "query-named-block-nodes", "query-fdsets",    "add-fd",
                "blockdev-add", "block-dirty-bitmap-add",  "blockdev-mirror",
        };

        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
                struct sv_virt_track *t = NULL;

                set_up(NULL);
                snprintf(q.fail, sizeof(q.fail), "%s", commands[i]);
                FAILS(sv_virt_track_begin(&subject, &disks, images, &t, &err), SV_SYSTEM,
                      "virt.monitor");
                assert_null(t);
                expect_nothing_left();
                assert_int_equal(q.callbacks, 0);
        }
        set_up(NULL);
        q.deaf = true;
        FAILS(sv_virt_track_begin(&subject, &disks, images, &(struct sv_virt_track *){NULL}, &err),
              SV_SYSTEM, "virt.libvirt");
        expect_nothing_left();
}

static void what_cannot_be_taken_is_told(void **state)
{
        static const char *const commands[] = {"add-fd", "blockdev-add", "block-dirty-bitmap-add",
                                               "transaction", "blockdev-del"};

        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
                struct sv_virt_track *t;

                set_up(NULL);
                t = begin();
                snprintf(q.fail, sizeof(q.fail), "%s", commands[i]);
                FAILS(take_both(t), SV_SYSTEM, "virt.monitor");
                *q.fail = 0;
                sv_virt_track_end(t);
                expect_nothing_left();
        }
}

/* Of one that was killed, whose jobs go on; what is said of them is not of the new ones. */
static void ends_what_a_killed_command_left(void **state)
{
        struct sv_virt_track *killed = begin(), *t;

        q.nodes[0].polls = 2;
        t = begin();
        assert_true(q.cancels >= 4);
        write_at(0, 8);
        end_guest(IN_ORDER);
        OK(read_both(t));
        expect_marks(0, 8, 8);
        sv_virt_track_end(t);
        free(killed); /* its process has ended */
        q.callbacks = 0;
        set_up(NULL);
        t = begin();
        OK(sv_virt_track_clear(&subject, &err));
        expect_nothing_left();
        sv_virt_track_end(t);
}

static int load(void **state)
{
        assert_int_equal(sv_virt_load_monitor(NULL), 0); /* before its table is another */
        vir_qemu.DomainQemuMonitorCommand = ask_plain;
        vir_qemu.DomainQemuMonitorCommandWithFiles = ask_with_files;
        vir_qemu.ConnectDomainQemuMonitorEventRegister = hear_monitor;
        vir_qemu.ConnectDomainQemuMonitorEventDeregister = stop_hearing;
        vir.ConnectDomainEventRegisterAny = hear_life;
        vir.ConnectDomainEventDeregisterAny = stop_hearing;
        vir.DomainIsActive = is_active;
        vir.GetLastError = last_error;
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(notes_until_the_end, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_killed_qemu_noted_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_job_that_ended_before_does_not_count, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(other_events_are_none_of_ours, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_guest_that_went_on_does_not_count, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(another_qemu_does_not_count, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_qemu_refuses_leaves_nothing, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(what_cannot_be_taken_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(ends_what_a_killed_command_left, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, load, NULL);
}
