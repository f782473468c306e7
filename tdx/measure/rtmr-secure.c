/* SPDX-License-Identifier: Apache-2.0 */
/* Secure Boot: which entry of which list lets the image start, measured into RTMR0 when it is used;
 * and what a shim adds to it (ovmf/authority.h, ovmf/shim.h). */
#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "tdx/measure/rtmr.h"

static int read_store(struct sv_tdx_boot *b, struct sv_err *err)
{
        const struct sv_tdvf_section *cfv = sv_tdvf_find(&b->firmware->tdvf, SV_TDVF_CFV);

        if (!b->firmware->readable)
                return 0;
        b->store = calloc(1, sizeof(*b->store));
        if (!b->store)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the variable store");
        if (cfv && sv_varstore_parse(cfv->raw, b->store, err) < 0)
                return sv_wrap(err, "the image's configuration volume");
        b->secure_boot = b->firmware->secure_boot && sv_secure_boot_on(b->store);
        return 0;
}

static int read_shim(struct sv_tdx_boot *b, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        const char *unknown = NULL;

        if (!b->guest->shim || !b->files)
                return 0;
        if (sv_file_read(b->guest->shim, SV_KERNEL_SIZE_MAX, &b->shim_image, "tdx.shim", err) < 0)
                return -1;
        if (sv_shim_read(sv_buf_bytes(&b->shim_image), &b->shim, &why) < 0)
                unknown = why.msg;
        else if (!b->store)
                unknown = "the firmware's variables are not known";
        else
                unknown = sv_shim_unknown(&b->shim, b->store);
        if (unknown)
                snprintf(b->shim_unknown, sizeof(b->shim_unknown), "%.380s", unknown);
        return 0;
}

static void refuse_secure_boot(struct sv_tdx_boot *b, const char *by, const char *what,
                               const char *why)
{
        snprintf(b->refused, sizeof(b->refused),
                 "Secure Boot is on, and the %s does not start the %s, which is %s: sign it with a "
                 "key that the firmware's db "
                 "trusts, put a shim in between that trusts its signer (\"shim\"), or use a "
                 "firmware without keys",
                 by, what, why);
}

static const char *get_kernel_path(const struct sv_tdx_boot *b)
{
        return b->guest->uki ? b->guest->uki : b->guest->kernel;
}

static int allow_first(struct sv_tdx_boot *b, struct sv_err *err)
{
        SV_SIGNED_IMAGE image = {.n = 0};
        const char *shim = b->guest->shim;
        char by[256];
        int r;

        if (!shim && !b->guest->uki && b->monitor->patches_kernel) {
                refuse_secure_boot(b, "firmware", "kernel",
                                   "changed by QEMU, so that its signature breaks");
                return 0;
        }
        r = sv_signed_image_read(sv_buf_bytes(shim ? &b->shim_image : &b->files->kernel), &image,
                                 err);
        if (r == 0)
                r = sv_firmware_authority(b->store, &image, &b->first, err);
        if (r < 0)
                return sv_wrap(err, "%s", shim ? shim : get_kernel_path(b));
        sv_signed_image_by(&image, by);
        if (r == 0)
                refuse_secure_boot(b, "firmware", shim ? "shim" : "kernel", by);
        return 0;
}

static int allow_second(struct sv_tdx_boot *b, struct sv_err *err)
{
        SV_SIGNED_IMAGE image = {.n = 0};
        struct sv_bytes kernel = sv_buf_bytes(&b->files->kernel), sbat;
        char by[256];
        int r = sv_pe_section(kernel, ".sbat", &sbat, err);

        if (r == 0) {
                refuse_secure_boot(b, "shim", "kernel",
                                   "without a section .sbat, which says what it was made from");
                return 0;
        }
        if (r > 0)
                r = sv_signed_image_read(kernel, &image, err);
        if (r == 0)
                r = sv_shim_authority(&b->shim, b->store, &image, &b->second, err);
        if (r < 0)
                return sv_wrap(err, "%s", get_kernel_path(b));
        sv_signed_image_by(&image, by);
        if (r == 0)
                refuse_secure_boot(b, "shim", "kernel", by);
        return 0;
}

int sv_tdx_boot_read(struct sv_tdx_boot *b, struct sv_err *err)
{
        if (read_store(b, err) < 0 || read_shim(b, err) < 0)
                return -1;
        if (!b->secure_boot || !b->files)
                return 0;
        if (allow_first(b, err) < 0)
                return -1;
        return b->guest->shim && !*b->shim_unknown && !*b->refused ? allow_second(b, err) : 0;
}

void sv_tdx_boot_free(struct sv_tdx_boot *b)
{
        free(b->store);
        b->store = NULL;
        sv_buf_free(&b->shim_image);
        sv_authority_free(&b->first);
        sv_authority_free(&b->second);
}

static int add_authority(struct sv_prediction *p, const struct sv_authority *a, struct sv_err *err)
{
        if (a->name)
                return sv_event_authority(p, 0, a, err);
        sv_event_unknown(p, 0, SV_EV_EFI_VARIABLE_AUTHORITY,
                         "the entry that allows what is started");
        return 0;
}

int sv_tdx_firmware_authority(struct sv_prediction *p, const struct sv_tdx_boot *b,
                              struct sv_err *err)
{
        return b->secure_boot ? add_authority(p, &b->first, err) : 0;
}

int sv_tdx_shim_variables(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        if (!b->guest->shim)
                return 0;
        if (*b->shim_unknown) {
                sv_event_unknown(p, 0, SV_EV_EFI_VARIABLE_AUTHORITY, "what the shim adds");
                sv_event_unpredicted(p, 0, "%s", b->shim_unknown);
                return 0;
        }
        if (sv_event_shim_level(p, 0, &b->shim, b->secure_boot, err) < 0)
                return -1;
        return b->secure_boot ? add_authority(p, &b->second, err) : 0;
}
