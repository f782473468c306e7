/* SPDX-License-Identifier: Apache-2.0 */
/* A program without memory ends at the allocation that failed: with class 3 (SV_SYSTEM) and
 * "base.memory", before a library sees NULL. Libraries of the distribution crash on it, drop text,
 * or take it for another failure; so do programs. Linked into the programs only
 * (base/program/memory.c replaces the C library's allocator by one that asks it and looks at the
 * answer): libsecurevm's code returns SV_SYSTEM "base.memory" to its caller. */
#pragma once

#include <stdbool.h>

/* The error also goes to standard output as JSON (sv_cli_main, for --json). */
void sv_memory_print_json(bool json);
/* What runs instead of _exit(3) once the error is written; it must not allocate. The agent, which
 * is its machine's init, powers it off. */
void sv_memory_end_with(void (*end)(void));
/* The answer is written: what fails in exit handlers changes nothing of it. */
void sv_memory_answered(int status);
