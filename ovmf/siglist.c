/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/siglist.h"

#include "base/core/buf.h"

#define LIST_HEADER 28
#define OWNER       16

const uint8_t sv_guid_cert_x509[16] = {0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                       0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72};
const uint8_t sv_guid_cert_sha256[16] = {0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                         0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28};
const uint8_t sv_guid_cert_sha384[16] = {0x07, 0x53, 0x3e, 0xff, 0xd0, 0x9f, 0xc9, 0x48,
                                         0x85, 0xf1, 0x8a, 0xd5, 0x6c, 0x70, 0x1e, 0x01};
const uint8_t sv_guid_cert_sha512[16] = {0xae, 0x0f, 0x3e, 0x09, 0xc4, 0xa6, 0x50, 0x4f,
                                         0x9f, 0x1b, 0xd4, 0x1e, 0x2b, 0x89, 0xc1, 0x9a};

struct sv_siglist sv_siglist(struct sv_bytes lists)
{
        return (struct sv_siglist){.lists = sv_rd(lists), .list = sv_rd(SV_BYTES_NULL)};
}

static int read_next_list(struct sv_siglist *l, struct sv_err *err)
{
        uint32_t size, header;

        l->type = sv_rd_take(&l->lists, 16);
        size = sv_rd_u32le(&l->lists);
        header = sv_rd_u32le(&l->lists);
        l->size = sv_rd_u32le(&l->lists);
        if (!l->lists.bad &&
            (size < LIST_HEADER || l->size <= OWNER || header > size - LIST_HEADER ||
             (size - LIST_HEADER - header) % l->size))
                return sv_fail(err, SV_FORMAT, "ovmf.siglist",
                               "a list of %u bytes with a header of %u and signatures of %u", size,
                               header, l->size);
        l->list = sv_rd_sub(&l->lists, l->lists.bad ? 0 : size - LIST_HEADER);
        sv_rd_skip(&l->list, header);
        l->first = true;
        return sv_rd_ok(&l->lists, "ovmf.siglist", "a list of signatures", err);
}

int sv_siglist_next(struct sv_siglist *l, struct sv_signature *out, struct sv_err *err)
{
        while (sv_rd_left(&l->list) == 0) {
                if (sv_rd_left(&l->lists) == 0)
                        return 0;
                if (read_next_list(l, err) < 0)
                        return -1;
        }
        out->type = l->type;
        out->first = l->first;
        out->entry = sv_rd_bytes(&l->list, l->size);
        out->data = sv_bytes(out->entry.p + OWNER, out->entry.n - OWNER);
        l->first = false;
        return 1;
}

void sv_siglist_put(struct sv_buf *b, const uint8_t type[16], const uint8_t owner[16],
                    struct sv_bytes data)
{
        sv_buf_put(b, sv_bytes(type, 16));
        sv_buf_u32le(b, (uint32_t)(LIST_HEADER + OWNER + data.n));
        sv_buf_u32le(b, 0);
        sv_buf_u32le(b, (uint32_t)(OWNER + data.n));
        sv_buf_put(b, sv_bytes(owner, OWNER));
        sv_buf_put(b, data);
}
