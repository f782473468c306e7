/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/config.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/member.h"
#include "broker/store/store.h"

#define CONFIG_MAX  (64u << 10)
#define OTHER_FILES 64 /* open in the network's process beside those of connections */

enum kind { STRING, PATH, INT };

/* The whole configuration as a table: name, where it goes, default, range. */
static const struct row {
        const char *name;
        enum kind kind;
        size_t at;
        const char *text; /* default of STRING and PATH; NULL: stays NULL */
        int64_t otherwise, min, max;
} rows[] = {
        {"listen", STRING, offsetof(struct sv_broker_config, address), "127.0.0.1:8443", 0, 0, 0},
        {"oldest_protocol", STRING, offsetof(struct sv_broker_config, oldest_protocol), "0.4.0", 0,
         0, 0},
        {"metrics_listen", STRING, offsetof(struct sv_broker_config, metrics), NULL, 0, 0, 0},
        {"tls_key", PATH, offsetof(struct sv_broker_config, tls_key), "tls.key", 0, 0, 0},
        {"tls_cert", PATH, offsetof(struct sv_broker_config, tls_cert), "tls.crt", 0, 0, 0},
        {"token_key", PATH, offsetof(struct sv_broker_config, token_key), "token.key", 0, 0, 0},
        {"admin_pub", PATH, offsetof(struct sv_broker_config, admin_pub), "admin.pub", 0, 0, 0},
        {"kek", PATH, offsetof(struct sv_broker_config, kek), "kek", 0, 0, 0},
        {"serial", PATH, offsetof(struct sv_broker_config, serial), "serial", 0, 0, 0},
        {"database", PATH, offsetof(struct sv_broker_config, database), "broker.db", 0, 0, 0},
        {"audit_head", PATH, offsetof(struct sv_broker_config, audit_head), "audit.head", 0, 0, 0},
        {"audit_log", PATH, offsetof(struct sv_broker_config, audit_log), NULL, 0, 0, 0},
        {"port_file", PATH, offsetof(struct sv_broker_config, port_file), NULL, 0, 0, 0},
        {"connections", INT, offsetof(struct sv_broker_config, connections), NULL, 10000, 1, 65536},
        {"connections_per_source", INT, offsetof(struct sv_broker_config, connections_per_source),
         NULL, 0, 0, 65536},
        {"requests", INT, offsetof(struct sv_broker_config, requests), NULL, 64, 1, 4096},
        {"waiting", INT, offsetof(struct sv_broker_config, waiting), NULL, 512, 1, 65536},
        {"handshakes_per_second", INT, offsetof(struct sv_broker_config, handshakes_per_second),
         NULL, 50, 1, 100000},
        {"handshake_seconds", INT, offsetof(struct sv_broker_config, handshake_seconds), NULL, 5, 1,
         30},
        {"sessions", INT, offsetof(struct sv_broker_config, sessions), NULL, 10000, 1, 1000000},
        {"sessions_per_source", INT, offsetof(struct sv_broker_config, sessions_per_source), NULL,
         0, 0, 1000000},
        {"records_per_minute", INT, offsetof(struct sv_broker_config, records_per_minute), NULL, 60,
         1, 100000},
        {"session_seconds", INT, offsetof(struct sv_broker_config, session_seconds), NULL, 300, 1,
         3600},
        {"token_seconds", INT, offsetof(struct sv_broker_config, token_seconds), NULL, 300, 1,
         3600},
        {"pending_seconds", INT, offsetof(struct sv_broker_config, pending_seconds), NULL, 86400,
         60, 2592000},
};
#define LISTEN   0
#define PROTOCOL 1
#define METRICS  2
#define N_ROWS   (sizeof(rows) / sizeof(*rows))

static char **find_text_field(struct sv_broker_config *c, const struct row *r)
{
        return (char **)((char *)c + r->at);
}

void sv_broker_config_free(struct sv_broker_config *c)
{
        for (size_t i = 0; i < N_ROWS; i++)
                if (rows[i].kind != INT)
                        free(*find_text_field(c, &rows[i]));
        sv_broker_collateral_free(&c->collateral);
        sv_broker_admins_free(&c->admins);
        sv_broker_paths_free(c->two_persons);
        memset(c, 0, sizeof(*c));
}

/* What only the keeper's processes look at, which are made anew, and what the network's is given.
 */
static const char *const live[] = {"oldest_protocol",
                                   "tls_key",
                                   "tls_cert",
                                   "admin_pub",
                                   "audit_log",
                                   "sessions",
                                   "sessions_per_source",
                                   "records_per_minute",
                                   "session_seconds",
                                   "token_seconds",
                                   "pending_seconds",
                                   NULL};

static bool has_same_member(const struct row *r, struct sv_broker_config *a,
                            struct sv_broker_config *b)
{
        if (r->kind == INT)
                return *(int64_t *)((char *)a + r->at) == *(int64_t *)((char *)b + r->at);
        return sv_broker_same_text(*find_text_field(a, r), *find_text_field(b, r));
}

const char *sv_broker_config_fixed(const struct sv_broker_config *a,
                                   const struct sv_broker_config *b)
{
        struct sv_broker_config x = *a, y = *b; /* their texts stay where they are */

        for (size_t i = 0; i < N_ROWS; i++)
                if (!sv_m_is_one_of(rows[i].name, live) && !has_same_member(&rows[i], &x, &y))
                        return rows[i].name;
        if (a->port != b->port)
                return rows[LISTEN].name;
        if (a->metrics_port != b->metrics_port)
                return rows[METRICS].name;
        return sv_broker_collateral_same(&a->collateral, &b->collateral) ? NULL : "collateral";
}

static int fail_member(const struct row *r, struct sv_bytes text, const char *expected,
                       struct sv_err *err)
{
        SV_STR pointer = sv_asprintf("/%s", r->name);

        return sv_fail(err, SV_USAGE, "broker.config.value", "line %u: \"%s\" must be %s",
                       sv_json_line(text, pointer), r->name, expected);
}

static int take_member(const struct row *r, const struct sv_json *value, struct sv_bytes text,
                       const char *dir, struct sv_broker_config *c, struct sv_err *err)
{
        const char *s = sv_json_str(value);
        int64_t v;

        if (r->kind == INT) {
                v = value ? sv_json_int(value, r->min - 1) : r->otherwise;
                if ((value && sv_json_type(value) != SV_JSON_INT) || v < r->min || v > r->max) {
                        SV_STR expected = sv_asprintf("an integer from %lld to %lld",
                                                      (long long)r->min, (long long)r->max);

                        return fail_member(r, text, expected, err);
                }
                *(int64_t *)((char *)c + r->at) = v;
                return 0;
        }
        if (value && (!s || !*s))
                return fail_member(r, text,
                                   r->kind == PATH        ? "a path"
                                   : r != &rows[PROTOCOL] ? "ADDRESS:PORT"
                                                          : "a version",
                                   err);
        if (!value)
                s = r->text;
        if (s)
                *find_text_field(c, r) = r->kind == PATH && *s != '/' && sv_store_is_file(s)
                                                 ? sv_asprintf("%s/%s", dir, s)
                                                 : sv_asprintf("%s", s);
        return 0;
}

/* "127.0.0.1:8443" or "[::1]:8443" */
static int split_listen(const struct row *r, char *address, uint16_t *out, struct sv_bytes text,
                        struct sv_err *err)
{
        char *colon = strrchr(address, ':');
        size_t n = colon ? (size_t)(colon - address) : 0;
        char *end;
        unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
        bool v6 = address[0] == '[';

        if (!n || colon[1] < '0' || colon[1] > '9' || *end || port > 65535 ||
            (v6 && (n < 3 || colon[-1] != ']')) || (!v6 && memchr(address, ':', n)))
                return fail_member(r, text, "ADDRESS:PORT or [ADDRESS]:PORT", err);
        *colon = '\0';
        if (v6) {
                memmove(address, address + 1, n - 2);
                address[n - 2] = '\0';
        }
        *out = (uint16_t)port;
        return 0;
}

uint64_t sv_broker_config_files(const struct sv_broker_config *c)
{
        /* a place has a socket; a process has two beside it */
        return (uint64_t)(c->waiting + c->connections + 2 * c->requests) + OTHER_FILES;
}

void sv_broker_config_fit(struct sv_broker_config *c, uint64_t files)
{
        uint64_t need = sv_broker_config_files(c), most = (uint64_t)c->connections;

        if (!c->fits || files >= need)
                return;
        most = need - files < most ? most - (need - files) : 0;
        c->connections = most > SV_CONNECTIONS_LEAST ? (int64_t)most : SV_CONNECTIONS_LEAST;
        if (c->halves)
                c->connections_per_source = (c->connections + 1) / 2;
}

/* Unless configured, one source has half of it. */
static void choose_shares(struct sv_broker_config *c)
{
        c->halves = !c->connections_per_source;
        if (c->halves)
                c->connections_per_source = (c->connections + 1) / 2;
        if (!c->sessions_per_source)
                c->sessions_per_source = (c->sessions + 1) / 2;
}

int sv_broker_config_parse(struct sv_bytes text, const char *dir, struct sv_broker_config *out,
                           struct sv_err *err)
{
        SV_BROKER_CONFIG c = {0};
        SV_JSON *j = NULL;
        const char *names[N_ROWS + 4] = {NULL};

        for (size_t i = 0; i < N_ROWS; i++)
                names[i] = rows[i].name;
        names[N_ROWS] = "collateral";
        names[N_ROWS + 1] = "admins";
        names[N_ROWS + 2] = "two_persons";
        if (sv_json_parse(text, "broker.config", &j, err) < 0 ||
            sv_json_only(j, names, "broker.config", err) < 0) {
                if (err)
                        err->class = SV_USAGE; /* a file of the operator's own */
                return -1;
        }
        if (sv_json_type(j) != SV_JSON_OBJECT)
                return sv_fail(err, SV_USAGE, "broker.config.value",
                               "the configuration must be an object");
        for (size_t i = 0; i < N_ROWS; i++)
                if (take_member(&rows[i], sv_json_get(j, rows[i].name), text, dir, &c, err) < 0)
                        return -1;
        c.fits = !sv_json_get(j, "connections");
        choose_shares(&c);
        if (!sv_kbs_find_protocol(c.oldest_protocol, &c.oldest))
                return fail_member(&rows[PROTOCOL], text, "\"0.4.0\", \"0.2.0\" or \"0.1.1\"", err);
        if (sv_store_check_address(c.database, err) < 0 ||
            split_listen(&rows[LISTEN], c.address, &c.port, text, err) < 0 ||
            (c.metrics &&
             split_listen(&rows[METRICS], c.metrics, &c.metrics_port, text, err) < 0) ||
            sv_broker_admins_parse(sv_json_get(j, "admins"), text, dir, &c.admins, err) < 0 ||
            sv_broker_two_persons_parse(sv_json_get(j, "two_persons"), text, &c.two_persons, err) <
                    0 ||
            sv_broker_collateral_parse(sv_json_get(j, "collateral"), text, dir, &c.collateral,
                                       err) < 0)
                return -1;
        *out = c;
        memset(&c, 0, sizeof(c));
        return 0;
}

int sv_broker_config_read(const char *path, struct sv_broker_config *out, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        const char *slash = strrchr(path, '/');
        SV_STR dir = slash ? sv_asprintf("%.*s", (int)(slash - path), path) : sv_asprintf(".");
        struct rlimit files;

        if (sv_file_read(path, CONFIG_MAX, &text, "broker.config.size", err) < 0)
                return -1;
        if (sv_broker_config_parse(sv_buf_bytes(&text), dir, out, err) < 0)
                return sv_wrap(err, "%s", path);
        if (getrlimit(RLIMIT_NOFILE, &files) == 0)
                sv_broker_config_fit(out, files.rlim_max);
        return 0;
}
