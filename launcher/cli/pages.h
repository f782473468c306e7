/* SPDX-License-Identifier: Apache-2.0 */
/* What commands say, as pages to attach to a ticket (base/program/page.h). Each takes the JSON that
 * the command prints. */
#pragma once

#include "guest/guest.h"
#include "launcher/tune/plan.h"

/* A result of measure with its steps, and "warnings". */
void sv_page_of_measurement(const struct sv_guest *g, const struct sv_json *result,
                            struct sv_buf *page);
/* A result of show: also members that are not known here. */
void sv_page_of_guest(const struct sv_json *status, struct sv_buf *page);
/* A plan, and a picture of its host: `result` is sv_tune_plan_json of it. */
void sv_page_of_tuning(const struct sv_tune_plan *plan, const struct sv_json *result,
                       struct sv_buf *page);
