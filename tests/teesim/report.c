/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/teesim/signer.h"

static void give_up(const char *what)
{
        fprintf(stderr, "state file: %s\n", what);
        exit(1);
}

static void put(uint8_t *out, unsigned at, unsigned size, uint64_t value)
{
        for (unsigned i = 0; i < size; i++)
                out[at + i] = (uint8_t)(value >> 8 * i);
}

static void put_hex(uint8_t *out, unsigned at, size_t size, const struct sv_json *state,
                    const char *member)
{
        SV_BUF raw = SV_BUF_NULL;

        if (sv_json_need_hex(state, member, &raw, "state", NULL) < 0 || raw.n != size)
                give_up(member);
        memcpy(out + at, raw.p, size);
}

static uint64_t number(const struct sv_json *state, const char *member)
{
        int64_t v = sv_json_int(sv_json_get(state, member), -1);

        if (v < 0)
                give_up(member);
        return (uint64_t)v;
}

/* AMD 56860, table 23; the offsets are those of every version, what a version does not have stays
 * zero. */
void amd_report(const struct amd_pki *pki, const struct sv_json *state,
                const uint8_t report_data[64], unsigned version, uint8_t out[AMD_REPORT])
{
        /* current, reported, committed, launch */
        static const unsigned tcbs[] = {0x038, 0x180, 0x1e0, 0x1f0};
        const struct amd_product *p = pki->product;
        const char *outcome = sv_json_str(sv_json_get(state, "outcome"));
        uint8_t signature[AMD_SIGNATURE];

        if (!outcome || strcmp(outcome, "launched"))
                give_up("nothing was launched");
        memset(out, 0, AMD_REPORT);
        put(out, 0x000, 4, version);
        put(out, 0x004, 4, number(state, "guest_svn"));
        put(out, 0x008, 8, number(state, "policy"));
        put_hex(out, 0x010, 16, state, "family_id");
        put_hex(out, 0x020, 16, state, "image_id");
        put(out, 0x034, 4, 1);    /* ECDSA P-384 with SHA-384 */
        put(out, 0x040, 8, 0x25); /* SMT, ECC, alias check */
        /* signed by the VCEK */
        put(out, 0x048, 4, sv_json_bool(sv_json_get(state, "author_key"), false));
        memcpy(out + 0x050, report_data, 64);
        put_hex(out, 0x090, 48, state, "digest");
        put_hex(out, 0x0c0, 32, state, "host_data");
        put_hex(out, 0x0e0, 48, state, "id_key_digest");
        put_hex(out, 0x110, 48, state, "author_key_digest");
        memcpy(out + 0x140, out + 0x090, 32); /* REPORT_ID: any number of this guest's own */
        memset(out + 0x160, 0xff, 32);        /* no migration agent */
        for (size_t i = 0; i < sizeof(tcbs) / sizeof(tcbs[0]); i++)
                amd_tcb(p, out + tcbs[i]);
        if (version >= 3) {
                out[0x188] = p->family;
                out[0x189] = p->model;
                out[0x18a] = p->stepping;
        }
        amd_hwid(p, out + 0x1a0);
        memcpy(out + 0x1e8, (const uint8_t[]){60, 55, 1}, 3); /* build, minor, major: current */
        memcpy(out + 0x1ec, (const uint8_t[]){60, 55, 1}, 3); /* committed */
        amd_sign(pki->vcek_key, out, 0x2a0, signature);
        memcpy(out + 0x2a0, signature, 144);
}
