#include "attest/choose.h"

int sv_tee_choose(const char *name, const struct sv_guest *guest, const struct sv_tee **out, struct sv_err *err)
{
        struct sv_probe probe = {0};

        if (!name)
                name = guest ? guest->tee : "auto";
        if (strcmp(name, "auto")) {
                const struct sv_tee *tee = sv_tee_find(name);

                if (!tee)
                        return sv_fail(err, SV_USAGE, "tee.name", "expected auto or one of %s as TEE, found \"%.40s\"", sv_tee_names(), name);
                *out = tee;
                return 0;
        }
        for (size_t i = 0; sv_tees[i]; i++) {
                memset(&probe, 0, sizeof(probe));
                if (sv_tees[i]->probe(&probe, err) < 0)
                        return -1;
                if (probe.ok) {
                        *out = sv_tees[i];
                        return 0;
                }
        }
        return sv_fail(err, SV_SYSTEM, "tee.auto", "this host can run none of %s; nearest: %s", sv_tee_names(), probe.advice);
}
