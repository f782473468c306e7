/* SPDX-License-Identifier: Apache-2.0 */
/* ID blocks for launches: made for a guest, and held against what is launched. */
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "sev/measure/idblock.h"
#include "sev/measure/measure.h"
#include "sev/verify/report.h"

static const char *get_id_member(const struct sv_id_in *in, const char *name)
{
        return sv_json_str(sv_json_get(in->members, name));
}

/* FAMILY_ID and IMAGE_ID mean what the guest's owner wants them to mean: 16 bytes. */
static int take_id(const struct sv_id_in *in, const char *name, uint8_t out[16], struct sv_err *err)
{
        const char *hex = get_id_member(in, name);
        SV_BUF raw = SV_BUF_NULL;

        if (!hex)
                return 0;
        if (sv_unhex(sv_bytes_str(hex), &raw, "sev.id_block.id", NULL) < 0 || raw.n != 16)
                return sv_fail(err, SV_USAGE, "sev.id_block.id",
                               "--%s: 32 hex digits were expected, found \"%.64s\"", name, hex);
        memcpy(out, raw.p, 16);
        return 0;
}

static int take_policy(const struct sv_id_in *in, struct sv_id_block *b, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {.policy = 0x30000};
        const char *text = get_id_member(in, "policy");

        if (in->guest && sv_sev_options_read(in->guest, &o, err) < 0)
                return -1;
        b->policy = o.policy;
        if (text && sv_parse_u64(text, UINT64_MAX, &b->policy, "sev.id_block.policy", err) < 0)
                return -1;
        if (!(b->policy & SV_SNP_POLICY_ONE) || b->policy & ~SV_SNP_POLICY_KNOWN)
                return sv_fail(err, SV_USAGE, "sev.id_block.policy",
                               "policy 0x%llx: bit 17 must be set and bits 63:26 clear; the usual "
                               "policy is 0x30000",
                               (unsigned long long)b->policy);
        if (in->guest && b->policy != o.policy)
                return sv_fail(err, SV_USAGE, "sev.id_block.policy",
                               "policy 0x%llx is not the guest file's 0x%llx, so the firmware "
                               "would refuse the launch: change the guest file",
                               (unsigned long long)b->policy, (unsigned long long)o.policy);
        return 0;
}

static int fill_id_block(const struct sv_id_in *in, struct sv_id_block *b, struct sv_err *err)
{
        const char *svn = get_id_member(in, "svn");
        uint64_t n = 0;

        *b = (struct sv_id_block){.version = 1};
        if (in->launch_digest.n && in->launch_digest.n != sizeof(b->launch_digest))
                return sv_fail(err, SV_USAGE, "sev.id_block.launch_digest",
                               "a launch digest has 48 bytes, this has %zu", in->launch_digest.n);
        if (take_policy(in, b, err) < 0 || take_id(in, "family-id", b->family_id, err) < 0 ||
            take_id(in, "image-id", b->image_id, err) < 0 ||
            (svn && sv_parse_u64(svn, UINT32_MAX, &n, "sev.id_block.svn", err) < 0))
                return -1;
        b->guest_svn = (uint32_t)n;
        if (!in->launch_digest.n)
                return sv_sev_predict(in->guest, b->launch_digest, err);
        memcpy(b->launch_digest, in->launch_digest.p, in->launch_digest.n);
        return 0;
}

/* What was made is read and checked as a firmware would. */
int sv_sev_id_block(const struct sv_id_in *in, struct sv_id_out *out, struct sv_err *err)
{
        struct sv_id_out made = {0};
        uint8_t block[SV_ID_BLOCK_SIZE], auth[SV_ID_AUTH_SIZE];
        struct sv_id_block b;
        struct sv_id_auth a;

        if (in->author && !in->key)
                return sv_fail(err, SV_USAGE, "sev.id_block.author",
                               "an author vouches for an ID key: give the ID key as well");
        if (fill_id_block(in, &b, err) < 0)
                return -1;
        sv_id_block_write(&b, block);
        if ((in->key ? sv_id_auth_make(block, in->key, in->author, auth, err)
                     : sv_id_auth_anonymous(block, auth, err)) < 0 ||
            sv_id_block_parse(sv_bytes(block, sizeof(block)), &b, err) < 0 ||
            sv_id_auth_check(sv_bytes(block, sizeof(block)), sv_bytes(auth, sizeof(auth)),
                             in->author != NULL, &a, err) < 0)
                return -1;
        sv_buf_put(&made.block, sv_bytes(block, sizeof(block)));
        sv_buf_put(&made.auth, sv_bytes(auth, sizeof(auth)));
        if (sv_buf_ok(&made.block, "the ID block", err) < 0 ||
            sv_buf_ok(&made.auth, "the ID authentication", err) < 0) {
                sv_id_out_free(&made);
                return -1;
        }
        made.values = sv_id_block_json(&b, &a);
        *out = made;
        return 0;
}

int sv_sev_id_given(const struct sv_guest *guest, const struct sv_sev_options *o,
                    struct sv_buf *block, struct sv_buf *auth, bool *given, struct sv_err *err)
{
        uint8_t digest[48];
        struct sv_id_block b;
        struct sv_id_auth a;

        *given = o->id_block != NULL;
        if (!*given)
                return 0;
        if (sv_file_read(o->id_block, SV_ID_BLOCK_SIZE, block, "sev.domain.id_block", err) < 0 ||
            sv_file_read(o->id_auth, SV_ID_AUTH_SIZE, auth, "sev.domain.id_block", err) < 0)
                return sv_wrap(err, "the guest's ID block; \"secure-vm id-block\" makes one");
        if (sv_id_block_parse(sv_buf_bytes(block), &b, err) < 0)
                return sv_wrap(err, "%s", o->id_block);
        if (sv_id_auth_check(sv_buf_bytes(block), sv_buf_bytes(auth), o->author_key, &a, err) < 0)
                return sv_wrap(err, "%s", o->id_auth);
        if (a.has_author && !o->author_key)
                return sv_fail(err, SV_USAGE, "sev.domain.author_key",
                               "%s carries an author's key, which counts only with \"author_key\": "
                               "true beside id_auth: say so, or sign without --author-key",
                               o->id_auth);
        if (sv_sev_predict(guest, digest, err) < 0 ||
            sv_id_block_expect(&b, digest, &o->policy, err) < 0)
                return sv_wrap(err, "%s", o->id_block);
        return 0;
}
