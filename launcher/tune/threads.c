/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/threads.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/tune/sys-file.h"
#include "launcher/tune/trust.h"

/* The list behind a word of /proc/PID/status; false when it is not there. */
static bool find_status_set(const char *status, const char *word, struct sv_bitset *out)
{
        const char *at = strstr(status, word);
        SV_STR line = NULL;

        if (!at)
                return false;
        at += strlen(word);
        at += strspn(at, ": \t");
        line = sv_asprintf("%.*s", (int)strcspn(at, "\n"), at);
        return sv_bitset_parse(line, SV_CPUS_MAX, out, word, "tune.threads", NULL) == 0;
}

static bool read_thread(const char *root, const char *folder, unsigned tid, struct sv_thread *out)
{
        SV_STR name = sv_asprintf("%s/comm", folder);
        SV_STR path = sv_asprintf("%s/status", folder);
        SV_BUF text = SV_BUF_NULL;
        size_t n;

        *out = (struct sv_thread){.tid = tid};
        if (sv_sys_read(root, name, &text, NULL) < 0)
                return false;
        n = text.n - 1 < sizeof(out->name) ? text.n - 1 : sizeof(out->name) - 1;
        memcpy(out->name, text.p, n);
        return sv_sys_read(root, path, &text, NULL) == 0 &&
               find_status_set(sv_buf_str(&text), "Cpus_allowed_list", &out->cpus) &&
               find_status_set(sv_buf_str(&text), "Mems_allowed_list", &out->mems);
}

static int is_number_entry(const struct dirent *d)
{
        return strspn(d->d_name, "0123456789") == strlen(d->d_name);
}

static unsigned read_entry_number(const struct dirent *d)
{
        return (unsigned)strtoul(d->d_name, NULL, 10);
}

static int compare_number_entries(const struct dirent **a, const struct dirent **b)
{
        unsigned x = read_entry_number(*a), y = read_entry_number(*b);

        return x < y ? -1 : x > y;
}

int sv_threads_read(const char *root, unsigned pid, struct sv_thread **out, size_t *n,
                    struct sv_err *err)
{
        SV_STR folder = sv_asprintf("%s/proc/%u/task", root, pid);
        struct dirent **list = NULL;
        struct sv_thread *threads;
        int all = scandir(folder, &list, is_number_entry, compare_number_entries);
        size_t found = 0;

        if (all < 0)
                return sv_fail_errno(err, "tune.threads", "process %u, whose threads are in %s",
                                     pid, folder);
        threads = calloc((size_t)all + 1, sizeof(*threads));
        for (int i = 0; i < all; i++) {
                SV_STR task = sv_asprintf("/proc/%u/task/%s", pid, list[i]->d_name);

                if (threads)
                        found += read_thread(root, task, read_entry_number(list[i]),
                                             &threads[found]);
                free(list[i]);
        }
        free(list);
        if (!threads)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for %d threads", all);
        *out = threads;
        *n = found;
        return 0;
}

static bool is_qemu(const char *root, const char *pid)
{
        SV_STR path = sv_asprintf("/proc/%s/comm", pid);
        SV_BUF text = SV_BUF_NULL;

        return sv_sys_read(root, path, &text, NULL) == 0 &&
               !strncmp(sv_buf_str(&text), "qemu", 4) && sv_tune_trusts_process(root, pid);
}

void sv_threads_find_taken(const char *root, unsigned except, struct sv_bitset *taken)
{
        SV_STR proc = sv_asprintf("%s/proc", root);
        struct dirent **list = NULL;
        int n = scandir(proc, &list, is_number_entry, NULL);

        for (int i = 0; i < n; i++) {
                unsigned pid = read_entry_number(list[i]);
                struct sv_thread *threads = NULL;
                size_t count = 0;

                if (pid != except && is_qemu(root, list[i]->d_name))
                        sv_threads_read(root, pid, &threads, &count, NULL);
                for (size_t k = 0; k < count; k++)
                        if (!strncmp(threads[k].name, "CPU ", 4) &&
                            sv_bitset_count(&threads[k].cpus) == 1)
                                sv_bitset_join(taken, &threads[k].cpus);
                free(threads);
                free(list[i]);
        }
        free(list);
}

void sv_threads_find_own(const char *root, struct sv_bitset *allowed)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_sys_read(root, "/proc/self/status", &text, NULL) == 0)
                find_status_set(sv_buf_str(&text), "Cpus_allowed_list", allowed);
}
