/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts with their settings, as text (tests/unit/hosts): a line is
 *   shape NAME          the machine itself, one of tests/unit/host_tree.h
 *   PATH = VALUE        a file; "{0-511}" in its path is each of these numbers, "{}" in either is
 * it PATH ro= VALUE      one that cannot be written PATH -> TARGET      a link
 * "\n" in a value is a new line.
 * A line that begins with # is none. */
#pragma once

#include "tests/unit/host_tree.h"

static inline char *replace_host_number(const char *text, const char *part, size_t n, unsigned with)
{
        const char *at = strstr(text, part);

        return at ? sv_asprintf("%.*s%u%s", (int)(at - text), text, with, at + n)
                  : sv_asprintf("%s", text);
}

static inline void put_host_setting(const char *root, const char *path, const char *value,
                                    bool read_only)
{
        SV_STR line = sv_asprintf("%s\n", value);
        SV_STR full = sv_asprintf("%s/%s", root, path);

        for (char *at; (at = strstr(line, "\\n"));) {
                *at = '\n';
                memmove(at + 1, at + 2, strlen(at + 2) + 1);
        }
        put_host_file(root, line, "%s", path);
        if (read_only)
                assert_int_equal(chmod(full, 0444), 0);
}

static inline void put_host_line(const char *root, char *line)
{
        char *link = strstr(line, " -> "), *equal = strstr(line, " = "),
             *fixed = strstr(line, " ro= ");
        char *value = link ? link + 4 : equal ? equal + 3 : fixed ? fixed + 5 : NULL;
        unsigned from = 0, to = 0;
        char range[32] = "{}", *open;

        if (!value)
                fail_msg("a line of a host says nothing: %s", line);
        *(link ? link : equal ? equal : fixed) = 0;
        open = strchr(line, '{');
        if (open && sscanf(open, "{%u-%u}", &from, &to) == 2)
                snprintf(range, sizeof(range), "{%u-%u}", from, to);
        for (unsigned i = from; i <= to; i++) {
                SV_STR once = open ? replace_host_number(line, range, strlen(range), i)
                                   : sv_asprintf("%s", line);
                SV_STR path = replace_host_number(once, "{}", 2, i);
                SV_STR text = replace_host_number(value, "{}", 2, i);

                if (link)
                        put_host_link(root, text, path + 1);
                else
                        put_host_setting(root, path + 1, text, !equal);
        }
}

/* The host of tests/unit/hosts/NAME.host. */
static inline void put_host_settings(const char *root, const char *name)
{
        const char *source = getenv("SV_SOURCE");
        SV_STR path = sv_asprintf("%s/tests/unit/hosts/%s.host", source ? source : ".", name);
        FILE *f = fopen(path, "r");
        char line[512];

        if (!f)
                fail_msg("%s is missing", path);
        while (fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                if (!strncmp(line, "shape ", 6)) {
                        size_t i;

                        for (i = 0; i < N_HOSTS && strcmp(hosts[i].name, line + 6) != 0; i++)
                                ;
                        assert_true(i < N_HOSTS);
                        put_host(root, &hosts[i]);
                } else if (*line && *line != '#') {
                        put_host_line(root, line);
                }
        }
        fclose(f);
}
