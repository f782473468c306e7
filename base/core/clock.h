/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock: for waits that have an end and for how long something took. */
#pragma once

#include <stdint.h>

int64_t sv_clock_ms(void); /* milliseconds since some fixed point, never going back */
