/* What the agent says while it works: a readable line on the console, and one JSON object a line on the virtio port
 * "org.secure-vm.agent" for the launcher. For the operator only: nobody decides anything by it. */
#pragma once

#include "base/err.h"
#include "base/json.h"

void sv_event_open(void); /* finds the port; without one only the console is told */
void sv_event_start(const char *step, const char *says);
void sv_event_done(const char *step, const char *says);
void sv_event_failed(const struct sv_err *err);
void sv_event_unlocked(const char *grounds);
/* A line for people only. */
void sv_event_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
