/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/resize-online.h"

#include <string.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/cli/budget-guests.h"
#include "launcher/keeper/claim.h"
#include "launcher/keeper/life.h"
#include "launcher/tune/growth.h"
#include "launcher/virt/virt-dac.h"

/* --- the way --- */

/* Of a guest that cannot grow, what it has is what it boots with. */
static bool can_be_had(const struct sv_json *status, const char *text, enum sv_resize_kind kind)
{
        const char *most = kind == SV_RESIZE_VCPUS ? "vcpus_max" : "memory_max";
        struct sv_resize r = {0};
        struct sv_err ignored;

        return !text ||
               (sv_json_get(status, most) && sv_resize_add(&r, kind, text, &ignored) == 0 &&
                sv_resize_resolve(&r, status, &ignored) == 0);
}

/* Of one that is not there or off, what it boots with is all that can be changed. */
static bool is_possible(const struct sv_args *args, const struct sv_json *status)
{
        const char *state = sv_json_text(status, "state", "");

        return (sv_life_runs(state) || sv_life_is_paused(sv_life_from_word(state))) &&
               can_be_had(status, sv_opt(args, "vcpus"), SV_RESIZE_VCPUS) &&
               can_be_had(status, sv_opt(args, "memory"), SV_RESIZE_MEMORY);
}

static int refuse_confidential(const char *name, const char *tee, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "resize.confidential",
                       "guest %s runs under %s: its vCPUs and memory are part of what was measured "
                       "or accepted at its launch, and nothing is plugged in while it runs. "
                       "Without --online they change by one restart, the policy first",
                       name, tee);
}

int sv_resize_choose_way(const struct sv_args *args, bool *online, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0], *tee;
        bool sizes = sv_has(args, "vcpus") || sv_has(args, "memory"), must = sv_has(args, "online"),
             cold = sv_has(args, "cold") || sv_has(args, "dry-run");
        SV_JSON *status = NULL;
        struct sv_err why = SV_ERR_NULL;

        *online = true;
        if (!sizes && (must || cold))
                return sv_fail(err, SV_USAGE, "resize.way",
                               "--online, --cold and --dry-run go with --vcpus and --memory");
        if (must && cold)
                return sv_fail(err, SV_USAGE, "resize.way",
                               "either --online was expected or --cold (--dry-run), found both");
        if (!sizes)
                return 0;
        if (!cold && sv_keeper_choose(uri)->show(uri, name, &status, &why) < 0 && must) {
                *err = why;
                return -1;
        }
        tee = sv_json_text(status, "tee", "-");
        if (must && sv_budget_is_confidential(tee))
                return refuse_confidential(name, tee, err);
        *online = must || (!cold && status && is_possible(args, status));
        return 0;
}

/* --- the host's budget --- */

static bool makes_larger(const struct sv_resize *r, const struct sv_json *before,
                         struct sv_budget_guest *to)
{
        const struct sv_resize_step *cpus = sv_resize_find(r, SV_RESIZE_VCPUS),
                                    *more = sv_resize_find(r, SV_RESIZE_MEMORY);
        uint64_t memory = sv_budget_read_memory(before);
        unsigned vcpus = sv_budget_read_vcpus(before);

        *to = (struct sv_budget_guest){more ? more->value : memory,
                                       cpus ? (unsigned)cpus->value : vcpus,
                                       sv_budget_is_confidential(sv_json_text(before, "tee", "-"))};
        return to->memory > memory || to->vcpus > vcpus;
}

static bool asks_for_size(const struct sv_resize *r)
{
        return sv_resize_find(r, SV_RESIZE_VCPUS) || sv_resize_find(r, SV_RESIZE_MEMORY);
}

/* With the lock: what the guest has is not what it had before another command. */
static int check_growth_fits(const char *uri, const char *name, const struct sv_resize *r,
                             struct sv_err *err)
{
        struct sv_budget_guest to;
        const char *advice = NULL;
        SV_JSON *before = NULL;
        struct sv_err why = SV_ERR_NULL;

        if (sv_keeper_choose(uri)->show(uri, name, &before, err) < 0)
                return -1;
        if (!makes_larger(r, before, &to))
                return 0;
        if (sv_tune_check_growth("", before, to.memory, err) < 0)
                return -1;
        if (sv_budget_check_guest(uri, name, &to, &advice, &why) < 0) {
                *err = why;
                return -1;
        }
        if (advice)
                sv_warn("%s [warning.budget]", advice);
        return 0;
}

int sv_resize_within_budget(const char *uri, const char *name, const struct sv_resize *r,
                            struct sv_err *err)
{
        SV_FD lock = -1;

        if (asks_for_size(r) && sv_uri_is_here(uri)) {
                lock = sv_claims_lock(name, SV_CLAIM_WAIT_MS, err);
                if (lock < 0 || check_growth_fits(uri, name, r, err) < 0)
                        return -1;
        }
        return sv_keeper_choose(uri)->resize(uri, name, r, err);
}

/* --- what became of it --- */

static void put_size_member(const struct sv_json *status, const char *name, struct sv_json *out)
{
        if (sv_json_get(status, name))
                sv_json_set(out, name, sv_json_ref(sv_json_get(status, name)));
}

/* Under a daemon a guest's own reboot stays in the same QEMU, whose firmware measures the vCPUs
 * that are there. */
static void warn_of_reboot(const struct sv_json *status)
{
        if (sv_json_get(status, "connect") && sv_json_get(status, "attestation") &&
            sv_budget_read_vcpus(status) > sv_json_int(sv_json_get(status, "vcpus"), 0))
                sv_warn("a reboot that this guest makes itself keeps these vCPUs, which its "
                        "policy does not know (policy.pcr.0): \"secure-vm reboot --connect\" "
                        "starts it anew with those that were measured");
}

void sv_resize_report_sizes(const struct sv_resize *r, const struct sv_json *status,
                            struct sv_json *result)
{
        static const char cpus[] = "inside the guest, where no rule of udev's does it: \"echo 1 > "
                                   "/sys/devices/system/cpu/cpuN/online\" takes a vCPU that came";
        static const char memory[] =
                "the guest takes memory in its own time, \"secure-vm show\" has how much; inside "
                "it \"echo online_movable > /sys/devices/system/memory/auto_online_blocks\" (or "
                "memhp_default_state=online_movable on its command line) lets it";
        bool with_cpus = sv_resize_find(r, SV_RESIZE_VCPUS),
             with_memory = sv_resize_find(r, SV_RESIZE_MEMORY);
        struct sv_json *j;

        if (!with_cpus && !with_memory)
                return;
        j = sv_json_set(result, "size", sv_json_object());
        for (size_t i = 0; i < 6; i++)
                put_size_member(status,
                                (const char *const[]){"vcpus", "vcpus_now", "vcpus_max", "memory",
                                                      "memory_now", "memory_wanted"}[i],
                                j);
        sv_json_set_str(j, "inside", with_memory ? memory : cpus);
        if (with_cpus)
                sv_info("%s", cpus);
        warn_of_reboot(status);
        if (with_memory)
                sv_info("%s", memory);
}
