/* SPDX-License-Identifier: Apache-2.0 */
/* For base/program/memory.c only. */
#pragma once

#include <stddef.h>

/* Writes the error and ends the program. */
_Noreturn void sv_memory_fail(size_t size);
