/* SPDX-License-Identifier: Apache-2.0 */
/* A migrating guest's files at both hosts. The folders of the two are small tables here (--wrap).
 */
#include <stdlib.h>

#include "base/core/file.h"
#include "launcher/keeper/migrate-int.h"
#include "launcher/virt/virt-pool.h"
#include "tests/unit/unit.h"

#define COPIES "/s/.elsewhere/g/boot"

/* One host's files, by path; contents are a letter. */
struct entry {
        char path[64];
        uint64_t bytes;
        char contents;
        unsigned mode;
};
static struct machine {
        struct entry files[24];
        bool folder; /* the disks' folder is there */
        uint64_t room;
} machines[2];
static bool one_storage; /* both see the files of the first */
static char garbled;     /* what a copy of this file's letter becomes */

struct sv_pool {
        struct machine *of;
        char path[48];
};

int __wrap_sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                        struct sv_err *err);
void __wrap_sv_pool_close(struct sv_pool *p);
void __wrap_sv_pool_freep(struct sv_pool **p);
int __wrap_sv_pool_refresh(struct sv_pool *p, struct sv_err *err);
bool __wrap_sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes);
int __wrap_sv_pool_get_room(struct sv_pool *p, uint64_t *bytes, struct sv_err *err);
int __wrap_sv_pool_make(struct sv_pool *p, const char *name, uint64_t bytes, unsigned mode,
                        struct sv_err *err);
int __wrap_sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err);
int __wrap_sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err);
int __wrap_sv_pool_copy(struct sv_pool *from, struct sv_pool *to, const char *name,
                        struct sv_err *err);

static struct entry *find_entry(struct machine *m, const char *path)
{
        for (size_t i = 0; i < 24; i++)
                if (!strcmp(m->files[i].path, path))
                        return &m->files[i];
        return NULL;
}

static struct entry *find_file(struct sv_pool *p, const char *name)
{
        SV_STR path = sv_asprintf("%s/%s", p->path, name);

        return find_entry(p->of, path);
}

static void put_file(struct machine *m, const char *path, uint64_t bytes, char contents)
{
        struct entry *e = find_entry(m, "");

        if (!e)
                abort();
        snprintf(e->path, sizeof(e->path), "%s", path);
        e->bytes = bytes;
        e->contents = contents;
}

/* NULL is the source. */
int __wrap_sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                        struct sv_err *err)
{
        struct machine *m = &machines[v && !one_storage];

        if (v && !m->folder && !strcmp(path, "/d"))
                return sv_fail(err, SV_SYSTEM, "virt.operation", "there is no folder %s", path);
        *out = calloc(1, sizeof(**out));
        if (!*out)
                abort();
        (*out)->of = m;
        snprintf((*out)->path, sizeof((*out)->path), "%s", path);
        return 0;
}

void __wrap_sv_pool_close(struct sv_pool *p)
{
        free(p);
}

void __wrap_sv_pool_freep(struct sv_pool **p)
{
        free(*p);
}

int __wrap_sv_pool_refresh(struct sv_pool *p, struct sv_err *err)
{
        return 0;
}

bool __wrap_sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes)
{
        struct entry *e = find_file(p, name);

        if (e && bytes)
                *bytes = e->bytes;
        return e != NULL;
}

int __wrap_sv_pool_get_room(struct sv_pool *p, uint64_t *bytes, struct sv_err *err)
{
        *bytes = p->of->room;
        return 0;
}

int __wrap_sv_pool_make(struct sv_pool *p, const char *name, uint64_t bytes, unsigned mode,
                        struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", p->path, name);

        assert_null(find_entry(p->of, path));
        put_file(p->of, path, bytes, 0);
        find_entry(p->of, path)->mode = mode;
        return 0;
}

int __wrap_sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err)
{
        struct entry *e = find_file(p, name);

        assert_non_null(e);
        memset(e, 0, sizeof(*e));
        return 0;
}

int __wrap_sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err)
{
        memset(out, find_file(p, name)->contents, 32);
        return 0;
}

int __wrap_sv_pool_copy(struct sv_pool *from, struct sv_pool *to, const char *name,
                        struct sv_err *err)
{
        char contents = find_file(from, name)->contents;

        assert_int_equal(find_file(to, name)->bytes, find_file(from, name)->bytes);
        find_file(to, name)->contents = contents == garbled ? '?' : contents;
        return 0;
}

/* --- */

static char target;
static struct sv_migrate command;
static struct sv_migrate_run run;

static void add_boot_file(const char *path, bool secret)
{
        run.domain.files[run.domain.n_files++] =
                (struct sv_domain_file){sv_asprintf("%s", path), secret};
}

/* A guest of a writable disk and one that it only reads, with firmware of the system's. */
static void begin(bool copied)
{
        memset(machines, 0, sizeof(machines));
        memset(&run, 0, sizeof(run));
        one_storage = false;
        garbled = 0;
        command = (struct sv_migrate){.name = "g", .copy_storage = copied};
        run.m = &command;
        run.to = (struct sv_virt *)&target;
        run.hostname = sv_asprintf("there");
        run.domain.n_disks = 2;
        for (size_t i = 0; i < 2; i++)
                run.domain.disks[i] = (struct sv_domain_disk){
                        .kind = sv_asprintf("file"),
                        .path = sv_asprintf(i ? "/d/base.img" : "/d/root.img"),
                        .format = sv_asprintf("raw"),
                        .cache = sv_asprintf("none"),
                        .target = sv_asprintf(i ? "vdb" : "vda"),
                        .readonly = i == 1};
        run.domain.nvram = sv_asprintf("%s", COPIES "/nvram");
        add_boot_file("/usr/share/fw", false);
        add_boot_file(COPIES "/variables", false);
        add_boot_file(COPIES "/kernel", true);
        put_file(&machines[0], "/d/root.img", 100, 'r');
        put_file(&machines[0], "/d/base.img", 50, 'b');
        put_file(&machines[0], "/usr/share/fw", 9, 'f');
        put_file(&machines[0], COPIES "/variables", 5, 'v');
        put_file(&machines[0], COPIES "/kernel", 7, 'k');
        put_file(&machines[0], COPIES "/nvram", 5, 'n');
        put_file(&machines[1], "/d/base.img", 50, 'b');
        put_file(&machines[1], "/usr/share/fw", 9, 'f');
        machines[0].folder = machines[1].folder = true;
        machines[1].room = 100;
}

static void end(void)
{
        free(run.hostname);
        sv_domain_facts_free(&run.domain);
        for (size_t i = 0; i < run.n_made; i++) {
                free(run.made[i].folder);
                free(run.made[i].name);
        }
}

static void replace(char **text, const char *with)
{
        free(*text);
        *text = with ? sv_asprintf("%s", with) : NULL;
}

static void disks(void **state)
{
        struct sv_err err;

        begin(false);
        FAILS(sv_migrate_check_disks(&run, &err), SV_USAGE, "migrate.storage");
        assert_null(find_entry(&machines[1], "/d/root.img"));
        one_storage = true;
        OK(sv_migrate_check_disks(&run, &err));
        assert_true(run.shared);
        for (size_t i = 0; i < 24; i++) /* the mark is gone */
                assert_null(strstr(machines[0].files[i].path, "mark"));
        replace(&run.domain.disks[0].cache, "writeback");
        FAILS(sv_migrate_check_disks(&run, &err), SV_SYSTEM, "migrate.cache");
        replace(&run.domain.disks[0].cache, NULL);
        FAILS(sv_migrate_check_disks(&run, &err), SV_SYSTEM, "migrate.cache");
        replace(&run.domain.disks[0].cache, "directsync");
        replace(&run.domain.disks[1].cache, "writeback"); /* nobody writes to it */
        OK(sv_migrate_check_disks(&run, &err));
        end();
}

static void copied_disks(void **state)
{
        struct sv_err err;

        begin(true);
        OK(sv_migrate_check_disks(&run, &err));
        assert_false(run.shared);
        machines[1].room = 99;
        FAILS(sv_migrate_check_disks(&run, &err), SV_SYSTEM, "migrate.room");
        machines[1].room = 100;
        put_file(&machines[1], "/d/root.img", 100, 'x');
        FAILS(sv_migrate_check_disks(&run, &err), SV_SYSTEM, "migrate.disk");
        memset(find_entry(&machines[1], "/d/root.img"), 0, sizeof(struct entry));
        find_entry(&machines[1], "/d/base.img")->bytes = 51;
        FAILS(sv_migrate_check_disks(&run, &err), SV_SYSTEM, "migrate.storage");
        find_entry(&machines[1], "/d/base.img")->bytes = 50;
        replace(&run.domain.disks[0].format, "qcow2");
        FAILS(sv_migrate_check_disks(&run, &err), SV_USAGE, "migrate.storage");
        replace(&run.domain.disks[0].format, "raw");
        replace(&run.domain.disks[0].kind, "block");
        FAILS(sv_migrate_check_disks(&run, &err), SV_USAGE, "migrate.storage");
        replace(&run.domain.disks[0].kind, "network");
        OK(sv_migrate_check_disks(&run, &err));
        replace(&run.domain.disks[0].kind, "file");
        machines[1].folder = false;
        FAILS(sv_migrate_check_disks(&run, &err), SV_SYSTEM, "virt.operation");
        end();
}

static void must_have(const char *path, char contents, unsigned mode)
{
        struct entry *e = find_entry(&machines[1], path);

        assert_non_null(e);
        assert_int_equal(e->contents, contents);
        assert_int_equal(e->mode, mode);
}

static void made(void **state)
{
        struct sv_err err;

        begin(true);
        put_file(&machines[1], COPIES "/kernel", 3, 'o'); /* of an earlier guest */
        put_file(&machines[1], COPIES "/nvram", 5, 'o');
        OK(sv_migrate_make_files(&run, &err));
        must_have("/d/root.img", 0, 0600);
        must_have(COPIES "/variables", 'v', 0644);
        must_have(COPIES "/kernel", 'k', 0600);
        assert_null(find_entry(&machines[1], COPIES "/nvram"));
        sv_migrate_remove_made(&run);
        assert_null(find_entry(&machines[1], "/d/root.img"));
        assert_null(find_entry(&machines[1], COPIES "/kernel"));
        assert_null(find_entry(&machines[1], COPIES "/variables"));
        assert_non_null(find_entry(&machines[1], "/usr/share/fw"));
        assert_non_null(find_entry(&machines[1], "/d/base.img"));
        end();
}

static void not_made(void **state)
{
        struct sv_err err;

        begin(false);
        find_entry(&machines[1], "/usr/share/fw")->contents = 'g';
        FAILS(sv_migrate_make_files(&run, &err), SV_SYSTEM, "migrate.firmware");
        end();
        begin(false);
        memset(find_entry(&machines[1], "/usr/share/fw"), 0, sizeof(struct entry));
        FAILS(sv_migrate_make_files(&run, &err), SV_SYSTEM, "migrate.firmware");
        end();
        begin(false);
        garbled = 'k';
        FAILS(sv_migrate_make_files(&run, &err), SV_SYSTEM, "migrate.boot");
        end();
        begin(false);
        memset(find_entry(&machines[0], COPIES "/kernel"), 0, sizeof(struct entry));
        FAILS(sv_migrate_make_files(&run, &err), SV_SYSTEM, "migrate.boot");
        end();
}

/* When the guest has gone, its copies go; but not those that the target has, too. */
static void left(void **state)
{
        struct sv_err err;

        begin(false);
        OK(sv_migrate_make_files(&run, &err));
        OK(sv_migrate_remove_copies(&run, &err));
        assert_null(find_entry(&machines[0], COPIES "/kernel"));
        assert_null(find_entry(&machines[0], COPIES "/variables"));
        assert_null(find_entry(&machines[0], COPIES "/nvram"));
        assert_non_null(find_entry(&machines[0], "/usr/share/fw"));
        assert_non_null(find_entry(&machines[0], "/d/root.img"));
        end();
        begin(false);
        one_storage = true;
        OK(sv_migrate_make_files(&run, &err));
        assert_int_equal(run.n_made, 0);
        OK(sv_migrate_remove_copies(&run, &err));
        assert_non_null(find_entry(&machines[0], COPIES "/kernel"));
        assert_non_null(find_entry(&machines[0], COPIES "/nvram"));
        end();
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(disks),    cmocka_unit_test(copied_disks), cmocka_unit_test(made),
                cmocka_unit_test(not_made), cmocka_unit_test(left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
