/* SPDX-License-Identifier: Apache-2.0 */
/* Whose the copies are that a daemon's guest boots from, and what becomes of them. The daemon and
 * its host's folder are small tables here (--wrap); this host's folder is real. */
#include <stdlib.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "launcher/keeper/daemon-copies.h"
#include "launcher/virt/virt-pool.h"
#include "tests/unit/unit.h"

#define HERE  "4c4c4544-0000-0000-0000-000000000001 /system"
#define THERE "4c4c4544-0000-0000-0000-000000000002 /system"

static char base[32];
static const char *daemon_id, *domain;
static const char *kernel_there; /* its contents; NULL: it is not there */
static const char *pool_fails;
static unsigned removed_there;

char *__wrap_sv_virt_get_daemon_id(struct sv_virt *v);
int __wrap_sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err);
int __wrap_sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                        struct sv_err *err);
void __wrap_sv_pool_close(struct sv_pool *p);
void __wrap_sv_pool_freep(struct sv_pool **p);
bool __wrap_sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes);
int __wrap_sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err);
int __wrap_sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err);

char *__wrap_sv_virt_get_daemon_id(struct sv_virt *v)
{
        return sv_asprintf("%s", daemon_id);
}

int __wrap_sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err)
{
        sv_buf_puts(out, domain);
        return 0;
}

int __wrap_sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                        struct sv_err *err)
{
        assert_false(make);
        return pool_fails ? sv_fail(err, SV_SYSTEM, pool_fails, "there is no such folder") : 0;
}

void __wrap_sv_pool_close(struct sv_pool *p)
{
}

void __wrap_sv_pool_freep(struct sv_pool **p)
{
}

bool __wrap_sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes)
{
        return kernel_there && !strcmp(name, "kernel");
}

int __wrap_sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err)
{
        return sv_digest(SV_SHA256, sv_bytes_str(kernel_there), out, err);
}

int __wrap_sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err)
{
        assert_string_equal(name, "kernel");
        removed_there++;
        return 0;
}

/* --- */

static struct sv_state guest;
static char xml[256];
static struct sv_json *facts;

static char *kernel_here(void)
{
        return sv_asprintf("%s/boot/kernel", guest.dir);
}

static void put_kernel(const char *contents)
{
        SV_STR folder = sv_asprintf("%s/boot", guest.dir);
        SV_STR path = kernel_here();
        struct sv_err err;

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, sv_bytes_str(contents), &err));
}

static bool is_kernel_here(void)
{
        SV_STR path = kernel_here();

        return access(path, F_OK) == 0;
}

static struct sv_copies by(const char *uri, const char *id)
{
        daemon_id = id;
        return (struct sv_copies){.uri = uri, .s = &guest};
}

static struct sv_copies ours(void)
{
        return by("qemu:///system", HERE);
}

/* The same name, another host, the same path. */
static struct sv_copies others(void)
{
        return by("qemu+ssh://b/system", THERE);
}

static void without_a_mark(void **state)
{
        struct sv_copies c = ours();

        assert_true(sv_copies_are_here(&c));
        c = others();
        assert_false(sv_copies_are_here(&c));
}

static void by_the_mark(void **state)
{
        struct sv_copies c = ours();
        struct sv_err err;

        put_kernel("earlier");
        OK(sv_copies_renew(&c, &err));
        assert_false(is_kernel_here());
        put_kernel("measured");
        assert_true(sv_copies_are_here(&c));
        /* a socket that leads to another host has an URI of this one */
        c = by("qemu:///system?socket=/run/b", THERE);
        assert_false(sv_copies_are_here(&c));
        c = by("qemu:///session", "4c4c4544-0000-0000-0000-000000000001 /session");
        assert_false(sv_copies_are_here(&c));
        /* and one that was launched from here at another host, on storage that both see */
        OK(sv_copies_remove_here(&guest, &err));
        c = others();
        OK(sv_copies_renew(&c, &err));
        put_kernel("measured");
        assert_true(sv_copies_are_here(&c));
        c = ours();
        assert_false(sv_copies_are_here(&c));
}

static void marks_of_a_length(void **state)
{
        char text[SV_DAEMON_MARK_MAX + 2];
        SV_STR path = sv_asprintf("%s/daemon", guest.dir);
        struct sv_err err;

        for (size_t n = SV_DAEMON_MARK_MAX; n <= SV_DAEMON_MARK_MAX + 1; n++) {
                struct sv_copies c = by("qemu:///system", text);

                memset(text, 'x', n);
                text[n] = 0;
                OK(sv_file_write(path, 0644, sv_bytes_str(text), &err));
                assert_int_equal(sv_copies_are_here(&c), n == SV_DAEMON_MARK_MAX);
        }
}

/* A launch elsewhere does not take what a guest here boots from; without copies a mark is no
 * obstacle. */
static void not_replaced(void **state)
{
        struct sv_copies c = ours();
        struct sv_err err;

        OK(sv_copies_renew(&c, &err));
        put_kernel("measured");
        c = others();
        FAILS(sv_copies_renew(&c, &err), SV_SYSTEM, "launch.copies");
        assert_true(is_kernel_here());
        c = ours();
        OK(sv_copies_remove_here(&guest, &err));
        OK(sv_copies_renew(&c, &err));
        c = others();
        OK(sv_copies_renew(&c, &err));
}

static void looked_at_here(void **state)
{
        struct sv_copies c = ours();
        struct sv_err err;

        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        put_kernel("changed");
        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        put_kernel("measured");
        OK(sv_copies_check(&c, facts, &err));
        /* of a version that kept nothing */
        put_kernel("changed");
        OK(sv_copies_check(&c, NULL, &err));
}

/* A path that this process cannot follow, as a folder of root's for others. */
static void looked_at_by_the_daemon(void **state)
{
        struct sv_copies c = ours();
        SV_STR boot = sv_asprintf("%s/boot", guest.dir);
        struct sv_err err;

        assert_int_equal(symlink(boot, boot), 0);
        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        kernel_there = "changed";
        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        kernel_there = "measured";
        OK(sv_copies_check(&c, facts, &err));
}

static void looked_at_there(void **state)
{
        struct sv_copies c = others();
        struct sv_err err;

        put_kernel("measured"); /* another guest's */
        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        kernel_there = "changed";
        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        kernel_there = "measured";
        OK(sv_copies_check(&c, facts, &err));
        pool_fails = "virt.absent"; /* the folder is not there */
        FAILS(sv_copies_check(&c, facts, &err), SV_SYSTEM, "reboot.copies");
        pool_fails = "migrate.storage-driver";
        OK(sv_copies_check(&c, facts, &err));
}

static void removed_at_the_daemons_host(void **state)
{
        struct sv_domain_facts d = {0};
        struct sv_err err;

        put_kernel("measured");
        kernel_there = "measured";
        sv_domain_read_files(domain, &d);
        OK(sv_copies_remove_there(NULL, "web", &d, &err));
        assert_int_equal(removed_there, 1); /* and no firmware of the system's */
        assert_true(is_kernel_here());
        OK(sv_copies_remove_there(NULL, "we", &d, &err));
        assert_int_equal(removed_there, 1);
        pool_fails = "virt.absent";
        FAILS(sv_copies_remove_there(NULL, "web", &d, &err), SV_SYSTEM, "virt.absent");
        sv_domain_facts_free(&d);
}

static int setup(void **state)
{
        uint8_t digest[32];
        char hex[65];
        struct sv_json *kernel;

        strcpy(base, "/tmp/svcopiesXXXXXX");
        if (!mkdtemp(base) || setenv("SECURE_VM_DIR", base, 1) < 0 ||
            sv_state_init_daemon(&guest, "web", NULL) < 0 || sv_mkdirs(guest.dir, 0755, NULL) < 0 ||
            sv_digest(SV_SHA256, sv_bytes_str("measured"), digest, NULL) < 0)
                return -1;
        snprintf(xml, sizeof(xml),
                 "<domain><os><kernel>%s/boot/kernel</kernel></os><devices/></domain>", guest.dir);
        domain = xml;
        facts = sv_json_object();
        kernel = sv_json_set(sv_json_set(facts, "boot", sv_json_object()), "kernel",
                             sv_json_object());
        sv_json_set_str(kernel, "sha256", sv_hex(sv_bytes(digest, 32), hex));
        kernel_there = pool_fails = NULL;
        removed_there = 0;
        return 0;
}

static int teardown(void **state)
{
        sv_json_free(facts);
        sv_state_free(&guest);
        return sv_remove_tree(base, NULL);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(without_a_mark),          CASE(by_the_mark),
                CASE(marks_of_a_length),       CASE(not_replaced),
                CASE(looked_at_here),          CASE(looked_at_there),
                CASE(looked_at_by_the_daemon), CASE(removed_at_the_daemons_host),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
