/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, HMAC, random bytes. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto-ossl.h"

static const struct {
        const char *name;
        size_t size;
        const EVP_MD *(*md)(void);
} digests[] = {
        [SV_SHA1] = {"sha1", 20, EVP_sha1},
        [SV_SHA256] = {"sha256", 32, EVP_sha256},
        [SV_SHA384] = {"sha384", 48, EVP_sha384},
        [SV_SHA512] = {"sha512", 64, EVP_sha512},
};
#define DIGESTS (sizeof(digests) / sizeof(digests[0]))

static bool is_known_digest(enum sv_digest alg)
{
        return (unsigned)alg >= SV_SHA1 && (unsigned)alg < DIGESTS;
}

int sv_ossl_fail(struct sv_err *err, enum sv_class class, const char *check, const char *fmt, ...)
{
        unsigned long code = ERR_peek_last_error();
        const char *reason = code ? ERR_reason_error_string(code) : NULL;
        char msg[512];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(msg, sizeof(msg), fmt, ap);
        va_end(ap);
        ERR_clear_error();
        if (reason)
                return sv_fail(err, class, check, "%s (%s)", msg, reason);
        return sv_fail(err, class, check, "%s", msg);
}

const EVP_MD *sv_ossl_md(enum sv_digest alg)
{
        return is_known_digest(alg) ? digests[alg].md() : NULL;
}

size_t sv_digest_size(enum sv_digest alg)
{
        return is_known_digest(alg) ? digests[alg].size : 0;
}

const char *sv_digest_name(enum sv_digest alg)
{
        return is_known_digest(alg) ? digests[alg].name : "unknown digest";
}

enum sv_digest sv_digest_by_name(const char *name)
{
        for (size_t i = SV_SHA1; i < DIGESTS; i++)
                if (!strcmp(digests[i].name, name))
                        return (enum sv_digest)i;
        return 0;
}

int sv_digest(enum sv_digest alg, struct sv_bytes in, uint8_t *out, struct sv_err *err)
{
        if (!is_known_digest(alg) || !EVP_Digest(in.p, in.n, out, NULL, sv_ossl_md(alg), NULL))
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.digest",
                                    "libcrypto does not compute %s", sv_digest_name(alg));
        return 0;
}

int sv_sha256_hex(struct sv_bytes in, char out[65], struct sv_err *err)
{
        uint8_t digest[SV_DIGEST_MAX];

        if (sv_digest(SV_SHA256, in, digest, err) < 0)
                return -1;
        sv_hex(sv_bytes(digest, 32), out);
        return 0;
}

struct sv_hash {
        EVP_MD_CTX *ctx;
        enum sv_digest alg;
};

struct sv_hash *sv_hash_new(enum sv_digest alg, struct sv_err *err)
{
        struct sv_hash *h = calloc(1, sizeof(*h));

        if (h) {
                h->alg = alg;
                h->ctx = EVP_MD_CTX_new();
        }
        if (!h || !h->ctx || !is_known_digest(alg) ||
            !EVP_DigestInit_ex(h->ctx, sv_ossl_md(alg), NULL)) {
                sv_ossl_fail(err, SV_SYSTEM, "crypto.digest", "libcrypto does not start %s",
                             sv_digest_name(alg));
                sv_hash_free(h);
                return NULL;
        }
        return h;
}

int sv_hash_put(struct sv_hash *h, struct sv_bytes in, struct sv_err *err)
{
        if (!EVP_DigestUpdate(h->ctx, in.p, in.n))
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.digest", "libcrypto fails within %s",
                                    sv_digest_name(h->alg));
        return 0;
}

int sv_hash_peek(const struct sv_hash *h, uint8_t *out, struct sv_err *err)
{
        EVP_MD_CTX *copy = EVP_MD_CTX_new();
        bool ok = copy && EVP_MD_CTX_copy_ex(copy, h->ctx) && EVP_DigestFinal_ex(copy, out, NULL);

        EVP_MD_CTX_free(copy);
        return ok ? 0
                  : sv_ossl_fail(err, SV_SYSTEM, "crypto.digest", "libcrypto does not copy %s",
                                 sv_digest_name(h->alg));
}

int sv_hash_end(struct sv_hash *h, uint8_t *out, struct sv_err *err)
{
        /* Without a type: as it was. To name it again would make libcrypto look the algorithm up
         * each time. */
        if (!EVP_DigestFinal_ex(h->ctx, out, NULL) || !EVP_DigestInit_ex(h->ctx, NULL, NULL))
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.digest", "libcrypto does not end %s",
                                    sv_digest_name(h->alg));
        return 0;
}

void sv_hash_free(struct sv_hash *h)
{
        if (!h)
                return;
        EVP_MD_CTX_free(h->ctx);
        free(h);
}

void sv_hash_freep(struct sv_hash **h)
{
        sv_hash_free(*h);
        *h = NULL;
}

static int hash_open_file(struct sv_hash *h, int fd, const char *path, uint64_t *size,
                          struct sv_err *err)
{
        uint8_t chunk[65536];
        ssize_t n;

        *size = 0;
        while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return sv_fail_errno(err, "file.read", "cannot read %s", path);
                if (sv_hash_put(h, sv_bytes(chunk, (size_t)n), err) < 0)
                        return -1;
                *size += (uint64_t)n;
        }
        return 0;
}

int sv_digest_file(enum sv_digest alg, const char *path, uint8_t *out, uint64_t *size,
                   struct sv_err *err)
{
        SV_HASH *h = sv_hash_new(alg, err);
        uint64_t total;
        int fd, r;

        if (!h)
                return -1;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return sv_fail_errno(err, "file.open", "cannot open %s", path);
        r = hash_open_file(h, fd, path, &total, err);
        close(fd);
        if (r < 0 || sv_hash_end(h, out, err) < 0)
                return -1;
        if (size)
                *size = total;
        return 0;
}

int sv_hmac(enum sv_digest alg, struct sv_bytes key, struct sv_bytes in, uint8_t *out,
            struct sv_err *err)
{
        /* libcrypto takes a NULL key for "the key as before", so an empty one needs an address. */
        const void *k = key.n ? (const void *)key.p : "";

        if (!is_known_digest(alg) || key.n > INT32_MAX ||
            !HMAC(sv_ossl_md(alg), k, (int)key.n, in.p, in.n, out, NULL))
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.hmac",
                                    "libcrypto does not compute HMAC with %s", sv_digest_name(alg));
        return 0;
}

/* --- many of one key --- */

struct sv_mac {
        EVP_MAC_CTX *ctx;
        size_t size;
};

static EVP_MAC_CTX *start_mac(enum sv_digest alg, struct sv_bytes key)
{
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
                                                 (char *)EVP_MD_get0_name(sv_ossl_md(alg)), 0),
                OSSL_PARAM_construct_end()};
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

        EVP_MAC_free(mac); /* the context holds it */
        if (ctx && EVP_MAC_init(ctx, key.p, key.n, params) == 1)
                return ctx;
        EVP_MAC_CTX_free(ctx);
        return NULL;
}

static int fail_mac(struct sv_err *err)
{
        return sv_ossl_fail(err, SV_SYSTEM, "crypto.hmac", "libcrypto does not compute HMACs");
}

struct sv_mac *sv_mac_new(enum sv_digest alg, struct sv_bytes key, struct sv_err *err)
{
        EVP_MAC_CTX *ctx = is_known_digest(alg) && key.n ? start_mac(alg, key) : NULL;
        struct sv_mac *m = ctx ? malloc(sizeof(*m)) : NULL;

        if (!m) {
                EVP_MAC_CTX_free(ctx);
                fail_mac(err);
                return NULL;
        }
        *m = (struct sv_mac){ctx, EVP_MAC_CTX_get_mac_size(ctx)};
        return m;
}

/* Without a key the context begins anew with the one that it has. */
int sv_mac_make(struct sv_mac *m, struct sv_bytes a, struct sv_bytes b, uint8_t *out,
                struct sv_err *err)
{
        size_t n = 0;

        if (EVP_MAC_init(m->ctx, NULL, 0, NULL) != 1 || EVP_MAC_update(m->ctx, a.p, a.n) != 1 ||
            EVP_MAC_update(m->ctx, b.p, b.n) != 1 || EVP_MAC_final(m->ctx, out, &n, m->size) != 1)
                return fail_mac(err);
        return 0;
}

void sv_mac_free(struct sv_mac *m)
{
        if (m)
                EVP_MAC_CTX_free(m->ctx);
        free(m);
}

int sv_random(void *out, size_t n, struct sv_err *err)
{
        if (n > INT32_MAX || RAND_bytes(out, (int)n) != 1)
                return sv_ossl_fail(err, SV_SYSTEM, "crypto.random",
                                    "libcrypto gives no random bytes");
        return 0;
}
