/* SPDX-License-Identifier: Apache-2.0 */
/* What was changed on this host, and what was there before: written and synced before the first
 * change, so that whatever ends the program, undo knows.
 *
 * Two files in one folder. applying.json is there from before the first write until all is in
 * force; applied.json after that. An apply on top of another has all that the first one changed
 * in its own file, so one file says all. */
#pragma once

#include "base/json/json.h"
#include "launcher/tune/kernel-file.h"

struct sv_tune_entry {
        char *knob, *path;
        char *id;     /* of what has the file's name: a device's place, an interrupt's action; "" */
        char *old;    /* before all: what undo writes */
        char *before; /* before the last apply */
        char *wanted;
        enum sv_kernel_form form;
};

struct sv_tune_journal {
        char *root, *boot, *profile;
        struct sv_tune_entry *entries;
        size_t n;
};

void sv_tune_journal_free(struct sv_tune_journal *j);
#define SV_TUNE_JOURNAL __attribute__((cleanup(sv_tune_journal_free))) struct sv_tune_journal
/* Takes the entry's texts, also when it fails. */
int sv_tune_journal_add(struct sv_tune_journal *j, struct sv_tune_entry e, struct sv_err *err);

/* Makes the folder and holds it: SV_SYSTEM "tune.busy" when another one does. The caller closes. */
int sv_tune_lock(const char *dir, struct sv_err *err);
/* Does another one hold it just now? */
bool sv_tune_is_busy(const char *dir);
int sv_tune_fail_busy(struct sv_err *err);
/* 1 with what stands there (*unfinished: an apply was cut short), 0 without one; SV_FORMAT
 * "tune.journal" for what is none, SV_SYSTEM "tune.journal" when it cannot be read. */
int sv_tune_journal_read(const char *dir, struct sv_tune_journal *out, bool *unfinished,
                         struct sv_err *err);
/* To applying.json, whole, and on the disk. */
int sv_tune_journal_begin(const char *dir, const struct sv_tune_journal *j, struct sv_err *err);
/* applying.json becomes applied.json. -1 and errno. */
int sv_tune_journal_finish(const char *dir);
/* The files are gone: applying.json only, or both. -1 and errno. */
int sv_tune_journal_drop(const char *dir, bool both);

/* This boot of the machine below `root`; "" where it does not say. The caller frees. */
char *sv_tune_read_boot(const char *root);
/* What has the name in the path now. The caller frees. */
char *sv_tune_read_id(const char *root, const char *path);
