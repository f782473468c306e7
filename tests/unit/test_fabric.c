/* SPDX-License-Identifier: Apache-2.0 */
/* Disks over NVMe fabrics, in a tree that looks like the kernel's: connected once, used where they
 * are there, disconnected when nobody uses what was connected for guests; also after a kill. */
#include <errno.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "launcher/host/fabrics.h"
#include "launcher/keeper/fabric.h"
#include "tests/unit/host_tree.h"

#define NQN   "nqn.x:disks"
#define SPACE "eui.0123456789abcdef"
#define LINK  "dev/disk/by-id/nvme-" SPACE

static struct sv_err err;
static unsigned user;
static bool held, claimed;
static bool busy;
static const char *refused_address; /* nobody is there */
static enum { LIVE, DIES_BEFORE, DIES_AFTER, WITHOUT_SPACE, TOO_LATE } kernel;
static unsigned n_connected, n_disconnected, n_discovered;
static int64_t now;

uid_t __wrap_geteuid(void);
int64_t __wrap_sv_clock_ms(void);
int __wrap_sv_fabric_check(const char *root, bool keys, struct sv_err *e);
int __wrap_sv_fabric_connect(const struct sv_fabric_ask *ask, struct sv_err *e);
int __wrap_sv_fabric_discover(const struct sv_fabric_ask *ask, struct sv_fabric_place *out,
                              size_t max, size_t *n, struct sv_err *e);
bool __wrap_sv_device_has_user(dev_t number);
bool __wrap_sv_device_is_claimed(const char *name);
int __wrap_sv_kernel_file_write(const char *root, const char *path, const char *value);

uid_t __wrap_geteuid(void)
{
        return user;
}

/* What is waited for in vain is waited for at once. */
int64_t __wrap_sv_clock_ms(void)
{
        return now += 20000;
}

int __wrap_sv_fabric_check(const char *root, bool keys, struct sv_err *e)
{
        return 0;
}

bool __wrap_sv_device_has_user(dev_t number)
{
        assert_int_equal(number, makedev(1, 3));
        return held;
}

bool __wrap_sv_device_is_claimed(const char *name)
{
        assert_string_equal(name, "nvme1n1");
        return claimed;
}

/* --- the kernel's part --- */

static char *controller_of(const char *address, unsigned port)
{
        return sv_asprintf("nvme%u%s", port - 4420, strrchr(address, '.') + 1);
}

static bool is_connected(const char *address)
{
        SV_STR name = controller_of(address, 4420);
        SV_STR path = sv_asprintf("%s/sys/class/nvme/%s", base, name);

        return access(path, F_OK) == 0;
}

static void put_space(void)
{
#define SUBSYSTEM "sys/class/nvme-subsystem/nvme-subsys1"
        put_host_file(base, NQN "\n", SUBSYSTEM "/subsysnqn");
        put_host_file(base, SPACE "\n", SUBSYSTEM "/nvme1n1/wwid");
        put_host_file(base, "1:3\n", SUBSYSTEM "/nvme1n1/dev");
        put_host_link(base, "/dev/null", LINK);
}

static void put_controller(const char *address, unsigned port)
{
        SV_STR name = controller_of(address, port);
        SV_STR at = sv_asprintf("traddr=%s,trsvcid=%u,src_addr=192.0.2.99\n", address, port);
        SV_STR secret = sv_asprintf("%s/sys/class/nvme/%s/dhchap_secret", base, name);

        put_host_file(base, NQN "\n", "sys/class/nvme/%s/subsysnqn", name);
        put_host_file(base, "tcp\n", "sys/class/nvme/%s/transport", name);
        put_host_file(base, at, "sys/class/nvme/%s/address", name);
        put_host_file(base, "live\n", "sys/class/nvme/%s/state", name);
        put_host_file(base, "", "sys/class/nvme/%s/delete_controller", name);
        put_host_file(base, "DHHC-1:…\n", "sys/class/nvme/%s/dhchap_secret", name);
        assert_int_equal(chmod(secret, 0644), 0);
}

static void must_be_recorded(const char *address)
{
        SV_STR path = sv_asprintf("%s/.nvme", base);
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(path, 65536, &text, "test", &err));
        assert_non_null(strstr(sv_buf_str(&text), address));
}

int __wrap_sv_fabric_connect(const struct sv_fabric_ask *ask, struct sv_err *e)
{
        assert_string_equal(ask->host, "nqn.x:h");
        must_be_recorded(ask->address);
        n_connected++;
        if (kernel == DIES_BEFORE)
                _exit(0);
        if (refused_address && (!*refused_address || !strcmp(ask->address, refused_address)))
                return sv_fail(e, SV_SYSTEM, "fabric.refused", "nobody answers at %s",
                               ask->address);
        put_controller(ask->address, ask->port);
        if (kernel == DIES_AFTER)
                _exit(0);
        if (kernel != WITHOUT_SPACE)
                put_space();
        return kernel == TOO_LATE ? 1 : 0;
}

int __wrap_sv_fabric_discover(const struct sv_fabric_ask *ask, struct sv_fabric_place *out,
                              size_t max, size_t *n, struct sv_err *e)
{
        assert_int_equal(ask->port, SV_NVME_DISCOVERY_PORT);
        n_discovered++;
        strcpy(out[0].address, "192.0.2.1");
        strcpy(out[1].address, "192.0.2.3");
        out[0].port = out[1].port = 4420;
        *n = 2;
        return 0;
}

int __wrap_sv_kernel_file_write(const char *root, const char *path, const char *value)
{
        SV_STR folder = sv_asprintf("%s%s", root, path);

        assert_string_equal(value, "1");
        assert_string_equal(strrchr(folder, '/'), "/delete_controller");
        *strrchr(folder, '/') = 0;
        if (busy) {
                errno = EBUSY;
                return -1;
        }
        n_disconnected++;
        return sv_remove_tree(folder, NULL);
}

/* --- guests --- */

#define OF(more)                                                                      \
        "{\"name\":\"g\",\"kernel\":\"k\",\"disks\":[{\"nvme\":{\"subsystem\":\"" NQN \
        "\",\"namespace\":\"" SPACE "\",\"host\":\"nqn.x:h\"," more "}}]}"
#define BOTH OF("\"addresses\":[\"192.0.2.1\",\"192.0.2.2:4420\"]")

static int take(const char *guest, const char *text)
{
        struct sv_state s = {.name = (char *)guest, .lock = -1};
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "g.json", base, &g, &err));
        return sv_fabric_take(base, &s, &g, &err);
}

static void release(const char *guest)
{
        struct sv_state s = {.name = (char *)guest, .lock = -1};

        OK(sv_fabric_release(base, &s, &err));
}

static void must_be(bool first, bool second, bool recorded)
{
        SV_STR path = sv_asprintf("%s/.nvme", base);

        assert_int_equal(is_connected("192.0.2.1"), first);
        assert_int_equal(is_connected("192.0.2.2"), second);
        assert_int_equal(access(path, F_OK) == 0, recorded);
}

static int begin(void **state)
{
        sv_remove_tree(base, NULL);
        assert_int_equal(mkdir(base, 0700), 0);
        put_host_file(base, "boot-1\n", "proc/sys/kernel/random/boot_id");
        user = 0;
        held = claimed = false;
        refused_address = NULL;
        kernel = LIVE;
        n_connected = n_disconnected = n_discovered = 0;
        return 0;
}

static void there_and_back(void **state)
{
        SV_STR secret = sv_asprintf("%s/sys/class/nvme/nvme01/dhchap_secret", base);
        struct stat st;

        OK(take("g", BOTH));
        must_be(true, true, true);
        assert_int_equal(stat(secret, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        /* once more, as at a reboot of the guest */
        OK(take("g", BOTH));
        assert_int_equal(n_connected, 2);
        release("g");
        must_be(false, false, false);
        release("g");
        assert_int_equal(n_disconnected, 2);
}

static void others_stay(void **state)
{
        put_controller("192.0.2.2", 4420);
        put_space();
        OK(take("g", BOTH));
        assert_int_equal(n_connected, 1);
        release("g");
        must_be(false, true, false);
}

/* Another connects between our look and our call, as nvme-cli does at a boot. */
static void another_was_quicker(void **state)
{
        kernel = TOO_LATE;
        OK(take("g", BOTH));
        assert_int_equal(n_connected, 2);
        must_be(true, true, false);
        release("g");
        must_be(true, true, false);
        assert_int_equal(n_disconnected, 0);
}

/* The last one ends it, whoever was the first. */
static void shared(void **state)
{
        OK(take("a", BOTH));
        OK(take("b", BOTH));
        release("a");
        must_be(true, true, true);
        release("c");
        must_be(true, true, true);
        release("b");
        must_be(false, false, false);
}

static void in_use(void **state)
{
        OK(take("g", BOTH));
        held = true;
        release("g");
        must_be(true, true, true);
        held = false;
        claimed = true;
        release("other");
        must_be(true, true, true);
        claimed = false;
        release("other");
        must_be(false, false, false);
}

static void one_path(void **state)
{
        refused_address = "192.0.2.1";
        OK(take("g", BOTH));
        must_be(false, true, true);
        release("g");
        must_be(false, false, false);
        refused_address = "";
        FAILS(take("g", BOTH), SV_SYSTEM, "fabric.refused");
        assert_non_null(strstr(err.msg, "/disks/0/nvme"));
        assert_non_null(strstr(err.msg, "192.0.2.1"));
        must_be(false, false, false);
}

static void discovered(void **state)
{
        OK(take("g", OF("\"addresses\":\"192.0.2.1\",\"discovery\":\"192.0.2.9\"")));
        assert_int_equal(n_discovered, 1);
        assert_int_equal(n_connected, 2);
        assert_true(is_connected("192.0.2.3"));
        release("g");
        assert_false(is_connected("192.0.2.3"));
}

static void other_devices(void **state)
{
        SV_GUEST g = {0};
        SV_FD null = open("/dev/null", O_RDONLY), zero = open("/dev/zero", O_RDONLY);
        bool there;

        OK(sv_guest_parse(sv_bytes_str(BOTH), "g.json", base, &g, &err));
        kernel = WITHOUT_SPACE;
        FAILS(take("g", BOTH), SV_SYSTEM, "fabric.namespace");
        must_be(false, false, false);
        /* another namespace of the same subsystem, the same of another */
        put_space();
        put_host_file(base, "eui.ffffffffffffffff\n", SUBSYSTEM "/nvme1n1/wwid");
        FAILS(take("g", BOTH), SV_SYSTEM, "fabric.namespace");
        assert_non_null(strstr(err.msg, "eui.ffffffffffffffff"));
        put_space();
        put_host_file(base, "nqn.x:other\n", SUBSYSTEM "/subsysnqn");
        FAILS(take("g", BOTH), SV_SYSTEM, "fabric.namespace");
        FAILS(sv_fabric_verify(base, &g.disks[0], null, &err), SV_SYSTEM, "fabric.link");
        kernel = LIVE;
        put_space();
        OK(sv_fabric_verify(base, &g.disks[0], null, &err));
        FAILS(sv_fabric_verify(base, &g.disks[0], zero, &err), SV_SYSTEM, "fabric.link");
        OK(sv_fabric_check_disk(base, &g, &g.disks[0], &there, &err));
        assert_true(there);
        /* somebody else's target says that it has the same */
        put_host_link(base, "/dev/zero", LINK);
        FAILS(sv_fabric_check_disk(base, &g, &g.disks[0], &there, &err), SV_SYSTEM, "fabric.link");
        must_be(false, false, false);
}

static void last_boot(void **state)
{
        OK(take("g", BOTH));
        put_host_file(base, "boot-2\n", "proc/sys/kernel/random/boot_id");
        release("g");
        /* who made these is not known */
        must_be(true, true, false);
        assert_int_equal(n_disconnected, 0);
}

static void killed(void **state)
{
        for (int when = DIES_BEFORE; when <= DIES_AFTER; when++) {
                pid_t pid = fork();

                if (!pid) {
                        kernel = when;
                        take("g", BOTH);
                        _exit(1);
                }
                int status = 1;

                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
                must_be(when == DIES_AFTER, false, true);
                release("g");
                must_be(false, false, false);
        }
}

static void killed_before_keys_are_hidden(void **state)
{
        SV_STR secret = sv_asprintf("%s/sys/class/nvme/nvme01/dhchap_secret", base);
        pid_t pid = fork();
        struct stat st;
        int status = 1;

        if (!pid) {
                kernel = DIES_AFTER;
                take("g", BOTH);
                _exit(1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(stat(secret, &st), 0);
        assert_int_not_equal(st.st_mode & 0777, 0600);
        OK(take("h", BOTH));
        assert_int_equal(stat(secret, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        release("g");
        release("h");
        must_be(false, false, false);
}

static void without_rights(void **state)
{
        SV_GUEST g = {0};
        bool there;

        OK(sv_guest_parse(sv_bytes_str(BOTH), "g.json", base, &g, &err));
        user = 1000;
        FAILS(take("g", BOTH), SV_SYSTEM, "fabric.rights");
        FAILS(sv_fabric_check_disk(base, &g, &g.disks[0], &there, &err), SV_SYSTEM,
              "fabric.rights");
        user = 0;
        OK(sv_fabric_check_disk(base, &g, &g.disks[0], &there, &err));
        assert_false(there);
        g.owner = 1000;
        FAILS(sv_fabric_check_disk(base, &g, &g.disks[0], &there, &err), SV_SYSTEM,
              "fabric.rights");
        user = 1000;
        put_space();
        OK(take("g", BOTH));
        assert_int_equal(n_connected, 0);
}

static void without_multipath(void **state)
{
        SV_GUEST g = {0}, one = {0};
        bool there;

        OK(sv_guest_parse(sv_bytes_str(BOTH), "g.json", base, &g, &err));
        OK(sv_guest_parse(sv_bytes_str(OF("\"addresses\":\"192.0.2.1\"")), "g.json", base, &one,
                          &err));
        put_host_file(base, "N\n", "sys/module/nvme_core/parameters/multipath");
        FAILS(sv_fabric_check_disk(base, &g, &g.disks[0], &there, &err), SV_SYSTEM,
              "fabric.multipath");
        OK(sv_fabric_check_disk(base, &one, &one.disks[0], &there, &err));
}

static void not_disconnected(void **state)
{
        struct sv_state s = {.lock = -1};
        SV_STR name = sv_asprintf("g");

        s.name = name;
        OK(take("g", BOTH));
        busy = true;
        FAILS(sv_fabric_release(base, &s, &err), SV_SYSTEM, "fabric.disconnect");
        must_be(true, true, true);
        busy = false;
        release("g");
        must_be(false, false, false);
}

static void broken_record(void **state)
{
        SV_STR lock = sv_asprintf("%s/.nvme-lock", base);

        assert_int_equal(mkdir(lock, 0700), 0);
        FAILS(take("g", BOTH), SV_SYSTEM, "fabric.record");
        assert_int_equal(rmdir(lock), 0);
        put_host_file(base, "{\n", ".nvme");
        FAILS(take("g", BOTH), SV_FORMAT, "fabric.record.json");
        assert_int_equal(n_connected, 0);
}

static void shown(void **state)
{
        SV_JSON *disk = NULL;
        const struct sv_json *paths;

        OK(sv_json_parse(sv_bytes_str("{\"nvme\":{\"subsystem\":\"" NQN "\"}}"), "test", &disk,
                         &err));
        OK(take("g", BOTH));
        put_host_file(base, "connecting\n", "sys/class/nvme/nvme02/state");
        sv_fabric_put_status(base, disk);
        paths = sv_json_pointer(disk, "/nvme/paths");
        assert_int_equal(sv_json_len(paths), 2);
        assert_string_equal(sv_json_text(sv_json_at(paths, 0), "state", ""), "live");
        assert_string_equal(sv_json_text(sv_json_at(paths, 1), "state", ""), "connecting");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(there_and_back, begin),
                cmocka_unit_test_setup(others_stay, begin),
                cmocka_unit_test_setup(another_was_quicker, begin),
                cmocka_unit_test_setup(shared, begin),
                cmocka_unit_test_setup(in_use, begin),
                cmocka_unit_test_setup(one_path, begin),
                cmocka_unit_test_setup(discovered, begin),
                cmocka_unit_test_setup(other_devices, begin),
                cmocka_unit_test_setup(last_boot, begin),
                cmocka_unit_test_setup(killed, begin),
                cmocka_unit_test_setup(killed_before_keys_are_hidden, begin),
                cmocka_unit_test_setup(without_rights, begin),
                cmocka_unit_test_setup(without_multipath, begin),
                cmocka_unit_test_setup(not_disconnected, begin),
                cmocka_unit_test_setup(broken_record, begin),
                cmocka_unit_test_setup(shown, begin),
        };

        if (make_base(NULL) < 0)
                return 1;
        setenv("SECURE_VM_DIR", base, 1);
        return cmocka_run_group_tests(tests, NULL, remove_base);
}
