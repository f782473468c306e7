/* SPDX-License-Identifier: Apache-2.0 */
/* The trial's calls, against a KVM that is played by this file: its ioctl() takes the place of the
 * C library's. It holds every call against the kernel's document and measures what is added as the
 * TDX module does. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/json/json.h"
#include "tdx/host/host.h"
#include "tdx/measure/hob.h"
#include "tdx/host/kvm-abi.h"
#include "tdx/measure/mrtd.h"
#include "tdx/host/status.h"
#include "tests/unit/tdvf.h"

static char root[] = "/tmp/tdx-trial.XXXXXX";

static struct {
        /* what goes wrong: at the n-th call of that id (from 0), or an ioctl by its number */
        int id, nth, error;
        uint64_t hw_error;
        unsigned long request;
        unsigned again; /* EAGAIN so many times before INIT_VM */
        bool pieces;    /* one page at a time of INIT_MEM_REGION */
        uint64_t offers;
        /* what was seen */
        unsigned calls[8], vcpus, ready, cpuids;
        int vm;
        bool split, initialised, finished;
        struct sv_kvm_tdx_init_vm init;
        struct sv_kvm_region2 slots[4];
        unsigned n_slots;
        uint64_t private_bytes, hob;
        struct sv_buf measured, hob_list;
} kvm;

static int fails_with(int number)
{
        errno = number;
        return -1;
}

static void measure_page(const uint8_t *page, uint64_t gpa, bool extend)
{
        uint8_t add[128] = "MEM.PAGE.ADD";

        memcpy(add + 16, &gpa, 8);
        sv_buf_put(&kvm.measured, sv_bytes(add, 128));
        for (unsigned i = 0; extend && i < 4096; i += 256) {
                uint8_t head[128] = "MR.EXTEND";
                uint64_t at = gpa + i;

                memcpy(head + 16, &at, 8);
                sv_buf_put(&kvm.measured, sv_bytes(head, 128));
                sv_buf_put(&kvm.measured, sv_bytes(page + i, 256));
        }
}

static bool in_slot(uint64_t gpa)
{
        for (unsigned i = 0; i < kvm.n_slots; i++)
                if (gpa >= kvm.slots[i].guest_phys_addr &&
                    gpa - kvm.slots[i].guest_phys_addr < kvm.slots[i].memory_size)
                        return true;
        return false;
}

static int add(struct sv_kvm_tdx_cmd *c)
{
        struct sv_kvm_tdx_region *r = (void *)(uintptr_t)c->data;

        assert_true(kvm.ready && kvm.ready == kvm.vcpus);
        while (r->nr_pages) {
                assert_true(in_slot(r->gpa));
                assert_int_equal(r->source_addr % 4096, 0);
                if (r->gpa == kvm.hob)
                        sv_buf_put(&kvm.hob_list,
                                   sv_bytes((void *)(uintptr_t)r->source_addr, 4096));
                measure_page((void *)(uintptr_t)r->source_addr, r->gpa, c->flags & 1);
                r->source_addr += 4096;
                r->gpa += 4096;
                r->nr_pages--;
                if (kvm.pieces && r->nr_pages)
                        return fails_with(kvm.pieces && r->nr_pages % 2 ? EINTR : EAGAIN);
        }
        return 0;
}

static int tdx_op(int fd, struct sv_kvm_tdx_cmd *c)
{
        assert_true(c->id < 8);
        assert_int_equal(c->hw_error, 0);
        if (kvm.id >= 0 && (uint32_t)kvm.id == c->id && kvm.calls[c->id]++ >= (unsigned)kvm.nth) {
                c->hw_error = kvm.hw_error;
                return fails_with(kvm.error);
        }
        switch (c->id) {
        case SV_KVM_TDX_CAPABILITIES: {
                struct sv_kvm_tdx_capabilities *caps = (void *)(uintptr_t)c->data;

                assert_true(caps->cpuid.nent >= 2);
                caps->attributes = kvm.offers;
                caps->xfam = 0x602e7;
                caps->cpuid.nent = 2;
                caps->cpuid.entries[0] =
                        (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 0xff0000};
                caps->cpuid.entries[1] =
                        (struct kvm_cpuid_entry2){.function = 7,
                                                  .index = 1,
                                                  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
                                                  .eax = 0xf0};
                return 0;
        }
        case SV_KVM_TDX_INIT_VM:
                if (kvm.again && kvm.again--)
                        return fails_with(EAGAIN);
                assert_int_equal(kvm.vcpus, 0); /* intel-tdx.rst: before any vCPU */
                memcpy(&kvm.init, (void *)(uintptr_t)c->data, sizeof(kvm.init));
                kvm.initialised = true;
                return 0;
        case SV_KVM_TDX_INIT_VCPU:
                assert_true(fd != kvm.vm && kvm.cpuids > kvm.ready);
                kvm.hob = c->data;
                kvm.ready++;
                return 0;
        case SV_KVM_TDX_INIT_MEM_REGION:
                assert_true(fd != kvm.vm);
                return add(c);
        case SV_KVM_TDX_FINALIZE_VM:
                assert_int_equal(fd, kvm.vm);
                assert_int_equal(c->flags | c->data, 0);
                kvm.finished = true;
                return 0;
        default:
                return fails_with(EINVAL);
        }
}

static int some_fd(void)
{
        return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int enable(const struct kvm_enable_cap *c)
{
        if (c->cap != SV_KVM_CAP_SPLIT_IRQCHIP)
                return fails_with(EINVAL);
        kvm.split = c->args[0] == 24;
        return 0;
}

static void supported(struct sv_kvm_cpuid *c)
{
        c->entries[0] = (struct kvm_cpuid_entry2){.function = 7, .index = 0, .eax = 0xff};
        c->entries[1] = (struct kvm_cpuid_entry2){
                .function = 7, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0x1ff};
        c->entries[2] = (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 0x303934};
        c->nent = 3;
}

int ioctl(int fd, unsigned long request, ...)
{
        va_list ap;
        void *arg;

        va_start(ap, request);
        arg = va_arg(ap, void *);
        va_end(ap);
        if (kvm.request == request)
                return fails_with(kvm.error);
        switch (request) {
        case KVM_CREATE_VM:
                assert_int_equal((uintptr_t)arg, 5);
                return kvm.vm = some_fd();
        case KVM_CHECK_EXTENSION:
                assert_int_equal((uintptr_t)arg, SV_KVM_CAP_MAX_VCPUS);
                return 4;
        case KVM_ENABLE_CAP:
                return enable(arg);
        case KVM_GET_SUPPORTED_CPUID:
                supported(arg);
                return 0;
        case SV_KVM_GUEST_MEMFD:
                return some_fd();
        case SV_KVM_SET_REGION2:
                assert_true(kvm.initialised && kvm.n_slots < 4);
                kvm.slots[kvm.n_slots++] = *(struct sv_kvm_region2 *)arg;
                return 0;
        case SV_KVM_SET_ATTRIBUTES:
                assert_int_equal(((struct sv_kvm_attributes *)arg)->attributes, 8);
                kvm.private_bytes += ((struct sv_kvm_attributes *)arg)->size;
                return 0;
        case KVM_CREATE_VCPU: /* KVM makes none before INIT_VM, or with its own IOAPIC */
                assert_true(kvm.initialised && kvm.split && !kvm.finished);
                assert_int_equal((uintptr_t)arg, kvm.vcpus++);
                return some_fd();
        case KVM_SET_CPUID2:
                kvm.cpuids++;
                return 0;
        case KVM_MEMORY_ENCRYPT_OP:
                return tdx_op(fd, arg);
        default:
                return fails_with(ENOTTY);
        }
}

static void new_kvm(void)
{
        sv_buf_free(&kvm.measured);
        sv_buf_free(&kvm.hob_list);
        memset(&kvm, 0, sizeof(kvm));
        kvm.id = -1;
        kvm.offers = 1ull << 28;
}

static int trial(const char *members, struct sv_err *err)
{
        SV_STR text = sv_asprintf(
                "{\"name\":\"g\",\"tee\":\"tdx\",\"kernel\":\"kernel\",\"firmware\":\"good.fd\"%s}",
                members);
        SV_GUEST g = {0};
        int before = some_fd(), after, r;

        if (sv_guest_parse(sv_bytes_str(text), "g.json", root, &g, err) < 0)
                return -1;
        r = sv_tdx_trial_at(root, &g, err);
        after = some_fd(); /* nothing stays open, however it ended */
        assert_int_equal(after, before + 1);
        close(after);
        close(before);
        return r;
}

#define ONES                                                                                       \
        "0101010101010101010101010101010101010101010101010101010101010101010101010101010101010101" \
        "01010101"

static void launches(const char *members, unsigned vcpus, uint64_t memory)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL, hob = SV_BUF_NULL;
        struct sv_tdvf t;
        uint8_t mrtd[48], seen[SV_DIGEST_MAX];

        OK(trial(members, &err));
        assert_true(kvm.finished && kvm.split);
        assert_int_equal(kvm.vcpus, vcpus);
        assert_int_equal(kvm.ready, vcpus);
        tdvf_build(&image, tdvf_good, 3, 1);
        OK(sv_tdvf_parse(sv_buf_bytes(&image), &t, &err));
        OK(sv_tdx_mrtd(&t, SV_TDX_MAINLINE, mrtd, NULL, &err));
        OK(sv_digest(SV_SHA384, sv_buf_bytes(&kvm.measured), seen, &err));
        assert_memory_equal(mrtd, seen, 48);
        OK(sv_tdx_hob(&t, memory, &hob, &err));
        assert_true(kvm.hob_list.n >= hob.n);
        assert_memory_equal(kvm.hob_list.p, hob.p, hob.n);
        assert_int_equal(kvm.hob, 0x809000);
        assert_int_equal(kvm.private_bytes, kvm.slots[0].memory_size + kvm.slots[1].memory_size);
        assert_int_equal(kvm.slots[0].guest_phys_addr, 0xffffe000);
        assert_int_equal(kvm.slots[1].memory_size, 0x811000);
}

static void what_is_submitted(void **state)
{
        new_kvm();
        launches(",\"vcpus\":1", 1, 1ull << 30);
        assert_int_equal(kvm.init.attributes, 0x10000000);
        assert_int_equal(kvm.init.xfam, 0x602e7);
        /* What the processor has of what may be chosen. */
        assert_int_equal(kvm.init.cpuid.nent, 2);
        assert_int_equal(kvm.init.cpuid.entries[0].eax, 0x300000);
        assert_int_equal(kvm.init.cpuid.entries[1].eax, 0xf0);
        assert_int_equal(kvm.init.mrconfigid[0], 0);
        new_kvm();
        launches(",\"vcpus\":4,\"memory\":\"8GiB\",\"tees\":{\"tdx\":{\"mrconfigid\":\"" ONES
                 "\"}}",
                 4, 8ull << 30);
        assert_int_equal(kvm.init.mrconfigid[47], 1);
        assert_int_equal(kvm.init.mrowner[0], 0);
        new_kvm();
        launches(",\"tees\":{\"tdx\":{\"mrowner\":\"" ONES "\",\"mrownerconfig\":\"" ONES "\"}}", 2,
                 1ull << 30);
        assert_int_equal(kvm.init.mrowner[47] + kvm.init.mrownerconfig[47], 2);
}

static void asked_again(void **state)
{
        struct sv_err err = SV_ERR_NULL;

        new_kvm();
        kvm.again = 9000;
        kvm.pieces = true;
        launches("", 2, 1ull << 30);
        new_kvm();
        kvm.again = 20000; /* not for ever */
        FAILS(trial("", &err), SV_SYSTEM, "tdx.trial.kvm");
        assert_non_null(strstr(err.msg, "random numbers"));
}

static void each_call_refused(void **state)
{
        static const struct {
                int id, nth, error;
                uint64_t hw_error;
                unsigned long request;
                const char *check, *says;
        } cases[] = {
                {-1, 0, EINVAL, 0, KVM_CREATE_VM, "tdx.trial.kvm", "secure-vm host"},
                {-1, 0, ENOTTY, 0, KVM_ENABLE_CAP, "tdx.trial.kvm", "6.16"},
                {-1, 0, E2BIG, 0, KVM_GET_SUPPORTED_CPUID, "tdx.trial.kvm", "too old for it"},
                {-1, 0, EACCES, 0, KVM_CREATE_VM, "tdx.trial.kvm", "/dev/kvm"},
                {SV_KVM_TDX_CAPABILITIES, 0, E2BIG, 0, 0, "tdx.trial.kvm", "too old for it"},
                {SV_KVM_TDX_INIT_VM, 0, EAGAIN, 0, 0, "tdx.trial.kvm", "random numbers"},
                {SV_KVM_TDX_INIT_VM, 0, EBUSY, 0, 0, "tdx.trial.kvm", "private key identifier"},
                {SV_KVM_TDX_INIT_VM, 0, EOPNOTSUPP, 0, 0, "tdx.trial.kvm", "secure-vm host"},
                {SV_KVM_TDX_INIT_VM, 0, EAGAIN, 0x8000020300000000, 0, "tdx.trial.busy",
                 "random numbers"},
                {SV_KVM_TDX_INIT_MEM_REGION, 0, EINTR, 0, 0, "tdx.trial.kvm", "interrupted"},
                {SV_KVM_TDX_INIT_MEM_REGION, 0, EEXIST, 0, 0, "tdx.trial.kvm", "overlap"},
                {-1, 0, ENOMEM, 0, SV_KVM_GUEST_MEMFD, "tdx.trial.kvm", "too little memory"},
                {-1, 0, EINVAL, 0, SV_KVM_SET_REGION2, "tdx.trial.kvm", "its place"},
                {-1, 0, EINVAL, 0, SV_KVM_SET_ATTRIBUTES, "tdx.trial.kvm", "private"},
                {-1, 0, EINVAL, 0, KVM_CREATE_VCPU, "tdx.trial.kvm", "a vCPU"},
                {-1, 0, EINVAL, 0, KVM_SET_CPUID2, "tdx.trial.kvm", "CPUID"},
                {SV_KVM_TDX_CAPABILITIES, 0, EOPNOTSUPP, 0, 0, "tdx.trial.kvm",
                 "KVM_TDX_CAPABILITIES"},
                {SV_KVM_TDX_INIT_VM, 0, ENOSPC, 0, 0, "tdx.trial.kvm", "end another TD"},
                {SV_KVM_TDX_INIT_VM, 0, EINVAL, 0xc000010000000040, 0, "tdx.trial.module",
                 "ATTRIBUTES"},
                {SV_KVM_TDX_INIT_VM, 0, EINVAL, 0xc000010000000045, 0, "tdx.trial.module", "CPUID"},
                {SV_KVM_TDX_INIT_VCPU, 1, EIO, 0, 0, "tdx.trial.kvm", "SEAMCALL"},
                {SV_KVM_TDX_INIT_MEM_REGION, 0, EIO, 0xc0000b0200000000, 0, "tdx.trial.module",
                 "BFV at 0xffffe000"},
                {SV_KVM_TDX_INIT_MEM_REGION, 2, EFAULT, 0, 0, "tdx.trial.kvm", "defect"},
                {SV_KVM_TDX_FINALIZE_VM, 0, EBUSY, 0x8000020000000080, 0, "tdx.trial.busy", "TDR"},
                {SV_KVM_TDX_FINALIZE_VM, 0, EINVAL, 0, 0, "tdx.trial.kvm", "KVM_TDX_FINALIZE_VM"},
        };
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                new_kvm();
                kvm.id = cases[i].id;
                kvm.nth = cases[i].nth;
                kvm.error = cases[i].error;
                kvm.hw_error = cases[i].hw_error;
                kvm.request = cases[i].request;
                FAILS(trial("", &err),
                      !strcmp(cases[i].check, "tdx.trial.module") ? SV_PROOF : SV_SYSTEM,
                      cases[i].check);
                print_message("%s\n", err.msg);
                if (!strstr(err.msg, cases[i].says))
                        fail_msg("\"%s\" is not in: %s", cases[i].says, err.msg);
                assert_false(kvm.finished);
        }
}

static void refused_before_kvm(void **state)
{
        struct sv_err err = SV_ERR_NULL;

        new_kvm();
        FAILS(trial(",\"cpu\":\"EPYC-v4\"", &err), SV_USAGE, "tdx.domain.cpu");
        FAILS(trial(",\"vcpus\":5", &err), SV_USAGE, "tdx.trial.vcpus");
        kvm.offers = 0;
        FAILS(trial("", &err), SV_SYSTEM, "tdx.trial.kvm");
        assert_non_null(strstr(err.msg, "0x10000000"));
}

static void firmware_outside(void **state)
{
        static const struct tdvf_row high = {0, 0, 0x110000000, 4096, SV_TDVF_TEMP_MEM, 0},
                                     beyond = {0, 0, 0x50000000, 4096, SV_TDVF_TEMP_MEM, 0};
        const struct tdvf_row *t[] = {&high, &beyond};
        SV_STR path = sv_asprintf("%s/good.fd", root);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF image = SV_BUF_NULL;

        for (size_t i = 0; i < 2; i++) {
                struct tdvf_row rows[3];

                memcpy(rows, tdvf_good, sizeof(rows));
                rows[1] = *t[i];
                tdvf_build(&image, rows, 3, 1);
                OK(sv_file_write(path, 0644, sv_buf_bytes(&image), &err));
                new_kvm();
                FAILS(trial("", &err), SV_USAGE, "tdx.trial.memory");
        }
}

static void statuses(void **state)
{
        static const struct {
                uint64_t status;
                const char *says;
                bool again;
        } t[] = {
                {0x8000020300000000, "random", true},
                {0x8000020000000092, "page tables", true},
                {0xc000010000000041, "XFAM", false},
                {0xc0000100000000ee, "operand 238", false},
                {0xc000050500000000, "virt/tdx", false},
                {0xc00006ff00000000, "do not know, about the state of the guest", false},
                {0x8000ff00ffff0000, "did not reach", false},
                {0xc000ee0000000000, "do not know", false},
                {0, "as it was told", false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF b = SV_BUF_NULL;

                sv_tdx_status(t[i].status, &b);
                if (!strstr(sv_buf_str(&b), t[i].says))
                        fail_msg("\"%s\" is not in: %s", t[i].says, sv_buf_str(&b));
                assert_int_equal(sv_tdx_status_again(t[i].status), t[i].again);
        }
}

static int set_up(void **state)
{
        SV_BUF image = SV_BUF_NULL;
        SV_STR dev = NULL;
        SV_STR node = NULL;
        SV_STR path = NULL;

        if (!mkdtemp(root))
                return -1;
        dev = sv_asprintf("%s/dev", root);
        node = sv_asprintf("%s/dev/kvm", root);
        path = sv_asprintf("%s/good.fd", root);
        tdvf_build(&image, tdvf_good, 3, 1);
        return sv_mkdirs(dev, 0755, NULL) < 0 ||
                               sv_file_write(node, 0644, SV_BYTES_NULL, NULL) < 0 ||
                               sv_file_write(path, 0644, sv_buf_bytes(&image), NULL) < 0
                       ? -1
                       : 0;
}

static int tear_down(void **state)
{
        new_kvm();
        return sv_remove_tree(root, NULL);
}

/* QEMU's words (target/i386/kvm/tdx.c), as libvirt passes them on. */
static void refusal(void **state)
{
        static const struct {
                const char *message, *check, *says;
                enum sv_class class;
        } t[] = {
                {"internal error: QEMU unexpectedly closed the monitor (vm='g'): qemu: TDX ioctl "
                 "KVM_TDX_INIT_VM failed, hw_errors: 0xc000010000000040: "
                 "Invalid argument\nqemu: gone",
                 "tdx.launch.module",
                 "(KVM_TDX_INIT_VM, status 0xc000010000000040): an operand is invalid (ATTRIBUTES",
                 SV_PROOF},
                {"TDX ioctl KVM_TDX_FINALIZE_VM failed, hw_errors: 0x8000020000000080: Device or "
                 "resource busy",
                 "tdx.launch.busy", "KVM_TDX_FINALIZE_VM", SV_SYSTEM},
                {"TDX ioctl KVM_TDX_INIT_VCPU failed, hw_errors: 0x0: No space left on device\n",
                 "tdx.launch.kvm", "(KVM_TDX_INIT_VCPU: No space left on device)", SV_SYSTEM},
                {"TDX ioctl KVM_TDX_INIT_VCPU failed, hw_errors: 0x0", "tdx.launch.kvm",
                 "does not say why", SV_SYSTEM},
                {"TDX ioctl X failed, hw_errors: 0xffffffffffffffffffff: x", "tdx.launch.module",
                 "the call did not reach the TDX module", SV_PROOF},
                {"qemu: Invalid attributes 0x40000000 for TDX VM (KVM supported: 0x10000000)\n",
                 "tdx.launch.offer",
                 "Invalid attributes 0x40000000 for TDX VM (KVM supported: 0x10000000); ask",
                 SV_SYSTEM},
        };
        static const char *const others[] = {
                "",
                "TDX ioctl ",
                "TDX ioctl  failed",
                " failed, hw_errors: 0x1TDX ioctl ",
                "Invalid attributes 0x1",
                "no such CPU",
                "TDX ioctl a name that is much longer than any of KVM's failed, hw_errors: 0x1"};
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                FAILS(sv_tdx_refusal(t[i].message, &err), t[i].class, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("\"%s\" does not say \"%s\"", err.msg, t[i].says);
        }
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_int_equal(sv_tdx_refusal(others[i], &err), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_submitted), cmocka_unit_test(asked_again),
                cmocka_unit_test(each_call_refused), cmocka_unit_test(refused_before_kvm),
                cmocka_unit_test(firmware_outside),  cmocka_unit_test(statuses),
                cmocka_unit_test(refusal),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
