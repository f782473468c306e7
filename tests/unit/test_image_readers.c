/* SPDX-License-Identifier: Apache-2.0 */
/* image/import: systems on XFS and btrfs, as their own tools make them (tests/vectors/import); file
 * systems that were not unmounted, cut short, of other kinds, damaged in thousands of ways; and
 * what the guest is left to change. */
#include "unit.h"

#include <fcntl.h>

#include "base/core/bytes.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "image/copy.h"
#include "image/import/fstab.h"
#include "image/import/medium.h"
#include "image/import/system.h"
#include "image/run.h"

#define MIB   (1ull << 20)
#define SUPER 65536 /* of a btrfs */
#define LINES 40000

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-readers-XXXXXX";
static struct sv_medium medium;
static struct sv_system sys;
static struct sv_buf numbers;

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && %s", dir, script);
        const char *const argv[] = {"sh", "-ec", command, NULL};

        OK(sv_run(argv, "test", &err));
}

static char *below(const char *name)
{
        return sv_asprintf("%s/%s", dir, name);
}

static const char *const names[] = {"xfs5", "xfs4", "btrfs-no", "btrfs-zlib", "btrfs-zstd"};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static int set_up(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        setenv("TMPDIR", dir, 1);
        for (size_t i = 0; i < N_NAMES + 2; i++) {
                static const char *const more[] = {"btrfs-lzo", "xfs5-linux"};
                const char *name = i < N_NAMES ? names[i] : more[i - N_NAMES];
                SV_STR rel = sv_asprintf("import/%s.img.zst", name);
                SV_STR script = sv_asprintf("zstd -dqf --sparse %s -o %s", vector_path(rel), name);

                sh(script);
        }
        for (int i = 1; i <= LINES; i++)
                sv_buf_printf(&numbers, "%d\n", i);
        return 0;
}

static void close_all(void)
{
        sv_system_close(&sys);
        sv_medium_close(&medium);
}

static int tear_down(void **state)
{
        close_all();
        sv_buf_free(&numbers);
        return sv_remove_tree(dir, &err);
}

static int open_with(const char *name, struct sv_system_in in)
{
        SV_STR path = below(name);

        close_all();
        if (sv_medium_open(path, &medium, &err) < 0)
                return -1;
        in.disk = &medium.source;
        return sv_system_open(&in, &sys, &err);
}

static int open_disk(const char *name)
{
        return open_with(name, (struct sv_system_in){.partition = 0});
}

static void count_name(void *arg, const char *name)
{
        unsigned *n = arg;

        *n += strncmp(name, "a-name-of-a-file-", 17) == 0;
}

/* What its makers put there, each in the form in which it is stored. */
static void expect_files(void)
{
        SV_BUF b = SV_BUF_NULL, hole = SV_BUF_NULL, kernel = SV_BUF_NULL;
        unsigned n = 0;

        OK(sv_filetree_read(sys.root, "numbers", MIB, &b, "test", &err));
        assert_int_equal(b.n, numbers.n);
        assert_memory_equal(b.p, numbers.p, b.n);
        OK(sv_filetree_read(sys.root, "/hole", 2 * MIB, &hole, "test", &err));
        assert_int_equal(hole.n, MIB + 3);
        assert_true(sv_bytes_are_zero(sv_bytes(hole.p, MIB)));
        assert_memory_equal(hole.p + MIB, "end", 3);
        OK(sv_filetree_list(sys.root, "/many", count_name, &n, &err));
        assert_int_equal(n, 600);
        assert_true(sv_filetree_has(sys.root, "/many/a-name-of-a-file-599"));
        assert_false(sv_filetree_has(sys.root, "/many/a-name-of-a-file-601"));
        assert_false(sv_filetree_has(sys.root, "/numbers/x"));
        OK(sv_filetree_list(sys.root, "/nothing", count_name, &n, &err));
        OK(sv_filetree_list(sys.root, "/numbers", count_name, &n, &err));
        assert_int_equal(n, 600);
        OK(sv_system_read_kernel(&sys, &kernel, &err));
        assert_string_equal(sv_buf_str(&kernel), "6.1.10-x\n");
        FAILS(sv_filetree_read(sys.root, "/many", 100, &b, "test.kind", &err), SV_SYSTEM,
              "test.kind");
        FAILS(sv_filetree_read(sys.root, "/none", 100, &b, "test.none", &err), SV_SYSTEM,
              "test.none");
        FAILS(sv_filetree_read(sys.root, "/numbers", 100, &b, "test.large", &err), SV_FORMAT,
              "test.large");
}

static void expect_links(void)
{
        assert_true(sv_filetree_has(sys.root, "/links/over"));
        assert_true(sv_filetree_has(sys.root, "/links/long"));
        assert_true(sv_filetree_has(sys.root, "/links/./../links/up"));
        assert_false(sv_filetree_has(sys.root, "/links/loop"));
}

static void expect_edit(size_t i, const char *name, const char *before, const char *after)
{
        char digest[65];

        OK(sv_sha256_hex(sv_bytes_str(before), digest, &err));
        assert_true(i < sys.n_edits);
        assert_string_equal(sys.edits[i].name, name);
        assert_string_equal(sys.edits[i].digest, digest);
        assert_string_equal(sv_buf_str(&sys.edits[i].text), after);
}

/* What cannot be written here is the guest's to do. */
static void expect_edits(const char *options)
{
        static const char id[] = "UUID=01234567-89ab-cdef-0123-456789abcdef";
        SV_STR before = sv_asprintf("%s / %s 0 0\nUUID=AAAA-1111 /boot/efi vfat defaults 0 0\n", id,
                                    options);
        SV_STR after = sv_asprintf("%s / %s 0 0\n# not imported: UUID=AAAA-1111 /boot/efi vfat "
                                   "defaults 0 0\n",
                                   id, options);

        assert_false(sv_filetree_can_write(sys.root));
        assert_int_equal(sys.n_edits, 2);
        expect_edit(0, "crypttab", "# volumes\nspare UUID=BBBB none luks\n",
                    "# volumes\n# not imported: spare UUID=BBBB none luks\n");
        expect_edit(1, "fstab", before, after);
        assert_string_equal(sys.dropped,
                            "encrypted volume spare (UUID=BBBB)\n/boot/efi (UUID=AAAA-1111)");
}

static void test_files(void **state)
{
        for (size_t i = 0; i < N_NAMES; i++) {
                const bool xfs = names[i][0] == 'x';

                print_message("%s\n", names[i]);
                OK(open_disk(names[i]));
                assert_string_equal(sys.root_at->holds, xfs ? "xfs" : "btrfs");
                assert_string_equal(sys.version, "6.1.10-x");
                assert_true(sys.modules.has(&sys.modules, "modules.dep"));
                expect_files();
                expect_links();
                expect_edits(xfs ? "xfs defaults" : "btrfs subvol=root,compress=zstd:1");
                FAILS(open_with(names[i], (struct sv_system_in){.readonly_root = true}), SV_USAGE,
                      "import.verity");
                if (xfs)
                        OK(open_with(names[i], (struct sv_system_in){.integrity = true}));
                else
                        FAILS(open_with(names[i], (struct sv_system_in){.integrity = true}),
                              SV_USAGE, "import.integrity");
        }
}

static bool is_all(const uint8_t *p, size_t n, int value)
{
        for (size_t i = 0; i < n; i++)
                if (p[i] != value)
                        return false;
        return true;
}

static void count_made(void *arg, const char *name)
{
        unsigned *n = arg;

        *n += strncmp(name, "file-with-a-name-", 17) == 0;
}

/* By Linux itself: its log, a folder with gaps, and files of hundreds of extents, one with holes.
 */
static void test_written_by_linux(void **state)
{
        SV_BUF frag = SV_BUF_NULL, other = SV_BUF_NULL;
        unsigned n = 0;

        OK(open_disk("xfs5-linux"));
        expect_files();
        OK(sv_filetree_list(sys.root, "/made", count_made, &n, &err));
        assert_int_equal(n, 1000);
        assert_false(sv_filetree_has(sys.root, "/made/file-with-a-name-300"));
        assert_true(sv_filetree_has(sys.root, "/made/file-with-a-name-1499"));
        OK(sv_filetree_read(sys.root, "/made/frag", 4 * MIB, &frag, "test", &err));
        OK(sv_filetree_read(sys.root, "/made/other", 4 * MIB, &other, "test", &err));
        assert_int_equal(other.n, 400 * 4096);
        assert_int_equal(frag.n, 399 * 8192 + 4096);
        for (size_t i = 0; i < 400; i++) {
                assert_true(is_all(frag.p + i * 8192, 4096, 'a' + (int)(i % 26)));
                assert_true(is_all(other.p + i * 4096, 4096, 'a' + (int)(i % 26)));
                assert_true(i == 399 || is_all(frag.p + i * 8192 + 4096, 4096, 0));
        }
}

/* The root is where its own fstab says; a snapshot of it says the same, and is not. */
static void test_subvolumes(void **state)
{
        OK(open_disk("btrfs-zstd"));
        assert_string_equal(sys.subvolume, "subvol=root");
        assert_int_equal(sv_filetree_subvolume(sys.root),
                         sv_filetree_find_subvolume(sys.root, "root"));
        assert_int_equal(sv_filetree_find_subvolume(sys.root, "home/mine"), 0);
        assert_true(sv_filetree_find_subvolume(sys.root, "/older") >= 256);
        OK(open_disk("btrfs-zlib")); /* it is the default */
        assert_null(sys.subvolume);
        OK(open_disk("xfs5"));
        assert_null(sys.subvolume);
        assert_int_equal(sv_filetree_find_subvolume(sys.root, "/"), 0);
}

/* The bytes at one place of a copy, sparse as it was. */
static void patch(const char *from, const char *to, uint64_t at, const void *p, size_t n)
{
        SV_STR copy = sv_asprintf("cp --sparse=always %s %s", from, to);
        SV_STR path = below(to);
        SV_FD fd = -1;

        if (strcmp(from, to) != 0)
                sh(copy);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, p, n, (off_t)at), n);
}

/* An fstab that names no subvolume, in both: then nobody knows. */
static void test_two_systems(void **state)
{
        SV_STR path = below("btrfs-no");
        SV_BUF b = SV_BUF_NULL;
        unsigned n = 0;

        sh("cp --sparse=always btrfs-no two");
        OK(sv_file_read(path, 128 * MIB, &b, "test", &err));
        for (const uint8_t *p = b.p; (p = memmem(p, b.n - (size_t)(p - b.p), "subvol=root,", 12));
             p += 12, n++)
                patch("two", "two", (uint64_t)(p - b.p), "subvol=rxxx,", 12);
        assert_true(n >= 2);
        FAILS(open_disk("two"), SV_USAGE, "import.root");
        assert_non_null(strstr(err.msg, "set-default"));
}

/* All of it, and zeros behind it. */
static void test_source(void **state)
{
        for (size_t i = 0; i < N_NAMES; i += 2) {
                SV_STR path = below("out");
                SV_STR compare = sv_asprintf("cmp %s out", names[i]);
                SV_FD fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                uint8_t piece[8192];
                struct sv_source root;

                OK(open_disk(names[i]));
                OK(sv_filetree_source(sys.root, &root, &err));
                OK(sv_copy_source(&root, fd, NULL, &err));
                assert_int_equal(ftruncate(fd, (off_t)root.size), 0);
                sh(compare);
                memset(piece, 1, sizeof(piece));
                OK(root.read(&root, root.size - 4096, piece, sizeof(piece), &err));
                assert_true(sv_bytes_are_zero(sv_bytes(piece + 4096, 4096)));
        }
}

/* Where the log of an XFS is. */
static uint64_t find_log(const char *name)
{
        SV_STR path = below(name);
        uint8_t head[512];
        uint64_t block, start = 0, group;
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
        block = 1ull << head[120];
        for (size_t i = 48; i < 56; i++)
                start = start << 8 | head[i];
        group = (uint64_t)head[84] << 24 | head[85] << 16 | head[86] << 8 | head[87];
        return ((start >> head[124]) * group + (start & ((1ull << head[124]) - 1))) * block;
}

static void put_be32(uint8_t *p, uint32_t v)
{
        for (size_t i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A record of one sector as Linux writes it: in this round, with this many operations and flag. */
static void put_record(const char *name, uint64_t at, uint32_t round, uint32_t operations,
                       uint8_t flag)
{
        uint8_t record[1024] = {0};

        put_be32(record, 0xfeedbabe);
        put_be32(record + 4, round);
        put_be32(record + 8, 2);
        put_be32(record + 12, 512);
        put_be32(record + 40, operations);
        put_be32(record + 320, 32768);
        put_be32(record + 512, round);
        record[512 + 8] = 0xaa;
        record[512 + 9] = flag;
        patch(name, "log", find_log(name) + at * 512, record, sizeof(record));
}

static void test_log(void **state)
{
        for (size_t i = 0; i < 2; i++) {
                put_record(names[i], 0, 1, 1, 0);
                FAILS(open_disk("log"), SV_USAGE, "import.xfs.unclean");
                assert_non_null(strstr(err.msg, "not unmounted"));
                put_record(names[i], 0, 1, 2, 0x20);
                FAILS(open_disk("log"), SV_USAGE, "import.xfs.unclean");
                put_record(names[i], 0, 1, 1, 0x20);
                OK(open_disk("log"));
                put_record("log", 2, 1, 5, 0); /* newer, and no unmount */
                FAILS(open_disk("log"), SV_USAGE, "import.xfs.unclean");
                put_record("log", 4, 1, 1, 0x20);
                OK(open_disk("log"));
                put_record("log", 0, 2, 1, 0x20); /* the ring began again */
                OK(open_disk("log"));
                put_record("log", 0, 2, 1, 0);
                FAILS(open_disk("log"), SV_USAGE, "import.xfs.unclean");
        }
}

/* One field each. */
static void test_heads(void **state)
{
        static const struct {
                const char *name;
                uint64_t at;
                const char *bytes;
                size_t n;
                enum sv_class class;
                const char *check;
        } rows[] = {
                {"xfs5", 216, "\0\0\0\x10", 4, SV_USAGE, "import.xfs.unclean"},
                {"xfs5", 216, "\1", 1, SV_USAGE, "import.xfs.feature"},
                {"xfs5", 100, "\0\3", 2, SV_USAGE, "import.xfs.feature"},
                {"xfs5", 48, "\0\0\0\0\0\0\0\0", 8, SV_USAGE, "import.xfs.feature"},
                {"xfs5", 96, "\0\0\0\0", 4, SV_FORMAT, "import.xfs"},
                {"xfs5", 120, "\x0d", 1, SV_FORMAT, "import.xfs"},
                {"xfs5", 123, "\x04", 1, SV_FORMAT, "import.xfs"},
                {"xfs5", 124, "\x20", 1, SV_FORMAT, "import.xfs"},
                {"xfs5", 192, "\x05", 1, SV_FORMAT, "import.xfs"},
                {"xfs5", 84, "\0\0\0\0", 4, SV_FORMAT, "import.xfs"},
                {"xfs5", 8, "\1", 1, SV_FORMAT, "import.xfs"},
                {"btrfs-no", SUPER + 96, "\1", 1, SV_USAGE, "import.btrfs.unclean"},
                {"btrfs-no", SUPER + 136, "\2", 1, SV_USAGE, "import.btrfs.feature"},
                {"btrfs-no", SUPER + 188 + 7, "\1", 1, SV_USAGE, "import.btrfs.feature"},
                {"btrfs-no", SUPER + 148, "\0\0\2", 3, SV_FORMAT, "import.btrfs"},
                {"btrfs-no", SUPER + 160, "\xff\xff", 2, SV_FORMAT, "import.btrfs"},
                {"btrfs-no", SUPER + 80, "\0\0\0\0", 4, SV_FORMAT, "import.btrfs"},
                {"btrfs-no", SUPER + 198, "\3", 1, SV_FORMAT, "import.btrfs"},
                {"btrfs-no", SUPER + 209 + 7, "\1", 1, SV_FORMAT, "import.btrfs.short"},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_STR path = below("head");
                struct sv_table table = {.n = 1};
                SV_FILETREE *t = NULL;
                struct sv_source source;
                SV_FD fd = -1;

                print_message("%s, byte %llu\n", rows[i].name, (unsigned long long)rows[i].at);
                patch(rows[i].name, "head", rows[i].at, rows[i].bytes, rows[i].n);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                table.list[0].size = (uint64_t)lseek(fd, 0, SEEK_END);
                strcpy(table.list[0].holds, rows[i].name[0] == 'x' ? "xfs" : "btrfs");
                source = sv_source_file(fd, 0, table.list[0].size);
                FAILS(sv_filetree_open(&source, &table.list[0], &t, &err), rows[i].class,
                      rows[i].check);
        }
}

static void test_short(void **state)
{
        sh("cp --sparse=always xfs5 cut && truncate -s 200M cut");
        FAILS(open_disk("cut"), SV_FORMAT, "import.xfs.short");
        sh("cp --sparse=always btrfs-no cut && truncate -s 100M cut");
        FAILS(open_disk("cut"), SV_FORMAT, "import.btrfs.short");
}

/* Good enough for a disk with tags. */
static void test_checksums(void **state)
{
        patch("btrfs-no", "sums", SUPER + 196, "\2", 1);
        OK(open_with("sums", (struct sv_system_in){.integrity = true}));
        patch("sums", "sums", SUPER + 196, "\1", 1);
        FAILS(open_with("sums", (struct sv_system_in){.integrity = true}), SV_USAGE,
              "import.integrity");
}

/* What a file is packed with shows when it is read. */
static void test_packing(void **state)
{
        SV_BUF b = SV_BUF_NULL;

        OK(open_disk("btrfs-lzo"));
        FAILS(sv_filetree_read(sys.root, "/numbers", MIB, &b, "test", &err), SV_USAGE,
              "import.btrfs.feature");
        assert_non_null(strstr(err.msg, "LZO"));
}

/* --- damage --- */

static uint64_t roll_next(void)
{
        static uint64_t x = 88172645463325252ull;

        x ^= x << 13;
        x ^= x >> 7;
        return x ^= x << 17;
}

/* The places of an image that are not zero. */
static size_t find_used(const char *name, uint64_t *list, size_t most)
{
        SV_STR path = below(name);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);
        uint8_t sector[512];
        size_t n = 0;

        for (off_t at = lseek(fd, 0, SEEK_DATA); at >= 0 && n < most;) {
                off_t end = lseek(fd, at, SEEK_HOLE);

                for (; at < end && n < most; at += 512)
                        if (pread(fd, sector, sizeof(sector), at) == 512 &&
                            !sv_bytes_are_zero(sv_bytes(sector, sizeof(sector))))
                                list[n++] = (uint64_t)at;
                at = lseek(fd, end, SEEK_DATA);
        }
        return n;
}

/* A source with some bytes that are others. */
struct damaged {
        struct sv_source below;
        uint64_t at[4];
        uint8_t value[4];
};

static int read_damaged(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                        struct sv_err *error)
{
        const struct damaged *d = s->arg;

        if (d->below.read(&d->below, at, p, n, error) < 0)
                return -1;
        for (size_t i = 0; i < 4; i++)
                if (d->at[i] >= at && d->at[i] - at < n)
                        p[d->at[i] - at] = d->value[i];
        return 0;
}

static void look_around(const struct sv_source *s, const char *holds)
{
        struct sv_partition p = {.size = s->size};
        SV_BUF b = SV_BUF_NULL;
        SV_FILETREE *t = NULL;
        unsigned n = 0;

        strcpy(p.holds, holds);
        if (sv_filetree_open(s, &p, &t, &err) < 0) {
                assert_true(strncmp(err.check, "import.", 7) == 0);
                return;
        }
        if (sv_filetree_find_subvolume(t, "root"))
                sv_filetree_enter(t, sv_filetree_find_subvolume(t, "root"));
        sv_filetree_list(t, "/many", count_name, &n, &err);
        sv_filetree_has(t, "/links/long");
        sv_filetree_has(t, "/links/over");
        sv_filetree_read(t, "/numbers", MIB, &b, "test", &err);
        sv_filetree_read(t, "/hole", 2 * MIB, &b, "test", &err);
}

/* An error or another answer, and an end. */
static void test_damaged(void **state)
{
        for (size_t i = 0; i < N_NAMES; i++) {
                static uint64_t used[65536];
                size_t n = find_used(names[i], used, sizeof(used) / sizeof(used[0]));
                SV_STR path = below(names[i]);
                SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);
                uint64_t size = (uint64_t)lseek(fd, 0, SEEK_END);
                struct damaged d = {.below = sv_source_file(fd, 0, size)};
                const struct sv_source s = {
                        .size = size, .read = read_damaged, .arg = &d, .fd = -1};

                assert_in_range(n, 100, 65536);
                for (int round = 0; round < 400; round++) {
                        for (size_t k = 0; k < 4; k++) {
                                uint64_t r = roll_next();

                                d.at[k] = used[r % n] + (r >> 32) % 512;
                                d.value[k] = (uint8_t)(r >> 48);
                        }
                        look_around(&s, names[i][0] == 'x' ? "xfs" : "btrfs");
                }
        }
}

/* --- crypttab --- */

static void keep_volume(void *arg, const struct sv_crypttab_entry *e)
{
        sv_buf_printf(arg, "%s=%s;", e->name, e->device);
}

static void test_crypttab(void **state)
{
        static const struct {
                const char *before, *after, *absent;
        } rows[] = {
                {"", "", ""},
                {"# a UUID=1\n\n", "# a UUID=1\n\n", ""},
                {"a UUID=1 none luks\n", "# not imported: a UUID=1 none luks\n", "a=UUID=1;"},
                {"a /dev/sda3", "# not imported: a /dev/sda3", "a=/dev/sda3;"},
                {"a UUID=1 none luks,noauto\n", "a UUID=1 none luks,noauto\n", ""},
                {"a /file.img /key luks\n", "a /file.img /key luks\n", ""},
                {"swap /dev/vda2 /dev/urandom swap\n",
                 "# not imported: swap /dev/vda2 /dev/urandom swap\n", "swap=/dev/vda2;"},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_BUF out = SV_BUF_NULL, absent = SV_BUF_NULL;

                OK(sv_crypttab_edit(sv_bytes_str(rows[i].before), keep_volume, &absent, &out,
                                    &err));
                assert_string_equal(out.n ? sv_buf_str(&out) : "", rows[i].after);
                assert_string_equal(absent.n ? sv_buf_str(&absent) : "", rows[i].absent);
        }
        SV_BUF none = SV_BUF_NULL;

        FAILS(sv_crypttab_edit(sv_bytes("a\0b", 3), keep_volume, &none, &none, &err), SV_FORMAT,
              "import.crypttab");
}

static void test_options(void **state)
{
        SV_STR found = sv_fstab_option("noatime,subvol=/@,x", "subvol");
        SV_STR last = sv_fstab_option("a,subvol=r", "subvol");
        SV_STR none = sv_fstab_option("subvolid=5,xsubvol=a", "subvol");

        assert_string_equal(found, "/@");
        assert_string_equal(last, "r");
        assert_null(none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_files),       cmocka_unit_test(test_written_by_linux),
                cmocka_unit_test(test_subvolumes),  cmocka_unit_test(test_source),
                cmocka_unit_test(test_two_systems), cmocka_unit_test(test_log),
                cmocka_unit_test(test_heads),       cmocka_unit_test(test_short),
                cmocka_unit_test(test_packing),     cmocka_unit_test(test_checksums),
                cmocka_unit_test(test_damaged),     cmocka_unit_test(test_crypttab),
                cmocka_unit_test(test_options),
        };

        medium.fd = -1;
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
