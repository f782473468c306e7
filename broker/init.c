/* SPDX-License-Identifier: Apache-2.0 */
/* A new broker: its folder, keys, certificate, configuration and database. */
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/core/file.h"
#include "broker/broker.h"

/* clients pin the key; the dates matter to those who use the certificate as a CA */
#define CERT_YEARS 10
#define DAY        86400
#define NAMES_MAX  32

static int write_in_dir(const char *dir, const char *name, unsigned mode, struct sv_bytes data,
                        struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        return sv_file_write(path, mode, data, err);
}

static int write_private_key(const char *dir, const char *name, const struct sv_key *key,
                             struct sv_err *err)
{
        SV_SECRET *pem = NULL;

        if (sv_key_private_pem(key, &pem, err) < 0)
                return -1;
        return write_in_dir(dir, name, 0600, sv_bytes(sv_secret_reveal(pem), sv_secret_size(pem)),
                            err);
}

static int make_tls(const char *dir, const char *const *names, uint8_t pin[32], struct sv_err *err)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, err);
        int64_t now = time(NULL);
        SV_CERT *cert = key ? sv_cert_self_signed(key, "secure-vm-broker", names, now - DAY,
                                                  now + CERT_YEARS * 365LL * DAY, err)
                            : NULL;
        SV_BUF pem = SV_BUF_NULL, spki = SV_BUF_NULL;

        if (!cert)
                return -1;
        if (sv_cert_pem(cert, &pem, err) < 0)
                return -1;
        if (sv_key_spki(key, &spki, err) < 0)
                return -1;
        if (sv_digest(SV_SHA256, sv_buf_bytes(&spki), pin, err) < 0)
                return -1;
        if (write_private_key(dir, "tls.key", key, err) < 0)
                return -1;
        return write_in_dir(dir, "tls.crt", 0644, sv_buf_bytes(&pem), err);
}

static int make_keys(const char *dir, struct sv_secret **made, struct sv_err *err)
{
        SV_KEY *token = sv_key_generate(SV_KEY_P256, 0, err);
        SV_KEY *admin = token ? sv_key_generate(SV_KEY_P256, 0, err) : NULL;
        SV_SECRET *kek = admin ? sv_secret_random(32, err) : NULL;
        SV_BUF pub = SV_BUF_NULL;

        if (!kek)
                return -1;
        if (sv_key_public_pem(admin, &pub, err) < 0)
                return -1;
        if (write_private_key(dir, "token.key", token, err) < 0)
                return -1;
        if (write_private_key(dir, "admin.key", admin, err) < 0)
                return -1;
        if (write_in_dir(dir, "admin.pub", 0644, sv_buf_bytes(&pub), err) < 0)
                return -1;
        if (write_in_dir(dir, "kek", 0600, sv_bytes(sv_secret_reveal(kek), sv_secret_size(kek)),
                         err) < 0)
                return -1;
        *made = kek;
        kek = NULL;
        return 0;
}

/* One that is there already is of another kek, and refused. */
static int make_database(const char *dir, const char *address, struct sv_secret *kek,
                         struct sv_err *err)
{
        SV_SECRET *key = sv_broker_store_key(kek, err);
        SV_STR path = address ? sv_asprintf("%s", address) : sv_asprintf("%s/broker.db", dir);
        SV_STR serial = sv_asprintf("%s/serial", dir);
        SV_STR lock = sv_asprintf("%s/kek", dir);
        const struct sv_store_place place = {path, serial, lock, key};
        SV_STORE *store = NULL;

        if (!key || sv_store_open(&place, &store, err) < 0)
                return -1;
        return store->ops->verify(store, err);
}

/* A broker's configuration, which is right. The caller frees `text`. */
static int print_config(const char *dir, const char *address, const char *database,
                        struct sv_buf *text, struct sv_err *err)
{
        static const char *const paths[][2] = {{"tls_key", "tls.key"},
                                               {"tls_cert", "tls.crt"},
                                               {"token_key", "token.key"},
                                               {"admin_pub", "admin.pub"},
                                               {"kek", "kek"},
                                               {"serial", "serial"},
                                               {"database", "broker.db"},
                                               {"audit_log", "audit.jsonl"},
                                               {"port_file", "port"}};
        SV_JSON *j = sv_json_object();
        SV_BROKER_CONFIG check = {0};

        sv_json_set_str(j, "listen", address);
        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
                sv_json_set_str(j, paths[i][0], paths[i][1]);
        if (database)
                sv_json_set_str(j, "database", database);
        sv_json_pretty(j, text);
        if (sv_buf_ok(text, "the configuration", err) < 0)
                return -1;
        return sv_broker_config_parse(sv_buf_bytes(text), dir, &check, err);
}

int sv_broker_init(const char *dir, const char *address, const char *database,
                   const char *const *names, uint8_t pin[32], struct sv_err *err)
{
        /* 10.0.2.2 is the host as guests on QEMU's user network see it. */
        const char *all[NAMES_MAX + 4] = {"localhost", "127.0.0.1", "10.0.2.2"};
        SV_STR config = sv_asprintf("%s/config.json", dir);
        SV_BUF text = SV_BUF_NULL;
        SV_SECRET *kek = NULL;
        struct stat st;
        size_t n = 3;

        for (size_t i = 0; names && names[i]; i++) {
                if (i == NAMES_MAX)
                        return sv_fail(err, SV_USAGE, "broker.init.names",
                                       "at most %d names can be given", NAMES_MAX);
                all[n++] = names[i];
        }
        if (stat(config, &st) == 0)
                return sv_fail(err, SV_USAGE, "broker.init.exists",
                               "%s exists: this is a broker already", config);
        if (database && sv_store_is_file(database))
                return sv_fail(err, SV_USAGE, "broker.config.database",
                               "expected the address of a PostgreSQL database "
                               "(postgresql://HOST/NAME), found '%s'; without one the database is "
                               "a file in the broker's folder",
                               database);
        if ((database && sv_store_check_address(database, err) < 0) ||
            print_config(dir, address, database, &text, err) < 0 || sv_mkdirs(dir, 0700, err) < 0)
                return -1;
        if (make_tls(dir, all, pin, err) < 0)
                return -1;
        if (make_keys(dir, &kek, err) < 0)
                return -1;
        if (make_database(dir, database, kek, err) < 0)
                return -1;
        /* Last: a folder with a configuration is complete. */
        return write_in_dir(dir, "config.json", 0644, sv_buf_bytes(&text), err);
}
