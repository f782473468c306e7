/* SPDX-License-Identifier: Apache-2.0 */
/* luks with authentication tags: the layout by the numbers of the kernel's source, every byte of an
 * image read back, its header read strictly, and another key for it. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/bytes.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "luks/crypt.h"
#include "luks/header.h"
#include "luks/integrity.h"
#include "luks/rekey.h"

#define SIZE   (40u << 20) /* two and a half areas */
#define BLOCK  4096u
#define BLOCKS (SIZE / BLOCK)

static struct sv_err err;
static char path[] = "/tmp/secure-vm-integrity-XXXXXX";
static struct sv_secret *key;
static struct sv_buf plain, image, head;

static void encrypt_in_place(void)
{
        SV_FD fd = open(path, O_RDWR);
        const struct sv_luks_in in = {
                .plain = sv_source_file(fd, 0, SIZE), .out = fd, .integrity = true};

        assert_true(fd >= 0);
        OK(sv_luks_encrypt(&in, key, &err));
}

static int set_up(void **state)
{
        SV_FD fd = mkstemp(path);

        if (fd < 0)
                return -1;
        key = sv_secret_random(64, &err);
        OK(sv_random(sv_buf_grow(&plain, SIZE), SIZE, &err));
        memcpy(plain.p + SIZE - 16, "the last of them", 16);
        OK(sv_file_write(path, 0600, sv_buf_bytes(&plain), &err));
        encrypt_in_place();
        OK(sv_file_read(path, 80u << 20, &image, "test", &err));
        sv_buf_put(&head, sv_bytes(image.p, SV_LUKS_DATA_OFFSET));
        return 0;
}

static int tear_down(void **state)
{
        unlink(path);
        sv_secret_free(key);
        sv_buf_free(&plain);
        sv_buf_free(&image);
        sv_buf_free(&head);
        return 0;
}

/* Worked by hand from drivers/md/dm-integrity.c: a section of the journal has 264 sectors, and the
 * journal a 128th of the disk, at most 131072 sectors. */
static void test_layout(void **state)
{
        static const struct {
                uint64_t blocks;
                uint32_t sections;
                uint64_t size; /* in sectors */
        } cases[] = {
                {1, 1, 32768 + 8 + 264 + 256 + 8},
                {4096, 1, 32768 + 8 + 264 + 256 + 32768},
                {4097, 1, 32768 + 8 + 264 + 512 + 32776},
                {10240, 3, 32768 + 8 + 3 * 264 + 3 * 256 + 81920},
                {262144, 64, 32768 + 8 + 64 * 264 + 64 * 256 + 2097152},
                {1u << 28, 496, 32768 + 8 + 496 * 264 + 65536ull * 256 + (1ull << 31)},
        };

        for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
                struct sv_integrity i;
                uint64_t size = sv_integrity_for(cases[c].blocks, &i);

                assert_int_equal(i.sections, cases[c].sections);
                assert_int_equal(size, cases[c].size * 512);
                assert_int_equal(sv_integrity_journal_size(&i), cases[c].sections * 264 * 512);
                assert_int_equal(sv_integrity_data_at(&i, cases[c].blocks - 1) + BLOCK, size);
                assert_int_equal(sv_integrity_room(size), cases[c].blocks);
                assert_int_equal(sv_integrity_room(size - 512), cases[c].blocks - 1);
        }
        assert_int_equal(sv_integrity_room(0), 0);
        assert_int_equal(sv_integrity_room(SV_LUKS_DATA_OFFSET), 0);
}

/* Byte for byte what Linux 6.1 writes for a disk of as many blocks. */
static void test_superblock(void **state)
{
        static const uint8_t expected[32] = {'i', 'n', 't', 'e', 'g', 'r', 't', 0,    4, 15,
                                             32,  0,   3,   0,   0,   0,   0,   0x40, 1, 0,
                                             0,   0,   0,   0,   8,   0,   0,   0,    3, 12};
        struct sv_integrity i;
        uint8_t super[SV_INTEGRITY_SUPERBLOCK], zeros[SV_INTEGRITY_SUPERBLOCK] = {0};

        sv_integrity_for(BLOCKS, &i);
        sv_integrity_superblock(&i, super);
        assert_memory_equal(super, expected, 32);
        assert_memory_equal(super + 32, zeros, sizeof(super) - 32);
        assert_memory_equal(image.p + SV_LUKS_DATA_OFFSET, super, sizeof(super));
        OK(sv_integrity_check(sv_bytes(super, sizeof(super)), BLOCKS, &err));
        FAILS(sv_integrity_check(sv_bytes(super, sizeof(super)), BLOCKS + 1, &err), SV_PROOF,
              "disk.superblock");
        FAILS(sv_integrity_check(sv_bytes(super, sizeof(super) - 1), BLOCKS, &err), SV_PROOF,
              "disk.superblock");
        for (size_t at = 0; at < sizeof(super); at += at < 64 ? 1 : 500) {
                super[at] ^= 1;
                FAILS(sv_integrity_check(sv_bytes(super, sizeof(super)), BLOCKS, &err), SV_PROOF,
                      "disk.superblock");
                super[at] ^= 1;
        }
}

static void test_journal(void **state)
{
        const uint8_t *journal = image.p + SV_LUKS_DATA_OFFSET + SV_INTEGRITY_SUPERBLOCK;

        for (uint64_t n = 0; n < 3 * 264; n++) {
                uint8_t expected[512] = {0};

                for (int e = 0; n % 264 < 8 && e < 4; e++)
                        memset(expected + 104 * e + 4, 0xff, 4);
                sv_bytes_put_le(expected + 504, 0x1111111111111111ull ^ ((n / 264) << 32 | n % 264),
                                8);
                assert_memory_equal(journal + 512 * n, expected, 512);
        }
}

/* As a guest does: the library opens key slot and digest. The tool prints what it found. */
static void read_volume_key(uint8_t out[96])
{
        SV_STR key_file = sv_asprintf("%s.key", path);
        SV_STR volume_file = sv_asprintf("%s.volume", path);
        SV_STR command = sv_asprintf(
                "PATH=$PATH:/usr/sbin cryptsetup luksDump --dump-volume-key --volume-key-file %s "
                "--key-file %s --disable-locks -q %s >/dev/null 2>&1",
                volume_file, key_file, path);
        SV_BUF volume = SV_BUF_NULL;

        OK(sv_file_write(key_file, 0600, sv_bytes(sv_secret_reveal(key), 64), &err));
        assert_int_equal(system(command), 0);
        OK(sv_file_read(volume_file, 4096, &volume, "test", &err));
        unlink(key_file);
        unlink(volume_file);
        assert_int_equal(volume.n, 96);
        memcpy(out, volume.p, 96);
}

/* Every block and every tag; and nothing of the contents as it was. */
static void test_contents(void **state)
{
        static uint8_t zeros[2048 * 32];
        uint8_t volume[96], in[24 + BLOCK], tag[SV_DIGEST_MAX];
        struct sv_integrity i;

        read_volume_key(volume);

        SV_XTS *xts = sv_xts_new(sv_bytes(volume, 64), BLOCK, &err);

        assert_int_equal(image.n, sv_integrity_for(BLOCKS, &i));
        for (uint64_t n = 0; n < BLOCKS; n++) {
                const uint8_t *tags = image.p + sv_integrity_tags_at(&i, n / 4096);

                memset(in, 0, 24);
                sv_bytes_put_le(in, 8 * n, 8);
                sv_bytes_put_le(in + 8, 8 * n, 8);
                memcpy(in + 24, plain.p + n * BLOCK, BLOCK);
                OK(sv_xts_encrypt(xts, 8 * n, in + 24, BLOCK, &err));
                assert_memory_equal(image.p + sv_integrity_data_at(&i, n), in + 24, BLOCK);
                OK(sv_hmac(SV_SHA256, sv_bytes(volume + 64, 32), sv_bytes(in, sizeof(in)), tag,
                           &err));
                assert_memory_equal(tags + n % 4096 * 32, tag, 32);
        }
        /* the tags that the last area has no blocks for */
        assert_memory_equal(image.p + sv_integrity_tags_at(&i, 2) + 2048 * 32, zeros, 2048 * 32);
        for (size_t at = 0; at < SIZE; at += 1u << 18)
                assert_null(memmem(image.p, image.n, plain.p + at, 32));
        assert_null(memmem(image.p, image.n, "the last of them", 16));
}

static int stop_now(void)
{
        return 1;
}

static void test_key(void **state)
{
        SV_SECRET *other = sv_secret_random(64, &err);
        SV_FD fd = open(path, O_RDWR);
        struct sv_luks_in in = {.plain = sv_source_file(fd, 0, SIZE), .out = fd, .integrity = true};

        OK(sv_luks_try(path, key, &err));
        FAILS(sv_luks_try(path, other, &err), SV_PROOF, "luks.key");
        in.stop = stop_now;
        in.out = -1;
        FAILS(sv_luks_encrypt(&in, key, &err), SV_SYSTEM, "luks.encrypt");
}

static void test_interrupted(void **state)
{
        SV_STR other = sv_asprintf("%s.other", path);
        SV_FD fd = open(other, O_RDWR | O_CREAT, 0600);
        const struct sv_luks_in in = {.plain = sv_source_file(fd, 0, SIZE),
                                      .out = fd,
                                      .stop = stop_now,
                                      .integrity = true};

        FAILS(sv_luks_encrypt(&in, key, &err), SV_SYSTEM, "image.interrupted");
        unlink(other);
}

static int reads_left; /* until one fails */

static int read_until(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                      struct sv_err *e)
{
        memset(p, 0x77, n);
        if (--reads_left == 0)
                return sv_fail(e, SV_SYSTEM, "test.read", "this part cannot be read");
        return 0;
}

static int span_until(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                      struct sv_err *e)
{
        if (at)
                return sv_fail(e, SV_SYSTEM, "test.span", "nobody knows what lies here");
        *kind = SV_SPAN_DATA;
        *end = s->size / 2;
        return 0;
}

/* What cannot be read is not encrypted as something else. */
static void test_unreadable(void **state)
{
        SV_STR other = sv_asprintf("%s.other", path);
        SV_FD fd = open(other, O_RDWR | O_CREAT, 0600);
        struct sv_luks_in in = {.plain = {.size = SIZE, .read = read_until, .fd = -1}, .out = fd};

        for (int i = 0; i < 4; i++) {
                in.integrity = i % 2 != 0;
                reads_left = 1 + i / 2;
                FAILS(sv_luks_encrypt(&in, key, &err), SV_SYSTEM, "test.read");
        }
        in.plain.span = span_until;
        in.integrity = false;
        FAILS(sv_luks_encrypt(&in, key, &err), SV_SYSTEM, "test.span");
        unlink(other);
}

/* Another key opens the same volume; what the data are encrypted with stays. */
static void test_rekey(void **state)
{
        SV_SECRET *to = sv_secret_random(64, &err);
        SV_SECRET *other = sv_secret_random(64, &err);
        SV_STR rekeyed = sv_asprintf("%s.rekeyed", path);
        struct sv_luks_header before, after;
        SV_BUF made = SV_BUF_NULL, refused = SV_BUF_NULL;

        FAILS(sv_luks_rekey(sv_buf_bytes(&head), other, to, &refused, &err), SV_PROOF, "luks.key");
        OK(sv_luks_rekey(sv_buf_bytes(&head), key, to, &made, &err));
        OK(sv_luks_header_parse(sv_buf_bytes(&head), &before, &err));
        OK(sv_luks_header_parse(sv_buf_bytes(&made), &after, &err));
        assert_true(after.integrity);
        assert_int_equal(before.data_size, SIZE);
        assert_int_equal(after.data_size, SIZE);
        memset(sv_buf_grow(&made, SV_LUKS_DATA_OFFSET - made.n), 0, 0);
        OK(sv_file_write(rekeyed, 0600, sv_buf_bytes(&made), &err));
        OK(sv_luks_try(rekeyed, to, &err));
        FAILS(sv_luks_try(rekeyed, key, &err), SV_PROOF, "luks.key");
        unlink(rekeyed);
}

/* --- the header, one member changed at a time --- */

static void replace(struct sv_buf *b, const char *from, const char *to)
{
        uint8_t *p = memmem(b->p, 16384, from, strlen(from));

        assert_non_null(p);
        assert_int_equal(strlen(from), strlen(to));
        memcpy(p, to, strlen(to));
        OK(sv_luks_header_sum(sv_bytes(b->p, 16384), b->p + SV_LUKS_SUM_AT, &err));
}

static void test_header(void **state)
{
        static const struct {
                const char *from, *to, *check;
        } cases[] = {
                {"\"type\":\"hmac(sha256)\"", "\"type\":\"none\"        ", "luks.header.integrity"},
                {"\"type\":\"hmac(sha256)\"", "\"type\":\"hmac(sha255)\"", "luks.header.integrity"},
                {"\"journal_encryption\":\"none\"", "\"journal_encryption\":\"some\"",
                 "luks.header.integrity"},
                {"\"journal_integrity\":\"none\"", "\"journal_integrity\":\"some\"",
                 "luks.header.integrity"},
                {"\"journal_integrity\":\"none\"", "\"journal_integritz\":\"none\"",
                 "luks.header.unknown"},
                {"\"integrity\":{", "\"integritz\":{", "luks.header.unknown"},
                {"\"sector_size\":4096", "\"sector_size\":2048", "luks.header.segment"},
                {"\"sector_size\":4096", "\"sector_size\":512 ", "luks.header.segment"},
                {"\"size\":\"41943040\"", "\"size\":\"41943041\"", "luks.header.segment"},
                {"\"size\":\"41943040\"", "\"size\":\"00000000\"", "luks.header.segment"},
                {"\"size\":\"41943040\"", "\"size\":\"dynamic\" ", "luks.header.area"},
                {"\"key_size\":96", "\"key_size\":64", "luks.header.key-size"},
                {"\"size\":\"385024\"", "\"size\":\"258048\"", "luks.header.area"},
                {"\"encryption\":\"aes-xts-plain64\",\"s", "\"encryption\":\"cipher_null-ecb\",\"s",
                 "luks.header.cipher"},
                {"\"offset\":\"16777216\"", "\"offset\":\"16777217\"", "luks.header.segment"},
                {"\"iv_tweak\":\"0\"", "\"iv_tweak\":\"1\"", "luks.header.segment"},
                {"\"segments\":[\"0\"]", "\"segments\":[\"1\"]", "luks.header.digest"},
        };
        struct sv_luks_header h;
        SV_BUF b = SV_BUF_NULL;

        OK(sv_luks_header_parse(sv_buf_bytes(&head), &h, &err));
        assert_true(h.integrity);
        assert_int_equal(h.data_size, SIZE);
        assert_int_equal(h.area_offset + h.area_size, 417792);
        for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
                sv_buf_clear(&b);
                sv_buf_put(&b, sv_buf_bytes(&head));
                replace(&b, cases[c].from, cases[c].to);
                if (sv_luks_header_parse(sv_buf_bytes(&b), &h, &err) == 0 ||
                    strcmp(err.check, cases[c].check) != 0)
                        fail_msg("%s: expected %s, got %s: %s", cases[c].to, cases[c].check,
                                 err.check, err.msg);
                assert_int_equal(err.class, SV_FORMAT);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_layout),     cmocka_unit_test(test_superblock),
                cmocka_unit_test(test_journal),    cmocka_unit_test(test_contents),
                cmocka_unit_test(test_key),        cmocka_unit_test(test_interrupted),
                cmocka_unit_test(test_unreadable), cmocka_unit_test(test_rekey),
                cmocka_unit_test(test_header),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
