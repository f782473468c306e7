/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt's XML, read: elements, attributes, texts, and what of a domain matters when it moves. */
#include "base/core/buf.h"
#include "base/core/file.h"
#include "launcher/virt/domain-read.h"
#include "tests/unit/unit.h"

static void found(void **state)
{
        static const struct {
                const char *xml, *path, *attribute, *value; /* value NULL: not there */
        } t[] = {
                {"<a><b>x</b></a>", "a/b", NULL, "x"},
                {"<a><c/><b>x</b></a>", "a/b", NULL, "x"},
                {"<a><c><b>no</b></c><b>x</b></a>", "a/b", NULL, "x"},
                {"<a><b>x</b><b>y</b></a>", "a/b", NULL, "x"},
                {"<a><bb>x</bb></a>", "a/b", NULL, NULL},
                {"<a><b/></a>", "a/b", NULL, ""},
                {"<a><b k='v'/></a>", "a/b", "k", "v"},
                {"<a><b k=\"v'w\" l='m'>t</b></a>", "a/b", "k", "v'w"},
                {"<a><b k='1>2' l='m'>t</b></a>", "a/b", "l", "m"},
                {"<a><b kk='x' k='v'/></a>", "a/b", "k", "v"},
                {"<a><b k='v'/></a>", "a/b", "l", NULL},
                {"<a><b k=v/></a>", "a/b", "k", NULL},
                {"<a><b k='v/></a>", "a/b", "k", NULL},
                {"<a><b>&lt;&gt;&amp;&quot;&apos;</b></a>", "a/b", NULL, "<>&\"'"},
                {"<a><b>&#65;&#x42;&#0;&#xyz;&unknown;</b></a>", "a/b", NULL,
                 "AB&#0;&#xyz;&unknown;"},
                {"<?xml version='1.0'?><!-- <a><b>no</b></a> --><a><b>x</b></a>", "a/b", NULL, "x"},
                {"<a><!-- <b>no</b> --><b>x</b></a>", "a/b", NULL, "x"},
                {"<!DOCTYPE a><a><b>x</b></a>", "a/b", NULL, NULL},
                {"<a><![CDATA[<b>no</b>]]><b>x</b></a>", "a/b", NULL, NULL},
                {"<a></a></a><b>x</b>", "b", NULL, NULL},
                {"<a><b>x", "a/b", NULL, NULL},
                {"", "a", NULL, NULL},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR value = NULL;
                struct sv_xml e;

                if (sv_xml_find(sv_bytes_str(t[i].xml), t[i].path, &e))
                        value = t[i].attribute ? sv_xml_attribute(&e, t[i].attribute)
                                               : sv_xml_text(&e);
                if (!t[i].value && value)
                        fail_msg("%s: \"%s\" was found", t[i].xml, value);
                if (t[i].value && (!value || strcmp(value, t[i].value)))
                        fail_msg("%s: expected \"%s\", found \"%s\"", t[i].xml, t[i].value,
                                 value ? value : "nothing");
        }
}

static const char guest[] =
        "<domain type='kvm' id='1'><name>g</name><uuid>u-1</uuid><memory unit='KiB'>262144</memory>"
        "<os><type arch='x86_64' machine='pc-q35-10.0'>hvm</type>"
        "<loader readonly='yes' type='pflash'>/s/boot/firmware</loader>"
        "<nvram template='/s/boot/variables'>/s/boot/nvram</nvram>"
        "<kernel>/s/boot/kernel</kernel><initrd>/s/boot/initrd</initrd></os>"
        "<cpu mode='custom'><model fallback='forbid'>EPYC</model></cpu>"
        "<devices><emulator>/usr/bin/qemu</emulator>"
        "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/>"
        "<source file='/d&amp;1.img' index='1'/><target dev='vda' bus='virtio'/></disk>"
        "<disk type='block'><driver type='raw'/><source dev='/dev/x'/><target dev='vdb'/>"
        "<readonly/></disk>"
        "<interface type='bridge'><source bridge='br0'/><target dev='vnet0'/></interface>"
        "<interface type='network'><source network='default' bridge='virbr0'/></interface>"
        "<tpm model='tpm-crb'/></devices>"
        "<seclabel type='dynamic' model='dac'/><seclabel type='dynamic' model='apparmor'/>"
        "<launchSecurity type='sev-snp'/></domain>";

/* 256 MiB, of which libvirt counts 64 MiB that can come. */
static void memory_that_can_come(void **state)
{
        static const struct {
                unsigned wanted, taken; /* MiB */
                uint64_t memory;
        } t[] = {{0, 0, 192}, {32, 0, 224}, {32, 32, 224}, {0, 32, 224}, {64, 10, 256}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                const char *rest = strstr(guest, "<tpm ");
                SV_STR xml = sv_asprintf("%.*s<memory model='virtio-mem'><target><size unit='KiB'>"
                                         "65536</size><requested unit='KiB'>%u</requested>"
                                         "<current unit='KiB'>%u</current></target></memory>%s",
                                         (int)(rest - guest), guest, t[i].wanted << 10,
                                         t[i].taken << 10, rest);
                struct sv_domain_facts f;
                struct sv_err err;

                OK(sv_domain_read(xml, &f, &err));
                assert_int_equal(f.memory, t[i].memory << 20);
                sv_domain_facts_free(&f);
        }
}

/* Of the domain alone, by the model: not of its disks, nor of another driver. */
static void what_it_was_given(void **state)
{
        static const struct {
                const char *labels, *label, *image;
        } t[] = {
                {"", NULL, NULL},
                {"<seclabel type='dynamic' model='dac'><label>+1:+1</label></seclabel>", NULL,
                 NULL},
                {"<seclabel type='dynamic'><label>x</label></seclabel>", NULL, NULL},
                {"<seclabel type='dynamic' model='selinux' relabel='yes'/>", NULL, NULL},
                {"<seclabel model='dac'><label>+1:+1</label></seclabel><seclabel model='selinux'>"
                 "<label>u:r:svirt_t:s0:c1,c2</label>"
                 "<imagelabel>u:o:svirt_image_t:s0:c1,c2</imagelabel></seclabel>",
                 "u:r:svirt_t:s0:c1,c2", "u:o:svirt_image_t:s0:c1,c2"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR xml = sv_asprintf("<domain><devices><disk><source><seclabel model='selinux'>"
                                         "<label>no</label></seclabel></source></disk></devices>%s"
                                         "</domain>",
                                         t[i].labels);
                SV_STR label = NULL;
                SV_STR image = NULL;

                sv_domain_read_label(xml, "selinux", &label, &image);
                assert_int_equal(!label, !t[i].label);
                assert_int_equal(!image, !t[i].image);
                if (label) {
                        assert_string_equal(label, t[i].label);
                        assert_string_equal(image, t[i].image);
                }
        }
}

static void user_of_its_own(void **state)
{
        SV_STR xml = sv_asprintf("%.*s<seclabel type='static' model='dac' relabel='yes'>"
                                 "<label>+9:+9</label></seclabel></domain>",
                                 (int)(sizeof(guest) - sizeof("</domain>")), guest);
        struct sv_domain_facts f;
        struct sv_err err;

        OK(sv_domain_read(xml, &f, &err));
        assert_true(f.own_user);
        assert_string_equal(f.label, "apparmor");
        sv_domain_facts_free(&f);
}

static void domain(void **state)
{
        struct sv_domain_facts f;
        struct sv_err err;

        OK(sv_domain_read(guest, &f, &err));
        assert_string_equal(f.uuid, "u-1");
        assert_string_equal(f.type, "kvm");
        assert_string_equal(f.machine, "pc-q35-10.0");
        assert_string_equal(f.emulator, "/usr/bin/qemu");
        assert_int_equal(f.memory, 256 << 20);
        assert_string_equal(f.cpu_mode, "custom");
        assert_string_equal(f.cpu_model, "EPYC");
        assert_string_equal(f.tee, "sev-snp");
        assert_string_equal(f.label, "apparmor");
        assert_false(f.own_user);
        assert_true(f.tpm);
        assert_string_equal(f.nvram, "/s/boot/nvram");
        assert_int_equal(f.n_files, 4);
        assert_string_equal(f.files[0].path, "/s/boot/firmware");
        assert_false(f.files[0].secret);
        assert_string_equal(f.files[3].path, "/s/boot/initrd");
        assert_true(f.files[3].secret);
        assert_int_equal(f.n_disks, 2);
        assert_string_equal(f.disks[0].path, "/d&1.img");
        assert_string_equal(f.disks[0].cache, "none");
        assert_string_equal(f.disks[0].target, "vda");
        assert_false(f.disks[0].readonly);
        assert_string_equal(f.disks[1].path, "/dev/x");
        assert_null(f.disks[1].cache);
        assert_true(f.disks[1].readonly);
        assert_int_equal(f.n_nics, 2);
        assert_string_equal(f.nics[0].source, "br0");
        assert_string_equal(f.nics[0].tap, "vnet0");
        assert_string_equal(f.nics[1].source, "default");
        sv_domain_facts_free(&f);
}

/* Cut anywhere, it is refused or read as far as it goes, and nothing more. */
static void cut(void **state)
{
        for (size_t n = 0; n < sizeof(guest) - 1; n++) {
                SV_STR part = sv_asprintf("%.*s", (int)n, guest);
                struct sv_domain_facts f;
                struct sv_err err;

                FAILS(sv_domain_read(part, &f, &err), SV_SYSTEM, "migrate.domain");
        }
}

static void too_many(void **state)
{
        static const char *const what[] = {"<disk type='file'/>", "<interface type='user'/>"};
        static const size_t limits[] = {SV_GUEST_DISKS_MAX, SV_GUEST_NICS_MAX};

        for (size_t kind = 0; kind < 2; kind++)
                for (size_t more = 0; more < 2; more++) {
                        struct sv_domain_facts f;
                        SV_BUF xml = SV_BUF_NULL;
                        struct sv_err err;

                        sv_buf_puts(&xml, "<domain type='kvm'><uuid>u</uuid><memory>1</memory><os>"
                                          "<type arch='a' machine='m'/></os><devices>"
                                          "<emulator>q</emulator>");
                        for (size_t i = 0; i < limits[kind] + more; i++)
                                sv_buf_puts(&xml, what[kind]);
                        sv_buf_puts(&xml, "</devices></domain>");
                        if (more) {
                                FAILS(sv_domain_read(sv_buf_str(&xml), &f, &err), SV_SYSTEM,
                                      "migrate.domain");
                        } else {
                                OK(sv_domain_read(sv_buf_str(&xml), &f, &err));
                                sv_domain_facts_free(&f);
                        }
                }
}

static void host(void **state)
{
        struct sv_host_facts f;
        struct sv_err err;

        OK(sv_host_read("<capabilities><host><uuid>h</uuid><cpu><model>M</model></cpu>"
                        "<secmodel><model>none</model></secmodel><secmodel><model>dac</model>"
                        "<baselabel type='kvm'>+64055:+64055</baselabel></secmodel></host>"
                        "</capabilities>",
                        &f, &err));
        assert_string_equal(f.uuid, "h");
        assert_string_equal(f.cpu, "<model>M</model>");
        assert_string_equal(f.models, " none dac ");
        assert_string_equal(f.user, "+64055:+64055");
        sv_host_facts_free(&f);
        FAILS(sv_host_read("<capabilities><host/></capabilities>", &f, &err), SV_SYSTEM,
              "migrate.host");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(found),
                cmocka_unit_test(domain),
                cmocka_unit_test(memory_that_can_come),
                cmocka_unit_test(what_it_was_given),
                cmocka_unit_test(user_of_its_own),
                cmocka_unit_test(cut),
                cmocka_unit_test(too_many),
                cmocka_unit_test(host),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
