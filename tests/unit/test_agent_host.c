/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent takes away of a host that is not trusted, on a machine of the test's: its files
 * are in a folder, and what it mounts is written down. */
#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "agent/host.h"
#include "base/core/file.h"

static char dir[64];
static char calls[4096];
static const char *fail_at; /* the call that begins so fails with fail_errno */
static int fail_errno;
static struct sv_err err;

static int note_mount(const char *source, const char *target, const char *type, unsigned long flags,
                      const char *options)
{
        SV_STR one = sv_asprintf("%s%s %s",
                                 flags & MS_MOVE   ? "move "
                                 : flags & MS_BIND ? "bind "
                                                   : "",
                                 source, target);
        size_t n = strlen(calls);

        if (!(flags & (MS_MOVE | MS_BIND))) {
                assert_string_equal(type, "tmpfs");
                assert_string_equal(options, "mode=0755");
        }
        snprintf(calls + n, sizeof(calls) - n, "%s%s; ", one, flags & MS_RDONLY ? " ro" : "");
        if (!fail_at || strncmp(one, fail_at, strlen(fail_at)))
                return 0;
        errno = fail_errno;
        return -1;
}

static const struct sv_machine machine = {.files = dir, .mount = note_mount};

static void write_file(const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s%s", dir, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static void read_back(const char *name, const char *expected)
{
        SV_STR path = sv_asprintf("%s%s", dir, name);
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(path, 64, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), expected);
}

static int setup(void **state)
{
        snprintf(dir, sizeof(dir), "/tmp/sv-host-XXXXXX");
        assert_non_null(mkdtemp(dir));
        calls[0] = 0;
        fail_at = NULL;
        return 0;
}

static int teardown(void **state)
{
        return sv_remove_tree(dir, NULL);
}

/* --- random numbers --- */

static void entropy(void **state)
{
        static const struct {
                const char *cpuinfo;
                bool has;
        } t[] = {
                {"processor\t: 0\nflags\t\t: fpu rdrand lahf_lm\n", true},
                {"flags\t\t: fpu rdrand\n", true},
                {"flags\t\t: fpu rdrand_not lahf_lm\n", false},
                {"flags\t\t: fpu\nbugs\t\t: rdrand\n", false},
                /* the name of the processor is the host's to give */
                {"model name\t: a rdrand b\nflags\t\t: fpu\n", false},
                {"", false},
        };

        FAILS(sv_host_check_entropy(&machine, &err), SV_SYSTEM, "agent.entropy");
        assert_non_null(strstr(err.msg, "cpuinfo"));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                write_file("/proc/cpuinfo", t[i].cpuinfo);
                if (t[i].has)
                        OK(sv_host_check_entropy(&machine, &err));
                else
                        FAILS(sv_host_check_entropy(&machine, &err), SV_SYSTEM, "agent.entropy");
        }
}

/* --- SMBIOS and fw_cfg --- */

#define ROOM "/run/secure-vm-firmware"

static void make_firmware(void)
{
        write_file("/run/x", "");
        write_file("/sys/firmware/dmi/entries/11-0/raw", "io.systemd.credential:");
        write_file("/sys/firmware/qemu_fw_cfg/rev", "1");
        write_file("/sys/firmware/efi/runtime", "");
        write_file("/sys/firmware/file", "");
}

static void hides(void **state)
{
        make_firmware();
        OK(sv_host_hide_tables(&machine, &err));
        /* a folder of its own, with what is neither of the two, closed and put in their place */
        assert_string_equal(calls, "tmpfs " ROOM "; bind /sys/firmware/efi " ROOM "/efi; "
                                   "tmpfs " ROOM " ro; move " ROOM " /sys/firmware; "
                                   "tmpfs /sys/devices/virtual/dmi ro; ");
}

/* Whatever cannot be hidden ends the boot, but what this kernel does not have. */
static void does_not_hide(void **state)
{
        static const char *const at[] = {"tmpfs " ROOM, "bind", "move", "tmpfs /sys/devices"};
        SV_STR room = sv_asprintf("%s" ROOM, dir);

        FAILS(sv_host_hide_tables(&machine, &err), SV_SYSTEM, "agent.hide"); /* no /run */
        make_firmware();
        fail_errno = EPERM;
        for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
                fail_at = at[i];
                FAILS(sv_host_hide_tables(&machine, &err), SV_SYSTEM, "agent.hide");
                OK(sv_remove_tree(room, &err));
        }
        fail_errno = ENOENT;
        OK(sv_host_hide_tables(&machine, &err));
        fail_at = NULL;
        OK(sv_remove_tree(room, &err));
        SV_STR firmware = sv_asprintf("%s/sys/firmware", dir);
        OK(sv_remove_tree(firmware, &err));
        FAILS(sv_host_hide_tables(&machine, &err), SV_SYSTEM, "agent.hide");
}

/* --- the console --- */

static void leaves(void **state)
{
        write_file("/sys/class/tty/console/active", "tty0 ttyS0 ttyS1\n");
        write_file("/sys/class/tty/ttyS0/console", "Y\n");
        write_file("/sys/class/tty/ttyS1/console", "Y\n");
        write_file("/sys/class/tty/ttyS2/console", "N\n");
        OK(sv_host_leave_console(&machine, &err));
        read_back("/sys/class/tty/ttyS0/console", "N\n");
        read_back("/sys/class/tty/ttyS1/console", "N\n");
        write_file("/sys/class/tty/console/active", "");
        OK(sv_host_leave_console(&machine, &err));
}

/* A line that the kernel does not give up: no console is better than one that is thought gone. */
static void does_not_leave(void **state)
{
        SV_STR line = sv_asprintf("%s/sys/class/tty/ttyS0/console", dir);

        FAILS(sv_host_leave_console(&machine, &err), SV_SYSTEM, "agent.console");
        write_file("/sys/class/tty/console/active", "hvc0\n");
        FAILS(sv_host_leave_console(&machine, &err), SV_SYSTEM, "agent.console");
        assert_non_null(strstr(err.msg, "hvc0"));
        assert_non_null(strstr(err.msg, "securevm.console=host"));
        write_file("/sys/class/tty/console/active", "ttyS0\n");
        write_file("/sys/class/tty/ttyS0/x", "");
        assert_int_equal(symlink("/dev/full", line), 0);
        FAILS(sv_host_leave_console(&machine, &err), SV_SYSTEM, "agent.console");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(entropy, setup, teardown),
                cmocka_unit_test_setup_teardown(hides, setup, teardown),
                cmocka_unit_test_setup_teardown(does_not_hide, setup, teardown),
                cmocka_unit_test_setup_teardown(leaves, setup, teardown),
                cmocka_unit_test_setup_teardown(does_not_leave, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
