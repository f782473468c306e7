/* SPDX-License-Identifier: Apache-2.0 */
/* The public-key operations of a broker for one release, done with OpenSSL alone. */
#pragma once

#include <sys/resource.h>

#include "tests/unit/unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#define OPERATIONS 200

static double own_ms(void)
{
        struct rusage r;

        getrusage(RUSAGE_SELF, &r);
        return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

static EVP_PKEY *make_key(const char *curve)
{
        EVP_PKEY *k = !strcmp(curve, "X25519") ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
                                               : EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

        assert_non_null(k);
        return k;
}

static void sign_once(EVP_PKEY *k, const EVP_MD *md, uint8_t *sig, size_t *n)
{
        uint8_t data[672] = {0};
        EVP_MD_CTX *c = EVP_MD_CTX_new();

        assert_int_equal(EVP_DigestSignInit(c, NULL, md, NULL, k), 1);
        assert_int_equal(EVP_DigestSign(c, sig, n, data, sizeof(data)), 1);
        EVP_MD_CTX_free(c);
}

static void verify_once(EVP_PKEY *k, const EVP_MD *md, const uint8_t *sig, size_t n)
{
        uint8_t data[672] = {0};
        EVP_MD_CTX *c = EVP_MD_CTX_new();

        assert_int_equal(EVP_DigestVerifyInit(c, NULL, md, NULL, k), 1);
        assert_int_equal(EVP_DigestVerify(c, sig, n, data, sizeof(data)), 1);
        EVP_MD_CTX_free(c);
}

/* A new key, and what it agrees on with another's. */
static void agree_once(const char *curve, EVP_PKEY *peer)
{
        EVP_PKEY *own = make_key(curve);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
        uint8_t out[64];
        size_t n = sizeof(out);

        assert_int_equal(EVP_PKEY_derive_init(c), 1);
        assert_int_equal(EVP_PKEY_derive_set_peer_ex(c, peer, 0), 1);
        assert_int_equal(EVP_PKEY_derive(c, out, &n), 1);
        EVP_PKEY_CTX_free(c);
        EVP_PKEY_free(own);
}

/* As a release has them whose certificates were verified before: the handshake (X25519, a signature
 * with the server's P-256), the report's signature (P-384), the token's twice (P-256: made,
 * verified), and the key's wrapping (P-256). */
static double measure_operations(void)
{
        EVP_PKEY *p256 = make_key("P-256"), *p384 = make_key("P-384"), *x = make_key("X25519");
        uint8_t token[128], report[128];
        size_t n_token = sizeof(token), n_report = sizeof(report);
        double before;

        sign_once(p256, EVP_sha256(), token, &n_token);
        sign_once(p384, EVP_sha384(), report, &n_report);
        before = own_ms();
        for (int i = 0; i < OPERATIONS; i++) {
                uint8_t sig[128];
                size_t n = sizeof(sig);

                agree_once("X25519", x);
                sign_once(p256, EVP_sha256(), sig, &n);
                verify_once(p384, EVP_sha384(), report, n_report);
                n = sizeof(sig);
                sign_once(p256, EVP_sha256(), sig, &n);
                verify_once(p256, EVP_sha256(), token, n_token);
                agree_once("P-256", p256);
        }
        before = own_ms() - before;
        EVP_PKEY_free(p256);
        EVP_PKEY_free(p384);
        EVP_PKEY_free(x);
        return before / OPERATIONS;
}
