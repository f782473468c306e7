/* SPDX-License-Identifier: Apache-2.0 */
/* The key-encryption key: 32 bytes, in the file that the configuration calls "kek". The file holds
 * either these bytes or how they are had (docs/FORMATS.md, "The kek's file"): sealed by a TPM, or
 * wrapped by a key of a PKCS#11 token. It is one file, so that going from one to another is one
 * rename. TPM and token are asked by a process that does nothing else and ends: neither their
 * libraries nor what these leave in memory is the keeper's. */
#pragma once

#include "base/core/secret.h"
#include "base/json/json.h"
#include "base/tpm/tpm-seal.h"

#define SV_KEK_SIZE    32
#define SV_KEK_ID_SIZE 33 /* hex, with its end */

enum sv_kek_kind { SV_KEK_FILE, SV_KEK_TPM, SV_KEK_TOKEN };

struct sv_kek {
        enum sv_kek_kind kind;
        char id[SV_KEK_ID_SIZE]; /* of the key: the same wherever it is kept */
        char *device;            /* TPM: as sv_tpm_device_open */
        char *auth;              /* TPM: a file with the object's password; NULL: none */
        struct sv_tpm_sealed sealed;
        char *uri; /* token: of the key that wraps (RFC 7512) */
        struct sv_buf iv, wrapped;
};
void sv_kek_free(struct sv_kek *k);
#define SV_KEK __attribute__((cleanup(sv_kek_free))) struct sv_kek

/* Where a key is to be kept. */
struct sv_kek_target {
        const char *where; /* "file", "tpm:[DEVICE]", "pkcs11:…" */
        uint32_t pcrs;     /* TPM */
        const char *auth;  /* TPM: a file; NULL: no password */
        bool make_key;     /* token: the wrapping key, when it is not there */
};

const char *sv_kek_kind_name(enum sv_kek_kind kind);
/* SV_USAGE "broker.kek.target", "broker.kek.uri". Pure. */
int sv_kek_check_target(const struct sv_kek_target *to, enum sv_kek_kind *kind, struct sv_err *err);
/* A file that is not the bytes themselves. *out must be zeroed. SV_FORMAT "broker.kek.form…". Pure.
 */
int sv_kek_parse(struct sv_bytes text, struct sv_kek *out, struct sv_err *err);
void sv_kek_print(const struct sv_kek *k, struct sv_buf *out);

/* Reads the file; SV_KEK_FILE also fills *bytes when it is not NULL. *out must be zeroed. SV_USAGE
 * "broker.kek", SV_SYSTEM "broker.key.mode". */
int sv_kek_inspect(const char *path, struct sv_kek *out, struct sv_secret **bytes,
                   struct sv_err *err);
/* The key, whoever keeps it. Beside the errors above those of sv_tpm_unseal and sv_token_unwrap;
 * SV_PROOF "broker.kek.other", SV_SYSTEM "broker.kek.slow". */
struct sv_secret *sv_kek_read(const char *path, struct sv_err *err);
struct sv_secret *sv_kek_open(const struct sv_kek *k, struct sv_err *err);
/* Gives `kek` to the TPM or the token and has it back from there once. *out must be zeroed. */
int sv_kek_seal(const struct sv_kek_target *to, struct sv_secret *kek, struct sv_kek *out,
                struct sv_err *err);
/* Readers find the old file or the new one; it has the old one's owner. SV_SYSTEM "file.write". */
int sv_kek_replace(const char *path, struct sv_bytes content, struct sv_err *err);
/* A new file; one that is there stays: SV_USAGE "broker.kek.copy". On the disk when it returns. */
int sv_kek_write_copy(const char *path, struct sv_secret *kek, struct sv_err *err);
int sv_kek_name(struct sv_secret *kek, char id[SV_KEK_ID_SIZE], struct sv_err *err);

/* Runs `work` in a process of its own and takes what it puts into *out, which is locked and of the
 * `max` that is set; or its error. */
int sv_kek_work_apart(int (*work)(void *arg, struct sv_buf *out, struct sv_err *err), void *arg,
                      struct sv_buf *out, struct sv_err *err);
