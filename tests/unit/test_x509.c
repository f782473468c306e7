/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/crypto/signed-cert.h"
#include "tests/unit/pki.h"
#include "tests/unit/limits.h"

#define CA      "critical,CA:TRUE"
#define SIGN    "critical,keyCertSign,cRLSign"
#define ODD_OID "1.3.6.1.4.1.99999.7"

struct chain { /* root <- ca <- leaf, each fault put in by the test */
        struct sv_key *key;
        struct sv_cert *root, *ca, *leaf;
        struct sv_certs roots, between;
};

static void build(struct chain *c, const struct pki_spec *root, const struct pki_spec *ca,
                  const struct pki_spec *leaf)
{
        struct sv_err err;

        c->key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(c->key);
        c->root = pki_cert(root, c->key, NULL, NULL);
        c->ca = pki_cert(ca, c->key, c->root, c->key);
        c->leaf = pki_cert(leaf, c->key, c->ca, c->key);
        c->roots = (struct sv_certs){&c->root, 1};
        c->between = (struct sv_certs){&c->ca, 1};
}

static void drop(struct chain *c)
{
        sv_cert_free(c->root);
        sv_cert_free(c->ca);
        sv_cert_free(c->leaf);
        sv_key_free(c->key);
}
#define CHAIN __attribute__((cleanup(drop))) struct chain

static const struct pki_spec good_root = {.cn = "root", .basic = CA, .usage = SIGN};
static const struct pki_spec good_ca = {.cn = "ca", .basic = CA, .usage = SIGN};
static const struct pki_spec good_leaf = {
        .cn = "leaf", .basic = "critical,CA:FALSE", .usage = "digitalSignature"};

static int verify(const struct chain *c, struct sv_err *err)
{
        size_t root = 99;
        int r = sv_chain_verify(c->leaf, &c->between, &c->roots, NULL, 0, PKI_NOW, NULL, &root, "t",
                                err);

        assert_int_equal(root, r < 0 ? 99 : 0);
        return r;
}

static void a_good_chain_holds(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        CHAIN c;
        struct sv_certs two;
        struct sv_cert *list[2];
        size_t root = 99;

        build(&c, &good_root, &good_ca, &good_leaf);
        OK(verify(&c, &err));
        list[0] = c.leaf; /* any other certificate */
        list[1] = c.root;
        two = (struct sv_certs){list, 2};
        OK(sv_chain_verify(c.ca, NULL, &two, NULL, 0, PKI_NOW, NULL, &root, "t", &err));
        assert_int_equal(root, 1);
        /* An intermediate that the caller names as its root is one. */
        two = (struct sv_certs){&c.ca, 1};
        OK(sv_chain_verify(c.leaf, NULL, &two, NULL, 0, PKI_NOW, NULL, &root, "t", &err));
        assert_int_equal(root, 0);
}

static void each_fault_has_its_name(void **state)
{
        static const struct {
                const char *what, *check;
                struct pki_spec root, ca, leaf;
        } cases[] = {
                {"leaf expired",
                 "t.expired",
                 good_root,
                 good_ca,
                 {.cn = "leaf", .not_after = PKI_NOW - 1}},
                {"leaf not yet",
                 "t.expired",
                 good_root,
                 good_ca,
                 {.cn = "leaf", .not_before = PKI_NOW + 1}},
                {"ca expired",
                 "t.expired",
                 good_root,
                 {.cn = "ca", .basic = CA, .usage = SIGN, .not_after = PKI_NOW - 1},
                 good_leaf},
                {"root expired",
                 "t.expired",
                 {.cn = "root", .basic = CA, .usage = SIGN, .not_after = PKI_NOW - 1},
                 good_ca,
                 good_leaf},
                {"path length",
                 "t.chain",
                 {.cn = "root", .basic = CA ",pathlen:0", .usage = SIGN},
                 good_ca,
                 good_leaf},
                {"no certSign",
                 "t.chain",
                 good_root,
                 {.cn = "ca", .basic = CA, .usage = "critical,digitalSignature"},
                 good_leaf},
                {"no CA",
                 "t.chain",
                 good_root,
                 {.cn = "ca", .basic = "critical,CA:FALSE", .usage = "critical,digitalSignature"},
                 good_leaf},
                {"no basicConstraints",
                 "t.chain",
                 good_root,
                 {.cn = "ca", .usage = SIGN},
                 good_leaf},
                {"unknown critical, leaf",
                 "t.chain",
                 good_root,
                 good_ca,
                 {.cn = "leaf", .critical = ODD_OID}},
                {"unknown critical, ca",
                 "t.chain",
                 good_root,
                 {.cn = "ca", .basic = CA, .usage = SIGN, .critical = ODD_OID},
                 good_leaf},
                {"SHA-1", "t.chain", good_root, good_ca, {.cn = "leaf", .sha1 = true}},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sv_err err = SV_ERR_NULL;
                CHAIN c;

                build(&c, &cases[i].root, &cases[i].ca, &cases[i].leaf);
                print_message("  %s\n", cases[i].what);
                FAILS(verify(&c, &err), SV_PROOF, cases[i].check);
        }
}

static void wrong_roots_and_forged_signatures(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        CHAIN c;
        CHAIN other;
        struct sv_certs none = {NULL, 0};
        SV_CERT *forged = NULL;

        build(&c, &good_root, &good_ca, &good_leaf);
        build(&other, &good_root, &good_ca, &good_leaf); /* the same names, another key */
        FAILS(sv_chain_verify(c.leaf, &c.between, &other.roots, NULL, 0, PKI_NOW, NULL, NULL, "t",
                              &err),
              SV_PROOF, "t.chain");
        FAILS(sv_chain_verify(c.leaf, &other.between, &c.roots, NULL, 0, PKI_NOW, NULL, NULL, "t",
                              &err),
              SV_PROOF, "t.chain");
        FAILS(sv_chain_verify(c.leaf, NULL, &c.roots, NULL, 0, PKI_NOW, NULL, NULL, "t", &err),
              SV_PROOF, "t.chain");
        FAILS(sv_chain_verify(c.leaf, &c.between, &none, NULL, 0, PKI_NOW, NULL, NULL, "t", &err),
              SV_PROOF, "t.chain");
        /* says it is from c.ca, signed by another */
        forged = pki_cert(&good_leaf, c.key, c.ca, other.key);
        FAILS(sv_chain_verify(forged, &c.between, &c.roots, NULL, 0, PKI_NOW, NULL, NULL, "t",
                              &err),
              SV_PROOF, "t.chain");
}

static void a_critical_extension_may_be_allowed_by_name(void **state)
{
        static const struct pki_spec odd = {.cn = "leaf", .critical = ODD_OID};
        const char *allow[] = {"2.5.29.99", ODD_OID, NULL}, *not [] = {"1.3.6.1.4.1.99999.8", NULL};
        struct sv_err err = SV_ERR_NULL;
        CHAIN c;

        build(&c, &good_root, &good_ca, &odd);
        OK(sv_chain_verify(c.leaf, &c.between, &c.roots, NULL, 0, PKI_NOW, allow, NULL, "t", &err));
        FAILS(sv_chain_verify(c.leaf, &c.between, &c.roots, NULL, 0, PKI_NOW, not, NULL, "t", &err),
              SV_PROOF, "t.chain");
}

static void revocation_lists(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF root = SV_BUF_NULL;
        SV_BUF ca = SV_BUF_NULL;
        SV_BUF stale = SV_BUF_NULL;
        SV_BUF bad = SV_BUF_NULL;
        SV_BUF bad_ca = SV_BUF_NULL;
        SV_BUF forged = SV_BUF_NULL;
        CHAIN c;
        CHAIN other;

        build(&c, &good_root, &good_ca, &good_leaf);
        build(&other, &good_root, &good_ca, &good_leaf);
        pki_crl(c.root, c.key, NULL, PKI_TO, &root);
        pki_crl(c.ca, c.key, NULL, PKI_TO, &ca);
        pki_crl(c.ca, c.key, NULL, PKI_NOW - 1, &stale);
        pki_crl(c.ca, c.key, c.leaf, PKI_TO, &bad);
        pki_crl(c.root, c.key, c.ca, PKI_TO, &bad_ca);
        pki_crl(c.ca, other.key, NULL, PKI_TO, &forged);
        struct {
                const struct sv_buf *list[2];
                const char *check;
        } cases[] = {
                {{&root, &ca}, NULL},         {{&root, NULL}, "t.crl"},
                {{&ca, NULL}, "t.crl"},       {{&root, &stale}, "t.crl"},
                {{&root, &bad}, "t.revoked"}, {{&bad_ca, &ca}, "t.revoked"},
                {{&root, &forged}, "t.crl"},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sv_bytes crls[2];
                size_t n = 0;

                for (; n < 2 && cases[i].list[n]; n++)
                        crls[n] = sv_buf_bytes(cases[i].list[n]);
                print_message("  case %zu\n", i);
                if (cases[i].check)
                        FAILS(sv_chain_verify(c.leaf, &c.between, &c.roots, crls, n, PKI_NOW, NULL,
                                              NULL, "t", &err),
                              SV_PROOF, cases[i].check);
                else
                        OK(sv_chain_verify(c.leaf, &c.between, &c.roots, crls, n, PKI_NOW, NULL,
                                           NULL, "t", &err));
        }
        for (size_t cut = 0; cut < root.n; cut++) {
                struct sv_bytes crl = sv_bytes(root.p, cut);

                FAILS(sv_chain_verify(c.ca, NULL, &c.roots, &crl, 1, PKI_NOW, NULL, NULL, "t",
                                      &err),
                      SV_PROOF, "t.crl");
        }
}

static int take_crl(size_t n, struct sv_err *err)
{
        SV_BUF der = SV_BUF_NULL;
        struct sv_bytes crl;
        int64_t next;
        CHAIN c;

        build(&c, &good_root, &good_ca, &good_leaf);
        pki_crl_of_size(c.root, c.key, n, &der);
        crl = sv_buf_bytes(&der);
        assert_int_equal(sv_crl_next_update(crl, &next, "t.crl", NULL),
                         n > SV_PEM_SIZE_MAX ? -1 : 0);
        return sv_chain_verify(c.ca, NULL, &c.roots, &crl, 1, PKI_NOW, NULL, NULL, "t", err);
}

/* So many certificates between a leaf and its root. */
static int take_chain(size_t n, struct sv_err *err)
{
        struct sv_cert *list[SV_CHAIN_MAX + 1], *root, *leaf, *issuer;
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, err);
        int r;

        issuer = root = pki_cert(&good_root, key, NULL, NULL);
        for (size_t i = 0; i < n; i++) {
                SV_STR name = sv_asprintf("ca %zu", i);

                issuer = list[i] =
                        pki_cert(&(struct pki_spec){.cn = name, .basic = CA, .usage = SIGN}, key,
                                 issuer, key);
        }
        leaf = pki_cert(&good_leaf, key, issuer, key);
        r = sv_chain_verify(leaf, &(struct sv_certs){list, n}, &(struct sv_certs){&root, 1}, NULL,
                            0, PKI_NOW, NULL, NULL, "t", err);
        sv_cert_free(leaf);
        sv_cert_free(root);
        while (n)
                sv_cert_free(list[--n]);
        return r;
}

static void every_limit(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_PEM_SIZE_MAX, 1, take_crl, SV_PROOF, "t.crl"),
                LIMIT(SV_CHAIN_MAX, 1, take_chain, SV_PROOF, "t.chain"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

static void self_signed_for_a_server(void **state)
{
        const char *names[] = {"broker.example", "10.0.2.2", "::1", NULL},
                   *bad[] = {"no such name", NULL};
        struct sv_err err = SV_ERR_NULL;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_CERT *c = sv_cert_self_signed(k, "broker", names, PKI_FROM, PKI_TO, &err);
        SV_CERT *again = NULL;
        SV_KEY *taken = NULL;
        SV_BUF der = SV_BUF_NULL;
        SV_BUF pem = SV_BUF_NULL;
        SV_BUF spki = SV_BUF_NULL;
        SV_BUF spki2 = SV_BUF_NULL;
        SV_CERTS list = {NULL, 0};
        struct sv_bytes san;
        char cn[256];
        int64_t from, to;
        uint8_t print[32], want[32];
        static const uint8_t expected[] = "\x30\x28\x82\x0e"
                                          "broker.example"
                                          "\x87\x04\x0a\x00\x02\x02\x87\x10"
                                          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1";

        assert_non_null(c);
        assert_true(sv_cert_ext(c, "2.5.29.17", &san));
        assert_int_equal(san.n, sizeof(expected) - 1);
        assert_memory_equal(san.p, expected, san.n);
        assert_false(sv_cert_ext(c, ODD_OID, &san));
        assert_true(sv_cert_has_eku(c, "1.3.6.1.5.5.7.3.1"));
        assert_false(sv_cert_has_eku(c, "2.23.133.8.1"));
        sv_cert_subject_cn(c, cn);
        assert_string_equal(cn, "broker");
        sv_cert_validity(c, &from, &to);
        assert_true(from == PKI_FROM && to == PKI_TO);
        OK(sv_cert_der(c, &der, &err));
        sv_cert_fingerprint(c, print);
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&der), want, &err));
        assert_memory_equal(print, want, 32);
        OK(sv_cert_pem(c, &pem, &err));
        OK(sv_certs_parse(sv_buf_bytes(&pem), &list, "t", &err));
        OK(sv_certs_parse(sv_buf_bytes(&der), &list, "t", &err));
        assert_int_equal(list.n, 2);
        OK(sv_chain_verify(c, NULL, &list, NULL, 0, PKI_NOW, NULL, NULL, "t", &err));
        taken = sv_cert_key(c, &err);
        OK(sv_key_spki(taken, &spki, &err));
        OK(sv_key_spki(k, &spki2, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&spki), sv_buf_bytes(&spki2)));
        assert_null(sv_cert_self_signed(k, "broker", bad, PKI_FROM, PKI_TO, &err));
        assert_string_equal(err.check, "x509.name");
        assert_null(sv_cert_self_signed(taken, "broker", names, PKI_FROM, PKI_TO, &err));
        assert_string_equal(err.check, "crypto.key.private");
        for (size_t cut = 0; cut < der.n; cut++) {
                assert_null(sv_cert_from_der(sv_bytes(der.p, cut), "t.cert", &err));
                assert_string_equal(err.check, "t.cert");
        }
        sv_buf_u8(&der, 0);
        again = sv_cert_from_der(sv_buf_bytes(&der), "t.cert", &err);
        assert_null(again);
        FAILS(sv_certs_parse(sv_bytes_str("no certificate here"), &list, "t.pem", &err), SV_FORMAT,
              "t.pem");
        FAILS(sv_certs_parse(sv_bytes(pem.p, pem.n / 2), &list, "t.pem", &err), SV_FORMAT, "t.pem");
        assert_int_equal(list.n, 2);
}

static void load(const char *rel, struct sv_buf *out)
{
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_read(vector_path(rel), 1 << 20, out, "test.file", &err));
}

static void endorsement_certificates_of_a_software_tpm(void **state)
{
        static const char *const leaves[] = {"ekcert_rsa.der", "ekcert_ecc384.der",
                                             "platform_cert.der"};
        SV_BUF root = SV_BUF_NULL;
        SV_BUF issuer = SV_BUF_NULL;
        SV_CERTS roots = {NULL, 0};
        SV_CERTS between = {NULL, 0};
        struct sv_err err = SV_ERR_NULL;
        char path[128], cn[256];
        int64_t from, to;

        load("kbs/generated/tpm/swtpm_localca_root.pem", &root);
        load("kbs/generated/tpm/swtpm_localca_issuer.pem", &issuer);
        OK(sv_certs_parse(sv_buf_bytes(&root), &roots, "t", &err));
        OK(sv_certs_parse(sv_buf_bytes(&issuer), &between, "t", &err));
        for (size_t i = 0; i < 3; i++) {
                SV_BUF der = SV_BUF_NULL;
                SV_CERT *c = NULL;
                struct sv_certs none = {NULL, 0};

                snprintf(path, sizeof(path), "kbs/generated/tpm/%s", leaves[i]);
                load(path, &der);
                c = sv_cert_from_der(sv_buf_bytes(&der), "t", &err);
                assert_non_null(c);
                sv_cert_validity(c, &from, &to);
                OK(sv_chain_verify(c, &between, &roots, NULL, 0, from + 1, NULL, NULL, "t", &err));
                FAILS(sv_chain_verify(c, &between, &roots, NULL, 0, from - 1, NULL, NULL, "t",
                                      &err),
                      SV_PROOF, "t.expired");
                FAILS(sv_chain_verify(c, &none, &roots, NULL, 0, from + 1, NULL, NULL, "t", &err),
                      SV_PROOF, "t.chain");
                sv_cert_subject_cn(c, cn);
                assert_string_equal(cn, "vm-0001");
                assert_int_equal(sv_cert_has_eku(c, "2.23.133.8.1"), i < 2);
        }
}

/* --- as bytes --- */

/* What the library and our walk find in one certificate is the same. */
static void same_as_read(const struct sv_cert *cert)
{
        SV_BUF der = SV_BUF_NULL, a = SV_BUF_NULL, b = SV_BUF_NULL;
        static const uint8_t basic[] = {0x55, 0x1d, 0x13};
        SV_KEY *read = NULL, *walked = NULL;
        struct sv_bytes ours = SV_BYTES_NULL, theirs = SV_BYTES_NULL;
        struct sv_signed_cert c;
        struct sv_err err;

        OK(sv_cert_der(cert, &der, &err));
        OK(sv_signed_cert_read(sv_buf_bytes(&der), &c, "t", &err));
        read = sv_cert_key(cert, &err);
        walked = sv_signed_cert_key(&c, "t", &err);
        assert_non_null(read);
        assert_non_null(walked);
        OK(sv_key_spki(read, &a, &err));
        OK(sv_key_spki(walked, &b, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&a), sv_buf_bytes(&b)));
        assert_int_equal(sv_signed_cert_ext(&c, sv_bytes(basic, 3), &ours),
                         sv_cert_ext(cert, "2.5.29.19", &theirs));
        assert_true(sv_bytes_eq(ours, theirs));
        for (size_t n = 0; n < der.n; n++)
                FAILS(sv_signed_cert_read(sv_bytes(der.p, n), &c, "t", &err), SV_FORMAT, "t");
        sv_buf_u8(&der, 0);
        FAILS(sv_signed_cert_read(sv_buf_bytes(&der), &c, "t", &err), SV_FORMAT, "t");
}

static int check_as_bytes(const struct chain *c, enum sv_scheme scheme, struct sv_err *err)
{
        const struct sv_cert *certs[] = {c->leaf, c->ca, c->root};
        struct sv_buf der[3] = {0};
        struct sv_bytes bytes[3];
        struct sv_signed_cert leaf;
        int r;

        for (int i = 0; i < 3; i++) {
                assert_int_equal(sv_cert_der(certs[i], &der[i], err), 0);
                bytes[i] = sv_buf_bytes(&der[i]);
        }
        r = sv_signed_chain_check(bytes, 3, scheme, &leaf, "t", err);
        for (int i = 0; i < 3; i++)
                sv_buf_free(&der[i]);
        return r;
}

static void chains_as_bytes(void **state)
{
        static const struct pki_spec no_ca = {.cn = "ca", .basic = "critical,CA:FALSE"},
                                     nothing = {.cn = "ca"};
        struct sv_err err;
        CHAIN good, leaf_issues, unsaid;

        build(&good, &good_root, &good_ca, &good_leaf);
        OK(check_as_bytes(&good, SV_ECDSA_SHA256, &err));
        same_as_read(good.leaf);
        same_as_read(good.ca);
        FAILS(check_as_bytes(&good, SV_ECDSA_SHA384, &err), SV_PROOF, "t");
        FAILS(check_as_bytes(&good, SV_RSAPSS_SHA384, &err), SV_PROOF, "t");
        build(&leaf_issues, &good_root, &no_ca, &good_leaf);
        FAILS(check_as_bytes(&leaf_issues, SV_ECDSA_SHA256, &err), SV_PROOF, "t");
        build(&unsaid, &good_root, &nothing, &good_leaf);
        FAILS(check_as_bytes(&unsaid, SV_ECDSA_SHA256, &err), SV_PROOF, "t");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_good_chain_holds),
                cmocka_unit_test(each_fault_has_its_name),
                cmocka_unit_test(wrong_roots_and_forged_signatures),
                cmocka_unit_test(a_critical_extension_may_be_allowed_by_name),
                cmocka_unit_test(revocation_lists),
                cmocka_unit_test(every_limit),
                cmocka_unit_test(self_signed_for_a_server),
                cmocka_unit_test(chains_as_bytes),
                cmocka_unit_test(endorsement_certificates_of_a_software_tpm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
