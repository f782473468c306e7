/* SPDX-License-Identifier: Apache-2.0 */
/* From evidence and collateral to claims. Pure: bytes, collateral and time come in, nothing else.
 */
#pragma once

#include "base/json/json.h"
#include "base/core/secret.h"
#include "tee/collateral.h"
#include "tee/tee.h"

struct sv_trust_cache; /* tee/trust-cache.h */

/* Evidence that was read: what a TEE makes of it begins with this. Owned, and independent of the
 * JSON that it came from. */
struct sv_evidence {
        const struct sv_tee_verify *tee;
};

struct sv_verify_in {
        /* the digest that must be bound (48 bytes from KBS), or n == 0: not checked, claims say so
         */
        struct sv_bytes report_data;
        struct sv_collateral collateral;
        int64_t time; /* seconds since 1970 */
        /* For who learns only later which anchors count: a root that is neither the maker's nor in
         * the collateral is taken as it is. The claims then prove nothing before `confirm_root`
         * has held for them. */
        bool any_root;
        /* fuzzing only: signature checks say yes, so that the code behind them is reached */
        bool skip_signatures;
        /* For programs that verify many guests: collateral that was read and verified before is not
         * verified again while it is the same and valid at `time`. NULL: everything is verified
         * each time. The answer is the same, claims and errors alike. */
        struct sv_trust_cache *cache;
        /* When the evidence holds, what `confirm` reads is added to it. `confirm` checks the
         * signature over the report, so that `verify` may leave that one to it: without `confirm`
         * such claims prove nothing. NULL: all is checked here. */
        struct sv_buf *proof;
};

struct sv_trust_kind {      /* a table of them ends with member NULL */
        const char *member; /* "ek_roots" */
        const char *kind;   /* "ek-root" */
};

struct sv_tee_verify {
        const struct sv_tee *id;
        /* A member of this evidence that no other TEE's has. */
        const char *mark;
        /* JSON pointer to the claim that says which machine it is, a text; NULL: there is none, or
         * it is "ek_cn" (/ek/subject_cn). For the audit record. */
        const char *platform;
        /* JSON pointer to the claim of what was launched, 48 bytes; NULL: there is no single one.
         */
        const char *measurement;
        /* The slot of the verdict that it covers, and what it says there. */
        const char *measurement_covers, *measurement_says;
        /* JSON pointer to the claim that binds a host's init-data, and its size in bytes (32 or
         * 48): the digest, cut or with zeros behind it; or a SHA-256 PCR that was extended once
         * with it. */
        const char *init_data;
        size_t init_data_size;
        bool init_data_extends;
        /* Reads evidence, as the KBS protocol carries it; once for all that follows. SV_FORMAT for
         * what is none. Called by sv_evidence_open, `close` by sv_evidence_free. */
        int (*open)(const struct sv_json *evidence, struct sv_evidence **out, struct sv_err *err);
        void (*close)(struct sv_evidence *e);
        /* Which collateral this evidence needs, added to *out (array), one object for each thing to
         * fetch (attest/fetch/fetch.h). Only kind and url must be there:
         *   "kind"         what sv_verify_in.collateral calls it
         *   "url"          where its maker has it; https only
         *   "form"         what a body looks like, so that nothing else is kept: "cert", "certs"
         *                  (one or more, DER or PEM), "crl" (DER), "json"; absent: any bytes. That
         *                  is a look at the form alone: `verify` says what is trusted
         *   "max_age"      seconds after which it is asked for again; absent: it holds for ever
         *                  (until "next_update", where there is one)
         *   "next_update"  form "json": RFC 6901 pointer to the RFC 3339 time after which it holds
         *                  no longer ("/tcbInfo/nextUpdate"); a "crl" says this itself
         *   "headers"      {name: kind}: that response header is an URL-escaped PEM chain and
         *                  becomes collateral of that kind
         *                  ({"TCB-Info-Issuer-Chain":"tcb-info-chain"}); its absence is an error
         *   "mirror_path"  path (and query) to ask a mirror for, where it is not the url's (PCCS:
         *                  "/sgx/certification/v4/rootcacrl"); a CRL written in hexadecimal, as
         *                  PCCS answers, is taken too
         *   "offline"      where a folder that was filled elsewhere has it, relative; such a folder
         *                  may also hold plain names: kind and ".*"
         *   "optional"     true: `verify` does without, and claims say so; a mirror or an offline
         *                  folder may lack it, its maker's server may not */
        int (*needs)(const struct sv_evidence *e, struct sv_json *out, struct sv_err *err);
        /* With what the URLs of `needs` begin, each up to the slash behind the host; ends with
         * NULL. NULL: nothing is fetched. */
        const char *const *makers;
        /* Evidence as the KBS protocol carries it, from what hardware or kernel give (a report, a
         * quote): for evidence in files. May be NULL. */
        int (*wrap)(struct sv_bytes raw, struct sv_json **evidence, struct sv_err *err);
        /* Claims (the caller frees), or one named failed check. Pure, but for what it leaves in
         * in->cache. */
        int (*verify)(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err);
        /* For who has claims of this evidence from a process that a stranger may have taken over:
         * are they what `proof` (sv_verify_in.proof) says, which is of this exchange
         * (in->report_data, and the secret in in->collateral) and signed down to the root that the
         * claims name? Reads with the bounded reader alone. What it cannot say, collateral and
         * event logs, each TEE's function names (docs/DESIGN.md, "The broker's processes").
         * SV_PROOF "tee.claims", or the check of `verify` that fails. Pure, but for in->cache,
         * which may be NULL: chains that held. */
        int (*confirm)(struct sv_bytes proof, const struct sv_verify_in *in,
                       const struct sv_json *claims, struct sv_err *err);
        /* Were these claims, verified with any_root, proven under the maker's own root or one of
         * `anchors` (kinds of `trust`)? Completes the claims with the root that verified, where
         * only the anchors say it. Pure. Every TEE with `trust` has it. */
        int (*confirm_root)(struct sv_json *claims, const struct sv_collateral *anchors,
                            int64_t time, struct sv_err *err);
        /* Is this an anchor of this kind, as `verify` reads it? SV_FORMAT. */
        int (*check_anchor)(const char *kind, struct sv_bytes data, struct sv_err *err);
        /* What another process's verify kept (sv_shared.what), read and verified here as verify
         * does it, and kept. NULL: this TEE keeps nothing. */
        int (*accept_shared)(struct sv_trust_cache *m, const struct sv_collateral *what,
                             int64_t time, struct sv_err *err);
        /* A challenge in addition to the nonce (vTPM: credential activation), in two steps. What
         * `params`, the request's whole extra-params, say for it; nothing: there is none. May be
         * NULL. */
        int (*hello)(const struct sv_json *params, struct sv_buf *said, struct sv_err *err);
        /* Fills *challenge (the answer's whole extra-params, an object) and *secret (to be given
         * back as collateral `secret_kind`) from what `hello` said, which it reads with the bounded
         * reader: it may come from a process that a stranger has taken over. */
        int (*challenge)(struct sv_bytes said, struct sv_json **challenge,
                         struct sv_secret **secret, struct sv_err *err);
        const char *secret_kind;
        /* Kinds of collateral that `verify` looks at and that an option of their own may give
         * ("event-log", "crl"), ending with NULL: any other such option is refused, or who gives it
         * would think that it was looked at. */
        const char *const *takes;
        /* Members of a policy's `trust` that this TEE fills, and the collateral kind each of their
         * texts becomes. */
        const struct sv_trust_kind *trust;
        /* JSON array of policy rules that count under every policy, unless it lifts one by name
         * ("allow"): each is called policy.floor.<name>. NULL: none. */
        const char *floor;
        /* Claims (JSON pointers, with all below them, NULL ends) whose rules a policy may let warn
         * only: what runs, and what a platform's owner updates. What a claim must say for any key
         * is not among them: whose platform and whose guest it is, and what lets its host in. NULL:
         * none. */
        const char *const *may_warn;
        /* Likewise, of which one must decide: whose guest it is, or what it runs. */
        const char *const *tells_guest;
        /* JSON array of policy rules for `verify` without a policy: what any evidence of this TEE
         * must show. */
        const char *strict;
};

/* For `needs`: a row with these members, to which others may be added; borrowed. */
struct sv_json *sv_needs_add(struct sv_json *needs, const char *kind, const char *url,
                             const char *form, const char *offline);

/* Evidence as it travels, from what hardware or kernel give, with a TEE that has `wrap`. The
 * caller frees. */
int sv_evidence_wrap(const struct sv_tee_verify *tee, struct sv_bytes raw, struct sv_json **out,
                     struct sv_err *err);
/* The caller frees *out. */
int sv_evidence_open(const struct sv_tee_verify *tee, const struct sv_json *evidence,
                     struct sv_evidence **out, struct sv_err *err);
void sv_evidence_free(struct sv_evidence *e); /* NULL is fine */
void sv_evidence_freep(struct sv_evidence **e);
#define SV_EVIDENCE __attribute__((cleanup(sv_evidence_freep))) struct sv_evidence
