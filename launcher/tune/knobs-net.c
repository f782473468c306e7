/* SPDX-License-Identifier: Apache-2.0 */
/* Network cards: which processors serve them. A card's own are those of its node; of these, what is
 * isolated from the scheduler or belongs to a pinned guest serves no card. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "launcher/tune/channels.h"
#include "launcher/tune/knob.h"

#define NET            "/sys/class/net"
/* Entries of the table of flows, and of all queues of a card together: the kernel's own advice for
 * a busy server (scaling.rst). */
#define FLOWS          32768
/* A queue for each fourth processor is enough: handing packets on costs an interrupt of its own. */
#define CPUS_PER_QUEUE 4

static void drop_pinned(const struct sv_tune_plan *p, struct sv_bitset *cpus)
{
        for (size_t g = 0; g < p->processes.n_guests; g++) {
                const struct sv_tune_guest *guest = &p->processes.guests[g];

                for (size_t i = 0; guest->pinned && i < guest->n; i++)
                        if (!sv_bitset_within(&p->topology.online, &guest->vcpus[i].cpus))
                                sv_bitset_drop(cpus, &guest->vcpus[i].cpus);
        }
}

/* Never none: rather a guest's processor than none. */
static struct sv_bitset find_serving_cpus(const struct sv_tune_plan *p,
                                          const struct sv_topo_device *card)
{
        struct sv_bitset local = card->node >= 0 ? p->topology.nodes[card->node].cpus
                                                 : p->topology.online,
                         free_ones;

        if (!sv_bitset_count(&local))
                local = p->topology.online;
        free_ones = local;
        sv_bitset_drop(&free_ones, &p->topology.isolated);
        drop_pinned(p, &free_ones);
        return sv_bitset_count(&free_ones) ? free_ones : local;
}

static unsigned count_queues(const struct sv_tune_plan *p, const char *card, const char *direction)
{
        SV_STR folder = sv_asprintf(NET "/%s/queues", card);
        SV_NAMES names = sv_kernel_folder_names(p->ask.root, folder);
        unsigned n = 0;

        for (size_t i = 0; names && names[i]; i++)
                n += !strncmp(names[i], direction, strlen(direction));
        return n;
}

/* --- how many queues --- */

#define QUEUES "network.queues"

/* More only: what fewer queues take away, others have settings for. */
static int find_queue_counts(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (size_t d = 0; sv_tune_wish(p, k)->value && d < p->topology.n_devices; d++) {
                const struct sv_topo_device *card = &p->topology.devices[d];
                SV_STR path = sv_asprintf(SV_CHANNELS "/%s/combined", card->name);
                SV_STR most = sv_asprintf(SV_CHANNELS "/%s/combined_max", card->name);
                struct sv_bitset serving;
                long long now, n;
                SV_STR wanted = NULL;

                if (card->kind != SV_TOPO_NIC)
                        continue;
                now = sv_kernel_file_number(p->ask.root, path, 0);
                n = sv_kernel_file_number(p->ask.root, most, 0);
                if (now < 1 || n < 2)
                        continue;
                serving = find_serving_cpus(p, card);
                if (n > sv_bitset_count(&serving))
                        n = sv_bitset_count(&serving);
                wanted = sv_asprintf("%lld", n > now ? n : now);
                if (sv_tune_want(p, k, path, wanted,
                                 sv_asprintf("%u processors serve %s", sv_bitset_count(&serving),
                                             card->name),
                                 err) < 0)
                        return -1;
        }
        return 0;
}

/* Its interrupts and queues are others after that: what is wanted of them is planned then. */
static bool gets_queues(const struct sv_tune_plan *p, const struct sv_topo_device *card)
{
        SV_STR path = sv_asprintf(SV_CHANNELS "/%s/combined", card->name);

        for (size_t i = 0; i < p->n; i++)
                if (p->settings[i].action == SV_TUNE_SET &&
                    !strcmp(p->settings[i].knob->name, QUEUES) &&
                    !strcmp(p->settings[i].path, path))
                        return true;
        return false;
}

/* --- interrupts --- */

/* One processor of each core in turn, then the siblings. */
static unsigned choose_interrupt_cpu(const struct sv_tune_plan *p, const struct sv_bitset *cpus,
                                     unsigned turn)
{
        struct sv_bitset cores = {{0}}, firsts = {{0}}, rest = *cpus;
        unsigned c;

        for (c = sv_bitset_next(cpus, 0); c < SV_CPUS_MAX; c = sv_bitset_next(cpus, c + 1)) {
                const struct sv_topo_cpu *cpu = sv_topology_cpu(&p->topology, c);

                if (cpu && !sv_bitset_has(&cores, cpu->core)) {
                        sv_bitset_add(&cores, cpu->core);
                        sv_bitset_add(&firsts, c);
                }
        }
        sv_bitset_drop(&rest, &firsts);
        turn %= sv_bitset_count(cpus);
        if (turn >= sv_bitset_count(&firsts)) {
                turn -= sv_bitset_count(&firsts);
                firsts = rest;
        }
        for (c = sv_bitset_next(&firsts, 0); turn--; c = sv_bitset_next(&firsts, c + 1))
                ;
        return c;
}

/* A kernel since 6.11 says by the file's mode that it places the interrupt itself. */
static bool is_managed(const struct sv_tune_plan *p, const char *path)
{
        SV_STR full = sv_asprintf("%s%s", p->ask.root, path);
        struct stat st;

        return stat(full, &st) == 0 && !(st.st_mode & S_IWUSR);
}

static int decide_interrupt(struct sv_tune_plan *p, const struct sv_knob *k,
                            const struct sv_topo_device *card, const struct sv_bitset *serving,
                            const char *path, unsigned turn, struct sv_err *err)
{
        struct sv_bitset now = {{0}};
        SV_BUF text = SV_BUF_NULL;
        SV_STR wanted = NULL;
        int r = sv_kernel_file_read(p->ask.root, path, k->form, &text, err);

        if (r <= 0)
                return r;
        if (is_managed(p, path))
                return sv_tune_leave(
                        p, k, path,
                        sv_asprintf("managed: the kernel places the interrupts of %s", card->name),
                        err);
        if (sv_bitset_parse(sv_buf_str(&text), SV_CPUS_MAX, &now, path, "tune.value", err) < 0)
                return -1;
        wanted = sv_bitset_within(&now, serving) && sv_bitset_count(&now)
                         ? sv_asprintf("%s", sv_buf_str(&text))
                         : sv_asprintf("%u", choose_interrupt_cpu(p, serving, turn));
        return sv_tune_want(p, k, path, wanted, sv_asprintf("of %s", card->name), err);
}

/* A virtio card's interrupts are its PCI function's, one floor up. */
static char **list_interrupts(const struct sv_tune_plan *p, const char *card)
{
        SV_STR own = sv_asprintf(NET "/%s/device/msi_irqs", card);
        SV_STR above = sv_asprintf(NET "/%s/device/../msi_irqs", card);
        char **names = sv_kernel_folder_names(p->ask.root, own);

        return names ? names : sv_kernel_folder_names(p->ask.root, above);
}

static int find_interrupts(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (size_t d = 0; d < p->topology.n_devices; d++) {
                const struct sv_topo_device *card = &p->topology.devices[d];
                struct sv_bitset serving;
                SV_NAMES irqs = NULL;

                if (card->kind != SV_TOPO_NIC || gets_queues(p, card))
                        continue;
                serving = find_serving_cpus(p, card);
                irqs = list_interrupts(p, card->name);
                for (unsigned i = 0; irqs && irqs[i]; i++) {
                        SV_STR path = sv_asprintf("/proc/irq/%s/smp_affinity_list", irqs[i]);

                        if (decide_interrupt(p, k, card, &serving, path, i, err) < 0)
                                return -1;
                }
        }
        return 0;
}

/* --- packets that the kernel hands on to other processors --- */

/* The queues of a card that has fewer than its processors need; 0 for another. */
static unsigned count_scarce_queues(const struct sv_tune_plan *p, const struct sv_topo_device *card)
{
        struct sv_bitset serving;
        unsigned queues;

        if (card->kind != SV_TOPO_NIC || gets_queues(p, card))
                return 0;
        serving = find_serving_cpus(p, card);
        queues = count_queues(p, card->name, "rx-");
        return queues * CPUS_PER_QUEUE <= sv_bitset_count(&serving) ? queues : 0;
}

static int find_flow_table(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (size_t d = 0; sv_tune_wish(p, k)->value && d < p->topology.n_devices; d++)
                if (count_scarce_queues(p, &p->topology.devices[d]))
                        return sv_knob_find_file(p, k, err);
        return 0;
}

static int want_each_queue(struct sv_tune_plan *p, const struct sv_knob *k,
                           const struct sv_topo_device *card, unsigned n, const char *file,
                           const char *wanted, struct sv_err *err)
{
        for (unsigned q = 0; q < n; q++) {
                SV_STR path = sv_asprintf(NET "/%s/queues/rx-%u/%s", card->name, q, file);

                if (sv_tune_want(p, k, path, wanted,
                                 sv_asprintf("%s has %u queue%s", card->name, n, n > 1 ? "s" : ""),
                                 err) < 0)
                        return -1;
        }
        return 0;
}

static int find_steering(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (size_t d = 0; sv_tune_wish(p, k)->value && d < p->topology.n_devices; d++) {
                const struct sv_topo_device *card = &p->topology.devices[d];
                unsigned n = count_scarce_queues(p, card);
                struct sv_bitset cpus;
                SV_BUF mask = SV_BUF_NULL;

                if (!n)
                        continue;
                cpus = find_serving_cpus(p, card);
                sv_kernel_put_mask(&cpus, &mask);
                if (want_each_queue(p, k, card, n, "rps_cpus", sv_buf_str(&mask), err) < 0)
                        return -1;
        }
        return 0;
}

/* The kernel rounds up to a power of two; all queues together shall not have more than the table.
 */
static unsigned share_flows(unsigned queues)
{
        unsigned n = FLOWS;

        while (n > 1 && n * queues > FLOWS)
                n /= 2;
        return n;
}

static int find_flow_counts(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (size_t d = 0; sv_tune_wish(p, k)->value && d < p->topology.n_devices; d++) {
                const struct sv_topo_device *card = &p->topology.devices[d];
                unsigned n = count_scarce_queues(p, card);
                SV_STR flows = NULL;

                if (!n)
                        continue;
                flows = sv_asprintf("%u", share_flows(n));
                if (want_each_queue(p, k, card, n, "rps_flow_cnt", flows, err) < 0)
                        return -1;
        }
        return 0;
}

/* --- which queue a processor sends by --- */

/* Those of the card's processors that are the queue's in turn. */
static void put_share(const struct sv_bitset *cpus, unsigned queue, unsigned queues,
                      struct sv_buf *out)
{
        struct sv_bitset share = {{0}};
        unsigned turn = 0;

        for (unsigned c = sv_bitset_next(cpus, 0); c < SV_CPUS_MAX; c = sv_bitset_next(cpus, c + 1))
                if (turn++ % queues == queue)
                        sv_bitset_add(&share, c);
        sv_kernel_put_mask(&share, out);
}

static int decide_sending(struct sv_tune_plan *p, const struct sv_knob *k,
                          const struct sv_topo_device *card, const struct sv_bitset *cpus,
                          unsigned queue, unsigned queues, struct sv_err *err)
{
        SV_STR path = sv_asprintf(NET "/%s/queues/tx-%u/xps_cpus", card->name, queue);
        SV_BUF now = SV_BUF_NULL;
        SV_BUF wanted = SV_BUF_NULL;
        int r = sv_kernel_file_read(p->ask.root, path, k->form, &now, err);

        if (r <= 0 || queue >= sv_bitset_count(cpus))
                return r < 0 ? -1 : 0;
        put_share(cpus, queue, queues, &wanted);
        if (strcmp(sv_buf_str(&now), "0") != 0)
                return strcmp(sv_buf_str(&now), sv_buf_str(&wanted)) != 0
                               ? sv_tune_leave(p, k, path,
                                               sv_asprintf("the driver of %s chose it", card->name),
                                               err)
                               : sv_tune_want(p, k, path, sv_buf_str(&now),
                                              sv_asprintf("of %s", card->name), err);
        return sv_tune_want(p, k, path, sv_buf_str(&wanted), sv_asprintf("of %s", card->name), err);
}

static int find_sending(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err)
{
        for (size_t d = 0; sv_tune_wish(p, k)->value && d < p->topology.n_devices; d++) {
                const struct sv_topo_device *card = &p->topology.devices[d];
                unsigned n = card->kind == SV_TOPO_NIC ? count_queues(p, card->name, "tx-") : 0;
                struct sv_bitset cpus;

                if (n < 2 || gets_queues(p, card))
                        continue;
                cpus = find_serving_cpus(p, card);
                for (unsigned q = 0; q < n; q++)
                        if (decide_sending(p, k, card, &cpus, q, n, err) < 0)
                                return -1;
        }
        return 0;
}

#define NEAR "a processor of the card's node, of no pinned guest, each of another core"

#define MORE "as many as processors serve the card, where it can have them and has fewer"

const struct sv_knob sv_knobs_net[] = {
        {
                .name = QUEUES,
                .interface = SV_CHANNELS "/*/combined",
                .what = "how many queues a network card uses, each with an interrupt of its own; "
                        "not a file but what \"ethtool -l\" shows and \"ethtool -L\" sets "
                        "(ETHTOOL_SCHANNELS)",
                .wish = {{MORE, "no processor waits for a queue that another has just locked"},
                         {MORE, "packets are handled by all processors that are the card's, and "
                                "not by some of them"},
                         {NULL, "the driver's number; each queue takes memory, and an interrupt of "
                                "the machine's"}},
                .gain = "packets of different connections are handled at the same time (RSS): the "
                        "throughput of all serving processors together, where one is the limit",
                .source = "Linux Documentation/networking/scaling.rst, \"RSS: Receive Side "
                          "Scaling\", \"Suggested Configuration\"; ethtool(8), --set-channels",
                .hurts = "where the interrupts of the machine are few, and where processors that "
                         "serve the card have all to do with something else",
                .risk = "most drivers stop the card while they change it, and some lose its link "
                        "for a second or two: run it before guests do; the card's interrupts and "
                        "queues are new ones, so what other knobs want of them comes with the next "
                        "apply",
                .form = SV_KERNEL_TEXT,
                .owners = SV_OWNER_TUNED,
                .find = find_queue_counts,
        },
        {
                .name = "network.interrupts",
                .interface = "/proc/irq/*/smp_affinity_list",
                .what = "which processor a network card interrupts",
                .wish = {{NEAR, "what a card wrote lies in its node's cache and memory, and a "
                                "guest's processor is not to be interrupted for others"},
                         {NEAR, "what a card wrote lies in its node's cache and memory, and a "
                                "guest's processor is not to be interrupted for others"},
                         {NEAR, "what a card wrote lies in its node's cache and memory, and a "
                                "guest's processor is not to be interrupted for others"}},
                .gain = "no packet goes through another node's memory; pinned guests are not "
                        "interrupted for others",
                .source = "Linux Documentation/networking/scaling.rst, \"RSS IRQ Configuration\"; "
                          "Documentation/core-api/irq/irq-affinity.rst",
                .hurts = "where one node's processors are busy and another's idle",
                .risk = "packets of a queue may arrive out of order once",
                .form = SV_KERNEL_LIST,
                .owners = SV_OWNER_IRQBALANCE,
                .probe = true,
                .find = find_interrupts,
        },
        {
                .name = "network.flow_table",
                .interface = "/proc/sys/net/core/rps_sock_flow_entries",
                .what = "of how many connections the kernel remembers who reads them",
                .wish = {{NULL, "a card's own queues decide"},
                         {"32768",
                          "with network.flows, packets go to the processor of the guest's vhost "
                          "thread"},
                         {NULL, "as for latency"}},
                .gain = "packets are handled where they are read: warm caches (RFS; tap devices "
                        "note their readers)",
                .source = "Linux Documentation/networking/scaling.rst, \"RFS\"",
                .hurts = "where packets are only forwarded by the host itself",
                .risk = "256 KiB of memory",
                .form = SV_KERNEL_TEXT,
                .find = find_flow_table,
        },
        {
                .name = "network.steering",
                .interface = NET "/*/queues/rx-*/rps_cpus",
                .what = "which processors the kernel hands packets of a queue on to (RPS)",
                .wish = {{NULL, "handing on costs an interrupt of another processor"},
                         {"the processors of the card's node, where it has fewer than a queue for "
                          "each fourth of them",
                          "one processor for each queue is less than what packets need"},
                         {NULL, "as for latency"}},
                .gain = "a card with one queue is served by all processors of its node",
                .source = "Linux Documentation/networking/scaling.rst, \"RPS Configuration\"",
                .hurts = "cards with queues enough, and single flows: an interrupt between "
                         "processors for each batch of packets",
                .risk = "packets of a flow may arrive out of order once",
                .form = SV_KERNEL_MASK,
                .find = find_steering,
        },
        {
                .name = "network.flows",
                .interface = NET "/*/queues/rx-*/rps_flow_cnt",
                .what = "of how many connections each queue remembers where they went (RFS)",
                .wish = {{NULL, "as network.flow_table"},
                         {"32768 for all queues of a card together, a power of two for each",
                          "as network.flow_table"},
                         {NULL, "as network.flow_table"}},
                .gain = "as network.flow_table",
                .source = "Linux Documentation/networking/scaling.rst, \"RFS Configuration\"",
                .hurts = "as network.flow_table",
                .risk = "some memory for each queue",
                .form = SV_KERNEL_TEXT,
                .find = find_flow_counts,
        },
        {
                .name = "network.sending",
                .interface = NET "/*/queues/tx-*/xps_cpus",
                .what = "which processors send by which queue (XPS)",
                .wish = {{"the processors of the card's node, shared out in turn, where the driver "
                          "chose none",
                          "a processor that has a queue for itself waits for no lock"},
                         {"the processors of the card's node, shared out in turn, where the driver "
                          "chose none",
                          "a processor that has a queue for itself waits for no lock"},
                         {NULL, "the kernel's hash spreads many guests well enough"}},
                .gain = "no two processors want one queue's lock, and its memory stays in their "
                        "cache",
                .source = "Linux Documentation/networking/scaling.rst, \"XPS\"",
                .hurts = "where few processors send all: they have few queues",
                .risk = "packets of a flow may leave out of order once",
                .form = SV_KERNEL_MASK,
                .find = find_sending,
        },
        {0},
};
