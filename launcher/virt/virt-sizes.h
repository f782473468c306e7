/* SPDX-License-Identifier: Apache-2.0 */
/* How large the subject of a connection is while it runs, what it makes of its memory, and how that
 * is changed. A definition is never changed: a guest boots with what was measured. */
#pragma once

#include "base/json/json.h"
#include "launcher/virt/virt.h"

/* Bytes. Of memory that can come (virtio-mem), none when `most` is 0. */
struct sv_sizes {
        unsigned vcpus;
        uint64_t wanted; /* of it, the guest was told to take */
        uint64_t taken;  /* it has taken */
        uint64_t most;
};
int sv_virt_read_sizes(struct sv_virt *v, struct sv_sizes *out, struct sv_err *err);
/* The same from a domain's XML as libvirt prints it. Pure. */
void sv_sizes_read(struct sv_bytes xml, struct sv_sizes *out);
/* Fewer: the guest has to let each go, which it is given some seconds for. SV_SYSTEM
 * "resize.vcpus". */
int sv_virt_set_vcpus(struct sv_virt *v, unsigned n, struct sv_err *err);
/* Tells the guest how much of it to take: what it makes of that is seen later. SV_SYSTEM
 * "resize.memory". */
int sv_virt_want_memory(struct sv_virt *v, uint64_t bytes, struct sv_err *err);
/* The XML of the memory that can come, out of a domain's, with another wish. false: it has none. */
bool sv_sizes_put_wish(struct sv_bytes xml, uint64_t bytes, struct sv_buf *out);
/* What the guest's balloon has last said, into an object; nothing when it has none or said nothing
 * yet. Bytes and counts since its boot: "total", "free", "available" (without swapping), "caches",
 * "swapped_in", "swapped_out", "major_faults", "minor_faults", and "at", when. */
void sv_virt_put_memory_use(struct sv_virt *v, struct sv_json *out);
