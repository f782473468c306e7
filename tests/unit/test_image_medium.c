/* SPDX-License-Identifier: Apache-2.0 */
/* image/import/medium: images that would show other files of this host, also when their owner
 * changes them behind our back; and nobody serves an image that is not read. */
#include "unit.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/core/file.h"
#include "image/import/medium.h"
#include "image/run.h"

#define SECRET "a secret of this host"

static struct sv_err err;
static char dir[] = "/tmp/secure-vm-medium-XXXXXX";
static const char *path;

static void sh(const char *script)
{
        SV_STR command = sv_asprintf("cd %s && %s", dir, script);
        const char *const argv[] = {"sh", "-ec", command, NULL};

        OK(sv_run(argv, "test", &err));
}

/* good.* show zeros only, evil.* the secret. */
static int set_up(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        setenv("TMPDIR", dir, 1);
        path = getenv("PATH");
        sh("truncate -s 1M secret zeros && printf '" SECRET
           "' | dd of=secret conv=notrunc status=none && "
           "qemu-img convert -O qcow2 zeros good.qcow2 && "
           "qemu-img create -q -f qcow2 -b $PWD/secret -F raw evil.qcow2 && "
           "qemu-img create -q -f vmdk good.vmdk 1M && mkdir bin");
        return 0;
}

static int tear_down(void **state)
{
        return sv_remove_tree(dir, &err);
}

/* A VMDK whose text names a parent where QEMU looks for it, and says that it has none. */
static void make_evil_vmdk(void)
{
        sh("qemu-img convert -O vmdk secret parent.vmdk && cp good.vmdk evil.vmdk && "
           "cid=$(grep -a -m1 ^CID= parent.vmdk) && "
           "printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparent%s\n#parentCID=ffffffff\n"
           "createType=\"monolithicSparse\"\nparentFileNameHint=\"%s/parent.vmdk\"\n' $cid $PWD | "
           "dd of=evil.vmdk bs=512 seek=1 conv=notrunc,sync status=none");
}

/* The same, and the head points to a harmless text behind it. */
static void make_sly_vmdk(void)
{
        make_evil_vmdk();
        sh("cp evil.vmdk sly.vmdk && "
           "dd if=good.vmdk of=sly.vmdk bs=512 skip=1 seek=64 count=20 conv=notrunc status=none && "
           "printf '\\100' | dd of=sly.vmdk bs=1 seek=28 conv=notrunc status=none");
}

static int open_image(const char *name, struct sv_medium *m)
{
        SV_STR image = sv_asprintf("%s/%s", dir, name);

        return sv_medium_open(image, m, &err);
}

static void test_parents(void **state)
{
        struct sv_medium m;

        make_sly_vmdk();
        FAILS(open_image("evil.vmdk", &m), SV_USAGE, "image.container.parts");
        assert_non_null(strstr(err.msg, "names a parent"));
        FAILS(open_image("sly.vmdk", &m), SV_FORMAT, "image.container.head");
        assert_non_null(strstr(err.msg, "found 64"));
        FAILS(open_image("evil.qcow2", &m), SV_USAGE, "image.container.parts");
}

/* A qemu-nbd that comes before QEMU's own in PATH. */
static void put_server(const char *script)
{
        SV_STR name = sv_asprintf("%s/bin/qemu-nbd", dir);
        SV_STR first = sv_asprintf("%s/bin:%s", dir, path);
        SV_STR text = sv_asprintf("#!/bin/sh\n%s\n", script);

        OK(sv_file_write(name, 0755, sv_bytes_str(text), &err));
        setenv("PATH", first, 1);
}

/* The owner, who is not confined: when somebody is about to read the image, it is changed. */
static pid_t start_owner(const char *change)
{
        SV_STR script = sv_asprintf(
                "cd %s && until d=$(ls -d */begun 2>/dev/null); do sleep 0.02; done; %s; : >\"${d%%"
                "begun}done\"",
                dir, change);
        pid_t pid = fork();

        if (pid == 0) {
                execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
                _exit(127);
        }
        return pid;
}

/* QEMU's own begins when the owner is done. */
static void put_slow_server(void)
{
        SV_STR script =
                sv_asprintf("for a; do case $a in --socket=*) d=${a#*=}; d=${d%%/*};; esac; done\n"
                            ": >\"$d/begun\"; until [ -e \"$d/done\" ]; do sleep 0.02; done\n"
                            "PATH='%s' exec qemu-nbd \"$@\"",
                            path);

        put_server(script);
}

/* What is seen when the owner does this between our look at the image and QEMU's. 0: nothing, it
 * cannot be read. */
static int look_at_changed(const char *kind, const char *change, uint8_t *seen, size_t n)
{
        SV_STR good = sv_asprintf("rm -f image && cp good.%s image", kind);
        struct sv_medium m;
        int status, r;
        pid_t owner;

        sh(good);
        put_slow_server();
        owner = start_owner(change);
        r = open_image("image", &m);
        setenv("PATH", path, 1);
        assert_int_equal(waitpid(owner, &status, 0), owner);
        assert_int_equal(status, 0);
        if (r < 0) {
                assert_string_equal(err.check, "import.nbd");
                return 0;
        }
        OK(m.source.read(&m.source, 0, seen, n, &err));
        sv_medium_close(&m);
        return 1;
}

static void expect_zeros(const char *kind, const char *change)
{
        SV_STR script = sv_asprintf("%s evil.%s image", change, kind);
        uint8_t seen[sizeof(SECRET)] = {1};

        assert_int_equal(look_at_changed(kind, script, seen, sizeof(seen)), 1);
        assert_true(sv_bytes_are_zero(sv_bytes(seen, sizeof(seen))));
}

static void test_changed_images(void **state)
{
        static const char *const kinds[] = {"qcow2", "vmdk"};

        make_evil_vmdk();
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                expect_zeros(kinds[i], "ln -f"); /* another file of this name */
                expect_zeros(kinds[i], "cp");    /* the same one, with other contents */
        }
}

/* Data in another file are no backing file: nothing that QEMU is told keeps it from those. */
static void test_data_elsewhere(void **state)
{
        uint8_t seen[sizeof(SECRET)];

        sh("cp secret data && qemu-img create -q -f qcow2 -o data_file=$PWD/data,data_file_raw=on "
           "apart.qcow2 1M && cp secret data");
        FAILS(open_image("apart.qcow2", &(struct sv_medium){.fd = -1}), SV_USAGE,
              "image.container.parts");
        assert_int_equal(look_at_changed("qcow2", "cp apart.qcow2 image", seen, sizeof(seen)), 0);
        assert_non_null(strstr(err.msg, "Permission denied"));
        sh("printf '# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
           "createType=\"monolithicFlat\"\nRW 2048 FLAT \"%s/data\" 0\n' $PWD >flat.vmdk");
        assert_int_equal(look_at_changed("vmdk", "cp flat.vmdk image", seen, sizeof(seen)), 0);
}

/* QEMU that is taken over by what it reads asks no server. */
static void test_no_connection(void **state)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        SV_FD server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        socklen_t n = sizeof(at);
        struct sv_medium m;
        SV_STR script = NULL;

        assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
        assert_int_equal(listen(server, 4), 0);
        assert_int_equal(getsockname(server, (struct sockaddr *)&at, &n), 0);
        script = sv_asprintf("exec bash -c ': >/dev/tcp/127.0.0.1/%u && exit 1'",
                             ntohs(at.sin_port));
        put_server(script);
        FAILS(open_image("good.qcow2", &m), SV_SYSTEM, "import.nbd");
        setenv("PATH", path, 1);
        assert_non_null(strstr(err.msg, "Operation not permitted"));
        assert_int_equal(accept(server, NULL, NULL), -1);
}

/* It says that it serves, and nobody can reach it: it is ended. */
static void test_unreached(void **state)
{
        static const char script[] =
                "for a; do case $a in --pid-file=*) pid=${a#*=};; esac; done\n"
                "sh -c 'for i in $(seq 200); do sleep 0.05; done' >/dev/null 2>&1 &\n"
                "echo $! >\"$pid\"; sleep 0.3";
        struct pollfd ends = {.events = POLLIN};
        struct sv_medium m;
        int p[2];

        assert_int_equal(pipe(p), 0); /* it has the other end for as long as it runs */
        ends.fd = p[0];
        put_server(script);
        FAILS(open_image("good.qcow2", &m), SV_SYSTEM, "import.nbd");
        setenv("PATH", path, 1);
        close(p[1]);
        WAIT_UNTIL(poll(&ends, 1, 0) == 1, 8, "the server was left to run");
        close(p[0]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parents),        cmocka_unit_test(test_changed_images),
                cmocka_unit_test(test_data_elsewhere), cmocka_unit_test(test_no_connection),
                cmocka_unit_test(test_unreached),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
