/* SPDX-License-Identifier: Apache-2.0 */
/* SELinux labels of what a guest's folder has for QEMU and swtpm and libvirt gives no label. Its
 * own folders have the types by their place; ours get them when they are there. */
#pragma once

#include "launcher/keeper/stage.h"
#include "launcher/keeper/state.h"

/* Gives types for: what boots, to be read; the folders of QEMU's and swtpm's run files, and what
 * there is in them; QEMU's log. `range`: "s0" before a start, when nobody knows the guest's two
 * categories, and these after it, so that no other guest's processes reach anything there. Nothing
 * without SELinux; what cannot be given is told by who reads labels back, or by QEMU's refusal. */
void sv_marks_give(const struct sv_state *s, const struct sv_stage *stage, const char *range);
