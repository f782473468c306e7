/* SPDX-License-Identifier: Apache-2.0 */
/* luks/open: a header in memory, its key, the disk that it is for. The device-mapper is played:
 * the library asks the key slots as it always does, and activates nothing. */
#include "tests/unit/luks_volume.h"

#include <errno.h>
#include <fcntl.h>
#include <libcryptsetup.h>

#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/crypt.h"
#include "luks/open.h"

int __real_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int keyslot,
                                        const char *passphrase, size_t size, uint32_t flags);
int __wrap_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int keyslot,
                                        const char *passphrase, size_t size, uint32_t flags);

static struct {
        int answer; /* the device-mapper's, when the key is right */
        char name[32];
        uint32_t flags;
} mapper;

int __wrap_crypt_activate_by_passphrase(struct crypt_device *cd, const char *name, int keyslot,
                                        const char *passphrase, size_t size, uint32_t flags)
{
        int r = __real_crypt_activate_by_passphrase(cd, NULL, keyslot, passphrase, size, 0);

        snprintf(mapper.name, sizeof(mapper.name), "%s", name);
        mapper.flags = flags;
        return r < 0 ? r : mapper.answer;
}

static int set_up(void **state)
{
        return make_volume(1u << 20);
}

static int open_with(struct sv_secret *k, bool discard)
{
        memset(&mapper.name, 0, sizeof(mapper.name));
        return sv_luks_open(sv_buf_bytes(&head), path, "root", discard, k, &err);
}

static void test_opens(void **state)
{
        mapper.answer = 0;
        OK(open_with(key, false));
        assert_string_equal(mapper.name, "root");
        assert_int_equal(mapper.flags, 0);
        OK(open_with(key, true));
        assert_int_equal(mapper.flags, CRYPT_ACTIVATE_ALLOW_DISCARDS);
}

/* Another key is a proof that fails; a mapper that will not is not. */
static void test_refusals(void **state)
{
        SV_SECRET *other = sv_secret_random(SV_DISK_KEY_SIZE, &err);

        mapper.answer = 0;
        FAILS(open_with(other, false), SV_PROOF, "luks.key");
        mapper.answer = -EBUSY;
        FAILS(open_with(key, false), SV_SYSTEM, "luks.open");
        mapper.answer = 0;
        FAILS(sv_luks_open(sv_buf_bytes(&head), "/nonexistent", "root", false, key, &err),
              SV_SYSTEM, "luks.open");
        assert_non_null(strstr(err.msg, "/nonexistent"));
}

static void test_no_header(void **state)
{
        mapper.answer = 0;
        memset(mapper.name, 0, sizeof(mapper.name));
        FAILS(sv_luks_open(sv_bytes(head.p + 4096, 8192), path, "root", false, key, &err),
              SV_FORMAT, "luks.header");
        assert_string_equal(mapper.name, ""); /* nobody was asked */
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_opens),
                                           cmocka_unit_test(test_refusals),
                                           cmocka_unit_test(test_no_header)};

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
