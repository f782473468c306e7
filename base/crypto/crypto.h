/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, MACs, ciphers and keys. Only base/crypto/crypto*.c, base/crypto/x509.c and
 * base/net/tls.c see libcrypto (they share base/crypto/crypto-ossl.h). The caller always names the
 * algorithm: nothing is tried until it fits. */
#pragma once

#include "base/core/buf.h"
#include "base/core/secret.h"

/* --- digests --- */
/* SHA-1 only to recompute what old formats contain, never for trust */
enum sv_digest { SV_SHA1 = 1, SV_SHA256, SV_SHA384, SV_SHA512 };
#define SV_DIGEST_MAX 64

size_t sv_digest_size(enum sv_digest alg);
const char *sv_digest_name(enum sv_digest alg);     /* "sha256" */
enum sv_digest sv_digest_by_name(const char *name); /* 0 when unknown */
int sv_digest(enum sv_digest alg, struct sv_bytes in, uint8_t *out, struct sv_err *err);

/* SHA-256 in lower-case hex, with its terminator. */
int sv_sha256_hex(struct sv_bytes in, char out[65], struct sv_err *err);

struct sv_hash; /* a running digest */
struct sv_hash *sv_hash_new(enum sv_digest alg, struct sv_err *err);
int sv_hash_put(struct sv_hash *h, struct sv_bytes in, struct sv_err *err);
/* The digest of what was put so far; h goes on. */
int sv_hash_peek(const struct sv_hash *h, uint8_t *out, struct sv_err *err);
/* Writes the digest; h may be used again from the beginning. */
int sv_hash_end(struct sv_hash *h, uint8_t *out, struct sv_err *err);
void sv_hash_free(struct sv_hash *h);
void sv_hash_freep(struct sv_hash **h);
#define SV_HASH __attribute__((cleanup(sv_hash_freep))) struct sv_hash
/* Digest of a whole file, streamed. */
int sv_digest_file(enum sv_digest alg, const char *path, uint8_t *out, uint64_t *size,
                   struct sv_err *err);

int sv_hmac(enum sv_digest alg, struct sv_bytes key, struct sv_bytes in, uint8_t *out,
            struct sv_err *err);
/* Many HMACs of one key, each over `a` and then `b`. */
struct sv_mac;
struct sv_mac *sv_mac_new(enum sv_digest alg, struct sv_bytes key, struct sv_err *err);
int sv_mac_make(struct sv_mac *m, struct sv_bytes a, struct sv_bytes b, uint8_t *out,
                struct sv_err *err);
void sv_mac_free(struct sv_mac *m);
int sv_random(void *out, size_t n, struct sv_err *err);

/* --- symmetric --- */
/* AES-256-GCM, 12-byte iv, 16-byte tag apart. Opening writes the plaintext only when the tag is
 * right: SV_PROOF "crypto.gcm.tag". */
int sv_gcm_seal(struct sv_bytes key, struct sv_bytes iv, struct sv_bytes aad, struct sv_bytes plain,
                struct sv_buf *cipher, uint8_t tag[16], struct sv_err *err);
struct sv_secret *sv_gcm_open(struct sv_bytes key, struct sv_bytes iv, struct sv_bytes aad,
                              struct sv_bytes cipher, struct sv_bytes tag, struct sv_err *err);
/* AES-256 key wrap, RFC 3394; wrapped is 8 bytes longer. */
int sv_kw_wrap(struct sv_bytes kek, struct sv_bytes key, struct sv_buf *wrapped,
               struct sv_err *err);
/* SV_PROOF "crypto.kw" */
struct sv_secret *sv_kw_unwrap(struct sv_bytes kek, struct sv_bytes wrapped, struct sv_err *err);
/* AES-128/256-CFB in place, as TPM 2.0 part 1 section 21 and 24 use it (iv zero). */
int sv_aes_cfb(struct sv_bytes key, struct sv_bytes iv, bool encrypt, uint8_t *data, size_t n,
               struct sv_err *err);

/* --- key derivation --- */
/* Single-step Concat KDF of SP 800-56A / RFC 7518 section 4.6 with SHA-256; info is everything
 * after Z. */
int sv_kdf_concat(struct sv_bytes z, struct sv_bytes info, uint8_t *out, size_t n,
                  struct sv_err *err);
/* KDFa of TPM 2.0 part 1 section 11.4.10.2 (label without its terminator). */
int sv_kdfa(enum sv_digest alg, struct sv_bytes key, const char *label, struct sv_bytes u,
            struct sv_bytes v, uint8_t *out, size_t n, struct sv_err *err);
/* KDFe of TPM 2.0 part 1 section 11.4.10.3, for ECC endorsement keys. */
int sv_kdfe(enum sv_digest alg, struct sv_bytes z, const char *use, struct sv_bytes u,
            struct sv_bytes v, uint8_t *out, size_t n, struct sv_err *err);

/* AES-256-XTS (IEEE 1619) of sectors of `sector` bytes (512 to 4096), the tweak the sector's number
 * in units of 512 bytes as little endian ("plain64", as dm-crypt counts also with larger sectors),
 * in place; n is whole sectors. key: 64 bytes. SV_SYSTEM "crypto.xts". */
struct sv_xts;
struct sv_xts *sv_xts_new(struct sv_bytes key, size_t sector, struct sv_err *err);
int sv_xts_encrypt(struct sv_xts *x, uint64_t sector, uint8_t *p, size_t n, struct sv_err *err);
void sv_xts_free(struct sv_xts *x);
void sv_xts_freep(struct sv_xts **x);
#define SV_XTS __attribute__((cleanup(sv_xts_freep))) struct sv_xts

/* --- keys --- */
enum sv_key_type { SV_KEY_RSA = 1, SV_KEY_P256, SV_KEY_P384, SV_KEY_P521, SV_KEY_ED25519 };
enum sv_scheme {
        SV_RSASSA_SHA256 = 1,
        SV_RSASSA_SHA384,
        SV_RSASSA_SHA512,
        /* salt as long as the digest; verification takes any salt length */
        SV_RSAPSS_SHA256,
        SV_RSAPSS_SHA384,
        SV_RSAPSS_SHA512,
        /* signatures are r || s, each of the curve's size, big endian */
        SV_ECDSA_SHA256,
        SV_ECDSA_SHA384,
        SV_ECDSA_SHA512,
        SV_EDDSA,
};

struct sv_key; /* public, or with its private part */
struct sv_key *sv_key_generate(enum sv_key_type type, unsigned rsa_bits, struct sv_err *err);
/* DER SubjectPublicKeyInfo. Whole input. Points off the curve and RSA below 2048 bits or with an
 * even or small exponent are refused. */
struct sv_key *sv_key_from_spki(struct sv_bytes der, struct sv_err *err);
struct sv_key *sv_key_from_ec(enum sv_key_type curve, struct sv_bytes x, struct sv_bytes y,
                              struct sv_err *err);
struct sv_key *sv_key_from_rsa(struct sv_bytes n, struct sv_bytes e, struct sv_err *err);
/* PEM (PKCS#8 or traditional), unencrypted private key or public key. */
struct sv_key *sv_key_from_pem(struct sv_bytes pem, bool want_private, struct sv_err *err);
/* The private key in this PEM file, or of this URI ("pkcs11:…", "file:…") through libcrypto's
 * stores: it may stay where it is, then only sv_sign and the public part work. SV_SYSTEM
 * "crypto.keystore". */
struct sv_key *sv_key_open(const char *name, struct sv_err *err);
/* The P-384 public key under which the signature r || s over msg (SHA-384) holds, though no key
 * made it (SEC 1, 4.1.6): of the two there are, the one with the smaller x, then y. SV_FORMAT
 * "crypto.recover". */
struct sv_key *sv_key_recover_p384(struct sv_bytes msg, struct sv_bytes sig, struct sv_err *err);
void sv_key_free(struct sv_key *k);
void sv_key_freep(struct sv_key **k);
#define SV_KEY __attribute__((cleanup(sv_key_freep))) struct sv_key
enum sv_key_type sv_key_type(const struct sv_key *k);
unsigned sv_key_bits(const struct sv_key *k);
int sv_key_spki(const struct sv_key *k, struct sv_buf *der, struct sv_err *err);
int sv_key_private_pem(const struct sv_key *k, struct sv_secret **pem, struct sv_err *err);
int sv_key_public_pem(const struct sv_key *k, struct sv_buf *pem, struct sv_err *err);
/* Fixed length for EC (32, 48, 66 bytes); minimal big endian for RSA. */
int sv_key_ec(const struct sv_key *k, struct sv_buf *x, struct sv_buf *y, struct sv_err *err);
int sv_key_rsa(const struct sv_key *k, struct sv_buf *n, struct sv_buf *e, struct sv_err *err);

int sv_sign(const struct sv_key *k, enum sv_scheme scheme, struct sv_bytes msg, struct sv_buf *sig,
            struct sv_err *err);
/* 0 when it holds; SV_PROOF under `check` when it does not. */
int sv_verify_sig(const struct sv_key *k, enum sv_scheme scheme, struct sv_bytes msg,
                  struct sv_bytes sig, const char *check, struct sv_err *err);
/* ECDH: the x coordinate, of the curve's size. */
struct sv_secret *sv_ecdh(const struct sv_key *ours, const struct sv_key *peer, struct sv_err *err);
int sv_oaep_encrypt(const struct sv_key *k, enum sv_digest alg, struct sv_bytes label,
                    struct sv_bytes plain, struct sv_buf *out, struct sv_err *err);
/* RSAES-PKCS1-v1_5 (RFC 8017 section 7.2.1). There is no function that decrypts it. */
int sv_pkcs1_encrypt(const struct sv_key *k, struct sv_bytes plain, struct sv_buf *out,
                     struct sv_err *err);
struct sv_secret *sv_oaep_decrypt(const struct sv_key *k, enum sv_digest alg, struct sv_bytes label,
                                  struct sv_bytes cipher, struct sv_err *err);
