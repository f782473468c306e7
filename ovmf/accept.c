/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/accept.h"

#include "base/core/limits.h"
#include "ovmf/igvm.h"
#include "ovmf/volumes.h"

#define PAGE      4096
#define HALF_GUID 8
/* The compiler writes the kernel's GUID as two numbers, each in an instruction of its own. */
#define NEAR      64

/* MdePkg: 38c74800-5590-4db4-a0f3-675d9b8e8026 */
static const uint8_t memory_accept[16] = {0x00, 0x48, 0xc7, 0x38, 0x90, 0x55, 0xb4, 0x4d,
                                          0xa0, 0xf3, 0x67, 0x5d, 0x9b, 0x8e, 0x80, 0x26};
/* OvmfPkg: c5a010fe-38a7-4531-8a4a-0500d2fd1649 */
static const uint8_t kernel_accepts[16] = {0xfe, 0x10, 0xa0, 0xc5, 0xa7, 0x38, 0x31, 0x45,
                                           0x8a, 0x4a, 0x05, 0x00, 0xd2, 0xfd, 0x16, 0x49};

static enum sv_acceptance look_into_volumes(struct sv_bytes image)
{
        SV_VOLUMES v = {0};

        if (sv_volumes_read(image, &v, NULL) < 0)
                return SV_ACCEPT_UNKNOWN;
        return memmem(v.store.p, v.store.n, memory_accept, sizeof(memory_accept)) ? SV_ACCEPT_LAZY
                                                                                  : SV_ACCEPT_EAGER;
}

/* What an IGVM file puts into a guest's memory, in pieces without a gap: an OVMF is one of them. */
struct pieces {
        struct sv_buf piece;
        uint64_t next; /* the address behind it */
        enum sv_acceptance found;
};

static void end_piece(struct pieces *p)
{
        if (p->found == SV_ACCEPT_UNKNOWN && p->piece.n)
                p->found = look_into_volumes(sv_buf_bytes(&p->piece));
        sv_buf_clear(&p->piece);
}

static int add_item(void *arg, const struct sv_igvm_item *item, struct sv_err *err)
{
        struct pieces *p = arg;
        uint64_t n = item->n_pages * PAGE;

        if (item->what != SV_IGVM_PAGES)
                return 0;
        if (item->gpa != p->next || n > SV_FIRMWARE_SIZE_MAX - p->piece.n)
                end_piece(p);
        p->next = item->gpa + n;
        if (n > SV_FIRMWARE_SIZE_MAX)
                return 0;
        sv_buf_put(&p->piece, item->contents);
        if (item->contents.n < n)
                sv_buf_grow(&p->piece, (size_t)n - item->contents.n);
        return 0;
}

static enum sv_acceptance look_into_igvm(struct sv_bytes file)
{
        static const enum sv_igvm_platform platforms[] = {SV_IGVM_SEV_SNP, SV_IGVM_TDX};
        struct pieces p = {.piece = {.max = SV_FIRMWARE_SIZE_MAX}};

        for (size_t i = 0; i < 2 && p.found == SV_ACCEPT_UNKNOWN; i++) {
                struct sv_igvm igvm;

                if (sv_igvm_parse(file, platforms[i], &igvm, NULL) == 0 &&
                    sv_igvm_each(&igvm, add_item, &p, NULL) == 0)
                        end_piece(&p);
        }
        sv_buf_free(&p.piece);
        return p.found;
}

enum sv_acceptance sv_acceptance_firmware(struct sv_bytes image)
{
        enum sv_acceptance found = look_into_volumes(image);

        return found == SV_ACCEPT_UNKNOWN ? look_into_igvm(image) : found;
}

enum sv_acceptance sv_acceptance_kernel(struct sv_bytes image)
{
        struct sv_bytes rest = image;
        const uint8_t *at;

        if (!memmem(image.p, image.n, "HdrS", 4))
                return SV_ACCEPT_UNKNOWN;
        while ((at = memmem(rest.p, rest.n, kernel_accepts, HALF_GUID))) {
                rest = sv_bytes(at + HALF_GUID, rest.n - (size_t)(at - rest.p) - HALF_GUID);
                if (memmem(rest.p, rest.n < NEAR ? rest.n : NEAR, kernel_accepts + HALF_GUID,
                           HALF_GUID))
                        return SV_ACCEPT_LAZY;
        }
        return SV_ACCEPT_EAGER;
}
