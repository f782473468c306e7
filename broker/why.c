/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/why.h"

#include <stdbool.h>
#include <string.h>

/* What "<…>" stands for in a name: at least one character, up to what stands behind it. */
static bool is_name_of(const char *row, const char *check)
{
        const char *close;
        size_t n;

        for (; *row && *row != '<'; row++, check++)
                if (*row != *check)
                        return false;
        if (!*row)
                return !*check;
        close = strchr(row, '>');
        if (!close)
                return false;
        n = strspn(check, "abcdefghijklmnopqrstuvwxyz0123456789_-");
        for (size_t i = n; i > 0; i--)
                if (is_name_of(close + 1, check + i))
                        return true;
        return false;
}

const struct sv_check_row *sv_check_find(const char *check)
{
        const struct sv_check_row *r = sv_check_rows;

        while (r->name && strcmp(r->name, check))
                r++;
        if (r->name)
                return r;
        for (r = sv_check_rows; r->name; r++)
                if (is_name_of(r->name, check))
                        return r;
        return NULL;
}
