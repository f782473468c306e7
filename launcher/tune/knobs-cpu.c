/* SPDX-License-Identifier: Apache-2.0 */
/* Processors: how fast, how deep they sleep, and what interrupts them. */
#include <stdio.h>

#include "base/core/file.h"
#include "launcher/tune/knob.h"
#include "launcher/tune/sys-file.h"

#define CPUS     "/sys/devices/system/cpu"
#define POLICIES CPUS "/cpufreq"

/* Rule of the density profile: as the driver has it. */
static const char *choose_governor(const struct sv_tune_plan *p, const char *policy,
                                   const char *wanted)
{
        SV_STR driver = sv_asprintf("%s/scaling_driver", policy);
        SV_BUF name = SV_BUF_NULL;

        if (p->ask.profile != SV_TUNE_DENSITY)
                return wanted;
        if (sv_kernel_file_read(p->ask.root, driver, SV_KERNEL_TEXT, &name, NULL) > 0 &&
            (!strcmp(sv_buf_str(&name), "intel_pstate") ||
             !strcmp(sv_buf_str(&name), "amd-pstate-epp")))
                return "powersave";
        return "schedutil";
}

static int want_offered(struct sv_tune_plan *p, const struct sv_knob *k, const char *path,
                        const char *list, const char *wanted, struct sv_err *err)
{
        SV_BUF offered = SV_BUF_NULL;

        if (!sv_sys_has(p->ask.root, path))
                return 0;
        if (sv_kernel_file_offers(p->ask.root, list, wanted, &offered))
                return sv_tune_want(p, k, path, wanted, NULL, err);
        return sv_tune_leave(p, k, path,
                             sv_asprintf("there is no %s here, only %s", wanted,
                                         offered.n ? sv_buf_str(&offered) : "what is set"),
                             err);
}

static int find_governors(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, POLICIES);

        for (size_t i = 0; names && names[i]; i++) {
                SV_STR policy = sv_asprintf(POLICIES "/%s", names[i]);
                SV_STR path = sv_asprintf("%s/scaling_governor", policy);
                SV_STR list = sv_asprintf("%s/scaling_available_governors", policy);

                if (want_offered(p, k, path, list,
                                 choose_governor(p, policy, sv_tune_wish(p, k)->value), err) < 0)
                        return -1;
        }
        return 0;
}

static int find_energy_preferences(struct sv_tune_plan *p, const struct sv_knob *k,
                                   struct sv_err *err)
{
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, POLICIES);

        for (size_t i = 0; names && names[i]; i++) {
                SV_STR path = sv_asprintf(POLICIES "/%s/energy_performance_preference", names[i]);
                SV_STR list = sv_asprintf(POLICIES "/%s/energy_performance_available_preferences",
                                          names[i]);

                if (want_offered(p, k, path, list, sv_tune_wish(p, k)->value, err) < 0)
                        return -1;
        }
        return 0;
}

/* Where no deeper state than halt is there, there is nothing to keep out of. */
static int find_idle_latencies(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        const char *wanted = sv_tune_wish(p, k)->value;
        const struct sv_bitset *online = &p->topology.online;

        if (!wanted)
                return 0;
        for (unsigned c = sv_bitset_next(online, 0); c < SV_CPUS_MAX;
             c = sv_bitset_next(online, c + 1)) {
                SV_STR deeper = sv_asprintf(CPUS "/cpu%u/cpuidle/state2/latency", c);
                SV_STR path = sv_asprintf(CPUS "/cpu%u/power/pm_qos_resume_latency_us", c);

                if (sv_sys_has(p->ask.root, deeper) &&
                    sv_tune_want(p, k, path, wanted, NULL, err) < 0)
                        return -1;
        }
        return 0;
}

const struct sv_knob sv_knobs_cpu[] = {
        {
                .name = "cpu.governor",
                .interface = POLICIES "/policy*/scaling_governor",
                .what = "who decides how fast a processor runs",
                .wish = {{"performance", "a guest that wakes up finds its processor at full speed "
                                         "instead of waiting until it has sped up"},
                         {"performance", "the load of guests comes in bursts that a governor sees "
                                         "too late"},
                         {"powersave where the driver chooses by itself (intel_pstate, "
                          "amd-pstate-epp), else schedutil",
                          "processors that run slower when less is to be done leave power and heat "
                          "to those that are busy"}},
                .gain = "no wait for a higher frequency, which takes some 10 ms of load to be "
                        "chosen by sampling governors",
                .source = "tuned, profiles throughput-performance and latency-performance; Linux "
                          "Documentation/admin-guide/pm/cpufreq.rst",
                .hurts = "on a machine at its limit of power or heat: idle processors at full "
                         "speed take turbo from busy ones",
                .risk = "more power; nothing stops",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED | SV_OWNER_POWER,
                .find = find_governors,
        },
        {
                .name = "cpu.energy_preference",
                .interface = POLICIES "/policy*/energy_performance_preference",
                .what = "what a processor that chooses its speed itself prefers: speed or energy",
                .wish = {{"performance", "the processor itself is not to save at a guest's cost"},
                         {"performance", "the processor itself is not to save at a guest's cost"},
                         {"balance_performance",
                          "speed under load, and savings when there is none"}},
                .gain = "the hardware's own choice of frequency follows the load faster",
                .source = "tuned, profile throughput-performance; Linux "
                          "Documentation/admin-guide/pm/intel_pstate.rst, \"Energy vs Performance "
                          "Hints\"",
                .hurts = "as cpu.governor",
                .risk = "more power; nothing stops",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED | SV_OWNER_POWER,
                .find = find_energy_preferences,
        },
        {
                .name = "cpu.idle_latency",
                .interface = CPUS "/cpu*/power/pm_qos_resume_latency_us",
                .what = "how many microseconds a processor may need to wake up: deeper sleep than "
                        "that is not chosen",
                .wish = {{"3", "only the first states of sleep (C1), from which a processor wakes "
                               "in a microsecond or two"},
                         {"70", "deep sleep (C6 and the like) takes longer to leave than a packet "
                                "or a block takes to serve"},
                         {NULL, "sleep is what a full machine saves power by"}},
                .gain = "each interrupt to an idle processor comes 50 to 400 us sooner: the "
                        "latency that the deepest state states in cpuidle/state*/latency",
                .source = "tuned, profiles latency-performance (force_latency 1|3) and "
                          "virtual-host (3|70); Linux Documentation/admin-guide/pm/cpuidle.rst",
                .hurts = "where one thread's top speed counts: processors that do not sleep leave "
                         "no room for another's turbo; power when idle may double",
                .risk = "heat; nothing stops",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = find_idle_latencies,
        },
        {
                .name = "cpu.halt_poll",
                .interface = "/sys/module/kvm/parameters/halt_poll_ns",
                .what = "for how many nanoseconds at most KVM waits in a loop for a halted virtual "
                        "CPU before it gives the processor away",
                .wish = {{"200000", "a guest that is woken within the time goes on at once, "
                                    "without a switch of the processor"},
                         {"200000", "a guest that is woken within the time goes on at once, "
                                    "without a switch of the processor"},
                         {"0", "a processor that others wait for is not to be kept by a guest that "
                               "does nothing"}},
                .gain = "saves the scheduler's part of a wake-up for guests that wait often and "
                        "briefly (messages, databases); 0 gives idle guests' time back",
                .source = "Linux Documentation/virt/kvm/halt-polling.rst",
                .hurts = "on, where guests are many and mostly idle: their processors seem busy; "
                         "off, where guests pass messages to each other",
                .risk = "none; some kernels before 6.2 let it count only for guests that start "
                        "after it",
                .form = SV_KERNEL_TEXT,
                .find = sv_knob_find_file,
        },
        {
                .name = "cpu.nmi_watchdog",
                .interface = "/proc/sys/kernel/nmi_watchdog",
                .what = "an interrupt on each processor, now and then, that finds one that hangs",
                .wish = {{"0", "it takes a performance counter, and interrupts guests"},
                         {NULL, "its cost is below what is measured in throughput"},
                         {NULL, "as for throughput"}},
                .gain = "a counter of each processor is free for guests (virtual PMU), and some "
                        "interrupts fewer",
                .source = "tuned, profile network-latency; Linux "
                          "Documentation/admin-guide/lockup-watchdogs.rst",
                .hurts = "when a kernel hangs: nothing says so",
                .risk = "a processor that hangs is not reported while it is off",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = sv_knob_find_file,
        },
        {
                .name = "cpu.timer_migration",
                .interface = "/proc/sys/kernel/timer_migration",
                .what = "may a timer of an idle processor run on a busy one?",
                .wish = {{"0", "a guest's processor is not interrupted by timers of others"},
                         {NULL, "moved timers let idle processors sleep on"},
                         {NULL, "as for throughput"}},
                .gain = "fewer interruptions of pinned virtual CPUs",
                .source = "tuned, profile network-latency",
                .hurts = "power: idle processors wake for their own timers",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = sv_knob_find_file,
        },
        {0},
};
