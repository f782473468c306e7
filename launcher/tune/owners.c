/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/tune/owners.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/tune/kernel-file.h"
#include "launcher/tune/threads.h"
#include "launcher/tune/trust.h"

static const struct {
        const char *comm; /* the kernel keeps 15 bytes of a process's name */
        unsigned bit;
        const char *name, *how;
} daemons[] = {
        {"tuned", SV_OWNER_TUNED, "tuned", "\"tuned-adm off\" ends its work"},
        {"irqbalance", SV_OWNER_IRQBALANCE, "irqbalance",
         "IRQBALANCE_BANNED_CPULIST or --banirq in its configuration, or stop it"},
        {"numad", SV_OWNER_NUMAD, "numad", "\"numad -i 0\" ends it"},
        {"ksmtuned", SV_OWNER_KSMTUNED, "ksmtuned", "\"systemctl stop ksmtuned\""},
        {"power-profiles-", SV_OWNER_POWER, "power-profiles-daemon",
         "\"systemctl stop power-profiles-daemon\""},
        {"auto-cpufreq", SV_OWNER_POWER, "auto-cpufreq", "\"systemctl stop auto-cpufreq\""},
};

const char *sv_tune_owner_name(size_t i, unsigned *bit, const char **how)
{
        if (i >= sizeof(daemons) / sizeof(daemons[0]))
                return NULL;
        *bit = daemons[i].bit;
        *how = daemons[i].how;
        return daemons[i].name;
}

void sv_tune_put_owners(unsigned owners, struct sv_json *list)
{
        for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
                if (owners & daemons[i].bit)
                        sv_json_add(list, sv_json_new_str(daemons[i].name));
}

static bool is_trusted_process(const char *root, const char *folder)
{
        SV_STR full = sv_asprintf("%s%s", root, folder);
        struct stat st;

        return stat(full, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid());
}

/* --- guests: QEMU's threads have the names of what they are --- */

/* The number of "CPU 3/KVM"; -1: another thread. */
static int parse_vcpu_name(const char *comm)
{
        char *end;
        long n;

        if (strncmp(comm, "CPU ", 4) || !isdigit((unsigned char)comm[4]))
                return -1;
        n = strtol(comm + 4, &end, 10);
        return *end == '/' && n < SV_CPUS_MAX ? (int)n : -1;
}

/* "guest=web" of -name, whose words end with NUL. */
static void find_guest_name(const char *root, const char *folder, struct sv_tune_guest *g)
{
        SV_STR path = sv_asprintf("%s%s/cmdline", root, folder);
        SV_BUF text = SV_BUF_NULL;
        const char *at;
        size_t n;

        snprintf(g->name, sizeof(g->name), "process %u", g->pid);
        if (sv_file_read(path, SV_PROC_SIZE_MAX, &text, "tune.value", NULL) < 0)
                return;
        at = memmem(text.p, text.n, "guest=", 6);
        n = at ? strcspn(sv_buf_str(&text) + (at - (const char *)text.p) + 6, ",") : 0;
        if (n && n < sizeof(g->name)) {
                SV_STR name = sv_asprintf("%.*s", (int)n, at + 6);

                if (sv_name_ok(name))
                        snprintf(g->name, sizeof(g->name), "%s", name);
        }
}

static int add_vcpu(struct sv_tune_guest *g, unsigned number, const struct sv_bitset *cpus,
                    const struct sv_bitset *online, struct sv_err *err)
{
        struct sv_tune_vcpu *more = realloc(g->vcpus, (g->n + 1) * sizeof(*more));

        if (!more)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the guests' CPUs");
        g->vcpus = more;
        more[g->n++] = (struct sv_tune_vcpu){number, *cpus};
        g->pinned |= !sv_bitset_within(online, cpus);
        return 0;
}

/* A guest that ends meanwhile has fewer threads, or none: none is no guest. */
static int read_running_guest(const char *root, const char *folder, const struct sv_bitset *online,
                              struct sv_tune_guest *g, struct sv_err *err)
{
        struct sv_thread *threads = NULL;
        size_t n = 0;
        int r = 0;

        find_guest_name(root, folder, g);
        sv_threads_read(root, g->pid, &threads, &n, NULL);
        for (size_t i = 0; r == 0 && i < n; i++) {
                int number = parse_vcpu_name(threads[i].name);

                if (number >= 0)
                        r = add_vcpu(g, (unsigned)number, &threads[i].cpus, online, err);
        }
        free(threads);
        return r;
}

static int add_running_guest(const char *root, const char *folder, unsigned pid,
                             const struct sv_bitset *online, struct sv_tune_processes *out,
                             struct sv_err *err)
{
        struct sv_tune_guest *more = realloc(out->guests, (out->n_guests + 1) * sizeof(*more));

        if (!more)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the guests");
        out->guests = more;
        more[out->n_guests] = (struct sv_tune_guest){.pid = pid};
        if (read_running_guest(root, folder, online, &more[out->n_guests], err) < 0) {
                free(more[out->n_guests].vcpus);
                return -1;
        }
        if (more[out->n_guests].n)
                out->n_guests++;
        return 0;
}

static void note_daemon(const char *root, const char *folder, const char *comm,
                        struct sv_tune_processes *out)
{
        unsigned before = out->owners;
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(daemons) / sizeof(daemons[0]); i++)
                if (!strcmp(comm, daemons[i].comm) && is_trusted_process(root, folder))
                        out->owners |= daemons[i].bit;
        if ((out->owners & ~before & SV_OWNER_TUNED) &&
            sv_kernel_file_read(root, "/etc/tuned/active_profile", SV_KERNEL_TEXT, &text, NULL) > 0)
                snprintf(out->tuned, sizeof(out->tuned), "%s", sv_buf_str(&text));
}

int sv_tune_find_processes(const char *root, const struct sv_bitset *online,
                           struct sv_tune_processes *out, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(root, "/proc");
        SV_BUF comm = SV_BUF_NULL;

        *out = (struct sv_tune_processes){.owners = 0};
        for (size_t i = 0; names && names[i]; i++) {
                SV_STR folder = sv_asprintf("/proc/%s", names[i]);
                SV_STR path = sv_asprintf("%s/comm", folder);
                uint64_t pid;

                if (!sv_bytes_number(sv_bytes_str(names[i]), UINT32_MAX, &pid) ||
                    sv_kernel_file_read(root, path, SV_KERNEL_TEXT, &comm, NULL) <= 0)
                        continue;
                note_daemon(root, folder, sv_buf_str(&comm), out);
                if (!strncmp(sv_buf_str(&comm), "qemu", 4) &&
                    sv_tune_trusts_process(root, names[i]) &&
                    add_running_guest(root, folder, (unsigned)pid, online, out, err) < 0) {
                        sv_tune_processes_free(out);
                        return -1;
                }
        }
        return 0;
}

void sv_tune_processes_free(struct sv_tune_processes *p)
{
        for (size_t i = 0; i < p->n_guests; i++)
                free(p->guests[i].vcpus);
        free(p->guests);
        *p = (struct sv_tune_processes){.owners = 0};
}
