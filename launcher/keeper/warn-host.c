/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/warn-host.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/tune/bitset.h"
#include "tee/host.h"
#include "tee/warn.h"

#define MIB (1ull << 20)

static bool read_host_file(const char *sysroot, const char *path, struct sv_buf *text)
{
        SV_STR full = sv_asprintf("%s%s", sysroot, path);

        return sv_file_read(full, MIB, text, "proc", NULL) == 0;
}

/* The number behind a word at the beginning of a line. */
static bool read_host_number(const char *sysroot, const char *path, const char *word,
                             unsigned long long *out)
{
        SV_STR line_start = sv_asprintf("\n%s", word);
        SV_BUF text = SV_BUF_NULL;
        const char *line;
        char *end;

        sv_buf_puts(&text, "\n");
        if (!read_host_file(sysroot, path, &text) ||
            !(line = strstr(sv_buf_str(&text), line_start)))
                return false;
        line += strlen(line_start);
        line += strspn(line, ": \t");
        *out = strtoull(line, &end, 10);
        return end != line;
}

/* Private pages come from guest_memfd. What the guest shares, or shared before it made it private,
 * lies in another file beside it, and stays there. */
static void warn_of_memory(const char *sysroot, const struct sv_launch *l, struct sv_json *list)
{
        const struct sv_guest *g = l->guest;
        unsigned long long kib, free_mib, need = g->memory / MIB;

        if (!read_host_number(sysroot, "/proc/meminfo", "MemAvailable", &kib))
                return;
        free_mib = kib / 1024;
        if (need > free_mib)
                sv_warning_add(list, g, "/memory", "warning.memory.host",
                               "the guest may use %llu MiB, and this host has %llu MiB left; it "
                               "will be slow, or be ended, when it does: give it less, or end "
                               "another",
                               need, free_mib);
        else if (l->tee->id->confidential && 2 * need > free_mib)
                sv_warning_add(list, g, "/memory", "warning.memory.twice",
                               "this host keeps a confidential guest's private and its shared "
                               "memory in two places, up to 2 x %llu MiB, and has %llu MiB left; "
                               "leave room for it",
                               need, free_mib);
}

static void warn_of_keys(const char *sysroot, const struct sv_launch *l, struct sv_json *list)
{
        unsigned long long all, taken;

        if (!l->tee->keys ||
            !read_host_number(sysroot, "/sys/fs/cgroup/misc.capacity", l->tee->keys, &all) ||
            !read_host_number(sysroot, "/sys/fs/cgroup/misc.current", l->tee->keys, &taken) ||
            taken < all)
                return;
        sv_warning_add(list, l->guest, "/tee", "warning.keys",
                       "each %s guest takes a memory key of the processor's, and all %llu are "
                       "taken; the launch will fail until one ends, or until the machine's setup "
                       "leaves more keys to them",
                       l->tee->id->name, all);
}

static void warn_of_processors(const char *sysroot, const struct sv_launch *l, struct sv_json *list)
{
        struct sv_bitset cpus = {0};
        SV_BUF text = SV_BUF_NULL;
        unsigned present;

        if (!l->tee->vcpus_are_processors ||
            !read_host_file(sysroot, "/sys/devices/system/cpu/present", &text) ||
            sv_bitset_parse(sv_buf_str(&text), SV_CPUS_MAX, &cpus, "present", "proc", NULL) < 0)
                return;
        present = sv_bitset_count(&cpus);
        if (present && l->guest->vcpus > present)
                sv_warning_add(list, l->guest, "/vcpus", "warning.vcpus",
                               "KVM gives a %s guest at most as many vCPUs as the machine has "
                               "processors, %u here, and the guest file says %u: the launch will "
                               "fail",
                               l->tee->id->name, present, l->guest->vcpus);
}

void sv_warn_host(const char *sysroot, const struct sv_launch *l, struct sv_json *list)
{
        warn_of_memory(sysroot, l, list);
        warn_of_keys(sysroot, l, list);
        warn_of_processors(sysroot, l, list);
}
