/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of TDX, as the program takes them. */
#pragma once

#include "base/core/file.h"
#include "tdx/verify/bundle.h"
#include "tests/unit/unit.h"

#define DIR "tdx/"

static struct sv_err err;

static inline bool load(const char *rel, struct sv_buf *out)
{
        SV_STR name = sv_asprintf(DIR "%s", rel);

        return sv_file_read(vector_name(name), 8u << 20, out, "test.file", NULL) == 0;
}

static inline struct sv_json *read_json(const char *rel)
{
        struct sv_json *j = NULL;
        SV_BUF text = SV_BUF_NULL;

        assert_true(load(rel, &text));
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        return j;
}

/* --- verify as the program does: a folder, file by file under its kind; a file as "bundle" --- */

struct collateral {
        struct sv_blob blobs[9];
        struct sv_buf raw[9];
        size_t n;
};

static inline void add(struct collateral *c, const char *kind, const char *rel)
{
        if (!load(rel, &c->raw[c->n]))
                return;
        snprintf(c->blobs[c->n].kind, sizeof(c->blobs[0].kind), "%s", kind);
        c->blobs[c->n].data = sv_buf_bytes(&c->raw[c->n]);
        c->n++;
}

static inline void add_folder(struct collateral *c, const char *dir)
{
        static const char *const names[] = {"tcb_info.json",    "tcb_info_chain.pem",
                                            "qe_identity.json", "qe_identity_chain.pem",
                                            "pck_crl.der",      "root_ca_crl.der"};

        for (int i = 0; i < SV_TDX_PARTS; i++) {
                SV_STR rel = sv_asprintf("%s/%s", dir, names[i]);

                add(c, sv_tdx_part_kind((enum sv_tdx_part)i), rel);
        }
}

static inline void drop(struct collateral *c)
{
        for (size_t i = 0; i < c->n; i++)
                sv_buf_free(&c->raw[i]);
}

/* A file of evidence is wrapped where that works; evidence that is broken arrives from the wire as
 * it is. */
static inline struct sv_json *evidence_of(const char *rel)
{
        struct sv_json *j = sv_json_object();
        SV_BUF raw = SV_BUF_NULL;

        assert_true(load(rel, &raw));
        sv_json_set_b64(j, "quote", sv_buf_bytes(&raw));
        return j;
}
