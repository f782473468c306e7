/* SPDX-License-Identifier: Apache-2.0 */
/* What a check means and what to do, as docs/CHECKS.md has it. */
#pragma once

struct sv_check_row {     /* the last one has name NULL */
        const char *name; /* "<n>" in it stands for a number, "<...>" for any text without a '.' */
        const char *meaning, *cure;
};
extern const struct sv_check_row sv_check_rows[];

/* NULL: there is no such check. */
const struct sv_check_row *sv_check_find(const char *check);
