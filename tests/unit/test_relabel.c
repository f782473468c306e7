/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk was labelled before a guest had it, it is again when the guest has ended: in order,
 * or because everything was killed. */
#include <fcntl.h>

#include "base/core/limits.h"
#include "launcher/keeper/relabel.h"
#include "tests/unit/host_tree.h"
#include "tests/unit/xattr.h"

#define HOME   "unconfined_u:object_r:user_home_t:s0"
#define VIRT   "system_u:object_r:virt_image_t:s0"
#define GIVEN  "system_u:object_r:svirt_image_t:s0:c34,c286"
#define AGAIN  "system_u:object_r:svirt_image_t:s0:c5,c700"
#define SHARED "system_u:object_r:virt_content_t:s0"

static struct sv_state s = {.dir = base, .lock = -1};
static struct sv_err err;
static bool refused;

int __wrap_setxattr(const char *path, const char *name, const void *value, size_t size, int flags);

int __wrap_setxattr(const char *path, const char *name, const void *value, size_t size, int flags)
{
        assert_string_equal(name, "security.selinux");
        assert_int_equal(((const char *)value)[size - 1], 0);
        assert_int_equal(flags, XATTR_REPLACE);
        if (refused) {
                errno = EACCES;
                return -1;
        }
        put_label(path, value);
        return 0;
}

static char *path_of(const char *name)
{
        return sv_asprintf("%s/%s", base, name);
}

static void put_disk(const char *name, const char *label)
{
        SV_STR path = path_of(name);

        put_host_file(base, "", "%s", name);
        put_label(path, label);
}

static void give(const char *name, const char *label)
{
        SV_STR path = path_of(name);

        put_label(path, label);
}

static void must_have(const char *name, const char *label)
{
        SV_STR path = path_of(name);

        assert_string_equal(find_label(path), label);
}

static int note(const char *name)
{
        SV_STR path = path_of(name);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        return sv_relabel_note(&s, path, fd, &err);
}

static bool is_kept(void)
{
        SV_STR path = path_of("labels.json");

        return access(path, F_OK) == 0;
}

/* Nothing is noted, and the two disks have labels of their own. */
static void begin(void)
{
        SV_STR path = path_of("labels.json");

        unlink(path);
        n_labelled = 0;
        refused = false;
        put_disk("a", HOME);
        put_disk("b", VIRT);
}

static void start(const char *label)
{
        OK(note("a"));
        OK(note("b"));
        give("a", label);
        give("b", label);
        OK(sv_relabel_confirm(&s, &err));
}

static void as_it_was(void **state)
{
        OK(sv_relabel_restore(&s, &err)); /* nothing was noted */
        OK(sv_relabel_confirm(&s, &err));
        assert_false(is_kept());
        begin();
        start(GIVEN);
        assert_true(is_kept());
        OK(sv_relabel_restore(&s, &err));
        must_have("a", HOME);
        must_have("b", VIRT);
        assert_false(is_kept());
        /* started over again and again, with a pair of categories each time */
        start(GIVEN);
        start(AGAIN);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", HOME);
        must_have("b", VIRT);
}

/* Killed while libvirt labelled: whose label that is, nobody has said. It is as it was after the
 * next run, whose own note does not take that label for the first. */
static void killed_in_between(void **state)
{
        begin();
        OK(note("a"));
        give("a", GIVEN);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", GIVEN);
        assert_true(is_kept());
        start(AGAIN);
        OK(note("a")); /* and again at a reboot */
        give("a", GIVEN);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", GIVEN);
        must_have("b", VIRT);
        start(AGAIN);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", HOME);
        assert_false(is_kept());
        /* before libvirt labelled anything */
        OK(note("a"));
        OK(sv_relabel_restore(&s, &err));
        assert_false(is_kept());
        /* the administrator labelled it anew after the kill */
        OK(note("a"));
        give("a", GIVEN);
        OK(sv_relabel_restore(&s, &err));
        give("a", VIRT);
        start(AGAIN);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", VIRT);
}

static void what_is_not_ours(void **state)
{
        SV_STR a = path_of("a");
        SV_STR other = path_of("other");

        /* another guest's by now, or an administrator's */
        begin();
        start(GIVEN);
        give("a", AGAIN);
        give("b", HOME);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", AGAIN);
        must_have("b", HOME);
        assert_false(is_kept());
        /* what several guests read */
        begin();
        start(SHARED);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", SHARED);
        assert_false(is_kept());
        /* another file in its place, or none */
        begin();
        start(GIVEN);
        put_disk("other", GIVEN);
        assert_int_equal(rename(other, a), 0);
        give("a", GIVEN);
        OK(sv_relabel_restore(&s, &err));
        must_have("a", GIVEN);
        must_have("b", VIRT);
        begin();
        start(GIVEN);
        assert_int_equal(unlink(a), 0);
        OK(sv_relabel_restore(&s, &err));
        must_have("b", VIRT);
        assert_false(is_kept());
}

/* What could not be given back is not forgotten. */
static void it_fails(void **state)
{
        static const char *const wrong[] = {"", "{", "[1"};
        char label[SV_LABEL_MAX + 2];

        begin();
        start(GIVEN);
        refused = true;
        FAILS(sv_relabel_restore(&s, &err), SV_SYSTEM, "launch.label");
        assert_non_null(strstr(err.msg, HOME));
        must_have("b", GIVEN);
        refused = false;
        OK(sv_relabel_restore(&s, &err));
        must_have("a", HOME);
        must_have("b", VIRT);
        for (size_t i = 0; i < 3; i++) {
                put_host_file(base, wrong[i], "labels.json");
                FAILS(note("a"), SV_FORMAT, "launch.label.json");
                FAILS(sv_relabel_confirm(&s, &err), SV_FORMAT, "launch.label.json");
                FAILS(sv_relabel_restore(&s, &err), SV_FORMAT, "launch.label.json");
        }
        begin();
        memset(label, 'x', sizeof(label));
        label[SV_LABEL_MAX] = 0; /* with its end, one too many */
        give("a", label);
        FAILS(note("a"), SV_SYSTEM, "launch.label");
        label[SV_LABEL_MAX - 1] = 0;
        give("a", label);
        OK(note("a"));
        /* a file without a label is none of ours */
        begin();
        give("a", "");
        OK(note("a"));
        assert_false(is_kept());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_it_was),
                cmocka_unit_test(killed_in_between),
                cmocka_unit_test(what_is_not_ours),
                cmocka_unit_test(it_fails),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
