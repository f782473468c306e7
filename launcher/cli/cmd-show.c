/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm show: one guest, all that is known of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/core/text.h"
#include "base/program/page.h"
#include "base/program/terminal.h"
#include "launcher/cli/budget-guests.h"
#include "launcher/cli/check-tuning.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/describe.h"
#include "launcher/cli/pages.h"
#include "launcher/cli/timeline.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/status.h"

#define NAME_COLUMNS 13 /* what stands before each value */
#define STEP_COLUMNS 33 /* and before each bar */
#define BAR_COLUMNS  40 /* where no terminal says how many there are */

__attribute__((format(printf, 2, 3))) static void print_value(const char *name, const char *fmt,
                                                              ...)
{
        SV_BUF wrapped = SV_BUF_NULL;
        char text[4096];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        sv_wrap_text(&wrapped, text, NAME_COLUMNS, NAME_COLUMNS, sv_terminal_width(STDOUT_FILENO));
        printf("%-*s%s\n", NAME_COLUMNS, name, sv_buf_str(&wrapped));
}

static void print_state(const struct sv_json *guest)
{
        int64_t started = sv_json_int(sv_json_get(guest, "started"), 0);
        const char *state = sv_json_text(guest, "state", "-");
        bool runs = sv_life_runs(state) || sv_life_is_paused(sv_life_from_word(state));
        char text[48];

        sv_format_duration(time(NULL) - started, text);
        if (runs && started)
                print_value("state", "%s, started %s ago", state, text);
        else
                print_value("state", "%s", state);
}

static const char *format_member(const struct sv_json *j, const char *name, char out[32])
{
        return sv_format_size((uint64_t)sv_json_int(sv_json_get(j, name), 0), out);
}

static void print_more_memory(const struct sv_json *guest)
{
        const struct sv_json *use = sv_json_get(guest, "memory_use");
        char now[32], wanted[32], most[32];

        if (sv_json_get(guest, "memory_now"))
                print_value("", "%s of it now, %s asked for, up to %s",
                            format_member(guest, "memory_now", now),
                            format_member(guest, "memory_wanted", wanted),
                            format_member(guest, "memory_max", most));
        else if (sv_json_get(guest, "memory_max"))
                print_value("", "up to %s while it runs", format_member(guest, "memory_max", most));
        if (!use)
                return;
        print_value("", "%s available in the guest of %s, %s free, as its balloon says",
                    format_member(use, "available", now), format_member(use, "total", wanted),
                    format_member(use, "free", most));
        print_value("", "%s swapped in, %s out, %lld pages read from disk",
                    format_member(use, "swapped_in", now),
                    format_member(use, "swapped_out", wanted),
                    (long long)sv_json_int(sv_json_get(use, "major_faults"), 0));
}

static void print_vcpus(const struct sv_json *guest)
{
        int64_t boot = sv_json_int(sv_json_get(guest, "vcpus"), 0),
                now = sv_json_int(sv_json_get(guest, "vcpus_now"), boot),
                most = sv_json_int(sv_json_get(guest, "vcpus_max"), boot);

        if (most > boot)
                print_value("CPUs", "%lld, boots with %lld, up to %lld", (long long)now,
                            (long long)boot, (long long)most);
        else
                print_value("CPUs", "%lld", (long long)boot);
}

static void print_size(const struct sv_json *guest)
{
        char memory[32];

        if (!sv_json_get(guest, "memory"))
                return;
        sv_format_size((uint64_t)sv_json_int(sv_json_get(guest, "memory"), 0), memory);
        print_value("memory", "%s", memory);
        print_more_memory(guest);
        if (sv_json_int(sv_json_get(guest, "memory_cost"), 0)) {
                sv_format_size((uint64_t)sv_json_int(sv_json_get(guest, "memory_cost"), 0), memory);
                print_value("", "%s of the host's now", memory);
        }
        if (sv_json_int(sv_json_get(guest, "memory_budget"), 0)) {
                sv_format_size((uint64_t)sv_json_int(sv_json_get(guest, "memory_budget"), 0),
                               memory);
                print_value("", "%s in the host's budget", memory);
        }
        print_vcpus(guest);
}

static void print_nic(const struct sv_json *nic)
{
        const struct sv_json *forwards = sv_json_get(nic, "forward");
        const char *source = sv_json_str(sv_json_get(nic, "source"));

        print_value("network", "%s%s%s, %s", sv_json_text(nic, "type", "-"), source ? " " : "",
                    source ? source : "", sv_json_text(nic, "mac", "-"));
        for (size_t i = 0; i < sv_json_len(forwards); i++) {
                const struct sv_json *f = sv_json_at(forwards, i);

                print_value("", "%s %s:%lld leads to its port %lld",
                            sv_json_text(f, "protocol", "-"), sv_json_text(f, "address", "-"),
                            (long long)sv_json_int(sv_json_get(f, "port"), 0),
                            (long long)sv_json_int(sv_json_get(f, "to"), 0));
        }
}

/* Of a namespace over fabrics: the kernel's names of today beside what lasts. */
static void print_fabric_paths(const struct sv_json *nvme)
{
        const struct sv_json *paths = sv_json_get(nvme, "paths");

        if (nvme)
                print_value("", "of %s", sv_json_text(nvme, "subsystem", "-"));
        for (size_t i = 0; i < sv_json_len(paths); i++) {
                const struct sv_json *p = sv_json_at(paths, i);

                print_value("", "by %s (%s): %s", sv_json_text(p, "address", "-"),
                            sv_json_text(p, "controller", "-"), sv_json_text(p, "state", "-"));
        }
}

static void print_devices(const struct sv_json *guest)
{
        const struct sv_json *disks = sv_json_get(guest, "disks"),
                             *nics = sv_json_get(guest, "nics");

        for (size_t i = 0; i < sv_json_len(disks); i++) {
                const struct sv_json *d = sv_json_at(disks, i);

                print_value("disk", "%s: %s, %s", sv_json_text(d, "id", "-"),
                            sv_json_text(d, "path", "-"), sv_describe_protection(d));
                print_fabric_paths(sv_json_get(d, "nvme"));
        }
        for (size_t i = 0; i < sv_json_len(nics); i++)
                print_nic(sv_json_at(nics, i));
        if (sv_describe_address(guest))
                print_value("address", "%s, as the guest says", sv_describe_address(guest));
}

static void print_limits(const struct sv_json *limits)
{
        SV_BUF text = SV_BUF_NULL;

        sv_describe_limits(limits, &text);
        if (text.n)
                print_value("limits", "%s", sv_buf_str(&text));
}

static void print_broker(const struct sv_json *guest)
{
        const struct sv_json *a = sv_json_get(guest, "attestation");

        if (!a)
                return;
        print_value("broker", "%s", sv_json_text(a, "url", "-"));
        for (size_t i = 0; i < sv_json_len(sv_json_get(a, "fallbacks")); i++) {
                const struct sv_json *b = sv_json_at(sv_json_get(a, "fallbacks"), i);
                const char *owner = sv_json_str(sv_json_get(b, "owner"));

                print_value("", "then %s%s%s", sv_json_text(b, "url", "-"), owner ? ", of " : "",
                            owner ? owner : "");
        }
        print_value("resource", "%s", sv_json_text(a, "resource", "-"));
}

static void print_boot(const struct sv_json *boot)
{
        static const char *const parts[] = {"firmware", "kernel", "uki", "initrd", "shim"};

        for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
                const struct sv_json *part = sv_json_get(boot, parts[i]);

                if (!part)
                        continue;
                print_value(parts[i], "%s", sv_json_text(part, "path", "-"));
                print_value("", "sha256 %s", sv_json_text(part, "sha256", "-"));
        }
}

static void print_timeline(const struct sv_json *steps)
{
        size_t width = sv_terminal_width(STDOUT_FILENO),
               bars = width > STEP_COLUMNS + 4 ? width - STEP_COLUMNS : BAR_COLUMNS;
        SV_BUF text = SV_BUF_NULL;

        sv_timeline_put(steps, bars, &text);
        if (text.n)
                printf("\n%s", sv_buf_str(&text));
}

static void print_guest_members(const struct sv_json *guest, const char *const *members)
{
        for (; *members; members++)
                if (sv_json_str(sv_json_get(guest, *members)))
                        print_value(*members, "%s", sv_json_text(guest, *members, "-"));
}

static void print_shown(const struct sv_json *guest)
{
        const struct sv_json *error = sv_json_get(guest, "error");

        print_guest_members(guest, (const char *const[]){"name", "uuid", NULL});
        print_state(guest);
        print_guest_members(guest, (const char *const[]){"since", "tee", "accelerator", "host",
                                                         "connect", NULL});
        print_size(guest);
        print_limits(sv_json_get(guest, "limits"));
        print_devices(guest);
        print_broker(guest);
        print_guest_members(guest, (const char *const[]){"guest_file", "folder", NULL});
        print_boot(sv_json_get(guest, "boot"));
        print_guest_members(guest, (const char *const[]){"grounds", NULL});
        if (error)
                print_value("error", "%s [%s]", sv_json_text(error, "message", "-"),
                            sv_json_text(error, "check", "-"));
        print_timeline(sv_json_get(guest, "steps"));
}

static int write_guest_page(const char *path, const struct sv_json *status, struct sv_err *err)
{
        SV_BUF page = SV_BUF_NULL;

        sv_page_of_guest(status, &page);
        return sv_page_write(path, 0666, &page, err);
}

/* Of a guest that was never started: what it will have. */
static int show_defined(const char *name, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST g = {0};

        if (sv_defined_read(name, &g, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_status_put_guest(*result, &g);
        sv_json_set_str(*result, "state", "defined");
        sv_json_set_str(*result, "tee", g.tee);
        return 0;
}

static int show_guest(const char *uri, const char *name, struct sv_json **result,
                      struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        if (sv_keeper_choose(uri)->show(uri, name, result, &why) == 0)
                return 0;
        if (!uri && !strcmp(why.check, "state.absent") && sv_defined_has(name))
                return show_defined(name, result, err);
        if (err)
                *err = why;
        return -1;
}

/* What it counts for in the host's budget. */
static void put_memory_budget(struct sv_json *status)
{
        uint64_t memory = sv_budget_read_memory(status);
        struct sv_budget_rules rules;

        if (memory && sv_budget_read_rules(&rules, NULL) == 0)
                sv_json_set_int(status, "memory_budget",
                                (int64_t)sv_budget_cost(&rules, memory,
                                                        sv_budget_is_confidential(
                                                                sv_json_text(status, "tee", "-"))));
}

static int run_show(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        if (show_guest(sv_opt(args, "connect"), args->pos[0], result, err) < 0)
                return -1;
        if (sv_has(args, "check"))
                return sv_check_tuning(*result, sv_opt(args, "connect"), !sv_has(args, "json"),
                                       err);
        put_memory_budget(*result);
        if (sv_opt(args, "html") && write_guest_page(sv_opt(args, "html"), *result, err) < 0)
                return -1;
        if (!sv_has(args, "json") && !sv_has(args, "html"))
                print_shown(*result);
        return 0;
}

static const struct sv_opt show_opts[] = {
        {"check", NULL,
         "read back from the kernel what of the guest file's \"tuning\" is in force, and name each "
         "difference",
         0, false},
        {"html", "FILE", "write it as a page by itself, to attach to a ticket", 0, false},
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_show = {
        .name = "show",
        .args = "NAME",
        .help = "one guest: what boots, what it has, what it reached, why it failed",
        .opts = show_opts,
        .run = run_show,
};
