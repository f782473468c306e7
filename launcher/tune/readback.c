/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/readback.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/tune/bitset.h"
#include "launcher/tune/readback-int.h"
#include "launcher/tune/sys-file.h"
#include "launcher/tune/threads.h"

/* --- threads --- */

static const struct sv_thread *find_thread(const struct sv_readback *r, const char *begin)
{
        for (size_t i = 0; i < r->n_threads; i++)
                if (!strncmp(r->threads[i].name, begin, strlen(begin)))
                        return &r->threads[i];
        return NULL;
}

static void compare_thread_cpus(const struct sv_readback *r, const struct sv_thread *t,
                                const char *what, const char *wanted)
{
        SV_STR where = t ? sv_asprintf("task/%u/status", t->tid) : sv_asprintf("task");
        struct sv_bitset want = {0};
        SV_BUF have = SV_BUF_NULL, mine = SV_BUF_NULL;

        if (!wanted || sv_bitset_parse(wanted, SV_CPUS_MAX, &want, what, "tune.readback", NULL) < 0)
                return;
        if (t && sv_bitset_equal(&want, &t->cpus))
                return;
        if (t)
                sv_bitset_put(&t->cpus, &have);
        sv_buf_printf(&mine, "CPUs %s", wanted);
        sv_readback_add(r, where, what, sv_buf_str(&mine),
                        t ? sv_buf_str(&have) : "no such thread");
}

static void compare_threads(const struct sv_readback *r)
{
        const struct sv_json *vcpus = sv_json_get(r->tuning, "vcpus"),
                             *iothreads = sv_json_get(r->tuning, "iothreads");
        const char *emulator = sv_json_str(sv_json_get(r->tuning, "emulator"));

        for (size_t i = 0; i < sv_json_len(vcpus); i++) {
                SV_STR name = sv_asprintf("CPU %zu/", i);
                SV_STR what = sv_asprintf("vCPU %zu", i);

                compare_thread_cpus(r, find_thread(r, name), what,
                                    sv_json_str(sv_json_at(vcpus, i)));
        }
        for (size_t i = 0; i < sv_json_len(iothreads); i++) {
                SV_STR name = sv_asprintf("IO iothread%zu", i + 1);

                compare_thread_cpus(r, find_thread(r, name), name,
                                    sv_json_str(sv_json_at(iothreads, i)));
        }
        for (size_t i = 0; i < r->n_threads; i++)
                if (r->threads[i].tid == r->pid)
                        compare_thread_cpus(r, &r->threads[i], "emulator", emulator);
                else if (!strncmp(r->threads[i].name, "vhost-", 6))
                        compare_thread_cpus(r, &r->threads[i], r->threads[i].name, emulator);
}

/* --- descriptors --- */

static unsigned count_descriptors(const struct sv_readback *r, const char *leads_to)
{
        SV_STR folder = sv_asprintf("%s/proc/%u/fd", r->root, r->pid);
        DIR *d = opendir(folder);
        unsigned n = 0;

        for (struct dirent *e; d && (e = readdir(d));) {
                SV_STR path = sv_asprintf("%s/%s", folder, e->d_name);
                char to[64] = "";
                ssize_t size = readlink(path, to, sizeof(to) - 1);

                n += size > 0 && !strcmp(to, leads_to);
        }
        if (d)
                closedir(d);
        return n;
}

static void compare_open_files(const struct sv_readback *r)
{
        const struct sv_json *nics = sv_json_get(r->tuning, "nics"),
                             *disks = sv_json_get(r->tuning, "disks");
        unsigned queues = 0, have;
        bool uring = false;

        for (size_t i = 0; i < sv_json_len(nics); i++)
                if (sv_json_bool(sv_json_get(sv_json_at(nics, i), "vhost"), false))
                        queues += (unsigned)sv_json_int(sv_json_get(sv_json_at(nics, i), "queues"),
                                                        1);
        for (size_t i = 0; i < sv_json_len(disks); i++)
                uring |= !strcmp(sv_json_text(sv_json_at(disks, i), "io", ""), "io_uring") &&
                         sv_json_int(sv_json_get(sv_json_at(disks, i), "requests"), 1) > 0;
        have = queues ? count_descriptors(r, "/dev/vhost-net") : 0;
        if (have < queues) {
                SV_STR wanted = sv_asprintf("%u of /dev/vhost-net, one a queue", queues);
                SV_STR found = sv_asprintf("%u", have);

                sv_readback_add(r, "fd", "vhost", wanted, found);
        }
        if (uring && !count_descriptors(r, "anon_inode:[io_uring]"))
                sv_readback_add(r, "fd", "io_uring", "a ring", "none");
}

/* --- the whole --- */

/* Words of its command line, as one text with a line each. */
static int read_command(const char *root, unsigned pid, struct sv_buf *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/proc/%u/cmdline", root, pid);

        if (sv_file_read(path, SV_PROC_SIZE_MAX, out, "tune.readback", err) < 0)
                return -1;
        for (size_t i = 0; i < out->n; i++)
                if (!out->p[i])
                        out->p[i] = '\n';
        return 0;
}

bool sv_readback_is_qemu(const char *root, unsigned pid, const char *uuid)
{
        SV_STR words = sv_asprintf("\n-uuid\n%s\n", uuid);
        SV_BUF command = SV_BUF_NULL;

        return read_command(root, pid, &command, NULL) == 0 && strstr(sv_buf_str(&command), words);
}

unsigned sv_readback_find_qemu(const char *root, const char *uuid)
{
        SV_STR proc = sv_asprintf("%s/proc", root);
        DIR *d = opendir(proc);
        unsigned pid = 0;

        for (struct dirent *e; d && !pid && (e = readdir(d));) {
                unsigned n = (unsigned)strtoul(e->d_name, NULL, 10);

                if (n && sv_readback_is_qemu(root, n, uuid))
                        pid = n;
        }
        if (d)
                closedir(d);
        return pid;
}

int sv_readback(const char *root, unsigned pid, const struct sv_json *tuning, struct sv_json *found,
                struct sv_err *err)
{
        struct sv_thread *threads = NULL;
        SV_BUF command = SV_BUF_NULL;
        struct sv_readback r = {.root = root, .pid = pid, .tuning = tuning, .found = found};
        int result = -1;

        if (sv_threads_read(root, pid, &threads, &r.n_threads, err) < 0)
                return -1;
        r.threads = threads;
        if (read_command(root, pid, &command, err) == 0) {
                compare_threads(&r);
                sv_readback_compare_groups(&r);
                compare_open_files(&r);
                sv_readback_compare_command(&r, sv_buf_str(&command));
                result = sv_readback_compare_memory(&r, err);
        }
        free(threads);
        return result < 0 ? -1 : sv_json_ok(err);
}
