/* SPDX-License-Identifier: Apache-2.0 */
/* The events of guests as they happen, for both keepers (struct sv_keeper). */
#pragma once

#include "base/json/json.h"

typedef int (*sv_put_event)(void *arg, const struct sv_json *event, struct sv_err *err);

/* What their supervisors say; guests that are launched meanwhile are heard from their launch on. */
int sv_events_embedded(const char *uri, const char *name, sv_put_event put, void *arg,
                       struct sv_err *err);
/* What libvirt says. Agents' events are not among them: one reader hears an agent, who follows its
 * launch. */
int sv_events_under_daemon(const char *uri, const char *name, sv_put_event put, void *arg,
                           struct sv_err *err);
