/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent reports while it works: a readable line on the console, and one JSON object a line
 * on the virtio port "org.secure-vm.agent" for the launcher (docs/FORMATS.md, "Agent events"). For
 * the operator only: no decision depends on it. */
#pragma once

#include "agent/machine.h"
#include "base/core/err.h"
#include "base/json/json.h"

/* Finds the port; without one events go to the console only. `m` NULL: this machine. */
void sv_event_open(const struct sv_machine *m);
void sv_event_start(const char *step, const char *says);
/* `says`: what came of it, for people; NULL: nothing more. */
void sv_event_done(const char *step, const char *says);
/* Time of a part of a step, for the breakdown that "unlocked" ends with. */
void sv_event_time(const char *part, int64_t ms);
void sv_event_retry(const char *step, const struct sv_err *err, unsigned in_ms, unsigned try,
                    unsigned tries);
/* Another broker is asked at once. */
void sv_event_next(const char *step, const struct sv_err *err, const char *url);
void sv_event_failed(const struct sv_err *err);
/* `instance`: by which the broker knows who has the disk, as hex; NULL: it does not. */
void sv_event_unlocked(const char *reasons, const char *instance);
/* A line on the console only. */
void sv_event_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Waits a little until the host has read what was said: before this process ends or becomes
 * another. */
void sv_event_flush(void);
