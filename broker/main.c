/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm-broker: holds disk keys and gives them to guests that prove what they are. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/program/cli.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "base/program/log.h"
#include "base/core/secret.h"
#include "base/core/text.h"
#include "base/core/visible.h"
#include "base/program/colour.h"
#include "base/program/page.h"
#include "broker/audit-page.h"
#include "broker/backup.h"

static const struct sv_opt config_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {NULL, NULL, NULL, 0, false},
};

static const struct sv_opt init_opts[] = {
        {"dir", "DIR", "folder to make: keys, certificate, configuration, database", 'd', false},
        {"listen", "ADDR:PORT", "where to listen (default 127.0.0.1:8443; port 0: any free one)", 0,
         false},
        {"database", "ADDRESS",
         "a PostgreSQL database (postgresql://HOST/NAME) instead of a file in the folder", 0,
         false},
        {"name", "NAME", "a host name or address for the certificate", 0, true},
        {NULL, NULL, NULL, 0, false},
};

static const struct sv_opt audit_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"after", "ID", "only records with a higher id", 0, false},
        {"html", "FILE", "write the records as a page by itself, to attach to a ticket", 0, false},
        {"verify", NULL, "go through all records instead: nobody has changed, removed or added one",
         0, false},
        {"known", "ID:LINK",
         "with --verify: this record is there, and was the same (from audit_log)", 0, false},
        {"checks", NULL, "below each release, the checks of its policy one by one", 0, false},
        {NULL, NULL, NULL, 0, false},
};

static const struct sv_opt backup_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"out", "FILE", "the backup to write; a file that is there stays", 0, false},
        {NULL, NULL, NULL, 0, false},
};

static const struct sv_opt restore_opts[] = {
        {"config", "FILE", "the broker's configuration (made by init)", 'c', false},
        {"from", "FILE", "the backup", 0, false},
        {"replace", NULL, "also when the database has what the backup has not: that is lost", 0,
         false},
        {"unauthenticated", NULL,
         "also a backup from before there were MACs: with any policy that its writer put in", 0,
         false},
        {NULL, NULL, NULL, 0, false},
};

static int need_option(const struct sv_args *args, const char *option, const char **value,
                       struct sv_err *err)
{
        *value = sv_opt(args, option);
        return *value ? 0 : sv_fail(err, SV_USAGE, "cli.option", "--%s is needed", option);
}

static void set_pin(struct sv_json *result, const uint8_t pin[32])
{
        char hex[65];
        SV_STR text = sv_asprintf("sha256:%s", sv_hex(sv_bytes(pin, 32), hex));

        sv_json_set_str(result, "pin", text);
}

static int run_init(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *dir, *names[SV_ARGS_MAX + 1] = {NULL};
        const char *address = sv_opt(args, "listen");
        uint8_t pin[32];

        for (int i = 0; i < SV_ARGS_MAX && (names[i] = sv_opt_nth(args, "name", i)); i++)
                ;
        if (need_option(args, "dir", &dir, err) < 0 ||
            sv_broker_init(dir, address ? address : "127.0.0.1:8443", sv_opt(args, "database"),
                           names, pin, err) < 0)
                return -1;
        *result = sv_json_object();
        SV_STR config = sv_asprintf("%s/config.json", dir);
        SV_STR key = sv_asprintf("%s/admin.key", dir);

        sv_json_set_str(*result, "config", config);
        sv_json_set_str(*result, "admin_key", key);
        set_pin(*result, pin);
        if (!sv_has(args, "json"))
                printf("config %s\nadmin-key %s\npin %s\n", config, key,
                       sv_json_str(sv_json_get(*result, "pin")));
        return 0;
}

static int run_serve(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        const char *config;

        if (need_option(args, "config", &config, err) < 0)
                return -1;
        if (sv_broker_open(config, &b, err) < 0)
                return -1;
        if (sv_broker_serve(&b, err) < 0)
                return -1;
        *result = sv_json_object();
        return 0;
}

/* Everything that serve would open, without serving. */
static int run_check(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        struct sv_audit_chain chain;
        const char *config;

        if (need_option(args, "config", &config, err) < 0)
                return -1;
        if (sv_broker_open(config, &b, err) < 0)
                return -1;
        if (sv_broker_read_tls(&b, err) < 0)
                return -1;
        if (sv_broker_enter(&b, err) < 0 || b.store->ops->check(b.store, err) < 0 ||
            b.store->ops->check_audit(b.store, NULL, &chain, err) < 0)
                return -1;
        *result = sv_json_object();
        SV_STR where = sv_asprintf("%s:%u", b.config.address, (unsigned)b.config.port);

        sv_json_set_str(*result, "listen", where);
        set_pin(*result, b.pin);
        if (!sv_has(args, "json"))
                printf("listen %s\npin %s\n", where, sv_json_str(sv_json_get(*result, "pin")));
        return 0;
}

static int report_backup(const struct sv_args *args, const char *file,
                         const struct sv_backup_count *count, struct sv_json **result)
{
        *result = sv_json_object();
        sv_json_set_str(*result, "file", file);
        sv_json_set_int(*result, "resources", count->resources);
        sv_json_set_int(*result, "versions", count->versions);
        sv_json_set_int(*result, "policies", count->policies);
        if (!sv_has(args, "json"))
                printf("%s: %lld resources, %lld versions, every one opens under the kek; %lld "
                       "policies\n",
                       file, (long long)count->resources, (long long)count->versions,
                       (long long)count->policies);
        return 0;
}

/* Against the database of before: an older backup brings older policies. */
static void report_policies(const struct sv_args *args, const struct sv_policy_changes *n,
                            struct sv_json *result)
{
        if (!n->known) {
                sv_warn("what the database had for policies could not be read: look at each of "
                        "those that there are now");
                return;
        }
        sv_json_set_int(result, "policies_changed", n->changed);
        sv_json_set_int(result, "policies_lost", n->lost);
        sv_json_set_int(result, "policies_added", n->added);
        if (!sv_has(args, "json"))
                printf("policies against those of before: %lld changed, %lld lost, %lld added\n",
                       (long long)n->changed, (long long)n->lost, (long long)n->added);
}

static void report_unauthenticated(const struct sv_restore *r, struct sv_json *result)
{
        if (!r->unauthenticated)
                return;
        sv_json_set_bool(result, "unauthenticated", true);
        sv_warn("%s was not authenticated: its policies are what whoever wrote it chose", r->from);
}

static int open_to_work(const struct sv_args *args, const char *option, const char **value,
                        struct sv_broker *b, struct sv_err *err)
{
        const char *config;

        if (need_option(args, "config", &config, err) < 0 ||
            need_option(args, option, value, err) < 0)
                return -1;
        return sv_broker_open(config, b, err);
}

static int run_backup(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        struct sv_backup_count count;
        const char *out;

        if (open_to_work(args, "out", &out, &b, err) < 0 || sv_broker_enter(&b, err) < 0 ||
            sv_backup_make(&b, out, &count, err) < 0)
                return -1;
        return report_backup(args, out, &count, result);
}

static int run_restore(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        struct sv_restore r = {.replace = sv_has(args, "replace"),
                               .take_unauthenticated = sv_has(args, "unauthenticated")};

        if (open_to_work(args, "from", &r.from, &b, err) < 0 || sv_broker_read_keys(&b, err) < 0 ||
            sv_backup_restore(&b, &r, err) < 0 || report_backup(args, r.from, &r.count, result) < 0)
                return -1;
        report_policies(args, &r.policies, *result);
        report_unauthenticated(&r, *result);
        return 0;
}

static enum sv_colour colour_outcome(const char *outcome)
{
        if (!strcmp(outcome, "refused") || !strcmp(outcome, "failed"))
                return SV_COLOUR_RED;
        return strcmp(outcome, "released") ? SV_COLOUR_NONE : SV_COLOUR_GREEN;
}

/* Parts of a record are a stranger's words: nothing of them may steer the terminal. */
static void print_record(const struct sv_json *r, bool with_checks)
{
        const struct sv_json *checks = sv_json_get(r, "checks");
        SV_BUF line = SV_BUF_NULL;

        sv_buf_printf(&line, "%lld %s %s %s %s %s", (long long)sv_json_int(sv_json_get(r, "id"), 0),
                      sv_json_text(r, "time", "-"), sv_json_text(r, "peer", "-"),
                      sv_json_text(r, "action", "-"), sv_json_text(r, "resource", "-"),
                      sv_json_text(r, "outcome", "-"));
        if (sv_json_get(r, "check"))
                sv_buf_printf(&line, " [%s] %s", sv_json_text(r, "check", "-"),
                              sv_json_text(r, "message", "-"));
        else if (sv_json_get(r, "grounds"))
                sv_buf_printf(&line, " %s", sv_json_text(r, "grounds", "-"));
        sv_make_visible((char *)line.p, line.n, false);
        printf("%s%s%s\n",
               sv_colour(STDOUT_FILENO, colour_outcome(sv_json_text(r, "outcome", "-"))),
               sv_buf_str(&line), sv_colour(STDOUT_FILENO, SV_COLOUR_NONE));
        for (size_t i = 0; with_checks && i < sv_json_len(checks); i++) {
                const char *check = sv_json_str(sv_json_at(checks, i));
                SV_STR text = sv_asprintf("%s", check ? check : "-");

                sv_make_visible(text, strlen(text), false);
                printf("    %s\n", text);
        }
}

static int list_all(struct sv_store *store, int64_t after, struct sv_json *list, struct sv_err *err)
{
        size_t before;

        do {
                before = sv_json_len(list);
                if (before)
                        after = sv_json_int(sv_json_get(sv_json_at(list, before - 1), "id"),
                                            INT64_MAX);
                if (store->ops->list_audit(store, after, 1000, list, err) < 0)
                        return -1;
        } while (sv_json_len(list) > before);
        return 0;
}

static int write_audit_page(const char *path, const struct sv_json *list, struct sv_err *err)
{
        SV_BUF page = SV_BUF_NULL;

        sv_page_of_audit(list, &page);
        return sv_page_write(path, 0600, &page, err);
}

static int parse_known(const char *text, struct sv_audit_link *out, struct sv_err *err)
{
        const char *colon = strchr(text, ':');
        SV_STR id = sv_asprintf("%.*s", colon ? (int)(colon - text) : 0, text);
        SV_BUF link = SV_BUF_NULL;
        uint64_t number;

        if (!colon || sv_parse_u64(id, INT64_MAX, &number, "cli.option", NULL) < 0 ||
            sv_unhex(sv_bytes_str(colon + 1), &link, "cli.option", NULL) < 0 ||
            link.n != SV_LINK_SIZE)
                return sv_fail(
                        err, SV_USAGE, "cli.option",
                        "--known: expected ID:LINK, \"id\" and \"link\" of a line of the audit "
                        "log (a number, 64 hex digits), found \"%.80s\"",
                        text);
        out->id = (int64_t)number;
        memcpy(out->link, link.p, SV_LINK_SIZE);
        return 0;
}

static int verify_audit(const struct sv_args *args, struct sv_store *store, struct sv_json **result,
                        struct sv_err *err)
{
        const char *known = sv_opt(args, "known");
        struct sv_audit_link link = {0};
        struct sv_audit_chain chain;
        char hex[2 * SV_LINK_SIZE + 1];

        if (known && parse_known(known, &link, err) < 0)
                return -1;
        if (store->ops->check_audit(store, known ? &link : NULL, &chain, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_int(*result, "records", chain.linked);
        sv_json_set_int(*result, "before_the_chain", chain.older);
        sv_json_set_int(*result, "strangers", chain.strangers);
        if (chain.linked)
                sv_audit_note_link(*result, &chain.newest);
        if (sv_has(args, "json"))
                return 0;
        printf("%lld records follow each other", (long long)chain.linked);
        if (chain.older)
                printf(", %lld are from before there was a chain", (long long)chain.older);
        printf("; %lld of strangers stand beside it\n", (long long)chain.strangers);
        if (chain.linked)
                printf("newest %lld:%s\n", (long long)chain.newest.id,
                       sv_hex(sv_bytes(chain.newest.link, SV_LINK_SIZE), hex));
        return 0;
}

static int run_audit(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_BROKER_CONFIG config = {0};
        struct sv_store_place place = {NULL};
        SV_STORE *store = NULL;
        SV_JSON *list = sv_json_array();
        const char *path;
        uint64_t after = 0;

        if (need_option(args, "config", &path, err) < 0 ||
            sv_broker_config_read(path, &config, err) < 0 ||
            (sv_opt(args, "after") &&
             sv_parse_u64(sv_opt(args, "after"), INT64_MAX, &after, "cli.option", err) < 0))
                return -1;
        place.path = config.database;
        if (sv_store_open(&place, &store, err) < 0)
                return -1;
        if (sv_has(args, "verify") || sv_opt(args, "known"))
                return verify_audit(args, store, result, err);
        if (list_all(store, (int64_t)after, list, err) < 0)
                return -1;
        if (sv_opt(args, "html") && write_audit_page(sv_opt(args, "html"), list, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set(*result, "audit", sv_json_ref(list));
        for (size_t i = 0; !sv_has(args, "json") && !sv_has(args, "html") && i < sv_json_len(list);
             i++)
                print_record(sv_json_at(list, i), sv_has(args, "checks"));
        return 0;
}

static const struct sv_cmd commands[] = {
        {"init", "", "make a new broker", init_opts, run_init},
        {"serve", "", "serve guests and the administrator until SIGTERM", config_opts, run_serve},
        {"check", "", "check configuration, keys and database", config_opts, run_check},
        {"audit", "", "list who got what, who did not, and why", audit_opts, run_audit},
        {"backup", "", "copy the database while it is served, and verify the copy", backup_opts,
         run_backup},
        {"restore", "", "take back a backup, verified before and after", restore_opts, run_restore},
        {NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
        struct sv_err err = SV_ERR_NULL;

        if (sv_secret_harden_process(&err) < 0) {
                sv_log_init("secure-vm-broker", 0);
                sv_log_err(&err);
                return (int)err.class;
        }
        sv_colours_init();
        return sv_cli_main("secure-vm-broker",
                           "Key broker: gives disk keys to guests that prove what they are.",
                           commands, argc, argv);
}
