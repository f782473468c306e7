/* SPDX-License-Identifier: Apache-2.0 */
/* What each thread of a QEMU is confined by, as the kernel shows it. */
#include "launcher/host/labels.h"
#include "tests/unit/host_tree.h"

#define PID 700

static struct sv_err err;
static const uint8_t uuid[16] = {0x28, 0x82, 0xd3, 0xf8};

#define PROFILE "libvirt-2882d3f8-0000-0000-0000-000000000000 (enforce)"
#define SVIRT   "system_u:system_r:svirt_t:s0:c34,c286"

/* A thread each label; of AppArmor in its own file, unless `old` as kernels before 5.8 have it. */
static void put_threads(bool apparmor, bool old, const char *const *labels)
{
        SV_STR folder = sv_asprintf("%s/proc", base);

        OK(sv_remove_tree(folder, &err));
        for (unsigned i = 0; labels[i]; i++) {
                put_host_file(base, labels[i], "proc/%u/task/%u/attr/%s", PID, PID + i,
                              apparmor && !old ? "apparmor/current" : "current");
        }
}

static void apparmor(void **state)
{
        static const struct {
                const char *labels[4], *thread; /* NULL: all is well */
        } t[] = {
                {{PROFILE "\n", PROFILE "\n", NULL}, NULL},
                {{"unconfined\n", NULL}, "thread 700"},
                {{"", NULL}, "thread 700"},
                {{"libvirt-2882d3f8-0000-0000-0000-000000000000 (complain)\n", NULL}, "complain"},
                {{"libvirt-2882d3f9-0000-0000-0000-000000000000 (enforce)\n", NULL}, "2882d3f9"},
                {{PROFILE "\n", "unconfined\n", NULL}, "thread 701"},
                {{PROFILE "x\n", NULL}, "(enforce)x"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
                for (int old = 0; old < 2; old++) {
                        put_threads(true, old, t[i].labels);
                        if (!t[i].thread) {
                                OK(sv_labels_check(base, PID, "apparmor", uuid, &err));
                                OK(sv_labels_check(base, PID, NULL, uuid, &err));
                                FAILS(sv_labels_check(base, PID, "selinux", uuid, &err), SV_SYSTEM,
                                      "launch.confinement");
                                continue;
                        }
                        FAILS(sv_labels_check(base, PID, "apparmor", uuid, &err), SV_SYSTEM,
                              "launch.confinement");
                        if (!strstr(err.msg, t[i].thread))
                                fail_msg("\"%s\" is not in \"%s\"", t[i].thread, err.msg);
                        FAILS(sv_labels_check(base, PID, NULL, uuid, &err), SV_SYSTEM,
                              "launch.confinement");
                }
}

static void selinux(void **state)
{
        static const struct {
                const char *labels[4];
                bool good;
        } t[] = {
                {{SVIRT, SVIRT, SVIRT, NULL}, true},
                {{"unconfined_u:unconfined_r:svirt_tcg_t:s0:c0,c1023", NULL}, true},
                {{"unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023", NULL}, false},
                {{"system_u:system_r:virtd_t:s0:c34,c286", NULL}, false},
                {{"system_u:system_r:svirt_t:s0", NULL}, false},
                {{"system_u:system_r:svirt_t:s0:c5", NULL}, false},
                {{"system_u:system_r:svirt_t:s0:c5,c5", NULL}, false},
                {{"system_u:system_r:svirt_t:s0:c5,c1024", NULL}, false},
                {{"system_u:system_r:svirt_t:s0:c0.c1023", NULL}, false},
                {{"system_u:system_r:svirt_t:s0:c1,c2,c3", NULL}, false},
                {{"system_u:system_r:svirt_t:s0-s0:c1,c2", NULL}, false},
                {{"x:svirt_t:s0:c1,c2", NULL}, false},
                {{"system_u:system_r:svirt_to:s0:c1,c2", NULL}, false},
                {{SVIRT, "system_u:system_r:svirt_t:s0:c34,c287", NULL}, false},
                {{SVIRT, "kernel", NULL}, false},
                {{":", NULL}, false},
                {{"", NULL}, false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                print_message("%s\n", t[i].labels[0]);
                put_threads(false, false, t[i].labels);
                if (t[i].good) {
                        OK(sv_labels_check(base, PID, "selinux", uuid, &err));
                        OK(sv_labels_check(base, PID, NULL, uuid, &err));
                        FAILS(sv_labels_check(base, PID, "apparmor", uuid, &err), SV_SYSTEM,
                              "launch.confinement");
                } else {
                        FAILS(sv_labels_check(base, PID, "selinux", uuid, &err), SV_SYSTEM,
                              "launch.confinement");
                }
        }
        /* nothing to read is no proof of anything */
        FAILS(sv_labels_check(base, 999, NULL, uuid, &err), SV_SYSTEM, "launch.confinement");
}

/* It is listed, and not there when it is looked at. */
static void ended_thread(void **state)
{
        static const char *const good[] = {PROFILE "\n", NULL}, *const bad[] = {"unconfined", NULL};
        SV_STR folder = sv_asprintf("%s/proc", base);

        put_threads(true, false, good);
        put_host_link(base, "nowhere", "proc/700/task/702");
        OK(sv_labels_check(base, PID, "apparmor", uuid, &err));
        put_host_file(base, "", "proc/700/task/703/comm"); /* one that is there has to say it */
        FAILS(sv_labels_check(base, PID, "apparmor", uuid, &err), SV_SYSTEM, "launch.confinement");
        put_threads(true, false, bad);
        put_host_link(base, "nowhere", "proc/700/task/702");
        FAILS(sv_labels_check(base, PID, "apparmor", uuid, &err), SV_SYSTEM, "launch.confinement");
        OK(sv_remove_tree(folder, &err));
        put_host_link(base, "nowhere", "proc/700/task/702"); /* all have ended: no proof */
        FAILS(sv_labels_check(base, PID, "apparmor", uuid, &err), SV_SYSTEM, "launch.confinement");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(apparmor),
                cmocka_unit_test(selinux),
                cmocka_unit_test(ended_thread),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
