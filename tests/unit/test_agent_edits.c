/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of an imported root that its first boot replaces. */
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "agent/edits.h"
#include "base/core/file.h"
#include "base/core/guest-root.h"
#include "base/crypto/crypto.h"

static char dir[64];
static const struct sv_machine machine = {.files = dir};

static void put_file(const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s%s", dir, name);
        SV_STR folder = sv_path_folder(path);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

#define EDITS "/etc/secure-vm/edits/"
#define OLD   "old\n"

static void put_edit(const char *name, const char *old, const char *text)
{
        SV_STR path = sv_asprintf(EDITS "%s", name);
        SV_STR whole = NULL;
        struct sv_err err;
        char digest[65];

        OK(sv_sha256_hex(sv_bytes_str(old), digest, &err));
        whole = sv_asprintf("%s\n%s", digest, text);
        put_file(path, whole);
}

static void expect_text(const char *name, const char *expect)
{
        SV_STR path = sv_asprintf("%s%s", dir, name);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_file_read(path, 4096, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), expect);
}

/* Each is replaced while it is what was seen, with its mode and labels; then it is the system's
 * own. */
static void edits(void **state)
{
        SV_STR fstab = sv_asprintf("%s/sysroot/etc/fstab", dir);
        SV_STR left = sv_asprintf("%s/sysroot/etc/.secure-vm-new", dir);
        SV_STR broken = sv_asprintf("%s" EDITS "fstab", dir);
        SV_STR run = sv_asprintf("%s/run", dir);
        SV_STR link = sv_asprintf("%s" SV_GUEST_ROOT, dir);
        struct sv_err err;
        struct stat st;
        bool labelled;
        char label[32];

        OK(sv_mkdirs(run, 0755, &err));
        OK(sv_edits_apply(&machine, "/dev/mapper/root", &err)); /* there are none */
        assert_int_equal(readlink(link, label, sizeof(label)), sizeof("/dev/mapper/root") - 1);
        put_edit("fstab", OLD, "new\n");
        put_edit("crypttab", OLD, "");
        put_file("/sysroot/etc/fstab", OLD);
        put_file("/sysroot/etc/crypttab", "its own\n");
        put_file("/sysroot/etc/.secure-vm-new", "of a boot that was cut off");
        assert_int_equal(chmod(fstab, 0640), 0);
        labelled = setxattr(fstab, "user.label", "x", 1, 0) == 0; /* not everywhere */
        OK(sv_edits_apply(&machine, "/dev/mapper/root", &err));
        expect_text("/sysroot/etc/fstab", "new\n");
        expect_text("/sysroot/etc/crypttab", "its own\n");
        assert_int_equal(stat(fstab, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(access(left, F_OK), -1);
        assert_int_equal(getxattr(fstab, "user.label", label, sizeof(label)), labelled ? 1 : -1);
        put_file("/sysroot/etc/fstab", "the system's\n");
        OK(sv_edits_apply(&machine, "/dev/mapper/root", &err));
        expect_text("/sysroot/etc/fstab", "the system's\n");
        assert_int_equal(unlink(fstab), 0);
        OK(sv_edits_apply(&machine, "/dev/mapper/root", &err));
        assert_int_equal(symlink("/etc/passwd", fstab), 0);
        FAILS(sv_edits_apply(&machine, "/dev/mapper/root", &err), SV_SYSTEM, "agent.edits");
        assert_int_equal(unlink(fstab), 0);
        put_file("/sysroot/etc/fstab", OLD);
        OK(sv_file_write(broken, 0600, sv_bytes_str("short"), &err));
        FAILS(sv_edits_apply(&machine, "/dev/mapper/root", &err), SV_SYSTEM, "agent.edits");
        expect_text("/sysroot/etc/fstab", OLD);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(edits)};
        int failed;

        snprintf(dir, sizeof(dir), "/tmp/sv-edits-XXXXXX");
        if (!mkdtemp(dir))
                return 1;
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        return sv_remove_tree(dir, NULL) < 0 ? 1 : failed;
}
