/* SPDX-License-Identifier: Apache-2.0 */
/* What is wanted of a host, beside what it has: made from its facts, changes nothing. */
#pragma once

#include "base/json/json.h"
#include "launcher/tune/kernel-file.h"
#include "launcher/tune/owners.h"
#include "launcher/tune/topology.h"

enum sv_tune_profile { SV_TUNE_LATENCY, SV_TUNE_THROUGHPUT, SV_TUNE_DENSITY, SV_TUNE_PROFILES };
extern const char *const sv_tune_profiles[SV_TUNE_PROFILES];
/* What it is for, one sentence each. */
extern const char *const sv_tune_profile_texts[SV_TUNE_PROFILES];
int sv_tune_parse_profile(const char *name, enum sv_tune_profile *out, struct sv_err *err);

/* "NODE:SIZE" of huge pages, "DEVICE=SCHEDULER", names of knobs: lists that end with NULL. */
struct sv_tune_ask {
        const char *root; /* "" for this machine; the kernel's files are below it */
        enum sv_tune_profile profile;
        bool take; /* also what a daemon sets as well */
        const char *const *hugepages, *const *schedulers, *const *only, *const *skip;
};

enum sv_tune_action {
        SV_TUNE_SET,  /* to be changed */
        SV_TUNE_SAME, /* is as wanted */
        SV_TUNE_LEFT, /* not touched, for a reason */
};

struct sv_knob;

struct sv_tune_setting {
        const struct sv_knob *knob;
        char *path;   /* of the kernel's file, without the root */
        char *now;    /* in the knob's form */
        char *wanted; /* NULL when left */
        enum sv_tune_action action;
        bool others; /* a daemon that runs sets it as well, and is let */
        char *why;   /* what the row does not say; NULL: nothing */
};

struct sv_tune_plan {
        struct sv_tune_ask ask;
        struct sv_topology topology;
        struct sv_tune_processes processes;
        struct sv_tune_setting *settings;
        size_t n, room;
};

/* SV_USAGE "tune.knob", "tune.device", "tune.scheduler", "tune.node", "tune.hugepages" for what
 * this host does not have, SV_SYSTEM and SV_FORMAT for a host whose files cannot be read or
 * contradict each other ("tune.topology.*", "tune.value"). `ask` and its lists outlive the plan. */
int sv_tune_make_plan(const struct sv_tune_ask *ask, struct sv_tune_plan *out, struct sv_err *err);
void sv_tune_plan_free(struct sv_tune_plan *p);
#define SV_TUNE_PLAN __attribute__((cleanup(sv_tune_plan_free))) struct sv_tune_plan

/* For rows. A file that is not there adds nothing; `why` is NULL or to be freed by the plan. */
int sv_tune_want(struct sv_tune_plan *p, const struct sv_knob *k, const char *path,
                 const char *wanted, char *why, struct sv_err *err);
int sv_tune_leave(struct sv_tune_plan *p, const struct sv_knob *k, const char *path, char *why,
                  struct sv_err *err);
const struct sv_knob_wish *sv_tune_wish(const struct sv_tune_plan *p, const struct sv_knob *k);

/* {"format", "profile", "take", "options", "owners", "settings": [{knob, action, now, wanted, why,
 * paths}], "knobs": {…}}: settings that differ in their paths only are one. NULL with SV_SYSTEM
 * "base.memory". */
struct sv_json *sv_tune_plan_json(const struct sv_tune_plan *p, struct sv_err *err);
/* Is this what a plan said? SV_SYSTEM "tune.changed" names the first difference; SV_FORMAT
 * "tune.plan" when it is no plan. */
int sv_tune_compare_plans(const struct sv_json *said, const struct sv_json *now,
                          struct sv_err *err);
