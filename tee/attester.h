/* SPDX-License-Identifier: Apache-2.0 */
/* The part of a TEE inside of the guest. */
#pragma once

#include "base/json/json.h"
#include "base/core/secret.h"
#include "tee/tee.h"

/* One sentence when a call succeeded, but not in the expected way; else empty. The caller passes it
 * empty. */
#define SV_NOTE_SIZE 1024
struct sv_note {
        char text[SV_NOTE_SIZE];
};

struct sv_attester {
        const struct sv_tee *id;
        bool (*present)(void); /* is this TEE what we run in? */
        /* State that lives from hello to evidence (a TPM session, a loaded key); NULL when none is
         * needed. */
        int (*open)(void **state, struct sv_err *err);
        /* The request's extra-params (a new object; the client adds the hash algorithms), may stay
         * NULL. */
        int (*hello)(void *state, struct sv_json **params, struct sv_err *err);
        /* Fresh evidence over report_data (48 bytes of the KBS binding); `challenge` is the
         * answer's extra-params (may be NULL). */
        int (*evidence)(void *state, struct sv_bytes report_data, const struct sv_json *challenge,
                        struct sv_json **evidence, struct sv_note *note, struct sv_err *err);
        /* The same for a level of privilege (SNP: VMPL, 0 to 3) that the caller names, with no
         * challenge; NULL: this TEE has no levels. */
        int (*evidence_at)(void *state, unsigned level, struct sv_bytes report_data,
                           struct sv_json **evidence, struct sv_err *err);
        /* After the key was released: makes sure that what runs later cannot ask for it again in
         * the agent's name (vTPM: extends a PCR). Where this kernel has no way: 0, and *note says
         * so. */
        int (*seal)(void *state, struct sv_note *note, struct sv_err *err);
        void (*close)(void *state);
        /* A key that the hardware derives for this guest; options are the command's texts by name
         * ("root", "mix", "vmpl", "svn", "tcb"). NULL: this TEE has none. */
        int (*derive)(const struct sv_json *options, struct sv_secret **key, struct sv_err *err);
};
