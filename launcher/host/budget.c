/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/budget.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/xdg.h"

#define MIB      (1ull << 20)
#define FILE_MAX 4096

struct sv_budget_rules sv_budget_defaults(void)
{
        return (struct sv_budget_rules){.memory_percent = 100,
                                        .cpu_percent = 400,
                                        .shared_percent = 100,
                                        .reserve = 512 * MIB};
}

/* --- the host's file --- */

static char *find_budget_file(struct sv_err *err)
{
        const char *base = getenv("SECURE_VM_DIR");
        char *path;

        if (base && *base == '/')
                return sv_asprintf("%s/.host.json", base);
        if (geteuid() == 0)
                return sv_asprintf("/etc/secure-vm/host.json");
        path = sv_xdg_path("XDG_CONFIG_HOME", ".config", "secure-vm/host.json");
        if (!path)
                sv_fail(err, SV_SYSTEM, "host.budget.file",
                        "neither XDG_CONFIG_HOME nor HOME says where your settings are: set one");
        return path;
}

static const struct {
        const char *name;
        size_t at;
        unsigned min;
} percents[] = {
        {"memory_percent", offsetof(struct sv_budget_rules, memory_percent), 1},
        {"cpu_percent", offsetof(struct sv_budget_rules, cpu_percent), 1},
        {"shared_percent", offsetof(struct sv_budget_rules, shared_percent), 0},
};
#define N_PERCENTS (sizeof(percents) / sizeof(percents[0]))

static unsigned *find_percent(struct sv_budget_rules *r, size_t i)
{
        return (unsigned *)((char *)r + percents[i].at);
}

static int read_budget_members(const struct sv_json *j, struct sv_budget_rules *r,
                               struct sv_err *err)
{
        static const char *const names[] = {"memory_percent", "cpu_percent", "shared_percent",
                                            "reserve", NULL};
        int64_t value;

        if (sv_json_only(j, names, "host.budget.file", err) < 0)
                return -1;
        for (size_t i = 0; i < N_PERCENTS; i++) {
                if (!sv_json_get(j, percents[i].name))
                        continue;
                if (sv_json_need_int(j, percents[i].name, percents[i].min, SV_BUDGET_PERCENT_MAX,
                                     &value, "host.budget.file", err) < 0)
                        return -1;
                *find_percent(r, i) = (unsigned)value;
        }
        if (!sv_json_get(j, "reserve"))
                return 0;
        if (sv_json_need_int(j, "reserve", 0, INT64_MAX, &value, "host.budget.file", err) < 0)
                return -1;
        r->reserve = (uint64_t)value;
        return 0;
}

int sv_budget_read_rules(struct sv_budget_rules *out, struct sv_err *err)
{
        SV_STR path = find_budget_file(err);
        struct sv_budget_rules r = sv_budget_defaults();
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;

        if (!path)
                return -1;
        if (access(path, F_OK) < 0 && errno == ENOENT) {
                *out = r;
                return 0;
        }
        if (sv_file_read(path, FILE_MAX, &text, "host.budget.file", err) < 0 ||
            sv_json_parse(sv_buf_bytes(&text), "host.budget.file", &j, err) < 0 ||
            read_budget_members(j, &r, err) < 0)
                return sv_wrap(err, "%s", path);
        r.kept = true;
        *out = r;
        return 0;
}

int sv_budget_write_rules(const struct sv_budget_rules *r, struct sv_err *err)
{
        SV_STR path = find_budget_file(err);
        SV_STR folder = path ? sv_path_folder(path) : NULL;
        struct sv_budget_rules copy = *r;
        SV_JSON *j = sv_json_object();
        SV_BUF text = SV_BUF_NULL;

        if (!path)
                return -1;
        for (size_t i = 0; i < N_PERCENTS; i++)
                sv_json_set_int(j, percents[i].name, *find_percent(&copy, i));
        sv_json_set_int(j, "reserve", (int64_t)r->reserve);
        sv_json_pretty(j, &text);
        if (sv_mkdirs(folder, 0755, err) < 0)
                return -1;
        return sv_file_write(path, 0644, sv_buf_bytes(&text), err);
}

/* --- the sums --- */

int sv_budget_begin(const char *sysroot, const struct sv_budget_rules *rules, struct sv_budget *out,
                    struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/proc/meminfo", sysroot);
        SV_BUF text = SV_BUF_NULL;
        const char *line;
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);

        *out = (struct sv_budget){.rules = *rules, .cpus = cpus > 0 ? (unsigned)cpus : 1};
        if (sv_file_read(path, SV_PROC_SIZE_MAX, &text, "proc", err) < 0)
                return -1;
        line = strstr(sv_buf_str(&text), "MemTotal:");
        if (line)
                out->memory = strtoull(line + strlen("MemTotal:"), NULL, 10) << 10;
        return out->memory ? 0 : sv_fail(err, SV_SYSTEM, "proc", "%s does not say MemTotal", path);
}

uint64_t sv_budget_cost(const struct sv_budget_rules *rules, uint64_t memory, bool confidential)
{
        return memory + SV_BUDGET_OVERHEAD +
               (confidential ? memory / 100 * rules->shared_percent : 0);
}

void sv_budget_add(struct sv_budget *b, uint64_t memory, unsigned vcpus, bool confidential)
{
        uint64_t cost = sv_budget_cost(&b->rules, memory, confidential);

        if (confidential)
                b->confidential += cost;
        else
                b->ordinary += cost;
        b->vcpus += vcpus;
}

uint64_t sv_budget_room(const struct sv_budget *b)
{
        return b->memory > b->rules.reserve ? b->memory - b->rules.reserve : 0;
}

uint64_t sv_budget_taken(const struct sv_budget *b)
{
        uint64_t percent = b->rules.memory_percent;

        return b->confidential + b->ordinary / percent * 100 +
               b->ordinary % percent * 100 / percent;
}

int sv_budget_check(const struct sv_budget *b, struct sv_err *err)
{
        char taken[32], room[32];

        if (sv_budget_taken(b) > sv_budget_room(b))
                return sv_fail(err, SV_SYSTEM, "host.budget.memory",
                               "with it the guests could come to take %s, and this host has %s for "
                               "them: end another, give it less \"memory\"; \"secure-vm host "
                               "budget\" has the sums",
                               sv_format_size(sv_budget_taken(b), taken),
                               sv_format_size(sv_budget_room(b), room));
        if ((uint64_t)b->vcpus * 100 > (uint64_t)b->cpus * b->rules.cpu_percent)
                return sv_fail(err, SV_SYSTEM, "host.budget.cpu",
                               "with it the guests have %u vCPUs, and this host's %u CPUs may "
                               "carry %llu (%u %%): end another, give it fewer \"vcpus\"",
                               b->vcpus, b->cpus,
                               (unsigned long long)b->cpus * b->rules.cpu_percent / 100,
                               b->rules.cpu_percent);
        return 0;
}
