/* SPDX-License-Identifier: Apache-2.0 */
/* What base/ refuses that no other test asks for: one thing wrong in each, one check name
 * expected. */
#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/secret.h"
#include "base/crypto/x509.h"
#include "base/json/json.h"
#include "base/net/http.h"
#include "tests/unit/unit.h"

static struct sv_err err;

/* The same for functions that return a pointer. */
#define REFUSES(call, class, check) FAILS((call) ? 0 : -1, class, check)

static void texts(void **state)
{
        static const char *const bad[] = {"%", "%4", "a%g0", "%0g", "%%41"};
        SV_BUF out = SV_BUF_NULL;
        SV_JSON *j = NULL;

        OK(sv_unpercent("a%41%7e", &out, "t.text", &err));
        assert_string_equal(sv_buf_str(&out), "aA~");
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                FAILS(sv_unpercent(bad[i], &out, "t.text", &err), SV_FORMAT, "t.text");
        OK(sv_json_parse(sv_bytes_str("{\"\xc3\xa4\":1}"), "t", &j, &err));
        FAILS(sv_json_canonical(j, &out, &err), SV_FORMAT, "json.canonical");
}

/* A folder where a file was expected, a file where a folder was, a full device. */
static void files(void **state)
{
        char dir[] = "/tmp/sv-refuse-XXXXXX";
        uint8_t digest[SV_DIGEST_MAX];
        SV_BUF out = SV_BUF_NULL;

        assert_non_null(mkdtemp(dir));
        SV_STR file = sv_asprintf("%s/file", dir);
        SV_STR below = sv_asprintf("%s/file/x", dir);
        SV_STR copy = sv_asprintf("%s/none/copy", dir);
        SV_FD folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        SV_FD full = open("/dev/full", O_WRONLY | O_CLOEXEC);

        OK(sv_file_write(file, 0600, sv_bytes_str("text"), &err));
        FAILS(sv_fd_read(folder, dir, 100, &out, "t.read", &err), SV_SYSTEM, "t.read");
        FAILS(sv_digest_file(SV_SHA256, dir, digest, NULL, &err), SV_SYSTEM, "file.read");
        FAILS(sv_fd_write(full, "full", sv_bytes_str("text"), &err), SV_SYSTEM, "file.write");
        FAILS(sv_file_copy(file, copy, 0600, &err), SV_SYSTEM, "file.copy");
        FAILS(sv_mkdirs(below, 0700, &err), SV_SYSTEM, "file.mkdir");
        FAILS(sv_remove_tree(below, &err), SV_SYSTEM, "file.remove");
        OK(sv_remove_tree(dir, &err));
}

#ifndef __SANITIZE_ADDRESS__ /* its mlock does nothing, and always holds */
/* Without the right to lock memory there is no secret; a process of its own, which gives the right
 * up. */
static void no_locked_memory(void **state)
{
        const struct rlimit none = {0, 0};
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
                struct sv_err e = SV_ERR_NULL;
                bool ok = setrlimit(RLIMIT_MEMLOCK, &none) == 0 &&
                          (getuid() || (setgroups(0, NULL) == 0 && setuid(65534) == 0)) &&
                          !sv_secret_new(16, &e) && e.class == SV_SYSTEM &&
                          strcmp(e.check, "base.secret") == 0;

                exit(ok ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
}
#endif

static void keys(void **state)
{
        /* RFC 8410: X25519 */
        static const uint8_t x25519[44] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b,
                                           0x65, 0x6e, 0x03, 0x21, 0x00, 9};
        static const uint8_t big[SV_RSA_BITS_MAX / 8 + 2] = {1};
        SV_KEY *ec = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_KEY *rsa = sv_key_generate(SV_KEY_RSA, 2048, &err);
        struct sv_bytes e = sv_bytes("\1\0\1", 3), coordinate = sv_bytes(big, 32);
        SV_BUF a = SV_BUF_NULL;
        SV_BUF b = SV_BUF_NULL;

        REFUSES(sv_key_from_spki(sv_bytes(x25519, sizeof(x25519)), &err), SV_FORMAT,
                "crypto.key.type");
        REFUSES(sv_key_from_ec(SV_KEY_RSA, coordinate, coordinate, &err), SV_FORMAT,
                "crypto.key.type");
        REFUSES(sv_key_from_ec(SV_KEY_P256, coordinate, sv_bytes(big, 31), &err), SV_FORMAT,
                "crypto.key.point");
        REFUSES(sv_key_from_ec(SV_KEY_P256, coordinate, coordinate, &err), SV_FORMAT,
                "crypto.key.point");
        REFUSES(sv_key_from_rsa(sv_bytes(big, sizeof(big)), e, &err), SV_FORMAT, "crypto.key.weak");
        REFUSES(sv_key_from_rsa(sv_bytes(big, 256), sv_bytes(big, sizeof(big)), &err), SV_FORMAT,
                "crypto.key.weak");
        REFUSES(sv_key_from_rsa(SV_BYTES_NULL, e, &err), SV_FORMAT, "crypto.key.weak");
        REFUSES(sv_key_from_rsa(sv_bytes(big, 256), SV_BYTES_NULL, &err), SV_FORMAT,
                "crypto.key.weak");
        FAILS(sv_key_ec(rsa, &a, &b, &err), SV_FORMAT, "crypto.key.type");
        FAILS(sv_key_rsa(ec, &a, &b, &err), SV_FORMAT, "crypto.key.type");
        FAILS(sv_oaep_encrypt(ec, SV_SHA256, SV_BYTES_NULL, e, &a, &err), SV_FORMAT,
              "crypto.key.type");
        FAILS(sv_oaep_encrypt(rsa, 99, SV_BYTES_NULL, e, &a, &err), SV_SYSTEM, "crypto.oaep.setup");
        REFUSES(sv_key_recover_p384(e, sv_bytes(big, 95), &err), SV_USAGE, "crypto.recover");
}

/* Sizes that no int holds: they are refused before a byte is looked at. */
static void sizes(void **state)
{
        static const uint8_t key[32];
        const struct sv_bytes huge = sv_bytes(key, (size_t)INT32_MAX + 1);
        SV_BUF out = SV_BUF_NULL;
        uint8_t tag[SV_DIGEST_MAX];

        FAILS(sv_gcm_seal(sv_bytes(key, 32), sv_bytes(key, 12), huge, SV_BYTES_NULL, &out, tag,
                          &err),
              SV_FORMAT, "crypto.size");
        FAILS(sv_gcm_seal(sv_bytes(key, 32), sv_bytes(key, 12), SV_BYTES_NULL, huge, &out, tag,
                          &err),
              SV_FORMAT, "crypto.size");
        FAILS(sv_hmac(SV_SHA256, huge, SV_BYTES_NULL, tag, &err), SV_SYSTEM, "crypto.hmac");
        FAILS(sv_hmac(99, sv_bytes(key, 32), SV_BYTES_NULL, tag, &err), SV_SYSTEM, "crypto.hmac");
        FAILS(sv_random(tag, huge.n, &err), SV_SYSTEM, "crypto.random");
}

static void certificates(void **state)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_CERT *own = sv_cert_self_signed(key, "own", NULL, 0, 2000000000, &err);
        SV_BUF der = SV_BUF_NULL;
        SV_CERTS list = {0};
        int64_t next;

        OK(sv_cert_self_issued(own, "t.own", &err));
        OK(sv_cert_der(own, &der, &err));
        FAILS(sv_crl_next_update(sv_buf_bytes(&der), &next, "t.crl", &err), SV_FORMAT, "t.crl");
        FAILS(sv_crl_next_update(SV_BYTES_NULL, &next, "t.crl", &err), SV_FORMAT, "t.crl");
        der.p[der.n - 1] ^= 1; /* in the signature's last number */
        OK(sv_certs_parse(sv_buf_bytes(&der), &list, "t.cert", &err));
        FAILS(sv_cert_self_issued(list.list[0], "t.own", &err), SV_PROOF, "t.own");
}

static int begin_answer(const char *head, struct sv_http_body *body)
{
        SV_HTTP m = {0};

        OK(sv_http_parse_head(sv_bytes_str(head), false, &m, &err));
        return sv_http_body_begin(&m, body, &err);
}

static void answers(void **state)
{
        struct sv_http_body body;
        SV_HTTP m = {0};
        SV_BUF head = SV_BUF_NULL;

        OK(begin_answer("HTTP/1.1 204 No\r\n\r\n", &body));
        assert_true(body.done);
        OK(begin_answer("HTTP/1.1 304 Same\r\nContent-Length: 0\r\n\r\n", &body));
        FAILS(begin_answer("HTTP/1.1 199 Wait\r\nContent-Length: 0\r\n\r\n", &body), SV_FORMAT,
              "http.head");
        FAILS(begin_answer("HTTP/1.1 204 No\r\nContent-Length: 1\r\n\r\n", &body), SV_FORMAT,
              "http.length");
        FAILS(begin_answer("HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", &body),
              SV_FORMAT, "http.length");
        sv_buf_puts(&head, "HTTP/1.1 200 OK\r\nX: ");
        memset(sv_buf_grow(&head, SV_HTTP_HEAD_MAX), 'a', SV_HTTP_HEAD_MAX);
        sv_buf_puts(&head, "\r\n\r\n");
        FAILS(sv_http_parse_head(sv_buf_bytes(&head), false, &m, &err), SV_FORMAT, "http.head");
}

static void connections(void **state)
{
        uint16_t port = 0;
        SV_FD first = sv_tcp_listen("127.0.0.1", &port, &err);
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);
        int pair[2], file = open("/dev/null", O_RDWR | O_CLOEXEC);
        uint8_t byte;

        assert_true(first >= 0 && port && file >= 0);
        FAILS(sv_tcp_listen("127.0.0.1", &port, &err), SV_SYSTEM, "net.listen");
        REFUSES(sv_tls_server(NULL, key, &err), SV_USAGE, "tls.setup");
        REFUSES(sv_tls_server(&(struct sv_certs){0}, key, &err), SV_USAGE, "tls.setup");
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        close(pair[0]);
        SV_TLS *t = sv_tls_plain(pair[1], &err);

        assert_non_null(t);
        FAILS(sv_tls_write(t, sv_bytes_str("text"), &err), SV_SYSTEM, "tls.write");
        SV_TLS *none = sv_tls_plain(file, &err);

        assert_non_null(none);
        FAILS((int)sv_tls_read(none, &byte, 1, &err), SV_SYSTEM, "tls.read");
}

/* The peer says nothing, and the whole exchange has had its time. */
static void deadline(void **state)
{
        uint8_t byte;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        SV_TLS *t = sv_tls_plain(pair[1], &err);

        assert_non_null(t);
        sv_tls_deadline(t, 1);
        usleep(5000);
        FAILS((int)sv_tls_read(t, &byte, 1, &err), SV_SYSTEM, "tls.timeout");
        close(pair[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts),
                cmocka_unit_test(files),
#ifndef __SANITIZE_ADDRESS__ /* its mlock does nothing, and always holds */
                cmocka_unit_test(no_locked_memory),
#endif
                cmocka_unit_test(keys),
                cmocka_unit_test(sizes),
                cmocka_unit_test(certificates),
                cmocka_unit_test(answers),
                cmocka_unit_test(connections),
                cmocka_unit_test(deadline),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
