/* SPDX-License-Identifier: Apache-2.0 */
/* Memory: pages' sizes, where they lie, and who looks for equal ones. */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/tune/knob.h"
#include "launcher/tune/sys-file.h"

#define MM          "/sys/kernel/mm"
#define HUGE_PAGE   (2u << 20)
#define HUGE_FOLDER "hugepages/hugepages-2048kB"

/* Off where a guest is pinned, whatever the profile: it would be moved back and forth for nothing.
 */
static int find_numa_balancing(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        const char *wanted = sv_tune_wish(p, k)->value;

        if (p->topology.n_nodes < 2)
                return 0;
        for (size_t i = 0; i < p->processes.n_guests; i++)
                if (p->processes.guests[i].pinned && strcmp(wanted, "0") != 0)
                        return sv_tune_want(p, k, k->interface, "0",
                                            sv_asprintf("guest %s is pinned: its memory is where "
                                                        "it belongs",
                                                        p->processes.guests[i].name),
                                            err);
        return sv_tune_want(p, k, k->interface, wanted, NULL, err);
}

/* --- huge pages are as many as asked for --- */

static int refuse_pages(const char *text, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "tune.hugepages",
                       "--hugepages takes NODE:SIZE, a node's number and a multiple of 2MiB as "
                       "0:16GiB, each node once; \"%s\" was given",
                       text);
}

static int parse_pages(const char *text, uint64_t *node, uint64_t *size, struct sv_err *err)
{
        const char *colon = strchr(text, ':');

        if (!colon || !sv_bytes_number(sv_bytes(text, (size_t)(colon - text)), SV_CPUS_MAX, node) ||
            sv_parse_size(colon + 1, size, "tune.hugepages", NULL) < 0 || *size % HUGE_PAGE)
                return refuse_pages(text, err);
        return 0;
}

/* A node that cannot give them would be swept empty before the kernel gives up. */
static int check_node_room(const struct sv_tune_plan *p, size_t node, uint64_t size,
                           const char *path, struct sv_err *err)
{
        const struct sv_topo_node *n = &p->topology.nodes[node];
        uint64_t have = (uint64_t)sv_kernel_file_number(p->ask.root, path, 0) * HUGE_PAGE;
        char want_text[32], room_text[32];

        if (size <= have + n->free)
                return 0;
        return sv_fail(err, SV_USAGE, "tune.hugepages",
                       "--hugepages: node %u has room for %s of huge pages, %s were asked for; ask "
                       "for less, or reserve them when the machine boots (hugepages=)",
                       n->id, sv_format_size(have + n->free, room_text),
                       sv_format_size(size, want_text));
}

static bool is_named_twice(const char *const *list, const char *const *at)
{
        size_t n = (size_t)(strchr(*at, ':') - *at) + 1;

        for (; list < at; list++)
                if (!strncmp(*list, *at, n))
                        return true;
        return false;
}

static int find_hugepages(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (const char *const *a = p->ask.hugepages; a && *a; a++) {
                SV_STR path = NULL;
                SV_STR pages = NULL;
                uint64_t id = 0, size = 0;
                int node;

                if (parse_pages(*a, &id, &size, err) < 0)
                        return -1;
                node = sv_topology_node(&p->topology, (unsigned)id);
                if (node < 0)
                        return sv_fail(err, SV_USAGE, "tune.node",
                                       "--hugepages %s: this host has no node %llu; \"secure-vm "
                                       "tune plan --html\" shows those that it has",
                                       *a, (unsigned long long)id);
                if (is_named_twice(p->ask.hugepages, a))
                        return refuse_pages(*a, err);
                path = sv_asprintf("/sys/devices/system/node/node%llu/" HUGE_FOLDER "/nr_hugepages",
                                   (unsigned long long)id);
                if (!sv_sys_has(p->ask.root, path))
                        return sv_fail(err, SV_USAGE, "tune.hugepages",
                                       "--hugepages: this kernel has no pages of 2MiB on node %llu",
                                       (unsigned long long)id);
                if (check_node_room(p, (size_t)node, size, path, err) < 0)
                        return -1;
                pages = sv_asprintf("%llu", (unsigned long long)(size / HUGE_PAGE));
                if (sv_tune_want(p, k, path, pages, NULL, err) < 0)
                        return -1;
        }
        return 0;
}

const struct sv_knob sv_knobs_memory[] = {
        {
                .name = "memory.thp",
                .interface = MM "/transparent_hugepage/enabled",
                .what = "who gets transparent huge pages",
                .wish = {{"madvise", "QEMU asks for them for a guest's memory; other programs do "
                                     "not grow by them"},
                         {"madvise", "QEMU asks for them for a guest's memory; other programs do "
                                     "not grow by them"},
                         {"madvise", "QEMU asks for them for a guest's memory; other programs do "
                                     "not grow by them"}},
                .gain = "a guest's memory in pages of 2 MiB needs a 512th of the entries in both "
                        "levels of page tables and in the TLB",
                .source = "Linux Documentation/admin-guide/mm/transhuge.rst; tuned, profile "
                          "virtual-host's base has always, network-latency never",
                .hurts = "where programs other than guests gain by \"always\" (large heaps)",
                .risk = "counts for memory that is touched from now on",
                .form = SV_KERNEL_CHOICE,
                .owners = SV_OWNER_TUNED,
                .find = sv_knob_find_file,
        },
        {
                .name = "memory.thp_defrag",
                .interface = MM "/transparent_hugepage/defrag",
                .what = "does a guest that touches new memory wait until a huge page was made?",
                .wish = {{"defer", "no guest waits for compaction; the kernel makes the pages in "
                                   "the background"},
                         {"madvise", "a guest's memory is worth the wait, once; nobody else waits"},
                         {"madvise",
                          "a guest's memory is worth the wait, once; nobody else waits"}},
                .gain = "defer: no stalls of milliseconds in a page fault when memory is "
                        "fragmented; madvise: huge pages at once",
                .source = "Linux Documentation/admin-guide/mm/transhuge.rst",
                .hurts = "defer, where guests run short and would have had huge pages from the "
                         "first touch",
                .risk = "none",
                .form = SV_KERNEL_CHOICE,
                .owners = SV_OWNER_TUNED,
                .find = sv_knob_find_file,
        },
        {
                .name = "memory.ksm",
                .interface = MM "/ksm/run",
                .what = "does the kernel look for equal pages of guests and keep one of them?",
                .wish = {{"0", "a page that was merged is copied when it is written: a guest waits "
                               "for it"},
                         {"0", "the search takes processor time and memory bandwidth"},
                         {"1", "guests of one image share what is equal"}},
                .gain = "on: memory of many like guests; off: one kernel thread's time, and no "
                        "copies at a guest's writes",
                .source = "Linux Documentation/admin-guide/mm/ksm.rst; tuned, profile "
                          "realtime-virtual-host",
                .hurts = "on, between guests that do not trust each other: how long a write takes "
                         "tells what another has in its memory. Sealed memory (SEV-SNP, TDX) is "
                         "never merged",
                .risk = "off (0) stops the search and leaves merged pages merged, so memory does "
                        "not run out",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_KSMTUNED,
                .find = sv_knob_find_file,
        },
        {
                .name = "memory.numa_balancing",
                .interface = "/proc/sys/kernel/numa_balancing",
                .what = "does the kernel unmap pages now and then to see which node uses them, and "
                        "move them?",
                .wish = {{"0", "a guest that is placed has its memory where it runs: each look "
                               "costs it page faults"},
                         {"1", "guests that run anywhere find their memory again; 0 as soon as one "
                               "is pinned"},
                         {"1", "guests that run anywhere find their memory again; 0 as soon as one "
                               "is pinned"}},
                .gain = "off: no faults for the search in pinned guests; on: local memory for "
                        "those that are not pinned, where access to another node takes 1.5 to 3 "
                        "times as long",
                .source = "tuned, profile network-latency; Linux "
                          "Documentation/admin-guide/sysctl/kernel.rst, numa_balancing",
                .hurts = "off, where guests are larger than a node and not placed",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED | SV_OWNER_NUMAD,
                .find = find_numa_balancing,
        },
        {
                .name = "memory.hugepages",
                .interface = "/sys/devices/system/node/node*/" HUGE_FOLDER "/nr_hugepages",
                .what = "how many pages of 2 MiB each node keeps for guests with \"hugepages\"",
                .wish = {{"as many as --hugepages NODE:SIZE asks for",
                          "only who knows the guests knows how many they need"},
                         {"as many as --hugepages NODE:SIZE asks for",
                          "only who knows the guests knows how many they need"},
                         {"as many as --hugepages NODE:SIZE asks for",
                          "only who knows the guests knows how many they need"}},
                .gain = "memory that is surely huge, on a node that is surely its own, and is "
                        "there before the guest starts",
                .source = "Linux Documentation/admin-guide/mm/hugetlbpage.rst",
                .hurts = "what is kept and not used is lost for all else; a guest's sealed memory "
                         "(SEV-SNP, TDX) does not lie in them",
                .risk = "the kernel moves memory to make room, which takes seconds; when it gets "
                        "fewer than asked for, all is taken back",
                .form = SV_KERNEL_TEXT,
                .find = find_hugepages,
        },
        {
                .name = "memory.swappiness",
                .interface = "/proc/sys/vm/swappiness",
                .what = "how readily memory of programs, guests among them, goes to swap instead "
                        "of cached files",
                .wish = {{"10", "a guest's page that comes back from a disk takes a thousand times "
                                "as long"},
                         {"10", "the same; cached files of the host are mostly disks that guests "
                                "cache themselves"},
                         {NULL, "idle guests' memory may go"}},
                .gain = "guests stay in memory where the host's cache can shrink",
                .source = "tuned, profiles throughput-performance and virtual-host",
                .hurts = "where the host's own file cache is what is needed",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = sv_knob_find_file,
        },
        {
                .name = "memory.stat_interval",
                .interface = "/proc/sys/vm/stat_interval",
                .what = "after how many seconds each processor adds up its counters of memory",
                .wish = {{"10", "a tenth of the interruptions of processors that only run a guest"},
                         {NULL, "not to be measured in throughput"},
                         {NULL, "as for throughput"}},
                .gain = "fewer interruptions of pinned virtual CPUs",
                .source = "tuned, profile network-latency",
                .hurts = "what reads /proc/vmstat sees older numbers",
                .risk = "none",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = sv_knob_find_file,
        },
        {0},
};
