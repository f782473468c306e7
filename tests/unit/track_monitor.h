/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's monitor as test_virt_track.c asks it: a few functions, with jobs and images of two disks.
 */
#pragma once

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

static struct {
        struct {
                char name[40];
                int set, fd; /* what QEMU has of it */
                uint8_t bits[3], late_bits[3];
                bool bitmap, job, late;
                unsigned polls; /* that a cancelled job still is there */
        } nodes[NODES];
        char fail[40]; /* this command is refused */
        unsigned asked, cancels;
        bool off, deaf; /* no events can be had */
        bool writes_between;
        unsigned next; /* MiB that is written then */
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

/* One action after the other, and before each the guest writes, as from an I/O thread. */
static bool do_action(const char *type, const struct sv_json *data)
{
        const struct sv_json *from = sv_json_at(sv_json_get(data, "bitmaps"), 0);
        size_t to = find_node(sv_json_text(data, "node", "")),
               of = find_node(sv_json_text(from, "node", ""));
        bool merge = !strcmp(type, "block-dirty-bitmap-merge"), late;

        late = !strcmp(sv_json_text(merge ? from : data, "name", ""), "late");
        assert_true(to < NODES && q.nodes[to].bitmap);
        if (merge) {
                assert_true(of < NODES && (!late || q.nodes[of].late));
                for (size_t i = 0; i < 3; i++)
                        q.nodes[to].bits[i] |=
                                late ? q.nodes[of].late_bits[i] : q.nodes[of].bits[i];
                return true;
        }
        if (!strcmp(type, "block-dirty-bitmap-clear")) {
                assert_false(late);
                memset(q.nodes[to].bits, 0, 3);
                return true;
        }
        assert_true(late);
        q.nodes[to].late = !strcmp(type, "block-dirty-bitmap-add");
        if (!q.nodes[to].late)
                assert_string_equal(type, "block-dirty-bitmap-remove");
        memset(q.nodes[to].late_bits, 0, 3);
        return true;
}

static void write_at(size_t disk, unsigned mib)
{
        if (q.nodes[disk].job)
                q.nodes[disk].bits[mib / 8] |= (uint8_t)(1 << mib % 8);
        if (q.nodes[disk].job && q.nodes[disk].late)
                q.nodes[disk].late_bits[mib / 8] |= (uint8_t)(1 << mib % 8);
}

static bool do_together(const struct sv_json *a)
{
        const struct sv_json *actions = sv_json_get(a, "actions");

        for (size_t i = 0; i < sv_json_len(actions); i++) {
                const struct sv_json *action = sv_json_at(actions, i);

                if (q.writes_between)
                        write_at(0, q.next++);
                do_action(sv_json_text(action, "type", ""), sv_json_get(action, "data"));
        }
        for (size_t i = 0; i < NODES; i++)
                assert_false(q.nodes[i].late);
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
