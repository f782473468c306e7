/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over OpenSSL. Who the peer is gets decided inside the handshake, in the verify callback, and
 * once more after it: there is no state in which a connection is up and the peer's key was not
 * checked. */
#include "base/net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/crypto/crypto-ossl.h"
#include "base/core/clock.h"
#include "base/core/limits.h"

struct sv_tls_ctx {
        unsigned users; /* the owner, and each connection that does not wait */
        SSL_CTX *ssl;
        BIO_METHOD *bio;
        bool server;
        bool pinned;
        uint8_t pin[32];
};

struct sv_tls {
        int fd;
        SSL *ssl;                /* NULL: plain */
        int64_t deadline;        /* of the monotonic clock in ms; 0: none */
        bool eof;                /* the peer closed the socket */
        uint64_t got;            /* bytes that sv_tls_read gave */
        struct sv_tls_ctx *held; /* of one that does not wait; NULL: it waits */
        short wants;             /* of that: what it would have waited for; 0: nothing */
        size_t turn;             /* of that: bytes that OpenSSL may still read in this call */
        struct sv_err fault;     /* why the socket below OpenSSL failed */
        char about[96];
};

/* --- the socket --- */

static int wait_for_socket(struct sv_tls *t, short events, struct sv_err *err)
{
        int ms = SV_HTTP_TIMEOUT_MS;

        if (t->deadline) {
                int64_t left = t->deadline - sv_clock_ms();

                if (left <= 0)
                        return sv_fail(err, SV_SYSTEM, "tls.timeout",
                                       "the connection took longer than it may");
                if (left < ms)
                        ms = (int)left;
        }
        return sv_net_wait(t->fd, events, ms, err);
}

static long read_socket(struct sv_tls *t, void *out, size_t n, struct sv_err *err)
{
        for (;;) {
                ssize_t got = recv(t->fd, out, n, 0);

                if (got >= 0)
                        return got;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN && errno != EWOULDBLOCK)
                        return sv_fail_errno(err, "tls.read", "the connection broke");
                if (t->held || wait_for_socket(t, POLLIN, err) < 0) {
                        t->wants = POLLIN;
                        return -1;
                }
        }
}

static long write_socket(struct sv_tls *t, const void *data, size_t n, struct sv_err *err)
{
        for (;;) {
                ssize_t put = send(t->fd, data, n, MSG_NOSIGNAL);

                if (put >= 0)
                        return put;
                if (errno == EINTR)
                        continue;
                if (errno != EAGAIN && errno != EWOULDBLOCK)
                        return sv_fail_errno(err, "tls.write", "the connection broke");
                if (t->held || wait_for_socket(t, POLLOUT, err) < 0) {
                        t->wants = POLLOUT;
                        return -1;
                }
        }
}

/* A BIO of our own, so that OpenSSL's reads and writes wait with our timeouts and never raise
 * SIGPIPE. */
static int read_bio(BIO *b, char *out, int n)
{
        struct sv_tls *t = BIO_get_data(b);
        long got;

        BIO_clear_retry_flags(b);
        if (t->held && !t->turn) { /* what is left is there the next time */
                t->wants = POLLIN;
                BIO_set_retry_read(b);
                return -1;
        }
        if (t->held && (size_t)n > t->turn)
                n = (int)t->turn;
        got = n > 0 ? read_socket(t, out, (size_t)n, &t->fault) : 0;
        t->eof = n > 0 && got == 0;
        if (t->held && got > 0)
                t->turn -= (size_t)got;
        if (got < 0 && t->held && t->wants)
                BIO_set_retry_read(b);
        return (int)got;
}

static int write_bio(BIO *b, const char *data, int n)
{
        struct sv_tls *t = BIO_get_data(b);
        long put;

        BIO_clear_retry_flags(b);
        put = n > 0 ? write_socket(t, data, (size_t)n, &t->fault) : 0;
        if (put < 0 && t->held && t->wants)
                BIO_set_retry_write(b);
        return (int)put;
}

static long control_bio(BIO *b, int cmd, long num, void *ptr)
{
        const struct sv_tls *t = BIO_get_data(b);

        return cmd == BIO_CTRL_FLUSH || (cmd == BIO_CTRL_EOF && t->eof);
}

/* --- contexts --- */

static int fail_ssl(struct sv_err *err, enum sv_class class, const char *check, const char *what)
{
        unsigned long e = ERR_peek_last_error();
        char text[160];

        ERR_error_string_n(e, text, sizeof(text));
        ERR_clear_error();
        return sv_fail(err, class, check, "%s: %s", what, e ? text : "no reason given");
}

static bool matches_spki_pin(X509 *cert, const uint8_t pin[32])
{
        unsigned char *der = NULL;
        uint8_t digest[32];
        int n = cert ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der) : -1;
        bool same;

        if (n <= 0)
                return false;
        same = EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL) == 1 &&
               CRYPTO_memcmp(digest, pin, 32) == 0;
        OPENSSL_free(der);
        return same;
}

/* In place of chain building: the measured key is the whole trust. */
static int verify_pin(X509_STORE_CTX *store, void *arg)
{
        const struct sv_tls_ctx *ctx = arg;

        if (ctx->pinned && matches_spki_pin(X509_STORE_CTX_get0_cert(store), ctx->pin))
                return 1;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
}

static struct sv_tls_ctx *make_tls_ctx(bool server, struct sv_err *err)
{
        struct sv_tls_ctx *ctx = calloc(1, sizeof(*ctx));

        if (ctx) {
                ctx->users = 1;
                ctx->server = server;
                ctx->ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
                ctx->bio = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "sv-tls");
        }
        if (!ctx || !ctx->ssl || !ctx->bio || !BIO_meth_set_read(ctx->bio, read_bio) ||
            !BIO_meth_set_write(ctx->bio, write_bio) || !BIO_meth_set_ctrl(ctx->bio, control_bio) ||
            !SSL_CTX_set_min_proto_version(ctx->ssl, TLS1_2_VERSION) ||
            !SSL_CTX_set_cipher_list(ctx->ssl, "ECDHE+AESGCM:ECDHE+CHACHA20")) {
                fail_ssl(err, SV_SYSTEM, "tls.setup", "cannot set TLS up");
                sv_tls_ctx_free(ctx);
                return NULL;
        }
        /* A resumed session would skip the certificate, and renegotiation could change the peer. */
        SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx->ssl, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                              SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                              SSL_OP_CLEANSE_PLAINTEXT);
        SSL_CTX_set_num_tickets(ctx->ssl, 0);
        return ctx;
}

struct sv_tls_ctx *sv_tls_server(const struct sv_certs *chain, const struct sv_key *key,
                                 struct sv_err *err)
{
        struct sv_tls_ctx *ctx;

        if (!chain || !chain->n || !key) {
                sv_fail(err, SV_USAGE, "tls.setup", "a TLS server needs a certificate and its key");
                return NULL;
        }
        ctx = make_tls_ctx(true, err);
        if (!ctx)
                return NULL;
        if (SSL_CTX_use_certificate(ctx->ssl, chain->list[0]->x509) != 1)
                goto bad;
        for (size_t i = 1; i < chain->n; i++)
                if (SSL_CTX_add1_chain_cert(ctx->ssl, chain->list[i]->x509) != 1)
                        goto bad;
        if (SSL_CTX_use_PrivateKey(ctx->ssl, key->pkey) != 1 ||
            SSL_CTX_check_private_key(ctx->ssl) != 1)
                goto bad;
        return ctx;
bad:
        fail_ssl(err, SV_USAGE, "tls.setup", "the TLS certificate and key cannot be used together");
        sv_tls_ctx_free(ctx);
        return NULL;
}

struct sv_tls_ctx *sv_tls_client(struct sv_bytes pin, const struct sv_certs *ca, struct sv_err *err)
{
        struct sv_tls_ctx *ctx;

        if ((pin.n != 0) == (ca && ca->n) || (pin.n && pin.n != sizeof(ctx->pin))) {
                sv_fail(err, SV_USAGE, "tls.trust",
                        "a TLS client needs exactly one of a pinned key (32 bytes) and a CA, or it "
                        "would not know whom it talks to");
                return NULL;
        }
        ctx = make_tls_ctx(false, err);
        if (!ctx)
                return NULL;
        SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
        if (pin.n) {
                ctx->pinned = true;
                memcpy(ctx->pin, pin.p, sizeof(ctx->pin));
                SSL_CTX_set_cert_verify_callback(ctx->ssl, verify_pin, ctx);
                return ctx;
        }
        for (size_t i = 0; i < ca->n; i++)
                if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx->ssl), ca->list[i]->x509) != 1) {
                        fail_ssl(err, SV_SYSTEM, "tls.setup", "cannot use the CA certificate");
                        sv_tls_ctx_free(ctx);
                        return NULL;
                }
        return ctx;
}

void sv_tls_ctx_free(struct sv_tls_ctx *ctx)
{
        if (!ctx || --ctx->users)
                return;
        SSL_CTX_free(ctx->ssl);
        BIO_meth_free(ctx->bio);
        free(ctx);
}

void sv_tls_ctx_freep(struct sv_tls_ctx **ctx)
{
        sv_tls_ctx_free(*ctx);
}

/* --- connections --- */

struct sv_tls *sv_tls_plain(int fd, struct sv_err *err)
{
        struct sv_tls *t = calloc(1, sizeof(*t));
        int flags = fcntl(fd, F_GETFL);

        if (!t || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
                sv_fail_errno(err, "tls.setup", "cannot use the socket");
                free(t);
                close(fd);
                return NULL;
        }
        t->fd = fd;
        snprintf(t->about, sizeof(t->about), "plain");
        return t;
}

static struct sv_tls *make_tls_stream(struct sv_tls_ctx *ctx, int fd, struct sv_err *err)
{
        struct sv_tls *t = sv_tls_plain(fd, err);
        BIO *bio;

        if (!t)
                return NULL;
        t->ssl = SSL_new(ctx->ssl);
        bio = t->ssl ? BIO_new(ctx->bio) : NULL;
        if (!bio) {
                fail_ssl(err, SV_SYSTEM, "tls.setup", "cannot set the connection up");
                sv_tls_free(t);
                return NULL;
        }
        BIO_set_data(bio, t);
        BIO_set_init(bio, 1);
        SSL_set_bio(t->ssl, bio, bio);
        return t;
}

/* A name goes into SNI and is matched; an address is matched only. */
static int set_tls_host(struct sv_tls *t, bool pinned, const char *host, struct sv_err *err)
{
        X509_VERIFY_PARAM *p = SSL_get0_param(t->ssl);
        bool address = X509_VERIFY_PARAM_set1_ip_asc(p, host) == 1;

        ERR_clear_error();
        if (!address && SSL_set_tlsext_host_name(t->ssl, host) != 1)
                return fail_ssl(err, SV_SYSTEM, "tls.setup", "cannot name the host");
        if (pinned || address)
                return 0;
        X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        if (X509_VERIFY_PARAM_set1_host(p, host, 0) != 1)
                return fail_ssl(err, SV_SYSTEM, "tls.setup", "cannot name the host");
        return 0;
}

static int fail_handshake(struct sv_tls *t, const struct sv_tls_ctx *ctx, const char *who,
                          struct sv_err *err)
{
        long verdict = SSL_get_verify_result(t->ssl);

        if (!ctx->server && verdict != X509_V_OK) {
                ERR_clear_error();
                if (ctx->pinned)
                        return sv_fail(err, SV_PROOF, "tls.pin",
                                       "%s showed another key than the pinned one: somebody else "
                                       "answers there, "
                                       "or its key was changed",
                                       who);
                return sv_fail(err, SV_PROOF, "tls.ca", "the certificate of %s does not stand: %s",
                               who, X509_verify_cert_error_string(verdict));
        }
        if (t->fault.class) {
                ERR_clear_error();
                if (err)
                        *err = t->fault;
                return sv_wrap(err, "TLS handshake with %s", who);
        }
        return fail_ssl(err, SV_SYSTEM, "tls.connect", "the TLS handshake failed");
}

static void set_tls_description(struct sv_tls *t)
{
        snprintf(t->about, sizeof(t->about), "%s %s", SSL_get_version(t->ssl),
                 SSL_get_cipher_name(t->ssl));
}

struct sv_tls *sv_tls_connect(struct sv_tls_ctx *ctx, int fd, const char *host, struct sv_err *err)
{
        struct sv_tls *t = make_tls_stream(ctx, fd, err);
        X509 *peer;

        if (!t)
                return NULL;
        ERR_clear_error();
        if (set_tls_host(t, ctx->pinned, host, err) < 0)
                goto fail;
        if (SSL_connect(t->ssl) != 1) {
                fail_handshake(t, ctx, host, err);
                goto fail;
        }
        peer = SSL_get0_peer_certificate(t->ssl);
        if (!peer || SSL_get_verify_result(t->ssl) != X509_V_OK ||
            (ctx->pinned && !matches_spki_pin(peer, ctx->pin))) {
                sv_fail(err, SV_PROOF, ctx->pinned ? "tls.pin" : "tls.ca",
                        "%s is not the peer that was named", host);
                goto fail;
        }
        set_tls_description(t);
        return t;
fail:
        sv_tls_free(t);
        return NULL;
}

struct sv_tls *sv_tls_accept(struct sv_tls_ctx *ctx, int fd, int ms, struct sv_err *err)
{
        struct sv_tls *t = make_tls_stream(ctx, fd, err);

        if (!t)
                return NULL;
        ERR_clear_error();
        sv_tls_deadline(t, ms);
        if (SSL_accept(t->ssl) != 1) {
                fail_handshake(t, ctx, "the client", err);
                sv_tls_free(t);
                return NULL;
        }
        t->deadline = 0;
        set_tls_description(t);
        return t;
}

/* What SSL_read or SSL_write said with `rc` <= 0; 0 for the end of the stream. */
static long judge_tls_io(struct sv_tls *t, int rc, const char *check, struct sv_err *err)
{
        int why = SSL_get_error(t->ssl, rc);

        if (why == SSL_ERROR_ZERO_RETURN)
                return 0;
        if (t->fault.class) {
                ERR_clear_error();
                if (err)
                        *err = t->fault;
                return -1;
        }
        return fail_ssl(err, SV_SYSTEM, check, "the TLS connection broke");
}

/* --- without waiting --- */

#define TURN (32u << 10) /* more than one record (RFC 8446 section 5.2) */

struct sv_tls *sv_tls_begin(struct sv_tls_ctx *ctx, int fd, struct sv_err *err)
{
        struct sv_tls *t = make_tls_stream(ctx, fd, err);

        if (!t)
                return NULL;
        t->held = ctx;
        ctx->users++;
        SSL_set_accept_state(t->ssl);
        SSL_set_mode(t->ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return t;
}

short sv_tls_wants(const struct sv_tls *t)
{
        return t->wants;
}

static void begin_turn(struct sv_tls *t)
{
        ERR_clear_error();
        t->wants = 0;
        t->turn = TURN;
}

/* A want is no fault: nothing has failed. */
static bool is_waiting(const struct sv_tls *t, int rc)
{
        int why = SSL_get_error(t->ssl, rc);

        return t->wants && !t->fault.class &&
               (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE);
}

int sv_tls_shake(struct sv_tls *t, struct sv_err *err)
{
        int rc;

        begin_turn(t);
        rc = SSL_do_handshake(t->ssl);
        if (rc == 1) {
                set_tls_description(t);
                return 1;
        }
        return is_waiting(t, rc) ? 0 : fail_handshake(t, t->held, "the client", err);
}

long sv_tls_peek(struct sv_tls *t, void *out, size_t n, struct sv_err *err)
{
        int got;

        begin_turn(t);
        got = SSL_peek(t->ssl, out, (int)n);
        if (got > 0)
                return got;
        return is_waiting(t, got) ? SV_TLS_WAITS : judge_tls_io(t, got, "tls.read", err);
}

void sv_tls_skip(struct sv_tls *t, void *room, size_t n)
{
        for (int got = 1; n && got > 0; n -= (size_t)got) {
                begin_turn(t);
                got = SSL_read(t->ssl, room, (int)n);
                if (got <= 0)
                        return;
        }
}

long sv_tls_write_some(struct sv_tls *t, struct sv_bytes data, struct sv_err *err)
{
        int put;

        begin_turn(t);
        put = SSL_write(t->ssl, data.p, (int)data.n);
        if (put > 0)
                return put;
        if (is_waiting(t, put))
                return SV_TLS_WAITS;
        return judge_tls_io(t, put, "tls.write", err) == 0
                       ? sv_fail(err, SV_SYSTEM, "tls.write", "the peer closed the connection")
                       : -1;
}

/* --- with deadlines --- */

void sv_tls_deadline(struct sv_tls *t, int ms)
{
        t->deadline = sv_clock_ms() + ms;
}

uint64_t sv_tls_count(const struct sv_tls *t)
{
        return t->got;
}

long sv_tls_read(struct sv_tls *t, void *out, size_t n, struct sv_err *err)
{
        long got;

        if (n > 1 << 20)
                n = 1 << 20;
        if (t->ssl) {
                ERR_clear_error();
                got = SSL_read(t->ssl, out, (int)n);
                if (got <= 0)
                        return judge_tls_io(t, (int)got, "tls.read", err);
        } else {
                got = read_socket(t, out, n, err);
        }
        t->got += got > 0 ? (uint64_t)got : 0;
        return got;
}

int sv_tls_write(struct sv_tls *t, struct sv_bytes data, struct sv_err *err)
{
        while (data.n) {
                size_t piece = data.n < 16384 ? data.n : 16384;
                long put;

                if (t->ssl) {
                        ERR_clear_error();
                        put = SSL_write(t->ssl, data.p, (int)piece);
                        if (put <= 0)
                                put = judge_tls_io(t, (int)put, "tls.write", err);
                } else {
                        put = write_socket(t, data.p, piece, err);
                }
                if (put < 0)
                        return -1;
                if (put == 0)
                        return sv_fail(err, SV_SYSTEM, "tls.write",
                                       "the peer closed the connection");
                data.p += put;
                data.n -= (size_t)put;
        }
        return 0;
}

void sv_tls_free(struct sv_tls *t)
{
        if (!t)
                return;
        if (t->ssl) {
                if (SSL_is_init_finished(t->ssl) && !t->fault.class) {
                        sv_tls_deadline(t, 1000); /* a goodbye is polite, not worth waiting for */
                        SSL_shutdown(t->ssl);
                }
                SSL_free(t->ssl);
        }
        sv_tls_ctx_free(t->held);
        close(t->fd);
        sv_wipe(t, sizeof(*t));
        free(t);
}

void sv_tls_freep(struct sv_tls **t)
{
        sv_tls_free(*t);
}

const char *sv_tls_describe(const struct sv_tls *t)
{
        return t->about;
}
