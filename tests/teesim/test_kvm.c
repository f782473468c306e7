/* SPDX-License-Identifier: Apache-2.0 */
/* The played KVM itself. It is the same on every machine: a program that preloads it gets exactly
 * the processor of this table, byte for byte. It remembers what it is told. And it begins as a real
 * one does: where this machine has a KVM, a fresh vCPU of each is compared. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/teesim/abi.h"
#include "tests/teesim/tdx.h"
#include "tests/unit/unit.h"

/* --- the processor --- */

/* function index flags eax ebx ecx edx, as KVM_GET_SUPPORTED_CPUID must give them. Written apart
 * from cpu.c: who changes the processor changes both. */
static const uint32_t processor[][7] = {
        {0x00000000, 0, 0, 0x00000010, 0x68747541, 0x444d4163, 0x69746e65},
        {0x00000001, 0, 0, 0x00a00f11, 0x00000800, 0xf7fa3203, 0x178bfbff},
        {0x00000006, 0, 0, 0x00000004, 0x00000000, 0x00000000, 0x00000000},
        {0x00000007, 0, 1, 0x00000000, 0x219c07ab, 0x0040060c, 0x00000010},
        {0x00000007, 1, 1, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
        {0x0000000d, 0, 1, 0x00000207, 0x00000240, 0x00000988, 0x00000000},
        {0x0000000d, 1, 1, 0x0000000f, 0x00000348, 0x00000000, 0x00000000},
        {0x0000000d, 2, 1, 0x00000100, 0x00000240, 0x00000000, 0x00000000},
        {0x0000000d, 9, 1, 0x00000008, 0x00000980, 0x00000000, 0x00000000},
        {0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65},
        {0x80000001, 0, 0, 0x00a00f11, 0x40000000, 0x00c003f7, 0x2fd3fbff},
        {0x80000005, 0, 0, 0xff40ff40, 0xff40ff40, 0x20080140, 0x20080140},
        {0x80000006, 0, 0, 0x5c002200, 0x68004200, 0x02006140, 0x01009140},
        {0x80000007, 0, 0, 0x00000000, 0x00000000, 0x00000000, 0x00000100},
        {0x80000008, 0, 0, 0x00003030, 0x1102d245, 0x00000000, 0x00000000},
        {0x8000000a, 0, 0, 0x00000001, 0x00008000, 0x00000000, 0x1000040b},
        {0x80000021, 0, 0, 0x00000045, 0x00000000, 0x00000000, 0x00000000},
        {0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x0000004d},
        {0x40000001, 0, 0, 0x01007efb, 0x00000000, 0x00000000, 0x00000000},
};
#define LEAVES (sizeof(processor) / sizeof(processor[0]))

struct cpuid {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[LEAVES + 1];
};

static int open_kvm(void)
{
        int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void same_processor(int kvm, uint32_t width)
{
        struct kvm_cpuid_entry2 expected[LEAVES] = {0};
        struct cpuid c = {.head.nent = LEAVES + 1};

        for (size_t i = 0; i < LEAVES; i++) {
                const uint32_t *p = processor[i];

                expected[i] = (struct kvm_cpuid_entry2){p[0], p[1], p[2], p[3], p[4], p[5], p[6]};
                if (p[0] == 0x80000008)
                        expected[i].eax |= width << 16;
        }
        assert_int_equal(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &c), 0);
        assert_int_equal(c.head.nent, LEAVES);
        assert_memory_equal(c.entries, expected, sizeof(expected));
}

static void test_processor(void **state)
{
        SV_FD kvm = open_kvm();
        SV_FD td = -1;
        struct cpuid c = {.head.nent = LEAVES - 1};

        same_processor(kvm, 0);
        assert_int_equal(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &c), -1); /* too little room */
        assert_int_equal(errno, E2BIG);
        td = ioctl(kvm, KVM_CREATE_VM, VM_TYPE_TDX);
        assert_true(td >= 0);
        same_processor(kvm, 48);
}

/* The width of a TD's guest addresses: what a module takes, and what QEMU gives on a machine whose
 * processor has fewer bits. */
static void test_widths(void **state)
{
        struct {
                struct kvm_cpuid2 head;
                struct kvm_cpuid_entry2 e;
        } c = {{.nent = 1}, {.function = 0x80000008}};

        for (unsigned machine = 39; machine <= 52; machine++)
                for (unsigned width = 32; width < 64; width++) {
                        bool good = width == machine || width == 48 || width == 52;

                        c.e.eax = width << 16;
                        assert_int_equal(tdx_cpuid_take(&c.head, machine), good ? 0 : -1);
                }
}

/* --- what it remembers --- */

struct vcpu {
        int kvm, vm, fd;
};

static void make_vcpu(struct vcpu *v)
{
        v->kvm = open_kvm();
        v->vm = ioctl(v->kvm, KVM_CREATE_VM, 0);
        assert_true(v->vm >= 0);
        assert_int_equal(ioctl(v->vm, KVM_CREATE_IRQCHIP, 0), 0);
        v->fd = ioctl(v->vm, KVM_CREATE_VCPU, 0);
        assert_true(v->fd >= 0);
}

static void free_vcpu(struct vcpu *v)
{
        close(v->fd);
        close(v->vm);
        close(v->kvm);
}

/* What a launch sets; a real KVM must take it too. */
static void test_remembers(void **state)
{
        struct {
                struct kvm_msrs head;
                struct kvm_msr_entry e;
        } m = {{.nmsrs = 1}, {.index = 0xc0000081, .data = 0x23001000000000}},
          back = {{1}, {0xc0000081}};
        struct kvm_regs r = {0}, regs = {0};
        struct kvm_sregs s, sregs;
        struct vcpu v;

        make_vcpu(&v);
        r.rip = 0x80b004;
        r.rdx = 0x800f12;
        r.rflags = 2;
        assert_int_equal(ioctl(v.fd, KVM_SET_REGS, &r), 0);
        assert_int_equal(ioctl(v.fd, KVM_GET_REGS, &regs), 0);
        assert_memory_equal(&regs, &r, sizeof(r));
        assert_int_equal(ioctl(v.fd, KVM_GET_SREGS, &s), 0);
        s.cs.base = 0x800000;
        s.idt.limit = 0x1ff;
        assert_int_equal(ioctl(v.fd, KVM_SET_SREGS, &s), 0);
        assert_int_equal(ioctl(v.fd, KVM_GET_SREGS, &sregs), 0);
        assert_int_equal(sregs.cs.base, 0x800000);
        assert_int_equal(sregs.idt.limit, 0x1ff);
        assert_int_equal(ioctl(v.fd, KVM_SET_MSRS, &m), 1);
        assert_int_equal(ioctl(v.fd, KVM_GET_MSRS, &back), 1);
        assert_true(back.e.data == m.e.data);
        assert_int_equal(ioctl(v.vm, KVM_CREATE_VCPU, 0), -1);
        assert_int_equal(errno, EEXIST);
        free_vcpu(&v);
}

static int set_region(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *p)
{
        struct kvm_userspace_memory_region r = {.slot = slot,
                                                .guest_phys_addr = gpa,
                                                .memory_size = size,
                                                .userspace_addr = (uintptr_t)p};

        return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r) == 0 ? 0 : errno;
}

/* Regions of memory that a real KVM refuses are refused. */
static void test_regions(void **state)
{
        void *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        struct vcpu v;

        assert_ptr_not_equal(p, MAP_FAILED);
        make_vcpu(&v);
        assert_int_equal(set_region(v.vm, 0, 0, 2 * PAGE, p), 0);
        assert_int_equal(set_region(v.vm, 1, PAGE, 2 * PAGE, p), EEXIST);
        assert_int_equal(set_region(v.vm, 1, 2 * PAGE + 8, PAGE, p), EINVAL);
        assert_int_equal(set_region(v.vm, 0, 0, 0, p), 0);
        assert_int_equal(set_region(v.vm, 1, PAGE, 2 * PAGE, p), 0);
        free_vcpu(&v);
        munmap(p, 4 * PAGE);
}

/* --- a fresh vCPU: AMD APM volume 2, section 14.1 --- */

static void same_segment(const struct kvm_segment *s, uint64_t base, unsigned selector, bool code)
{
        assert_true(s->base == base);
        assert_int_equal(s->limit, 0xffff);
        assert_int_equal(s->selector, selector);
        assert_int_equal(s->type & ~1u, code ? 0xa : 2); /* accessed or not: vendors differ */
        assert_int_equal(s->present, 1);
        assert_int_equal(s->s, 1);
}

static void test_reset(void **state)
{
        struct {
                struct kvm_msrs head;
                struct kvm_msr_entry e;
        } pat = {{.nmsrs = 1}, {.index = 0x277}};
        struct kvm_debugregs d;
        struct kvm_sregs s;
        struct kvm_xcrs x;
        struct kvm_regs r;
        struct kvm_fpu f;
        struct vcpu v;

        make_vcpu(&v);
        assert_int_equal(ioctl(v.fd, KVM_GET_SREGS, &s), 0);
        same_segment(&s.cs, 0xffff0000, 0xf000, true);
        same_segment(&s.ds, 0, 0, false);
        same_segment(&s.ss, 0, 0, false);
        assert_int_equal(s.gdt.limit, 0xffff);
        assert_int_equal(s.idt.limit, 0xffff);
        assert_true(s.cr0 == 0x60000010 && s.cr3 == 0 && s.cr4 == 0 && s.efer == 0);
        assert_true(s.apic_base == 0xfee00900);
        assert_int_equal(ioctl(v.fd, KVM_GET_REGS, &r), 0);
        assert_true(r.rip == 0xfff0 && r.rflags == 2 && r.rax == 0 && r.rsp == 0);
        assert_int_equal(ioctl(v.fd, KVM_GET_DEBUGREGS, &d), 0);
        assert_true(d.dr6 == 0xffff0ff0 && d.dr7 == 0x400);
        assert_int_equal(ioctl(v.fd, KVM_GET_XCRS, &x), 0);
        assert_true(x.nr_xcrs == 1 && x.xcrs[0].xcr == 0 && x.xcrs[0].value == 1);
        assert_int_equal(ioctl(v.fd, KVM_GET_FPU, &f), 0);
        assert_int_equal(f.fcw, 0x37f);
        assert_int_equal(ioctl(v.fd, KVM_GET_MSRS, &pat), 1);
        assert_true(pat.e.data == 0x0007040600070406);
        assert_int_equal(ioctl(v.kvm, KVM_GET_VCPU_MMAP_SIZE, 0) % PAGE, 0);
        free_vcpu(&v);
}

/* --- played, and real --- */

static int run_played(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_processor), cmocka_unit_test(test_widths),
                cmocka_unit_test(test_remembers), cmocka_unit_test(test_regions),
                cmocka_unit_test(test_reset),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* So that nobody plays what no KVM does. */
static int run_real(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_remembers),
                cmocka_unit_test(test_regions),
                cmocka_unit_test(test_reset),
        };

        if (access("/dev/kvm", R_OK | W_OK) < 0) {
                printf("SKIP: this machine's /dev/kvm cannot be opened (%s): what is played was "
                       "not compared with a real KVM\n",
                       strerror(errno));
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
        if (argc == 2 && !strcmp(argv[1], "real"))
                return run_real();
        if (!getenv("TEESIM_SO")) {
                printf("SKIP: TEESIM_SO does not name the simulator\n");
                return 77;
        }
        if (!getenv("LD_PRELOAD")) { /* the linker reads it when a program starts */
                setenv("LD_PRELOAD", getenv("TEESIM_SO"), 1);
                execv("/proc/self/exe", argv);
                return 1;
        }
        return run_played();
}
