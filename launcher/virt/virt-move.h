/* SPDX-License-Identifier: Apache-2.0 */
/* What a cold move asks of a libvirt connection's domain: its definition, and a mark that is kept
 * with that until it is taken away. The subject is sv_virt_lookup's. */
#pragma once

#include "base/core/buf.h"
#include "launcher/virt/virt.h"

#define SV_VIRT_MOVE "urn:secure-vm:move"

/* The definition that the next start takes; `other`: as another host's libvirt takes it. NULL with
 * the error. The caller frees. */
char *sv_virt_get_definition(struct sv_virt *v, bool other, struct sv_err *err);
/* *out is left empty when there is no mark. */
int sv_virt_read_move(struct sv_virt *v, struct sv_buf *out, struct sv_err *err);
/* On the host's disk when it returns 0. NULL: no mark from now on. */
int sv_virt_write_move(struct sv_virt *v, const char *text, struct sv_err *err);
/* Is it kept when it is off? */
bool sv_virt_is_kept(struct sv_virt *v);
