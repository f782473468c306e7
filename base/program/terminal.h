/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output as a program's text: certificates, evidence and a guest's words are in it. */
#pragma once

/* When standard output is a terminal, what is printed to `stdout` from now on passes
 * sv_make_visible; to a file or a pipe all bytes go as they are. Descriptor 1 itself is not
 * touched: a console's bytes are the terminal's to follow. */
void sv_terminal_guard_stdout(void);
