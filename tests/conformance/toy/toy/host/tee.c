/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tee/host.h"
#include "toy/tee.h"

static int probe(struct sv_probe *out, struct sv_err *err)
{
        (void)err;
        *out = (struct sv_probe){.ok = true, .platform = true};
        snprintf(out->found, sizeof(out->found), "a toy, on any machine");
        return 0;
}

static int domain(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err)
{
        (void)guest;
        sv_buf_puts(&out->devices, "<memballoon model='none'/>\n");
        return sv_buf_ok(&out->devices, "domain", err);
}

const struct sv_tee_host sv_tee_host_toy = {
        .id = &sv_tee_toy, .probe = probe, .check_options = sv_toy_options_check, .domain = domain};
