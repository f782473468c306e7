/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2/1.3 over sockets, blocking with timeouts. A client always knows whom it talks to: a
 * pinned key or a CA, never the web's. */
#pragma once

#include "base/crypto/x509.h"

struct sv_tls;     /* one connection */
struct sv_tls_ctx; /* a server's certificate and key, or a client's trust */

struct sv_tls_ctx *sv_tls_server(const struct sv_certs *chain, const struct sv_key *key,
                                 struct sv_err *err);
/* Exactly one of pin (SHA-256 of the server's DER SubjectPublicKeyInfo, 32 bytes) and ca. With a
 * pin, names and dates of the certificate do not matter: the key was measured. With a CA, `host`
 * must match. */
struct sv_tls_ctx *sv_tls_client(struct sv_bytes pin, const struct sv_certs *ca,
                                 struct sv_err *err);
void sv_tls_ctx_free(struct sv_tls_ctx *ctx);
void sv_tls_ctx_freep(struct sv_tls_ctx **ctx);
#define SV_TLS_CTX __attribute__((cleanup(sv_tls_ctx_freep))) struct sv_tls_ctx

/* Takes the connected socket (closed by sv_tls_free, also when this fails). Failures: SV_SYSTEM
 * "tls.connect" for network faults, SV_PROOF "tls.pin" / "tls.ca" when the peer is not the one that
 * was pinned. */
struct sv_tls *sv_tls_connect(struct sv_tls_ctx *ctx, int fd, const char *host, struct sv_err *err);
/* The handshake must be done within ms. */
struct sv_tls *sv_tls_accept(struct sv_tls_ctx *ctx, int fd, int ms, struct sv_err *err);
/* Plain bytes over the socket with the same calls, for a broker behind a proxy on loopback and for
 * tests. */
struct sv_tls *sv_tls_plain(int fd, struct sv_err *err);
/* From now on everything on this connection must be done within ms: a peer that sends one byte a
 * second cannot hold it. Without a deadline each read and write may take SV_HTTP_TIMEOUT_MS. */
void sv_tls_deadline(struct sv_tls *t, int ms);
/* Up to n bytes; 0 at the end of the stream (with or without TLS's own goodbye: HTTP says where a
 * message ends); -1: SV_SYSTEM "tls.read" / "tls.timeout". */
long sv_tls_read(struct sv_tls *t, void *out, size_t n, struct sv_err *err);
int sv_tls_write(struct sv_tls *t, struct sv_bytes data, struct sv_err *err);
void sv_tls_free(struct sv_tls *t);
void sv_tls_freep(struct sv_tls **t);
#define SV_TLS __attribute__((cleanup(sv_tls_freep))) struct sv_tls
/* Keying-material-free facts for the audit record: protocol and cipher, "TLSv1.3
 * TLS_AES_256_GCM_SHA384"; "plain" for plain. */
const char *sv_tls_describe(const struct sv_tls *t);

/* Connected TCP socket to host:port (name or address), or -1 with SV_SYSTEM "net.resolve" /
 * "net.connect". */
int sv_tcp_connect(const char *host, const char *port, int timeout_ms, struct sv_err *err);
/* 0 when the socket is ready for `events` of poll(2) in time: SV_SYSTEM "tls.timeout" / "net.poll".
 * timeout_ms < 0 waits forever. */
int sv_net_wait(int fd, short events, int timeout_ms, struct sv_err *err);
/* "192.0.2.1:443" of the other side; "" when unknown. */
void sv_net_peer(int fd, char out[80]);
/* Listening socket; *port is set to the one chosen when it was 0. */
int sv_tcp_listen(const char *address, uint16_t *port, struct sv_err *err);
/* The local port of a socket. */
int sv_tcp_port(int fd, uint16_t *port, struct sv_err *err);
