/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a libvirt domain an SNP guest (libvirt formatdomain, "Launch Security"; libvirt 10.5,
 * QEMU 9.1). libvirt checks little of this itself: whatever would start something else than was
 * measured, or fail late, is refused here. */
#include <stdio.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "ovmf/sevmeta.h"
#include "sev/measure/cpu.h"
#include "sev/host/host.h"
#include "sev/measure/measure.h"
#include "sev/verify/report.h"
#include "sev/tee.h"

static int refuse_snp_options(const struct sv_guest *g, const struct sv_sev_options *o,
                              struct sv_err *err)
{
        uint32_t sig;

        if (o->igvm)
                return sv_fail(err, SV_USAGE, "sev.domain.igvm",
                               "libvirt cannot start an IGVM file; give \"firmware\", \"kernel\" "
                               "and \"initrd\" instead");
        if (o->svsm)
                return sv_fail(
                        err, SV_USAGE, "sev.domain.svsm",
                        "QEMU and libvirt cannot start an SVSM yet; an SVSM can be measured only");
        if (o->vmm && strcmp(o->vmm, "qemu"))
                return sv_fail(err, SV_USAGE, "sev.domain.vmm",
                               "the guest file is for %s; here QEMU starts guests, remove \"vmm\"",
                               o->vmm);
        if (o->features != 1)
                return sv_fail(err, SV_USAGE, "sev.domain.features",
                               "guest_features 0x%llx: QEMU launches with 0x1, so the measurement "
                               "would never be met; remove it",
                               (unsigned long long)o->features);
        if (o->policy & SV_SNP_POLICY_MIGRATE_MA)
                return sv_fail(err, SV_USAGE, "sev.domain.policy",
                               "policy 0x%llx asks for a migration agent (bit 18), which KVM "
                               "refuses; clear it",
                               (unsigned long long)o->policy);
        if (!g->cpu)
                return sv_fail(err, SV_USAGE, "sev.domain.cpu",
                               "an SNP guest needs a named CPU model, which is part of its "
                               "measurement: add \"cpu\", for instance \"EPYC-v4\"");
        if (sv_cpu_sig_of(g->cpu, &sig, err) < 0)
                return -1;
        if (o->cpu_sig && o->cpu_sig != sig)
                return sv_fail(err, SV_USAGE, "sev.domain.cpu",
                               "cpu_sig 0x%llx is not that of %s (0x%x), so the measurement would "
                               "never be met",
                               (unsigned long long)o->cpu_sig, g->cpu, sig);
        return 0;
}

/* An image without SEV metadata starts, measures nothing of a kernel, and stops in the guest. */
static int check_firmware(const struct sv_guest *g, struct sv_err *err)
{
        const char *path = g->firmware ? g->firmware : SV_SEV_FIRMWARE;
        SV_BUF image = SV_BUF_NULL;
        struct sv_footer footer;
        struct sv_sev_meta meta;

        if (!g->firmware && access(path, R_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "sev.firmware",
                               "%s is not here: install a firmware for SNP (Debian forky: package "
                               "ovmf-amdsev), or name one with \"firmware\"",
                               path);
        if (sv_file_read(path, SV_FIRMWARE_SIZE_MAX, &image, "sev.firmware", err) < 0)
                return -1;
        if (sv_footer_parse(sv_buf_bytes(&image), &footer, err) < 0 ||
            sv_sev_meta_parse(&footer, &meta, err) < 0)
                return sv_wrap(err, "%s is no firmware for SNP; use an AmdSev build of OVMF", path);
        if (!sv_sev_meta_find(&meta, SV_SEV_SEC_KERNEL_HASHES))
                return sv_fail(err, SV_USAGE, "sev.domain.hashes",
                               "%s has no place for the hashes of kernel, initramfs and command "
                               "line, so the host could exchange them; use an AmdSev "
                               "build of OVMF",
                               path);
        return 0;
}

static void put_element(struct sv_buf *x, const char *element, struct sv_bytes raw)
{
        sv_buf_printf(x, "    <%s>", element);
        sv_put_base64(x, raw);
        sv_buf_printf(x, "</%s>\n", element);
}

int sv_sev_domain(const struct sv_guest *g, struct sv_domain_part *out, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {0};
        struct sv_buf *x = &out->launch_security;
        SV_BUF id_block = SV_BUF_NULL;
        SV_BUF id_auth = SV_BUF_NULL;
        uint8_t host_data[32];
        bool has_host_data, has_id;

        if (sv_sev_options_read(g, &o, err) < 0 || refuse_snp_options(g, &o, err) < 0 ||
            check_firmware(g, err) < 0 ||
            sv_sev_host_data(&o, host_data, &has_host_data, err) < 0 ||
            sv_sev_id_given(g, &o, &id_block, &id_auth, &has_id, err) < 0)
                return -1;
        /* The policy always with 0x: libvirt reads bare digits as hexadecimal. */
        sv_buf_printf(x,
                      "  <launchSecurity type='sev-snp' kernelHashes='%s'%s>\n    "
                      "<policy>0x%llx</policy>\n",
                      g->kernel || g->uki ? "yes" : "no", o.author_key ? " authorKey='yes'" : "",
                      (unsigned long long)o.policy);
        if (has_id) {
                put_element(x, "idBlock", sv_buf_bytes(&id_block));
                put_element(x, "idAuth", sv_buf_bytes(&id_auth));
        }
        if (has_host_data)
                put_element(x, "hostData", sv_bytes(host_data, sizeof(host_data)));
        sv_buf_puts(x, "  </launchSecurity>\n");
        sv_buf_puts(&out->features, "    <smm state='off'/>\n");
        out->stateless_firmware = true;
        return sv_buf_ok(x, "the SNP part of the domain", err);
}
