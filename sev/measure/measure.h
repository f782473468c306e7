/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file to the launch digest that its SNP guest will have. */
#pragma once

#include "guest/guest.h"
#include "tee/tee.h"
#include "sev/options.h"

/* Where the distribution puts the firmware when the guest file names none. */
#define SV_SEV_FIRMWARE "/usr/share/ovmf/OVMF.amdsev.fd"

/* The `measure` of struct sv_tee. Reads the files that the guest file names; kernel and initramfs
 * are streamed. Values:
 * {"launch_digest":hex}. */
int sv_sev_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err);
/* The launch digest alone. */
int sv_sev_predict(const struct sv_guest *guest, uint8_t digest[48], struct sv_err *err);

/* The `id_block` of struct sv_tee: an ID block for this launch digest and policy (by default the
 * guest file's), and its authentication. */
int sv_sev_id_block(const struct sv_id_in *in, struct sv_id_out *out, struct sv_err *err);
/* The ID block that a guest file gives into the launch: *given, and 96 and 4096 bytes. As the
 * firmware will compare it: signatures (the author's when author_key says that it counts), our
 * prediction, the guest's policy. SV_FORMAT "snp.id_…", SV_PROOF "snp.id_block.…". */
int sv_sev_id_given(const struct sv_guest *guest, const struct sv_sev_options *o,
                    struct sv_buf *block, struct sv_buf *auth, bool *given, struct sv_err *err);
