/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of programs to their users, on stderr. Libraries never call this. */
#pragma once

#include "base/json/error.h"
#include "base/program/colour.h"

/* "program: " goes in front of every line. verbose 0: errors, warnings and progress; 1: details
 * too; -1: errors only. */
void sv_log_init(const char *program, int verbose);
/* From now on nobody waits for who reads standard error: what has no room in its pipe or socket is
 * lost. For services, whose work is not to stop with their log. */
void sv_log_never_wait(void);
void sv_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sv_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sv_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* sv_info with a word in front that a terminal shows in this colour ("holds", "FAILS"). */
void sv_info_word(enum sv_colour colour, const char *word, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* What is going on, in one line of a terminal that the next message or such a line replaces;
 * nowhere else. The end of it clears the line. */
void sv_live(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void sv_live_end(void);
/* "program: error: message [check]" */
void sv_log_err(const struct sv_err *err);
