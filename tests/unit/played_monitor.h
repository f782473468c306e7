/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's monitor as a few functions: dirty bitmaps, images and backup jobs of a guest's disks, each
 * disk a file of at most one cluster. What it has outlives a process of the test's that is killed,
 * as QEMU does. */
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/qcow2.h"
#include "launcher/virt/virt-changes.h"
#include "launcher/virt/virt-int.h"
#include "tests/unit/unit.h"

#define PLAYED_SET 0x5356000
#define PLAYED_MAX 24

struct played {
        size_t n; /* disks */
        char paths[3][256];
        unsigned long long size; /* bytes of each */
        struct {
                char name[SV_BITMAP_NAME_SIZE];
                unsigned count;
                bool off, broken, once; /* once: on the first disk only */
        } bitmaps[PLAYED_MAX];
        size_t n_bitmaps;
        struct {
                bool there, image, set;
                int polls; /* that it still runs */
                char error[40];
        } jobs[3];
        char fail[40], say[40]; /* this command is refused; or answered so */
        char job_error[40];     /* jobs end with it */
        int job_polls;
        bool hollow; /* the images lack their tables, whatever the jobs say */
        bool lose_jobs, gone, no_agent, no_thaw, late, frozen, want_frozen;
        unsigned cancelled, transactions, calls, freezes;
        char last[1500]; /* transaction */
};
static struct played *played;
static int played_fds[3] = {-1, -1, -1};

static inline size_t find_played(const char *name)
{
        for (size_t i = 0; i < played->n_bitmaps; i++)
                if (!strcmp(played->bitmaps[i].name, name))
                        return i;
        return PLAYED_MAX;
}

static inline void add_played(const char *name)
{
        if (find_played(name) < PLAYED_MAX)
                return;
        assert_true(played->n_bitmaps < PLAYED_MAX);
        memset(&played->bitmaps[played->n_bitmaps], 0, sizeof(played->bitmaps[0]));
        snprintf(played->bitmaps[played->n_bitmaps++].name, SV_BITMAP_NAME_SIZE, "%s", name);
}

static inline void drop_played(const char *name)
{
        size_t at = find_played(name);

        if (at < PLAYED_MAX)
                played->bitmaps[at] = played->bitmaps[--played->n_bitmaps];
}

/* The guest writes. Of a bitmap whole clusters count. */
static inline void note_played(void)
{
        for (size_t i = 0; i < played->n_bitmaps; i++)
                played->bitmaps[i].count = SV_QCOW2_CLUSTER;
}

static inline void put_entry(int fd, uint64_t at, uint64_t v)
{
        uint8_t b[8];

        for (int i = 0; i < 8; i++)
                b[i] = (uint8_t)(v >> 8 * (7 - i));
        assert_int_equal(pwrite(fd, b, 8, (off_t)at), 8);
}

/* The disk's one cluster into the image. */
static inline void copy_played(size_t disk)
{
        SV_FD from = open(played->paths[disk], O_RDONLY | O_CLOEXEC);
        uint8_t bytes[SV_QCOW2_CLUSTER] = {0};
        uint64_t l2 = 4 * SV_QCOW2_CLUSTER, data = 5 * SV_QCOW2_CLUSTER;

        assert_true(pread(from, bytes, sizeof(bytes), 0) > 0);
        put_entry(played_fds[disk], 3 * SV_QCOW2_CLUSTER, l2 | 1ull << 63);
        put_entry(played_fds[disk], l2, data | 1ull << 63);
        put_entry(played_fds[disk], l2 + SV_QCOW2_CLUSTER - 8, 0);
        assert_int_equal(pwrite(played_fds[disk], bytes, sizeof(bytes), (off_t)data),
                         sizeof(bytes));
}

static inline void play_action(const struct sv_json *action)
{
        const struct sv_json *data = sv_json_get(action, "data");
        size_t disk;

        if (!strcmp(sv_json_text(action, "type", ""), "block-dirty-bitmap-add")) {
                assert_false(sv_json_bool(sv_json_get(data, "persistent"), true));
                add_played(sv_json_text(data, "name", ""));
                return;
        }
        assert_string_equal(sv_json_text(action, "type", ""), "blockdev-backup");
        assert_true(played->frozen == played->want_frozen);
        assert_string_equal(sv_json_text(data, "bitmap-mode", ""), "never");
        assert_int_equal(sscanf(sv_json_text(data, "device", ""), "libvirt-%zu-storage", &disk), 1);
        disk--;
        assert_true(find_played(sv_json_text(data, "bitmap", "")) < PLAYED_MAX);
        if (played->bitmaps[find_played(sv_json_text(data, "bitmap", ""))].count && !played->hollow)
                copy_played(disk);
        played->jobs[disk].there = !played->lose_jobs;
        played->jobs[disk].polls = played->job_polls;
        snprintf(played->jobs[disk].error, sizeof(played->jobs[0].error), "%s",
                 disk ? "" : played->job_error);
}

static inline void print_blocks(struct sv_buf *out)
{
        for (size_t i = 0; i < played->n; i++) {
                bool comma = false;

                sv_buf_printf(out,
                              "%s{\"qdev\":\"/machine/peripheral/virtio-disk%zu/virtio-backend\","
                              "\"inserted\":{\"node-name\":\"libvirt-%zu-storage\",\"image\":"
                              "{\"virtual-size\":%llu},\"dirty-bitmaps\":[",
                              i ? "," : "", i, i + 1, played->size);
                for (size_t k = 0; k < played->n_bitmaps; k++) {
                        if (played->bitmaps[k].once && i)
                                continue;
                        sv_buf_printf(out,
                                      "%s{\"name\":\"%s\",\"recording\":%s,\"inconsistent\":%s,"
                                      "\"count\":%u}",
                                      comma ? "," : "", played->bitmaps[k].name,
                                      played->bitmaps[k].off ? "false" : "true",
                                      played->bitmaps[k].broken ? "true" : "false",
                                      played->bitmaps[k].count);
                        comma = true;
                }
                sv_buf_puts(out, "]}}");
        }
}

static inline void print_jobs(struct sv_buf *out)
{
        bool comma = false;

        for (size_t i = 0; i < 3; i++) {
                if (!played->jobs[i].there)
                        continue;
                sv_buf_printf(out,
                              "%s{\"id\":\"secure-vm-copy-%zu\",\"status\":\"%s\","
                              "\"current-progress\":1,\"total-progress\":2",
                              comma ? "," : "", i,
                              played->jobs[i].polls-- > 0 ? "running" : "concluded");
                if (*played->jobs[i].error)
                        sv_buf_printf(out, ",\"error\":\"%s\"", played->jobs[i].error);
                sv_buf_puts(out, "}");
                comma = true;
        }
}

static inline size_t read_disk_number(const struct sv_json *arguments, const char *member)
{
        size_t disk = 99;

        sscanf(sv_json_text(arguments, member, ""), "secure-vm-copy-%zu", &disk);
        return disk;
}

/* False: QEMU says no. */
static inline bool play_on_disk(const char *what, const struct sv_json *arguments, int fd)
{
        size_t disk = read_disk_number(arguments, strstr(what, "job-") ? "id" : "node-name");

        if (!strcmp(what, "add-fd") || !strcmp(what, "remove-fd"))
                disk = (size_t)sv_json_int(sv_json_get(arguments, "fdset-id"), 0) - PLAYED_SET;
        if (disk >= 3)
                return false;
        if (!strcmp(what, "add-fd")) {
                sv_closep(&played_fds[disk]);
                played_fds[disk] = dup(fd);
                return played->jobs[disk].set = true;
        }
        if (!strcmp(what, "remove-fd")) {
                sv_closep(&played_fds[disk]);
                played->jobs[disk].set = false;
        } else if (!strcmp(what, "blockdev-add")) {
                if (played->jobs[disk].image)
                        return false;
                played->jobs[disk].image = true;
        } else if (!strcmp(what, "blockdev-del")) {
                if (played->jobs[disk].there)
                        return false;
                played->jobs[disk].image = false;
        } else if (!strcmp(what, "job-dismiss")) {
                played->jobs[disk].there = false;
        } else if (played->jobs[disk].there) {
                played->cancelled++;
                played->jobs[disk].polls = 0;
                snprintf(played->jobs[disk].error, sizeof(played->jobs[0].error), "canceled");
        }
        return true;
}

static inline bool play_command(const struct sv_json *j, const char *text, int fd,
                                struct sv_buf *out)
{
        const char *what = sv_json_text(j, "execute", "");
        const struct sv_json *arguments = sv_json_get(j, "arguments");
        const struct sv_json *actions = sv_json_get(arguments, "actions");

        if (!strcmp(what, played->fail))
                return false;
        if (!strcmp(what, "query-block")) {
                sv_buf_puts(out, "[");
                print_blocks(out);
                sv_buf_puts(out, "]");
        } else if (!strcmp(what, "query-jobs")) {
                sv_buf_puts(out, "[");
                print_jobs(out);
                sv_buf_puts(out, "]");
        } else {
                sv_buf_puts(out, "{}");
        }
        if (!strcmp(what, "transaction")) {
                played->transactions++;
                snprintf(played->last, sizeof(played->last), "%s", text);
                for (size_t i = 0; i < sv_json_len(actions); i++)
                        play_action(sv_json_at(actions, i));
        } else if (!strcmp(what, "block-dirty-bitmap-remove")) {
                drop_played(sv_json_text(arguments, "name", ""));
        } else if (strncmp(what, "query-", 6)) {
                return play_on_disk(what, arguments, fd);
        }
        return true;
}

static inline int play_with_files(virDomainPtr dom, const char *text, unsigned n, int *fds,
                                  unsigned *n_out, int **out_fds, char **result, unsigned flags)
{
        SV_BUF out = SV_BUF_NULL;
        SV_JSON *j = NULL;

        played->calls++;
        if (played->gone)
                return -1;
        assert_int_equal(sv_json_parse(sv_bytes_str(text), "test", &j, NULL), 0);
        if (*played->say) {
                *result = strdup(played->say);
                return 0;
        }
        if (play_command(j, text, n ? fds[0] : -1, &out))
                *result = sv_asprintf("{\"return\":%s}", sv_buf_str(&out));
        else
                *result = strdup("{\"error\":{\"class\":\"GenericError\",\"desc\":\"not now\"}}");
        return 0;
}

static inline int play_plain(virDomainPtr dom, const char *text, char **result, unsigned flags)
{
        return play_with_files(dom, text, 0, NULL, NULL, NULL, result, flags);
}

static inline int play_is_active(virDomainPtr dom)
{
        return !played->gone;
}

static inline int play_freeze(virDomainPtr dom, const char **points, unsigned n, unsigned flags)
{
        played->freezes++;
        if (played->no_agent)
                return -1;
        played->frozen = true;
        return played->late ? -1 : 1;
}

static inline int play_thaw(virDomainPtr dom, const char **points, unsigned n, unsigned flags)
{
        if (played->no_agent || (played->no_thaw && played->frozen))
                return -1;
        played->frozen = false;
        return 1;
}

static inline int play_timeout(virDomainPtr dom, int seconds, unsigned flags)
{
        assert_int_equal(seconds, SV_AGENT_ANSWER_S);
        return 0;
}

/* What libvirt says of the last call that failed. */
static inline virErrorPtr play_error(void)
{
        static char text[] = "it takes too long";
        static virError e = {.code = VIR_ERR_AGENT_COMMAND_TIMEOUT, .message = text};

        return played->late ? &e : NULL;
}

static inline void begin_played(size_t n, unsigned long long size)
{
        if (!played)
                played = mmap(NULL, sizeof(*played), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(played != MAP_FAILED);
        memset(played, 0, sizeof(*played));
        played->n = n;
        played->size = size;
        assert_int_equal(sv_virt_load_monitor(NULL), 0); /* before its table is another */
        vir_qemu.DomainQemuMonitorCommand = play_plain;
        vir_qemu.DomainQemuMonitorCommandWithFiles = play_with_files;
        vir.DomainIsActive = play_is_active;
        vir.DomainFSFreeze = play_freeze;
        vir.DomainFSThaw = play_thaw;
        vir.DomainAgentSetResponseTimeout = play_timeout;
        vir.GetLastError = play_error;
}
