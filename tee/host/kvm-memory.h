/* SPDX-License-Identifier: Apache-2.0 */
/* Private memory of a guest that is launched on trial, without QEMU. */
#pragma once

#include "base/core/err.h"
#include "tee/host/kvm-abi.h"

struct sv_kvm_slot {
        uint64_t gpa, size;
        uint8_t *shared; /* the half that we see; contents are copied from here */
        int memfd;
};
struct sv_kvm_memory {
        struct sv_kvm_slot slots[2]; /* firmware; everything below its sections' end */
        size_t n;
};

/* Adds memory at gpa to the machine `vm`. `fail` says why KVM refused (errno), and returns -1. */
int sv_kvm_memory_add(struct sv_kvm_memory *m, int vm, uint64_t gpa, uint64_t size,
                      int (*fail)(const char *what, struct sv_err *err), struct sv_err *err);
/* Where we see that address; NULL: in none of the slots. */
uint8_t *sv_kvm_memory_at(const struct sv_kvm_memory *m, uint64_t gpa);
void sv_kvm_memory_free(struct sv_kvm_memory *m);
