/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/virt/qemu-argv: what libvirt would start, rewritten to open nothing of the host; and the
 * same asked of libvirt itself. */
#include <unistd.h>

#include "launcher/virt/acpi.h"
#include "launcher/virt/qemu-argv.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void expect_words(const struct sv_argv *w, const char *const *want)
{
        size_t i = 0;

        for (; want[i]; i++) {
                if (i >= w->n)
                        fail_msg("\"%s\" was expected, found the end", want[i]);
                assert_string_equal(w->list[i], want[i]);
        }
        if (i < w->n)
                fail_msg("the end was expected, found \"%s\"", w->list[i]);
        assert_null(w->list[i]);
}

static void options(void **state)
{
        static const struct {
                const char *native;
                const char *want[8];
        } t[] = {
                {"LC_ALL=C HOME=/x /usr/bin/q", {"/usr/bin/q"}},
                {"q -nodefaults -m size=1024k", {"q", "-nodefaults", "-m", "size=1024k"}},
                {"q \\\n-name guest=g -S \\\n-no-shutdown -boot strict=on",
                 {"q", "-boot", "strict=on"}},
                {"q -kernel '/a b'\\''c' -append 'x y'", {"q", "-kernel", "/a b'c"}},
                {"q -future thing", {"q", "-future", "thing"}},
                {"q -accel kvm -cpu host,pmu=off -msg timestamp=on -mon a -add-fd b -initrd i",
                 {"q"}},
                {"q -machine "
                 "pc-q35-10.1,usb=off,kernel_irqchip=split,confidential-guest-support=lsec0,memory-"
                 "backend=pc.ram",
                 {"q", "-machine", "pc-q35-10.1,usb=off,memory-backend=pc.ram,pic=off"}},
                {"q -machine q35,accel=kvm", {"q", "-machine", "q35,pic=off"}},
                {"q -object '{\"qom-type\":\"tdx-guest\",\"id\":\"lsec0\"}' -object "
                 "'{\"qom-type\":\"secret\",\"id\":\"k\",\"file\":\"/key\"}'",
                 {"q"}},
                {"q -object "
                 "'{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"hugetlb\":true,"
                 "\"size\":1048576}'",
                 {"q", "-object", "memory-backend-ram,id=pc.ram,size=1048576"}},
                {"q -object '{\"qom-type\":\"rng-random\",\"id\":\"o\"}' -object secret,id=k "
                 "-object iothread,id=t",
                 {"q", "-object", "{\"qom-type\":\"rng-random\",\"id\":\"o\"}", "-object",
                  "iothread,id=t"}},
                {"q -blockdev "
                 "'{\"driver\":\"file\",\"filename\":\"/"
                 "disk\",\"node-name\":\"s\",\"read-only\":true}'",
                 {"q", "-blockdev",
                  "{\"driver\":\"null-co\",\"node-name\":\"s\",\"size\":1073741824,\"read-only\":"
                  "true}"}},
                {"q -chardev pty,id=c0 -chardev socket,id=c1,path=/s,server=on",
                 {"q", "-chardev", "null,id=c0", "-chardev", "null,id=c1"}},
                {"q -device '{\"driver\":\"virtio-rng-pci\",\"bus\":\"pci.5\"}' -device "
                 "virtio-blk-pci,drive=s",
                 {"q", "-device", "{\"driver\":\"virtio-rng-pci\",\"bus\":\"pci.5\"}", "-device",
                  "virtio-blk-pci,drive=s"}},
                {"q -device "
                 "'{\"driver\":\"vhost-vsock-pci\",\"id\":\"v\",\"guest-cid\":3,\"vhostfd\":\"7\","
                 "\"bus\":\"pci.6\",\"addr\":\"0x0\"}'",
                 {"q", "-device",
                  "{\"driver\":\"virtio-rng-pci\",\"id\":\"v\",\"bus\":\"pci.6\",\"addr\":"
                  "\"0x0\"}"}},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_ARGV w = {0};

                OK(sv_qemu_argv_rewrite(t[i].native, ",pic=off", &w, &err));
                expect_words(&w, t[i].want);
        }
}

static void refuses(void **state)
{
        static const struct {
                const char *native;
                enum sv_class class;
                const char *check;
        } t[] = {
                {"", SV_SYSTEM, "acpi.native"},
                {"A=b C=d", SV_SYSTEM, "acpi.native"},
                {"A=b -machine q35", SV_SYSTEM, "acpi.native"},
                {"q -kernel 'x", SV_SYSTEM, "acpi.native"},
                {"q -machine", SV_SYSTEM, "acpi.native"},
                {"q -device '{\"driver\":'", SV_SYSTEM, "acpi.native"},
                {"q -device '{\"driver\":\"vfio-pci\",\"host\":\"0000:01:00.0\"}'", SV_USAGE,
                 "acpi.device"},
                {"q -device vhost-user-fs-pci,tag=x", SV_USAGE, "acpi.device"},
                /* where it stands cannot be read */
                {"q -device vhost-vsock-pci,id=v", SV_USAGE, "acpi.device"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_ARGV w = {0};

                FAILS(sv_qemu_argv_rewrite(t[i].native, "", &w, &err), t[i].class, t[i].check);
        }
}

static int no_domain(const struct sv_guest *g, struct sv_domain_part *out, struct sv_err *e)
{
        /* libvirt would not take it: it must not be asked for */
        sv_buf_puts(&out->launch_security, "<nonsense/>");
        sv_buf_puts(&out->devices, "<vsock model='virtio'><cid auto='yes'/></vsock>");
        return 0;
}

/* The guest's disks, cards and channels have their places; no file of the guest is opened, and
 * nothing of the TEE is asked for. */
static void real_libvirt(void **state)
{
        static const char text[] =
                "{\"name\":\"g\",\"memory\":\"512MiB\",\"vcpus\":3,\"kernel\":\"k\",\"firmware\":"
                "\"f\",\"cpu\":\"none-such\",\"disks\":[{\"path\":\"a "
                "b\"},{\"path\":\"c\",\"id\":\"c\","
                "\"readonly\":true}],\"nics\":[{\"type\":\"bridge\",\"source\":\"br0\"}]}";
        static const char *const has[] = {"virtio-blk-pci",  "virtio-rng-pci", "virtserialport",
                                          "isa-serial",      "hpet=off",       ",pic=off",
                                          "strict=on",       "3,sockets=3",    "\"id\":\"vsock0\"",
                                          "max,phys-bits=40"};
        static const char *const has_not[] = {"/nowhere/a b", "/nowhere/c", "tap",        ".sock",
                                              "accel",        "vhost",      "virtio-net", "netdev"};
        static const struct sv_tee id = {.name = "t"};
        struct sv_tee_host tee = {.id = &id, .domain = no_domain, .acpi_machine = ",pic=off"};
        SV_BUF all = SV_BUF_NULL;
        SV_ARGV w = {0};
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/nowhere", &g, &err));
        if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0) {
                print_message("SKIP: this needs qemu-system-x86_64 and libvirt's QEMU driver\n");
                skip();
        }
        OK(sv_acpi_make_guest_argv(&g, &tee, NULL, &w, &err));
        for (size_t i = 0; i < w.n; i++)
                sv_buf_printf(&all, "%s ", w.list[i]);
        for (size_t i = 0; i < sizeof(has) / sizeof(has[0]); i++)
                if (!strstr(sv_buf_str(&all), has[i]))
                        fail_msg("%s is not there: %s", has[i], sv_buf_str(&all));
        for (size_t i = 0; i < sizeof(has_not) / sizeof(has_not[0]); i++)
                if (strstr(sv_buf_str(&all), has_not[i]))
                        fail_msg("%s is there: %s", has_not[i], sv_buf_str(&all));
        g.memory = 64 << 20;
        FAILS(sv_acpi_make_guest_argv(&g, &tee, NULL, &w, &err), SV_USAGE, "acpi.memory");
        tee.acpi_machine = NULL;
        FAILS(sv_acpi_make_guest_argv(&g, &tee, NULL, &w, &err), SV_USAGE, "acpi.tee");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(options), cmocka_unit_test(refuses),
                                           cmocka_unit_test(real_libvirt)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
