/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file to the launch digest that its SNP guest will have. */
#pragma once

#include "guest/guest.h"
#include "tee/measure.h"
#include "sev/options.h"

/* The `measure` of struct sv_tee_measure. Reads the files that the guest file names; kernel and
 * initramfs are streamed. Values:
 * {"launch_digest":hex}. */
int sv_sev_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err);
/* Is the image that the guest names as "uki" the guest file's, as far as that can be said?
 * *own_tables (may be NULL): it brings its own ACPI tables. SV_USAGE "measure.uki". */
int sv_sev_image(const struct sv_guest *guest, bool *own_tables, struct sv_err *err);
/* The launch digest alone. */
int sv_sev_predict(const struct sv_guest *guest, uint8_t digest[48], struct sv_err *err);

/* The `id_block` of struct sv_tee_measure: an ID block for this launch digest and policy (by
 * default the guest file's), and its authentication. */
int sv_sev_id_block(const struct sv_id_in *in, struct sv_id_out *out, struct sv_err *err);
/* The ID block that a guest file gives into the launch: *given, and 96 and 4096 bytes. As the
 * firmware will compare it: signatures (the author's when author_key says that it counts), our
 * prediction, the guest's policy. SV_FORMAT "snp.id_…", SV_PROOF "snp.id_block.…". */
int sv_sev_id_given(const struct sv_guest *guest, const struct sv_sev_options *o,
                    struct sv_buf *block, struct sv_buf *auth, bool *given, struct sv_err *err);

/* Its `policy`: this launch digest, this guest policy, this host data, these keys; and the platform
 * that the guest file requires. */
/* struct sv_tee_measure.allow: also SV_USAGE "guest.sev-snp.allow". */
int sv_snp_allow(const struct sv_guest *guest, struct sv_json *allow, struct sv_err *err);
int sv_snp_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                 struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
/* Its `exposure`: ACPI tables of the host's. SV_USAGE "guest.sev-snp.allow_host_acpi". */
int sv_snp_exposure(const struct sv_guest *guest, const char **left, struct sv_err *err);
/* Its `inspect`: report (alone, with a certificate table, in Azure's wrapper, as KBS evidence),
 * certificate table, VCEK or VLEK, ID block, ID authentication, IGVM file. */
int sv_sev_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);

/* HOST_DATA of the launch: as given, or the digest of init-data (by the algorithm that it names,
 * SHA-256 otherwise; cut to 32 bytes). */
int sv_sev_host_data(const struct sv_sev_options *o, uint8_t out[32], bool *given,
                     struct sv_err *err);
