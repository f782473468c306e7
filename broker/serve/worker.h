/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper: its first process gives requests to others, which have the keys and an open database
 * and are used again. One works on one request at a time. */
#pragma once

#include "broker/broker.h"

/* In a new process, until `control` is closed: takes a connection's channel, serves one request of
 * it, and says that it is done. */
void sv_keeper_work(struct sv_broker *b, int control);
