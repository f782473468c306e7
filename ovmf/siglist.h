/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of signatures: db, dbx, MokList (EFI_SIGNATURE_LIST, UEFI specification 2.10,
 * section 32.4.1). Pure. */
#pragma once

#include "base/core/rd.h"

extern const uint8_t sv_guid_cert_x509[16];   /* a certificate, DER */
extern const uint8_t sv_guid_cert_sha256[16]; /* the Authenticode digest of an image */
extern const uint8_t sv_guid_cert_sha384[16];
extern const uint8_t sv_guid_cert_sha512[16];

/* EFI_SIGNATURE_DATA: views into the lists. */
struct sv_signature {
        const uint8_t *type;   /* 16 bytes: one of the above, or another */
        struct sv_bytes entry; /* as firmware measures it: 16 bytes of owner, then the data */
        struct sv_bytes data;
        bool first; /* of its list */
};

struct sv_siglist {
        struct sv_rd lists, list;
        const uint8_t *type;
        uint32_t size;
        bool first;
};

struct sv_siglist sv_siglist(struct sv_bytes lists); /* may be empty */
/* 1: the next signature; 0: no more. SV_FORMAT "ovmf.siglist". */
int sv_siglist_next(struct sv_siglist *l, struct sv_signature *out, struct sv_err *err);
/* A list of one signature. */
struct sv_buf;
void sv_siglist_put(struct sv_buf *b, const uint8_t type[16], const uint8_t owner[16],
                    struct sv_bytes data);
