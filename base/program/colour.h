/* SPDX-License-Identifier: Apache-2.0 */
/* Colours for people at a terminal: none into files and pipes, none for TERM=dumb, and none with
 * NO_COLOR in the environment (no-color.org). They say nothing that the words do not say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sv_colour {
        SV_COLOUR_NONE, /* back to how the terminal writes */
        SV_COLOUR_BOLD,
        SV_COLOUR_DIM,
        SV_COLOUR_RED,
        SV_COLOUR_GREEN,
        SV_COLOUR_YELLOW,
};

/* Looks at the environment and the terminals once. A program that does not call it writes plain
 * text (the agent: its console is the guest's). */
void sv_colours_init(void);
/* May this descriptor (1 or 2) be steered: is it a terminal that can be? Also with NO_COLOR. */
bool sv_is_steered(int fd);
/* What to print before a word, and SV_COLOUR_NONE after it; "" without colours. On standard error
 * it is the terminal's sequence; on standard output a mark that nobody else can write, which the
 * guard of base/program/terminal.h turns into it, since nothing else steers the terminal there. */
const char *sv_colour(int fd, enum sv_colour colour);
/* The sequence that a mark at the beginning of a text stands for, and how long the mark is; NULL:
 * it is none, or there are no colours. */
const char *sv_colour_of_mark(const char *text, size_t n, size_t *used);
