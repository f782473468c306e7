/* SPDX-License-Identifier: Apache-2.0 */
/* A host as a picture: its nodes, each with its caches' CPUs, and what sits on them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/page.h"
#include "launcher/cli/pages.h"
#include "launcher/tune/knob.h"

#define CELL    16 /* one CPU, its frame counted */
#define COLUMNS 48 /* CPUs beside each other */
#define WIDTH   (COLUMNS * CELL + 12)

/* --- who is where --- */

static bool is_interrupt(const struct sv_tune_setting *s)
{
        return !strcmp(s->knob->name, "network.interrupts");
}

/* Appends who uses a CPU, by name; *guests and *interrupts say which kinds. */
static void tell_cpu(const struct sv_tune_plan *p, unsigned cpu, struct sv_buf *out, bool *guests,
                     bool *interrupts)
{
        for (size_t g = 0; g < p->processes.n_guests; g++) {
                const struct sv_tune_guest *guest = &p->processes.guests[g];

                for (size_t i = 0; guest->pinned && i < guest->n; i++)
                        if (sv_bitset_has(&guest->vcpus[i].cpus, cpu)) {
                                sv_buf_printf(out, "; guest %s, its CPU %u", guest->name,
                                              guest->vcpus[i].number);
                                *guests = true;
                        }
        }
        for (size_t i = 0; i < p->n; i++) {
                struct sv_bitset cpus;

                if (is_interrupt(&p->settings[i]) &&
                    sv_bitset_parse(p->settings[i].now, SV_CPUS_MAX, &cpus, "", "tune.value",
                                    NULL) == 0 &&
                    sv_bitset_has(&cpus, cpu) &&
                    sv_bitset_count(&cpus) < sv_bitset_count(&p->topology.online)) {
                        sv_buf_printf(out, "; an interrupt %s",
                                      p->settings[i].why ? p->settings[i].why : "");
                        *interrupts = true;
                }
        }
}

static void draw_cpu(const struct sv_tune_plan *p, const struct sv_topo_cpu *c, unsigned x,
                     unsigned y, struct sv_buf *page)
{
        const struct sv_page_box box = {x + 1, y + 1, CELL - 2, CELL - 2};
        bool guests = false, interrupts = false;
        SV_BUF text = SV_BUF_NULL;
        enum sv_mood mood;

        sv_buf_printf(&text, "CPU %u, core %u, cache %u%s", c->id, c->core, c->l3,
                      c->isolated ? ", isolated" : "");
        tell_cpu(p, c->id, &text, &guests, &interrupts);
        mood = guests && interrupts ? SV_MOOD_BAD
               : guests             ? SV_MOOD_GOOD
               : interrupts         ? SV_MOOD_WARN
                                    : SV_MOOD_PLAIN;
        sv_page_figure_box(page, &mood, &box, sv_buf_str(&text));
}

/* CPUs of a node in the order of their caches and cores. */
static int compare_cpus(const void *a, const void *b, void *arg)
{
        const struct sv_topo_cpu *cpus = arg, *x = &cpus[*(const size_t *)a],
                                 *y = &cpus[*(const size_t *)b];

        if (x->l3 != y->l3)
                return x->l3 < y->l3 ? -1 : 1;
        if (x->core != y->core)
                return x->core < y->core ? -1 : 1;
        return x->id < y->id ? -1 : x->id > y->id;
}

static void draw_cache(unsigned l3, unsigned y, unsigned rows, struct sv_buf *page)
{
        const struct sv_page_box box = {0, y - 2, WIDTH, rows * CELL + 4};
        SV_STR text = sv_asprintf("cache %u", l3);

        sv_page_figure_box(page, NULL, &box, text);
}

/* Each cache begins a new row. `page` NULL: only counts. The height. */
static unsigned draw_cpus(const struct sv_tune_plan *p, const size_t *order, size_t n,
                          struct sv_buf *page)
{
        unsigned y = 4;

        for (size_t i = 0; i < n;) {
                const struct sv_topo_cpu *c = &p->topology.cpus[order[i]];
                size_t same = i;
                unsigned rows;

                while (same < n && p->topology.cpus[order[same]].l3 == c->l3)
                        same++;
                rows = (unsigned)(same - i + COLUMNS - 1) / COLUMNS;
                if (page)
                        draw_cache(c->l3, y, rows, page);
                for (size_t k = i; page && k < same; k++)
                        draw_cpu(p, &p->topology.cpus[order[k]],
                                 6 + (unsigned)((k - i) % COLUMNS) * CELL,
                                 y + (unsigned)((k - i) / COLUMNS) * CELL, page);
                y += rows * CELL + 8;
                i = same;
        }
        return y;
}

static void put_node_facts(const struct sv_tune_plan *p, size_t node, struct sv_buf *page)
{
        const struct sv_topo_node *n = &p->topology.nodes[node];
        SV_BUF cpus = SV_BUF_NULL;
        char memory[32], room[32];
        SV_STR text = NULL;

        sv_bitset_put(&n->cpus, &cpus);
        text = sv_asprintf("%s of %s free", sv_format_size(n->free, room),
                           sv_format_size(n->memory, memory));
        sv_page_facts_begin(page);
        sv_page_fact(page, "CPUs", cpus.n ? sv_buf_str(&cpus) : "none: memory only");
        sv_page_fact(page, "Memory", text);
        for (size_t i = 0; i < n->n_pages; i++) {
                char size[32];
                SV_STR pages = sv_asprintf("%llu of %llu free, of %s each",
                                           (unsigned long long)n->pages[i].free,
                                           (unsigned long long)n->pages[i].total,
                                           sv_format_size(n->pages[i].size, size));

                if (n->pages[i].total)
                        sv_page_fact(page, "Huge pages", pages);
        }
        for (size_t i = 0; i < p->topology.n_devices; i++)
                if (p->topology.devices[i].node == (int)node &&
                    p->topology.devices[i].kind != SV_TOPO_FUNCTION)
                        sv_page_fact(page,
                                     p->topology.devices[i].kind == SV_TOPO_NIC ? "Card" : "Drive",
                                     p->topology.devices[i].name);
        sv_page_facts_end(page);
}

static void put_host_node(const struct sv_tune_plan *p, size_t node, struct sv_buf *page)
{
        SV_STR title = sv_asprintf("Node %u", p->topology.nodes[node].id);
        size_t *order = calloc(p->topology.n_cpus + 1, sizeof(*order));
        size_t n = 0;

        for (size_t i = 0; order && i < p->topology.n_cpus; i++)
                if (p->topology.cpus[i].node == node)
                        order[n++] = i;
        if (n)
                qsort_r(order, n, sizeof(*order), compare_cpus, p->topology.cpus);
        sv_page_section_begin(page, title);
        if (n) {
                sv_page_figure_begin(page, WIDTH, draw_cpus(p, order, n, NULL));
                draw_cpus(p, order, n, page);
                sv_page_figure_end(page);
        }
        put_node_facts(p, node, page);
        sv_page_section_end(page);
        free(order);
}

/* --- tables --- */

static void put_guests(const struct sv_tune_plan *p, struct sv_buf *page)
{
        static const char *const heads[] = {"Guest", "Its CPU", "Runs on", NULL};

        if (!p->processes.n_guests)
                return;
        sv_page_section_begin(page, "Guests that run");
        sv_page_table_begin(page, heads);
        for (size_t g = 0; g < p->processes.n_guests; g++)
                for (size_t i = 0; i < p->processes.guests[g].n; i++) {
                        const struct sv_tune_vcpu *v = &p->processes.guests[g].vcpus[i];
                        SV_STR number = sv_asprintf("%u", v->number);
                        SV_BUF cpus = SV_BUF_NULL;

                        sv_bitset_put(&v->cpus, &cpus);
                        sv_page_row_begin(page);
                        sv_page_cell(page, i ? "" : p->processes.guests[g].name);
                        sv_page_cell_short(page, number);
                        sv_page_cell_code(page, sv_buf_str(&cpus));
                        sv_page_row_end(page);
                }
        sv_page_table_end(page);
        sv_page_section_end(page);
}

static void put_setting_row(const struct sv_json *s, struct sv_buf *page)
{
        const struct sv_json *paths = sv_json_get(s, "paths");
        const char *action = sv_json_text(s, "action", "");
        size_t n = sv_json_len(paths);
        SV_STR many = sv_asprintf("%s … %s (%zu)", sv_json_str(sv_json_at(paths, 0)),
                                  sv_json_str(sv_json_at(paths, n ? n - 1 : 0)), n);

        sv_page_row_begin(page);
        sv_page_cell(page, sv_json_text(s, "knob", ""));
        sv_page_cell_code(page, n > 1 ? many : sv_json_str(sv_json_at(paths, 0)));
        sv_page_cell_code(page, sv_json_text(s, "now", ""));
        sv_page_cell_code(page, sv_json_text(s, "wanted", ""));
        sv_page_cell_badge(page,
                           !strcmp(action, "set")    ? SV_MOOD_WARN
                           : !strcmp(action, "same") ? SV_MOOD_GOOD
                                                     : SV_MOOD_PLAIN,
                           !strcmp(action, "set")    ? "to be changed"
                           : !strcmp(action, "same") ? "as wanted"
                                                     : "left");
        sv_page_cell(page, sv_json_text(s, "why", ""));
        sv_page_row_end(page);
}

static void put_settings_table(const struct sv_json *list, struct sv_buf *page)
{
        static const char *const heads[] = {"Knob", "Files", "Now", "Wanted", "", "Why", NULL};

        sv_page_section_begin(page, "Settings");
        sv_page_table_begin(page, heads);
        for (size_t i = 0; i < sv_json_len(list); i++)
                put_setting_row(sv_json_at(list, i), page);
        sv_page_table_end(page);
        sv_page_section_end(page);
}

static int put_knob_fold(void *page, const char *name, struct sv_json *k, struct sv_err *err)
{
        sv_page_fold_begin(page, name, sv_json_text(k, "what", ""), false);
        sv_page_facts_begin(page);
        sv_page_fact(page, "Why", sv_json_text(k, "why", NULL));
        sv_page_fact(page, "Gain", sv_json_text(k, "gain", NULL));
        sv_page_fact(page, "Source", sv_json_text(k, "source", NULL));
        sv_page_fact(page, "Hurts", sv_json_text(k, "hurts", NULL));
        sv_page_fact(page, "Risk", sv_json_text(k, "risk", NULL));
        sv_page_facts_end(page);
        sv_page_fold_end(page);
        return 0;
}

void sv_page_of_tuning(const struct sv_tune_plan *plan, const struct sv_json *result,
                       struct sv_buf *page)
{
        SV_STR title = sv_asprintf("Plan for %s", sv_tune_profiles[plan->ask.profile]);

        sv_page_begin(page, title, sv_tune_profile_texts[plan->ask.profile]);
        sv_page_section_begin(page, "The host");
        sv_page_note(page, SV_MOOD_GOOD, "a CPU of a pinned guest");
        sv_page_note(page, SV_MOOD_WARN, "a CPU that network cards interrupt");
        sv_page_note(page, SV_MOOD_BAD, "both: the guest is interrupted for others");
        sv_page_section_end(page);
        for (size_t i = 0; i < plan->topology.n_nodes; i++)
                put_host_node(plan, i, page);
        put_guests(plan, page);
        put_settings_table(sv_json_get(result, "settings"), page);
        sv_page_section_begin(page, "Why, what for, and when not");
        sv_json_each(sv_json_get(result, "knobs"), put_knob_fold, page, NULL);
        sv_page_section_end(page);
        sv_page_end(page, "secure-vm", time(NULL));
}
