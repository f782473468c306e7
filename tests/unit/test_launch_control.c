/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/control.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt-error.h"
#include "tests/unit/unit.h"

static void requests(void **state)
{
        static const char *const words[] = {"status", "stop",  "destroy", "reboot", "reset",
                                            "events", "pause", "resume",  "live",   "resize"};
        static const struct {
                const char *line, *check;
        } bad[] = {
                {"", "control.request.json"},
                {"status", "control.request.json"},
                {"{\"do\":\"status\"} ", NULL},
                {"{}", "control.request.member"},
                {"{\"do\":1}", "control.request.member"},
                {"{\"do\":\"start\"}", "control.request"},
                {"{\"do\":\"stop\",\"x\":1}", "control.request.unknown"},
                {"{\"do\":\"stop\"}{", "control.request.json"},
                {"[]", "control.request.member"},
        };
        struct sv_err err = SV_ERR_NULL;
        enum sv_control what;

        for (int i = 0; i < 10; i++) {
                SV_BUF line = SV_BUF_NULL;

                sv_control_print((enum sv_control)(i + 1), &line);
                assert_non_null(strstr(sv_buf_str(&line), words[i]));
                OK(sv_control_parse(sv_bytes(line.p, line.n - 1), &what, &err));
                assert_int_equal(what, i + 1);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (bad[i].check)
                        FAILS(sv_control_parse(sv_bytes_str(bad[i].line), &what, &err), SV_FORMAT,
                              bad[i].check);
                else
                        OK(sv_control_parse(sv_bytes_str(bad[i].line), &what, &err));
}

static void lines(void **state)
{
        struct sv_lines l = {0};
        SV_BUF line = SV_BUF_NULL;

        sv_lines_put(&l, sv_bytes_str("one\r\ntw"));
        assert_true(sv_lines_next(&l, &line));
        assert_string_equal(sv_buf_str(&line), "one");
        assert_false(sv_lines_next(&l, &line));
        sv_lines_put(&l, sv_bytes_str("o\n"));
        assert_true(sv_lines_next(&l, &line));
        assert_string_equal(sv_buf_str(&line), "two");
        /* a flood without an end is dropped whole, and the next line is read again */
        for (int i = 0; i < 40; i++) {
                char chunk[SV_LINE_MAX];

                memset(chunk, 'x', sizeof(chunk));
                sv_lines_put(&l, sv_bytes(chunk, sizeof(chunk)));
                assert_true(l.buf.n <= 17 * SV_LINE_MAX);
        }
        sv_lines_put(&l, sv_bytes_str("\nthree\n"));
        assert_true(sv_lines_next(&l, &line));
        assert_string_equal(sv_buf_str(&line), "three");
        sv_lines_free(&l);
}

static void libvirt_errors(void **state)
{
        static const struct {
                int code;
                const char *message, *check, *says;
        } t[] = {
                {38,
                 "Failed to acquire pid file '/x/run/qemu/driver.pid': Resource temporarily "
                 "unavailable",
                 "virt.busy", "list"},
                {67, "Invalid value for attribute 'type' in element 'launchSecurity': 'tdx'",
                 "virt.unsupported", "11.6.0"},
                {9, "operation failed: Unable to find 'efi' firmware that is compatible",
                 "virt.firmware", "firmware"},
                {9, "operation failed: something else", "virt.operation", "something else"},
                {92, "XML document failed to validate against schema", "virt.schema", "schema"},
                {27, "XML error: x", "virt.xml", "x"},
                {38, "Path '/dev/sev' is not accessible: No such file or directory", "virt.system",
                 "/dev/sev"},
                {67, "Invalid value for attribute 'type' in element 'launchSecurity': 'tdx'",
                 "virt.unsupported", "libvirt0"},
                {67,
                 "unsupported configuration: 'tdx' launch security is not supported with this QEMU "
                 "binary",
                 "virt.unsupported", "10.1 (package qemu-system-x86)"},
                {1, "internal error: process exited: vm-type TDX not supported by KVM",
                 "virt.unsupported", "secure-vm host"},
                {1, "internal error: process exited: KVM_TDX_INIT_VM failed: Invalid argument",
                 "virt.tdx", "secure-vm trial"},
                {1,
                 "TDX requires guest CPU physical bits (40) to match host CPU physical bits (52)",
                 "virt.cpuid", "remove \"cpu\""},
                {1, "KVM_SET_USER_MEMORY_REGION2 failed", "virt.firmware", "rom"},
                {91,
                 "the CPU is incompatible with host CPU: Host CPU does not provide required "
                 "features: avx512-bf16",
                 "virt.cpuid", "avx512-bf16; choose an older \"cpu\""},
                {91, "whatever the language", "virt.cpuid", "launch digest changes"},
                {1, "internal error: Unknown CPU model EPYC-Turin", "virt.cpuid", "QEMU 10.1"},
                {38, "no connection driver available for qemu:///embed", "virt.driver",
                 "libvirt-daemon-driver-qemu"},
                {38, "Failed to connect socket to '/x/libvirt-sock': No such file or directory",
                 "virt.open", "--connect"},
                {1, "cannot open '/x/disk': Permission denied", "virt.permission", "folders"},
                {1, "cannot set up guest memory 'pc.ram': Cannot allocate memory", "virt.memory",
                 "less"},
                {43, "Network not found: no network with matching name 'x'", "virt.network",
                 "virsh net-list"},
                {1, "unexpected exit status 2: Error: Specified qdisc kind is unknown.",
                 "virt.network", "sch_sfq"},
                {38, "Cannot get interface MTU on 'br9': No such device", "virt.network", "bridge"},
                {38, "Unable to find 'swtpm' binary", "virt.swtpm", "install swtpm"},
                {38, "Unable to find 'swtpm_setup' binary", "virt.swtpm", "install swtpm"},
                {1, "Could not run '/usr/bin/swtpm_setup'. exitstatus: 1", "virt.swtpm", "vtpm-ca"},
                {1, "Could not run '/usr/bin/swtpm_setup --reconfigure'. exitstatus: 1",
                 "virt.swtpm", "vtpm-ca"},
                {1, "Could not start 'swtpm'. exitstatus: 1, error: no room", "virt.swtpm",
                 "no room; its log says more"},
                {1, "swtpm died unexpectedly", "virt.swtpm", "unexpectedly; its log says more"},
                {1, "internal error: something else", "virt.qemu", "something else"},
                {42, "Domain not found", "virt.absent", "Domain not found"},
                {55, "Requested operation is not valid: domain is not running", "virt.state",
                 "not running"},
                {777, "new", "virt.libvirt", "777"},
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                FAILS(sv_virt_map_error(&err, "starting", t[i].code, t[i].message), SV_SYSTEM,
                      t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("\"%s\" does not say \"%s\"", err.msg, t[i].says);
        }
}

/* As libvirt writes them, shortened. */
static void cpu_models(void **state)
{
        static const char xml[] =
                "<domainCapabilities><cpu><mode name='host-model' supported='yes'>"
                "<model fallback='forbid'>EPYC-Turin</model></mode>"
                "<mode name='custom' supported='yes'>"
                "<model usable='no' vendor='AMD' canonical='EPYC-Genoa-v1'>EPYC-Genoa</model>"
                "<blockers model='EPYC-Genoa'><feature name='avx512f'/></blockers>"
                "<model usable='yes' vendor='AMD'>EPYC-Milan</model>"
                "<model usable='yes' vendor='AMD'>EPYC-v4</model>"
                "<model usable='yes' vendor='Intel'>Penryn</model>"
                "</mode></cpu><model usable='yes'>EPYC-v9</model></domainCapabilities>";
        static const char *const none[] = {
                "", "<cpu/>", "<mode name='custom' supported='no'/>",
                "<mode name='custom' supported='yes'><model usable='yes'>EPYC",
                "<mode name='custom' supported='yes'></mode>"};
        struct sv_err err = SV_ERR_NULL;

        OK(sv_virt_find_cpu(xml, "EPYC-Milan", &err));
        OK(sv_virt_find_cpu(xml, "Penryn", &err));
        OK(sv_virt_find_cpu(xml, "EPYC-Genoa", &err)); /* libvirt compares it when it starts */
        FAILS(sv_virt_find_cpu(xml, "EPYC-Turin", &err), SV_SYSTEM, "virt.cpuid");
        assert_non_null(strstr(err.msg, "choose one of EPYC-Milan, EPYC-v4; the launch digest"));
        FAILS(sv_virt_find_cpu(xml, "EPYC-v", &err), SV_SYSTEM, "virt.cpuid");
        FAILS(sv_virt_find_cpu(xml, "EPYC-v9", &err), SV_SYSTEM, "virt.cpuid");
        FAILS(sv_virt_find_cpu(xml, "Z80", &err), SV_SYSTEM, "virt.cpuid");
        assert_non_null(strstr(err.msg, "virsh domcapabilities"));
        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                OK(sv_virt_find_cpu(none[i], "EPYC-Milan", &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(requests),
                cmocka_unit_test(lines),
                cmocka_unit_test(libvirt_errors),
                cmocka_unit_test(cpu_models),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
