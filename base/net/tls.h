/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.2/1.3 over sockets, blocking with timeouts; a server may also have many that do not wait. A
 * client always knows whom it talks to: a
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
/* Bytes that sv_tls_read gave, without those of TLS itself. */
uint64_t sv_tls_count(const struct sv_tls *t);

/* --- a server's connection that does not wait, for a loop over many (sv_tls_free is the same) ---
 * It costs little while nothing is read or written: OpenSSL gives its buffers back. One call reads
 * at most two records, so that no peer keeps the loop to itself; what is left is still to be read
 * from the socket. Plain streams have none of this. */
#define SV_TLS_WAITS (-2L)
/* Takes the socket as sv_tls_accept does; nothing is read yet. It keeps ctx alive. */
struct sv_tls *sv_tls_begin(struct sv_tls_ctx *ctx, int fd, struct sv_err *err);
/* Goes on with the handshake: 1 done, 0 it waits, -1 as sv_tls_accept. */
int sv_tls_shake(struct sv_tls *t, struct sv_err *err);
/* What the last call waits for: POLLIN or POLLOUT; 0: it did not wait. */
short sv_tls_wants(const struct sv_tls *t);
/* As sv_tls_read, n at most 16384, but the bytes stay until sv_tls_skip; SV_TLS_WAITS. */
long sv_tls_peek(struct sv_tls *t, void *out, size_t n, struct sv_err *err);
/* Takes n bytes that sv_tls_peek showed, through `room`, which has as many. */
void sv_tls_skip(struct sv_tls *t, void *room, size_t n);
/* How many of at most 16384 bytes were taken, at least 1; SV_TLS_WAITS: the same bytes again, more
 * may follow them. -1: SV_SYSTEM "tls.write". */
long sv_tls_write_some(struct sv_tls *t, struct sv_bytes data, struct sv_err *err);

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
