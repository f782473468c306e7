/* SPDX-License-Identifier: Apache-2.0 */
/* luks/open: a header in memory, its key, the disk that it is for. The device-mapper is played:
 * the library asks the key slots as it always does, and activates nothing. */
#include "unit.h"

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

static struct sv_err err;
static char path[] = "/tmp/secure-vm-luks-XXXXXX";
static struct sv_secret *key;
static struct sv_buf head;

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
        SV_FD fd = mkstemp(path);
        SV_FD plain = open("/dev/zero", O_RDONLY);
        const struct sv_luks_in in = {.plain = plain, .size = 1u << 20, .out = fd};
        SV_BUF all = SV_BUF_NULL;

        key = sv_secret_random(SV_DISK_KEY_SIZE, &err);
        if (fd < 0 || plain < 0 || !key)
                return -1;
        OK(sv_luks_encrypt(&in, key, &err));
        OK(sv_file_read(path, 64u << 20, &all, "test", &err));
        sv_buf_put(&head, sv_bytes(all.p, SV_LUKS_DATA_OFFSET));
        return 0;
}

static int tear_down(void **state)
{
        unlink(path);
        sv_secret_free(key);
        sv_buf_free(&head);
        return 0;
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
