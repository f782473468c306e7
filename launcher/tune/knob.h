/* SPDX-License-Identifier: Apache-2.0 */
/* The host's settings that make guests faster, slower or more: one row each. A row says what is
 * wanted under each profile and why, what it brings by whose word, when it hurts and what is
 * risked; it finds its files on a host. Reading, writing, reading back and taking back are the same
 * for all (launcher/tune/apply.h), and docs/TUNING.md is made of the rows. */
#pragma once

#include "launcher/tune/plan.h"

struct sv_knob_wish {
        const char *value; /* what is written, or the rule for it; NULL: stays as it is */
        const char *why;   /* one sentence */
};

struct sv_knob {
        const char *name;      /* "block.scheduler" */
        const char *interface; /* its files, with * */
        const char *what;      /* what it sets, one sentence */
        struct sv_knob_wish wish[SV_TUNE_PROFILES];
        const char *gain;   /* what is gained, with a figure where its source has one */
        const char *source; /* of the gain */
        const char *hurts;  /* when it costs more than it brings */
        const char *risk;   /* what can go wrong while it is changed */
        enum sv_kernel_form form;
        unsigned owners; /* bits of enum sv_tune_owner that set it as well */
        /* The kernel can refuse each write to it, and says so only when asked to write what is
         * there already. */
        bool probe;
        /* sv_tune_want or sv_tune_leave for each of its files on this host. */
        int (*find)(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err);
};

/* The i-th, NULL past the last: in the order in which they are applied, and taken back. What others
 * depend on comes first: the governor before the energy preference that it allows, the table of
 * flows before the queues that share it. */
const struct sv_knob *sv_knob_at(size_t i);
const struct sv_knob *sv_knob_named(const char *name); /* NULL: there is none */
/* Adds "gain", "source", "hurts", "risk": what holds under every profile. */
void sv_knob_put_reasons(const struct sv_knob *k, struct sv_json *row);

/* The families, each ends with a row without a name. */
extern const struct sv_knob sv_knobs_block[], sv_knobs_cpu[], sv_knobs_memory[], sv_knobs_net[],
        sv_knobs_nvme[];

/* Adds {"controller", "path", "wanted", "found"} of each NVMe controller that is not live: of a
 * disk's paths, those that carry nothing now. */
void sv_tune_list_lost_paths(const char *root, struct sv_json *list);

/* The one file that `interface` names, with the profile's value. */
int sv_knob_find_file(struct sv_tune_plan *p, const struct sv_knob *k, struct sv_err *err);
