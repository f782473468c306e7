/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a command of the loader script reads and writes nothing but its files' memory; a pointer
 *         leads into its source, and its bytes hold all of it; a file gets memory once, and what it
 *         has there is its content and zeros.
 * for:    every command over two files that it names: the one of up to 9 bytes in memory at any
 *         address, the other of 6, in memory or not
 * stubs:  texts of errors; the firmware's memory; which file a name is (stub_bundle proves names)
 * unwind: 10
 * loops:  read_file.0:57
 * fault:  `p->offset <= p->file->size - p->size` => `true`
 * fault:  `value >= p.source->size ||` => ``
 * fault:  `(p.size < 8 && (p.source->address + value) >> (8 * p.size))` => `false`
 * fault:  `result >= f->size ||` => ``
 * fault:  `length > f->size ||` => ``
 * fault:  `if (!f || f->memory)` => `if (!f)`
 * fault:  `memset(f->memory, 0, f->size);` => ``
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "stub/loader.c"

static struct sv_bundle b;
static bool allocated;

/* A name of one character is the file of that letter. */
struct sv_bundle_file *sv_bundle_find(struct sv_bundle *in, struct sv_bytes name)
{
        if (name.n != 1 || (name.p[0] != 'a' && name.p[0] != 'b'))
                return NULL;
        return &in->files[name.p[0] - 'a'];
}

static int any_memory(const struct sv_loader_memory *m, struct sv_bundle_file *f, uint32_t align,
                      struct sv_err *err)
{
        PROVE(!f->memory && align && align <= 4096 && !(align & (align - 1)));
        if (nondet_bool())
                return sv_fail(err, SV_SYSTEM, "stub.memory", "none");
        f->memory = malloc(6);
        ASSUME(f->memory && f->size == 6);
        allocated = true;
        return 0;
}

static void check_pointer(const uint8_t *command)
{
        struct sv_bundle_file *file = &b.files[command[4] - 'a'];
        struct sv_bundle_file *source = &b.files[command[60] - 'a'];
        uint32_t at = command[116];
        uint64_t value = 0;

        PROVE(at + command[120] <= file->size);
        for (size_t i = 0; i < command[120]; i++)
                value |= (uint64_t)file->memory[at + i] << (8 * i);
        PROVE(value - source->address < source->size);
}

static void make_files(void)
{
        b.n = 2;
        b.files[0].size = nondet_u8();
        ASSUME(b.files[0].size >= 1 && b.files[0].size <= 9);
        b.files[0].memory = (uint8_t *)any_exactly(9).p + (9 - b.files[0].size);
        b.files[0].address = nondet_u32();
        b.files[1].size = 6;
        b.files[1].content = any_exactly(2);
        b.files[1].address = nondet_u32();
        if (nondet_bool())
                b.files[1].memory = (uint8_t *)any_exactly(6).p;
}

void prove(void)
{
        const struct sv_loader_memory m = {any_memory, NULL};
        struct sv_bytes command = any_exactly(128);
        struct sv_rd r = sv_rd(command);

        make_files();
        if (run_command(&b, &r, &m, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(command.p[1] == 0 && command.p[0] <= 4);
        if (command.p[0] == ADD_POINTER)
                check_pointer(command.p);
        if (allocated) {
                PROVE(b.files[1].memory[0] == b.files[1].content.p[0]);
                PROVE(b.files[1].memory[any_below(4) + 2] == 0);
        }
}
