/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate table of an extended guest request (GHCB specification 2.03, section 4.1.8.1; the
 * auxblob of configfs-tsm): what the host put there for the guest to pass on. Nothing in it is
 * trusted. Pure. */
#pragma once

#include "base/core/buf.h"

enum sv_cert_kind {
        SV_CERT_ARK,
        SV_CERT_ASK,
        SV_CERT_VCEK,
        SV_CERT_VLEK,
        SV_CERT_CRL,
        SV_CERT_OTHER
};
/* As the KBS evidence names them: "ARK", "ASK", "VCEK", "VLEK", "CRL"; "OTHER". An ASVK comes under
 * ASK's GUID. */
const char *sv_cert_kind_name(enum sv_cert_kind kind);

struct sv_cert_table {
        struct sv_cert_entry {
                enum sv_cert_kind kind;
                uint8_t guid[16];     /* as in the table: RFC 4122's order */
                struct sv_bytes data; /* DER or PEM; points into the table */
        } list[16];                   /* SV_SNP_CERTS_MAX */
        size_t n;
};

/* No bytes, or a terminator first: the host gave no certificates. Unknown GUIDs are kept as
 * SV_CERT_OTHER. SV_FORMAT "snp.certtable.size" (an entry is cut short, no terminator, too large),
 * ".entries" (too many), ".offset" (outside, or inside the table's head), ".length" (zero),
 * ".duplicate". */
int sv_cert_table_parse(struct sv_bytes raw, struct sv_cert_table *out, struct sv_err *err);
/* The same table as bytes; the GUIDs of known kinds are filled in. */
int sv_cert_table_write(const struct sv_cert_table *t, struct sv_buf *out, struct sv_err *err);
/* The first of that kind; NULL when there is none. */
const struct sv_cert_entry *sv_cert_table_find(const struct sv_cert_table *t,
                                               enum sv_cert_kind kind);
