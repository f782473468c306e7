/* SPDX-License-Identifier: Apache-2.0 */
/* What each thread of a QEMU and of its vTPM is confined by, and how their files and sockets are
 * labelled, as the kernel shows it. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/core/limits.h"
#include "launcher/host/labels.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/xattr.h"

#define PID   700
#define SWTPM 800

static struct sv_err err;
static const uint8_t uuid[16] = {0x28, 0x82, 0xd3, 0xf8};

#define PROFILE "libvirt-2882d3f8-0000-0000-0000-000000000000 (enforce)"
#define SVIRT   "system_u:system_r:svirt_t:s0:c34,c286"

static int check_of(int pid, const char *model)
{
        const struct sv_labels l = {.root = base, .model = model, .uuid = uuid, .qemu = pid};

        return sv_labels_check(&l, &err);
}

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
                                OK(check_of(PID, "apparmor"));
                                OK(check_of(PID, NULL));
                                FAILS(check_of(PID, "selinux"), SV_SYSTEM, "launch.confinement");
                                continue;
                        }
                        FAILS(check_of(PID, "apparmor"), SV_SYSTEM, "launch.confinement");
                        if (!strstr(err.msg, t[i].thread))
                                fail_msg("\"%s\" is not in \"%s\"", t[i].thread, err.msg);
                        FAILS(check_of(PID, NULL), SV_SYSTEM, "launch.confinement");
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
                        OK(check_of(PID, "selinux"));
                        OK(check_of(PID, NULL));
                        FAILS(check_of(PID, "apparmor"), SV_SYSTEM, "launch.confinement");
                } else {
                        FAILS(check_of(PID, "selinux"), SV_SYSTEM, "launch.confinement");
                }
        }
        /* nothing to read is no proof of anything */
        FAILS(check_of(999, NULL), SV_SYSTEM, "launch.confinement");
}

/* It is listed, and not there when it is looked at. */
static void ended_thread(void **state)
{
        static const char *const good[] = {PROFILE "\n", NULL}, *const bad[] = {"unconfined", NULL};
        SV_STR folder = sv_asprintf("%s/proc", base);

        put_threads(true, false, good);
        put_host_link(base, "nowhere", "proc/700/task/702");
        OK(check_of(PID, "apparmor"));
        put_host_file(base, "", "proc/700/task/703/comm"); /* one that is there has to say it */
        FAILS(check_of(PID, "apparmor"), SV_SYSTEM, "launch.confinement");
        put_threads(true, false, bad);
        put_host_link(base, "nowhere", "proc/700/task/702");
        FAILS(check_of(PID, "apparmor"), SV_SYSTEM, "launch.confinement");
        OK(sv_remove_tree(folder, &err));
        put_host_link(base, "nowhere", "proc/700/task/702"); /* all have ended: no proof */
        FAILS(check_of(PID, "apparmor"), SV_SYSTEM, "launch.confinement");
}

static void must_say(const char *part)
{
        if (!strstr(err.msg, part))
                fail_msg("\"%s\" is not in \"%s\"", part, err.msg);
}

/* The domain's word is what is expected, and the vTPM has it, too. */
static void as_asked(void **state)
{
        static const struct {
                const char *qemu, *swtpm, *asked, *why; /* NULL: all is well */
        } t[] = {
                {SVIRT, SVIRT, SVIRT, NULL},
                {SVIRT, SVIRT, NULL, NULL},
                {SVIRT, "system_u:system_r:swtpm_t:s0:c34,c286", SVIRT, NULL},
                {SVIRT, "system_u:system_r:swtpm_t:s0:c34,c286", NULL, NULL},
                {SVIRT, SVIRT, "system_u:system_r:svirt_t:s0:c34,c287", "c34,c287 was expected"},
                {SVIRT, SVIRT, "system_u:system_r:svirt_tcg_t:s0:c34,c286", "svirt_tcg_t"},
                {"unconfined_u:unconfined_r:unconfined_t:s0", SVIRT,
                 "unconfined_u:unconfined_r:unconfined_t:s0", "thread 700 of the guest's QEMU"},
                {SVIRT, "system_u:system_r:swtpm_t:s0:c34,c287", SVIRT,
                 "thread 800 of the guest's vTPM"},
                {SVIRT, "system_u:system_r:swtpm_t:s0", SVIRT, "swtpm_t:s0\""},
                {SVIRT, "system_u:system_r:swtpm_to:s0:c34,c286", SVIRT, "swtpm_to"},
                {SVIRT, "system_u:system_r:unconfined_t:s0:c34,c286", SVIRT, "unconfined_t"},
                {SVIRT, "", SVIRT, "thread 800"},
                {SVIRT, NULL, SVIRT, "vTPM (process 800) cannot be read"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                const char *const labels[] = {t[i].qemu, NULL};
                const struct sv_labels l = {.root = base,
                                            .uuid = uuid,
                                            .qemu = PID,
                                            .swtpm = SWTPM,
                                            .label = t[i].asked};

                print_message("%zu\n", i);
                put_threads(false, false, labels);
                if (t[i].swtpm)
                        put_host_file(base, t[i].swtpm, "proc/%d/task/%d/attr/current", SWTPM,
                                      SWTPM);
                if (!t[i].why) {
                        OK(sv_labels_check(&l, &err));
                        continue;
                }
                FAILS(sv_labels_check(&l, &err), SV_SYSTEM, "launch.confinement");
                must_say(t[i].why);
        }
}

static void the_vtpms_profile(void **state)
{
        static const char *const good[] = {PROFILE "\n", NULL};
        const struct sv_labels l = {.root = base, .uuid = uuid, .qemu = PID, .swtpm = SWTPM};

        put_threads(true, false, good);
        put_host_file(base, PROFILE "\n", "proc/800/task/801/attr/apparmor/current");
        OK(sv_labels_check(&l, &err));
        put_host_file(base, "unconfined\n", "proc/800/task/801/attr/apparmor/current");
        FAILS(sv_labels_check(&l, &err), SV_SYSTEM, "launch.confinement");
        must_say("thread 801 of the guest's vTPM");
}

/* --- files and sockets --- */

#define IMAGE "system_u:object_r:svirt_image_t:s0:c34,c286"
#define OTHER "system_u:object_r:svirt_image_t:s0:c34,c287"

static const char *const disks[] = {"/srv/a.img", "/srv/nvram"};
static const struct sv_labels good = {.root = base,
                                      .uuid = uuid,
                                      .qemu = PID,
                                      .swtpm = SWTPM,
                                      .label = SVIRT,
                                      .image = IMAGE,
                                      .files = disks,
                                      .n_files = 2};

static void label_file(const char *name, const char *label)
{
        SV_STR path = sv_asprintf("%s%s", base, name);

        put_label(path, label);
}

static void put_descriptor(int pid, int fd, const char *name, int flags)
{
        SV_STR target = sv_asprintf("%s%s", base, name);
        SV_STR link = sv_asprintf("proc/%d/fd/%d", pid, fd);
        SV_STR text = sv_asprintf("pos:\t0\nflags:\t0%o\nmnt_id:\t25\n", flags);

        put_host_link(base, target, link);
        put_host_file(base, text, "proc/%d/fdinfo/%d", pid, fd);
}

static void put_socket(const char *name, const char *label)
{
        SV_STR path = sv_asprintf("%s%s", base, name);
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        SV_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
        assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
        put_label(path, label);
}

/* A QEMU with a disk, a variable store, a socket, and what it only reads; a vTPM with its state. */
static void put_files(void)
{
        static const char *const folders[] = {"proc", "srv"};

        n_labelled = 0;
        for (size_t i = 0; i < 2; i++) {
                SV_STR folder = sv_asprintf("%s/%s", base, folders[i]);

                OK(sv_remove_tree(folder, &err));
        }
        put_host_file(base, "", "srv/a.img");
        put_host_file(base, "", "srv/nvram");
        put_host_file(base, "", "srv/read");
        put_host_file(base, "", "srv/state");
        label_file("/srv/a.img", IMAGE);
        label_file("/srv/nvram", IMAGE);
        label_file("/srv/read", "system_u:object_r:virt_content_t:s0");
        label_file("/srv/state", IMAGE);
        put_socket("/srv/monitor", SVIRT);
        put_descriptor(PID, 3, "/srv/a.img", O_RDWR);
        put_descriptor(PID, 4, "/srv/nvram", O_RDWR | O_CLOEXEC);
        put_descriptor(PID, 5, "/srv/read", O_RDONLY);
        put_descriptor(PID, 6, "/srv/monitor", O_RDWR);
        put_descriptor(SWTPM, 3, "/srv/state", O_WRONLY);
}

static void files_and_sockets(void **state)
{
        static const struct {
                const char *file, *label, *why; /* NULL: all is well */
        } t[] = {
                {"/srv/a.img", IMAGE, NULL},
                {"/srv/read", "system_u:object_r:etc_t:s0", NULL},
                {"/srv/state", "system_u:object_r:virt_var_lib_t:s0:c34,c286", NULL},
                {"/srv/a.img", OTHER, "/srv/a.img has the SELinux label"},
                {"/srv/a.img", "system_u:object_r:svirt_image_t:s0", "svirt_image_t:s0\""},
                {"/srv/a.img", "", "and " IMAGE " was expected"},
                {"/srv/nvram", "system_u:object_r:nfs_t:s0:c34,c286", "nfs_t"},
                {"/srv/state", OTHER, "descriptor 3 of the guest's vTPM"},
                {"/srv/state", "", "(s0:c34,c286)"},
                {"/srv/monitor", "system_u:system_r:svirt_t:s0:c34,c287",
                 "descriptor 6 of the guest's QEMU"},
                {"/srv/monitor", "system_u:system_r:svirt_t:s0-s0:c0.c1023", "c0.c1023"},
                {"/srv/monitor", "", "srv/monitor has the SELinux label \"\""},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                print_message("%s %s\n", t[i].file, t[i].label);
                put_files();
                label_file(t[i].file, t[i].label);
                if (!t[i].why) {
                        OK(sv_labels_check_files(&good, &err));
                        continue;
                }
                FAILS(sv_labels_check_files(&good, &err), SV_SYSTEM, "launch.confinement");
                must_say(t[i].why);
        }
}

/* Open only for reading is no way to change it; what does not say so is taken for open. */
static void what_is_open_for_writing(void **state)
{
        static const int flags[] = {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDWR | O_DIRECT};

        for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
                put_files();
                put_descriptor(PID, 7, "/srv/read", flags[i]);
                FAILS(sv_labels_check_files(&good, &err), SV_SYSTEM, "launch.confinement");
                must_say("descriptor 7");
        }
        put_descriptor(PID, 7, "/srv/read", O_RDONLY | O_DIRECT | O_CLOEXEC);
        OK(sv_labels_check_files(&good, &err));
        put_host_file(base, "pos:\t0\n", "proc/%d/fdinfo/7", PID);
        FAILS(sv_labels_check_files(&good, &err), SV_SYSTEM, "launch.confinement");
        put_files();
        put_host_link(base, "nowhere", "proc/700/fd/8"); /* closed since it was listed */
        OK(sv_labels_check_files(&good, &err));
}

static void what_says_nothing(void **state)
{
        SV_STR folder = sv_asprintf("%s/proc/%d/fd", base, SWTPM);
        struct sv_labels apparmor = good, none = good;
        char longest[SV_LABEL_MAX + 2];

        put_files();
        OK(sv_remove_tree(folder, &err));
        FAILS(sv_labels_check_files(&good, &err), SV_SYSTEM, "launch.confinement");
        must_say("vTPM (process 800) cannot be read");
        none.swtpm = 0;
        OK(sv_labels_check_files(&none, &err));
        /* AppArmor has no labels of files: none is asked for */
        label_file("/srv/a.img", OTHER);
        apparmor.label = apparmor.image = NULL;
        OK(sv_labels_check_files(&apparmor, &err));
        /* one that can still be read, and one past it */
        memset(longest, 'x', sizeof(longest));
        none.image = longest;
        none.n_files = 1;
        for (size_t past = 0; past < 2; past++) {
                longest[SV_LABEL_MAX - 1 + past] = 0;
                label_file("/srv/a.img", longest);
                FAILS(sv_labels_check_files(&none, &err), SV_SYSTEM, "launch.confinement");
                must_say(past ? "/srv/a.img has the SELinux label \"\"" : "descriptor 3");
                longest[SV_LABEL_MAX - 1 + past] = 'x';
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(apparmor),
                cmocka_unit_test(selinux),
                cmocka_unit_test(ended_thread),
                cmocka_unit_test(as_asked),
                cmocka_unit_test(the_vtpms_profile),
                cmocka_unit_test(files_and_sockets),
                cmocka_unit_test(what_is_open_for_writing),
                cmocka_unit_test(what_says_nothing),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
