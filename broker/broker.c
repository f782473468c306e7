/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attest/fetch/cache.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "broker/kek/kek.h"
#include "broker/known.h"
#include "broker/limits.h"
#include "broker/store/syncs.h"
#include "broker/metrics.h"
#include "broker/recent.h"
#include "tee/trust-cache.h"

#define IV_SIZE  12
#define TAG_SIZE 16

/* Keys, database and serial are the user's who runs the broker, root's or the configuration's
 * owner's: whoever else owns one reads or changes it whatever its mode says. */
static int check_owner(const struct sv_broker *b, const char *path, struct sv_err *err)
{
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == ENOENT ? 0 : sv_fail_errno(err, "broker.key.owner", "%s", path);
        if (!st.st_uid || st.st_uid == geteuid() || st.st_uid == b->owner)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.key.owner",
                       "%s is user %u's, expected root, user %u (who runs this) or user %u (whose "
                       "the configuration is): \"chown\" it, and replace the key when it was "
                       "another's",
                       path, (unsigned)st.st_uid, (unsigned)geteuid(), (unsigned)b->owner);
}

static struct sv_key *read_key(const char *path, struct sv_err *err)
{
        SV_BUF pem = SV_BUF_NULL;
        struct sv_key *key;

        if (sv_file_read_private(path, SV_PEM_SIZE_MAX, &pem, "broker.key", "broker.key.mode",
                                 err) < 0)
                return NULL;
        key = sv_key_from_pem(sv_buf_bytes(&pem), true, err);
        if (!key)
                sv_wrap(err, "%s", path);
        return key;
}

#define BEGIN_KEY "-----BEGIN PUBLIC KEY-----"

static bool is_same_key(const struct sv_key *a, const struct sv_key *b)
{
        SV_BUF x = SV_BUF_NULL, y = SV_BUF_NULL;

        return sv_key_spki(a, &x, NULL) == 0 && sv_key_spki(b, &y, NULL) == 0 &&
               sv_bytes_eq(sv_buf_bytes(&x), sv_buf_bytes(&y));
}

/* One that has two entries would have what the wider one says, which nobody may have meant. */
static int check_single_entry(const struct sv_admin_keys *keys, struct sv_err *err)
{
        for (size_t i = 0; i + 1 < keys->n; i++)
                if (is_same_key(keys->list[i].key, keys->list[keys->n - 1].key))
                        return sv_fail(err, SV_USAGE, "broker.admin.keys",
                                       "a public key is there that already has roles: an "
                                       "administrator has one entry, in \"admin_pub\" or in "
                                       "\"admins\"");
        return 0;
}

static int add_admin(struct sv_admin_keys *keys, const char *pem, const struct sv_admin_key *with,
                     struct sv_err *err)
{
        struct sv_key *key;

        if (keys->n == SV_ADMIN_KEYS_MAX)
                return sv_fail(err, SV_USAGE, "broker.admin.keys",
                               "more than %d public keys, which is how many may administer",
                               SV_ADMIN_KEYS_MAX);
        key = sv_key_from_pem(sv_bytes_str(pem), false, err);
        if (!key)
                return -1;
        keys->list[keys->n] = *with;
        keys->list[keys->n++].key = key;
        if (sv_key_type(key) != SV_KEY_P256)
                return sv_fail(err, SV_USAGE, "broker.admin.keys",
                               "public key %zu is of another type than P-256", keys->n);
        return 0;
}

/* One key or several, one after the other; what stands between them (whose it is) is for people. */
static int read_admin_file(const char *path, const struct sv_admin_key *with, bool once,
                           struct sv_admin_keys *keys, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        const char *at;

        if (sv_file_read(path, SV_PEM_SIZE_MAX, &text, "broker.key", err) < 0)
                return -1;
        at = strstr(sv_buf_str(&text), BEGIN_KEY);
        if (!at)
                return sv_fail(err, SV_FORMAT, "broker.admin.keys",
                               "%s holds no public key in PEM: nobody could administer", path);
        for (; at; at = strstr(at + 1, BEGIN_KEY))
                if (add_admin(keys, at, with, err) < 0 ||
                    (once && check_single_entry(keys, err) < 0))
                        return sv_wrap(err, "%s", path);
        return 0;
}

int sv_broker_read_admins(struct sv_broker *b, struct sv_err *err)
{
        const struct sv_admin_key owner = {.roles = SV_ROLES_ALL};

        if (read_admin_file(b->config.admin_pub, &owner, false, &b->admins, err) < 0)
                return -1;
        for (size_t i = 0; i < b->config.admins.n; i++) {
                const struct sv_broker_admin *a = &b->config.admins.list[i];
                const struct sv_admin_key with = {
                        .name = a->name, .roles = a->roles, .paths = a->paths};

                if (read_admin_file(a->key, &with, true, &b->admins, err) < 0)
                        return -1;
        }
        return 0;
}

static int read_certificate(const struct sv_broker *b, struct sv_certs *chain, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(b->config.tls_cert, SV_PEM_SIZE_MAX, &text, "broker.cert", err) < 0)
                return -1;
        return sv_certs_parse(sv_buf_bytes(&text), chain, "broker.cert", err);
}

/* What clients pin is the certificate's key. */
static int read_server_pin(struct sv_broker *b, struct sv_err *err)
{
        SV_CERTS chain = {0};
        SV_BUF spki = SV_BUF_NULL;
        SV_KEY *key = NULL;

        if (read_certificate(b, &chain, err) < 0)
                return -1;
        key = sv_cert_key(chain.list[0], err);
        if (!key || sv_key_spki(key, &spki, err) < 0)
                return -1;
        return sv_digest(SV_SHA256, sv_buf_bytes(&spki), b->pin, err);
}

int sv_broker_read_tls(struct sv_broker *b, struct sv_err *err)
{
        SV_KEY *key = check_owner(b, b->config.tls_key, err) < 0 ? NULL
                                                                 : read_key(b->config.tls_key, err);
        SV_CERTS chain = {0};

        if (!key || read_certificate(b, &chain, err) < 0)
                return -1;
        b->tls = sv_tls_server(&chain, key, err);
        return b->tls ? 0 : -1;
}

int sv_broker_open_tls(const struct sv_broker *b, int *cert, int *key, struct sv_err *err)
{
        SV_FD c = -1;
        SV_FD k = -1;
        struct stat st;

        if (check_owner(b, b->config.tls_key, err) < 0)
                return -1;
        c = open(b->config.tls_cert, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (c < 0)
                return sv_fail_errno(err, "broker.cert", "%s", b->config.tls_cert);
        k = open(b->config.tls_key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (k < 0 || fstat(k, &st) < 0)
                return sv_fail_errno(err, "broker.key", "%s", b->config.tls_key);
        if (!S_ISREG(st.st_mode) || (st.st_mode & 077))
                return sv_fail(err, SV_SYSTEM, "broker.key.mode",
                               "%s is no regular file of mode 0600, but %06o", b->config.tls_key,
                               (unsigned)st.st_mode);
        *cert = c;
        *key = k;
        c = -1;
        k = -1;
        return 0;
}

int sv_broker_read_passed_tls(struct sv_broker *b, int cert, int key, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_BUF pem = {.locked = true};
        SV_CERTS chain = {0};
        SV_KEY *k = NULL;

        if (sv_fd_read(cert, "the certificate", SV_PEM_SIZE_MAX, &text, "broker.cert", err) < 0 ||
            sv_certs_parse(sv_buf_bytes(&text), &chain, "broker.cert", err) < 0 ||
            sv_fd_read(key, "the TLS key", SV_PEM_SIZE_MAX, &pem, "broker.key", err) < 0)
                return -1;
        k = sv_key_from_pem(sv_buf_bytes(&pem), true, err);
        if (!k)
                return -1;
        b->tls = sv_tls_server(&chain, k, err);
        return b->tls ? 0 : -1;
}

/* What can be seen to be wrong now is not left for the first guest to find. */
static int check_collateral(const struct sv_broker_collateral *c, struct sv_err *err)
{
        struct stat st;

        if (c->offline && (stat(c->offline, &st) < 0 || !S_ISDIR(st.st_mode)))
                return sv_fail(err, SV_USAGE, "broker.config.collateral",
                               "%s is no folder from which collateral could be taken", c->offline);
        if (c->mirror_ca && access(c->mirror_ca, R_OK) < 0)
                return sv_fail(err, SV_USAGE, "broker.config.collateral",
                               "%s, the CA of the mirrors, cannot be read", c->mirror_ca);
        return c->cache ? sv_cache_open(c->cache, err) : 0;
}

int sv_broker_open(const char *config, struct sv_broker *out, struct sv_err *err)
{
        SV_BROKER b = {.audit_fd = -1};
        struct stat st;

        if (sv_broker_config_read(config, &b.config, err) < 0)
                return -1;
        b.config_path = sv_asprintf("%s", config);
        if (stat(config, &st) < 0)
                return sv_fail_errno(err, "broker.config", "%s", config);
        b.owner = st.st_uid;
        if (read_server_pin(&b, err) < 0)
                return -1;
        if (check_collateral(&b.config.collateral, err) < 0)
                return -1;
        if (b.config.audit_log) {
                /* into a pipe that nobody empties: refused requests, and no broker that waits */
                b.audit_fd = open(
                        b.config.audit_log,
                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
                if (b.audit_fd < 0)
                        return sv_fail_errno(err, "broker.audit", "cannot open %s",
                                             b.config.audit_log);
        }
        *out = b;
        memset(&b, 0, sizeof(b));
        b.audit_fd = -1;
        return 0;
}

struct sv_secret *sv_broker_store_key(struct sv_secret *kek, struct sv_err *err)
{
        static const char info[] = "secure-vm store v1\1";
        SV_SECRET *key = sv_secret_new(SV_DIGEST_MAX, err);
        struct sv_secret *out;

        if (!key || sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(kek), SV_KEK_SIZE),
                            sv_bytes(info, sizeof(info) - 1), sv_secret_reveal(key), err) < 0)
                return NULL;
        sv_secret_shrink(key, 32);
        out = key;
        key = NULL;
        return out;
}

int sv_broker_read_keys(struct sv_broker *b, struct sv_err *err)
{
        if (check_owner(b, b->config.token_key, err) < 0 || check_owner(b, b->config.kek, err) < 0)
                return -1;
        if (!b->token_key)
                b->token_key = read_key(b->config.token_key, err);
        if (!b->token_key)
                return -1;
        if (!b->admins.n && sv_broker_read_admins(b, err) < 0)
                return -1;
        if (!b->kek)
                b->kek = sv_kek_read(b->config.kek, err);
        if (b->kek)
                b->store_key = sv_broker_store_key(b->kek, err);
        return b->store_key ? 0 : -1;
}

struct sv_store_place sv_broker_place(const struct sv_broker *b)
{
        return (struct sv_store_place){.path = b->config.database,
                                       .serial = b->config.serial,
                                       .lock = b->config.kek,
                                       .key = b->store_key,
                                       .syncs = b->syncs};
}

static int open_store(struct sv_broker *b, struct sv_err *err)
{
        const struct sv_store_place place = sv_broker_place(b);

        if ((sv_store_is_file(place.path) && check_owner(b, place.path, err) < 0) ||
            check_owner(b, place.serial, err) < 0)
                return -1;
        if (sv_store_open(&place, &b->store, err) < 0)
                return -1;
        if (b->store->ops->check_clock(b->store, time(NULL), err) == 0)
                return 0;
        sv_store_free(b->store);
        b->store = NULL;
        return -1;
}

int sv_broker_enter(struct sv_broker *b, struct sv_err *err)
{
        if (sv_broker_read_keys(b, err) < 0 || open_store(b, err) < 0)
                return -1;
        return b->store->ops->verify(b->store, err);
}

int sv_broker_follow_store(struct sv_broker *b, struct sv_err *err)
{
        struct stat st;

        if (!sv_store_is_file(b->config.database))
                return b->store ? b->store->ops->reconnect(b->store, err) : open_store(b, err);
        if (stat(b->config.database, &st) < 0)
                return sv_fail_errno(err, "broker.store", "the database %s is gone",
                                     b->config.database);
        if (b->store && st.st_dev == b->store_dev && st.st_ino == b->store_ino)
                return 0;
        sv_store_free(b->store);
        b->store = NULL;
        b->store_dev = st.st_dev;
        b->store_ino = st.st_ino;
        return open_store(b, err);
}

void sv_process_end(struct sv_process *p)
{
        if (!p->pid)
                return;
        sv_closep(&p->control);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        p->pid = 0;
}

int sv_process_take_signals(struct sv_err *err)
{
        sigset_t set;
        int fd;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        fd = signalfd(-1, &set, SFD_CLOEXEC);
        return fd < 0 ? sv_fail_errno(err, "broker.serve", "cannot take signals") : fd;
}

void sv_broker_close(struct sv_broker *b)
{
        sv_process_end(&b->verifier);
        sv_process_end(&b->fetcher);
        sv_process_end(&b->http);
        sv_store_free(b->store);
        sv_secret_free(b->kek);
        sv_secret_free(b->store_key);
        sv_key_free(b->token_key);
        for (size_t i = 0; i < b->admins.n; i++)
                sv_key_free(b->admins.list[i].key);
        free(b->config_path);
        sv_tls_ctx_free(b->tls);
        if (b->audit_fd >= 0)
                close(b->audit_fd);
        sv_broker_close_share(b);
        sv_trust_cache_free(b->confirmed);
        sv_recent_free(b->recent);
        sv_known_free(b->known);
        sv_limits_free(b->limits);
        sv_syncs_free(b->syncs);
        sv_metrics_free(b->metrics);
        sv_broker_config_free(&b->config);
        memset(b, 0, sizeof(*b));
        b->audit_fd = -1;
}

int sv_broker_seal(const struct sv_broker *b, const char *aad, struct sv_bytes plain,
                   struct sv_buf *out, struct sv_err *err)
{
        struct sv_bytes kek = sv_bytes(sv_secret_reveal(b->kek), SV_KEK_SIZE);
        SV_BUF cipher = SV_BUF_NULL;
        uint8_t iv[IV_SIZE], tag[TAG_SIZE];

        if (sv_random(iv, sizeof(iv), err) < 0 ||
            sv_gcm_seal(kek, sv_bytes(iv, sizeof(iv)), sv_bytes_str(aad), plain, &cipher, tag,
                        err) < 0)
                return -1;
        sv_buf_put(out, sv_bytes(iv, sizeof(iv)));
        sv_buf_put(out, sv_bytes(tag, sizeof(tag)));
        sv_buf_put(out, sv_buf_bytes(&cipher));
        return sv_buf_ok(out, "a sealed value", err);
}

struct sv_secret *sv_broker_unseal(const struct sv_broker *b, const char *aad,
                                   struct sv_bytes sealed, struct sv_err *err)
{
        struct sv_bytes kek = sv_bytes(sv_secret_reveal(b->kek), SV_KEK_SIZE);
        struct sv_secret *s;

        if (sealed.n <= IV_SIZE + TAG_SIZE) {
                sv_fail(err, SV_SYSTEM, "broker.sealed",
                        "a sealed value of the database has %zu bytes", sealed.n);
                return NULL;
        }
        s = sv_gcm_open(kek, sv_bytes(sealed.p, IV_SIZE), sv_bytes_str(aad),
                        sv_bytes(sealed.p + IV_SIZE + TAG_SIZE, sealed.n - IV_SIZE - TAG_SIZE),
                        sv_bytes(sealed.p + IV_SIZE, TAG_SIZE), NULL);
        if (!s)
                sv_fail(err, SV_SYSTEM, "broker.sealed",
                        "a value of the database does not open: it was changed, moved, or sealed "
                        "under another kek");
        return s;
}
