/* SPDX-License-Identifier: Apache-2.0 */
/* What boots, copied into the guest's own folder and measured there: what was measured is what
 * starts, whatever happens to the originals, and QEMU's user can read it wherever the originals
 * lie. */
#pragma once

#include "guest/guest.h"
#include "tee/host.h"
#include "launcher/keeper/state.h"
#include "launcher/virt/domain.h"

struct sv_stage {
        char *kernel; /* or the unified kernel image */
        char *initrd; /* or NULL */
        char *shim;   /* or NULL */
        char *firmware;
        char *nvram_template;    /* or NULL */
        char *nvram;             /* path for this guest's copy */
        struct sv_json *digests; /* {"kernel":{"path":…,"sha256":…,"bytes":n},…} */
};

/* What will be copied: can it be opened, is it what it should be, and how many bytes are there?
 * Each check as of a launch: "launch.kernel" and so on, or that of the format. */
int sv_stage_check(const struct sv_guest *g, const struct sv_tee_host *tee, uint64_t *bytes,
                   struct sv_err *err);
/* The firmware is the guest file's, else the TEE's (tee may be NULL), else the distribution's. */
int sv_stage_boot(const struct sv_guest *g, const struct sv_tee_host *tee, const struct sv_state *s,
                  struct sv_stage *out, struct sv_err *err);
/* The domain that boots these files. */
int sv_boot_domain(const struct sv_boot_files *boot, const struct sv_guest *g,
                   const struct sv_tee_host *tee, const struct sv_plan_place *place,
                   struct sv_buf *xml, struct sv_err *err);
/* The domain that boots these copies. */
int sv_stage_domain(const struct sv_stage *s, const struct sv_guest *g,
                    const struct sv_tee_host *tee, const struct sv_plan_place *place,
                    struct sv_buf *xml, struct sv_err *err);
/* As root: what libvirt has given to QEMU's user is root's again, for the next start. To be called
 * when QEMU runs, which has read it by then. SV_SYSTEM "launch.boot". */
int sv_stage_take_back(const struct sv_stage *s, struct sv_err *err);
void sv_stage_free(struct sv_stage *s);
