#include "launcher/evidence.h"

#include "base/file.h"
#include "base/limits.h"

int sv_evidence_tee(const struct sv_args *args, const struct sv_tee **out, struct sv_err *err)
{
        const char *name = sv_opt(args, "tee");

        *out = name ? sv_tee_find(name) : NULL;
        if (!*out)
                return sv_fail(err, SV_USAGE, "tee.name", "expected --tee with one of %s, found %s%.40s", sv_tee_names(),
                               name ? "" : "none", name ? name : "");
        return 0;
}

int sv_evidence_read(const char *path, const struct sv_tee *tee, struct sv_json **out, struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;
        const char *text;

        if (sv_file_read(path, SV_JSON_SIZE_MAX, &raw, "verify.evidence", err) < 0)
                return -1;
        text = sv_buf_str(&raw);
        if (tee->wrap && text[strspn(text, " \t\r\n")] != '{')
                return tee->wrap(sv_buf_bytes(&raw), out, err);
        return sv_json_parse(sv_buf_bytes(&raw), "verify.evidence", out, err);
}
