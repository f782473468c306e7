/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/measure/mrtd.h"

#include <stdio.h>

#define CHUNK 256u /* TDH.MR.EXTEND takes this many bytes */

struct build {
        struct sv_hash *hash;
        struct sv_err *err;
        bool failed;
};

static void put_bytes(struct build *b, const void *p, size_t n)
{
        if (!b->failed && sv_hash_put(b->hash, sv_bytes(p, n), b->err) < 0)
                b->failed = true;
}

/* 128 bytes: name, zeros, the address at offset 16. */
static void put_record_head(struct build *b, const char *name, uint64_t gpa)
{
        uint8_t head[128] = {0};

        memcpy(head, name, strlen(name));
        for (int i = 0; i < 8; i++)
                head[16 + i] = (uint8_t)(gpa >> (8 * i));
        put_bytes(b, head, sizeof(head));
}

static void add_page(struct build *b, const struct sv_tdvf_section *s, uint64_t at)
{
        put_record_head(b, "MEM.PAGE.ADD", s->gpa + at);
}

static void extend_page(struct build *b, const struct sv_tdvf_section *s, uint64_t at)
{
        static const uint8_t zeros[CHUNK];

        for (uint64_t end = at + SV_PAGE; at < end; at += CHUNK) {
                put_record_head(b, "MR.EXTEND", s->gpa + at);
                put_bytes(b, s->memory.n ? s->memory.p + at : zeros, CHUNK);
        }
}

static void add_td_section(struct build *b, const struct sv_tdvf_section *s,
                           enum sv_tdx_order order)
{
        bool measured = s->attributes & SV_TDVF_MR_EXTEND;

        for (uint64_t at = 0; at < s->size; at += SV_PAGE) {
                add_page(b, s, at);
                if (measured && order == SV_TDX_MAINLINE)
                        extend_page(b, s, at);
        }
        for (uint64_t at = 0; measured && order == SV_TDX_TWO_PASS && at < s->size; at += SV_PAGE)
                extend_page(b, s, at);
}

/* The digest is MRTD after the section, so that two runs can be compared line by line. */
static void note_td_section(const struct build *b, struct sv_measurement *steps,
                            const struct sv_tdvf_section *s)
{
        bool measured = s->attributes & SV_TDVF_MR_EXTEND;
        struct sv_measure_step *step = sv_measurement_step(steps);

        snprintf(step->reg, sizeof(step->reg), "mrtd");
        snprintf(step->type, sizeof(step->type), "%s", measured ? "ADD+EXTEND" : "ADD");
        snprintf(step->what, sizeof(step->what), "%s: %llu pages at 0x%llx%s",
                 sv_tdvf_type_name(s->type), (unsigned long long)(s->size / SV_PAGE),
                 (unsigned long long)s->gpa, measured ? ", contents measured" : "");
        if (!b->failed && sv_hash_peek(b->hash, step->digest[1], NULL) == 0)
                step->digest_size[1] = SV_TDX_DIGEST;
}

int sv_tdx_mrtd(const struct sv_tdvf *tdvf, enum sv_tdx_order order, uint8_t mrtd[SV_TDX_DIGEST],
                struct sv_measurement *steps, struct sv_err *err)
{
        SV_HASH *hash = sv_hash_new(SV_SHA384, err);
        struct build b = {.hash = hash, .err = err};

        if (!hash)
                return -1;
        for (size_t i = 0; i < tdvf->n; i++) {
                add_td_section(&b, &tdvf->sections[i], order);
                if (steps)
                        note_td_section(&b, steps, &tdvf->sections[i]);
        }
        return b.failed ? -1 : sv_hash_end(hash, mrtd, err);
}
