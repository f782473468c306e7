/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/igvm.h"

#include "base/core/limits.h"
#include "base/core/rd.h"

#define PAGE  4096u
#define FIXED 24u

/* IGVM_VHT_* and the size of each body. */
enum {
        SUPPORTED_PLATFORM = 0x1,
        GUEST_POLICY = 0x101,
        PARAMETER_AREA = 0x301,
        PAGE_DATA = 0x302,
        PARAMETER_INSERT = 0x303,
        VP_CONTEXT = 0x304,
        OPTIONAL = 1u << 31,
};

static const struct {
        uint32_t type, size;
} known[] = {
        {SUPPORTED_PLATFORM, 16},
        {GUEST_POLICY, 16},
        {0x102, 0},
        {0x103, 0}, /* relocation */
        /* required memory */
        {PARAMETER_AREA, 16},
        {PAGE_DATA, 24},
        {PARAMETER_INSERT, 16},
        {VP_CONTEXT, 20},
        {0x305, 0},
        {0x307, 0},
        {0x308, 0},
        {0x309, 0},
        {0x30a, 0},
        {0x30b, 0},
        {0x30c, 0},
        {0x30d, 0},
        {0x30e, 0},
        {0x30f, 0},
        {0x310, 0},
        /* what the loader fills in, ID block, error range: not pages */
        {0x311, 0},
        {0x312, 0},
        {0x313, 0},
};

struct header {
        uint32_t type;
        struct sv_rd body;
};

struct area {
        bool declared;
        uint64_t bytes;
};

struct walk {
        const struct sv_igvm *igvm;
        struct sv_rd rd;
        int stage; /* 0 platforms, 1 initialisation, 2 directives */
        struct area areas[SV_IGVM_AREAS_MAX];
        int (*fn)(void *arg, const struct sv_igvm_item *item, struct sv_err *err);
        void *arg;
};

/* CRC-32 of IEEE 802.3, over the headers with the field itself zero; a few hundred bytes, so bit by
 * bit. */
static uint32_t update_crc32(uint32_t crc, struct sv_bytes b)
{
        crc = ~crc;
        for (size_t i = 0; i < b.n; i++) {
                crc ^= b.p[i];
                for (int k = 0; k < 8; k++)
                        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
        return ~crc;
}

static int read_fixed_header(struct sv_bytes file, struct sv_bytes *headers, struct sv_err *err)
{
        struct sv_rd r = sv_rd(file), v = r;
        uint32_t magic = sv_rd_u32le(&r), version = sv_rd_u32le(&r), offset = sv_rd_u32le(&r),
                 size = sv_rd_u32le(&r);
        uint32_t total = sv_rd_u32le(&r), crc = sv_rd_u32le(&r), seen;
        static const uint8_t zero[4];

        if (sv_rd_ok(&r, "igvm.header", "the IGVM file", err) < 0)
                return -1;
        if (magic != 0x4d564749 || version != 1) /* "IGVM" */
                return sv_fail(err, SV_FORMAT, "igvm.header",
                               "\"IGVM\" and version 1 were expected, found 0x%08x and %u", magic,
                               version);
        sv_rd_seek(&v, offset);
        *headers = sv_rd_bytes(&v, size);
        if (total != file.n || offset != FIXED || v.bad || !size || size % 8)
                return sv_fail(err, SV_FORMAT, "igvm.header",
                               "the headers say: file of %u bytes, %u bytes of variable headers at "
                               "%u; the file has %zu bytes",
                               total, size, offset, file.n);
        seen = update_crc32(0, sv_bytes(file.p, FIXED - 4));
        seen = update_crc32(seen, sv_bytes(zero, 4));
        seen = update_crc32(seen, *headers);
        if (seen != crc)
                return sv_fail(err, SV_FORMAT, "igvm.header",
                               "the headers' checksum is 0x%08x, 0x%08x was expected", crc, seen);
        return 0;
}

/* u32 type, u32 length, body, padding to 8. */
static int read_next_header(struct sv_rd *rd, struct header *h, struct sv_err *err)
{
        uint32_t length;

        h->type = sv_rd_u32le(rd);
        length = sv_rd_u32le(rd);
        h->body = sv_rd_sub(rd, length);
        if (!rd->bad && length % 8)
                sv_rd_skip(rd, 8 - length % 8);
        if (sv_rd_ok(rd, "igvm.header", "the IGVM variable headers", err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (known[i].type == (h->type & ~OPTIONAL) && known[i].size &&
                    known[i].size != length)
                        return sv_fail(err, SV_FORMAT, "igvm.header",
                                       "header 0x%x has %u bytes, %u were expected", h->type,
                                       length, known[i].size);
        return 0;
}

static bool is_known_header(uint32_t type)
{
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (known[i].type == type)
                        return true;
        return false;
}

static int check_header_order(struct walk *w, uint32_t type, struct sv_err *err)
{
        int stage = type <= 0x100 ? 0 : type <= 0x200 ? 1 : type >= 0x301 && type <= 0x400 ? 2 : -1;

        if (stage < w->stage)
                return sv_fail(err, SV_FORMAT, "igvm.order",
                               "header 0x%x comes after headers that follow its kind (platforms, "
                               "initialisation, "
                               "directives)",
                               type);
        w->stage = stage;
        return 0;
}

static bool has_one_bit(uint32_t v)
{
        return v && !(v & (v - 1));
}

/* --- pages --- */

static int read_file_data(struct walk *w, uint32_t offset, uint64_t size, struct sv_bytes *out,
                          struct sv_err *err)
{
        struct sv_rd r = sv_rd(w->igvm->file);

        *out = SV_BYTES_NULL;
        if (!offset)
                return 0;
        sv_rd_seek(&r, offset);
        *out = sv_rd_bytes(&r, size);
        return r.bad ? sv_fail(err, SV_FORMAT, "igvm.page",
                               "data at 0x%x, %llu bytes, lies outside the file", offset,
                               (unsigned long long)size)
                     : 0;
}

static int check_page_aligned(uint64_t gpa, struct sv_err *err)
{
        return gpa % PAGE ? sv_fail(err, SV_FORMAT, "igvm.page",
                                    "address 0x%llx is not that of a page", (unsigned long long)gpa)
                          : 0;
}

static int read_page_data(struct walk *w, struct sv_rd *b, struct sv_err *err)
{
        struct sv_igvm_item item = {.what = SV_IGVM_PAGES, .gpa = sv_rd_u64le(b), .n_pages = 1};
        uint32_t mask = sv_rd_u32le(b), offset = sv_rd_u32le(b), flags = sv_rd_u32le(b);
        uint16_t type = sv_rd_u16le(b), reserved = sv_rd_u16le(b);

        if (check_page_aligned(item.gpa, err) < 0)
                return -1;
        if (type > SV_IGVM_CPUID_XF || flags & ~6u || reserved)
                return sv_fail(err, SV_FORMAT, "igvm.page",
                               "page at 0x%llx: data type %u, flags 0x%x, reserved 0x%x are not "
                               "all known%s",
                               (unsigned long long)item.gpa, type, flags, reserved,
                               flags & 1 ? " (pages of 2 MiB are not supported)" : "");
        item.data = type;
        item.unmeasured = flags & 2;
        item.shared = flags & 4;
        if (read_file_data(w, offset, PAGE, &item.contents, err) < 0)
                return -1;
        return mask & w->igvm->mask ? w->fn(w->arg, &item, err) : 0;
}

static int read_parameter_area(struct walk *w, struct sv_rd *b, struct sv_err *err)
{
        uint64_t bytes = sv_rd_u64le(b);
        uint32_t index = sv_rd_u32le(b);

        if (index >= SV_IGVM_AREAS_MAX || w->areas[index].declared || !bytes || bytes % PAGE ||
            bytes > SV_IGVM_AREA_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "igvm.parameter",
                               "parameter area %u of %llu bytes: declared twice, or no whole "
                               "number of pages",
                               index, (unsigned long long)bytes);
        w->areas[index] = (struct area){true, bytes};
        return 0;
}

/* Whatever the loader puts there is the host's word: never measured, however many pages. */
static int read_parameter_insert(struct walk *w, struct sv_rd *b, struct sv_err *err)
{
        struct sv_igvm_item item = {
                .what = SV_IGVM_PARAMETER_INSERT, .gpa = sv_rd_u64le(b), .unmeasured = true};
        uint32_t mask = sv_rd_u32le(b), index = sv_rd_u32le(b);

        if (check_page_aligned(item.gpa, err) < 0)
                return -1;
        if (index >= SV_IGVM_AREAS_MAX || !w->areas[index].declared)
                return sv_fail(err, SV_FORMAT, "igvm.parameter",
                               "parameter area %u is inserted but was not declared", index);
        item.n_pages = w->areas[index].bytes / PAGE;
        return mask & w->igvm->mask ? w->fn(w->arg, &item, err) : 0;
}

static int read_vp_context(struct walk *w, struct sv_rd *b, struct sv_err *err)
{
        struct sv_igvm_item item = {
                .what = SV_IGVM_VP_CONTEXT, .gpa = sv_rd_u64le(b), .n_pages = 1};
        uint32_t mask = sv_rd_u32le(b), offset = sv_rd_u32le(b);

        if (check_page_aligned(item.gpa, err) < 0 ||
            read_file_data(w, offset, PAGE, &item.contents, err) < 0)
                return -1;
        return mask & w->igvm->mask ? w->fn(w->arg, &item, err) : 0;
}

static int read_directive(struct walk *w, struct header *h, struct sv_err *err)
{
        switch (h->type) {
        case PARAMETER_AREA:
                return read_parameter_area(w, &h->body, err);
        case PAGE_DATA:
                return read_page_data(w, &h->body, err);
        case PARAMETER_INSERT:
                return read_parameter_insert(w, &h->body, err);
        case VP_CONTEXT:
                return read_vp_context(w, &h->body, err);
        }
        if (h->type & OPTIONAL || is_known_header(h->type))
                return 0;
        return sv_fail(err, SV_FORMAT, "igvm.unknown", "header 0x%x is not known and not optional",
                       h->type);
}

int sv_igvm_each(const struct sv_igvm *igvm,
                 int (*fn)(void *arg, const struct sv_igvm_item *item, struct sv_err *err),
                 void *arg, struct sv_err *err)
{
        struct walk w = {.igvm = igvm, .rd = sv_rd(igvm->headers), .fn = fn, .arg = arg};
        struct header h;

        while (sv_rd_left(&w.rd)) {
                if (read_next_header(&w.rd, &h, err) < 0 ||
                    check_header_order(&w, h.type & ~OPTIONAL, err) < 0 ||
                    read_directive(&w, &h, err) < 0)
                        return -1;
        }
        return 0;
}

/* --- the platform --- */

static int find_igvm_platform(struct sv_igvm *g, enum sv_igvm_platform platform, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(g->headers);
        struct header h;

        while (sv_rd_left(&rd)) {
                uint32_t mask;
                uint64_t policy;
                uint8_t type;

                if (read_next_header(&rd, &h, err) < 0)
                        return -1;
                if (h.type == SUPPORTED_PLATFORM) {
                        mask = sv_rd_u32le(&h.body);
                        sv_rd_skip(&h.body, 1);
                        type = sv_rd_u8(&h.body);
                        if (!has_one_bit(mask))
                                return sv_fail(err, SV_FORMAT, "igvm.platform",
                                               "a platform's mask has one bit, this is 0x%x", mask);
                        if (type == platform)
                                g->mask = mask;
                } else if (h.type == GUEST_POLICY) {
                        policy = sv_rd_u64le(&h.body);
                        if (sv_rd_u32le(&h.body) & g->mask) {
                                g->policy = policy;
                                g->has_policy = true;
                        }
                }
        }
        if (!g->mask)
                return sv_fail(err, SV_FORMAT, "igvm.platform",
                               "this IGVM file is not for platform type %d", platform);
        return 0;
}

static int accept_item(void *arg, const struct sv_igvm_item *item, struct sv_err *err)
{
        return 0;
}

int sv_igvm_parse(struct sv_bytes file, enum sv_igvm_platform platform, struct sv_igvm *out,
                  struct sv_err *err)
{
        struct sv_igvm g = {.file = file};

        if (read_fixed_header(file, &g.headers, err) < 0 ||
            find_igvm_platform(&g, platform, err) < 0 ||
            sv_igvm_each(&g, accept_item, NULL, err) < 0)
                return -1;
        *out = g;
        return 0;
}
