/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/host/host.h"

#include <stdio.h>
#include <unistd.h>

/* Without an environment: where distributions put programs. */
static bool find_program(const char *name, char *path, size_t size)
{
        static const char *const dirs[] = {"/usr/bin", "/usr/local/bin", "/usr/share/swtpm",
                                           "/usr/libexec"};

        for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
                snprintf(path, size, "%s/%s", dirs[i], name);
                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

int sv_vtpm_probe(struct sv_probe *out, struct sv_err *err)
{
        static const char *const programs[] = {"swtpm", "swtpm_setup", "swtpm_localca"};
        struct sv_probe p = {.ok = true};
        size_t used = 0;

        for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
                char path[64];

                if (!find_program(programs[i], path, sizeof(path))) {
                        p.ok = false;
                        snprintf(p.advice, sizeof(p.advice),
                                 "%s is missing: install the packages swtpm and swtpm-tools",
                                 programs[i]);
                        break;
                }
                used += (size_t)snprintf(p.found + used, sizeof(p.found) - used, "%s%s",
                                         used ? ", " : "", path);
        }
        *out = p;
        return 0;
}

/* libvirt: https://libvirt.org/formatdomain.html#tpm-device */
int sv_vtpm_domain(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err)
{
        sv_buf_puts(&out->devices, "<tpm model='tpm-crb'>\n"
                                   "  <backend type='emulator' version='2.0'>\n"
                                   "    <active_pcr_banks><sha256/><sha384/></active_pcr_banks>\n"
                                   "  </backend>\n"
                                   "</tpm>\n");
        return sv_buf_ok(&out->devices, "domain", err);
}

const char *sv_vtpm_cure(const char *check)
{
        if (strcmp(check, "vtpm.ek.chain"))
                return NULL;
        return "the policy does not name this host's maker of vTPMs: \"secure-vm host vtpm-ca "
               "--export FILE\" writes its certificates (those in /var/lib/swtpm-localca made it "
               "under a system's libvirt daemon), name FILE in the guest file's "
               "attestation.ek_roots, with those of the other hosts, and put the policy again";
}
