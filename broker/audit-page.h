/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/json/json.h"

/* Audit records (array) as a page to attach to a ticket (base/program/page.h). */
void sv_page_of_audit(const struct sv_json *records, struct sv_buf *page);
