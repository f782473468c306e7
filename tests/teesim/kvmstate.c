/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/kvmstate.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/teesim/teesim.h"

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))
#define VCPU_IDS    4096u
#define TSC_KHZ     2450000
#define RUN_SIZE    (3 * PAGE) /* struct kvm_run, port I/O, coalesced MMIO */
#define MSR_PAT     0x277u
#define PAT_RESET   0x0007040600070406ull

static int refuse(int error)
{
        errno = error;
        return -1;
}

/* --- what was set, for a machine or a vCPU --- */

struct kept {
        struct kept *next;
        unsigned get, which; /* the request that gives it back; which of several */
        size_t n;
        uint8_t data[];
};

struct msr {
        uint32_t index;
        uint64_t value;
};

static struct holder {
        struct holder *next;
        int fd;
        unsigned id; /* a vCPU's */
        struct kept *list;
        struct msr *msrs;
        size_t n_msrs;
} * holders;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *must_have(void *p)
{
        if (!p)
                abort();
        return p;
}

static void forget_holders(void)
{
        while (holders) {
                struct holder *h = holders;

                holders = h->next;
                while (h->list) {
                        struct kept *k = h->list;

                        h->list = k->next;
                        free(k);
                }
                free(h->msrs);
                free(h);
        }
}

static struct holder *find_holder(int fd)
{
        struct holder *h = holders;

        while (h && h->fd != fd)
                h = h->next;
        return h;
}

static struct holder *add_holder(int fd, unsigned id)
{
        struct holder *h = must_have(calloc(1, sizeof(*h)));

        h->fd = fd;
        h->id = id;
        h->next = holders;
        holders = h;
        return h;
}

static struct kept *find_kept(const struct holder *h, unsigned get, unsigned which)
{
        struct kept *k = h->list;

        while (k && (k->get != get || k->which != which))
                k = k->next;
        return k;
}

static int keep(struct holder *h, unsigned get, unsigned which, const void *data, size_t n)
{
        struct kept *k = find_kept(h, get, which), **at = &h->list;

        if (k && k->n != n) { /* a list of another length */
                while (*at != k)
                        at = &(*at)->next;
                *at = k->next;
                free(k);
                k = NULL;
        }
        if (!k) {
                k = must_have(calloc(1, sizeof(*k) + n));
                *k = (struct kept){.next = h->list, .get = get, .which = which, .n = n};
                h->list = k;
        }
        memcpy(k->data, data, n);
        return 0;
}

/* --- MSRs: every one is known; what nobody set is zero, as is a guest's memory of it --- */

static struct msr *find_msr(struct holder *h, uint32_t index)
{
        for (size_t i = 0; i < h->n_msrs; i++)
                if (h->msrs[i].index == index)
                        return &h->msrs[i];
        return NULL;
}

static void set_msr(struct holder *h, uint32_t index, uint64_t value)
{
        struct msr *m = find_msr(h, index);

        if (!m) {
                h->msrs = must_have(realloc(h->msrs, (h->n_msrs + 1) * sizeof(*h->msrs)));
                m = &h->msrs[h->n_msrs++];
        }
        *m = (struct msr){index, value};
}

static int move_msrs(struct holder *h, bool set, struct kvm_msrs *m)
{
        for (uint32_t i = 0; i < m->nmsrs; i++) {
                struct kvm_msr_entry *e = &m->entries[i];
                struct msr *found = find_msr(h, e->index);

                if (set)
                        set_msr(h, e->index, e->data);
                else
                        e->data = found ? found->value : 0;
        }
        return (int)m->nmsrs;
}

/* --- requests in pairs: what one sets the other gives back --- */

struct pair {
        unsigned get, set;
};

static const struct pair vcpu_pairs[] = {
        {(unsigned)KVM_GET_REGS, (unsigned)KVM_SET_REGS},
        {(unsigned)KVM_GET_SREGS, (unsigned)KVM_SET_SREGS},
        {(unsigned)KVM_GET_DEBUGREGS, (unsigned)KVM_SET_DEBUGREGS},
        {(unsigned)KVM_GET_XCRS, (unsigned)KVM_SET_XCRS},
        {(unsigned)KVM_GET_XSAVE, (unsigned)KVM_SET_XSAVE},
        {(unsigned)KVM_GET_FPU, (unsigned)KVM_SET_FPU},
        {(unsigned)KVM_GET_MP_STATE, (unsigned)KVM_SET_MP_STATE},
        {(unsigned)KVM_GET_LAPIC, (unsigned)KVM_SET_LAPIC},
        {(unsigned)KVM_GET_VCPU_EVENTS, (unsigned)KVM_SET_VCPU_EVENTS},
};
static const struct pair vm_pairs[] = {
        {(unsigned)KVM_GET_IRQCHIP, (unsigned)KVM_SET_IRQCHIP},
        {(unsigned)KVM_GET_PIT2, (unsigned)KVM_SET_PIT2},
        {(unsigned)KVM_GET_CLOCK, (unsigned)KVM_SET_CLOCK},
};

/* Requests that have their effect only in a guest that runs. */
static const unsigned vcpu_ignored[] = {
        (unsigned)KVM_SET_SIGNAL_MASK, (unsigned)KVM_SET_VAPIC_ADDR,
        (unsigned)KVM_X86_SETUP_MCE,   (unsigned)KVM_TPR_ACCESS_REPORTING,
        (unsigned)KVM_KVMCLOCK_CTRL,   (unsigned)KVM_SET_GUEST_DEBUG,
        (unsigned)KVM_INTERRUPT,       (unsigned)KVM_NMI,
        (unsigned)KVM_SET_TSC_KHZ,
};
static const unsigned vm_ignored[] = {
        (unsigned)KVM_SET_TSS_ADDR,
        (unsigned)KVM_SET_IDENTITY_MAP_ADDR,
        (unsigned)KVM_CREATE_IRQCHIP,
        (unsigned)KVM_CREATE_PIT2,
        (unsigned)KVM_SET_GSI_ROUTING,
        (unsigned)KVM_IRQFD,
        (unsigned)KVM_IOEVENTFD,
        (unsigned)KVM_IRQ_LINE,
        (unsigned)KVM_IRQ_LINE_STATUS,
        (unsigned)KVM_SIGNAL_MSI,
        (unsigned)KVM_REGISTER_COALESCED_MMIO,
        (unsigned)KVM_UNREGISTER_COALESCED_MMIO,
        (unsigned)KVM_REINJECT_CONTROL,
        (unsigned)KVM_SET_BOOT_CPU_ID,
        (unsigned)KVM_GET_DIRTY_LOG,
        (unsigned)KVM_SET_TSC_KHZ,
};

static bool is_ignored(const unsigned *list, size_t n, unsigned request)
{
        for (size_t i = 0; i < n; i++)
                if (list[i] == request)
                        return true;
        return false;
}

static unsigned which_of(unsigned get, const void *arg)
{
        return get == (unsigned)KVM_GET_IRQCHIP ? ((const struct kvm_irqchip *)arg)->chip_id : 0;
}

static int give(const struct holder *h, unsigned get, void *arg)
{
        const struct kept *k = find_kept(h, get, which_of(get, arg));
        uint8_t room[VCPU_STATE_MAX];
        const void *reset = k ? NULL : reset_state(get, h->id, room);

        if (k)
                memcpy(arg, k->data, k->n);
        else if (reset)
                memcpy(arg, reset, _IOC_SIZE(get));
        else if (get != (unsigned)KVM_GET_IRQCHIP) /* it says in its argument which it wants */
                memset(arg, 0, _IOC_SIZE(get));
        return 0;
}

/* 1: the request is not one of these. */
static int move_pair(struct holder *h, const struct pair *pairs, size_t n, unsigned request,
                     void *arg)
{
        for (size_t i = 0; i < n; i++) {
                if (request == pairs[i].get)
                        return give(h, request, arg);
                if (request == pairs[i].set)
                        return keep(h, pairs[i].get, which_of(pairs[i].get, arg), arg,
                                    _IOC_SIZE(pairs[i].get));
        }
        return 1;
}

/* --- /dev/kvm --- */

static int create_vm(void)
{
        int fd = memfd_create("virtual machine", MFD_CLOEXEC);

        if (fd < 0)
                return -1;
        pthread_mutex_lock(&lock);
        forget_holders(); /* one machine per process at a time */
        add_holder(fd, 0);
        pthread_mutex_unlock(&lock);
        return fd;
}

int plain_kvm(unsigned request, void *arg)
{
        switch (request) {
        case KVM_GET_API_VERSION:
                return KVM_API_VERSION;
        case KVM_CREATE_VM:
                return arg ? refuse(EINVAL) : create_vm();
        case KVM_GET_VCPU_MMAP_SIZE:
                return RUN_SIZE;
        case (unsigned)KVM_GET_MSR_INDEX_LIST:
                return cpu_msrs(arg);
        case (unsigned)KVM_GET_MSR_FEATURE_INDEX_LIST:
                return cpu_feature_msrs(arg);
        case (unsigned)KVM_GET_MSRS:
                return cpu_get_features(arg);
        case (unsigned)KVM_X86_GET_MCE_CAP_SUPPORTED:
                *(uint64_t *)arg = 1u << 24 | 1u << 8; /* SER and CTL */
                return 0;
        default:
                return refuse(ENOTTY);
        }
}

/* --- a machine --- */

static bool id_is_used(unsigned id)
{
        for (const struct holder *h = holders; h && h->next; h = h->next) /* the last is the VM */
                if (h->id == id)
                        return true;
        return false;
}

/* A file, so that the program can map struct kvm_run. */
static int create_vcpu(unsigned long id)
{
        int fd;

        if (id >= VCPU_IDS)
                return refuse(EINVAL);
        if (id_is_used((unsigned)id))
                return refuse(EEXIST);
        fd = memfd_create("vCPU", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, RUN_SIZE) < 0)
                return -1;
        set_msr(add_holder(fd, (unsigned)id), MSR_PAT, PAT_RESET);
        return fd;
}

static int ask_vm(struct holder *h, unsigned request, void *arg)
{
        int r;

        if (request == KVM_CREATE_VCPU)
                return create_vcpu((unsigned long)arg);
        if (request == KVM_GET_TSC_KHZ)
                return TSC_KHZ;
        if (is_ignored(vm_ignored, N_OF(vm_ignored), request))
                return 0;
        r = move_pair(h, vm_pairs, N_OF(vm_pairs), request, arg);
        return r == 1 ? refuse(ENOTTY) : r;
}

/* --- a vCPU --- */

static int give_cpuid(const struct holder *h, struct kvm_cpuid2 *out)
{
        const struct kept *k = find_kept(h, (unsigned)KVM_GET_CPUID2, 0);
        uint32_t n = k ? ((const struct kvm_cpuid2 *)k->data)->nent : 0, room = out->nent;

        out->nent = n;
        if (room < n)
                return refuse(E2BIG);
        if (k)
                memcpy(out, k->data, k->n);
        return 0;
}

static int ask_vcpu(struct holder *h, unsigned request, void *arg)
{
        const struct kvm_cpuid2 *cpuid = arg;
        int r;

        if (is_ignored(vcpu_ignored, N_OF(vcpu_ignored), request))
                return 0;
        switch (request) {
        case (unsigned)KVM_GET_MSRS:
        case (unsigned)KVM_SET_MSRS:
                return move_msrs(h, request == (unsigned)KVM_SET_MSRS, arg);
        case (unsigned)KVM_SET_CPUID2:
                return keep(h, (unsigned)KVM_GET_CPUID2, 0, cpuid,
                            sizeof(*cpuid) + cpuid->nent * sizeof(cpuid->entries[0]));
        case (unsigned)KVM_GET_CPUID2:
                return give_cpuid(h, arg);
        case KVM_GET_TSC_KHZ:
                return TSC_KHZ;
        default:
                r = move_pair(h, vcpu_pairs, N_OF(vcpu_pairs), request, arg);
                return r == 1 ? refuse(ENOTTY) : r;
        }
}

static int ask(int (*f)(struct holder *, unsigned, void *), int fd, unsigned request, void *arg)
{
        struct holder *h;
        int r, saved;

        pthread_mutex_lock(&lock);
        h = find_holder(fd);
        r = h ? f(h, request, arg) : refuse(EBADF);
        saved = errno;
        pthread_mutex_unlock(&lock);
        errno = saved;
        return r;
}

int plain_vm(int vm, unsigned request, void *arg)
{
        return ask(ask_vm, vm, request, arg);
}

int plain_vcpu(int vcpu, unsigned request, void *arg)
{
        return ask(ask_vcpu, vcpu, request, arg);
}
