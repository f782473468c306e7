/* SPDX-License-Identifier: Apache-2.0 */
/* A plan put into force, looked at, and taken back. `dir` is where its record lies
 * (launcher/tune/journal.h). */
#pragma once

#include "launcher/tune/plan.h"

/* Changes what the plan would set, all or nothing, each read back. Before the first change each
 * file is tried, and what will be changed is on the disk. `result` gets "changed", and "left" for
 * interrupts that the kernel does not let go. SV_SYSTEM "tune.unfinished" when an apply was cut
 * short before in this boot, "tune.write" when a file cannot be written (nothing was changed),
 * "tune.refused" when the kernel refused or kept another value (all was taken back), "tune.back"
 * when that failed as well; SV_USAGE "tune.applied" when another profile is in force, "tune.root"
 * for another root's record. */
int sv_tune_apply(const struct sv_tune_plan *plan, const char *dir, struct sv_json *result,
                  struct sv_err *err);
/* Restores what was there before the first apply, also after a kill. What has neither the value
 * that was set nor the old one is somebody else's since and stays; "restored", "kept" (with why)
 * say so. The record of another boot is dropped and nothing is written: that boot's values went
 * with it. SV_SYSTEM "tune.undo" when the kernel refuses one: its record stays. */
int sv_tune_undo(const char *root, const char *dir, struct sv_json *result, struct sv_err *err);
/* Fills `result` with "profile", "settings" (their number) and "differences", each with knob, path,
 * wanted, found. SV_PROOF "tune.differs" when there are any; SV_SYSTEM "tune.unfinished",
 * "tune.nothing" when nothing was applied, "tune.busy" while something is changed: then nothing can
 * be told. Whatever it returns, `result` has what is known. */
int sv_tune_check(const char *root, const char *dir, struct sv_json *result, struct sv_err *err);
/* The text file of Prometheus' node_exporter that says what sv_tune_check found. */
void sv_tune_put_metrics(const struct sv_json *checked, int64_t now, struct sv_buf *out);
