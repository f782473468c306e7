/* SPDX-License-Identifier: Apache-2.0 */
/* A head: a number and a link of the audit record, and when that was, signed by the broker's token
 * key. Who has kept one, and the public key, knows whether the database still has what it had. A
 * JWS (RFC 7515) in compact form with header {"typ":"secure-vm-audit-head"} over
 * {"id":7,"link":"<hex>","time":<seconds>}, and "cut":true when what was before it has been taken
 * out of the database. */
#pragma once

#include "base/crypto/crypto.h"
#include "broker/store/store.h"

struct sv_head {
        struct sv_audit_link at;
        int64_t time; /* of the signature, seconds since 1970 */
        bool cut;
};

/* Appends it. */
int sv_head_sign(const struct sv_key *key, const struct sv_head *head, struct sv_buf *out,
                 struct sv_err *err);
/* SV_FORMAT "broker.head.form|.alg|.type|.member|…", SV_PROOF "broker.head.signature". Blanks
 * around the text do not count. */
int sv_head_read(struct sv_bytes text, const struct sv_key *key, struct sv_head *out,
                 struct sv_err *err);
/* Was what is missing before the chain's first record taken out by this broker? SV_PROOF
 * "broker.audit.cut". True as well when nothing is missing. */
int sv_head_check_cut(const struct sv_audit_chain *chain, const struct sv_key *key,
                      struct sv_err *err);
/* Writes a fresh head into the file of the configuration, and a line into the log when it is of
 * another record than the file's was. Nothing when there is no record. SV_SYSTEM
 * "broker.audit.head" when the record of the file's head is not there any more, but for a cut. */
int sv_head_write(const char *path, const struct sv_key *key, struct sv_store *store, int64_t now,
                  struct sv_err *err);
