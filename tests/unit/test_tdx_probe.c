/* SPDX-License-Identifier: Apache-2.0 */
/* The advice of the probe, step by step, over made-up machines whose KVM is played by this file's
 * ioctl(). */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/core/buf.h"
#include "tdx/host/host.h"
#include "tdx/host/kvm-abi.h"
#include "tests/unit/qgs_service.h"

static char root[] = "/tmp/tdx-probe.XXXXXX";

static struct {
        int types, memfd, vm_error, caps_error;
        uint64_t attributes;
} kvm;

static bool platform; /* as the last probe says */

static int fails_with(int number)
{
        errno = number;
        return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
        struct sv_kvm_tdx_cmd *c;
        uintptr_t arg;
        va_list ap;

        va_start(ap, request);
        arg = va_arg(ap, uintptr_t);
        va_end(ap);
        switch (request) {
        case KVM_CHECK_EXTENSION:
                return arg == 235 ? kvm.types : arg == 234 ? kvm.memfd : 0;
        case KVM_CREATE_VM:
                assert_int_equal(arg, 5);
                return kvm.vm_error ? fails_with(kvm.vm_error)
                                    : open("/dev/null", O_RDWR | O_CLOEXEC);
        case KVM_MEMORY_ENCRYPT_OP:
                c = (void *)arg;
                assert_int_equal(c->id, 0);
                if (kvm.caps_error)
                        return fails_with(kvm.caps_error);
                ((struct sv_kvm_tdx_capabilities *)(uintptr_t)c->data)->attributes = kvm.attributes;
                return 0;
        default:
                return fails_with(ENOTTY);
        }
}

static char *below(const char *rel)
{
        char *path = sv_asprintf("%s%s", root, rel);
        SV_STR dir = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);

        assert_int_equal(sv_mkdirs(dir, 0755, NULL), 0);
        return path;
}

static void put(const char *rel, const char *text)
{
        SV_STR path = below(rel);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_write(path, 0755, sv_bytes_str(text), &err));
}

static void drop(const char *rel)
{
        SV_STR path = below(rel);

        assert_int_equal(unlink(path), 0);
}

/* `what`: in the advice, or when there is none to be given, in what was found. */
static void says(bool intel, bool ok, const char *what)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_probe p;

        OK(sv_tdx_probe_at(root, intel, &p, &err));
        platform = p.platform;
        if (p.ok != ok || !strstr(*p.advice ? p.advice : p.found, what))
                fail_msg("expected %s with \"%s\"; found %s: %s / %s", ok ? "yes" : "no", what,
                         p.ok ? "yes" : "no", p.found, p.advice);
}

static void processor_to_module(void **state)
{
        kvm.types = 1 << 1;
        says(true, false, "no /dev/kvm");
        says(false, false, "not Intel's");
        put("/dev/kvm", "");
        says(false, false, "not Intel's");
        put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx hypervisor\nbugs\t\t:\n");
        says(true, false, "virtual machine itself");
        put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx\nbugs\t\t: tdx_host_platform\n");
        says(true, false, "knows no TDX");
        put("/sys/module/kvm_intel/parameters/tdx", "N\n");
        says(true, false, "machine's setup");
        put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx tdx_host_platform\nbugs\t\t:\n");
        says(true, false, "kvm_intel.tdx=1");
        put("/sys/module/kvm_intel/parameters/tdx", "Y\n");
        says(true, false, "virt/tdx");
        kvm.types = 1 << 5;
        kvm.vm_error = ENODEV;
        says(true, false, "makes no machine");
        kvm.vm_error = 0;
        says(true, false, "guest_memfd");
        kvm.memfd = 1;
        kvm.caps_error = EOPNOTSUPP;
        says(true, false, "does not tell");
        kvm.caps_error = 0;
        says(true, false, "update the machine's firmware");
        assert_false(platform);
        kvm.attributes = 1ull << 28;
        says(true, false, "QEMU is missing");
        assert_true(platform);
}

/* A program as QEMU's looks from outside: machines' names, and somewhere the object's. */
static void programs(void **state)
{
        SV_BUF big = SV_BUF_NULL;
        SV_STR qemu = below("/usr/bin/qemu-system-x86_64");
        struct sv_err err = SV_ERR_NULL;

        put("/usr/bin/qemu-system-x86_64",
            "pc-q35-9.2-machine pc-q35-10.0-machine pc-q35-2.12-machine and then some more text");
        says(true, false, "QEMU 10.0 is too old for TDX: install 10.1");
        put("/usr/bin/qemu-system-x86_64", "no versions at all");
        says(true, false, "QEMU is too old for TDX");
        put("/usr/bin/qemu-system-x86_64",
            "pc-q35-10.1-machine and then some more text, but not the object");
        says(true, false, "QEMU 10.1 was built without TDX");
        /* Wherever the words lie in a large file. */
        for (size_t at = 65536 - 40; at < 65536 + 8; at += 3) {
                sv_buf_clear(&big);
                sv_buf_grow(&big, 200000);
                memcpy(big.p + at, "pc-q35-11.1-machine", 19);
                memcpy(big.p + 131072 - 4, "tdx-guest", 9);
                OK(sv_file_write(qemu, 0755, sv_buf_bytes(&big), &err));
                says(true, false, "libvirt is missing");
        }
        put("/usr/lib/x86_64-linux-gnu/libvirt.so.0.11003.0", "");
        says(true, false, "libvirt 11.3 is too old for TDX: install 11.6");
        drop("/usr/lib/x86_64-linux-gnu/libvirt.so.0.11003.0");
        put("/usr/lib/x86_64-linux-gnu/libvirt.so.0.12008.0", "");
        says(true, true, "ovmf-inteltdx");
        put("/usr/share/ovmf/OVMF.inteltdx.ms.fd", "");
        put("/sys/fs/cgroup/misc.capacity", "sev 10\ntdx 31\n");
}

/* Root reaches every socket; the user that QEMU runs as does not. */
static void users(const char *socket_path)
{
        SV_STR folder = below("/var/run/tdx-qgs");
        static const struct {
                const char *passwd, *group;
                gid_t gid;
                mode_t socket, folder;
                bool may;
        } t[] = {
                {"root:x:0:0::/:/bin/sh\n", "", 9, 0700, 0700, true}, /* then QEMU is root too */
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "", 9, 0755, 0755, false},
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "", 9, 0757, 0755, true},
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "", 9, 0757, 0750, false},
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "", 108, 0770, 0755, true},
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "", 108, 0707, 0755, false},
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "a:x:9:b,libvirt-qemu\n", 9, 0770,
                 0755, true},
                {"libvirt-qemu:x:64055:108::/:/bin/false\n", "a:x:9:b,libvirt-qemu2\n", 9, 0770,
                 0755, false},
                {"qemu:x:107:107::/:/bin/false\nx:x:1:1::/:/\n", "", 107, 0755, 0755, false},
        };

        if (geteuid())
                return;
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                put("/etc/passwd", t[i].passwd);
                put("/etc/group", t[i].group);
                assert_int_equal(chown(socket_path, 0, t[i].gid) | chmod(socket_path, t[i].socket) |
                                         chmod(folder, t[i].folder),
                                 0);
                says(true, true,
                     t[i].may ? "a quote service that answers"
                              : "may not connect to the quote service");
        }
        drop("/etc/passwd");
}

static void quotes(void **state)
{
        static const uint8_t good[] = {0, 0, 0, 28, 1, 0, 1,  0, 5, 0, 0, 0, 28, 0, 0, 0,
                                       0, 0, 0, 0,  4, 0, 13, 0, 0, 0, 0, 0, 0,  0, 0, 0};
        static const uint8_t refuses[] = {0, 0, 0,  16, 1, 0, 1,    0,    5, 0,
                                          0, 0, 16, 0,  0, 0, 0x05, 0x20, 1, 0};
        SV_STR socket_path = below("/var/run/tdx-qgs/qgs.socket");
        pid_t pid;

        says(true, true, "nobody signs their quotes");
        put("/etc/qgs.conf", "#port = 1\nnumber_threads = 4\nport=0\n  # port = 4050\n");
        says(true, true, "nobody signs their quotes");
        put("/etc/qgs.conf", "#set port number\nport = 4050\nnumber_threads = 4\n");
        says(true, true, "vsock port 4050 only");
        put("/etc/qgs.conf", "number_threads = 4\n \tport=17");
        says(true, true, "vsock port 17 only");
        put("/var/run/tdx-qgs/qgs.socket", "");
        says(true, true, "vsock port 17 only");
        drop("/etc/qgs.conf");
        put("/var/run/tdx-qgs/qgs.socket", "");
        says(true, true, "takes no connection");
        pid = qgs_start(socket_path, sv_bytes(refuses, sizeof(refuses)));
        says(true, true, "0x12005");
        qgs_stop(pid);
        says(true, true, "takes no connection");
        pid = qgs_start(socket_path, sv_bytes((const uint8_t *)"\0\0\0\4HTTP", 8));
        says(true, true, "get no quotes");
        qgs_stop(pid);
        pid = qgs_start(socket_path, sv_bytes(good, sizeof(good)));
        says(true, true,
             "31 TDs at a time, QEMU 11.1 with tdx-guest, libvirt 12.8, "
             "/usr/share/ovmf/OVMF.inteltdx.ms.fd, a quote service that answers");
        users(socket_path);
        put("/sys/kernel/security/apparmor/profiles", "libvirtd (enforce)\n");
        says(true, true, "AppArmor");
        put("/etc/apparmor.d/abstractions/libvirt-qemu", "  /dev/kvm rw,\n");
        says(true, true, "AppArmor");
        put("/etc/apparmor.d/local/abstractions/libvirt-qemu",
            "# /{,var/}run/tdx-qgs/qgs.socket rw,\n  deny /run/tdx-qgs/** w,\n/dev/x r,\n  # "
            "tdx-qgs/");
        says(true, true, "AppArmor");
        put("/etc/apparmor.d/abstractions/libvirt-qemu.d/quotes",
            "  /{,var/}run/tdx-qgs/qgs.socket rw,\n");
        says(true, true, "a quote service that answers");
        qgs_stop(pid);
}

static int set_up(void **state)
{
        return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(root, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(processor_to_module),
                cmocka_unit_test(programs),
                cmocka_unit_test(quotes),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
