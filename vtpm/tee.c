/* The row of the virtual TPM: QEMU's tpm-crb in front of swtpm, which libvirt starts and swtpm-localca certifies. */
#include "vtpm/tee.h"

#include <stdio.h>
#include <unistd.h>

#include "vtpm/challenge.h"
#include "vtpm/explain.h"
#include "vtpm/inspect.h"
#include "vtpm/measure.h"
#include "vtpm/rules.h"
#include "vtpm/verify.h"

/* Without an environment: where distributions put programs. */
static bool find_program(const char *name, char *path, size_t size)
{
        static const char *const dirs[] = {"/usr/bin", "/usr/local/bin", "/usr/share/swtpm", "/usr/libexec"};

        for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
                snprintf(path, size, "%s/%s", dirs[i], name);
                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

static int probe(struct sv_probe *out, struct sv_err *err)
{
        static const char *const programs[] = {"swtpm", "swtpm_setup", "swtpm_localca"};
        struct sv_probe p = {.ok = true};
        size_t used = 0;

        for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
                char path[64];

                if (!find_program(programs[i], path, sizeof(path))) {
                        p.ok = false;
                        snprintf(p.advice, sizeof(p.advice), "%s is missing: install the packages swtpm and swtpm-tools", programs[i]);
                        break;
                }
                used += (size_t)snprintf(p.found + used, sizeof(p.found) - used, "%s%s", used ? ", " : "", path);
        }
        *out = p;
        return 0;
}

/* libvirt: https://libvirt.org/formatdomain.html#tpm-device */
static int domain(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err)
{
        sv_buf_puts(&out->devices, "<tpm model='tpm-crb'>\n"
                                   "  <backend type='emulator' version='2.0'>\n"
                                   "    <active_pcr_banks><sha256/><sha384/></active_pcr_banks>\n"
                                   "  </backend>\n"
                                   "</tpm>\n");
        return sv_buf_ok(&out->devices, "domain", err);
}

/* The certificates come with the evidence and with the policy: nothing is fetched. */
static int needs(const struct sv_json *evidence, struct sv_json *out, struct sv_err *err)
{
        return 0;
}

static const struct sv_trust_kind trust_kinds[] = {
        {"ek_roots", "ek-root"},
        {"ek_intermediates", "ek-intermediate"},
        {NULL, NULL},
};

static const char *const takes[] = {"ek-root", "event-log", NULL};

const struct sv_tee sv_tee_vtpm = {
        .name = "vtpm",
        .kbs_name = "tpm",
        .help = "measured boot with a virtual TPM run by the host: any machine, no protection against the host",
        .probe = probe,
        .domain = domain,
        .measure = sv_vtpm_measure,
        .inspect = sv_vtpm_inspect,
        .compare = sv_vtpm_compare,
        .policy = sv_vtpm_rules,
        .needs = needs,
        .verify = sv_vtpm_verify,
        .challenge = sv_vtpm_challenge,
        .secret_kind = SV_VTPM_ACTIVATION_KIND,
        .takes = takes,
        .trust = trust_kinds,
        .strict = sv_vtpm_strict,
};
