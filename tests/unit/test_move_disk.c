/* SPDX-License-Identifier: Apache-2.0 */
/* A disk of some chunks between two files that are memory here: a pass over marks asks for those
 * places, puts each where it belongs, and leaves the rest alone. */
#include "launcher/keeper/move-disk.h"
#include "tests/unit/unit.h"

#define CHUNKS 14
#define TAIL   4096 /* bytes of the last one */
#define BYTES  ((CHUNKS - 1) * (uint64_t)SV_MOVE_CHUNK + TAIL)

struct sv_pool {
        uint8_t bytes[CHUNKS * SV_MOVE_CHUNK];
        uint64_t n;
};

struct sv_pool_sink {
        struct sv_pool *p;
        uint64_t at;
};

static struct sv_err err;
static struct sv_pool here, there;
static struct sv_move_disk disk;
static uint64_t asked[CHUNKS];
static size_t n_asked, n_open;
static bool full;

int __wrap_sv_pool_read_part(struct sv_pool *p, const char *name, uint64_t offset, uint64_t n,
                             int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err),
                             void *arg, struct sv_err *e);
int __wrap_sv_pool_sink_open(struct sv_pool *p, const char *name, uint64_t offset,
                             struct sv_pool_sink **out, struct sv_err *e);
int __wrap_sv_pool_sink_put(struct sv_pool_sink *s, struct sv_bytes piece, struct sv_err *e);
int __wrap_sv_pool_sink_close(struct sv_pool_sink *s, struct sv_err *e);

int __wrap_sv_pool_read_part(struct sv_pool *p, const char *name, uint64_t offset, uint64_t n,
                             int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err),
                             void *arg, struct sv_err *e)
{
        uint64_t end = n && n < p->n - offset ? offset + n : p->n;

        asked[n_asked++] = offset / SV_MOVE_CHUNK;
        while (offset < end) {
                uint64_t piece = end - offset < 300000 ? end - offset : 300000;

                if (take(arg, sv_bytes(p->bytes + offset, piece), e) < 0)
                        return -1;
                offset += piece;
        }
        return 0;
}

int __wrap_sv_pool_sink_open(struct sv_pool *p, const char *name, uint64_t offset,
                             struct sv_pool_sink **out, struct sv_err *e)
{
        *out = malloc(sizeof(**out));
        **out = (struct sv_pool_sink){p, offset};
        n_open++;
        return 0;
}

int __wrap_sv_pool_sink_put(struct sv_pool_sink *s, struct sv_bytes piece, struct sv_err *e)
{
        if (full)
                return sv_fail(e, SV_SYSTEM, "virt.libvirt", "no space is left");
        memcpy(s->p->bytes + s->at, piece.p, piece.n);
        s->at += piece.n;
        return 0;
}

int __wrap_sv_pool_sink_close(struct sv_pool_sink *s, struct sv_err *e)
{
        n_open -= s != NULL;
        free(s);
        return 0;
}

/* --- a disk whose copy is whole --- */

static int pass(bool marked, uint64_t *read, uint64_t *sent)
{
        struct sv_move_pass p = {.marked = marked};
        int r;

        n_asked = 0;
        r = sv_move_disk_pass(&disk, &here, &there, &p, &err);
        *read = p.read;
        *sent = p.sent;
        assert_int_equal(n_open, 0);
        return r;
}

static int begin(void **state)
{
        uint64_t read, sent;

        full = false;
        memset(&there, 0, sizeof(there));
        here.n = there.n = BYTES;
        for (size_t i = 0; i < BYTES; i++)
                here.bytes[i] = (uint8_t)(1 + i / SV_MOVE_CHUNK);
        disk = (struct sv_move_disk){.name = "root.img", .bytes = BYTES};
        OK(sv_move_disk_begin(&disk, &there, true, &err));
        OK(pass(false, &read, &sent));
        assert_true(read == BYTES && sent == BYTES);
        assert_memory_equal(here.bytes, there.bytes, BYTES);
        return 0;
}

static int end(void **state)
{
        sv_move_disk_free(&disk);
        return 0;
}

static void change(size_t chunk, bool mark)
{
        here.bytes[chunk * SV_MOVE_CHUNK + 77] ^= 0xff;
        disk.marks[chunk] = mark;
}

/* Chunks 0, 1, 4 are near each other, 13 is not. 2 is read on the way, and sent; 8 is not seen. */
static void what_is_marked_goes(void **state)
{
        static const size_t changed[] = {0, 4, 13};
        uint64_t read, sent;

        for (size_t i = 0; i < 3; i++)
                change(changed[i], true);
        disk.marks[1] = true; /* and is as it was */
        change(2, false);
        change(8, false);
        OK(pass(true, &read, &sent));
        assert_int_equal(n_asked, 2);
        assert_true(asked[0] == 0 && asked[1] == 13);
        assert_int_equal(read, 5 * (uint64_t)SV_MOVE_CHUNK + TAIL);
        assert_int_equal(sent, 3 * (uint64_t)SV_MOVE_CHUNK + TAIL);
        assert_memory_equal(here.bytes, there.bytes, 8 * SV_MOVE_CHUNK);
        assert_memory_equal(here.bytes + 9 * SV_MOVE_CHUNK, there.bytes + 9 * SV_MOVE_CHUNK,
                            4 * SV_MOVE_CHUNK + TAIL);
        assert_memory_not_equal(here.bytes, there.bytes, BYTES);
        /* the marks are gone; a pass over all finds what they did not say */
        OK(pass(true, &read, &sent));
        assert_true(n_asked == 0 && read == 0 && sent == 0);
        OK(pass(false, &read, &sent));
        assert_int_equal(sent, SV_MOVE_CHUNK);
        assert_memory_equal(here.bytes, there.bytes, BYTES);
}

/* How far apart two marks may be for one reading. */
static void near_marks_are_read_together(void **state)
{
        for (size_t apart = 1; apart < 9; apart++) {
                uint64_t read, sent;

                change(2, true);
                change(2 + apart, true);
                OK(pass(true, &read, &sent));
                assert_int_equal(n_asked, apart <= 4 ? 1 : 2);
                assert_int_equal(read, (n_asked == 1 ? apart + 1 : 2) * (uint64_t)SV_MOVE_CHUNK);
                assert_int_equal(sent, 2 * (uint64_t)SV_MOVE_CHUNK);
                assert_memory_equal(here.bytes, there.bytes, BYTES);
        }
}

static void each_mark_alone(void **state)
{
        for (size_t i = 0; i < CHUNKS; i++) {
                uint64_t read, sent, n = i == CHUNKS - 1 ? TAIL : SV_MOVE_CHUNK;

                change(i, true);
                OK(pass(true, &read, &sent));
                assert_true(read == n && sent == n && asked[0] == i);
                assert_memory_equal(here.bytes, there.bytes, BYTES);
        }
}

/* What has not arrived is sent by the next pass, marked or not. */
static void what_failed_goes_again(void **state)
{
        uint64_t read, sent;

        change(5, true);
        full = true;
        FAILS(pass(true, &read, &sent), SV_SYSTEM, "virt.libvirt");
        assert_true(disk.marks[5]);
        full = false;
        OK(pass(true, &read, &sent));
        assert_memory_equal(here.bytes, there.bytes, BYTES);
}

static void another_size_is_seen(void **state)
{
        uint64_t read, sent;

        change(CHUNKS - 1, true);
        here.n = BYTES - 1;
        FAILS(pass(true, &read, &sent), SV_SYSTEM, "move.disk");
        FAILS(pass(false, &read, &sent), SV_SYSTEM, "move.disk");
        here.n = BYTES + 1;
        FAILS(pass(false, &read, &sent), SV_SYSTEM, "move.disk");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_is_marked_goes, begin, end),
                cmocka_unit_test_setup_teardown(near_marks_are_read_together, begin, end),
                cmocka_unit_test_setup_teardown(each_mark_alone, begin, end),
                cmocka_unit_test_setup_teardown(what_failed_goes_again, begin, end),
                cmocka_unit_test_setup_teardown(another_size_is_seen, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
