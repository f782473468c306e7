/* SPDX-License-Identifier: Apache-2.0 */
/* What a program says of itself, from the rows of its commands: --help, the list of commands, and
 * the table for completion and tests. Only base/program/cli.c calls this. */
#pragma once

#include "base/program/cli.h"

/* The i-th table of a command's options: its own, those that it shares, those that every command
 * has; NULL past the last. Each ends with a row whose name is NULL. */
const struct sv_opt *sv_cli_opts(const struct sv_cmd *cmd, size_t i);
void sv_cli_print_help(const char *program, const struct sv_cmd *cmd);
/* `group` "": all commands under their headings; else those whose first word it is. */
void sv_cli_print_commands(const char *program, const char *about, const struct sv_cmd *cmds,
                           const char *group);
void sv_cli_print_table(const char *program, const struct sv_cmd *cmds);
/* One line of JSON. */
void sv_cli_print_json(const struct sv_json *j);
