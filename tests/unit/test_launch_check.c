/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a launch before it: refusals with their place in the guest file, and warnings. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "launcher/guest-file.h"
#include "launcher/keeper/check.h"
#include "launcher/keeper/warn-host.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt-dac.h"
#include "ovmf/accept.h"
#include "tee/host.h"
#include "tee/warn.h"
#include "tests/unit/make_boot.h"
#include "tests/unit/make_firmware.h"
#include "tests/unit/unit.h"

#define PIN "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char base[32];
static struct sv_err err;

static void put_bytes(const char *name, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/%s", base, name);

        OK(sv_file_write(path, 0600, data, &err));
}

static int no_domain(const struct sv_guest *g, struct sv_domain_part *out, struct sv_err *e)
{
        return g->vcpus == 99 ? sv_fail(e, SV_USAGE, "x.domain.page_order", "a TEE's own refusal")
                              : 0;
}

static const struct sv_tee plain_id = {.name = "plain"};
static const struct sv_tee_host plain = {.id = &plain_id, .domain = no_domain};

static void read_text(const char *text, struct sv_guest *g)
{
        SV_STR file = sv_asprintf("%s/g.json", base);

        OK(sv_guest_parse(sv_bytes_str(text), file, base, g, &err));
}

#define GUEST(more) "{\n\"name\":\"g\",\n\"firmware\":\"fw\",\n\"kernel\":\"vmlinuz\"" more "}"

static void refused_with_their_place(void **state)
{
        static const struct {
                const char *text, *check, *place; /* place NULL: nothing is refused */
                enum sv_class class;
        } t[] = {
                {GUEST(",\n\"initrd\":\"initrd\",\n\"disks\":[{\"path\":\"raw\"}]"), NULL, NULL, 0},
                {"{\"name\":\"g\",\n\"kernel\":\"none\"}", "launch.kernel",
                 ":2: /kernel: ", SV_SYSTEM},
                {"{\"name\":\"g\",\n\"firmware\":\"odd\",\n\"kernel\":\"vmlinuz\"}",
                 "ovmf.image.size", ":2: /firmware: ", SV_FORMAT},
                {GUEST(",\n\"initrd\":\"none\""), "launch.initrd", ":5: /initrd: ", SV_SYSTEM},
                {GUEST(",\n\"initrd\":\"vmlinuz\""), "ovmf.initramfs.magic",
                 ":5: /initrd: ", SV_FORMAT},
                {GUEST(",\n\"initrd\":\"large\",\n\"memory\":\"128MiB\""), "ovmf.linux.memory",
                 ":6: /memory: ", SV_USAGE},
                {GUEST(",\n\"cmdline\":\"vga=no\""), "ovmf.linux.vga", ": ", SV_USAGE},
                {"{\"name\":\"g\",\n\"uki\":\"none\"}", "launch.uki", ":2: /uki: ", SV_SYSTEM},
                {"{\"name\":\"g\",\n\"uki\":\"vmlinuz\",\n\"firmware\":\"fw\"}", "measure.uki",
                 ":2: /uki: ", SV_FORMAT},
                {GUEST(",\n\"tuning\":\n{\"x\":1}"), "launch.tuning", ":6: /tuning: ", SV_USAGE},
                {GUEST(",\n\"vcpus\":99,\n\"tees\":{\"plain\":{\n\"page_order\":1}}"),
                 "x.domain.page_order", ":7: /tees/plain/page_order: ", SV_USAGE},
                {GUEST(",\n\"disks\":[{\"path\":\"raw\"},\n{\"path\":\"none\"}]"), "launch.disk",
                 ":6: /disks/1/path: ", SV_SYSTEM},
                {GUEST(",\n\"disks\":[{\"path\":\"qcow2\"}],\n\"attestation\":{\"url\":"
                       "\"https://a:1\",\"pin\":\"" PIN "\"}"),
                 "launch.disk.format", ":5: /disks/0/path: ", SV_USAGE},
                {GUEST(",\n\"disks\":[{\"path\":\"raw\"}],\n\"attestation\":{\"url\":"
                       "\"https://a:1\",\"pin\":\"" PIN "\"}"),
                 "launch.disk.format", ":5: /disks/0/path: ", SV_USAGE},
                {GUEST(",\n\"disks\":[{\"path\":\"luks\"}],\n\"attestation\":{\"url\":"
                       "\"https://a:1\",\"pin\":\"" PIN "\"}"),
                 NULL, NULL, 0},
                /* what no agent opens may begin as it likes */
                {GUEST(",\n\"disks\":[{\"path\":\"qcow2\"}]"), NULL, NULL, 0},
                {GUEST(",\n\"nics\":[{\"type\":\"user\"},\n{\"type\":\"bridge\",\"source\":"
                       "\"nobridge9\"}]"),
                 "virt.network", ":6: /nics/1/source: ", SV_SYSTEM},
                {GUEST(",\n\"nics\":[{\"type\":\"bridge\",\"source\":\"lo\"}]"), "virt.network",
                 ":5: /nics/0/source: ", SV_SYSTEM},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR begin = sv_asprintf("%s/g.json%s", base, t[i].place ? t[i].place : "");
                SV_GUEST g = {0};
                const struct sv_launch l = {.guest = &g, .tee = &plain};

                read_text(t[i].text, &g);
                if (!t[i].check) {
                        OK(sv_launch_check(NULL, &l, &err));
                        continue;
                }
                FAILS(sv_launch_check(NULL, &l, &err), t[i].class, t[i].check);
                if (strncmp(err.msg, begin, strlen(begin)))
                        fail_msg("expected \"%s…\", found \"%s\"", begin, err.msg);
                /* once */
                assert_null(strstr(err.msg + 1, begin));
        }
}

/* A daemon connects nothing; our own supervisor does when it starts the guest. */
static void fabrics_of_a_daemon(void **state)
{
        const char *text = GUEST(",\n\"disks\":[{\n\"nvme\":{\"subsystem\":\"nqn.x:not-here\","
                                 "\"namespace\":\"eui.0123456789abcdef\",\"addresses\":"
                                 "\"192.0.2.7\"}}]");
        SV_GUEST g = {0};
        const struct sv_launch l = {.guest = &g, .tee = &plain};

        read_text(text, &g);
        FAILS(sv_launch_check("qemu:///system", &l, &err), SV_SYSTEM, "fabric.daemon");
        assert_non_null(strstr(err.msg, "g.json:6: /disks/0/nvme: nqn.x:not-here"));
        /* what another machine has connected is not known here */
        OK(sv_launch_check("qemu+ssh://elsewhere/system", &l, &err));
}

/* A daemon gives functions of its own networks, wherever it is. */
static void functions_of_a_daemon(void **state)
{
        const char *text = GUEST(",\n\"nics\":[{\n\"type\":\"vf\",\"source\":\"ens1f0\"}]");
        SV_GUEST g = {0};
        const struct sv_launch l = {.guest = &g, .tee = &plain};

        read_text(text, &g);
        FAILS(sv_launch_check("qemu+ssh://elsewhere/system", &l, &err), SV_USAGE, "vf.daemon");
        assert_non_null(strstr(err.msg, "g.json:6: /nics/0/type"));
        FAILS(sv_launch_check(NULL, &l, &err), SV_SYSTEM, geteuid() == 0 ? "vf.card" : "vf.rights");
        assert_non_null(strstr(err.msg, "/nics/0"));
}

/* What the table of TEEs says of a guest file, with its place, whichever TEE the guest has. */
static void tees_of_a_guest_file(void **state)
{
        static const struct {
                const char *text, *check, *says;
        } t[] = {
                {GUEST(",\n\"tee\":\"vtmp\""), "tee.name",
                 "g.json:5: /tee: expected \"auto\" or a TEE, found \"vtmp\"; did you mean "
                 "\"vtpm\"?"},
                {GUEST(",\n\"tee\":\"snp\""), "tee.name", "did you mean \"sev-snp\"?"},
                {GUEST(",\n\"tee\":\"other\""), "tee.name", "there are sev-snp, tdx, vtpm"},
                {GUEST(",\n\"tees\":{\n\"vtpmm\":{}}"), "guest.tees.unknown",
                 "g.json:6: /tees/vtpmm: no TEE is called \"vtpmm\"; did you mean \"vtpm\"?"},
                {GUEST(",\n\"tees\":{\"a/b\":{}}"), "guest.tees.unknown",
                 "g.json: no TEE is called \"a/b\"; there are"},
                {GUEST(",\n\"tee\":\"vtpm\",\"tees\":{\n\"sev-snp\":{\"policy\":\"0x1\"}}"),
                 "guest.sev-snp.policy", "g.json:6: /tees/sev-snp/policy: "},
                {GUEST(",\n\"tees\":{\"sev-snp\":{\n\"require\":{\"x\":1}}}"),
                 "guest.sev-snp.require", "g.json:6: /tees/sev-snp/require: "},
                {GUEST(",\n\"tees\":{\"tdx\":{\n\"require\":{\"x\":1}}}"), "guest.tdx.require",
                 "g.json:6: /tees/tdx/require: "},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR path = sv_asprintf("%s/g.json", base);
                SV_GUEST g = {0};

                OK(sv_file_write(path, 0600, sv_bytes_str(t[i].text), &err));
                FAILS(sv_guest_file_read(path, &g, &err), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("expected \"%s\", found \"%s\"", t[i].says, err.msg);
        }
}

/* QEMU's locks: another guest's QEMU that writes, and one that lets nobody else write. */
static void a_disk_of_another_guest(void **state)
{
        static const struct {
                off_t byte;
                const char *more;
                bool busy;
        } t[] = {
                {101, "", true},
                {201, "", true},
                {101, ",\"readonly\":true", true},
                {201, ",\"readonly\":true", false},
                {100, "", false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct flock lock = {.l_type = F_RDLCK, .l_start = t[i].byte, .l_len = 1};
                SV_STR text = sv_asprintf(GUEST(",\"disks\":[{\"path\":\"raw\"%s}]"), t[i].more);
                SV_STR path = sv_asprintf("%s/raw", base);
                SV_FD qemu = open(path, O_RDWR | O_CLOEXEC);
                SV_GUEST g = {0};
                const struct sv_launch l = {.guest = &g, .tee = &plain};

                assert_int_equal(fcntl(qemu, F_OFD_SETLK, &lock), 0);
                read_text(text, &g);
                if (t[i].busy)
                        FAILS(sv_launch_check(NULL, &l, &err), SV_SYSTEM, "launch.disk.busy");
                else
                        OK(sv_launch_check(NULL, &l, &err));
        }
}

/* A file system of 64 KiB, which only root can mount. */
static void no_room(void **state)
{
        SV_STR folder = sv_asprintf("%s/room", base);
        SV_GUEST g = {0};
        const struct sv_launch l = {.guest = &g, .tee = &plain};

        OK(sv_mkdirs(folder, 0755, &err));
        if (mount("none", folder, "tmpfs", 0, "size=64k") < 0)
                skip();
        setenv("SECURE_VM_DIR", folder, 1);
        read_text(GUEST(",\"initrd\":\"initrd\""), &g);
        OK(sv_launch_check(NULL, &l, &err));
        sv_guest_free(&g);
        g = (struct sv_guest){0};
        read_text(GUEST(",\"initrd\":\"large\""), &g);
        FAILS(sv_launch_check(NULL, &l, &err), SV_SYSTEM, "launch.room");
        setenv("SECURE_VM_DIR", base, 1);
        assert_int_equal(umount(folder), 0);
}

static void cpu_models_of_libvirt(void **state)
{
        SV_STR folder = sv_asprintf("%s/usr/share/libvirt/cpu_map", base);

        OK(sv_virt_check_cpu_map(base, "EPYC-v9", &err)); /* nobody says what there is */
        OK(sv_mkdirs(folder, 0755, &err));
        put_bytes("usr/share/libvirt/cpu_map/index.xml", sv_bytes_str("<cpus/>"));
        put_bytes("usr/share/libvirt/cpu_map/x86_EPYC-v4.xml", sv_bytes_str("<cpus/>"));
        OK(sv_virt_check_cpu_map(base, "EPYC-v4", &err));
        FAILS(sv_virt_check_cpu_map(base, "EPYC-v9", &err), SV_SYSTEM, "virt.cpuid");
        assert_non_null(strstr(err.msg, "choose one of EPYC-v4;"));
        FAILS(sv_virt_check_cpu_map(base, "Opteron", &err), SV_SYSTEM, "virt.cpuid");
        assert_non_null(strstr(err.msg, "virsh"));
}

/* --- warnings --- */

static void is_warned(const struct sv_json *list, const char *name)
{
        if (!name) {
                assert_int_equal(sv_json_len(list), 0);
                return;
        }
        assert_int_equal(sv_json_len(list), 1);
        assert_string_equal(sv_json_str(sv_json_get(sv_json_at(list, 0), "check")), name);
        assert_non_null(sv_json_str(sv_json_get(sv_json_at(list, 0), "message")));
}

static const uint8_t halves[] = {0xfe, 0x10, 0xa0, 0xc5, 0xa7, 0x38, 0x31, 0x45, 0x48, 0x89,
                                 0x84, 0x24, 0x8a, 0x4a, 0x05, 0x00, 0xd2, 0xfd, 0x16, 0x49};

static void who_accepts_memory(void **state)
{
        uint8_t kernel[KERNEL_SIZE];
        SV_BUF image = SV_BUF_NULL;
        SV_BUF lazy = SV_BUF_NULL;

        OK(sv_file_read(vector_path("firmware/small.fd"), 1u << 20, &image, "test", &err));
        OK(sv_file_read(vector_path("firmware/small-lazy.fd"), 1u << 20, &lazy, "test", &err));
        assert_int_equal(sv_acceptance_firmware(sv_buf_bytes(&image)), SV_ACCEPT_EAGER);
        assert_int_equal(sv_acceptance_firmware(sv_buf_bytes(&lazy)), SV_ACCEPT_LAZY);
        assert_int_equal(sv_acceptance_firmware(sv_bytes_str("none")), SV_ACCEPT_UNKNOWN);
        make_kernel(kernel);
        assert_int_equal(sv_acceptance_kernel(sv_bytes(kernel, sizeof(kernel))), SV_ACCEPT_EAGER);
        memcpy(kernel + 0x700, halves, sizeof(halves));
        assert_int_equal(sv_acceptance_kernel(sv_bytes(kernel, sizeof(kernel))), SV_ACCEPT_LAZY);
        /* the second half is far from the first, or there is none */
        memset(kernel + 0x708, 0, 12);
        memcpy(kernel + 0x808, halves + 12, 8);
        assert_int_equal(sv_acceptance_kernel(sv_bytes(kernel, sizeof(kernel))), SV_ACCEPT_EAGER);
        assert_int_equal(sv_acceptance_kernel(sv_bytes(halves, 8)), SV_ACCEPT_UNKNOWN);
}

static unsigned refused_opens;

static int open_plainly(const struct sv_guest *g, const char *path, int flags)
{
        return open(path, flags);
}

static int open_for_nobody(const struct sv_guest *g, const char *path, int flags)
{
        refused_opens++;
        return -1;
}

static void is_not_judged(const char *firmware, sv_guest_open_fn *open_file)
{
        const struct sv_tee tee = {.name = "x", .confidential = true};
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"memory\":\"64GiB\",\"firmware\":\"%s\","
                                  "\"kernel\":\"vmlinuz\"}",
                                  firmware);
        SV_JSON *list = sv_json_array();
        SV_GUEST g = {0};

        read_text(text, &g);
        sv_warn_acceptance(&tee, &g, open_file, list);
        is_warned(list, NULL);
}

/* It is looked into as it is launched: with the rights of the guest file's owner, and without
 * waiting for whoever writes into a pipe. */
static void looks_into_what_may_be_opened(void **state)
{
        SV_STR fifo = sv_asprintf("%s/pipe", base);

        is_not_judged("fw", open_for_nobody);
        assert_int_equal(refused_opens, 1);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        is_not_judged("pipe", open_plainly);
}

static void warned_of_acceptance(void **state)
{
        static const struct {
                const char *memory, *firmware, *kernel, *warning;
                bool confidential, late;
        } t[] = {
                {"32GiB", "fw", "vmlinuz", "warning.memory.firmware", true, true},
                {"32GiB", "fw", "newlinuz", "warning.memory.firmware", true, false},
                {"31GiB", "fw", "vmlinuz", NULL, true, true},
                {"32GiB", "lazy", "vmlinuz", "warning.memory.kernel", true, true},
                {"31GiB", "lazy", "vmlinuz", NULL, true, true},
                {"2817MiB", "lazy", "vmlinuz", "warning.memory.kernel", true, false},
                {"2816MiB", "lazy", "vmlinuz", NULL, true, false},
                {"64GiB", "lazy", "newlinuz", NULL, true, false},
                {"64GiB", "lazy", "none", NULL, true, false},
                {"64GiB", "none", "vmlinuz", NULL, true, true},
                {"32GiB", "igvm", "vmlinuz", "warning.memory.kernel", true, true},
                {"32GiB", "igvm", "newlinuz", NULL, true, true},
                {"32GiB", "broken", "newlinuz", "warning.memory.unknown", true, true},
                {"31GiB", "broken", "newlinuz", NULL, true, true},
                {"32GiB", "lazy", "strange", "warning.memory.unknown", true, true},
                {"32GiB", "fw", "strange", "warning.memory.firmware", true, true},
                {"64GiB", "fw", "vmlinuz", NULL, false, true},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                const struct sv_tee tee = {
                        .name = "x", .confidential = t[i].confidential, .accepts_late = t[i].late};
                SV_STR text = sv_asprintf("{\"name\":\"g\",\"memory\":\"%s\",\"firmware\":\"%s\","
                                          "\"kernel\":\"%s\"}",
                                          t[i].memory, t[i].firmware, t[i].kernel);
                SV_JSON *list = sv_json_array();
                SV_GUEST g = {0};

                read_text(text, &g);
                sv_warn_acceptance(&tee, &g, open_plainly, list);
                is_warned(list, t[i].warning);
        }
}

static void warned_of_the_host(void **state)
{
        static const struct sv_tee hard = {.name = "hard", .confidential = true};
        static const struct sv_tee_host hosts[] = {{.id = &plain_id},
                                                   {.id = &hard},
                                                   {.id = &hard, .keys = "tdx"},
                                                   {.id = &hard, .vcpus_are_processors = true}};
        static const struct {
                const char *memory, *warning;
                unsigned vcpus, host;
        } t[] = {
                {"1025MiB", "warning.memory.host", 1, 0},
                {"1024MiB", NULL, 1, 0},
                {"1024MiB", "warning.memory.twice", 1, 1},
                {"513MiB", "warning.memory.twice", 1, 1},
                {"512MiB", NULL, 1, 1},
                {"1025MiB", "warning.memory.host", 1, 1},
                {"512MiB", "warning.keys", 1, 2},
                {"512MiB", NULL, 5, 3},
                {"512MiB", "warning.vcpus", 6, 3},
                {"512MiB", NULL, 6, 1},
        };
        SV_STR proc = sv_asprintf("%s/proc", base);
        SV_STR cpu = sv_asprintf("%s/sys/devices/system/cpu", base);
        SV_STR cgroup = sv_asprintf("%s/sys/fs/cgroup", base);

        OK(sv_mkdirs(proc, 0755, &err));
        OK(sv_mkdirs(cpu, 0755, &err));
        OK(sv_mkdirs(cgroup, 0755, &err));
        put_bytes("proc/meminfo",
                  sv_bytes_str("MemTotal:        4096000 kB\nMemAvailable:    1048576 kB\n"));
        put_bytes("sys/fs/cgroup/misc.capacity", sv_bytes_str("sev_es 7\ntdx 15\n"));
        put_bytes("sys/fs/cgroup/misc.current", sv_bytes_str("sev_es 0\ntdx 15\n"));
        put_bytes("sys/devices/system/cpu/present", sv_bytes_str("0-3,8\n"));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR text = sv_asprintf(
                        "{\"name\":\"g\",\"memory\":\"%s\",\"vcpus\":%u,\"kernel\":\"k\"}",
                        t[i].memory, t[i].vcpus);
                SV_JSON *list = sv_json_array();
                SV_GUEST g = {0};

                read_text(text, &g);
                sv_warn_host(base, &(struct sv_launch){&g, &hosts[t[i].host], true}, list);
                is_warned(list, t[i].warning);
        }
        put_bytes("sys/fs/cgroup/misc.current", sv_bytes_str("sev_es 7\ntdx 14\n"));
        for (size_t i = 0; i < 2; i++) {
                SV_JSON *list = sv_json_array();
                SV_GUEST g = {0};

                read_text("{\"name\":\"g\",\"memory\":\"512MiB\",\"kernel\":\"k\"}", &g);
                /* one key is left; and a machine that says nothing */
                sv_warn_host(i ? "/nonexistent" : base, &(struct sv_launch){&g, &hosts[2], true},
                             list);
                is_warned(list, NULL);
        }
}

static void whose_host_it_is(void **state)
{
        static const char *const here[] = {"qemu:///system", "qemu+unix:///session", "qemu:///a+b"};
        static const char *const elsewhere[] = {"qemu+ssh://host/system", "qemu://host/system",
                                                "qemu+ext:///system", "qemu+ssh:///system", ""};

        assert_true(sv_uri_is_here(NULL));
        for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
                assert_true(sv_uri_is_here(here[i]));
        for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
                assert_false(sv_uri_is_here(elsewhere[i]));
}

/* Two pages in a row, the second an OVMF, and one before them that does not belong there. */
static void put_igvm(const char *name, struct sv_bytes ovmf)
{
        static const uint64_t places[] = {0x400000, 0x1000, 0x2000};
        SV_BUF headers = SV_BUF_NULL, file = SV_BUF_NULL;
        uint32_t data, crc;

        put_igvm_platform(&headers, 1, 2);
        data = 24 + (uint32_t)headers.n + 3 * 32;
        for (size_t i = 0; i < 3; i++) {
                SV_BUF page = SV_BUF_NULL;

                sv_buf_u64le(&page, places[i]);
                sv_buf_u32le(&page, 1);
                sv_buf_u32le(&page, i == 2 ? data : 0);
                sv_buf_u64le(&page, 0);
                put_igvm_header(&headers, 0x302, sv_buf_bytes(&page));
        }
        make_igvm(&file, sv_buf_bytes(&headers));
        sv_bytes_put_le(file.p + 16, file.n + ovmf.n, 4);
        memset(file.p + 20, 0, 4);
        crc = crc_of(sv_buf_bytes(&file));
        sv_bytes_put_le(file.p + 20, crc, 4);
        sv_buf_put(&file, ovmf);
        put_bytes(name, sv_buf_bytes(&file));
}

static int set_up(void **state)
{
        uint8_t kernel[KERNEL_SIZE];
        SV_STR path = NULL;
        SV_BUF image = SV_BUF_NULL;

        snprintf(base, sizeof(base), "/tmp/svc-XXXXXX");
        if (!mkdtemp(base))
                return -1;
        setenv("SECURE_VM_DIR", base, 1);
        make_kernel(kernel);
        put_bytes("vmlinuz", sv_bytes(kernel, sizeof(kernel)));
        memcpy(kernel + 0x700, halves, sizeof(halves));
        put_bytes("newlinuz", sv_bytes(kernel, sizeof(kernel)));
        OK(sv_file_read(vector_path("firmware/small.fd"), 1u << 20, &image, "test", &err));
        put_bytes("fw", sv_buf_bytes(&image));
        put_bytes("odd", sv_bytes(image.p, image.n - 1));
        sv_buf_clear(&image);
        OK(sv_file_read(vector_path("firmware/small-lazy.fd"), 1u << 20, &image, "test", &err));
        put_bytes("lazy", sv_buf_bytes(&image));
        assert_int_equal(image.n, 4096);
        put_igvm("igvm", sv_buf_bytes(&image));
        image.p[0x80] ^= 1; /* of the GUID that says how it is compressed */
        put_bytes("broken", sv_buf_bytes(&image));
        put_bytes("strange", sv_bytes_str("a kernel in a form of tomorrow"));
        put_bytes("initrd", sv_bytes_str("070701"));
        put_bytes("raw", sv_bytes_str("raw"));
        put_bytes("qcow2", sv_bytes_str("QFI\xfb and so on"));
        put_bytes("luks", sv_bytes_str("LUKS\xba\xbe and so on"));
        put_bytes("large", sv_bytes_str("070701"));
        path = sv_asprintf("%s/large", base);
        assert_int_equal(truncate(path, 128 << 20), 0);
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(base, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refused_with_their_place),
                cmocka_unit_test(fabrics_of_a_daemon),
                cmocka_unit_test(functions_of_a_daemon),
                cmocka_unit_test(tees_of_a_guest_file),
                cmocka_unit_test(a_disk_of_another_guest),
                cmocka_unit_test(no_room),
                cmocka_unit_test(cpu_models_of_libvirt),
                cmocka_unit_test(who_accepts_memory),
                cmocka_unit_test(looks_into_what_may_be_opened),
                cmocka_unit_test(warned_of_acceptance),
                cmocka_unit_test(warned_of_the_host),
                cmocka_unit_test(whose_host_it_is),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
