/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/update-reference.h"

#include <time.h>

#include "attest/jose/reference.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/cli/guest-policy.h"
#include "launcher/cli/reference-file.h"
#include "policy/foresee.h"
#include "policy/reference-make.h"
#include "policy/set-form.h"

/* Would the guest get its key by this policy with this set? */
static int foresee_with_set(const struct sv_set_update *u, const struct sv_json *set,
                            struct sv_err *err)
{
        SV_JSON *rows = sv_json_array();
        SV_POLICY_DOC *joined = NULL, *predicted = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (sv_reference_join(u->policy, set, &joined, err) < 0 ||
            sv_guest_write_policy(u->guest, u->tee, &text, err) < 0 ||
            sv_policy_parse(sv_buf_bytes(&text), &predicted, err) < 0)
                return -1;
        if (sv_policy_foresee(joined, predicted, time(NULL), rows, err) < 0)
                return sv_wrap(err, "the guest would be refused with its new files: nothing is "
                                    "changed");
        return 0;
}

static int fail_no_author(const char *name, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "policy.update.reference",
                       "what the policy accepts stands in reference set %s, which does not have "
                       "the new files: --author-key FILE signs the next generation here; or its "
                       "author does it (\"reference make\", \"sign\", \"put\"), and update comes "
                       "after that",
                       name);
}

static int put_next_set(const struct sv_set_update *u, const struct sv_json *set,
                        const struct sv_key *key, struct sv_json *values, int64_t *generation,
                        struct sv_err *err)
{
        const char *name = sv_opt(u->args, "name");
        SV_BUF text = SV_BUF_NULL, signed_text = SV_BUF_NULL;
        SV_STR image = NULL;
        SV_JSON *next = NULL;
        char day[32];

        sv_format_time(time(NULL), day);
        image = sv_asprintf("%s from %s", u->guest->name, day);
        if (sv_reference_add(set,
                             &(struct sv_reference_tuple){.name = sv_reference_name(set),
                                                          .tee = u->tee->name,
                                                          .image = name ? name : image,
                                                          .values = values},
                             sv_has(u->args, "again"), &text, generation, err) < 0 ||
            sv_reference_parse(sv_buf_bytes(&text), &next, err) < 0 ||
            foresee_with_set(u, next, err) < 0 ||
            sv_reference_sign(key, sv_buf_bytes(&text), &signed_text, err) < 0)
                return -1;
        if (sv_admin_put_reference(u->admin, sv_reference_name(set), sv_buf_bytes(&signed_text),
                                   err) < 0)
                return sv_wrap(err, "giving the reference set to the broker");
        sv_info("reference set %s accepts the new files beside the others (generation %lld)",
                sv_reference_name(set), (long long)*generation);
        return 0;
}

int sv_update_reference(const struct sv_set_update *u, bool *put, int64_t *generation,
                        struct sv_err *err)
{
        const char *author = sv_opt(u->args, "author-key"), *name;
        SV_POLICY_DOC *policy = NULL;
        SV_JSON *set = NULL, *values = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        SV_KEY *key = NULL;
        const struct sv_json *same;

        *put = false;
        if (sv_policy_parse(u->policy, &policy, err) < 0)
                return -1;
        name = sv_policy_reference(policy);
        key = author ? sv_reference_read_key(author, err) : NULL;
        if ((author && !key) || sv_admin_get_reference(u->admin, name, &text, err) < 0 ||
            sv_reference_open(sv_buf_bytes(&text), key, &set, err) < 0)
                return sv_wrap(err, "reference set %s", name);
        if (sv_guest_image_values(u->guest, u->tee, values, err) < 0)
                return -1;
        same = sv_reference_find(set, values, false);
        if (same) {
                *generation = sv_set_generation(same);
                return foresee_with_set(u, set, err);
        }
        if (!key)
                return fail_no_author(name, err);
        if (put_next_set(u, set, key, values, generation, err) < 0)
                return -1;
        *put = true;
        return 0;
}
