/* SPDX-License-Identifier: Apache-2.0 */
/* One certificate, DER or PEM: whatever is taken can be looked at and verified against itself. */
#include <stdlib.h>

#include "base/crypto/signed-cert.h"
#include "base/crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The walk that believes less: where both read a key, it is the same. */
static void walk(struct sv_bytes in)
{
        SV_KEY *a = NULL, *b = NULL;
        SV_BUF da = SV_BUF_NULL, db = SV_BUF_NULL;
        SV_CERT *cert = sv_cert_from_der(in, "fuzz", NULL);
        struct sv_signed_cert c, leaf;
        struct sv_bytes twice[2] = {in, in}, ext;

        sv_signed_chain_check(twice, 2, SV_ECDSA_SHA256, &leaf, "fuzz", NULL);
        sv_signed_chain_check(twice, 2, SV_RSAPSS_SHA384, &leaf, "fuzz", NULL);
        if (sv_signed_cert_read(in, &c, "fuzz", NULL) < 0)
                return;
        sv_signed_cert_ext(&c, in, &ext);
        a = sv_signed_cert_key(&c, "fuzz", NULL);
        b = cert ? sv_cert_key(cert, NULL) : NULL;
        if (a && b &&
            (sv_key_spki(a, &da, NULL) < 0 || sv_key_spki(b, &db, NULL) < 0 ||
             !sv_bytes_eq(sv_buf_bytes(&da), sv_buf_bytes(&db))))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_CERTS list = {NULL, 0};
        struct sv_bytes in = {data, size}, ext;

        walk(in);
        if (sv_certs_parse(in, &list, "fuzz", &err) < 0) {
                if (list.n || !err.check[0])
                        abort();
                return 0;
        }
        for (size_t i = 0; i < list.n && i < 4; i++) {
                SV_KEY *k = sv_cert_key(list.list[i], &err);
                SV_BUF der = SV_BUF_NULL;
                char cn[256];
                int64_t from, to;
                size_t root;

                sv_cert_subject_cn(list.list[i], cn);
                sv_cert_issuer_cn(list.list[i], cn);
                sv_cert_validity(list.list[i], &from, &to);
                sv_cert_ext(list.list[i], "2.5.29.17", &ext);
                sv_cert_has_eku(list.list[i], "2.23.133.8.1");
                if (sv_cert_der(list.list[i], &der, &err) < 0)
                        abort();
                sv_chain_verify(list.list[i], &list, &list, &in, 1, 1800000000, NULL, &root, "fuzz",
                                &err);
                sv_chain_verify(list.list[i], &list, &list, NULL, 0, 1800000000, NULL, &root,
                                "fuzz", &err);
        }
        return 0;
}
