/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/cli-help.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/json/json.h"
#include "base/program/terminal.h"

/* Options that every command has. */
static const struct sv_opt common[] = {
        {"json", NULL, "print one JSON object on standard output", 0, false},
        {"help", NULL, "show this help", 'h', false},
        {"verbose", NULL, "say more on standard error", 'v', false},
        {"quiet", NULL, "say nothing but errors", 'q', false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_opt *sv_cli_opts(const struct sv_cmd *cmd, size_t i)
{
        static const struct sv_opt none[] = {{NULL, NULL, NULL, 0, false}};
        size_t n = 0;

        while (cmd->more_opts && cmd->more_opts(n))
                n++;
        if (i == 0)
                return cmd->opts ? cmd->opts : none;
        return i <= n ? cmd->more_opts(i - 1) : i == n + 1 ? common : NULL;
}

/* Two columns; what does not fit into the first has the second below it. */
static void print_row(const char *left, size_t column, const char *text)
{
        SV_BUF wrapped = SV_BUF_NULL;
        size_t n = sv_text_columns(left);
        bool below = n + 2 > column;

        sv_wrap_text(&wrapped, text, column, column, sv_terminal_width(STDOUT_FILENO));
        printf("%s%s%*s%s\n", left, below ? "\n" : "", (int)(below ? column : column - n), "",
               sv_buf_str(&wrapped));
}

static void print_opts(const struct sv_opt *opts)
{
        for (; opts->name; opts++) {
                char left[64], letter[8] = "    ";

                if (opts->letter)
                        snprintf(letter, sizeof(letter), "-%c, ", opts->letter);
                snprintf(left, sizeof(left), "  %s--%s%s%s", letter, opts->name,
                         opts->arg ? " " : "", opts->arg ? opts->arg : "");
                print_row(left, 35, opts->help);
        }
}

void sv_cli_print_help(const char *program, const struct sv_cmd *cmd)
{
        const struct sv_opt *opts;
        SV_BUF about = SV_BUF_NULL;

        sv_wrap_text(&about, cmd->help, 0, 0, sv_terminal_width(STDOUT_FILENO));
        printf("usage: %s%s%s%s%s [options]\n%s\n\n", program, *cmd->name ? " " : "", cmd->name,
               *cmd->args ? " " : "", cmd->args, sv_buf_str(&about));
        for (size_t i = 0; (opts = sv_cli_opts(cmd, i)); i++)
                print_opts(opts);
}

void sv_cli_print_commands(const char *program, const char *about, const struct sv_cmd *cmds,
                           const char *group)
{
        size_t n = strlen(group);

        printf("usage: %s COMMAND [arguments] [options]\n%s\n\n", program, about);
        for (; cmds->name && !cmds->absent; cmds++) {
                char left[96];

                if (n && (strncmp(cmds->name, group, n) != 0 || cmds->name[n] != ' '))
                        continue;
                if (cmds->heading && !n)
                        printf("%s\n", cmds->heading);
                snprintf(left, sizeof(left), "  %s%s%s", cmds->name, *cmds->args ? " " : "",
                         cmds->args);
                print_row(left, 35, cmds->help);
        }
        printf("\n\"%s COMMAND --help\" shows a command's options. Exit status: 0 done, 2 usage,\n"
               "3 system or network, 4 malformed input, 5 the proof does not hold, 6 the policy\n"
               "says no.\n",
               program);
}

static struct {
        const char *option, *values;
} known;

void sv_cli_set_values(const char *option, const char *values)
{
        known.option = option;
        known.values = values;
}

static void add_opts(struct sv_json *list, const struct sv_opt *opts)
{
        for (; opts->name; opts++) {
                struct sv_json *o = sv_json_add(list, sv_json_object());

                sv_json_set_str(o, "name", opts->name);
                sv_json_set_str(o, "argument", opts->arg);
                sv_json_set_str(o, "help", opts->help);
                if (opts->arg && known.option && !strcmp(opts->name, known.option))
                        sv_json_set_str(o, "values", known.values);
        }
}

void sv_cli_print_json(const struct sv_json *j)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(j, &text);
        puts(sv_buf_str(&text));
}

void sv_cli_print_table(const char *program, const struct sv_cmd *cmds)
{
        SV_JSON *j = sv_json_object();
        struct sv_json *list, *options;
        const struct sv_opt *opts;

        sv_json_set_str(j, "program", program);
        list = sv_json_set(j, "commands", sv_json_array());
        for (; cmds->name && !cmds->absent; cmds++) {
                struct sv_json *c = sv_json_add(list, sv_json_object());

                sv_json_set_str(c, "name", cmds->name);
                sv_json_set_str(c, "arguments", cmds->args);
                sv_json_set_str(c, "help", cmds->help);
                options = sv_json_set(c, "options", sv_json_array());
                for (size_t i = 0; (opts = sv_cli_opts(cmds, i)) && opts != common; i++)
                        add_opts(options, opts);
        }
        add_opts(sv_json_set(j, "common", sv_json_array()), common);
        sv_cli_print_json(j);
}
