/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/teesim/kvmstate.h"
#include "tests/teesim/tdx.h"
#include "tests/teesim/teesim.h"

static int refuse(int error)
{
        errno = error;
        return -1;
}

/* --- ranges: which guest addresses are private, which lie in a slot with guest memory --- */

struct range {
        uint64_t begin, end;
        uint32_t slot;
        uint64_t uaddr;
        bool shared_only; /* a slot without guest memory of its own */
};

#define RANGES 1024
static struct range owned[RANGES], slots[RANGES]; /* owned: private, the guest's alone */
static size_t n_owned, n_slots;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool covered(const struct range *list, size_t n, uint64_t begin, uint64_t end)
{
        for (size_t i = 0; i < n && begin < end; i++)
                if (!list[i].shared_only && list[i].begin <= begin && begin < list[i].end) {
                        begin = list[i].end;
                        i = (size_t)-1; /* go on from there with the whole list */
                }
        return begin >= end;
}

static void take_out(uint64_t begin, uint64_t end)
{
        for (size_t i = 0; i < n_owned; i++) {
                struct range r = owned[i];

                if (r.end <= begin || end <= r.begin)
                        continue;
                owned[i--] = owned[--n_owned];
                if (r.begin < begin && n_owned < RANGES)
                        owned[n_owned++] = (struct range){r.begin, begin, 0, 0};
                if (end < r.end && n_owned < RANGES)
                        owned[n_owned++] = (struct range){end, r.end, 0, 0};
                if (i == (size_t)-1)
                        continue;
        }
}

bool guest_private(uint64_t gpa, uint64_t size)
{
        bool yes;

        pthread_mutex_lock(&lock);
        yes = covered(owned, n_owned, gpa, gpa + size) && covered(slots, n_slots, gpa, gpa + size);
        pthread_mutex_unlock(&lock);
        return yes;
}

void *guest_shared(uint64_t gpa, uint64_t size)
{
        void *found = NULL;

        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < n_slots; i++)
                if (!slots[i].shared_only && slots[i].begin <= gpa && gpa + size <= slots[i].end)
                        found = (void *)(uintptr_t)(slots[i].uaddr + (gpa - slots[i].begin));
        pthread_mutex_unlock(&lock);
        return found;
}

static int set_attributes(const struct attributes *a)
{
        int r = 0;

        if (a->flags || a->attributes & ~ATTRIBUTE_PRIVATE || a->address % PAGE || a->size % PAGE ||
            !a->size)
                return refuse(EINVAL);
        pthread_mutex_lock(&lock);
        take_out(a->address, a->address + a->size);
        if (a->attributes && n_owned == RANGES)
                r = refuse(ENOMEM);
        else if (a->attributes)
                owned[n_owned++] = (struct range){a->address, a->address + a->size, 0, 0};
        pthread_mutex_unlock(&lock);
        return r;
}

static bool is_free(const struct region2 *r)
{
        for (size_t i = 0; i < n_slots; i++)
                if (slots[i].slot != r->slot && slots[i].begin < r->gpa + r->size &&
                    r->gpa < slots[i].end)
                        return false;
        return true;
}

static int set_region(const struct region2 *r)
{
        int answer = 0;

        if (r->gpa % PAGE || r->size % PAGE || r->uaddr % PAGE || r->gpa + r->size < r->gpa)
                return refuse(EINVAL);
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < n_slots; i++)
                if (slots[i].slot == r->slot)
                        slots[i--] = slots[--n_slots];
        if (r->size && !is_free(r))
                answer = refuse(EEXIST);
        else if (r->size && n_slots == RANGES)
                answer = refuse(ENOMEM);
        else if (r->size)
                slots[n_slots++] = (struct range){r->gpa, r->gpa + r->size, r->slot, r->uaddr,
                                                  !(r->flags & REGION_GUEST_MEMFD)};
        pthread_mutex_unlock(&lock);
        return answer;
}

/* The call that machines without such memory have: the first half of the other's argument. */
static int set_plain_region(const struct kvm_userspace_memory_region *r)
{
        const struct region2 region = {.slot = r->slot,
                                       .flags = r->flags,
                                       .gpa = r->guest_phys_addr,
                                       .size = r->memory_size,
                                       .uaddr = r->userspace_addr};

        return r->flags & REGION_GUEST_MEMFD ? refuse(EINVAL) : set_region(&region);
}

static int make_memfd(const struct guest_memfd *g)
{
        int fd;

        if (g->flags || !g->size || g->size % PAGE)
                return refuse(EINVAL);
        fd = memfd_create("guest memory", MFD_CLOEXEC);
        return fd < 0 || ftruncate(fd, (off_t)g->size) < 0 ? -1 : fd;
}

/* --- what KVM can do here --- */

static const struct {
        unsigned cap;
        int value;
} capabilities[] = {
        {KVM_CAP_IRQCHIP, 1},
        {KVM_CAP_USER_MEMORY, 1},
        {KVM_CAP_SET_TSS_ADDR, 1},
        {KVM_CAP_VAPIC, 1},
        {KVM_CAP_EXT_CPUID, 1},
        {KVM_CAP_NR_VCPUS, 64},
        {KVM_CAP_NR_MEMSLOTS, 32764},
        {KVM_CAP_MP_STATE, 1},
        {KVM_CAP_COALESCED_MMIO, 2}, /* the page of struct kvm_run's mapping that it has */
        {KVM_CAP_SYNC_MMU, 1},
        {KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1},
        {KVM_CAP_USER_NMI, 1},
        {KVM_CAP_SET_GUEST_DEBUG, 1},
        {KVM_CAP_REINJECT_CONTROL, 1},
        {KVM_CAP_IRQ_ROUTING, 4096},
        {KVM_CAP_IRQ_INJECT_STATUS, 1},
        {KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1},
        {KVM_CAP_MCE, 32},
        {KVM_CAP_IRQFD, 1},
        {KVM_CAP_PIT2, 1},
        {KVM_CAP_SET_BOOT_CPU_ID, 1},
        {KVM_CAP_PIT_STATE2, 1},
        {KVM_CAP_IOEVENTFD, 1},
        {KVM_CAP_SET_IDENTITY_MAP_ADDR, 1},
        {KVM_CAP_ADJUST_CLOCK, 2},
        {KVM_CAP_INTERNAL_ERROR_DATA, 1},
        {KVM_CAP_VCPU_EVENTS, 1},
        {KVM_CAP_DEBUGREGS, 1},
        {KVM_CAP_X86_ROBUST_SINGLESTEP, 1},
        {KVM_CAP_ENABLE_CAP, 1},
        {KVM_CAP_XSAVE, 1},
        {KVM_CAP_XCRS, 1},
        {KVM_CAP_TSC_CONTROL, 1},
        {KVM_CAP_GET_TSC_KHZ, 1},
        {KVM_CAP_MAX_VCPUS, 1024},
        {KVM_CAP_TSC_DEADLINE_TIMER, 1},
        {KVM_CAP_KVMCLOCK_CTRL, 1},
        {KVM_CAP_SIGNAL_MSI, 1},
        {KVM_CAP_READONLY_MEM, 1},
        {KVM_CAP_IRQFD_RESAMPLE, 1},
        {KVM_CAP_ENABLE_CAP_VM, 1},
        {KVM_CAP_IOEVENTFD_NO_LENGTH, 1},
        {KVM_CAP_CHECK_EXTENSION_VM, 1},
        {KVM_CAP_SPLIT_IRQCHIP, 1},
        {KVM_CAP_IOEVENTFD_ANY_LENGTH, 1},
        {KVM_CAP_MAX_VCPU_ID, 4096},
        {KVM_CAP_X2APIC_API, 3},
        {KVM_CAP_IMMEDIATE_EXIT, 1},
        {KVM_CAP_GET_MSR_FEATURES, 1},
        {KVM_CAP_EXCEPTION_PAYLOAD, 1},
        {CAP_EXIT_HYPERCALL, 1 << 12}, /* KVM_HC_MAP_GPA_RANGE */
        {CAP_USER_MEMORY2, 1},
        {CAP_MEMORY_ATTRIBUTES, (int)ATTRIBUTE_PRIVATE},
        {CAP_GUEST_MEMFD, 1},
        {CAP_VM_TYPES, 1 | 1 << VM_TYPE_SNP | 1 << VM_TYPE_TDX},
        {CAP_APIC_BUS_CYCLES, 1},
};

/* Zero is KVM's answer for what it does not know. */
static int capability(unsigned long cap)
{
        for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
                if (capabilities[i].cap == cap)
                        return capabilities[i].value;
        return 0;
}

static unsigned long type_of_vm; /* of the last one made: one machine per process at a time */

static bool is_confidential(void)
{
        return type_of_vm == VM_TYPE_SNP || type_of_vm == VM_TYPE_TDX;
}

int on_kvm(int fd, unsigned request, void *arg)
{
        int made;

        if (request == KVM_CHECK_EXTENSION)
                return capability((unsigned long)arg);
        if (request == (unsigned)KVM_GET_SUPPORTED_CPUID)
                return cpu_supported(type_of_vm == VM_TYPE_TDX, arg);
        if (request != KVM_CREATE_VM)
                return plain_kvm(request, arg);
        type_of_vm = (unsigned long)arg;
        pthread_mutex_lock(&lock);
        n_owned = n_slots = 0;
        pthread_mutex_unlock(&lock);
        launch_reset();
        tdx_reset();
        made = plain_kvm(request, is_confidential() ? NULL : arg);
        mark(made, FD_VM);
        return made;
}

static int create_vcpu(int fd, void *arg)
{
        int vcpu;

        if (type_of_vm == VM_TYPE_TDX && !tdx_may_create_vcpu())
                return refuse(EIO);
        vcpu = plain_vm(fd, KVM_CREATE_VCPU, arg);
        mark(vcpu, FD_VCPU);
        if (vcpu >= 0 && type_of_vm == VM_TYPE_TDX)
                tdx_add_vcpu(vcpu);
        else if (vcpu >= 0)
                launch_add_vcpu(vcpu);
        return vcpu;
}

static int encrypt_op(int fd, void *arg)
{
        if (type_of_vm == VM_TYPE_TDX)
                return arg ? tdx_vm_op(arg) : refuse(EFAULT);
        if (!arg) /* how programs ask whether there is SEV at all */
                return 0;
        return type_of_vm == VM_TYPE_SNP ? launch_op(fd, arg) : refuse(EINVAL);
}

/* The only one that depends on the type of the machine. */
static int enable_cap(const struct kvm_enable_cap *c)
{
        if (c->cap == CAP_APIC_BUS_CYCLES && type_of_vm != VM_TYPE_TDX)
                return refuse(EINVAL);
        return capability(c->cap) ? 0 : refuse(EINVAL);
}

int on_vm(int fd, unsigned request, void *arg)
{
        switch (request) {
        case KVM_CHECK_EXTENSION:
                return capability((unsigned long)arg);
        case KVM_CREATE_VCPU:
                return create_vcpu(fd, arg);
        case CREATE_GUEST_MEMFD:
                return make_memfd(arg);
        case SET_USER_MEMORY_REGION2:
                return set_region(arg);
        case (unsigned)KVM_SET_USER_MEMORY_REGION:
                return set_plain_region(arg);
        case SET_MEMORY_ATTRIBUTES:
                return set_attributes(arg);
        case KVM_MEMORY_ENCRYPT_REG_REGION:
        case KVM_MEMORY_ENCRYPT_UNREG_REGION:
                return 0;
        case (unsigned)KVM_MEMORY_ENCRYPT_OP:
                return encrypt_op(fd, arg);
        /* the module keeps a TD's interrupt controllers: the rest must be user space's */
        case KVM_CREATE_IRQCHIP:
                return type_of_vm == VM_TYPE_TDX ? refuse(EINVAL) : plain_vm(fd, request, arg);
        case KVM_ENABLE_CAP:
                return enable_cap(arg);
        default:
                return plain_vm(fd, request, arg);
        }
}

/* A guest cannot run here. "block" is a guest that waits for an interrupt for ever, woken as often
 * as KVM may. */
static int first_run(int fd)
{
        const char *how = getenv("TEESIM_RUN");

        if (how && !strcmp(how, "quote") && type_of_vm == VM_TYPE_TDX)
                return tdx_run_quote(fd);
        if (!how || strcmp(how, "block"))
                _exit(0);
        poll(NULL, 0, 50);
        return refuse(EINTR);
}

int on_vcpu(int fd, unsigned request, void *arg)
{
        switch (request) {
        case (unsigned)KVM_MEMORY_ENCRYPT_OP:
                return type_of_vm == VM_TYPE_TDX && arg ? tdx_vcpu_op(fd, arg) : refuse(EINVAL);
        case KVM_RUN:
                return first_run(fd);
        case KVM_GET_REGS:
        case KVM_SET_REGS:
        case KVM_GET_SREGS:
        case KVM_SET_SREGS:
                /* SNP's are encrypted from the launch's end on, a TD's from the beginning: KVM
                 * has_protected_state. */
                return type_of_vm == VM_TYPE_TDX || launch_finished()
                               ? refuse(EINVAL)
                               : plain_vcpu(fd, request, arg);
        default:
                return plain_vcpu(fd, request, arg);
        }
}
