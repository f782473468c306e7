/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's status in words, for the terminal and for the page. Pure. */
#pragma once

#include "base/json/json.h"

/* What stands against whoever has this disk in hand. */
const char *sv_describe_protection(const struct sv_json *disk);
/* "eth0 10.0.2.15/24, router 10.0.2.2", as the guest's agent said when its network was up last;
 * NULL: it did not. It is the guest's word and good for nothing but to be read. */
const char *sv_describe_address(const struct sv_json *guest);
/* "weight 1024, at most 150 % of a CPU, disk root 50.0 MiB/s": of a status' "limits". */
void sv_describe_limits(const struct sv_json *limits, struct sv_buf *out);
/* "3 d 4 h", "2 min 5 s": the two largest units. */
void sv_format_duration(int64_t seconds, char out[48]);
