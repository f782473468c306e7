/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm reference make, retire: the sets that an author then signs, from guest files and from
 * the set before. */

#include "base/core/file.h"
#include "base/core/text.h"
#include "launcher/choose.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/exposure.h"
#include "launcher/cli/guest-policy.h"
#include "launcher/cli/reference-file.h"
#include "policy/reference-make.h"

static const struct sv_opt make_opts[] = {
        {.name = "after",
         .arg = "SET",
         .help = "the set that this one follows, whose tuples stay: JSON, or signed (JWS)"},
        {.name = "key",
         .arg = "FILE",
         .help = "the key that has signed --after (PEM, public or private)"},
        {.name = "image", .arg = "TEXT", .help = "what to call the image (the guest's name)"},
        {.name = "not-before", .arg = "T", .help = "accepted from this time on (RFC 3339)"},
        {.name = "not-after", .arg = "T", .help = "accepted until this time (RFC 3339)"},
        {.name = "again", .help = "accept values once more that were retired"},
        {.name = "tee", .arg = "T", .help = "the TEE, when the guest file leaves it to the host"},
        {.name = "out", .arg = "FILE", .help = "write it there instead of to standard output"},
        {0},
};
static const struct sv_opt retire_opts[] = {
        {.name = "below",
         .arg = "N",
         .help = "retire the tuples of lower generations (all but the newest)"},
        {.name = "key",
         .arg = "FILE",
         .help = "the key that has signed the set (PEM, public or private)"},
        {.name = "out", .arg = "FILE", .help = "write it there instead of to standard output"},
        {0},
};

static int run_reference_make(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        const char *after = sv_opt(args, "after");
        struct sv_reference_tuple tuple = {.name = args->pos[0],
                                           .image = sv_opt(args, "image"),
                                           .not_before = sv_opt(args, "not-before"),
                                           .not_after = sv_opt(args, "not-after")};
        SV_GUEST guest = {0};
        SV_JSON *before = NULL, *values = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        const struct sv_tee_host *tee;
        int64_t generation;

        if ((after && sv_reference_read(after, sv_opt(args, "key"), &before, err) < 0) ||
            sv_guest_take(args->pos[1], &guest, err) < 0 ||
            sv_tee_choose(sv_opt(args, "tee"), &guest, SV_CHOOSE_ANY, &tee, err) < 0 ||
            sv_guest_image_values(&guest, tee->id, values, err) < 0 ||
            sv_report_exposure(tee->id, &guest, err) < 0)
                return -1;
        tuple.tee = tee->id->name;
        tuple.values = values;
        if (!tuple.image)
                tuple.image = guest.name;
        if (sv_reference_add(before, &tuple, sv_has(args, "again"), &text, &generation, err) < 0)
                return -1;
        return sv_reference_put_out(args, sv_buf_bytes(&text), result, err);
}

static int run_reference_retire(const struct sv_args *args, struct sv_json **result,
                                struct sv_err *err)
{
        const char *below = sv_opt(args, "below");
        SV_JSON *before = NULL;
        SV_BUF text = SV_BUF_NULL;
        uint64_t generation;
        size_t retired;

        if ((below &&
             sv_parse_u64(below, INT64_MAX, &generation, "reference.retire.below", err) < 0) ||
            sv_reference_read(args->pos[0], sv_opt(args, "key"), &before, err) < 0)
                return -1;
        if (!below)
                generation = (uint64_t)sv_reference_newest(before);
        if (sv_reference_retire(before, (int64_t)generation, &text, &retired, err) < 0 ||
            sv_reference_put_out(args, sv_buf_bytes(&text), result, err) < 0)
                return -1;
        sv_json_set_int(*result, "retired", (int64_t)retired);
        return 0;
}

const struct sv_cmd sv_cmd_reference_make = {
        .name = "reference make",
        .args = "NAME GUEST.json",
        .help = "write the values that a guest's image shows as a reference set, to be signed",
        .opts = make_opts,
        .run = run_reference_make,
};

const struct sv_cmd sv_cmd_reference_retire = {
        .name = "reference retire",
        .args = "SET",
        .help = "write the set that follows this one and accepts its newest image only",
        .opts = retire_opts,
        .run = run_reference_retire,
};
