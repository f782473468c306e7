/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a disk's newest state is in: the tree of layers, its text, and what a killed change
 * leaves. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "launcher/keeper/qcow2.h"
#include "tests/unit/two_disks.h"
#include "tests/unit/kill_each.h"

/* --- the tree --- */

static void expect_tree(const struct sv_tree *t, const char *words)
{
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < t->n; i++) {
                const struct sv_layer *l = &t->layers[i];

                sv_buf_printf(&text, "%s%u", i ? " " : "", l->id);
                if (l->parent >= 0)
                        sv_buf_printf(&text, "<%u", t->layers[l->parent].id);
                if (*l->name)
                        sv_buf_printf(&text, "=%s", l->name);
                sv_buf_puts(&text, l->merging ? "!" : i == t->active ? "*" : "");
        }
        assert_string_equal(sv_buf_str(&text), words);
}

static struct sv_tree make_tree(const char *names)
{
        struct sv_chain c;

        sv_chain_init(&c);
        for (; *names; names++)
                OK(sv_tree_create(&c.now, (char[2]){*names, 0}, 1000, &err));
        return c.now;
}

static void grows_and_goes_back(void **state)
{
        struct sv_tree t = make_tree("ab");

        expect_tree(&t, "0=a 1<0=b 2<1*");
        OK(sv_tree_revert(&t, "a", &err));
        expect_tree(&t, "0=a 1<0=b 3<0*");
        OK(sv_tree_create(&t, "c", 5, &err));
        expect_tree(&t, "0=a 1<0=b 3<0=c 4<3*");
        OK(sv_tree_revert(&t, "b", &err));
        expect_tree(&t, "0=a 1<0=b 3<0=c 5<1*");
        assert_true(sv_tree_is_below_active(&t, 1));
        assert_false(sv_tree_is_below_active(&t, 2));
        assert_int_equal(t.last, 5);
}

static void lets_layers_go(void **state)
{
        struct sv_tree t = make_tree("ab");
        size_t child = 99;

        assert_int_equal(sv_tree_cut(&t, 0, &child), SV_CUT_MERGE);
        assert_int_equal(child, 1);
        sv_tree_begin_merge(&t, 0);
        expect_tree(&t, "0=a! 1<0=b 2<1*");
        FAILS(sv_tree_revert(&t, "a", &err), SV_USAGE, "snapshot.merging");
        sv_tree_end_merge(&t, 1);
        expect_tree(&t, "0=b 2<0*");
        sv_tree_begin_merge(&t, 0);
        sv_tree_end_merge(&t, 1);
        expect_tree(&t, "0*");

        t = make_tree("ab");
        OK(sv_tree_revert(&t, "a", &err));
        assert_int_equal(sv_tree_cut(&t, 0, &child), SV_CUT_KEEP);
        assert_int_equal(sv_tree_cut(&t, 1, &child), SV_CUT_DROP);
        sv_tree_drop(&t, 1);
        expect_tree(&t, "0=a 3<0*");

        /* one without a name that nobody leans on goes along */
        t = make_tree("abc");
        *t.layers[1].name = 0;
        OK(sv_tree_revert(&t, "a", &err));
        expect_tree(&t, "0=a 1<0 2<1=c 4<0*");
        sv_tree_drop(&t, 2);
        expect_tree(&t, "0=a 4<0*");
}

static void flattens(void **state)
{
        struct sv_tree t = make_tree("ab");

        OK(sv_tree_revert(&t, "a", &err));
        OK(sv_tree_create(&t, "c", 5, &err));
        OK(sv_tree_begin_flatten(&t, &err));
        expect_tree(&t, "0! 3<0! 4<3*");
        sv_tree_end_flatten(&t);
        expect_tree(&t, "0*");
        FAILS(sv_tree_begin_flatten(&t, &err), SV_USAGE, "snapshot.none");
}

static void refuses_names_and_too_many(void **state)
{
        struct sv_tree t = make_tree("a");
        char name[SV_NAME_MAX + 2];
        size_t at;

        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = 0;
        FAILS(sv_tree_create(&t, name, 1, &err), SV_USAGE, "snapshot.name");
        FAILS(sv_tree_create(&t, "../x", 1, &err), SV_USAGE, "snapshot.name");
        FAILS(sv_tree_create(&t, "a", 1, &err), SV_USAGE, "snapshot.exists");
        FAILS(sv_tree_find(&t, "b", false, &at, &err), SV_USAGE, "snapshot.absent");
        assert_non_null(strstr(err.msg, "those there are: a"));
        name[SV_NAME_MAX] = 0;
        OK(sv_tree_create(&t, name, 1, &err));
        for (unsigned i = 3; i < SV_LAYERS_MAX; i++) {
                snprintf(name, sizeof(name), "n%u", i);
                OK(sv_tree_create(&t, name, 1, &err));
        }
        assert_int_equal(t.n, SV_LAYERS_MAX);
        FAILS(sv_tree_create(&t, "more", 1, &err), SV_USAGE, "snapshot.limit");
        OK(sv_tree_revert(&t, "a", &err)); /* the active one makes room */
}

/* --- text --- */

static void is_read_as_written(void **state)
{
        struct sv_chain c = {.now = make_tree("ab"), .changing = true, .creating = true}, again;
        SV_BUF text = SV_BUF_NULL;

        c.now.layers[0].mtime = 1234567890123456789;
        c.now.layers[0].size = 4096;
        c.next = make_tree("abc");
        strcpy(c.next.mark, "00112233445566778899aabbccddeeff");
        sv_chain_print(&c, &text);
        OK(sv_chain_parse(sv_buf_bytes(&text), &again, &err));
        assert_memory_equal(&c, &again, sizeof(c));
        assert_false(sv_chain_is_plain(&c));
        sv_chain_init(&c);
        assert_true(sv_chain_is_plain(&c));
}

#define TREE(active, layers)                                                   \
        "{\"version\":1,\"now\":{\"mark\":\"\",\"last\":2,\"active\":" #active \
        ",\"layers\":[" layers "]}}"
#define L0 "{\"id\":0,\"parent\":-1}"
#define L1 ",{\"id\":1,\"parent\":0}"

static void malformed_is_refused(void **state)
{
        static const struct {
                const char *text, *check;
        } named[] = {
                {"", "snapshot.chain.json"},
                {"{}", "snapshot.chain.member"},
                {"{\"version\":1,\"x\":1}", "snapshot.chain.unknown"},
                {TREE(0, L0 L1), "snapshot.chain"},
        };
        static const char *const texts[] = {
                "",
                "{}",
                "[]",
                "{\"version\":2,\"now\":{\"mark\":\"\",\"last\":0,\"active\":0,\"layers\":[" L0
                "]}}",
                TREE(0, ""),
                TREE(1, L0),
                TREE(0, L0 L1),                          /* somebody leans on the active */
                TREE(1, L0 ",{\"id\":1,\"parent\":1}"),  /* on itself */
                TREE(1, L0 ",{\"id\":1,\"parent\":-1}"), /* on nothing */
                TREE(1, L0 ",{\"id\":0,\"parent\":0}"),  /* the disk twice */
                TREE(1, L0 ",{\"id\":3,\"parent\":0}"),  /* an id that was not given */
                TREE(2, L0 L1 L1),                       /* twice */
                TREE(0, "{\"id\":1,\"parent\":-1}"),     /* not the disk's own file */
                TREE(1, L0 ",{\"id\":1,\"parent\":0,\"x\":1}"),
                TREE(1, L0 ",{\"id\":1,\"parent\":0,\"name\":\"a/b\"}"),
                TREE(1, L0 ",{\"parent\":0}"),
        };
        struct sv_chain c;

        OK(sv_chain_parse(sv_bytes_str(TREE(1, L0 L1)), &c, &err));
        for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
                FAILS(sv_chain_parse(sv_bytes_str(named[i].text), &c, &err), SV_FORMAT,
                      named[i].check);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                memset(&err, 0, sizeof(err));
                if (sv_chain_parse(sv_bytes_str(texts[i]), &c, &err) == 0)
                        fail_msg("taken: %s", texts[i]);
                assert_int_equal(strncmp(err.check, "snapshot.chain", 14), 0);
                assert_int_equal(err.class, SV_FORMAT);
        }
}

/* --- a change that was begun --- */

static bool answer_written(void *arg, size_t i)
{
        return ((const bool *)arg)[i];
}

static void settles_all_disks_alike(void **state)
{
        static const struct {
                bool done[2], written[2], creating, after;
        } t[] = {
                {{false, false}, {false, false}, true, false},
                {{true, false}, {false, false}, true, true},
                {{false, true}, {false, false}, false, true},
                {{false, false}, {false, true}, true, true},
                {{false, false}, {true, false}, true, true},
                {{false, false}, {true, true}, false, false}, /* only a snapshot is known by that */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_chain c[2], *both[] = {&c[0], &c[1]};
                bool written[2] = {t[i].written[0], t[i].written[1]};

                for (int k = 0; k < 2; k++) {
                        sv_chain_init(&c[k]);
                        c[k].next = make_tree("a");
                        strcpy(c[k].next.mark, "00112233445566778899aabbccddeeff");
                        c[k].changing = true;
                        c[k].creating = t[i].creating;
                        if (t[i].done[k])
                                c[k] = (struct sv_chain){.now = c[k].next};
                }
                assert_int_equal(sv_chain_settle(both, 2, answer_written, written), t[i].after);
                for (int k = 0; k < 2; k++) {
                        expect_tree(&c[k].now, t[i].after ? "0=a 1<0*" : "0*");
                        assert_false(c[k].changing);
                }
        }
}

/* --- files --- */

static void overlays_are_qemus(void **state)
{
        static const uint64_t sizes[] = {512, 1 << 20, (512ull << 20) + 512, 1ull << 44,
                                         1ull << 50};
        SV_STR below = sv_asprintf("%s/below", base);
        SV_STR path = sv_asprintf("%s/over.qcow2", base);
        struct sv_qcow2 q;

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                SV_BUF bytes = {.max = 64u << 20};

                OK(sv_qcow2_print("below", "raw", sizes[i], &bytes, &err));
                OK(sv_qcow2_parse(sv_buf_bytes(&bytes), &q, &err));
                assert_int_equal(q.size, sizes[i]);
                assert_string_equal(q.backing, "below");
                OK(sv_file_write(path, 0600, sv_buf_bytes(&bytes), &err));
                OK(sv_file_write(below, 0600, sv_bytes_str(""), &err));
                OK(run_tool("qemu-img", "check", "-q", path, NULL));
                for (size_t n = 0; n < 133; n++)
                        FAILS(sv_qcow2_parse(sv_bytes(bytes.p, n), &q, &err), SV_FORMAT,
                              "snapshot.layer");
        }
        for (size_t k = 0; k < 2; k++) {
                SV_BUF bytes = {.max = 64u << 20};

                FAILS(sv_qcow2_print("below", "raw", k ? (1ull << 50) + 512 : 513, &bytes, &err),
                      SV_USAGE, "snapshot.size");
        }
        unlink(path);
        unlink(below);
}

static void goes_through_a_life(void **state)
{
        SV_STR folder = sv_asprintf("%s.snapshots", two[0].path);

        begin_disks();
        OK(do_snapshot(sv_snapshot_create, "one"));
        write_disk(0, "0x31");
        OK(do_snapshot(sv_snapshot_create, "two"));
        write_disk(0, "0x32");
        assert_true(reads(0, "0x32"));
        OK(do_snapshot(sv_snapshot_revert, "one"));
        assert_true(reads(0, "0x61"));
        assert_true(reads(1, "0x62"));
        OK(do_snapshot(sv_snapshot_revert, "two"));
        assert_true(reads(0, "0x31"));
        write_disk(0, "0x33");
        OK(do_snapshot(sv_snapshot_delete, "two"));
        assert_true(reads(0, "0x33"));
        FAILS(do_snapshot(sv_snapshot_revert, "two"), SV_USAGE, "snapshot.absent");
        OK(do_snapshot(NULL, NULL));
        assert_true(reads(0, "0x33"));
        assert_true(reads(1, "0x62"));
        assert_int_equal(access(folder, F_OK), -1);
        FAILS(do_snapshot(NULL, NULL), SV_USAGE, "snapshot.none");
        FAILS(do_snapshot(sv_snapshot_delete, "two"), SV_USAGE, "snapshot.absent");
}

static void a_change_from_outside_is_seen(void **state)
{
        SV_STR layer = sv_asprintf("%s.snapshots/1.qcow2", two[0].path);
        SV_STR chain = sv_asprintf("%s.snapshots/chain.json", two[0].path);
        SV_STR away = sv_asprintf("%s/away", base);
        SV_CHAINS c = {0};

        begin_disks();
        OK(do_snapshot(sv_snapshot_create, "one"));
        put_disk(0, 'x');
        assert_int_equal(utimensat(AT_FDCWD, two[0].path, (struct timespec[2]){{1, 0}, {1, 0}}, 0),
                         0);
        FAILS(sv_chains_take(&guest, &c, &err), SV_PROOF, "snapshot.changed");
        begin_disks();
        OK(do_snapshot(sv_snapshot_create, "one"));
        assert_int_equal(rename(layer, away), 0);
        FAILS(sv_chains_take(&guest, &c, &err), SV_SYSTEM, "snapshot.layer");
        OK(sv_file_write(layer, 0600, sv_bytes_str("no image"), &err));
        FAILS(sv_chains_take(&guest, &c, &err), SV_FORMAT, "snapshot.layer");
        {
                SV_BUF other = SV_BUF_NULL;

                OK(sv_qcow2_print("../other.img", "raw", 8192, &other, &err));
                OK(sv_file_write(layer, 0600, sv_buf_bytes(&other), &err));
                FAILS(sv_chains_take(&guest, &c, &err), SV_SYSTEM, "snapshot.layer");
        }
        OK(sv_file_write(chain, 0600, sv_bytes_str("{}"), &err));
        memset(&err, 0, sizeof(err));
        assert_int_equal(sv_chains_take(&guest, &c, &err), -1);
        assert_int_equal(err.class, SV_FORMAT);
}

static void without_room_nothing_changes(void **state)
{
        SV_STR folder = sv_asprintf("%s.snapshots", two[1].path);

        begin_disks();
        OK(sv_file_write(folder, 0600, sv_bytes_str("in the way"), &err));
        /* the chain of the second disk lies below a file: it is none */
        memset(&err, 0, sizeof(err));
        assert_int_equal(do_snapshot(sv_snapshot_create, "one"), -1);
        assert_string_equal(err.check, "snapshot.chain");
        unlink(folder);
        assert_int_equal(symlink("/proc/none", folder), 0);
        FAILS(do_snapshot(sv_snapshot_create, "one"), SV_SYSTEM, "snapshot.room");
        unlink(folder);
        assert_true(reads(0, "0x61"));
        OK(do_snapshot(sv_snapshot_create, "one"));
}

static void only_files_that_are_written_have_snapshots(void **state)
{
        begin_disks();
        two[0].readonly = two[1].readonly = true;
        FAILS(do_snapshot(sv_snapshot_create, "one"), SV_USAGE, "snapshot.kind");
        FAILS(do_snapshot(sv_snapshot_revert, "one"), SV_USAGE, "snapshot.absent");
        two[0].readonly = false;
        OK(do_snapshot(sv_snapshot_create, "one"));
        two[1].readonly = false;
}

static int create_two(void)
{
        return do_snapshot(sv_snapshot_create, "two");
}

static int revert_one(void)
{
        return do_snapshot(sv_snapshot_revert, "one");
}

static bool has_name(size_t i, const char *name)
{
        SV_CHAINS c = {0};
        size_t at;

        OK(sv_chains_take(&guest, &c, &err));
        return sv_tree_find(&c.disks[i].chain.now, name, false, &at, NULL) == 0;
}

/* Before or after, on both disks, and the same command works. */
static void killed_anywhere_it_is_all_or_nothing(void **state)
{
        unsigned before = 0, after = 0;

        for (long n = 1;; n++) {
                begin_disks();
                OK(do_snapshot(sv_snapshot_create, "one"));
                if (!kill_at_call(create_two, n))
                        break;
                assert_int_equal(has_name(0, "two"), has_name(1, "two"));
                if (has_name(0, "two")) {
                        after++;
                } else {
                        before++;
                        OK(create_two());
                }
        }
        assert_true(before > 20 && after > 3);
}

static void killed_in_a_revert_it_is_all_or_nothing(void **state)
{
        unsigned before = 0, after = 0;

        begin_disks();
        OK(do_snapshot(sv_snapshot_create, "one"));
        write_disk(0, "0x31");
        write_disk(1, "0x32");
        for (long n = 1; kill_at_call(revert_one, n); n++) {
                bool back = reads(0, "0x61");

                assert_int_equal(reads(1, "0x62"), back);
                assert_int_equal(reads(0, "0x31"), !back);
                before += !back;
                after += back;
                if (!back)
                        continue;
                write_disk(0, "0x31");
                write_disk(1, "0x32");
        }
        assert_true(before > 20 && after > 3);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(grows_and_goes_back),
                cmocka_unit_test(lets_layers_go),
                cmocka_unit_test(flattens),
                cmocka_unit_test(refuses_names_and_too_many),
                cmocka_unit_test(is_read_as_written),
                cmocka_unit_test(malformed_is_refused),
                cmocka_unit_test(settles_all_disks_alike),
                cmocka_unit_test(overlays_are_qemus),
                cmocka_unit_test(goes_through_a_life),
                cmocka_unit_test(a_change_from_outside_is_seen),
                cmocka_unit_test(without_room_nothing_changes),
                cmocka_unit_test(only_files_that_are_written_have_snapshots),
                cmocka_unit_test(killed_anywhere_it_is_all_or_nothing),
                cmocka_unit_test(killed_in_a_revert_it_is_all_or_nothing),
        };

        return cmocka_run_group_tests(tests, make_base, remove_base);
}
