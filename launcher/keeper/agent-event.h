/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's agent reports: known members of known kinds, texts without control characters and
 * bounded. It comes as a line of JSON, which only the reader reads (launcher/keeper/reader.h), and
 * leaves the reader in a form of fixed fields, which is looked at again:
 *
 *   u8 kind; for each text of the kind u16le size, bytes; u64le milliseconds;
 *   u8 number of timings; for each u8 size, name, u64le milliseconds
 *
 * A text that is not there has the size 0, milliseconds that are not there are the largest number.
 * Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"

#define SV_AGENT_TEXTS 3 /* of one event, at most */

enum sv_agent_kind { SV_AGENT_STEP = 1, SV_AGENT_RETRY, SV_AGENT_FAILED, SV_AGENT_UNLOCKED };

struct sv_agent_event {
        enum sv_agent_kind kind;
        char texts[SV_AGENT_TEXTS][SV_EVENT_TEXT_MAX + 1];
        int64_t ms; /* -1: not said */
        struct {
                char name[SV_TIMING_NAME_MAX + 1];
                int64_t ms;
        } timings[SV_TIMINGS_MAX];
        unsigned n_timings;
};

/* Bytes of the largest event in the fixed form. */
#define SV_AGENT_EVENT_MAX                                      \
        (1 + SV_AGENT_TEXTS * (2 + SV_EVENT_TEXT_MAX) + 8 + 1 + \
         SV_TIMINGS_MAX * (1 + SV_TIMING_NAME_MAX + 8))

/* The agent's line. SV_FORMAT "control.agent" when it is none of its events. */
int sv_agent_event_parse(struct sv_bytes line, struct sv_agent_event *out, struct sv_err *err);
void sv_agent_event_put(const struct sv_agent_event *e, struct sv_buf *out);
/* SV_FORMAT "launch.reader" for what sv_agent_event_put does not make. */
int sv_agent_event_read(struct sv_bytes form, struct sv_agent_event *out, struct sv_err *err);
/* For the status and for who follows: {"event":"step",…}. The caller frees. */
struct sv_json *sv_agent_event_json(const struct sv_agent_event *e);
