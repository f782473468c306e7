/* SPDX-License-Identifier: Apache-2.0 */
/* Text on terminals: certificates, evidence and a guest's words are in it. */
#pragma once

#include "base/core/buf.h"

/* When standard output is a terminal, what is printed to `stdout` from now on passes
 * sv_make_visible, but for the marks of colours (base/program/colour.h); to a file or a pipe all
 * bytes go as they are. Descriptor 1 itself is not touched: a console's bytes are the terminal's to
 * follow. */
void sv_terminal_guard_stdout(void);
/* A copy of one line of others ("" of NULL), made fit for a terminal; the caller frees. */
char *sv_copy_visible(const char *text);
/* Columns of the terminal that this descriptor is, at least 40; 0: it is none. */
size_t sv_terminal_width(int fd);
/* Columns that a text takes: its characters (UTF-8), none of them wide. */
size_t sv_text_columns(const char *text);
/* Bytes of the text's beginning that take at most so many columns. */
size_t sv_text_prefix(const char *text, size_t columns);
/* Appends words, broken between them before column `width` (0: never). The first is at column `at`,
 * lines after the first begin with `indent` blanks; newlines of the text stay. */
void sv_wrap_text(struct sv_buf *out, const char *text, size_t at, size_t indent, size_t width);
