/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/colour.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

static const char *const sequences[] = {
        [SV_COLOUR_NONE] = "\x1b[0m",   [SV_COLOUR_BOLD] = "\x1b[1m",
        [SV_COLOUR_DIM] = "\x1b[2m",    [SV_COLOUR_RED] = "\x1b[1;31m",
        [SV_COLOUR_GREEN] = "\x1b[32m", [SV_COLOUR_YELLOW] = "\x1b[33m",
};
#define N_COLOURS (sizeof(sequences) / sizeof(sequences[0]))

/* A control character, a number that nobody outside of this process knows, the colour. */
#define MARK_SIZE 10
static char marks[N_COLOURS][MARK_SIZE + 1];

static bool is_terminal[3], has_colours;

static void make_marks(void)
{
        uint32_t secret = 0;

        if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
                has_colours = false;
        for (size_t i = 0; i < N_COLOURS; i++)
                snprintf(marks[i], sizeof(marks[i]), "\x01%08x%c", secret, (char)('a' + i));
}

void sv_colours_init(void)
{
        const char *term = getenv("TERM"), *none = getenv("NO_COLOR");
        bool steered = term && *term && strcmp(term, "dumb");

        for (int fd = 1; fd <= 2; fd++)
                is_terminal[fd] = steered && isatty(fd);
        has_colours = !none || !*none;
        make_marks();
}

bool sv_is_steered(int fd)
{
        return is_terminal[fd];
}

const char *sv_colour(int fd, enum sv_colour colour)
{
        if (!is_terminal[fd] || !has_colours)
                return "";
        return fd == STDOUT_FILENO ? marks[colour] : sequences[colour];
}

const char *sv_colour_of_mark(const char *text, size_t n, size_t *used)
{
        if (n < MARK_SIZE || *text != marks[0][0] || !*sv_colour(STDOUT_FILENO, SV_COLOUR_NONE))
                return NULL;
        for (size_t i = 0; i < N_COLOURS; i++)
                if (!strncmp(text, marks[i], MARK_SIZE)) {
                        *used = MARK_SIZE;
                        return sequences[i];
                }
        return NULL;
}
