/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the level of a platform is the first of the document's that none of its components, nor
 *         its PCE, is below; a platform that fits no level is refused, and then nothing is written.
 * for:    every document of up to 3 levels, every 16 SGX components, TDX components and PCE
 * stubs:  texts of errors; JSON: a document that says what it has to, with any numbers
 * unwind: 17
 * loops:  sv_tcb_platform.0:4 sv_tcb_status_by_name.0:2 advisories_are_names.0:1
 * fault:  `if (fits && !have)` => `if (fits)`
 * fault:  `pck->pcesvn >= pcesvn` => `pck->pcesvn >= 0`
 */
#include "proof.h"
#include "stub_err.h"

#include "tdx/verify/tcb.c"

#define LEVELS 3

/* An element: the list of levels, a level (and its "tcb"), a list of components, or one of them. */
struct sv_json {
        enum { LIST, LEVEL, SGX, TDX, COMPONENT } kind;
        unsigned level;
        uint8_t svn;
};

static struct sv_json list = {.kind = LIST}, level[LEVELS], sgx[LEVELS], tdx[LEVELS];
static struct sv_json sgx_at[LEVELS][16], tdx_at[LEVELS][16];
static uint16_t pce[LEVELS];
static size_t n_levels;

int sv_json_need_array(const struct sv_json *obj, const char *member, struct sv_json **out,
                       const char *check, struct sv_err *err)
{
        if (!obj)
                *out = &list;
        else
                *out = member[0] == 's' ? &sgx[obj->level] : &tdx[obj->level];
        return 0;
}

int sv_json_need_obj(const struct sv_json *obj, const char *member, struct sv_json **out,
                     const char *check, struct sv_err *err)
{
        *out = &level[obj->level];
        return 0;
}

size_t sv_json_len(const struct sv_json *j)
{
        if (!j)
                return 0;
        return j->kind == LIST ? n_levels : 16;
}

struct sv_json *sv_json_at(const struct sv_json *j, size_t i)
{
        if (j->kind == LIST)
                return &level[i];
        return j->kind == SGX ? &sgx_at[j->level][i] : &tdx_at[j->level][i];
}

int sv_json_need_int(const struct sv_json *obj, const char *member, int64_t min, int64_t max,
                     int64_t *out, const char *check, struct sv_err *err)
{
        *out = obj->kind == COMPONENT ? obj->svn : pce[obj->level];
        return 0;
}

struct sv_json *sv_json_get(const struct sv_json *obj, const char *member)
{
        return NULL;
}

enum sv_json_type sv_json_type(const struct sv_json *j)
{
        return SV_JSON_NULL;
}

const char *sv_json_type_name(enum sv_json_type type)
{
        return "";
}

int sv_json_need_str(const struct sv_json *obj, const char *member, const char **out,
                     const char *check, struct sv_err *err)
{
        *out = "UpToDate";
        return 0;
}

int sv_parse_moment(const char *text, int64_t *seconds, const char *check, struct sv_err *err)
{
        *seconds = 0;
        return 0;
}

const char *sv_json_str(const struct sv_json *j)
{
        return NULL;
}

static bool fits(unsigned l, const struct sv_pck *p, const uint8_t svn[16])
{
        bool all = p->pcesvn >= pce[l];

        for (size_t i = 0; i < 16; i++) {
                all &= p->components[i] >= sgx_at[l][i].svn;
                all &= (i < 2 && svn[1]) || svn[i] >= tdx_at[l][i].svn;
        }
        return all;
}

static void any_document(void)
{
        n_levels = nondet_size();
        ASSUME(n_levels <= LEVELS);
        for (unsigned l = 0; l < LEVELS; l++) {
                level[l] = (struct sv_json){.kind = LEVEL, .level = l};
                sgx[l] = (struct sv_json){.kind = SGX, .level = l};
                tdx[l] = (struct sv_json){.kind = TDX, .level = l};
                pce[l] = nondet_u16();
                for (size_t i = 0; i < 16; i++) {
                        sgx_at[l][i] = (struct sv_json){COMPONENT, l, nondet_u8()};
                        tdx_at[l][i] = (struct sv_json){COMPONENT, l, nondet_u8()};
                }
        }
}

void prove(void)
{
        struct sv_tcb_doc info = {0};
        struct sv_tcb_found found = {.level = 77};
        struct sv_pck p;
        uint8_t svn[16];

        any_document();
        if (sv_tcb_platform(&info, &p, svn, &found, NULL) < 0) {
                PROVE(found.level == 77 && failed_check);
                for (unsigned l = 0; l < LEVELS; l++)
                        PROVE(l >= n_levels || !fits(l, &p, svn));
                return;
        }
        PROVE(found.level < n_levels && fits(found.level, &p, svn));
        for (unsigned l = 0; l < LEVELS; l++)
                PROVE(l >= found.level || !fits(l, &p, svn));
}
