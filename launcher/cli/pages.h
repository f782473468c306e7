/* SPDX-License-Identifier: Apache-2.0 */
/* What commands say, as pages to attach to a ticket (base/program/page.h). Each takes the JSON that
 * the command prints. */
#pragma once

#include "guest/guest.h"

/* A result of measure with its steps, and "warnings". */
void sv_page_of_measurement(const struct sv_guest *g, const struct sv_json *result,
                            struct sv_buf *page);
/* A result of show: also members that are not known here. */
void sv_page_of_guest(const struct sv_json *status, struct sv_buf *page);
