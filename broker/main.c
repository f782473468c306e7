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
#include "broker/backup.h"
#include "broker/cmd-audit.h"
#include "broker/cmd-kek.h"
#include "broker/cmd-migrate.h"
#include "broker/head.h"

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
        if (sv_need_option(args, "dir", &dir, err) < 0 ||
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

        if (sv_need_option(args, "config", &config, err) < 0)
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

        if (sv_need_option(args, "config", &config, err) < 0)
                return -1;
        if (sv_broker_open(config, &b, err) < 0)
                return -1;
        if (sv_broker_read_tls(&b, err) < 0)
                return -1;
        if (sv_broker_enter(&b, err) < 0 || b.store->ops->check(b.store, err) < 0 ||
            b.store->ops->check_audit(b.store, NULL, &chain, err) < 0 ||
            sv_head_check_cut(&chain, b.token_key, err) < 0)
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

        if (sv_need_option(args, "config", &config, err) < 0 ||
            sv_need_option(args, option, value, err) < 0)
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

static const struct sv_cmd commands[] = {
        {"init", "", "make a new broker", init_opts, run_init},
        {"serve", "", "serve guests and the administrator until SIGTERM", config_opts, run_serve},
        {"check", "", "check configuration, keys and database", config_opts, run_check},
        {"audit", "", "list who got what, who did not, and why", sv_audit_opts, sv_run_audit},
        {"audit search", "", "list the records of a time, a resource, a machine, a check",
         sv_audit_search_opts, sv_run_audit_search},
        {"audit export", "", "write the records as lines of JSON that prove themselves",
         sv_audit_export_opts, sv_run_audit_export},
        {"audit cut", "", "export what is older, and take it out of the database",
         sv_audit_cut_opts, sv_run_audit_cut},
        {"why", "ID", "explain one record: what failed, what it means, what to do", sv_why_opts,
         sv_run_why},
        {"backup", "", "copy the database while it is served, and verify the copy", backup_opts,
         run_backup},
        {"restore", "", "take back a backup, verified before and after", restore_opts, run_restore},
        {"migrate", "", "show the database's version, or bring it back for an older program",
         sv_migrate_opts, sv_run_migrate},
        {"kek show", "", "show what keeps the key-encryption key", sv_kek_show_opts,
         sv_run_kek_show},
        {"kek seal", "", "have the key-encryption key kept by a TPM, a token or a file",
         sv_kek_seal_opts, sv_run_kek_seal},
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
