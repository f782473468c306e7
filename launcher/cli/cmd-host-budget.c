/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm host budget: what this host has for guests, and what those that run take of it. */
#include <stdio.h>

#include "base/core/text.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/budget-guests.h"

static const struct sv_opt budget_opts[] = {
        {"memory-percent", "N",
         "keep: ordinary guests may have so much of the host's memory in all (100)", 0, false},
        {"cpu-percent", "N", "keep: guests may have so many vCPUs for 100 CPUs (400)", 0, false},
        {"shared-percent", "N",
         "keep: a confidential guest may share so much of its memory besides (100)", 0, false},
        {"reserve", "SIZE", "keep: so much memory stays the host's own (512MiB)", 0, false},
        {"connect", "URI", "with the guests of this libvirt of this machine", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

static int take_percent(const struct sv_args *args, const char *option, unsigned min, unsigned *out,
                        bool *given, struct sv_err *err)
{
        const char *text = sv_opt(args, option);
        uint64_t value;

        if (!text)
                return 0;
        *given = true;
        if (sv_parse_u64(text, SV_BUDGET_PERCENT_MAX, &value, "host.budget.value", err) < 0 ||
            value < min)
                return sv_fail(err, SV_USAGE, "host.budget.value",
                               "--%s takes a percentage from %u to %d, found \"%.32s\"", option,
                               min, SV_BUDGET_PERCENT_MAX, text);
        *out = (unsigned)value;
        return 0;
}

/* What is given is kept: from then on a launch that does not fit is refused. */
static int keep_given_rules(const struct sv_args *args, struct sv_budget_rules *r,
                            struct sv_err *err)
{
        const char *reserve = sv_opt(args, "reserve");
        bool given = reserve;

        if (sv_budget_read_rules(r, err) < 0 ||
            take_percent(args, "memory-percent", 1, &r->memory_percent, &given, err) < 0 ||
            take_percent(args, "cpu-percent", 1, &r->cpu_percent, &given, err) < 0 ||
            take_percent(args, "shared-percent", 0, &r->shared_percent, &given, err) < 0)
                return -1;
        if (reserve && sv_parse_size(reserve, &r->reserve, "host.budget.value", err) < 0)
                return sv_wrap(err, "--reserve takes a size, as 2GiB");
        if (!given)
                return 0;
        r->kept = true;
        return sv_budget_write_rules(r, err);
}

static void put_budget(const struct sv_budget *b, struct sv_json *result)
{
        struct sv_json *memory = sv_json_set(result, "memory", sv_json_object()),
                       *cpus = sv_json_set(result, "cpus", sv_json_object());

        sv_json_set_bool(result, "enforced", b->rules.kept);
        sv_json_set_int(memory, "total", (int64_t)b->memory);
        sv_json_set_int(memory, "reserve", (int64_t)b->rules.reserve);
        sv_json_set_int(memory, "room", (int64_t)sv_budget_room(b));
        sv_json_set_int(memory, "confidential", (int64_t)b->confidential);
        sv_json_set_int(memory, "ordinary", (int64_t)b->ordinary);
        sv_json_set_int(memory, "could_come", (int64_t)b->could_come);
        sv_json_set_int(memory, "taken", (int64_t)sv_budget_taken(b));
        sv_json_set_int(memory, "percent", b->rules.memory_percent);
        sv_json_set_int(memory, "shared_percent", b->rules.shared_percent);
        sv_json_set_int(cpus, "total", b->cpus);
        sv_json_set_int(cpus, "vcpus", b->vcpus);
        sv_json_set_int(cpus, "percent", b->rules.cpu_percent);
}

static void print_budget(const struct sv_budget *b, const struct sv_json *rows)
{
        char a[32], c[32], d[32];

        printf("memory     %s, of which %s are for guests and %s taken\n",
               sv_format_size(b->memory, a), sv_format_size(sv_budget_room(b), c),
               sv_format_size(sv_budget_taken(b), d));
        printf("           %s for confidential guests, at their true cost (shared part %u %%)\n",
               sv_format_size(b->confidential, a), b->rules.shared_percent);
        printf("           %s promised to ordinary ones (up to %u %%)\n",
               sv_format_size(b->ordinary, a), b->rules.memory_percent);
        if (b->could_come)
                printf("           %s more could be asked for while they run (\"memory_max\"): "
                       "what does not fit is refused then\n",
                       sv_format_size(b->could_come, a));
        printf("CPUs       %u, with %u vCPUs (up to %u %%)\n", b->cpus, b->vcpus,
               b->rules.cpu_percent);
        printf("a launch   that does not fit is %s\n",
               b->rules.kept ? "refused" : "warned of; an option of this command makes it refused");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *r = sv_json_at(rows, i);

                printf("%-20s %-8s %10s %3lld vCPUs\n", sv_json_text(r, "name", ""),
                       sv_json_text(r, "tee", ""),
                       sv_format_size((uint64_t)sv_json_int(sv_json_get(r, "cost"), 0), a),
                       (long long)sv_json_int(sv_json_get(r, "vcpus"), 0));
        }
}

static int run_host_budget(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_budget_rules rules;
        struct sv_budget b;
        struct sv_json *rows;

        *result = sv_json_object();
        rows = sv_json_array();
        sv_json_set(*result, "guests", rows);
        if (keep_given_rules(args, &rules, err) < 0 || sv_budget_begin("", &rules, &b, err) < 0 ||
            sv_budget_add_guests(&b, sv_opt(args, "connect"), NULL, rows, err) < 0)
                return -1;
        put_budget(&b, *result);
        if (!sv_has(args, "json"))
                print_budget(&b, rows);
        return 0;
}

const struct sv_cmd sv_cmd_host_budget = {
        .name = "host budget",
        .args = "",
        .help = "memory and CPUs that guests may have here, and what those that run take of it",
        .opts = budget_opts,
        .run = run_host_budget,
};
