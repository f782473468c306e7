/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and options as tables. Parsing, --help, completion and the check of the man pages all
 * come from the same rows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/core/err.h"
#include "base/core/limits.h"

struct sv_json;

struct sv_opt {
        const char *name; /* without "--" */
        const char *arg;  /* name of its argument in the help ("FILE"); NULL for a switch */
        const char *help; /* one line */
        char letter;      /* short form, or 0 */
        bool many;        /* may be given more than once */
};

/* What was given. Strings are argv's own. */
struct sv_args {
        const struct sv_cmd *cmd;
        const char *program;
        int n;
        const char *pos[SV_ARGS_MAX]; /* positional arguments */
        int n_opts;
        struct {
                const struct sv_opt *opt;
                const char *value;
        } opts[SV_ARGS_MAX];
};

struct sv_cmd {
        const char *name; /* "launch", "image encrypt" */
        /* "GUEST.json"; "" for none; "[GUEST.json]" when optional; "FILE..." for one or more */
        const char *args;
        const char *help; /* one line */
        /* ends with a row whose name is NULL; may be NULL. --json and --help are always there */
        const struct sv_opt *opts;
        /* Fills *result (an object; the caller prints it when --json is given, adding "ok":true;
         * the command itself prints text otherwise, looking at sv_has(args, "json")). Returns 0 or
         * -1 with *err. */
        int (*run)(const struct sv_args *args, struct sv_json **result, struct sv_err *err);
        /* Not NULL: there is no such command, for this reason, and this is what to do instead
         * (SV_USAGE "cli.absent"). Such rows are last in a table and are not listed. */
        const char *absent;
        /* Above this row in the list of commands; NULL: the group goes on. */
        const char *heading;
        /* The i-th of further tables like `opts`, NULL past the last; may be NULL. */
        const struct sv_opt *(*more_opts)(size_t i);
};

/* The words that each option of this name takes, separated by ", ": for completion. Borrowed. */
void sv_cli_set_values(const char *option, const char *values);
/* Finds the command in the table (ends with name NULL), parses, runs, prints error or JSON result;
 * returns the exit status. Handles --help, --version, "help COMMAND" and the hidden "--table" (all
 * commands and options as JSON, for tests and completion). A table with a single row named "" is a
 * program without commands. */
int sv_cli_main(const char *program, const char *about, const struct sv_cmd *commands, int argc,
                char **argv);

bool sv_has(const struct sv_args *args, const char *option);
/* The last value given; NULL when not given. */
const char *sv_opt(const struct sv_args *args, const char *option);
/* The i-th value of a repeated option; NULL past the last. */
const char *sv_opt_nth(const struct sv_args *args, const char *option, int i);
