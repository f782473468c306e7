/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm list: what there is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/program/terminal.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/keeper/keeper.h"

static bool has_guest(const struct sv_json *rows, const char *name)
{
        for (size_t i = 0; i < sv_json_len(rows); i++)
                if (!strcmp(sv_json_text(sv_json_at(rows, i), "name", "-"), name))
                        return true;
        return false;
}

/* A definition that cannot be read is listed with the reason. */
static void add_defined(struct sv_json *rows, const char *name)
{
        struct sv_json *row = sv_json_add(rows, sv_json_object());
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0};

        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "state", "defined");
        if (sv_defined_read(name, &g, &err) == 0) {
                sv_json_set_str(row, "tee", g.tee);
                sv_json_set_str(row, "guest_file", g.file);
        } else {
                sv_put_error(sv_json_set(row, "error", sv_json_object()), &err);
        }
}

/* Those that were never started here, or were forgotten. */
static int add_all_defined(struct sv_json *rows, struct sv_err *err)
{
        SV_JSON *names = NULL;

        if (sv_defined_list(&names, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(names); i++)
                if (!has_guest(rows, sv_json_str(sv_json_at(names, i))))
                        add_defined(rows, sv_json_str(sv_json_at(names, i)));
        return 0;
}

/* The last column: why a guest failed; on a terminal as much of it as its line has room for. */
static void print_reason(const struct sv_json *error, size_t at)
{
        size_t width = sv_terminal_width(STDOUT_FILENO);
        SV_STR text = error ? sv_asprintf("[%s] %s", sv_json_text(error, "check", "-"),
                                          sv_json_text(error, "message", "-"))
                            : NULL;

        if (text && width && at + strlen(text) > width)
                printf(" %.*s...\n", (int)(width > at + 4 ? width - at - 4 : 0), text);
        else
                printf("%s%s\n", text ? " " : "", text ? text : "");
}

static enum sv_colour colour_state(const char *state)
{
        if (!strcmp(state, "unlocked"))
                return SV_COLOUR_GREEN;
        return !strcmp(state, "failed") || !strcmp(state, "killed") ? SV_COLOUR_RED
                                                                    : SV_COLOUR_NONE;
}

/* A libvirt daemon may have guests that are not ours. */
static const char *describe_tee(const struct sv_json *row)
{
        return sv_json_bool(sv_json_get(row, "ours"), true) ? sv_json_text(row, "tee", "-")
                                                            : "other";
}

static void print_guest(const struct sv_json *r)
{
        const char *state = sv_json_text(r, "state", "-");
        enum sv_colour colour = colour_state(state);
        int n = printf("%-24s %s%-10s%s %-8s %-6s %-20s", sv_json_text(r, "name", "-"),
                       sv_colour(STDOUT_FILENO, colour), state,
                       sv_colour(STDOUT_FILENO, SV_COLOUR_NONE), describe_tee(r),
                       sv_json_text(r, "accelerator", "-"), sv_json_text(r, "since", "-"));

        n -= (int)(strlen(sv_colour(STDOUT_FILENO, colour)) +
                   strlen(sv_colour(STDOUT_FILENO, SV_COLOUR_NONE)));

        print_reason(sv_json_get(r, "error"), n > 0 ? (size_t)n : 0);
}

static int run_list(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");
        struct sv_json *rows;

        *result = sv_json_object();
        rows = sv_json_set(*result, "guests", sv_json_array());
        if (sv_keeper_choose(uri)->list(uri, rows, err) < 0 ||
            (sv_has(args, "all") && add_all_defined(rows, err) < 0))
                return -1;
        if (sv_has(args, "json"))
                return 0;
        printf("%-24s %-10s %-8s %-6s %-20s %s\n", "NAME", "STATE", "TEE", "ACCEL", "SINCE", "WHY");
        for (size_t i = 0; i < sv_json_len(rows); i++)
                print_guest(sv_json_at(rows, i));
        return 0;
}

static const struct sv_opt list_opts[] = {
        {"all", NULL, "also the guests that are defined and were not started", 'a', false},
        {"connect", "URI", "the guests of this libvirt instead of our own", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_list = {"list", "", "the guests of this host", list_opts, run_list};
