/* SPDX-License-Identifier: Apache-2.0 */
/* An ID key that stays in its token: SoftHSM behind OpenSSL's PKCS#11 provider, found by a pkcs11:
 * URI. The key is imported from a PEM file, so that what the token signs can be held against what
 * the file says. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "sev/measure/idblock.h"
#include "sev/measure/measure.h"
#include "tests/unit/unit.h"

#define TOKEN_LIBRARY "/usr/lib/softhsm/libsofthsm2.so"
#define PROVIDER      "/usr/lib/x86_64-linux-gnu/ossl-modules/pkcs11.so"

static struct sv_err err;

#ifdef __SANITIZE_ADDRESS__
/* The provider opens the token's library with RTLD_DEEPBIND, which the address sanitizer ends the
 * program for: its malloc would be passed by. Here the library is opened without. */
void *dlopen(const char *file, int mode);
__attribute__((visibility("default"))) void *dlopen(const char *file, int mode)
{
        static void *(*next)(const char *, int);

        if (!next)
                *(void **)&next = dlsym(RTLD_NEXT, "dlopen");
        return next(file, mode & ~RTLD_DEEPBIND);
}
#endif

static void put(const char *dir, const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);

        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static void signed_in_the_token(void **state)
{
        static const uint8_t digest[48] = {1, 2, 3};
        SV_STR pem = sv_asprintf("%s/id.pem", getenv("SV_TOKEN_DIR"));
        SV_STR uri = sv_asprintf("pkcs11:token=sv;object=idkey;type=private?pin-source=file:%s/pin",
                                 getenv("SV_TOKEN_DIR"));
        SV_KEY *key = sv_key_open(uri, &err), *file = sv_key_open(pem, &err);
        struct sv_id_in in = {.launch_digest = sv_bytes(digest, 48), .key = key, .author = key};
        struct sv_id_out made = {0};
        struct sv_id_auth a;
        uint8_t expected[48];

        if (!key)
                fail_msg("%s [%s]", err.msg, err.check);
        assert_non_null(file);
        OK(sv_sev_id_block(&in, &made, &err));
        OK(sv_id_auth_check(sv_buf_bytes(&made.block), sv_buf_bytes(&made.auth), true, &a, &err));
        OK(sv_id_key_digest(file, expected, &err));
        assert_memory_equal(a.id_key_digest, expected, 48);
        assert_memory_equal(a.author_key_digest, expected, 48);
        sv_id_out_free(&made);
}

/* Another object, another PIN (while the token is still closed): an error, and nobody is asked for
 * anything. */
static void not_there(void **state)
{
        SV_STR none = sv_asprintf("pkcs11:token=sv;object=none;type=private?pin-source=file:%s/pin",
                                  getenv("SV_TOKEN_DIR"));

        assert_null(sv_key_open("pkcs11:token=sv;object=idkey;type=private?pin-value=9999", &err));
        assert_string_equal(err.check, "crypto.keystore");
        assert_null(sv_key_open(none, &err));
        assert_string_equal(err.check, "crypto.keystore");
}

/* Reads its configuration when libcrypto starts: the environment first, then this program again. */
static void make_token(char **argv)
{
        char dir[] = "/tmp/sev-pkcs11.XXXXXX";
        SV_STR softhsm = NULL;
        SV_STR openssl = NULL;

        if (!mkdtemp(dir) || chdir(dir) < 0)
                exit(1);
        softhsm = sv_asprintf(
                "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir);
        /* no-deinit: SoftHSM uses libcrypto itself, and must not be left after it has gone. */
        openssl = sv_asprintf("openssl_conf = a\n[a]\nproviders = b\n[b]\ndefault = c\npkcs11 = "
                              "d\n[c]\nactivate = 1\n[d]\nmodule = " PROVIDER
                              "\npkcs11-module-path = " TOKEN_LIBRARY
                              "\npkcs11-module-quirks = no-deinit\nactivate = 1\n");
        put(dir, "softhsm.conf", softhsm);
        put(dir, "pin", "1234");
        put(dir, "openssl.cnf", openssl);
        setenv("SV_TOKEN_DIR", dir, 1);
        setenv("SOFTHSM2_CONF", sv_asprintf("%s/softhsm.conf", dir), 1);
        if (system("openssl ecparam -name secp384r1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt "
                   "-out id.pem") != 0 ||
            system("softhsm2-util --init-token --free --label sv --so-pin 1234 --pin 1234 "
                   ">/dev/null") != 0 ||
            system("softhsm2-util --import id.pem --token sv --label idkey --id 01 --pin 1234 "
                   ">/dev/null") != 0)
                exit(1);
        setenv("OPENSSL_CONF", sv_asprintf("%s/openssl.cnf", dir), 1);
        execv("/proc/self/exe", argv);
        exit(1);
}

static int tear_down(void **state)
{
        return sv_remove_tree(getenv("SV_TOKEN_DIR"), NULL);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(not_there),
                                           cmocka_unit_test(signed_in_the_token)};

        if (access(TOKEN_LIBRARY, R_OK) < 0 || access(PROVIDER, R_OK) < 0) {
                printf("SKIP: softhsm2 or pkcs11-provider is not installed (tools/setup does "
                       "it)\n");
                return 77;
        }
        if (!getenv("SV_TOKEN_DIR"))
                make_token(argv);
        return cmocka_run_group_tests(tests, NULL, tear_down);
}
