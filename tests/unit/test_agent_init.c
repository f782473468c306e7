/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as an init, on a machine of the test's: its files are in a folder, and what it asks of
 * the kernel is written down. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "agent/events.h"
#include "agent/root.h"
#include "agent/system.h"
#include "agent/verity.h"
#include "base/core/clock.h"
#include "base/core/file.h"

static char dir[64];

/* --- the machine --- */

static char calls[4096];    /* "mount proc /proc; …" */
static const char *fail_at; /* the call that begins so fails with fail_errno */
static int fail_errno;
static int pauses, disk_after; /* a disk appears after so many; -1: never */

static int note(const char *what, const char *a, const char *b)
{
        SV_STR one =
                sv_asprintf("%s%s%s%s%s", what, a ? " " : "", a ? a : "", b ? " " : "", b ? b : "");
        size_t n = strlen(calls);

        snprintf(calls + n, sizeof(calls) - n, "%s; ", one);
        if (!fail_at || strncmp(one, fail_at, strlen(fail_at)))
                return 0;
        errno = fail_errno;
        return -1;
}

static int note_mount(const char *source, const char *target, const char *type, unsigned long flags,
                      const char *options)
{
        if (flags != MS_MOVE)
                assert_non_null(type);
        return note(flags == MS_MOVE ? "move" : "mount", source, target);
}

static int note_module(int fd)
{
        char text[32] = "";

        assert_true(read(fd, text, sizeof(text) - 1) > 0);
        return note("load", text, NULL);
}

static int note_reboot(int how)
{
        return note(how == RB_DISABLE_CAD ? "no-cad" : "reboot", NULL, NULL);
}

static int note_chroot(const char *path)
{
        return note("chroot", path, NULL);
}

static int note_exec(const char *path, char *const *argv, char *const *envp)
{
        assert_string_equal(argv[0], path);
        note("exec", path, NULL);
        errno = ENOEXEC; /* one that succeeds does not come back */
        return -1;
}

static void write_file(const char *name, const char *text)
{
        SV_STR path = sv_asprintf("%s%s", dir, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct sv_err err;

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static void count_pause(unsigned ms)
{
        assert_int_equal(ms, 100);
        if (++pauses == disk_after)
                write_file("/sys/block/vdb/serial", "root");
}

static const struct sv_machine machine = {.files = dir,
                                          .mount = note_mount,
                                          .load_module = note_module,
                                          .reboot = note_reboot,
                                          .chroot = note_chroot,
                                          .exec = note_exec,
                                          .pause = count_pause};

/* On a file system in memory, as an initramfs is. */
static int setup(void **state)
{
        snprintf(dir, sizeof(dir), "/dev/shm/sv-init-XXXXXX");
        assert_non_null(mkdtemp(dir));
        calls[0] = 0;
        fail_at = NULL;
        pauses = 0;
        disk_after = -1;
        return 0;
}

static int teardown(void **state)
{
        return sv_remove_tree(dir, NULL);
}

static void set_fault(const char *call, int error)
{
        calls[0] = 0;
        fail_at = call;
        fail_errno = error;
}

/* --- mounts --- */

static void mounts(void **state)
{
        static const char all[] = "mount proc /proc; mount sysfs /sys; mount devtmpfs /dev; "
                                  "mount tmpfs /run; mount securityfs /sys/kernel/security; "
                                  "no-cad; ";
        SV_STR sysrq = sv_asprintf("%s/proc/sys/kernel/sysrq", dir);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        write_file("/proc/sys/kernel/sysrq", "");
        OK(sv_system_mount(&machine, &err));
        assert_string_equal(calls, all);
        OK(sv_file_read(sysrq, 16, &text, "test", &err));
        assert_string_equal(sv_buf_str(&text), "0\n");
        set_fault("mount devtmpfs", EBUSY); /* the kernel has mounted it already */
        OK(sv_system_mount(&machine, &err));
        set_fault("mount sysfs", EPERM);
        FAILS(sv_system_mount(&machine, &err), SV_SYSTEM, "agent.mount");
        assert_non_null(strstr(err.msg, "/sys"));
        assert_string_equal(calls, "mount proc /proc; mount sysfs /sys; ");
        set_fault(NULL, 0);
        assert_int_equal(unlink(sysrq), 0); /* a kernel without sysrq */
        OK(sv_system_mount(&machine, &err));
        assert_int_equal(symlink("/dev/full", sysrq), 0);
        FAILS(sv_system_mount(&machine, &err), SV_SYSTEM, "agent.mount");
        assert_non_null(strstr(err.msg, "emergency keys"));
}

/* --- modules --- */

static void modules(void **state)
{
        struct sv_err err;

        FAILS(sv_system_load_modules(&machine, &err), SV_SYSTEM, "agent.module");
        write_file("/etc/secure-vm/modules", "/m/one.ko\n/m/two.ko\n");
        FAILS(sv_system_load_modules(&machine, &err), SV_SYSTEM, "agent.module");
        assert_non_null(strstr(err.msg, "/m/one.ko"));
        write_file("/m/one.ko", "one");
        write_file("/m/two.ko", "two");
        OK(sv_system_load_modules(&machine, &err));
        assert_string_equal(calls, "load one; load two; mount configfs /sys/kernel/config; ");
        set_fault("load one", ENODEV);
        OK(sv_system_load_modules(&machine, &err));
        set_fault("load two", EEXIST);
        OK(sv_system_load_modules(&machine, &err));
        set_fault("mount configfs", ENODEV);
        OK(sv_system_load_modules(&machine, &err));
        set_fault("load one", EKEYREJECTED);
        FAILS(sv_system_load_modules(&machine, &err), SV_SYSTEM, "agent.module");
        assert_string_equal(calls, "load one; ");
}

/* --- the disk --- */

static void disks(void **state)
{
        char path[64];
        struct sv_err err;

        write_file("/sys/block/vda/serial", "roots\n");
        write_file("/sys/block/vdc/serial", "roo\n");
        write_file("/sys/block/vdd/size", "8\n");
        FAILS(sv_system_find_disk(&machine, "root", path, &err), SV_SYSTEM, "agent.disk");
        assert_int_equal(pauses, 50);
        pauses = 0;
        disk_after = 3;
        OK(sv_system_find_disk(&machine, "root", path, &err));
        assert_int_equal(pauses, 3);
        assert_string_equal(path, "/dev/vdb");
        OK(sv_system_find_disk(&machine, "roots", path, &err));
        assert_string_equal(path, "/dev/vda");
}

static void heads(void **state)
{
        SV_STR path = sv_asprintf("%s/disk", dir);
        SV_BUF head = SV_BUF_NULL, none = SV_BUF_NULL, folder = SV_BUF_NULL, cut = SV_BUF_NULL;
        struct sv_err err;

        write_file("/disk", "0123456789");
        OK(sv_system_read_head(path, 10, &head, &err));
        assert_memory_equal(head.p, "0123456789", 10);
        FAILS(sv_system_read_head(path, 11, &cut, &err), SV_FORMAT, "luks.header.short");
        FAILS(sv_system_read_head(dir, 10, &folder, &err), SV_SYSTEM, "agent.disk");
        FAILS(sv_system_read_head("/nonexistent", 10, &none, &err), SV_SYSTEM, "agent.disk");
}

/* --- the root --- */

static void roots(void **state)
{
        static const struct sv_agent_config config = {.root_type = "ext4", .root_options = "x"};
        SV_STR link = sv_asprintf("%s/sysroot/sbin/init", dir);
        struct sv_err err;

        FAILS(sv_root_mount(&machine, "/dev/mapper/root", &config, &err), SV_SYSTEM, "agent.root");
        assert_non_null(strstr(err.msg, "/sbin/init"));
        assert_string_equal(calls, "mount /dev/mapper/root /sysroot; ");
        write_file("/sysroot/lib/systemd", "an init");
        write_file("/sysroot/sbin/other", "");
        /* its links are those of its own root: this one would not be found from the test's */
        assert_int_equal(symlink("/lib/systemd", link), 0);
        OK(sv_root_mount(&machine, "/dev/mapper/root", &config, &err));
        assert_int_equal(unlink(link), 0);
        assert_int_equal(symlink("/nonexistent", link), 0);
        FAILS(sv_root_mount(&machine, "/dev/mapper/root", &config, &err), SV_SYSTEM, "agent.root");
        set_fault("mount", EINVAL);
        FAILS(sv_root_mount(&machine, "/dev/mapper/root", &config, &err), SV_SYSTEM, "agent.root");
        assert_non_null(strstr(err.msg, "ext4, x"));
}

#define LAYERS \
        "mount overlay /overlay; mount /dev/mapper/root /overlay/lower; mount overlay /sysroot; "

static int mount_verity(const char *top, struct sv_err *err)
{
        calls[0] = 0;
        if (sv_verity_mount(&machine, "/dev/mapper/root", "erofs", err) < 0)
                return -1;
        return sv_verity_cover(&machine, top, err);
}

/* What the kernel answers when a block is wrong is a proof that does not hold; the rest is the
 * system's. */
static void verity_roots(void **state)
{
        SV_STR base = sv_asprintf("%s/overlay", dir);
        SV_STR upper = sv_asprintf("%s/upper", base);
        SV_STR init = sv_asprintf("%s/sysroot/sbin/init", dir);
        struct sv_err err;

        FAILS(mount_verity(NULL, &err), SV_SYSTEM, "agent.root");
        assert_non_null(strstr(err.msg, "/sbin/init"));
        assert_string_equal(calls, LAYERS);
        write_file("/sysroot/sbin/init", "an init");
        OK(mount_verity(NULL, &err));
        assert_string_equal(calls, LAYERS);
        assert_int_equal(access(upper, F_OK), 0);
        set_fault("mount /dev/mapper/root", EIO);
        FAILS(mount_verity(NULL, &err), SV_PROOF, "verity.block");
        assert_null(strstr(calls, "/sysroot"));
        set_fault("mount /dev/mapper/root", EINVAL);
        FAILS(mount_verity(NULL, &err), SV_SYSTEM, "agent.root");
        set_fault("mount overlay /sysroot", EIO);
        FAILS(mount_verity(NULL, &err), SV_PROOF, "verity.block");
        set_fault("mount overlay /sysroot", ENODEV);
        FAILS(mount_verity(NULL, &err), SV_SYSTEM, "agent.root");
        assert_non_null(strstr(err.msg, "overlay"));
        set_fault("mount overlay /overlay", EPERM);
        FAILS(mount_verity(NULL, &err), SV_SYSTEM, "agent.root");
        set_fault(NULL, 0);
        assert_int_equal(unlink(init), 0);
        assert_int_equal(mkdir(init, 0700), 0); /* can be opened, and not read */
        FAILS(mount_verity(NULL, &err), SV_SYSTEM, "agent.root");
        assert_non_null(strstr(err.msg, "cannot read"));
        OK(sv_remove_tree(base, &err));
        write_file("/overlay", "no folder");
        FAILS(mount_verity(NULL, &err), SV_SYSTEM, "file.mkdir");
        assert_string_equal(calls, "mount overlay /overlay; ");
}

/* What is written goes to the other disk, where the next start finds it. */
static void verity_below_data(void **state)
{
        SV_STR upper = sv_asprintf("%s" SV_ROOT_DATA "/upper", dir);
        struct sv_agent_config c = {.root_type = "btrfs", .has_verity = true};
        struct sv_err err;

        OK(sv_root_mount_data(&machine, "/dev/mapper/data", &c, &err));
        assert_string_equal(calls, "mount /dev/mapper/data " SV_ROOT_DATA "; ");
        write_file("/sysroot/sbin/init", "an init");
        OK(mount_verity(SV_ROOT_DATA, &err));
        assert_string_equal(calls, LAYERS);
        assert_int_equal(access(upper, F_OK), 0);
        set_fault("mount overlay /sysroot", EIO); /* of which disk is not known here */
        FAILS(mount_verity(SV_ROOT_DATA, &err), SV_SYSTEM, "agent.root");
        set_fault("mount /dev/mapper/data", EINVAL);
        FAILS(sv_root_mount_data(&machine, "/dev/mapper/data", &c, &err), SV_SYSTEM, "agent.root");
        assert_non_null(strstr(err.msg, "above"));
        set_fault(NULL, 0);
}

/* Whether anything can be written to the file system, whoever looks, and not only through here. */
static void readonly_roots(void **state)
{
        static const char before[] =
                "1 0 0:1 / / rw - rootfs none rw\n"
                "22 1 0:20 / / ro,noatime shared:1 - btrfs /dev/mapper/root rw,ssd\n"
                "23 22 0:21 / /run/initramfs/data rw - ext4 /dev/mapper/data ro\n";
        SV_STR after = sv_asprintf("%s24 22 0:22 / / rw - btrfs /dev/x ro,ssd\n", before);

        assert_false(sv_root_is_readonly(&machine, "/")); /* nobody says so */
        write_file("/proc/self/mountinfo", before);
        assert_false(sv_root_is_readonly(&machine, "/"));
        assert_true(sv_root_is_readonly(&machine, SV_ROOT_DATA));
        assert_false(sv_root_is_readonly(&machine, "/run"));
        write_file("/proc/self/mountinfo", after);
        assert_true(sv_root_is_readonly(&machine, "/"));
        write_file("/proc/self/mountinfo", "22 1 0:20 / / ro - btrfs /dev/mapper/root\n");
        assert_false(sv_root_is_readonly(&machine, "/"));
}

/* The disk before it is opened. Nothing is mounted that was not. */
static void verity_disks(void **state)
{
        struct sv_agent_config c = {
                .disk = "root",
                .has_verity = true,
                .verity = {.type = "ext4", .data_block = 4096, .data_blocks = 2, .tree = 12288}};
        SV_STR path = sv_asprintf("%s/dev/vdb", dir);
        struct sv_err err;

        FAILS(sv_verity_root(&machine, &c, &err), SV_SYSTEM, "agent.disk");
        write_file("/sys/block/vdb/serial", "root");
        FAILS(sv_verity_root(&machine, &c, &err), SV_SYSTEM, "agent.disk");
        write_file("/dev/vdb", "");
        assert_int_equal(truncate(path, 16383), 0);
        FAILS(sv_verity_root(&machine, &c, &err), SV_PROOF, "verity.size");
        assert_string_equal(calls, "");
}

#define MOVES                                                                                  \
        "move /dev /sysroot/dev; move /proc /sysroot/proc; move /sys /sysroot/sys; move /run " \
        "/sysroot/run; "

/* Everything of the initramfs is gone, what a link of it points to is not. */
static void switches(void **state)
{
        SV_STR kept = sv_asprintf("%s.kept", dir);
        SV_STR kept_file = sv_asprintf("%s.kept/file", dir);
        SV_STR link = sv_asprintf("%s/deep/link", dir);
        SV_STR file = sv_asprintf("%s/deep/er/file", dir);
        struct sv_err err;
        char c;

        OK(sv_mkdirs(kept, 0700, &err));
        OK(sv_file_write(kept_file, 0600, sv_bytes_str("kept"), &err));
        write_file("/sysroot/sbin/init", "");
        write_file("/deep/er/file", "key");
        assert_int_equal(symlink(kept, link), 0);
        FAILS(sv_root_switch(&machine, &err), SV_SYSTEM, "agent.switch-root");
        assert_non_null(strstr(err.msg, "cannot run /sbin/init"));
        assert_string_equal(calls, MOVES "move . /; chroot .; exec /sbin/init; ");
        assert_int_not_equal(access(file, F_OK), 0);
        assert_int_equal(readlink(link, &c, 1), -1);
        assert_int_equal(access(kept_file, F_OK), 0);
        OK(sv_remove_tree(kept, &err));
}

/* Whatever fails before the new root is there leaves the initramfs as it is, and nothing runs. */
static void failed_switches(void **state)
{
        static const char *const at[] = {"move /dev", "move /run", "move .", "chroot"};
        SV_STR file = sv_asprintf("%s/deep/file", dir);
        struct sv_err err;

        write_file("/deep/file", "here");
        FAILS(sv_root_switch(&machine, &err), SV_SYSTEM, "agent.switch-root"); /* no /sysroot */
        assert_string_equal(calls, MOVES);
        write_file("/sysroot/sbin/init", "");
        for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
                set_fault(at[i], EPERM);
                FAILS(sv_root_switch(&machine, &err), SV_SYSTEM, "agent.switch-root");
                assert_null(strstr(calls, "exec"));
                assert_int_equal(access(file, F_OK), 0);
        }
        dir[strlen(dir) - 1] ^= 1; /* no such folder */
        FAILS(sv_root_switch(&machine, &err), SV_SYSTEM, "agent.switch-root");
        dir[strlen(dir) - 1] ^= 1;
}

/* --- events --- */

static void make_port(const char *name)
{
        SV_STR fifo = sv_asprintf("%s/dev/vport1p1", dir);

        write_file("/sys/class/virtio-ports/vport0p1/name", "com.redhat.spice.0\n");
        write_file("/sys/class/virtio-ports/vport1p1/name", name);
        write_file("/dev/x", "");
        assert_int_equal(mkfifo(fifo, 0600), 0);
}

/* What the host reads of what `work` says in a process of its own. */
static void host_reads(void (*work)(void), bool late, char *text, size_t size)
{
        SV_STR fifo = sv_asprintf("%s/dev/vport1p1", dir);
        SV_FD fd = open(fifo, O_RDONLY | O_NONBLOCK);
        size_t n = 0;
        ssize_t got;
        pid_t pid;
        int status;

        assert_true(fd >= 0);
        pid = fork();
        if (pid == 0) {
                if (!freopen("/dev/null", "w", stderr))
                        _exit(9);
                sv_event_open(&machine);
                work();
                _exit(0);
        }
        if (late)
                assert_int_equal(waitpid(pid, &status, 0), pid);
        else /* without a writer a read would end at once */
                assert_int_equal(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
        fcntl(fd, F_SETFL, 0);
        while ((got = read(fd, text + n, size - 1 - n)) > 0)
                n += (size_t)got;
        text[n] = 0;
        if (!late)
                assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void say_all(void)
{
        const struct sv_err fault = {.class = SV_PROOF, .check = "tls.pin", .msg = "a\x1b[2Jb"};

        sv_event_start("attest", NULL);
        sv_event_retry("attest", &fault, 250, 1, 12);
        sv_event_done("attest", NULL);
        sv_event_done("network", "eth0 10.0.2.15/24");
        sv_event_unlocked("policy.ek.cn", "00ff");
        sv_event_failed(&fault);
        sv_event_flush();
}

static const struct sv_json *line_of(struct sv_json **j, char **save, const char *event)
{
        char *line = strtok_r(NULL, "\n", save);
        struct sv_err err;

        assert_non_null(line);
        sv_json_free(*j);
        *j = NULL;
        OK(sv_json_parse(sv_bytes_str(line), "test", j, &err));
        assert_string_equal(sv_json_str(sv_json_get(*j, "event")), event);
        assert_true(sv_json_int(sv_json_get(*j, "uptime_ms"), -1) >= 0);
        return *j;
}

static void events(void **state)
{
        static char text[65536 * 2];
        char *save = text;
        SV_JSON *j = NULL;
        const struct sv_json *e;

        make_port("org.secure-vm.agent\n");
        host_reads(say_all, false, text, sizeof(text));
        e = line_of(&j, &save, "step");
        assert_string_equal(sv_json_str(sv_json_get(e, "state")), "start");
        e = line_of(&j, &save, "retry");
        assert_string_equal(sv_json_str(sv_json_get(e, "check")), "tls.pin");
        assert_int_equal(sv_json_int(sv_json_get(e, "ms"), 0), 250);
        e = line_of(&j, &save, "step");
        assert_string_equal(sv_json_str(sv_json_get(e, "state")), "done");
        assert_null(sv_json_get(e, "says"));
        e = line_of(&j, &save, "step");
        assert_string_equal(sv_json_str(sv_json_get(e, "says")), "eth0 10.0.2.15/24");
        e = line_of(&j, &save, "unlocked");
        assert_string_equal(sv_json_str(sv_json_get(e, "grounds")), "policy.ek.cn");
        assert_string_equal(sv_json_str(sv_json_get(e, "instance")), "00ff");
        assert_non_null(sv_json_pointer(e, "/timings/attest"));
        e = line_of(&j, &save, "failed");
        assert_string_equal(sv_json_str(sv_json_get(e, "class")), "proof");
        assert_null(strtok_r(NULL, "\n", &save));
}

/* Another port's name is not ours. */
static void port_of_another(void **state)
{
        static char text[4096];

        make_port("org.secure-vm.agent.0\n");
        host_reads(say_all, true, text, sizeof(text));
        assert_string_equal(text, "");
}

static void say_much(void)
{
        SV_STR long_text = sv_asprintf("%1000d", 1);

        for (int i = 0; i < 200; i++)
                sv_event_start(long_text, NULL);
        sv_event_flush();
}

/* 200 KB for a host that does not read: what the pipe takes is there in whole lines, and the guest
 * goes on after the second that it waits at its end. */
static void host_does_not_read(void **state)
{
        static char text[65536 * 4];
        int64_t began = sv_clock_ms();
        char *save = text;
        SV_JSON *j = NULL;
        int n = 0;

        make_port("org.secure-vm.agent\n");
        host_reads(say_much, true, text, sizeof(text));
        assert_true(sv_clock_ms() - began < 5000);
        for (const char *p = text; *p && strchr(p, '\n'); p = strchr(p, '\n') + 1)
                n++;
        assert_in_range(n, 40, 64);
        for (int i = 0; i < n; i++)
                line_of(&j, &save, "step");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(mounts, setup, teardown),
                cmocka_unit_test_setup_teardown(modules, setup, teardown),
                cmocka_unit_test_setup_teardown(disks, setup, teardown),
                cmocka_unit_test_setup_teardown(heads, setup, teardown),
                cmocka_unit_test_setup_teardown(roots, setup, teardown),
                cmocka_unit_test_setup_teardown(verity_roots, setup, teardown),
                cmocka_unit_test_setup_teardown(verity_disks, setup, teardown),
                cmocka_unit_test_setup_teardown(verity_below_data, setup, teardown),
                cmocka_unit_test_setup_teardown(readonly_roots, setup, teardown),
                cmocka_unit_test_setup_teardown(switches, setup, teardown),
                cmocka_unit_test_setup_teardown(failed_switches, setup, teardown),
                cmocka_unit_test_setup_teardown(events, setup, teardown),
                cmocka_unit_test_setup_teardown(port_of_another, setup, teardown),
                cmocka_unit_test_setup_teardown(host_does_not_read, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
