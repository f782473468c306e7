/* SPDX-License-Identifier: Apache-2.0 */
/* luks/dm-verity: the tree against one that is worked out here; every way in which the host can
 * change the disk. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "luks/dm-verity.h"

#define BLOCK  4096u
#define BLOCKS 300u /* two levels: 3 blocks, 1 block */
#define TREE   ((BLOCKS + 1) * BLOCK)

static struct sv_err err;
static char path[] = "/tmp/secure-vm-verity-XXXXXX";
static struct sv_verity made = {
        .type = "ext4", .data_block = BLOCK, .data_blocks = BLOCKS, .tree = TREE};

static void fill_data(uint8_t *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(i / BLOCK * 31 + i % 251);
}

static int set_up(void **state)
{
        SV_FD fd = mkstemp(path);
        SV_BUF data = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(made.salt); i++)
                made.salt[i] = (uint8_t)(i + 1);
        fill_data(sv_buf_grow(&data, BLOCKS * BLOCK), BLOCKS * BLOCK);
        OK(sv_fd_write(fd, path, sv_buf_bytes(&data), &err));
        assert_int_equal(ftruncate(fd, (off_t)sv_verity_end(&made)), 0);
        OK(sv_dm_verity_create(path, &made, &err));
        return 0;
}

static int tear_down(void **state)
{
        return unlink(path);
}

/* SHA-256 of salt and block: dm-verity's format 1 (Documentation/admin-guide/device-mapper/verity).
 */
static void hash_block(const uint8_t *block, size_t n, uint8_t out[32])
{
        uint8_t digest[SV_DIGEST_MAX];
        SV_BUF salted = SV_BUF_NULL;

        sv_buf_put(&salted, sv_bytes(made.salt, sizeof(made.salt)));
        sv_buf_put(&salted, sv_bytes(block, n));
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&salted), digest, &err));
        memcpy(out, digest, 32);
}

/* Digests of n blocks, filled up with zeros to whole blocks. */
static void hash_level(const uint8_t *blocks, size_t n, struct sv_buf *out)
{
        uint8_t digest[32];

        for (size_t i = 0; i < n; i++) {
                hash_block(blocks + i * BLOCK, BLOCK, digest);
                sv_buf_put(out, sv_bytes(digest, 32));
        }
        while (out->n % BLOCK)
                sv_buf_u8(out, 0);
}

/* The upper level comes first. */
static void test_tree(void **state)
{
        SV_BUF all = SV_BUF_NULL, low = SV_BUF_NULL, high = SV_BUF_NULL;
        uint8_t root[32];

        OK(sv_file_read(path, 8u << 20, &all, "test", &err));
        assert_int_equal(all.n, sv_verity_end(&made));
        assert_int_equal(all.n, TREE + 4 * BLOCK);
        hash_level(all.p, BLOCKS, &low);
        hash_level(low.p, 3, &high);
        hash_block(high.p, BLOCK, root);
        assert_memory_equal(all.p + TREE, high.p, BLOCK);
        assert_memory_equal(all.p + TREE + BLOCK, low.p, 3 * BLOCK);
        assert_memory_equal(root, made.root, 32);
        assert_memory_equal(all.p + TREE - BLOCK, "verity\0\0", 8); /* for other tools */
        OK(sv_dm_verity_try(path, &made, &err));
}

static void test_same_bytes_twice(void **state)
{
        SV_BUF first = SV_BUF_NULL, second = SV_BUF_NULL;
        struct sv_verity again = made;

        OK(sv_file_read(path, 8u << 20, &first, "test", &err));
        memset(again.root, 0, sizeof(again.root));
        OK(sv_dm_verity_create(path, &again, &err));
        OK(sv_file_read(path, 8u << 20, &second, "test", &err));
        assert_memory_equal(again.root, made.root, 32);
        assert_memory_equal(first.p, second.p, first.n);
}

static void change_byte(int fd, off_t at)
{
        uint8_t c;

        assert_int_equal(pread(fd, &c, 1, at), 1);
        c ^= 1;
        assert_int_equal(pwrite(fd, &c, 1, at), 1);
}

static void test_changed_disk(void **state)
{
        static const off_t places[] = {0,
                                       BLOCKS * BLOCK - 1,
                                       TREE,                        /* the upper level */
                                       TREE + 3 * 32 - 1,           /* its last digest */
                                       TREE + BLOCK,                /* the lower one */
                                       TREE + 3 * BLOCK + 43 * 32}; /* digest of block 299 */
        SV_FD fd = open(path, O_RDWR);

        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                change_byte(fd, places[i]);
                FAILS(sv_dm_verity_try(path, &made, &err), SV_PROOF, "verity.block");
                change_byte(fd, places[i]);
        }
        OK(sv_dm_verity_try(path, &made, &err));
}

static void test_swapped_blocks(void **state)
{
        SV_FD fd = open(path, O_RDWR);
        uint8_t a[BLOCK], b[BLOCK];

        assert_int_equal(pread(fd, a, BLOCK, 5 * BLOCK), BLOCK);
        assert_int_equal(pread(fd, b, BLOCK, 9 * BLOCK), BLOCK);
        assert_int_equal(pwrite(fd, b, BLOCK, 5 * BLOCK), BLOCK);
        assert_int_equal(pwrite(fd, a, BLOCK, 9 * BLOCK), BLOCK);
        FAILS(sv_dm_verity_try(path, &made, &err), SV_PROOF, "verity.block");
        assert_int_equal(pwrite(fd, a, BLOCK, 5 * BLOCK), BLOCK);
        assert_int_equal(pwrite(fd, b, BLOCK, 9 * BLOCK), BLOCK);
        OK(sv_dm_verity_try(path, &made, &err));
}

/* Whatever the disk says of itself is not read. */
static void test_superblock(void **state)
{
        SV_FD fd = open(path, O_RDWR);
        uint8_t old[BLOCK], other[BLOCK];

        assert_int_equal(pread(fd, old, BLOCK, TREE - BLOCK), BLOCK);
        memset(other, 0xa5, BLOCK);
        assert_int_equal(pwrite(fd, other, BLOCK, TREE - BLOCK), BLOCK);
        OK(sv_dm_verity_try(path, &made, &err));
        assert_int_equal(pwrite(fd, old, BLOCK, TREE - BLOCK), BLOCK);
}

static void test_changed_parameters(void **state)
{
        struct sv_verity other = made;

        other.root[31] ^= 1;
        FAILS(sv_dm_verity_try(path, &other, &err), SV_PROOF, "verity.block");
        other = made;
        other.salt[0] ^= 1;
        FAILS(sv_dm_verity_try(path, &other, &err), SV_PROOF, "verity.block");
        other = made;
        other.data_blocks--;
        FAILS(sv_dm_verity_try(path, &other, &err), SV_PROOF, "verity.block");
        other = made;
        other.tree += BLOCK;
        FAILS(sv_dm_verity_try(path, &other, &err), SV_PROOF, "verity.block");
        other = made;
        other.data_block = 2048;
        other.data_blocks *= 2;
        FAILS(sv_dm_verity_try(path, &other, &err), SV_PROOF, "verity.block");
}

static void test_refusals(void **state)
{
        struct sv_verity v = made;

        FAILS(sv_dm_verity_create("/nonexistent", &v, &err), SV_SYSTEM, "verity.create");
        FAILS(sv_dm_verity_try("/nonexistent", &v, &err), SV_SYSTEM, "verity.open");
        FAILS(sv_dm_verity_open("/nonexistent", "sv-none", &v, &err), SV_SYSTEM, "verity.open");
        assert_false(sv_dm_verity_is_corrupt("sv-none"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tree),         cmocka_unit_test(test_same_bytes_twice),
                cmocka_unit_test(test_changed_disk), cmocka_unit_test(test_swapped_blocks),
                cmocka_unit_test(test_superblock),   cmocka_unit_test(test_changed_parameters),
                cmocka_unit_test(test_refusals),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
