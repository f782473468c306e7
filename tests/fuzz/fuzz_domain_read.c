/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz: a domain and a host's capabilities as libvirt prints them. */
#include "base/core/buf.h"
#include "launcher/virt/domain-read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_domain_facts domain;
        struct sv_host_facts host;

        sv_buf_put(&text, sv_bytes(data, size));
        if (sv_domain_read(sv_buf_str(&text), &domain, NULL) == 0)
                sv_domain_facts_free(&domain);
        if (sv_host_read(sv_buf_str(&text), &host, NULL) == 0)
                sv_host_facts_free(&host);
        return 0;
}
