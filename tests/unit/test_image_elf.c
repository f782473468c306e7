/* SPDX-License-Identifier: Apache-2.0 */
/* image/elf: a small file made here, one field changed at a time; and the test program itself. */
#include "make_module.h"

#include "image/elf.h"

#define BASE 0x400000
static const char interp[] = "/lib64/ld.so";
static const char strings[] = "\0libone.so.1\0libtwo.so.2\0self.so";
static struct sv_err err;

/* The layout: headers, dynamic section, interpreter, strings at the very end so that no cut is
 * harmless. */
struct image {
        Elf64_Ehdr eh;
        Elf64_Phdr ph[3];
        Elf64_Dyn dyn[6];
        char interp[16];
        char strings[sizeof(strings)];
} __attribute__((packed));

static void make(struct image *m)
{
        *m = (struct image){
                .eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                       .e_type = ET_DYN,
                       .e_machine = EM_X86_64,
                       .e_version = 1,
                       .e_phoff = offsetof(struct image, ph),
                       .e_ehsize = sizeof(Elf64_Ehdr),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 3},
                .ph = {{.p_type = PT_LOAD,
                        .p_vaddr = BASE,
                        .p_filesz = sizeof(*m),
                        .p_memsz = sizeof(*m)},
                       {.p_type = PT_INTERP,
                        .p_offset = offsetof(struct image, interp),
                        .p_filesz = sizeof(interp)},
                       {.p_type = PT_DYNAMIC,
                        .p_offset = offsetof(struct image, dyn),
                        .p_filesz = sizeof(m->dyn)}},
                .dyn = {{DT_NEEDED, {1}},
                        {DT_NEEDED, {13}},
                        {DT_SONAME, {25}},
                        {DT_STRTAB, {BASE + offsetof(struct image, strings)}},
                        {DT_STRSZ, {sizeof(strings)}},
                        {DT_NULL, {0}}},
        };
        memcpy(m->interp, interp, sizeof(interp));
        memcpy(m->strings, strings, sizeof(strings));
}

static void test_small(void **state)
{
        struct sv_elf e;
        struct image m;

        make(&m);
        OK(sv_elf_parse(sv_bytes(&m, sizeof(m)), &e, &err));
        assert_int_equal(e.machine, EM_X86_64);
        assert_string_equal(e.interp, interp);
        assert_string_equal(e.soname, "self.so");
        assert_int_equal(e.n_needed, 2);
        assert_string_equal(e.needed[0], "libone.so.1");
        assert_string_equal(e.needed[1], "libtwo.so.2");
}

static void test_this_program(void **state)
{
        SV_BUF b = SV_BUF_NULL;
        struct sv_elf e;
        bool libc = false;

        OK(sv_file_read("/proc/self/exe", 64u << 20, &b, "test", &err));
        OK(sv_elf_parse(sv_buf_bytes(&b), &e, &err));
        assert_non_null(e.interp);
        for (size_t i = 0; i < e.n_needed; i++)
                libc |= strcmp(e.needed[i], "libc.so.6") == 0;
        assert_true(libc);
}

#define AT(field)   offsetof(struct image, field)
#define SIZE(field) sizeof(((struct image *)0)->field)

static void test_one_field(void **state)
{
        static const struct {
                size_t offset, size;
                uint64_t value;
                const char *check;
        } cases[] = {
                {AT(eh.e_ident[0]), 1, 0, "image.elf.magic"},
                {AT(eh.e_ident[4]), 1, ELFCLASS32, "image.elf.class"},
                {AT(eh.e_ident[5]), 1, ELFDATA2MSB, "image.elf.class"},
                {AT(eh.e_ident[6]), 1, 2, "image.elf.class"},
                {AT(eh.e_type), 2, ET_REL, "image.elf.type"},
                {AT(eh.e_phentsize), 2, 55, "image.elf.segments"},
                {AT(eh.e_phoff), 8, sizeof(struct image) + 1, "image.elf.segments"},
                {AT(eh.e_phoff), 8, UINT64_MAX, "image.elf.segments"},
                {AT(eh.e_phnum), 2, 0xffff, "image.elf.segments"},
                {AT(ph[1].p_type), 4, PT_DYNAMIC, "image.elf.segments"},
                {AT(ph[1].p_offset), 8, UINT64_MAX, "image.elf.segments"},
                {AT(ph[1].p_filesz), 8, UINT64_MAX, "image.elf.segments"},
                {AT(ph[1].p_filesz), 8, sizeof(interp) + 1, "image.elf.interp"},
                {AT(ph[1].p_filesz), 8, sizeof(interp) - 1, "image.elf.interp"},
                {AT(ph[1].p_filesz), 8, 0, "image.elf.interp"},
                {AT(interp), 1, 'l', "image.elf.interp"},
                {AT(ph[2].p_filesz), 8, SIZE(dyn) - 8, "image.elf.dynamic"},
                {AT(ph[2].p_filesz), 8, 0, "image.elf.dynamic"},
                {AT(dyn[5].d_tag), 8, DT_DEBUG, "image.elf.dynamic"},
                {AT(dyn[0].d_un), 8, sizeof(strings), "image.elf.strings"},
                {AT(dyn[0].d_un), 8, UINT64_MAX, "image.elf.strings"},
                {AT(dyn[0].d_un), 8, 0, "image.elf.needed"},
                {AT(strings) + 4, 1, '/', "image.elf.needed"},
                {AT(dyn[3].d_un), 8, 0, "image.elf.strings"},
                {AT(dyn[3].d_un), 8, UINT64_MAX, "image.elf.strings"},
                {AT(dyn[4].d_un), 8, sizeof(strings) + 1, "image.elf.strings"},
                {AT(dyn[4].d_un), 8, UINT64_MAX, "image.elf.strings"},
                {AT(dyn[4].d_un), 8, sizeof(strings) - 1, "image.elf.strings"},
                {AT(ph[0].p_filesz), 8, UINT64_MAX, "image.elf.segments"},
                {AT(ph[0].p_type), 4, PT_NOTE, "image.elf.strings"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sv_elf e;
                struct image m;

                make(&m);
                memcpy((uint8_t *)&m + cases[i].offset, &cases[i].value, cases[i].size);
                FAILS(sv_elf_parse(sv_bytes(&m, sizeof(m)), &e, &err), SV_FORMAT, cases[i].check);
        }
        for (size_t n = EI_NIDENT; n < sizeof(Elf64_Ehdr); n++) {
                struct sv_elf e;
                struct image m;

                make(&m);
                FAILS(sv_elf_parse(sv_bytes(&m, n), &e, &err), SV_FORMAT, "image.elf.header");
        }
}

static void test_every_truncation(void **state)
{
        struct image m;

        make(&m);
        for (size_t n = 0; n < sizeof(m); n++) {
                uint8_t *copy = malloc(n ? n : 1);
                struct sv_elf e;

                assert_non_null(copy);
                memcpy(copy, &m, n);
                assert_int_equal(sv_elf_parse(sv_bytes(copy, n), &e, &err), -1);
                assert_true(strncmp(err.check, "image.elf.", 10) == 0);
                free(copy);
        }
}

/* A kernel module: each field that is looked at, and each length. */
static void test_module(void **state)
{
        static const struct {
                size_t at;
                uint8_t byte;
                const char *check;
        } t[] = {
                {0, 0, "image.elf.magic"},
                {EI_CLASS, ELFCLASS32, "image.elf.class"},
                {offsetof(Elf64_Ehdr, e_type), ET_DYN, "image.elf.type"},
                {offsetof(Elf64_Ehdr, e_machine), EM_386, "image.elf.type"},
                {offsetof(Elf64_Ehdr, e_shnum), 0, "image.elf.sections"},
                {offsetof(Elf64_Ehdr, e_shnum), 3, "image.elf.sections"},
                {offsetof(Elf64_Ehdr, e_shentsize), 63, "image.elf.sections"},
                {offsetof(Elf64_Ehdr, e_shoff) + 7, 0x80, "image.elf.sections"},
                /* the second section, of 4 bytes of text: its offset and its size */
                {64 + 4 + 64 + offsetof(Elf64_Shdr, sh_offset) + 7, 0xff, "image.elf.sections"},
                {64 + 4 + 64 + offsetof(Elf64_Shdr, sh_size) + 1, 1, "image.elf.sections"},
        };
        SV_BUF good = SV_BUF_NULL;

        make_module("text", &good);
        OK(sv_elf_check_module(sv_buf_bytes(&good), &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF bad = SV_BUF_NULL;

                sv_buf_put(&bad, sv_buf_bytes(&good));
                bad.p[t[i].at] = t[i].byte;
                FAILS(sv_elf_check_module(sv_buf_bytes(&bad), &err), SV_FORMAT, t[i].check);
        }
        for (size_t n = 0; n < good.n; n++)
                assert_int_equal(sv_elf_check_module(sv_bytes(good.p, n), NULL), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small),     cmocka_unit_test(test_this_program),
                cmocka_unit_test(test_one_field), cmocka_unit_test(test_every_truncation),
                cmocka_unit_test(test_module),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
