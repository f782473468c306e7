/* SPDX-License-Identifier: Apache-2.0 */
/* image/import: systems on disks of each format and table, made here; disks that are cut short,
 * damaged, or hold something else; and mounts of what is not there. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/bytes.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/copy.h"
#include "image/import/fstab.h"
#include "image/import/medium.h"
#include "image/import/overlay.h"
#include "image/import/system.h"
#include "image/run.h"

#define MIB (1ull << 20)

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-import-XXXXXX";
static struct sv_medium medium;
static struct sv_system sys;

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && PATH=$PATH:/usr/sbin:/sbin && %s", dir, script);
        const char *const argv[] = {"sh", "-ec", command, NULL};

        OK(sv_run(argv, "test", &err));
}

static char *below(const char *name)
{
        return sv_asprintf("%s/%s", dir, name);
}

/* A system of two kernels, its ext4, and disks around it: the root is at 4 MiB. */
static int set_up(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        setenv("TMPDIR", dir, 1);
        sh("mkdir -p tree/boot tree/etc tree/usr/sbin tree/usr/lib/modules/6.1.9-x "
           "tree/usr/lib/modules/6.1.10-x tree/usr/lib/modules/7.0-none && ln -s usr/lib tree/lib "
           "&& "
           "ln -s /usr/sbin tree/sbin && "
           "echo init >tree/usr/sbin/init && echo ID=x >tree/usr/lib/os-release && "
           "for v in 6.1.9-x 6.1.10-x; do echo $v >tree/boot/vmlinuz-$v; "
           "echo >tree/usr/lib/modules/$v/modules.dep; done && "
           "head -c 3000000 /dev/urandom >tree/big && "
           "printf '# mine\\nPARTUUID=11111111-2222-3333-4444-555555555555 / ext4 rw 0 1\\n"
           "UUID=AAAA-1111 /boot/efi vfat defaults 0 0\\n/swapfile none swap sw 0 0\\n' "
           ">tree/etc/fstab && "
           "mke2fs -q -F -t ext4 -b 4096 -L sys -U 01234567-89ab-cdef-0123-456789abcdef -d tree "
           "root "
           "24M");
        sh("truncate -s 32M gpt && printf 'label: gpt\\nstart=1M,size=2M,type=U\\n"
           "start=4M,size=26M,type=L,uuid=11111111-2222-3333-4444-555555555555\\n' | "
           "sfdisk -q gpt && dd if=root of=gpt bs=1M seek=4 conv=notrunc status=none && "
           "truncate -s 2M esp && mkfs.vfat -i AAAA1111 esp >/dev/null && "
           "dd if=esp of=gpt bs=1M seek=1 conv=notrunc status=none");
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

static void close_all(void)
{
        sv_system_close(&sys);
        sv_medium_close(&medium);
}

/* The system on the disk of this name; what is open is closed by the next call. */
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

/* What would be encrypted, in the file "out", whole and clean. */
static void copy_root(void)
{
        SV_STR path = below("out");
        SV_FD fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct sv_source root;

        OK(sv_filetree_source(sys.root, &root, &err));
        OK(sv_copy_source(&root, fd, NULL, &err));
        sh("e2fsck -fn out && rm -rf back && mkdir back && debugfs -R 'rdump /big back' out && "
           "cmp back/big tree/big && debugfs -R 'cat /etc/fstab' out >fstab");
}

static void expect_fstab(const char *expect)
{
        SV_STR path = below("fstab");
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(path, 65536, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), expect);
}

static void expect_system(int partition)
{
        SV_BUF kernel = SV_BUF_NULL;

        assert_int_equal(sys.root_at->number, partition);
        assert_string_equal(sys.version, "6.1.10-x");
        assert_string_equal(sys.root_at->label, "sys");
        OK(sv_system_read_kernel(&sys, &kernel, &err));
        assert_string_equal(sv_buf_str(&kernel), "6.1.10-x\n");
        assert_true(sys.modules.has(&sys.modules, "modules.dep"));
        assert_false(sys.modules.has(&sys.modules, "modules.alias"));
        copy_root();
        expect_fstab("# mine\nUUID=01234567-89ab-cdef-0123-456789abcdef / ext4 rw 0 1\n"
                     "# not imported: UUID=AAAA-1111 /boot/efi vfat defaults 0 0\n"
                     "/swapfile none swap sw 0 0\n");
        assert_string_equal(sys.dropped, "/boot/efi (UUID=AAAA-1111)");
}

/* Each format is told by its bytes; the disk itself stays as it was. */
static void test_formats(void **state)
{
        static const char *const options[] = {"-O qcow2", "-c -O qcow2", "-O vmdk",
                                              "-O vmdk -o subformat=streamOptimized", "-O vhdx"};

        sh("sha256sum gpt >sum");
        OK(open_disk("gpt"));
        expect_system(2);
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
                SV_STR name = sv_asprintf("image%zu", i);
                SV_STR command = sv_asprintf("qemu-img convert %s gpt %s", options[i], name);

                sh(command);
                OK(open_disk(name));
                expect_system(2);
        }
        sh("sha256sum -c --quiet sum");
        OK(open_disk("root")); /* no table at all */
        expect_system(0);
}

/* Free blocks are known as such, and none that is in use. */
static void test_free_blocks(void **state)
{
        struct sv_source root;
        uint64_t data = 0, end;

        OK(open_disk("gpt"));
        OK(sv_filetree_source(sys.root, &root, &err));
        assert_int_equal(root.size, 24 * MIB);
        for (uint64_t at = 0; at < root.size; at = end) {
                enum sv_span kind;

                OK(sv_source_span(&root, at, &kind, &end, &err));
                data += kind == SV_SPAN_DATA ? end - at : 0;
        }
        assert_in_range(data, 3000000, 12 * MIB);
}

/* There is more of the disk with --size. */
static void test_behind_the_end(void **state)
{
        uint8_t piece[8192], zeros[sizeof(piece)] = {0};
        struct sv_source root;

        sh("qemu-img convert -O qcow2 gpt behind");
        OK(open_disk("behind"));
        OK(sv_filetree_source(sys.root, &root, &err));
        for (uint64_t at = root.size - 4096; at <= root.size + 4096; at += 4096) {
                memset(piece, 1, sizeof(piece));
                OK(root.read(&root, at, piece, sizeof(piece), &err));
                assert_memory_equal(piece + 4096, zeros, 4096);
        }
}

static void test_small_blocks(void **state)
{
        sh("mke2fs -q -F -t ext4 -b 1024 -L sys -U 01234567-89ab-cdef-0123-456789abcdef -d tree "
           "small 24571"); /* ends within one of our blocks */
        OK(open_disk("small"));
        expect_system(0);
}

/* The second link of the chain leads to itself. */
static void make_loop(void)
{
        const off_t begin = 4 * MIB, link = 446 + 16;
        SV_STR path = below("loop");
        uint8_t entry[16];
        SV_FD fd = -1;

        sh("cp mbr loop");
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(pread(fd, entry, sizeof(entry), begin + link), sizeof(entry));
        assert_int_equal(entry[4], 5);
        assert_int_equal(entry[8] | entry[9] << 8, 0x2800);
        assert_int_equal(pwrite(fd, entry, sizeof(entry), begin + 0x2800 * 512 + link), 16);
}

static void test_mbr(void **state)
{
        sh("truncate -s 64M mbr && printf 'label: dos\n1: start=2048,size=2048,type=c\n"
           "2: start=8192,size=114688,type=5\n5: start=10240,size=2048,type=83\n"
           "6: start=20480,size=61440,type=83\n' | sfdisk -q mbr && "
           "dd if=root of=mbr bs=1M seek=10 conv=notrunc status=none");
        OK(open_disk("mbr"));
        expect_system(6);
        make_loop();
        OK(open_disk("loop"));
        assert_int_equal(sys.root_at->number, 6);
        sh("cp mbr far && printf '\\377\\377\\377\\177' | "
           "dd of=far bs=1 seek=458 conv=notrunc status=none");
        FAILS(open_disk("far"), SV_FORMAT, "import.partition");
        assert_non_null(strstr(err.msg, "cut short"));
}

static void test_cut_short(void **state)
{
        sh("cp gpt cut && truncate -s 20M cut");
        FAILS(open_disk("cut"), SV_FORMAT, "import.table");
        assert_non_null(strstr(err.msg, "33554432 bytes, and the disk has 20971520"));
        /* where each head says that it is: a byte of its checksum could be an x already */
        sh("cp gpt bad && printf x | dd of=bad bs=1 seek=536 conv=notrunc status=none && "
           "printf x | dd of=bad bs=1 seek=33553944 conv=notrunc status=none");
        FAILS(open_disk("bad"), SV_FORMAT, "import.table");
        assert_non_null(strstr(err.msg, "damaged"));
        sh("head -c 40000 gpt >cut");
        FAILS(open_disk("cut"), SV_FORMAT, "import.table");
        sh("head -c 20M root >cut");
        FAILS(open_disk("cut"), SV_FORMAT, "import.ext.short");
        /* Both are there in part: the head, and what the tables say. */
        sh("qemu-img convert -O qcow2 gpt image && head -c 70 image >cut");
        FAILS(open_disk("cut"), SV_FORMAT, "image.container.head");
        sh("head -c 70000 image >cut");
        assert_int_equal(open_disk("cut"), -1);
        sh("qemu-img convert -O vhdx gpt image && head -c 200000 image >cut");
        FAILS(open_disk("cut"), SV_SYSTEM, "import.nbd");
}

static void test_no_disk(void **state)
{
        FAILS(open_disk("nothing"), SV_SYSTEM, "import.disk");
        FAILS(open_disk("tree"), SV_USAGE, "import.disk");
        sh("qemu-img create -q -f qcow2 huge 17T");
        FAILS(open_disk("huge"), SV_USAGE, "import.disk");
        sh("gzip -c root >root.gz");
        FAILS(open_disk("root.gz"), SV_USAGE, "import.format");
        assert_non_null(strstr(err.msg, "gzip"));
        sh("qemu-img create -q -f qcow2 -b gpt -F raw over");
        FAILS(open_disk("over"), SV_USAGE, "image.container.parts");
}

/* LVM's label, with the checksum that it has to have. */
static void put_lvm(const char *name)
{
        SV_STR path = below(name);
        uint8_t label[512] = "LABELONE";
        uint32_t sum = 0xf597a6cf;
        SV_FD fd = open(path, O_WRONLY | O_CLOEXEC);

        label[8] = 1;
        label[20] = 32;
        memcpy(label + 24, "LVM2 001", 8);
        memset(label + 32, 'u', 32);
        for (size_t i = 20; i < sizeof(label); i++) {
                sum ^= label[i];
                for (int bit = 0; bit < 8; bit++)
                        sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
        }
        sv_bytes_put_le(label + 16, sum, 4);
        assert_int_equal(pwrite(fd, label, sizeof(label), 4 * MIB + 512), sizeof(label));
}

/* In the place of the root. */
static void put_other(const char *name, const char *bytes, size_t n, uint64_t at)
{
        SV_STR path = below(name);
        SV_FD fd = open(path, O_WRONLY | O_CLOEXEC);

        assert_int_equal(pwrite(fd, bytes, n, (off_t)(4 * MIB + at)), n);
}

static void expect_named(const char *name, const char *words)
{
        FAILS(open_disk(name), SV_USAGE, "import.root");
        if (!strstr(err.msg, words))
                fail_msg("expected \"%s\" in: %s", words, err.msg);
}

/* What is not read is named for what it is. */
static void test_named(void **state)
{
        uint8_t raid[256] = {0xfc, 0x4e, 0x2b, 0xa9, 1};

        raid[0x90] = 8;
        sh("cp gpt none && dd if=/dev/zero of=none bs=1M seek=4 count=26 conv=notrunc status=none "
           "&& "
           "for n in lvm raid luks swap; do cp none $n; done");
        expect_named("none", "partition 2: nothing that is known");
        expect_named("none", "partition 1: vfat");
        put_lvm("lvm");
        expect_named("lvm", "partition 2: LVM");
        put_other("raid", (char *)raid, sizeof(raid), 4096);
        expect_named("raid", "partition 2: a member of a RAID");
        put_other("luks", "LUKS\xba\xbe\0\1", 8, 0);
        expect_named("luks", "partition 2: an encrypted volume (LUKS)");
        sh("truncate -s 26M s && mkswap s >/dev/null 2>&1 && dd if=s of=swap bs=1M seek=4 "
           "conv=notrunc status=none");
        expect_named("swap", "partition 2: swap");
        sh("truncate -s 26M b && mkfs.btrfs -q b >/dev/null 2>&1 || true; truncate -s 120M disk && "
           "truncate -s 110M b && mkfs.btrfs -q -f b && printf 'label: gpt\\n4M,112M,L\\n' | "
           "sfdisk -q disk && dd if=b of=disk bs=1M seek=4 conv=notrunc,sparse status=none");
        expect_named("disk", "partition 1: btrfs");
        assert_non_null(strstr(err.msg, "image encrypt --from"));
}

static void change_root(const char *script)
{
        SV_STR command = sv_asprintf("cp root e && %s", script);

        sh(command);
}

static void test_filesystems(void **state)
{
        change_root("debugfs -w -R 'feature needs_recovery' e");
        FAILS(open_disk("e"), SV_USAGE, "import.ext.unclean");
        assert_non_null(strstr(err.msg, "journal"));
        change_root("debugfs -w -R 'set_super_value state 2' e");
        FAILS(open_disk("e"), SV_USAGE, "import.ext.unclean");
        change_root("debugfs -w -R 'set_super_value feature_incompat 0x80000242' e");
        FAILS(open_disk("e"), SV_USAGE, "import.ext.feature");
        sh("rm -f e; truncate -s 64M e; mke2fs -q -F -t ext4 -b 65536 e 2>/dev/null");
        FAILS(open_disk("e"), SV_USAGE, "import.ext.feature");
        /* The table of inodes is somewhere else than it says. */
        change_root("debugfs -w -R 'set_bg 0 inode_table 5' e || true");
        assert_int_equal(open_disk("e"), -1);
        change_root("debugfs -w -R 'set_inode_field / block[0] 0' e; "
                    "debugfs -w -R 'set_inode_field / size 0' e");
        assert_int_equal(open_disk("e"), -1);
        change_root("debugfs -w -R 'set_bg 0 block_bitmap_csum 1' e");
        FAILS(open_disk("e"), SV_FORMAT, "import.ext");
        assert_non_null(strstr(err.msg, "checksum"));
}

static void test_kernels(void **state)
{
        OK(open_with("gpt", (struct sv_system_in){.kernel = "6.1.9-x"}));
        assert_string_equal(sys.version, "6.1.9-x");
        assert_string_equal(sys.kernel, "/boot/vmlinuz-6.1.9-x");
        FAILS(open_with("gpt", (struct sv_system_in){.kernel = "7.0-none"}), SV_USAGE,
              "import.kernel");
        sh("rm -rf t && cp -a tree t && rm t/boot/* && rm -f k && mke2fs -q -F -t ext4 -d t k 24M");
        FAILS(open_disk("k"), SV_USAGE, "import.kernel");
        sh("echo beside >t/usr/lib/modules/6.1.9-x/vmlinuz && rm -f k && "
           "mke2fs -q -F -t ext4 -d t k 24M");
        OK(open_disk("k"));
        assert_string_equal(sys.kernel, "/lib/modules/6.1.9-x/vmlinuz");
        /* On a partition of its own. */
        sh("mkdir -p kernels && echo own >kernels/vmlinuz-6.1.10-x && rm -f k2 && "
           "mke2fs -q -F -t ext4 -d kernels k2 4M && truncate -s 40M disk && "
           "truncate -s 40M disk && printf 'label: gpt\\n1M,4M,L\\n5M,24M,L\\n' | sfdisk -q "
           "--wipe never disk && dd if=k2 of=disk bs=1M seek=1 conv=notrunc status=none && "
           "dd if=k of=disk bs=1M seek=5 conv=notrunc status=none");
        OK(open_disk("disk"));
        assert_string_equal(sys.version, "6.1.10-x");
        assert_non_null(sys.boot);
}

static void test_roots(void **state)
{
        sh("rm -f two; truncate -s 60M two && printf 'label: gpt\\n1M,24M,L\\n25M,24M,L\\n' | "
           "sfdisk -q two && for at in 1 25; do dd if=root of=two bs=1M seek=$at conv=notrunc "
           "status=none; done");
        FAILS(open_disk("two"), SV_USAGE, "import.root");
        assert_non_null(strstr(err.msg, "--partition"));
        OK(open_with("two", (struct sv_system_in){.partition = 2}));
        assert_int_equal(sys.root_at->number, 2);
        FAILS(open_with("two", (struct sv_system_in){.partition = 3}), SV_USAGE, "import.root");
}

static void make_fstab(const char *line)
{
        SV_STR command = sv_asprintf("rm -rf t && cp -a tree t && printf '%s\\n' >t/etc/fstab && "
                                     "cp gpt m && rm -f r && mke2fs -q -F -t ext4 -d t r 24M && "
                                     "dd if=r of=m bs=1M seek=4 conv=notrunc status=none",
                                     line);

        sh(command);
}

/* Data on another partition of the disk are not left behind without a word. */
static void test_mounts(void **state)
{
        static const char *const drop[] = {"/home", "/var", NULL};

        make_fstab("UUID=AAAA-1111 /var vfat defaults 0 0");
        FAILS(open_disk("m"), SV_USAGE, "import.mount");
        assert_non_null(strstr(err.msg, "/var on partition 1"));
        OK(open_with("m", (struct sv_system_in){.drop = drop}));
        assert_string_equal(sys.dropped, "/var (UUID=AAAA-1111)");
        make_fstab("/dev/vda1 /srv vfat defaults 0 0");
        FAILS(open_disk("m"), SV_USAGE, "import.mount");
        make_fstab("UUID=of-another-disk /srv xfs defaults 0 0");
        OK(open_disk("m"));
        assert_string_equal(sys.dropped, "/srv (UUID=of-another-disk)");
        make_fstab("a\\000b / ext4 x");
        FAILS(open_disk("m"), SV_FORMAT, "import.fstab");
        sh("rm -f t/etc/fstab r && mkdir t/etc/fstab && mke2fs -q -F -t ext4 -d t r 24M && "
           "dd if=r of=m bs=1M seek=4 conv=notrunc status=none");
        FAILS(open_disk("m"), SV_SYSTEM, "import.fstab");
}

static int keep_spec(void *arg, const struct sv_fstab_entry *e, struct sv_err *error)
{
        struct sv_buf *b = arg;

        sv_buf_printf(b, "%s;", e->mount);
        return 0;
}

static bool is_own(void *arg, const char *spec)
{
        return strcmp(spec, "/dev/own") == 0;
}

static void test_fstab(void **state)
{
        static const struct {
                const char *before, *after, *absent;
                bool verity;
        } rows[] = {
                {"", "", "", false},
                {"UUID=u / ext4 x 0 1\n", "UUID=u / ext4 x 0 1\n", "", false},
                {"UUID=\"U\" / ext4 x", "UUID=\"U\" / ext4 x", "", false},
                {"LABEL=l / ext4 x\n", "LABEL=l / ext4 x\n", "", false},
                {"LABEL=l2 / ext4\n", "UUID=u / ext4\n", "", false},
                {"\t/dev/sda1\t/\text4 x\n", "\tUUID=u\t/\text4 x\n", "", false},
                {"/dev/mapper/vg-root / ext4 x\n", "UUID=u / ext4 x\n", "", false},
                {"UUID=u / ext4 x\n", "# not imported: UUID=u / ext4 x\n", "", true},
                {"/dev/sda1 /a ext4 noauto,x\n", "/dev/sda1 /a ext4 noauto,x\n", "", false},
                {"/dev/sda1 /a ext4 xnoauto\n", "# not imported: /dev/sda1 /a ext4 xnoauto\n",
                 "/a;", false},
                {"UUID=u /home btrfs subvol=h 0 0\n",
                 "/run/secure-vm-root /home btrfs subvol=h 0 0\n", "", false},
                {"/dev/own /home btrfs x\n", "/run/secure-vm-root /home btrfs x\n", "", false},
                {"/dev/own /home ext4 x\n", "# not imported: /dev/own /home ext4 x\n", "/home;",
                 false},
                {"UUID=u /again ext4 x\n", "UUID=u /again ext4 x\n", "", false},
                {"tmpfs /tmp tmpfs x\nhost:/a /b nfs x\n//host/a /c cifs x\n/a /b none bind\n",
                 "tmpfs /tmp tmpfs x\nhost:/a /b nfs x\n//host/a /c cifs x\n/a /b none bind\n", "",
                 false},
                {"PARTUUID=1 /a x\nPARTLABEL=1 /b x\nID=1 /c x\n# UUID=1 /d x\n\n",
                 "# not imported: PARTUUID=1 /a x\n# not imported: PARTLABEL=1 /b x\n"
                 "# not imported: ID=1 /c x\n# UUID=1 /d x\n\n",
                 "/a;/b;/c;", false},
                {"UUID=one\n", "UUID=one\n", "", false},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_BUF out = SV_BUF_NULL, absent = SV_BUF_NULL;
                const struct sv_fstab_in in = {.uuid = "u",
                                               .label = "l",
                                               .readonly_root = rows[i].verity,
                                               .is_root = is_own,
                                               .absent = keep_spec,
                                               .arg = &absent};

                OK(sv_fstab_edit(sv_bytes_str(rows[i].before), &in, &out, &err));
                assert_string_equal(out.n ? sv_buf_str(&out) : "", rows[i].after);
                assert_string_equal(absent.n ? sv_buf_str(&absent) : "", rows[i].absent);
        }
}

static void test_overlay(void **state)
{
        SV_STR path = below("over");
        SV_FD fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct sv_overlay o = {.below = sv_source_file(fd, 0, 10000 * 4096ull - 100)};
        struct sv_source s;
        uint8_t p[8192];
        enum sv_span kind;
        uint64_t end;

        assert_int_equal(ftruncate(fd, 10000 * 4096ll), 0);
        OK(sv_overlay_write(&o, 4090, (const uint8_t *)"0123456789", 10, &err));
        OK(sv_overlay_write(&o, 9999 * 4096ull, (const uint8_t *)"end", 3, &err));
        s = sv_overlay_source(&o);
        OK(s.read(&s, 4088, p, 14, &err));
        assert_memory_equal(p,
                            "\0\0"
                            "0123456789\0\0",
                            14);
        OK(s.span(&s, 0, &kind, &end, &err));
        assert_true(kind == SV_SPAN_DATA && end == 4096);
        OK(s.span(&s, 8192, &kind, &end, &err));
        assert_true(kind == SV_SPAN_ZERO && end == 9999 * 4096ull);
        OK(s.span(&s, end, &kind, &end, &err));
        assert_true(kind == SV_SPAN_DATA && end == s.size);
        for (uint64_t i = 0; i < SV_OVERLAY_BLOCKS_MAX - 3; i++)
                OK(sv_overlay_write(&o, (i + 100) * 4096, p, 1, &err));
        FAILS(sv_overlay_write(&o, 9000 * 4096ull, p, 1, &err), SV_SYSTEM, "import.overlay");
        sv_overlay_free(&o);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_formats),      cmocka_unit_test(test_free_blocks),
                cmocka_unit_test(test_small_blocks), cmocka_unit_test(test_mbr),
                cmocka_unit_test(test_cut_short),    cmocka_unit_test(test_no_disk),
                cmocka_unit_test(test_named),        cmocka_unit_test(test_filesystems),
                cmocka_unit_test(test_kernels),      cmocka_unit_test(test_roots),
                cmocka_unit_test(test_mounts),       cmocka_unit_test(test_fstab),
                cmocka_unit_test(test_overlay),      cmocka_unit_test(test_behind_the_end),
        };

        medium.fd = -1;
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
