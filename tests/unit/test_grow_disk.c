/* SPDX-License-Identifier: Apache-2.0 */
/* Which disks can grow while their guest runs, by what the guest's status says and by their files.
 */
#include "base/core/text.h"
#include "launcher/cli/grow-disk.h"
#include "tests/unit/luks_volume.h"

#define SIZE (1u << 20)

static char tagged[] = "/tmp/secure-vm-grow-XXXXXX";

static int set_up(void **state)
{
        SV_FD fd = mkstemp(tagged);
        SV_FD plain = open("/dev/zero", O_RDONLY);
        struct sv_luks_in in = {
                .plain = sv_source_file(plain, 0, SIZE), .out = fd, .integrity = true};

        if (make_volume(SIZE) < 0 || fd < 0)
                return -1;
        OK(sv_luks_encrypt(&in, key, &err));
        return 0;
}

static int remove_both(void **state)
{
        unlink(tagged);
        return tear_down(state);
}

static struct sv_json *make_disk(const char *file, const char *flag)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_str(j, "id", "root");
        sv_json_set_str(j, "path", file);
        if (flag)
                sv_json_set_bool(j, flag, true);
        return j;
}

static void refused(void **state)
{
        const struct {
                const char *file, *flag;
                uint64_t bytes;
                bool elsewhere;
                const char *check; /* NULL: it can */
                enum sv_class class;
        } t[] = {
                {path, "encrypted", 64u << 20, false, NULL, 0},
                {path, NULL, 64u << 20, false, NULL, 0},
                {path, "encrypted", 1ull << 60, false, "resize.room", SV_SYSTEM},
                {"/dev/null", NULL, 1ull << 60, false, NULL, 0},
                {tagged, "encrypted", 64u << 20, false, "resize.tags", SV_USAGE},
                {tagged, NULL, 64u << 20, false, NULL, 0},
                {path, "verity", 64u << 20, false, "resize.verity", SV_USAGE},
                {path, "readonly", 64u << 20, false, "resize.readonly", SV_USAGE},
                {"/nonexistent", NULL, 64u << 20, false, "resize.unseen", SV_SYSTEM},
                {"/nonexistent", NULL, 64u << 20, true, NULL, 0},
                {path, "encrypted", 64u << 20, true, "resize.unseen", SV_SYSTEM},
                {"/dev/null", "encrypted", 64u << 20, false, "resize.unseen", SV_SYSTEM},
                {"/dev/zero", "encrypted", 64u << 20, false, "luks.header.magic", SV_FORMAT},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *disk = make_disk(t[i].file, t[i].flag);

                if (t[i].check)
                        FAILS(sv_grow_check(disk, !t[i].elsewhere, t[i].bytes, &err), t[i].class,
                              t[i].check);
                else
                        OK(sv_grow_check(disk, !t[i].elsewhere, t[i].bytes, &err));
        }
}

static void advice(void **state)
{
        static const struct {
                const char *disks, *id, *words;
        } t[] = {
                {"[{\"id\":\"root\",\"encrypted\":true}]", "root", "resize2fs /dev/mapper/root"},
                {"[{\"id\":\"root\",\"verity\":true},{\"id\":\"d\",\"encrypted\":true}]", "d",
                 "resize2fs /dev/mapper/data"},
                {"[{\"id\":\"root\",\"encrypted\":true},{\"id\":\"d\"}]", "d",
                 "resize2fs /dev/disk/by-id/virtio-d"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *status = sv_json_object();
                struct sv_json *disks = NULL;
                SV_STR words = NULL;

                OK(sv_json_parse(sv_bytes_str(t[i].disks), "t", &disks, &err));
                sv_json_set(status, "disks", disks);
                words = sv_grow_advice("g", status, sv_grow_find(status, t[i].id));
                assert_non_null(strstr(words, t[i].words));
                assert_null(sv_grow_find(status, "other"));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(refused), cmocka_unit_test(advice)};

        return cmocka_run_group_tests_name("grow-disk", tests, set_up, remove_both);
}
