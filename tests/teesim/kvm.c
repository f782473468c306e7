/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
};

#define RANGES 1024
static struct range private[RANGES], slots[RANGES];
static size_t n_private, n_slots;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool covered(const struct range *list, size_t n, uint64_t begin, uint64_t end)
{
        for (size_t i = 0; i < n && begin < end; i++)
                if (list[i].begin <= begin && begin < list[i].end) {
                        begin = list[i].end;
                        i = (size_t)-1; /* go on from there with the whole list */
                }
        return begin >= end;
}

static void take_out(uint64_t begin, uint64_t end)
{
        for (size_t i = 0; i < n_private; i++) {
                struct range r = private[i];

                if (r.end <= begin || end <= r.begin)
                        continue;
                private[i--] = private[--n_private];
                if (r.begin < begin && n_private < RANGES)
                private[n_private++] = (struct range){r.begin, begin, 0, 0};
                if (end < r.end && n_private < RANGES)
                private[n_private++] = (struct range){end, r.end, 0, 0};
                if (i == (size_t)-1)
                        continue;
        }
}

bool guest_private(uint64_t gpa, uint64_t size)
{
        bool yes;

        pthread_mutex_lock(&lock);
        yes = covered(private, n_private, gpa, gpa + size) &&
              covered(slots, n_slots, gpa, gpa + size);
        pthread_mutex_unlock(&lock);
        return yes;
}

void *guest_shared(uint64_t gpa, uint64_t size)
{
        void *found = NULL;

        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < n_slots; i++)
                if (slots[i].begin <= gpa && gpa + size <= slots[i].end)
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
        if (a->attributes && n_private == RANGES)
                r = refuse(ENOMEM);
        else if (a->attributes)
        private[n_private++] = (struct range){a->address, a->address + a->size, 0, 0};
        pthread_mutex_unlock(&lock);
        return r;
}

/* The machine's own KVM gets the shared half as an ordinary slot. */
static int set_region(int fd, const struct region2 *r)
{
        struct kvm_userspace_memory_region plain = {.slot = r->slot,
                                                    .flags = r->flags & ~REGION_GUEST_MEMFD,
                                                    .guest_phys_addr = r->gpa,
                                                    .memory_size = r->size,
                                                    .userspace_addr = r->uaddr};

        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < n_slots; i++)
                if (slots[i].slot == r->slot)
                        slots[i--] = slots[--n_slots];
        if (r->flags & REGION_GUEST_MEMFD && r->size && n_slots < RANGES)
                slots[n_slots++] = (struct range){r->gpa, r->gpa + r->size, r->slot, r->uaddr};
        pthread_mutex_unlock(&lock);
        return real_ioctl(fd, KVM_SET_USER_MEMORY_REGION, &plain);
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

static int capability(int fd, unsigned long cap)
{
        int have = real_ioctl(fd, KVM_CHECK_EXTENSION, (void *)cap);

        switch (cap) {
        case CAP_VM_TYPES:
                return (have > 0 ? have : 1) | 1 << VM_TYPE_SNP | 1 << VM_TYPE_TDX;
        case CAP_MEMORY_ATTRIBUTES:
                return (int)ATTRIBUTE_PRIVATE;
        case CAP_GUEST_MEMFD:
        case CAP_USER_MEMORY2:
                return 1;
        case CAP_EXIT_HYPERCALL:
                return have > 0 ? have : 1 << 12; /* KVM_HC_MAP_GPA_RANGE */
        case CAP_APIC_BUS_CYCLES:
                return 1;
        default:
                return have;
        }
}

static unsigned long type_of_vm; /* of the last one made: one machine per process at a time */

static bool is_confidential(void)
{
        return type_of_vm == VM_TYPE_SNP || type_of_vm == VM_TYPE_TDX;
}

/* What an EPYC of the third generation has and this machine's KVM may not offer: programs compare
 * CPU models with it. Nothing runs. */
static int supported_cpuid(int fd, struct kvm_cpuid2 *c)
{
        static const struct kvm_cpuid_entry2 epyc[] = {
                {.function = 1, .ecx = 0x7ed83203, .edx = 0x178bfbff},
                {.function = 7,
                 .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                 .ebx = 0x219c07ab,
                 .ecx = 0x0040061c},
                {.function = 0xd, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .index = 1, .eax = 0xf},
                {.function = 0x80000001, .ecx = 0x00c001f7, .edx = 0x2e500800},
                {.function = 0x80000008, .ebx = 0x0100d245},
                {.function = 0x8000000a, .eax = 1, .ebx = 0x8000, .edx = 0x1000040b},
        };
        unsigned room = c->nent;
        int r = real_ioctl(fd, KVM_GET_SUPPORTED_CPUID, c);

        for (size_t k = 0; r == 0 && k < sizeof(epyc) / sizeof(epyc[0]); k++) {
                unsigned i = 0;

                while (i < c->nent && (c->entries[i].function != epyc[k].function ||
                                       c->entries[i].index != epyc[k].index))
                        i++;
                if (i == c->nent && i == room) { /* programs ask again with more room */
                        errno = E2BIG;
                        return -1;
                }
                if (i == c->nent)
                        c->entries[c->nent++] =
                                (struct kvm_cpuid_entry2){.function = epyc[k].function,
                                                          .index = epyc[k].index,
                                                          .flags = epyc[k].flags};
                if (type_of_vm == VM_TYPE_TDX && epyc[k].function == 0x80000008 &&
                    !(c->entries[i].eax >> 16 & 0xff))
                        c->entries[i].eax |=
                                48 << 16; /* the width of a guest address: a TD is made with one */
                c->entries[i].eax |= epyc[k].eax;
                c->entries[i].ebx |= epyc[k].ebx;
                c->entries[i].ecx |= epyc[k].ecx;
                c->entries[i].edx |= epyc[k].edx;
        }
        return r;
}

int on_kvm(int fd, unsigned request, void *arg)
{
        int made;

        if (request == KVM_CHECK_EXTENSION)
                return capability(fd, (unsigned long)arg);
        if (request == (unsigned)KVM_GET_SUPPORTED_CPUID)
                return supported_cpuid(fd, arg);
        if (request != KVM_CREATE_VM)
                return real_ioctl(fd, request, arg);
        type_of_vm = (unsigned long)arg;
        pthread_mutex_lock(&lock);
        n_private = n_slots = 0;
        pthread_mutex_unlock(&lock);
        launch_reset();
        tdx_reset();
        made = real_ioctl(fd, request, is_confidential() ? NULL : arg);
        mark(made, FD_VM);
        return made;
}

static int create_vcpu(int fd, void *arg)
{
        int vcpu;

        if (type_of_vm == VM_TYPE_TDX && !tdx_may_create_vcpu())
                return refuse(EIO);
        vcpu = real_ioctl(fd, KVM_CREATE_VCPU, arg);
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

static int enable_cap(int fd, const struct kvm_enable_cap *c)
{
        int r = real_ioctl(fd, KVM_ENABLE_CAP, (void *)c);

        return c->cap == CAP_EXIT_HYPERCALL ||
                               (c->cap == CAP_APIC_BUS_CYCLES && type_of_vm == VM_TYPE_TDX)
                       ? 0
                       : r;
}

int on_vm(int fd, unsigned request, void *arg)
{
        switch (request) {
        case KVM_CHECK_EXTENSION:
                return capability(fd, (unsigned long)arg);
        case KVM_CREATE_VCPU:
                return create_vcpu(fd, arg);
        case CREATE_GUEST_MEMFD:
                return make_memfd(arg);
        case SET_USER_MEMORY_REGION2:
                return set_region(fd, arg);
        case SET_MEMORY_ATTRIBUTES:
                return set_attributes(arg);
        case KVM_MEMORY_ENCRYPT_REG_REGION:
        case KVM_MEMORY_ENCRYPT_UNREG_REGION:
                return 0;
        case (unsigned)KVM_MEMORY_ENCRYPT_OP:
                return encrypt_op(fd, arg);
        /* the module keeps a TD's interrupt controllers: the rest must be user space's */
        case KVM_CREATE_IRQCHIP:
                return type_of_vm == VM_TYPE_TDX ? refuse(EINVAL) : real_ioctl(fd, request, arg);
        case KVM_ENABLE_CAP:
                return enable_cap(fd, arg);
        default:
                return real_ioctl(fd, request, arg);
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
        if (!is_confidential())
                return real_ioctl(fd, request, arg);
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
                               : real_ioctl(fd, request, arg);
        default:
                return real_ioctl(fd, request, arg);
        }
}
