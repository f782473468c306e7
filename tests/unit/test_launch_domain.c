/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/tune/wish.h"
#include "launcher/virt/domain.h"
#include "launcher/host/host.h"
#include "launcher/virt/xml.h"
#include "tests/unit/schemas.h"

#define PIN "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int fake_domain(const struct sv_guest *g, struct sv_domain_part *out, struct sv_err *err)
{
        sv_buf_puts(&out->devices,
                    "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>\n");
        return 0;
}

static int snp_domain(const struct sv_guest *g, struct sv_domain_part *out, struct sv_err *err)
{
        sv_buf_puts(&out->launch_security,
                    "<launchSecurity type='sev-snp' "
                    "kernelHashes='yes'><policy>0x30000</policy></launchSecurity>\n");
        out->stateless_firmware = true;
        return 0;
}

static const struct sv_tee tpm_id = {.name = "vtpm"},
                           snp_id = {.name = "sev-snp", .confidential = true};
static const struct sv_tee_host tpm = {.id = &tpm_id, .domain = fake_domain},
                                snp = {.id = &snp_id, .domain = snp_domain};

static const char guest_text[] =
        "{\"name\":\"demo\",\"kernel\":\"/k\",\"initrd\":\"/i\",\"cmdline\":\"console=ttyS0 "
        "a=<&'\\\"b c\\\"\",\"vcpus\":3,\"memory\":\"512MiB\","
        "\"disks\":[{\"path\":\"/d's.img\"},{\"path\":\"/"
        "e.img\",\"id\":\"data\",\"readonly\":true}],"
        "\"nics\":[{\"type\":\"user\"},{\"type\":\"bridge\",\"source\":\"br0\",\"mac\":\"52:54:00:"
        "aa:bb:cc\"},{\"type\":\"network\",\"source\":\"default\"}],"
        "\"attestation\":{\"url\":\"https://10.0.2.2:8443\",\"pin\":\"" PIN "\"}}";

static void build(const struct sv_plan *change, struct sv_guest *g, struct sv_buf *xml)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF line = SV_BUF_NULL;
        struct sv_plan p = *change;

        if (!g->name)
                OK(sv_guest_parse(sv_bytes_str(guest_text), "g.json", "/", g, &err));
        OK(sv_guest_cmdline(g, &line, &err));
        p.guest = g;
        p.cmdline = sv_buf_str(&line);
        p.boot.kernel = "/root/boot/kernel";
        p.boot.initrd = "/root/boot/initrd";
        p.boot.firmware = "/root/boot/firmware";
        OK(sv_domain_xml(&p, xml, &err));
}

/* What libvirt hands out again of what was kept with a domain. */
static void element_text(void **state)
{
        static const char *const bad[] = {"",
                                          "x",
                                          "<a",
                                          "<a/>",
                                          "<>x</a>",
                                          "<a>x",
                                          "<a>x<b/></a>",
                                          "<a>&nbsp;</a>",
                                          "<a>&</a>",
                                          "<a>&#65;</a>",
                                          "<a><",
                                          "<a>x<a>",
                                          ">x</a>"};
        static const char text[] = "{\"a\":\"<&'\\t> \xc3\xa9\"}";
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL, out = SV_BUF_NULL;

        sv_xml_printf(&xml, "<sv:guest xmlns:sv='urn:x'>%s</sv:guest>", text);
        OK(sv_xml_read_text(sv_buf_str(&xml), &out, &err));
        assert_string_equal(sv_buf_str(&out), text);
        sv_buf_clear(&out);
        OK(sv_xml_read_text("<a></a>", &out, &err));
        assert_int_equal(out.n, 0);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                sv_buf_clear(&out);
                FAILS(sv_xml_read_text(bad[i], &out, &err), SV_FORMAT, "virt.element");
        }
}

static void has(struct sv_buf *xml, const char *piece)
{
        if (!strstr(sv_buf_str(xml), piece))
                fail_msg("\"%s\" is not in\n%s", piece, sv_buf_str(xml));
}

static void has_not(struct sv_buf *xml, const char *piece)
{
        if (strstr(sv_buf_str(xml), piece))
                fail_msg("\"%s\" is in\n%s", piece, sv_buf_str(xml));
}

static void vtpm_under_tcg(void **state)
{
        const bool buffered[2] = {false, true};
        struct sv_plan p = {.tee = &tpm,
                            .boot.nvram_template = "/root/boot/variables",
                            .boot.nvram = "/root/boot/nvram",
                            .place.console_socket = "/c.sock",
                            .place.console_log = "/c.log",
                            .place.agent_socket = "/a.sock",
                            .place.qemu_agent_socket = "/q.sock",
                            .place.disks_by_fd = true,
                            .place.buffered = buffered};
        SV_GUEST g = {0};
        SV_BUF x = SV_BUF_NULL;

        build(&p, &g, &x);
        has(&x, "<domain type='qemu'>");
        /* Pacemaker's VirtualDomain finds it by a pattern that ends with the line */
        has(&x, "\n  <name>demo</name>\n");
        has(&x, "<memory unit='b'>536870912</memory>\n  <vcpu>3</vcpu>");
        has(&x, "<loader readonly='yes' secure='no' type='pflash'>/root/boot/firmware</loader>");
        has(&x, "<nvram template='/root/boot/variables'>/root/boot/nvram</nvram>");
        has(&x, "<cmdline>console=ttyS0 a=&lt;&amp;&apos;&quot;b c&quot; "
                "securevm.url=https://10.0.2.2:8443 securevm.pin=" PIN
                " securevm.resource=default/demo/root securevm.disk=root</cmdline>");
        has(&x, "<cpu mode='maximum'/>");
        has(&x, "cache='none' io='native'");
        has(&x, "cache='writeback' io='threads'");
        has(&x, "<source file='/d&apos;s.img' fdgroup='disk0'/>");
        has(&x, "<target dev='vdb' bus='virtio'/>\n      <readonly/>\n      <serial>data</serial>");
        has(&x, "<mac address='52:54:00:aa:bb:cc'/>\n      <source bridge='br0'/>");
        has(&x, "<source network='default'/>");
        has(&x, "<source mode='bind' path='/c.sock'/>\n      <log file='/c.log' append='on'/>");
        has(&x, "<source mode='bind' path='/a.sock'/>\n      <target type='virtio' "
                "name='org.secure-vm.agent'/>");
        has(&x, "<source mode='bind' path='/q.sock'/>\n      <target type='virtio' "
                "name='org.qemu.guest_agent.0'/>");
        has(&x, "<tpm model='tpm-crb'>");
        has(&x, "<memballoon model='virtio' autodeflate='on' freePageReporting='on'>");
        has(&x, "<rng model='virtio'>");
        has_not(&x, "seclabel");
        has_not(&x, "launchSecurity");
}

/* libvirt makes what a guest uses its QEMU's own, also what is only read: unless it is told. */
static void read_only_devices(void **state)
{
        static const char *const devices[] = {"/dev/secure-vm/demo.disk0",
                                              "/dev/secure-vm/demo.disk1"};
        const char *text = "{\"name\":\"demo\",\"kernel\":\"/k\",\"disks\":["
                           "{\"path\":\"/dev/a\",\"readonly\":true},{\"path\":\"/dev/b\"}]}";
        struct sv_plan p = {.tee = &tpm, .place.devices = devices};
        SV_GUEST g = {0};
        SV_BUF x = SV_BUF_NULL, given = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &g, &err));
        build(&p, &g, &x);
        has(&x, "<source dev='/dev/secure-vm/demo.disk0'/>");
        p.place.readers_given = true;
        build(&p, &g, &given);
        has(&given, "<source dev='/dev/secure-vm/demo.disk0'>\n        "
                    "<seclabel model='dac' relabel='no'/>\n      </source>");
        has(&given, "<source dev='/dev/secure-vm/demo.disk1'/>");
}

/* QEMU opens no block device by the name of a file. A daemon knows a namespace by udev's name. */
static void block_devices(void **state)
{
        static const char *const devices[] = {NULL, "/dev/secure-vm/demo.disk1"};
        const char *text = "{\"name\":\"demo\",\"kernel\":\"/k\",\"disks\":[{\"nvme\":{"
                           "\"subsystem\":\"nqn.x\",\"namespace\":\"eui.0123456789abcdef\","
                           "\"addresses\":\"192.0.2.7\"}}]}";
        SV_GUEST g = {0}, namespace = {0};
        SV_BUF x = SV_BUF_NULL, daemon = SV_BUF_NULL;
        struct sv_err err;

        build(&(struct sv_plan){.tee = &tpm, .place.disks_by_fd = true, .place.devices = devices},
              &g, &x);
        has(&x, "<disk type='file' device='disk'>");
        has(&x, "fdgroup='disk0'/>");
        has(&x, "<disk type='block' device='disk'>");
        has(&x, "<source dev='/dev/secure-vm/demo.disk1'/>");
        assert_null(strstr(sv_buf_str(&x), "fdgroup='disk1'"));
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &namespace, &err));
        build(&(struct sv_plan){.tee = &tpm}, &namespace, &daemon);
        has(&daemon, "<disk type='block' device='disk'>");
        has(&daemon, "<source dev='/dev/disk/by-id/nvme-eui.0123456789abcdef'/>");
}

/* A function of the host's card, and before one is chosen a place for it. */
static void functions_of_cards(void **state)
{
        static const char *const functions[] = {NULL, "0001:a1:10.2"};
        const char *text = "{\"name\":\"demo\",\"kernel\":\"/k\",\"nics\":[{\"type\":\"user\"},"
                           "{\"type\":\"vf\",\"source\":\"ens1f0\"}]}";
        SV_GUEST g = {0};
        SV_BUF x = SV_BUF_NULL, looked_at = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &g, &err));
        build(&(struct sv_plan){.tee = &tpm, .place.functions = functions}, &g, &x);
        has(&x, "<interface type='user'>");
        has(&x, "    <hostdev mode='subsystem' type='pci' managed='yes'>\n      <driver "
                "name='vfio'/>\n      <source>\n        <address domain='1' bus='161' slot='16' "
                "function='2'/>\n      </source>\n      <rom enabled='no'/>\n    </hostdev>\n");
        has_not(&x, "ens1f0");
        build(&(struct sv_plan){.tee = &tpm}, &g, &looked_at);
        has(&looked_at, "<address domain='0' bus='0' slot='0' function='0'/>");
}

static void confidential_under_kvm(void **state)
{
        struct sv_plan p = {.tee = &snp,
                            .place.kvm = true,
                            .place.user = 700001,
                            .boot.nvram_template = "/root/boot/variables",
                            .boot.nvram = "/root/boot/nvram"};
        SV_GUEST g = {0};
        SV_BUF x = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        OK(sv_guest_parse(
                sv_bytes_str("{\"name\":\"c\",\"kernel\":\"/"
                             "k\",\"cpu\":\"EPYC-v4\",\"security\":{\"model\":\"apparmor\"}}"),
                "g.json", "/", &g, &err));
        build(&p, &g, &x);
        has(&x, "<domain type='kvm'>");
        /* flash does not start, a variable store is not measured */
        has(&x, "<loader type='rom'>/root/boot/firmware</loader>");
        has_not(&x, "nvram");
        has_not(&x, "pflash");
        has(&x, "<launchSecurity type='sev-snp'");
        has(&x, "<memballoon model='none'/>");
        has(&x, "org.secure-vm.agent");
        has_not(&x, "guest_agent"); /* which would do what the host says */
        has(&x, "<model fallback='forbid'>EPYC-v4</model>");
        has(&x, "<serial type='pty'>");
        has(&x, "<seclabel type='dynamic' model='apparmor' relabel='yes'/>");
        has(&x, "<seclabel type='static' model='dac' relabel='yes'>");
        has(&x, "<label>+700001:+700001</label>");
        has_not(&x, "<cmdline>");
}

/* Who does not start a shim says so, before anything is made. */
static void no_shim(void **state)
{
        struct sv_plan p = {.tee = &snp, .place.kvm = true};
        SV_GUEST g = {0};
        SV_BUF x = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        OK(sv_guest_parse(sv_bytes_str("{\"name\":\"c\",\"kernel\":\"/k\",\"shim\":\"/s\"}"),
                          "g.json", "/", &g, &err));
        p.guest = &g;
        FAILS(sv_domain_xml(&p, &x, &err), SV_USAGE, "guest.shim");
}

/* By each of libvirt's schemas that is here; how many were. */
static int validate(const struct sv_buf *xml)
{
        char file[] = "/tmp/sv-domain-XXXXXX";
        int fd = mkstemp(file), used = 0;
        struct sv_err err = SV_ERR_NULL;
        bool knows_td;

        close(fd);
        OK(sv_file_write(file, 0600, sv_buf_bytes(xml), &err));
        for (int i = 0; i < SCHEMAS; i++) {
                const char *argv[] = {"xmllint", "--noout", "--relaxng", schema_path(i, &knows_td),
                                      file,      NULL};

                if (!argv[3])
                        continue;
                OK(sv_host_run(argv, NULL, "test.schema", &err));
                used++;
        }
        unlink(file);
        return used;
}

static void schema(void **state)
{
        int used = 0;

        for (int k = 0; k < 2; k++) {
                struct sv_plan p = {.tee = k ? &snp : &tpm,
                                    .place.kvm = k,
                                    .boot.nvram_template = "/v",
                                    .boot.nvram = "/n",
                                    .place.console_socket = k ? NULL : "/c.sock",
                                    .place.console_log = "/c.log",
                                    .place.agent_socket = k ? NULL : "/a.sock",
                                    .place.disks_by_fd = !k,
                                    .place.user = k ? 700001 : 0};
                SV_GUEST g = {0};
                SV_BUF x = SV_BUF_NULL;

                build(&p, &g, &x);
                used += validate(&x);
        }
        if (!used) {
                print_message("SKIP: no libvirt schema on this machine\n");
                skip();
        }
        print_message("%d validations\n", used);
}

static void escaping(void **state)
{
        SV_BUF x = SV_BUF_NULL;

        sv_xml_printf(&x, "<a b='%s' c='%u' d='%llu'>%s%%</a>", "'\"<>&", 7u, 1ull << 40,
                      "\xc3\xa4\t");
        assert_string_equal(
                sv_buf_str(&x),
                "<a b='&apos;&quot;&lt;&gt;&amp;' c='7' d='1099511627776'>\xc3\xa4\t%</a>");
        sv_xml_printf(&x, "%s", "a\x01");
        assert_int_equal(sv_buf_ok(&x, "x", NULL), -1);
}

/* --- a machine made of files --- */

static void put(const char *dir, const char *rel, const char *text)
{
        SV_STR path = sv_asprintf("%s/%s", dir, rel);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_mkdirs(folder, 0700, &err));
        OK(sv_file_write(path, 0600, sv_bytes_str(text), &err));
}

static void probe(void **state)
{
        char dir[] = "/tmp/sv-host-XXXXXX";
        struct sv_err err = SV_ERR_NULL;
        struct sv_host h;
        char *vars;

        assert_non_null(mkdtemp(dir));
        put(dir, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm_lock vmxish\n");
        sv_host_kvm(dir, &h);
        assert_false(h.kvm);
        assert_non_null(strstr(h.kvm_why, "no /dev/kvm"));
        put(dir, "dev/kvm", "");
        sv_host_kvm(dir, &h);
        assert_false(h.kvm); /* the device alone says nothing */
        assert_non_null(strstr(h.kvm_why, "neither svm nor vmx"));
        put(dir, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm npt\nbugs\t\t: vmx\n");
        sv_host_kvm(dir, &h);
        assert_true(h.kvm);
        assert_string_equal(h.cpu, "svm");
        put(dir, "proc/cpuinfo",
            "processor\t: 0\nflags\t\t: fpu vmx\naddress sizes\t: 52 bits physical, 57 bits "
            "virtual\n");
        sv_host_kvm(dir, &h);
        assert_true(h.kvm);
        assert_string_equal(h.cpu, "vmx");
        assert_int_equal(h.address_bits, 52);

        put(dir, "usr/share/qemu/firmware/60-x.json",
            "{\"mapping\":{\"device\":\"flash\",\"executable\":{\"filename\":\"/fw/"
            "CODE.fd\"},\"nvram-template\":{\"filename\":\"/fw/other.fd\"}}}");
        put(dir, "usr/share/qemu/firmware/50-broken.json", "{");
        vars = sv_host_nvram_template(dir, "/fw/CODE.fd");
        assert_string_equal(vars, "/fw/other.fd");
        free(vars);
        put(dir, "fw/OVMF_VARS_4M.fd", "v");
        {
                SV_STR code = sv_asprintf("%s/fw/OVMF_CODE_4M.secboot.fd", dir);
                SV_STR expected = sv_asprintf("%s/fw/OVMF_VARS_4M.fd", dir);
                SV_STR single = sv_asprintf("%s/fw/OVMF.fd", dir);

                vars = sv_host_nvram_template(dir, code);
                assert_string_equal(vars, expected);
                free(vars);
                assert_null(sv_host_nvram_template(dir, single));
        }
        OK(sv_remove_tree(dir, &err));
}

/* What nobody fulfils is refused, not left out. */
static void wishes(void **state)
{
        static const struct {
                const char *tuning, *says;
        } t[] = {{"{}", NULL},
                 {"{\"hugepages\":false}", NULL},
                 {"{\"hugepages\":\"2MiB\"}", NULL},
                 {"{\"balloon\":true}", "\"balloon\""},
                 {"{\"a\":false,\"hugpages\":{}}", "\"hugpages\""}};
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR text = sv_asprintf("{\"name\":\"g\",\"kernel\":\"/k\",\"tuning\":%s}",
                                          t[i].tuning);
                SV_BUF x = SV_BUF_NULL;
                SV_GUEST g = {0};
                struct sv_plan p = {
                        .guest = &g, .cmdline = "", .boot.kernel = "/k", .boot.firmware = "/f"};

                OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &g, &err));
                if (!t[i].says) {
                        OK(sv_domain_xml(&p, &x, &err));
                        continue;
                }
                FAILS(sv_domain_xml(&p, &x, &err), SV_USAGE, "launch.tuning");
                assert_non_null(strstr(err.msg, t[i].says));
        }
}

static void set_of(struct sv_bitset *s, const char *list)
{
        struct sv_err err = SV_ERR_NULL;

        OK(sv_bitset_parse(list, SV_CPUS_MAX, s, "x", "x", &err));
}

#define TUNED                                                                                   \
        "{\"name\":\"g\",\"kernel\":\"/"                                                        \
        "k\",\"vcpus\":4,\"memory\":\"2GiB\",\"disks\":[{\"path\":\"/a\","                      \
        "\"tuning\":{\"queues\":4,\"iothread\":2,\"io\":\"io_uring\",\"cache\":\"directsync\"," \
        "\"discard\":"                                                                          \
        "\"ignore\",\"detect_zeroes\":\"on\",\"sector\":4096}},{\"path\":\"/"                   \
        "b\"}],\"nics\":[{\"type\":"                                                            \
        "\"bridge\",\"source\":\"br0\",\"tuning\":{\"queues\":4,\"vhost\":true}},{\"type\":"    \
        "\"network\","                                                                          \
        "\"source\":\"n\",\"tuning\":{\"vhost\":false}}],\"tuning\":{\"numa\":{\"cells\":2%s}," \
        "\"cpus\":"                                                                             \
        "{\"pin\":\"auto\",\"threads\":2},\"hugepages\":\"1GiB\",\"memory\":{\"shared\":true,"  \
        "\"locked\":true}}}"

/* Each wish at its place; and the machine of ACPI tables, whose nodes the guest sees, has nothing
 * of the host. */
static void tuned(void **state)
{
        static const char *const pieces[] = {
                "  <memoryBacking>\n    <hugepages>\n      <page size='1048576' unit='KiB'/>\n    "
                "</hugepages>\n    <locked/>\n    <source type='memfd'/>\n    <access "
                "mode='shared'/>\n  </memoryBacking>\n  <iothreads>2</iothreads>\n  <cputune>\n",
                "    <vcpupin vcpu='0' cpuset='4'/>\n",
                "    <vcpupin vcpu='3' cpuset='6-7'/>\n    <emulatorpin cpuset='0-1'/>\n    "
                "<iothreadpin iothread='1' cpuset='2'/>\n    <iothreadpin iothread='2' "
                "cpuset='3'/>\n  </cputune>\n  <numatune>\n    <memory mode='strict' "
                "nodeset='0,2'/>\n    <memnode cellid='0' mode='strict' nodeset='0'/>\n    "
                "<memnode "
                "cellid='1' mode='strict' nodeset='2'/>\n  </numatune>\n  <os>",
                "cache='directsync' io='io_uring' discard='ignore' detect_zeroes='on' queues='4' "
                "iothread='2'/>\n      <blockio logical_block_size='4096' "
                "physical_block_size='4096'/>\n      <source file='/a'/>",
                "cache='none' io='native' discard='unmap'/>\n      <source file='/b'/>",
                "      <driver name='vhost' queues='4'/>\n      <rom enabled='no'/>",
                "      <driver name='qemu'/>\n",
        };
        static const char seen[] =
                "    <topology sockets='2' dies='1' cores='1' threads='2'/>\n    "
                "<numa>\n      <cell id='0' cpus='0-1' memory='1073741824' "
                "unit='b'";
        struct sv_bitset vcpus[4] = {0}, iothreads[2] = {0}, nodes[2] = {0};
        unsigned distances[4] = {10, 21, 21, 10};
        struct sv_tuned t = {.pinned = true,
                             .bound = true,
                             .strict = true,
                             .distances = distances,
                             .place = {.n_cells = 2,
                                       .n_vcpus = 4,
                                       .n_iothreads = 2,
                                       .nodes = nodes,
                                       .vcpus = vcpus,
                                       .iothreads = iothreads}};
        struct sv_plan p = {.tee = &tpm, .place.tuned = &t},
                       bare = {.tee = &tpm, .place.bare = true};
        struct sv_err err = SV_ERR_NULL;
        SV_STR text = sv_asprintf(TUNED, "");
        SV_BUF x = SV_BUF_NULL, y = SV_BUF_NULL, z = SV_BUF_NULL;
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/", &g, &err));
        set_of(&vcpus[0], "4");
        set_of(&vcpus[1], "5");
        set_of(&vcpus[2], "6");
        set_of(&vcpus[3], "6-7");
        set_of(&t.place.emulator, "0-1");
        set_of(&iothreads[0], "2");
        set_of(&iothreads[1], "3");
        set_of(&nodes[0], "0");
        set_of(&nodes[1], "2");
        build(&p, &g, &x);
        for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
                has(&x, pieces[i]);
        has(&x, seen);
        has(&x, "          <sibling id='1' value='21'/>\n        </distances>\n      </cell>\n");
        validate(&x);
        t.strict = false;
        build(&p, &g, &z);
        validate(&z);
        has(&z, "  <numatune>\n    <memnode cellid='0' mode='preferred' nodeset='0'/>\n");
        build(&bare, &g, &y);
        has(&y, seen);
        has_not(&y, "<distances>");
        has_not(&y, "<cputune>");
        has_not(&y, "<numatune>");
        has_not(&y, "<memoryBacking>");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(wishes),
                cmocka_unit_test(tuned),
                cmocka_unit_test(vtpm_under_tcg),
                cmocka_unit_test(block_devices),
                cmocka_unit_test(functions_of_cards),
                cmocka_unit_test(read_only_devices),
                cmocka_unit_test(confidential_under_kvm),
                cmocka_unit_test(no_shim),
                cmocka_unit_test(schema),
                cmocka_unit_test(escaping),
                cmocka_unit_test(element_text),
                cmocka_unit_test(probe),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
