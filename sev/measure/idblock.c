/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/idblock.h"

#include <stdio.h>

#include "base/core/encoding.h"
#include "base/json/json.h"
#include "base/core/rd.h"
#include "sev/verify/report.h"

/* Offsets in the ID authentication page (table 76). */
enum { AT_ID_SIG = 0x040, AT_ID_KEY = 0x240, AT_AUTHOR_SIG = 0x680, AT_AUTHOR_KEY = 0x880 };
enum { KEY_SIZE = 0x404, SIG_SIZE = 512, SCALAR = 72, FIELD = 48 };
#define ALGO_P384_SHA384 1u /* table 77 */
#define CURVE_P384       2u /* table 78 */

int sv_id_block_parse(struct sv_bytes raw, struct sv_id_block *out, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(raw);
        struct sv_id_block b;

        sv_rd_copy(&rd, b.launch_digest, 48);
        sv_rd_copy(&rd, b.family_id, 16);
        sv_rd_copy(&rd, b.image_id, 16);
        b.version = sv_rd_u32le(&rd);
        b.guest_svn = sv_rd_u32le(&rd);
        b.policy = sv_rd_u64le(&rd);
        if (raw.n != SV_ID_BLOCK_SIZE)
                return sv_fail(err, SV_FORMAT, "snp.id_block.size",
                               "an ID block has %u bytes, this has %zu", SV_ID_BLOCK_SIZE, raw.n);
        if (b.version != 1)
                return sv_fail(err, SV_FORMAT, "snp.id_block.version",
                               "an ID block of version 1 was expected, this has version %u",
                               b.version);
        if (!(b.policy & SV_SNP_POLICY_ONE) || b.policy & ~SV_SNP_POLICY_KNOWN)
                return sv_fail(err, SV_FORMAT, "snp.id_block.policy",
                               "POLICY 0x%llx: bit 17 must be one and bits 63:26 zero",
                               (unsigned long long)b.policy);
        *out = b;
        return 0;
}

void sv_id_block_write(const struct sv_id_block *b, uint8_t out[SV_ID_BLOCK_SIZE])
{
        memcpy(out, b->launch_digest, 48);
        memcpy(out + 48, b->family_id, 16);
        memcpy(out + 64, b->image_id, 16);
        sv_bytes_put_le(out + 80, b->version, 4);
        sv_bytes_put_le(out + 84, b->guest_svn, 4);
        sv_bytes_put_le(out + 88, b->policy, 8);
}

/* Big endian to AMD's 72 bytes little endian; the rest of out is zero already. */
static void put_number(uint8_t *out, const uint8_t *be)
{
        for (size_t i = 0; i < FIELD; i++)
                out[i] = be[FIELD - 1 - i];
}

/* And back; false when it has more than 384 bits. */
static bool get_number(const uint8_t *le, uint8_t be[FIELD])
{
        for (size_t i = FIELD; i < SCALAR; i++)
                if (le[i])
                        return false;
        for (size_t i = 0; i < FIELD; i++)
                be[FIELD - 1 - i] = le[i];
        return true;
}

static int put_key(const struct sv_key *key, uint8_t *out, struct sv_err *err)
{
        SV_BUF x = SV_BUF_NULL;
        SV_BUF y = SV_BUF_NULL;

        if (sv_key_type(key) != SV_KEY_P384)
                return sv_fail(err, SV_USAGE, "snp.id_key.curve",
                               "ID keys and author keys are on P-384: make one with \"openssl "
                               "ecparam -name secp384r1 -genkey -noout\"");
        if (sv_key_ec(key, &x, &y, err) < 0)
                return -1;
        sv_bytes_put_le(out, CURVE_P384, 4);
        put_number(out + 4, x.p);
        put_number(out + 4 + SCALAR, y.p);
        return 0;
}

int sv_id_key_digest(const struct sv_key *key, uint8_t out[48], struct sv_err *err)
{
        uint8_t raw[KEY_SIZE] = {0};

        if (put_key(key, raw, err) < 0)
                return -1;
        return sv_digest(SV_SHA384, sv_bytes(raw, sizeof(raw)), out, err);
}

static int put_signature(const struct sv_key *key, struct sv_bytes msg, uint8_t *out,
                         struct sv_err *err)
{
        SV_BUF sig = SV_BUF_NULL;

        if (sv_sign(key, SV_ECDSA_SHA384, msg, &sig, err) < 0)
                return -1;
        put_number(out, sig.p);
        put_number(out + SCALAR, sig.p + FIELD);
        return 0;
}

static void put_algorithms(uint8_t page[SV_ID_AUTH_SIZE])
{
        memset(page, 0, SV_ID_AUTH_SIZE);
        sv_bytes_put_le(page, ALGO_P384_SHA384, 4);
        sv_bytes_put_le(page + 4, ALGO_P384_SHA384, 4);
}

int sv_id_auth_make(const uint8_t block[SV_ID_BLOCK_SIZE], const struct sv_key *id_key,
                    const struct sv_key *author, uint8_t out[SV_ID_AUTH_SIZE], struct sv_err *err)
{
        uint8_t page[SV_ID_AUTH_SIZE];

        put_algorithms(page);
        if (put_key(id_key, page + AT_ID_KEY, err) < 0 ||
            put_signature(id_key, sv_bytes(block, SV_ID_BLOCK_SIZE), page + AT_ID_SIG, err) < 0)
                return sv_wrap(err, "ID key");
        if (author && (put_key(author, page + AT_AUTHOR_KEY, err) < 0 ||
                       put_signature(author, sv_bytes(page + AT_ID_KEY, KEY_SIZE),
                                     page + AT_AUTHOR_SIG, err) < 0))
                return sv_wrap(err, "author key");
        memcpy(out, page, sizeof(page));
        return 0;
}

/* r = 2, s = 1: any constant would do for which a point exists; these are what others use, so that
 * the digests agree. */
static const uint8_t anonymous_signature[2 * FIELD] = {[FIELD - 1] = 2, [2 * FIELD - 1] = 1};

int sv_id_auth_anonymous(const uint8_t block[SV_ID_BLOCK_SIZE], uint8_t out[SV_ID_AUTH_SIZE],
                         struct sv_err *err)
{
        SV_KEY *key = sv_key_recover_p384(
                sv_bytes(block, SV_ID_BLOCK_SIZE),
                sv_bytes(anonymous_signature, sizeof(anonymous_signature)), err);
        uint8_t page[SV_ID_AUTH_SIZE];

        put_algorithms(page);
        if (!key || put_key(key, page + AT_ID_KEY, err) < 0)
                return -1;
        put_number(page + AT_ID_SIG, anonymous_signature);
        put_number(page + AT_ID_SIG + SCALAR, anonymous_signature + FIELD);
        memcpy(out, page, sizeof(page));
        return 0;
}

static int get_key(const uint8_t *raw, const char *whose, struct sv_key **out, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(sv_bytes(raw, KEY_SIZE));
        uint32_t curve = sv_rd_u32le(&rd);
        uint8_t x[FIELD], y[FIELD];

        if (curve != CURVE_P384)
                return sv_fail(err, SV_FORMAT, "snp.id_auth.curve",
                               "the %s key is on curve %u, expected %u (P-384)", whose, curve,
                               CURVE_P384);
        if (!get_number(raw + 4, x) || !get_number(raw + 4 + SCALAR, y))
                return sv_fail(err, SV_FORMAT, "snp.id_auth.key",
                               "a coordinate of the %s key has more than 384 bits", whose);
        *out = sv_key_from_ec(SV_KEY_P384, sv_bytes(x, FIELD), sv_bytes(y, FIELD), NULL);
        if (!*out)
                return sv_fail(err, SV_FORMAT, "snp.id_auth.key", "the %s key is no point of P-384",
                               whose);
        return 0;
}

static int check_id_signature(const uint8_t *key_raw, const uint8_t *sig, struct sv_bytes msg,
                              const char *whose, const char *check, struct sv_err *err)
{
        SV_KEY *key = NULL;
        uint8_t raw[2 * FIELD];

        if (get_key(key_raw, whose, &key, err) < 0)
                return -1;
        if (!get_number(sig, raw) || !get_number(sig + SCALAR, raw + FIELD))
                return sv_fail(err, SV_FORMAT, "snp.id_auth.signature",
                               "R or S of the %s key's signature has more than 384 bits", whose);
        return sv_verify_sig(key, SV_ECDSA_SHA384, msg, sv_bytes(raw, sizeof(raw)), check, err);
}

/* Everything between and behind the parts, and inside them behind the numbers. */
static int check_reserved(const uint8_t *page, struct sv_err *err)
{
        static const struct {
                unsigned from, to;
        } gaps[] = {
                {0x008, AT_ID_SIG},
                {AT_ID_SIG + 2 * SCALAR, AT_ID_KEY},
                {AT_ID_KEY + 4 + 2 * SCALAR, AT_AUTHOR_SIG},
                {AT_AUTHOR_SIG + 2 * SCALAR, AT_AUTHOR_KEY},
                {AT_AUTHOR_KEY + 4 + 2 * SCALAR, SV_ID_AUTH_SIZE},
        };

        for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++)
                for (unsigned at = gaps[i].from; at < gaps[i].to; at++)
                        if (page[at])
                                return sv_fail(
                                        err, SV_FORMAT, "snp.id_auth.reserved",
                                        "the byte at offset 0x%x is reserved and must be zero", at);
        return 0;
}

static int check_algorithms(const uint8_t *page, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(sv_bytes(page, 8));
        uint32_t id = sv_rd_u32le(&rd), author = sv_rd_u32le(&rd);
        bool has_author = !sv_bytes_are_zero(sv_bytes(page + AT_AUTHOR_KEY, KEY_SIZE));

        if (id != ALGO_P384_SHA384 ||
            (has_author ? author != ALGO_P384_SHA384 : author > ALGO_P384_SHA384))
                return sv_fail(err, SV_FORMAT, "snp.id_auth.algorithm",
                               "ID_KEY_ALGO and AUTH_KEY_ALGO 1 (ECDSA P-384 with SHA-384) were "
                               "expected, found %u and %u",
                               id, author);
        return 0;
}

int sv_id_auth_read(struct sv_bytes auth, struct sv_id_auth *out, struct sv_err *err)
{
        struct sv_id_auth a = {0};
        const uint8_t *page = auth.p;
        SV_KEY *key = NULL;

        if (auth.n != SV_ID_AUTH_SIZE)
                return sv_fail(err, SV_FORMAT, "snp.id_auth.size",
                               "ID authentication information has %u bytes, this has %zu",
                               SV_ID_AUTH_SIZE, auth.n);
        a.has_author = !sv_bytes_are_zero(sv_bytes(page + AT_AUTHOR_KEY, KEY_SIZE));
        if (check_algorithms(page, err) < 0 || check_reserved(page, err) < 0 ||
            get_key(page + AT_ID_KEY, "ID", &key, err) < 0)
                return -1;
        if (sv_digest(SV_SHA384, sv_bytes(page + AT_ID_KEY, KEY_SIZE), a.id_key_digest, err) < 0)
                return -1;
        if (a.has_author && sv_digest(SV_SHA384, sv_bytes(page + AT_AUTHOR_KEY, KEY_SIZE),
                                      a.author_key_digest, err) < 0)
                return -1;
        a.anonymous = page[AT_ID_SIG] == 2 &&
                      sv_bytes_are_zero(sv_bytes(page + AT_ID_SIG + 1, SCALAR - 1)) &&
                      page[AT_ID_SIG + SCALAR] == 1 &&
                      sv_bytes_are_zero(sv_bytes(page + AT_ID_SIG + SCALAR + 1, SCALAR - 1));
        *out = a;
        return 0;
}

int sv_id_auth_check(struct sv_bytes block, struct sv_bytes auth, bool author_enabled,
                     struct sv_id_auth *out, struct sv_err *err)
{
        const uint8_t *page = auth.p;
        struct sv_id_auth a;

        if (sv_id_auth_read(auth, &a, err) < 0)
                return -1;
        if (check_id_signature(page + AT_ID_KEY, page + AT_ID_SIG, block, "ID",
                               "snp.id_block.signature", err) < 0)
                return sv_wrap(err, "signature of the ID block");
        if (author_enabled && check_id_signature(page + AT_AUTHOR_KEY, page + AT_AUTHOR_SIG,
                                                 sv_bytes(page + AT_ID_KEY, KEY_SIZE), "author",
                                                 "snp.id_key.signature", err) < 0)
                return sv_wrap(err, "the author's signature of the ID key");
        *out = a;
        return 0;
}

int sv_id_block_expect(const struct sv_id_block *b, const uint8_t *launch_digest,
                       const uint64_t *policy, struct sv_err *err)
{
        char want[97], have[97];

        if (launch_digest &&
            !sv_bytes_eq(sv_bytes(b->launch_digest, 48), sv_bytes(launch_digest, 48)))
                return sv_fail(err, SV_PROOF, "snp.id_block.launch_digest",
                               "the ID block is for launch digest %s, expected %s: sign it anew",
                               sv_hex(sv_bytes(b->launch_digest, 48), have),
                               sv_hex(sv_bytes(launch_digest, 48), want));
        if (policy && *policy != b->policy)
                return sv_fail(err, SV_PROOF, "snp.id_block.guest_policy",
                               "the ID block is for policy 0x%llx, expected 0x%llx: sign it anew",
                               (unsigned long long)b->policy, (unsigned long long)*policy);
        return 0;
}

struct sv_json *sv_id_block_json(const struct sv_id_block *b, const struct sv_id_auth *a)
{
        struct sv_json *j = sv_json_object();
        char policy[20];

        if (b) {
                snprintf(policy, sizeof(policy), "0x%llx", (unsigned long long)b->policy);
                sv_json_set_hex(j, "launch_digest", sv_bytes(b->launch_digest, 48));
                sv_json_set_hex(j, "family_id", sv_bytes(b->family_id, 16));
                sv_json_set_hex(j, "image_id", sv_bytes(b->image_id, 16));
                sv_json_set_int(j, "version", b->version);
                sv_json_set_int(j, "guest_svn", b->guest_svn);
                sv_json_set_str(j, "policy", policy);
        }
        if (!a)
                return j;
        sv_json_set_hex(j, "id_key_digest", sv_bytes(a->id_key_digest, 48));
        sv_json_set_bool(j, "anonymous", a->anonymous);
        if (a->has_author)
                sv_json_set_hex(j, "author_key_digest", sv_bytes(a->author_key_digest, 48));
        return j;
}
