/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a libvirt domain a TD (libvirt formatdomain, "Launch Security"; libvirt 11.6,
 * QEMU 10.1). libvirt checks little of this itself: whatever would start something else than was
 * measured, or fail late, is refused here. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "ovmf/tdvf.h"
#include "tdx/host/host.h"
#include "tdx/tee.h"

int sv_tdx_image_read(const struct sv_guest *g, struct sv_buf *image, struct sv_tdvf *tdvf,
                      struct sv_err *err)
{
        const char *path = g->firmware ? g->firmware : SV_TDX_FIRMWARE;

        if (!g->firmware && access(path, R_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "tdx.firmware",
                               "%s is not here: install a firmware for TDX (Debian forky: package "
                               "ovmf-inteltdx), or name one with \"firmware\"",
                               path);
        if (sv_file_read(path, SV_FIRMWARE_SIZE_MAX, image, "tdx.firmware", err) < 0)
                return -1;
        if (sv_tdvf_parse(sv_buf_bytes(image), tdvf, err) < 0)
                return sv_wrap(err, "%s is no firmware for TDX; use an IntelTdx build of OVMF",
                               path);
        return 0;
}

/* What a guest file can say of tuning and a TD cannot have: member of "tuning", why not, and what
 * to do instead. */
static const struct {
        const char *member, *why, *instead;
} cannot[] = {
        {"hugepages",
         "its private memory comes from guest_memfd, whatever lies behind the shared half",
         "leave them out, the host gives the memory"},
        {"memory_hotplug", "all its memory is accounted for at the launch",
         "set \"memory\" and launch anew"},
        {"vcpu_hotplug", "its vCPUs are made before the launch is finished",
         "set \"vcpus\" and launch anew"},
        {"balloon", "what it would give back is only the shared half",
         "set \"memory\" and launch anew"},
        {"snapshot", "the host cannot read its memory or vCPUs",
         "stop the guest and copy its disk"},
        {"save", "the host cannot read its memory or vCPUs",
         "stop the guest, and launch and attest it anew"},
        {"migration", "the host cannot read its memory or vCPUs",
         "stop the guest, move its disk, launch and attest it there"},
        {"smm", "the TDX module has no system management mode",
         "leave it out: the firmware for TDX keeps its variables without it"},
        {"vtpm", "a TPM that the host runs proves nothing against the host",
         "leave it out: the TDX module's registers RTMR0 to 3 take its place"},
        {"nvram",
         "its firmware is no flash but a read-only image, whose variables are measured with it",
         "put variables into the image"},
        {"core_dump", "the host cannot read its memory or vCPUs",
         "let the guest's own kernel write it (kdump)"},
        {"pmu", "KVM gives a TD no performance counters", "leave it out"},
        {"nested", "a TD cannot run guests of its own under KVM", "leave it out"},
};

static int refuse_tuning(const struct sv_guest *g, struct sv_err *err)
{
        for (size_t i = 0; g->tuning && i < sizeof(cannot) / sizeof(cannot[0]); i++) {
                const struct sv_json *v = sv_json_get(g->tuning, cannot[i].member);

                if (v && (sv_json_type(v) != SV_JSON_BOOL || sv_json_bool(v, true)))
                        return sv_fail(err, SV_USAGE, "tdx.domain.cannot",
                                       "a TD cannot have \"%s\" (tuning): %s; %s", cannot[i].member,
                                       cannot[i].why, cannot[i].instead);
        }
        return 0;
}

static int refuse_tdx_options(const struct sv_guest *g, const struct sv_tdx_options *o,
                              struct sv_err *err)
{
        if (g->cpu)
                return sv_fail(err, SV_USAGE, "tdx.domain.cpu",
                               "QEMU starts a TD only with the processor that the host has, found "
                               "CPU model \"%s\"; remove \"cpu\" (it is no part of MRTD)",
                               g->cpu);
        if (o->attributes & SV_TDX_ATTR_DEBUG)
                return sv_fail(err, SV_USAGE, "tdx.domain.attributes",
                               "attributes 0x%llx: QEMU starts no TD that the host can debug (bit "
                               "0); clear it, such a TD can be measured and verified only",
                               (unsigned long long)o->attributes);
        if (!(o->attributes & SV_TDX_ATTR_SEPT_VE_DISABLE))
                return sv_fail(err, SV_USAGE, "tdx.domain.attributes",
                               "attributes 0x%llx let the host make the guest's memory accesses "
                               "fault (bit 28 is clear), and Linux stops at boot; set bit 28",
                               (unsigned long long)o->attributes);
        if (o->page_order && strcmp(o->page_order, "mainline"))
                return sv_fail(err, SV_USAGE, "tdx.domain.page_order",
                               "page_order %s is that of another QEMU and KVM, so MRTD would never "
                               "be met; remove it",
                               o->page_order);
        if (o->attributes != SV_TDX_ATTR_SEPT_VE_DISABLE)
                return sv_fail(err, SV_USAGE, "tdx.domain.attributes",
                               "attributes 0x%llx: libvirt can start a TD with bit 28 only "
                               "(0x10000000), so these attributes would never be met",
                               (unsigned long long)o->attributes);
        return 0;
}

/* Where libvirt shall point QEMU to for quotes; NULL: nowhere. */
static int quote_service(const struct sv_guest *g, const struct sv_tdx_options *o,
                         const char **path, struct sv_err *err)
{
        const char *s = o->quote_service ? o->quote_service : SV_TDX_QGS;
        struct stat st;

        if (!strncmp(s, "vsock:", 6))
                return sv_fail(err, SV_USAGE, "tdx.domain.quote_service",
                               "libvirt reaches a quote service by a unix socket only, found "
                               "\"%s\"; let the service listen there (%s), or let the guest ask it "
                               "(\"quote_service\": \"none\", \"quote_port\")",
                               s, SV_TDX_QGS);
        *path = strcmp(s, "none") ? s : NULL;
        if (!g->attestation.url)
                return 0;
        if (o->quote_port && access("/dev/vhost-vsock", F_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "tdx.domain.quote_port",
                               "\"quote_port\" lets the guest ask the quote service over vsock, "
                               "and this host has no "
                               "/dev/vhost-vsock: load the module (modprobe vhost_vsock), or leave "
                               "\"quote_port\" out");
        if (!*path && o->quote_port)
                return 0;
        if (!*path)
                return sv_fail(err, SV_USAGE, "tdx.domain.quote_service",
                               "the guest attests itself to %s, and \"quote_service\" is none: it "
                               "could never get a quote; name a socket, or leave it out, or give "
                               "\"quote_port\"",
                               g->attestation.url);
        if (stat(*path, &st) < 0 || !S_ISSOCK(st.st_mode))
                return sv_fail(err, SV_SYSTEM, "tdx.domain.quote_service",
                               "the guest attests itself to %s, and there is no quote service at "
                               "%s to sign for it: install and start qgsd (package "
                               "tdx-qgs; without \"port\" in /etc/qgs.conf, or it listens on vsock "
                               "only), or name its socket with \"quote_service\"",
                               g->attestation.url, *path);
        return 0;
}

static void put_id(struct sv_buf *x, const char *element, const uint8_t id[48], bool given)
{
        if (!given)
                return;
        sv_buf_printf(x, "    <%s>", element);
        sv_put_base64(x, sv_bytes(id, 48));
        sv_buf_printf(x, "</%s>\n", element);
}

int sv_tdx_domain(const struct sv_guest *g, struct sv_domain_part *out, struct sv_err *err)
{
        SV_TDX_OPTIONS o = {0};
        SV_BUF image = SV_BUF_NULL;
        struct sv_tdvf tdvf;
        struct sv_tdx_ids ids;
        struct sv_buf *x = &out->launch_security;
        const char *qgs = NULL;

        if (sv_tdx_options_read(g, &o, err) < 0 || refuse_tdx_options(g, &o, err) < 0 ||
            refuse_tuning(g, err) < 0 || sv_tdx_image_read(g, &image, &tdvf, err) < 0 ||
            sv_tdx_ids(&o, &ids, err) < 0 || quote_service(g, &o, &qgs, err) < 0)
                return -1;
        sv_buf_printf(x, "  <launchSecurity type='tdx'>\n    <policy>0x%llx</policy>\n",
                      (unsigned long long)o.attributes);
        put_id(x, "mrConfigId", ids.mrconfigid, ids.has_mrconfigid);
        put_id(x, "mrOwner", ids.mrowner, ids.has_mrowner);
        put_id(x, "mrOwnerConfig", ids.mrownerconfig, ids.has_mrownerconfig);
        if (qgs) /* tdx/options.c lets no character through that XML would want escaped */
                sv_buf_printf(x, "    <quoteGenerationService path='%s'/>\n", qgs);
        sv_buf_puts(x, "  </launchSecurity>\n");
        /* The interrupt controller is split between KVM and QEMU: KVM makes no vCPU of a TD
         * otherwise. */
        sv_buf_puts(
                &out->features,
                "    <ioapic driver='qemu'/>\n    <pmu state='off'/>\n    <smm state='off'/>\n");
        if (o.quote_port)
                sv_buf_puts(&out->devices,
                            "    <vsock model='virtio'>\n      <cid auto='yes'/>\n    </vsock>\n");
        out->stateless_firmware = true;
        return sv_buf_ok(x, "the TDX part of the domain", err);
}
