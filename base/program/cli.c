/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/text.h"
#include "base/json/json.h"
#include "base/program/cli-help.h"
#include "base/program/log.h"
#include "base/program/memory.h"
#include "base/program/terminal.h"

bool sv_has(const struct sv_args *args, const char *option)
{
        return sv_opt_nth(args, option, 0) != NULL;
}

const char *sv_opt(const struct sv_args *args, const char *option)
{
        const char *last = NULL, *v;

        for (int i = 0; (v = sv_opt_nth(args, option, i)); i++)
                last = v;
        return last;
}

const char *sv_opt_nth(const struct sv_args *args, const char *option, int nth)
{
        for (int i = 0; i < args->n_opts; i++)
                if (!strcmp(args->opts[i].opt->name, option) && nth-- == 0)
                        return args->opts[i].value;
        return NULL;
}

static const struct sv_opt *find_in(const struct sv_opt *opts, const char *name, size_t n,
                                    char letter)
{
        for (; opts && opts->name; opts++)
                if (letter ? opts->letter == letter
                           : strlen(opts->name) == n && !strncmp(opts->name, name, n))
                        return opts;
        return NULL;
}

static const struct sv_opt *find_opt(const struct sv_cmd *cmd, const char *name, size_t n,
                                     char letter)
{
        const struct sv_opt *opt = NULL, *table;

        for (size_t i = 0; !opt && (table = sv_cli_opts(cmd, i)); i++)
                opt = find_in(table, name, n, letter);
        return opt;
}

/* `word` is what was given, n the length of the name in it. */
static int fail_unknown_option(const struct sv_args *args, const char *word, size_t n,
                               struct sv_err *err)
{
        const struct sv_cmd *cmd = args->cmd;
        const char *nearest = NULL;
        const struct sv_opt *table;
        unsigned best = SV_NEAR_EDITS;
        char name[32] = "";

        if (n < sizeof(name))
                memcpy(name, word + 2, n);
        for (size_t i = 0; (table = sv_cli_opts(cmd, i)); i++)
                for (; table->name; table++)
                        sv_keep_nearer(name, table->name, &nearest, &best);
        if (nearest)
                return sv_fail(err, SV_USAGE, "cli.option",
                               "%s is not an option of \"%s%s%s\"; did you mean --%s?", word,
                               args->program, *cmd->name ? " " : "", cmd->name, nearest);
        return sv_fail(err, SV_USAGE, "cli.option", "%s is not an option of \"%s%s%s\"; see --help",
                       word, args->program, *cmd->name ? " " : "", cmd->name);
}

static int add_opt(struct sv_args *args, const struct sv_opt *opt, const char *value,
                   struct sv_err *err)
{
        if (!opt->many && sv_has(args, opt->name))
                return sv_fail(err, SV_USAGE, "cli.option", "--%s is given twice", opt->name);
        if (args->n_opts == SV_ARGS_MAX)
                return sv_fail(err, SV_USAGE, "cli.option", "more than %d options", SV_ARGS_MAX);
        args->opts[args->n_opts].opt = opt;
        args->opts[args->n_opts++].value = value ? value : "";
        return 0;
}

/* One "--name", "--name=value", "--name value" or "-x [value]" at argv[*i]. */
static int take_opt(struct sv_args *args, int argc, char **argv, int *i, struct sv_err *err)
{
        const char *word = argv[*i], *eq = NULL, *value = NULL;
        const struct sv_opt *opt;
        size_t n = 0;

        if (word[1] == '-') {
                eq = strchr(word, '=');
                n = eq ? (size_t)(eq - word - 2) : strlen(word + 2);
                opt = find_opt(args->cmd, word + 2, n, 0);
        } else {
                opt = word[2] ? NULL : find_opt(args->cmd, NULL, 0, word[1]);
        }
        if (!opt)
                return fail_unknown_option(args, word, n, err);
        if (!opt->arg && eq)
                return sv_fail(err, SV_USAGE, "cli.option", "--%s takes no value", opt->name);
        if (opt->arg) {
                value = eq ? eq + 1 : *i + 1 < argc ? argv[++*i] : NULL;
                if (!value)
                        return sv_fail(err, SV_USAGE, "cli.option", "--%s takes a value: %s",
                                       opt->name, opt->arg);
        }
        return add_opt(args, opt, value, err);
}

/* "A B [C]" wants two and takes three; "A..." takes any number from one. */
static int check_count(const struct sv_args *args, struct sv_err *err)
{
        const char *spec = args->cmd->args;
        int need = 0, most = 0;

        for (const char *p = spec; *p; p += strcspn(p, " ")) {
                p += strspn(p, " ");
                need += *p != '[';
                most++;
        }
        if (strstr(spec, "..."))
                most = SV_ARGS_MAX;
        if (args->n >= need && args->n <= most)
                return 0;
        return sv_fail(err, SV_USAGE, "cli.arguments",
                       "expected %s, found %d argument%s; see --help",
                       *spec ? spec : "no arguments", args->n, args->n == 1 ? "" : "s");
}

static int parse(struct sv_args *args, int argc, char **argv, struct sv_err *err)
{
        bool only_words = false;

        for (int i = 0; i < argc; i++) {
                if (!only_words && !strcmp(argv[i], "--")) {
                        only_words = true;
                } else if (!only_words && argv[i][0] == '-' && argv[i][1]) {
                        if (take_opt(args, argc, argv, &i, err) < 0)
                                return -1;
                } else if (args->n == SV_ARGS_MAX) {
                        return sv_fail(err, SV_USAGE, "cli.arguments", "more than %d arguments",
                                       SV_ARGS_MAX);
                } else {
                        args->pos[args->n++] = argv[i];
                }
        }
        return sv_has(args, "help") ? 0 : check_count(args, err);
}

/* The row for argv[0] or for "argv[0] argv[1]"; *words says how many were used. */
static const struct sv_cmd *find_cmd(const struct sv_cmd *cmds, int argc, char **argv, int *words)
{
        if (!*cmds->name) {
                *words = 0;
                return cmds;
        }
        for (*words = 2; *words > 0; (*words)--) {
                char name[64];

                if (argc < *words)
                        continue;
                snprintf(name, sizeof(name), *words == 2 ? "%s %s" : "%s", argv[0], argv[1]);
                for (const struct sv_cmd *c = cmds; c->name; c++)
                        if (!strcmp(c->name, name))
                                return c;
        }
        return NULL;
}

static bool is_group(const struct sv_cmd *cmds, const char *word)
{
        size_t n = strlen(word);

        for (; cmds->name; cmds++)
                if (!strncmp(cmds->name, word, n) && cmds->name[n] == ' ')
                        return true;
        return false;
}

/* The nearest whole name, of one word or of two; none of another group. */
static int fail_unknown_command(const char *program, const struct sv_cmd *cmds, int argc,
                                char **argv, struct sv_err *err)
{
        const char *nearest = NULL;
        unsigned best = SV_NEAR_EDITS;
        char two[64] = "";

        if (argv[0][0] == '-')
                return sv_fail(err, SV_USAGE, "cli.command",
                               "expected a command, found %s: options come after the command; "
                               "\"%s --help\" lists the commands",
                               argv[0], program);
        if (argc > 1 && argv[1][0] != '-')
                snprintf(two, sizeof(two), "%s %s", argv[0], argv[1]);
        for (const struct sv_cmd *c = cmds; c->name && !c->absent; c++)
                sv_keep_nearer(strchr(c->name, ' ') ? two : argv[0], c->name, &nearest, &best);
        if (nearest)
                return sv_fail(err, SV_USAGE, "cli.command",
                               "\"%s\" is not a command; did you mean \"%s %s\"?",
                               strchr(nearest, ' ') ? two : argv[0], program, nearest);
        return sv_fail(err, SV_USAGE, "cli.command",
                       "\"%s%s%s\" is not a command; \"%s --help\" lists them", argv[0],
                       is_group(cmds, argv[0]) && *two ? " " : "",
                       is_group(cmds, argv[0]) && *two ? argv[1] : "", program);
}

static int add_found(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        if (!sv_json_get(arg, name))
                sv_json_set(arg, name, sv_json_ref(value));
        return 0;
}

/* The result has what a command found before it failed, together with the error. */
static int report_error(const struct sv_err *err, bool json, struct sv_json *found)
{
        sv_log_err(err);
        if (json) {
                SV_JSON *j = sv_err_json(err);

                sv_json_each(found, add_found, j, NULL);
                sv_cli_print_json(j);
        }
        return err->class ? (int)err->class : SV_SYSTEM;
}

static int run(struct sv_args *args)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *result = NULL;

        if (args->cmd->run(args, &result, &err) < 0)
                return report_error(&err, sv_has(args, "json"), result);
        if (sv_has(args, "json")) {
                if (!result)
                        result = sv_json_object();
                if (!sv_json_get(result, "ok"))
                        sv_json_set_bool(result, "ok", true);
                sv_cli_print_json(result);
        }
        if (fflush(stdout) != 0 || ferror(stdout)) {
                sv_fail_errno(&err, "cli.stdout", "cannot write to standard output");
                return report_error(&err, false, NULL);
        }
        return 0;
}

static bool json_wanted(int argc, char **argv)
{
        for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
                if (!strcmp(argv[i], "--json"))
                        return true;
        return false;
}

static int print_version(const char *program, bool json)
{
        SV_JSON *j = sv_json_object();

        if (!json)
                return printf("%s %s\n", program, SV_VERSION) < 0 ? SV_SYSTEM : 0;
        sv_json_set_str(j, "program", program);
        sv_json_set_str(j, "version", SV_VERSION);
        sv_json_set_bool(j, "ok", true);
        sv_cli_print_json(j);
        return 0;
}

static int help_about(const char *program, const char *about, const struct sv_cmd *cmds, int argc,
                      char **argv)
{
        int words = 0;
        const struct sv_cmd *cmd = find_cmd(cmds, argc, argv, &words);

        if (cmd && !cmd->absent)
                return sv_cli_print_help(program, cmd), 0;
        if (cmd)
                printf("%s: %s\n", cmd->name, cmd->absent);
        else
                sv_cli_print_commands(program, about, cmds, argv[0]);
        return SV_USAGE;
}

static int run_program(const char *program, const char *about, const struct sv_cmd *cmds, int argc,
                       char **argv)
{
        struct sv_args args = {.program = program};
        struct sv_err err = SV_ERR_NULL;
        int words = 0;

        sv_log_init(program, 0);
        argc--, argv++;
        if (argc && !strcmp(argv[0], "--version"))
                return print_version(program, json_wanted(argc, argv));
        if (argc && !strcmp(argv[0], "--table"))
                return sv_cli_print_table(program, cmds), 0;
        if (argc >= 2 && !strcmp(argv[0], "help"))
                return help_about(program, about, cmds, argc - 1, argv + 1);
        args.cmd = find_cmd(cmds, argc, argv, &words);
        if (!args.cmd) {
                bool asked = argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h") ||
                                      !strcmp(argv[0], "help"));

                if (asked || !argc ||
                    (is_group(cmds, argv[0]) && (argc == 1 || argv[1][0] == '-'))) {
                        sv_cli_print_commands(program, about, cmds, argc && !asked ? argv[0] : "");
                        return asked ? 0 : SV_USAGE;
                }
                fail_unknown_command(program, cmds, argc, argv, &err);
                return report_error(&err, json_wanted(argc, argv), NULL);
        }
        if (args.cmd->absent) {
                sv_fail(&err, SV_USAGE, "cli.absent", "%s: %s", args.cmd->name, args.cmd->absent);
                return report_error(&err, json_wanted(argc, argv), NULL);
        }
        if (parse(&args, argc - words, argv + words, &err) < 0)
                return report_error(&err, json_wanted(argc, argv), NULL);
        if (sv_has(&args, "help"))
                return sv_cli_print_help(program, args.cmd), 0;
        sv_log_init(program, sv_has(&args, "quiet") ? -1 : sv_has(&args, "verbose") ? 1 : 0);
        return run(&args);
}

int sv_cli_main(const char *program, const char *about, const struct sv_cmd *cmds, int argc,
                char **argv)
{
        int status;

        sv_memory_print_json(json_wanted(argc, argv));
        sv_terminal_guard_stdout();
        status = run_program(program, about, cmds, argc, argv);
        fflush(stdout);
        sv_memory_answered(status);
        return status;
}
