/* SPDX-License-Identifier: Apache-2.0 */
/* Images that firmware starts: a kernel, a unified kernel image, a shim, another; and who signed
 * them. */
#include "ovmf/inspect.h"

#include <stdio.h>

#include "base/core/file.h"
#include "ovmf/linux.h"
#include "ovmf/shim.h"
#include "ovmf/uki.h"

static int add_linux_kind(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_linux image;
        char protocol[16];

        if (sv_linux_parse(file, &image, err) < 0)
                return -1;
        sv_json_set_str(out, "kind", "kernel");
        sv_json_set_str(out, "version", image.version);
        snprintf(protocol, sizeof(protocol), "%u.%02u", image.protocol >> 8, image.protocol & 0xff);
        sv_json_set_str(out, "boot_protocol", protocol);
        return 0;
}

static int add_image_kind(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        struct sv_shim shim;
        struct sv_uki uki;
        SV_STR text = NULL;

        if (file.n > 0x206 && sv_bytes_eq(sv_bytes(file.p + 0x202, 4), sv_bytes_str("HdrS")))
                return add_linux_kind(file, out, err);
        if (sv_uki_read(file, "ovmf.pe.sections", &uki, NULL) == 0) {
                sv_json_set_str(out, "kind", "unified-kernel-image");
                if (uki.version)
                        sv_json_set_int(out, "stub", uki.version);
                if (uki.cmdline.p && sv_uki_cmdline_plain(&uki))
                        sv_json_set_str(out, "cmdline",
                                        text = sv_asprintf("%.*s", (int)uki.cmdline.n,
                                                           (const char *)uki.cmdline.p));
        } else if (sv_shim_read(file, &shim, NULL) == 0) {
                sv_json_set_str(out, "kind", "shim");
                sv_json_set_str(out, "version",
                                text = sv_asprintf("%u.%u", shim.major, shim.minor));
        } else {
                sv_json_set_str(out, "kind", "pe-image");
        }
        return 0;
}

/* Of the file; a monitor may change a kernel's header before the firmware sees it (ovmf/linux.h).
 */
static int add_image_digests(const struct sv_pe *pe, struct sv_json *out, struct sv_err *err)
{
        static const enum sv_digest banks[] = {SV_SHA256, SV_SHA384};
        struct sv_json *digests = sv_json_set(out, "authenticode", sv_json_object());

        for (size_t i = 0; i < 2; i++) {
                uint8_t digest[SV_DIGEST_MAX];

                if (sv_pe_digest(pe, banks[i], digest, err) < 0)
                        return -1;
                sv_json_set_hex(digests, sv_digest_name(banks[i]),
                                sv_bytes(digest, sv_digest_size(banks[i])));
        }
        return 0;
}

int sv_inspect_image(struct sv_bytes file, struct sv_json *out, struct sv_err *err)
{
        SV_SIGNED_IMAGE image = {.n = 0};
        struct sv_json *signers;

        if (add_image_kind(file, out, err) < 0 || sv_signed_image_read(file, &image, err) < 0 ||
            add_image_digests(&image.pe, out, err) < 0)
                return -1;
        signers = sv_json_set(out, "signers", sv_json_array()); /* by their own word */
        for (size_t i = 0; i < image.n; i++) {
                char name[256];

                sv_authenticode_signer(image.signatures[i], name);
                sv_json_add(signers, sv_json_new_str(name));
        }
        return 0;
}
