/* SPDX-License-Identifier: Apache-2.0 */
/* The kek goes from a file to a TPM or a token, from there to another, or back: the key stays the
 * same, and so does all that is sealed under it. While the broker serves, too: it has the key. */
#pragma once

#include "broker/broker.h"
#include "broker/kek/kek.h"

struct sv_reseal {
        struct sv_kek_target to;
        const char *from; /* a copy of the key, when what keeps it is lost; NULL: what keeps it */
        const char *copy; /* a new file that gets a copy of the key; NULL: none */
        bool no_copy;     /* the caller has one, or wants none */
};

/* The key is read, and must be the database's, before anything is written; the file is replaced
 * last, when the key has come back from where it was put. So wherever it is ended, the file is the
 * old one or the new one, and both open. `b` is opened, and has no keys. *made (zeroed) is what is
 * in the file now. SV_USAGE "broker.kek.copy"; what sv_kek_seal and sv_broker_enter say. */
int sv_broker_reseal(struct sv_broker *b, const struct sv_reseal *r, struct sv_kek *made,
                     struct sv_err *err);
