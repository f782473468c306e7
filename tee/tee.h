/* SPDX-License-Identifier: Apache-2.0 */
/* The TEE interface. A TEE is a folder and one row in attest/tees.c; no other code asks which one
 * it is. The guest's half (evidence) is a row of its own in agent/attesters.c, so that host and
 * broker link no TPM or device driver and the agent links no launcher; tests/conformance checks
 * that both tables agree. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "ovmf/measurement.h"

struct sv_guest;  /* guest/guest.h */
struct sv_memory; /* tee/trust-cache.h */

/* --- host: what this machine offers (sv_tee.probe) --- */
struct sv_probe {
        bool ok;
        /* processor, firmware and kernel do their part; with !ok it is programs that are missing */
        bool platform;
        char found[256]; /* "swtpm 0.7.1, QEMU 10.0.2" */
        /* when !ok: the one thing to change; with ok: the one thing that a launch may lack, or
         * empty */
        char advice[512];
};

/* --- host: the confidential part of the libvirt domain (sv_tee.domain) --- */
/* XML fragments, placed by launcher/virt/domain.c; empty buffers add nothing. */
struct sv_domain_part {
        struct sv_buf launch_security; /* <launchSecurity> … */
        struct sv_buf features;        /* children of <features> */
        struct sv_buf devices;         /* children of <devices> */
        /* the loader must be a read-only rom without variable store */
        bool stateless_firmware;
};

/* --- measure: ovmf/measurement.h --- */
/* --- a guest's identity, signed beforehand; the platform compares it when it launches
 * (sv_tee.id_block) --- */
struct sv_id_in {
        const struct sv_guest *guest;  /* NULL: launch_digest says what is launched */
        struct sv_bytes launch_digest; /* n == 0: predicted from the guest */
        /* texts: "policy", "svn", "family-id", "image-id"; one that is absent has its default */
        const struct sv_json *members;
        /* key NULL: nobody's. author NULL: nobody vouches for the key */
        const struct sv_key *key, *author;
};
struct sv_id_out {
        struct sv_buf block, auth; /* as the platform takes them */
        struct sv_json *values;    /* what they say */
};
void sv_id_out_free(struct sv_id_out *out);

/* --- verify --- */
/* Everything a verifier may use beside the evidence. Kinds are the TEE's own: "ek-root",
 * "activation-secret", "vcek", "tcb-info"… */
struct sv_blob {
        char kind[32];
        struct sv_bytes data; /* not owned */
};
struct sv_collateral {
        const struct sv_blob *list;
        size_t n;
};
/* The n-th blob of that kind (n from 0); false when there are fewer. */
bool sv_collateral_get(const struct sv_collateral *c, const char *kind, size_t n,
                       struct sv_bytes *out);

/* A list of blobs that owns its array, not the bytes. */
struct sv_blobs {
        struct sv_blob *list;
        size_t n;
};
void sv_blobs_free(struct sv_blobs *b);
#define SV_BLOBS __attribute__((cleanup(sv_blobs_free))) struct sv_blobs
void sv_blobs_add(struct sv_blobs *b, const char *kind, struct sv_bytes data);

struct sv_verify_in {
        const struct sv_json *evidence; /* the TEE's evidence, as the KBS protocol carries it */
        /* the digest that must be bound (48 bytes from KBS), or n == 0: not checked, claims say so
         */
        struct sv_bytes report_data;
        struct sv_collateral collateral;
        int64_t time; /* seconds since 1970 */
        /* fuzzing only: signature checks say yes, so that the code behind them is reached */
        bool skip_signatures;
        /* For programs that verify many: collateral that was read and verified before is not again,
         * as long as it is the same and holds at `time`. NULL: everything anew. The answer is the
         * same, claims and errors alike. */
        struct sv_memory *memory;
};

/* A new policy rule without its operator, added to `rules` (array); borrowed. The members are those
 * of policy/policy.h. */
struct sv_json *sv_rule_add(struct sv_json *rules, const char *check, const char *claim,
                            const char *covers, const char *reason);

struct sv_trust_kind {      /* a table of them ends with member NULL */
        const char *member; /* "ek_roots" */
        const char *kind;   /* "ek-root" */
};

struct sv_tee {
        const char *name;     /* "sev-snp", "tdx", "vtpm" */
        const char *kbs_name; /* "snp", "tdx", "tpm" */
        const char *help;
        bool shim; /* starts and measures a shim between firmware and kernel */
        /* what boots when the guest file names none; NULL: the distribution's OVMF
         * (sv_guest_firmware) */
        const char *firmware;
        /* What QEMU makes of such a guest's machine by itself, so that a machine without the TEE
         * must be told (",pic=off"): its ACPI tables are part of the measurement. NULL: they are
         * not. */
        const char *acpi_machine;
        int (*probe)(struct sv_probe *out, struct sv_err *err);
        int (*domain)(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err);
        /* What libvirt said when a launch failed (QEMU's last words among it): a check that says
         * what the platform refused, and why; 0 when the message is about something else. Pure; may
         * be NULL. */
        int (*refusal)(const char *message, struct sv_err *err);
        int (*trial)(const struct sv_guest *guest, struct sv_err *err); /* NULL: has none */
        /* Changes this machine's platform: op "commit", "config" or "vlek-load", with that
         * command's options (texts by name; a switch is ""). Fills *plan (object): "changes", an
         * array of {"what","before","after","text"}; then does it, unless `dry`. NULL: nothing to
         * change. */
        int (*host_op)(const char *op, const struct sv_json *options, bool dry,
                       struct sv_json *plan, struct sv_err *err);
        const char *trial_says; /* what a trial that ends well has shown, and what not */
        /* Pure but for reading the files that the guest file names. */
        int (*measure)(const struct sv_guest *guest, struct sv_measurement *out,
                       struct sv_err *err);
        /* A prediction beside what a boot logged, event by event: adds
         * {"register":…,"same":bool,"text":…} to *rows (array, in order; may be NULL). SV_PROOF
         * "measure.differs" naming the first event that differs. NULL: this TEE has no log of its
         * own. Pure. */
        int (*compare)(const struct sv_measurement *m, struct sv_bytes event_log,
                       struct sv_json *rows, struct sv_err *err);
        /* Makes and signs what the platform shall compare at launch. NULL: this TEE has no such
         * thing. Pure but for files, as measure. */
        int (*id_block)(const struct sv_id_in *in, struct sv_id_out *out, struct sv_err *err);
        /* Adds to *rules (array) the policy rules for this measurement and guest (policy/policy.h);
         * to *trust (object) its anchors. */
        int (*policy)(const struct sv_guest *guest, const struct sv_measurement *m,
                      struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
        /* Which collateral this evidence needs, added to *out (array), one object for each thing to
         * fetch: "kind"         what sv_verify_in.collateral calls it "url"          where its
         * maker has it; https only "form"         what a body looks like, so that nothing else is
         * kept: "cert", "certs" (one or more, DER or PEM), "crl" (DER), "json"; absent: any bytes.
         * That is a look at the form alone: what is fetched is trusted when verify says so
         *   "max_age"      seconds after which it is asked for again; absent: it holds for ever
         * (until "next_update", where there is one) "next_update"  form "json": RFC 6901 pointer to
         * the RFC 3339 time after which it holds no longer ("/tcbInfo/nextUpdate"); of a "crl" this
         * is read from the list itself "headers"      {name: kind}: that response header is an
         * URL-escaped PEM chain and becomes collateral of that kind
         *                  ({"TCB-Info-Issuer-Chain":"tcb-info-chain"}); its absence is an error
         *   "mirror_path"  path (and query) to ask a mirror for, where it is not the url's (PCCS:
         * "/sgx/certification/v4/rootcacrl"); a CRL written in hexadecimal, as PCCS answers, is
         * taken too "offline"      where a folder that was filled elsewhere has it, relative; such
         * a folder may also hold plain names: kind and ".*" "optional"     true: verify does
         * without, and claims say so; a mirror or an offline folder may lack it, its maker's server
         * may not Only kind and url must be there. attest/fetch/fetch.h does what this says. */
        int (*needs)(const struct sv_json *evidence, struct sv_json *out, struct sv_err *err);
        /* Evidence as the KBS protocol carries it, from what hardware or kernel give (a report, a
         * quote): for evidence in files. May be NULL. */
        int (*wrap)(struct sv_bytes raw, struct sv_json **evidence, struct sv_err *err);
        /* Claims (the caller frees), or one named failed check. Pure, but for what it leaves in
         * in->memory. */
        int (*verify)(const struct sv_verify_in *in, struct sv_json **claims, struct sv_err *err);
        /* What another process's verify kept (sv_lesson.what), read and verified here as verify
         * does it, and kept. NULL: this TEE keeps nothing. */
        int (*learn)(struct sv_memory *m, const struct sv_collateral *what, int64_t time,
                     struct sv_err *err);
        /* A challenge of its own beside the nonce (vTPM: credential activation). `params` is the
         * request's whole extra-params. Fills *challenge (the answer's whole extra-params, an
         * object, or NULL for none) and *secret (to be given back as collateral `secret_kind`). May
         * be NULL. */
        int (*challenge)(const struct sv_json *params, struct sv_json **challenge,
                         struct sv_secret **secret, struct sv_err *err);
        const char *secret_kind;
        /* Kinds of collateral that `verify` looks at and that an option of their own may give
         * ("event-log", "crl"), ending with NULL: any other such option is refused, or who gives it
         * would think that it was looked at. */
        const char *const *takes;
        /* Members of a policy's `trust` that this TEE fills, and the collateral kind each of their
         * texts becomes. */
        const struct sv_trust_kind *trust;
        /* What a file of this TEE's formats says, with "kind" and nothing verified; *out stays NULL
         * when it is none of them. Pure; may be NULL. */
        int (*inspect)(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
        /* JSON array of policy rules for `verify` without a policy: what any evidence of this TEE
         * must show. */
        const char *strict;
};

/* Can a guest be launched and measured as this file says, as far as all TEEs know it? SV_USAGE
 * "guest.shim". */
int sv_tee_takes(const struct sv_tee *tee, const struct sv_guest *guest, struct sv_err *err);

/* The firmware image that boots under this TEE (NULL: none): the guest file's, the TEE's default,
 * or the distribution's OVMF. */
const char *sv_tee_firmware(const struct sv_tee *tee, const struct sv_guest *guest);

/* --- the guest's half --- */
struct sv_attester {
        const char *name; /* as in struct sv_tee */
        const char *kbs_name;
        bool (*present)(void); /* is this TEE what we run in? */
        /* State that lives from hello to evidence (a TPM session, a loaded key); NULL when none is
         * needed. */
        int (*open)(void **state, struct sv_err *err);
        /* The request's extra-params (an object of ours; the client adds the hash algorithms), may
         * stay NULL. */
        int (*hello)(void *state, struct sv_json **params, struct sv_err *err);
        /* Fresh evidence over report_data (48 bytes of the KBS binding); `challenge` is the
         * answer's extra-params (may be NULL). Had it to go a way that people did not mean: 0, and
         * *err (zeroed before) says so for them (class SV_OK). */
        int (*evidence)(void *state, struct sv_bytes report_data, const struct sv_json *challenge,
                        struct sv_json **evidence, struct sv_err *err);
        /* The same for a level of privilege (SNP: VMPL, 0 to 3) that the caller names, with no
         * challenge; NULL: this TEE has no levels. */
        int (*evidence_at)(void *state, unsigned level, struct sv_bytes report_data,
                           struct sv_json **evidence, struct sv_err *err);
        /* After the key was released: make sure that what runs later cannot ask again as us (vTPM:
         * extend a PCR). Where this kernel has no way: 0, and *err says so for people (class
         * SV_OK). */
        int (*seal)(void *state, struct sv_err *err);
        void (*close)(void *state);
        /* A key that the hardware derives for this guest; options are the command's texts by name
         * ("root", "mix", "vmpl", "svn", "tcb"). NULL: this TEE has none. */
        int (*derive)(const struct sv_json *options, struct sv_secret **key, struct sv_err *err);
};
