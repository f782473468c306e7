/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: libvirt's command line. */
#include "launcher/virt/qemu-argv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        SV_ARGV words = {0};

        sv_buf_put(&text, sv_bytes(data, size));
        sv_qemu_argv_rewrite(sv_buf_str(&text), ",pic=off", &words, &err);
        return 0;
}
