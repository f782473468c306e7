/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/host/kvm-memory.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "base/core/file.h"

static int place_slot(const struct sv_kvm_memory *m, struct sv_kvm_slot *s, int vm,
                      int (*fail)(const char *what, struct sv_err *err), struct sv_err *err)
{
        struct sv_kvm_guest_memfd make = {.size = s->size};
        struct sv_kvm_region2 region = {.slot = (uint32_t)(s - m->slots),
                                        .flags = SV_KVM_MEM_GUEST_MEMFD,
                                        .guest_phys_addr = s->gpa,
                                        .memory_size = s->size,
                                        .userspace_addr = (uintptr_t)s->shared};
        struct sv_kvm_attributes attributes = {
                .address = s->gpa, .size = s->size, .attributes = SV_KVM_ATTRIBUTE_PRIVATE};

        s->memfd = ioctl(vm, SV_KVM_GUEST_MEMFD, &make);
        if (s->memfd < 0)
                return fail("memory of the guest's own (KVM_CREATE_GUEST_MEMFD)", err);
        region.guest_memfd = (uint32_t)s->memfd;
        if (ioctl(vm, SV_KVM_SET_REGION2, &region) < 0)
                return fail("its place in the guest (KVM_SET_USER_MEMORY_REGION2)", err);
        if (ioctl(vm, SV_KVM_SET_ATTRIBUTES, &attributes) < 0)
                return fail("making it private (KVM_SET_MEMORY_ATTRIBUTES)", err);
        return 0;
}

int sv_kvm_memory_add(struct sv_kvm_memory *m, int vm, uint64_t gpa, uint64_t size,
                      int (*fail)(const char *what, struct sv_err *err), struct sv_err *err)
{
        void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        struct sv_kvm_slot *s = &m->slots[m->n];

        if (shared == MAP_FAILED)
                return fail("memory for the guest's contents", err);
        *s = (struct sv_kvm_slot){.gpa = gpa, .size = size, .shared = shared, .memfd = -1};
        m->n++;
        return place_slot(m, s, vm, fail, err);
}

uint8_t *sv_kvm_memory_at(const struct sv_kvm_memory *m, uint64_t gpa)
{
        for (size_t i = 0; i < m->n; i++)
                if (gpa >= m->slots[i].gpa && gpa - m->slots[i].gpa < m->slots[i].size)
                        return m->slots[i].shared + (gpa - m->slots[i].gpa);
        return NULL;
}

void sv_kvm_memory_free(struct sv_kvm_memory *m)
{
        for (size_t i = 0; i < m->n; i++) {
                sv_closep(&m->slots[i].memfd);
                munmap(m->slots[i].shared, m->slots[i].size);
        }
        m->n = 0;
}
