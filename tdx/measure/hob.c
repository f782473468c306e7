/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/measure/hob.h"

#include <stdlib.h>

#include "base/core/buf.h"

/* q35: with this much memory or more, only 2 GiB stay below 4 GiB */
#define LOW_SPLIT  0xb0000000ull
#define LOW_MAX    0x80000000ull
#define HIGH_START 0x100000000ull

enum { HOB_HANDOFF = 1, HOB_RESOURCE = 3, HOB_END = 0xffff };
enum { SYSTEM_MEMORY = 0, MEMORY_UNACCEPTED = 7 };

static void put_hob_head(struct sv_buf *b, uint16_t type, uint16_t size)
{
        sv_buf_u16le(b, type);
        sv_buf_u16le(b, size);
        sv_buf_u32le(b, 0);
}

/* EFI_HOB_RESOURCE_DESCRIPTOR; attributes: present, initialized, tested. */
static void put_resource(struct sv_buf *b, uint32_t type, uint64_t start, uint64_t length)
{
        if (!length)
                return;
        put_hob_head(b, HOB_RESOURCE, 48);
        sv_buf_grow(b, 16); /* owner: no GUID */
        sv_buf_u32le(b, type);
        sv_buf_u32le(b, 7);
        sv_buf_u64le(b, start);
        sv_buf_u64le(b, length);
}

static int compare_addresses(const void *a, const void *b)
{
        const struct sv_tdvf_section *x = *(const struct sv_tdvf_section *const *)a,
                                     *y = *(const struct sv_tdvf_section *const *)b;

        return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* Low memory, with the pieces that the launch has already added cut out of what the firmware has to
 * accept. */
static int put_low_memory(const struct sv_tdvf *t, uint64_t end, struct sv_buf *b,
                          struct sv_err *err)
{
        const struct sv_tdvf_section *sorted[SV_TDVF_SECTIONS_MAX];
        uint64_t at = 0;
        size_t n = 0;

        for (size_t i = 0; i < t->n; i++)
                if (t->sections[i].type == SV_TDVF_TD_HOB ||
                    t->sections[i].type == SV_TDVF_TEMP_MEM)
                        sorted[n++] = &t->sections[i];
        qsort(sorted, n, sizeof(sorted[0]), compare_addresses);
        for (size_t i = 0; i < n; i++) {
                /* QEMU: "Failed to accept memory for TDVF section" */
                if (sorted[i]->gpa + sorted[i]->size > end)
                        return sv_fail(
                                err, SV_USAGE, "tdx.hob.memory",
                                "the firmware's section %s (0x%llx bytes at 0x%llx) lies outside "
                                "the guest's memory below 4 GiB, which ends at 0x%llx; "
                                "give the guest more memory, or another firmware",
                                sv_tdvf_type_name(sorted[i]->type),
                                (unsigned long long)sorted[i]->size,
                                (unsigned long long)sorted[i]->gpa, (unsigned long long)end);
                put_resource(b, MEMORY_UNACCEPTED, at, sorted[i]->gpa - at);
                put_resource(b, SYSTEM_MEMORY, sorted[i]->gpa, sorted[i]->size);
                at = sorted[i]->gpa + sorted[i]->size;
        }
        put_resource(b, MEMORY_UNACCEPTED, at, end - at);
        return 0;
}

int sv_tdx_hob(const struct sv_tdvf *tdvf, uint64_t memory, struct sv_buf *out, struct sv_err *err)
{
        const struct sv_tdvf_section *place = sv_tdvf_find(tdvf, SV_TDVF_TD_HOB);
        uint64_t low = memory >= LOW_SPLIT ? LOW_MAX : memory;
        SV_BUF list = SV_BUF_NULL;
        SV_BUF head = SV_BUF_NULL;

        if (put_low_memory(tdvf, low, &list, err) < 0)
                return -1;
        put_resource(&list, MEMORY_UNACCEPTED, HIGH_START, memory - low);
        put_hob_head(&list, HOB_END, SV_TDX_HOB_END);
        put_hob_head(&head, HOB_HANDOFF, 56);
        sv_buf_u32le(&head, 9); /* version */
        sv_buf_u32le(&head, 0); /* boot mode */
        sv_buf_grow(&head, 32); /* memory top and bottom, free memory top and bottom */
        sv_buf_u64le(&head, place->gpa + 56 + list.n); /* EfiEndOfHobList: behind the END block */
        sv_buf_put(&head, sv_buf_bytes(&list));
        if (head.n > place->size)
                return sv_fail(err, SV_FORMAT, "tdx.hob",
                               "the HOB list has %zu bytes, its section only %llu", head.n,
                               (unsigned long long)place->size);
        sv_buf_put(out, sv_buf_bytes(&head));
        return sv_buf_ok(out, "the HOB list", err);
}
