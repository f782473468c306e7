/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the kernel by rtnetlink (rtnetlink(7)), and its answer. */
#pragma once

#include "base/core/buf.h"

#define SV_NETLINK_ANSWER_MAX (1u << 20) /* bytes: 256 virtual functions take 80 KiB */

/* `request` is one message, from its struct nlmsghdr on. Its answer, which may be an NLMSG_ERROR
 * with the kernel's verdict, in place of what `answer` had. SV_SYSTEM `check`. */
int sv_netlink_ask(struct sv_bytes request, struct sv_buf *answer, const char *check,
                   struct sv_err *err);
