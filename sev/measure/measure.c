/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/measure.h"

#include <stdio.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "sev/measure/cpu.h"
#include "sev/measure/igvm.h"
#include "sev/measure/launch.h"
#include "sev/options.h"
#include "sev/tee.h"
#include "tee/boot.h"

struct inputs {
        struct sv_map firmware, svsm;
        struct sv_boot_hashes hashes;
        uint8_t firmware_digest[SV_SNP_DIGEST];
        struct sv_sev_launch launch;
};

static int read_firmware(const struct sv_guest *g, struct sv_map *out, struct sv_err *err)
{
        const char *path = g->firmware ? g->firmware : SV_SEV_FIRMWARE;

        if (!g->firmware && access(path, R_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "sev.firmware",
                               "%s is not here: install a firmware for SNP (Debian forky: package "
                               "ovmf-amdsev), or name one with \"firmware\"",
                               path);
        return sv_file_map(path, SV_FIRMWARE_SIZE_MAX, out, "sev.firmware", err);
}

static int choose_vcpu_state(const struct sv_guest *g, const struct sv_sev_options *o,
                             struct sv_sev_launch *l, struct sv_err *err)
{
        l->vcpus = g->vcpus;
        l->features = o->features;
        l->old_fpu = o->old_fpu;
        if (o->vmm && sv_vmm_by_name(o->vmm, &l->vmm, err) < 0)
                return -1;
        l->cpu_sig = (uint32_t)o->cpu_sig;
        if (l->cpu_sig || l->vmm != SV_VMM_QEMU ||
            (g->tees && sv_json_pointer(g->tees, "/sev-snp/cpu_sig")))
                return 0;
        if (!g->cpu)
                return sv_fail(err, SV_USAGE, "sev.cpu",
                               "the CPU model is part of the measurement: name one (\"cpu\", "
                               "--cpu: EPYC-v4, EPYC-Milan, EPYC-Genoa …) or its "
                               "signature (--cpu-sig)");
        return sv_cpu_sig_of(g->cpu, &l->cpu_sig, err);
}

int sv_sev_image(const struct sv_guest *g, bool *own_tables, struct sv_err *err)
{
        SV_MAP file = {.mapped = 0};
        struct sv_err why = SV_ERR_NULL;
        struct sv_uki u;

        if (sv_file_map(g->uki, SV_UKI_SIZE_MAX, &file, "measure.kernel", err) < 0)
                return -1;
        /* Of another image nothing is known but its digest. */
        if (sv_boot_uki(g, file.bytes, &u, &why) == 0 || why.class != SV_USAGE) {
                if (own_tables)
                        *own_tables = !why.class && u.measured;
                return 0;
        }
        return sv_fail(err, why.class, why.check, "%s: %s", g->uki, why.msg);
}

static int hash_boot_files(const struct sv_guest *g, struct inputs *in, struct sv_err *err)
{
        SV_BUF line = SV_BUF_NULL;

        if (!g->kernel && !g->uki)
                return 0;
        if (g->uki && sv_sev_image(g, NULL, err) < 0)
                return -1;
        /* QEMU gives a UKI to the firmware as a kernel like any other. */
        if (sv_guest_cmdline(g, &line, err) < 0 ||
            sv_boot_hashes(g->kernel ? g->kernel : g->uki, g->initrd, sv_buf_str(&line),
                           &in->hashes, err) < 0)
                return -1;
        in->launch.hashes = &in->hashes;
        return 0;
}

static int take_digest(const char *hex, uint8_t out[SV_SNP_DIGEST], struct sv_err *err)
{
        SV_BUF raw = SV_BUF_NULL;

        if (sv_unhex(sv_bytes_str(hex), &raw, "sev.firmware_digest", err) < 0)
                return -1;
        if (raw.n != SV_SNP_DIGEST)
                return sv_fail(err, SV_USAGE, "sev.firmware_digest",
                               "a launch digest has %d bytes, this has %zu", SV_SNP_DIGEST, raw.n);
        memcpy(out, raw.p, SV_SNP_DIGEST);
        return 0;
}

static int collect_inputs(const struct sv_guest *g, const struct sv_sev_options *o,
                          struct inputs *in, struct sv_err *err)
{
        if (read_firmware(g, &in->firmware, err) < 0 ||
            choose_vcpu_state(g, o, &in->launch, err) < 0 || hash_boot_files(g, in, err) < 0)
                return -1;
        in->launch.firmware = in->firmware.bytes;
        if (o->firmware_digest) {
                if (take_digest(o->firmware_digest, in->firmware_digest, err) < 0)
                        return -1;
                in->launch.firmware_digest = in->firmware_digest;
        }
        if (o->svsm) {
                if (sv_file_map(o->svsm, SV_FIRMWARE_SIZE_MAX, &in->svsm, "sev.svsm", err) < 0)
                        return -1;
                in->launch.svsm = in->svsm.bytes;
                in->launch.svsm_vars = (uint32_t)o->svsm_vars;
        }
        return 0;
}

/* An IGVM file says itself what is launched; of the guest file only the path counts. */
static int measure_igvm(const char *path, struct inputs *in, uint8_t digest[SV_SNP_DIGEST],
                        struct sv_measurement *m, struct sv_err *err)
{
        struct sv_json *missing;
        bool has_vmsa;

        if (sv_file_map(path, SV_FIRMWARE_SIZE_MAX, &in->firmware, "sev.igvm", err) < 0 ||
            sv_sev_igvm_digest(in->firmware.bytes, true, digest, &has_vmsa, m, err) < 0)
                return -1;
        if (has_vmsa)
                return 0;
        missing = sv_json_add(m->unpredicted, sv_json_object());
        sv_json_set_str(missing, "name", "vmsa");
        sv_json_set_str(missing, "reason",
                        "the IGVM file holds no vCPU state: the monitor adds its own, which this "
                        "digest does not cover");
        return 0;
}

static int measure_snp_guest(const struct sv_guest *g, const struct sv_sev_options *o,
                             struct inputs *in, struct sv_measurement *out, struct sv_err *err)
{
        struct sv_measurement m = {.values = sv_json_object(), .unpredicted = sv_json_array()};
        uint8_t digest[SV_SNP_DIGEST];
        int r;

        if (o->igvm)
                r = measure_igvm(o->igvm, in, digest, &m, err);
        else
                r = collect_inputs(g, o, in, err) < 0
                            ? -1
                            : sv_sev_launch_digest(&in->launch, digest, &m, err);
        if (r < 0) {
                sv_measurement_free(&m);
                return -1;
        }
        sv_json_set_hex(m.values, "launch_digest", sv_bytes(digest, sizeof(digest)));
        *out = m;
        return 0;
}

int sv_sev_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {0};
        struct inputs in = {0};
        int r;

        if (sv_sev_options_read(guest, &o, err) < 0)
                return -1;
        r = measure_snp_guest(guest, &o, &in, out, err);
        sv_map_free(&in.firmware);
        sv_map_free(&in.svsm);
        return r;
}

int sv_sev_predict(const struct sv_guest *guest, uint8_t digest[SV_SNP_DIGEST], struct sv_err *err)
{
        struct sv_measurement m = {0};
        int r;

        if (sv_sev_measure(guest, &m, err) < 0)
                return -1;
        r = take_digest(sv_json_str(sv_json_get(m.values, "launch_digest")), digest, err);
        sv_measurement_free(&m);
        return r;
}
