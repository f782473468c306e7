/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have made the vTPM: certificates as files, turned into the policy's trust. */
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "tee/localca.h"
#include "base/crypto/x509.h"
#include "vtpm/measure/rules.h"

static int read_certs(const char *path, struct sv_certs *out, struct sv_err *err)
{
        SV_BUF pem = SV_BUF_NULL;

        if (sv_file_read(path, SV_PEM_SIZE_MAX, &pem, "vtpm.ek-roots", err) < 0 ||
            sv_certs_parse(sv_buf_bytes(&pem), out, "vtpm.ek-roots", err) < 0)
                return sv_wrap(err, "%s", path);
        return 0;
}

static int read_localca(struct sv_certs *out, struct sv_err *err)
{
        SV_LOCALCA ca = {0};

        if (sv_localca_find(&ca, "vtpm.ek-roots", err) < 0)
                return sv_wrap(err, "without attestation.ek_roots");
        if (access(ca.issuer, R_OK) < 0 || access(ca.root, R_OK) < 0)
                return sv_fail(err, SV_USAGE, "vtpm.ek-roots",
                               "expected the maker of this host's vTPMs at %s (by %s), found none "
                               "that may be read: run \"secure-vm host vtpm-ca\" "
                               "once as who launches, or give attestation.ek_roots",
                               ca.root, ca.conf);
        return read_certs(ca.root, out, err) < 0 ? -1 : read_certs(ca.issuer, out, err);
}

static int sort_cert(const struct sv_cert *cert, struct sv_json *roots, struct sv_json *between,
                     struct sv_json *digests, struct sv_err *err)
{
        char subject[256], issuer[256], hex[65];
        uint8_t digest[32];
        SV_BUF pem = SV_BUF_NULL;
        bool root;

        if (sv_cert_pem(cert, &pem, err) < 0)
                return -1;
        sv_cert_subject_cn(cert, subject);
        sv_cert_issuer_cn(cert, issuer);
        root = !strcmp(subject, issuer);
        sv_json_add(root ? roots : between, sv_json_new_str(sv_buf_str(&pem)));
        if (root) {
                sv_cert_fingerprint(cert, digest);
                sv_json_add(digests, sv_json_new_str(sv_hex(sv_bytes(digest, 32), hex)));
        }
        return 0;
}

int sv_vtpm_trust(const struct sv_guest *guest, struct sv_json *trust, struct sv_json *root_digests,
                  struct sv_err *err)
{
        SV_CERTS certs = {0};
        struct sv_json *roots, *between;

        for (size_t i = 0; i < guest->attestation.n_ek_roots; i++)
                if (read_certs(guest->attestation.ek_roots[i], &certs, err) < 0)
                        return -1;
        if (!guest->attestation.n_ek_roots && read_localca(&certs, err) < 0)
                return -1;
        roots = sv_json_set(trust, "ek_roots", sv_json_array());
        between = sv_json_set(trust, "ek_intermediates", sv_json_array());
        for (size_t i = 0; i < certs.n; i++)
                if (sort_cert(certs.list[i], roots, between, root_digests, err) < 0)
                        return -1;
        if (!sv_json_len(roots))
                return sv_fail(
                        err, SV_USAGE, "vtpm.ek-roots",
                        "none of the %zu certificates is a root (subject and issuer the same)",
                        certs.n);
        return 0;
}
