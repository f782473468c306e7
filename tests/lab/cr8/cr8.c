/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
/* Test only: the lab machine's KVM intercepts every write to CR8, as it does for a processor whose
 * interrupt controller is not in the kernel. It would let those pass that can mask nothing, and
 * QEMU's emulation of SVM (10.0 and 11.1 tried) ends with an assertion at such a write while an
 * interrupt window is asked for: helper_write_crN calls cpu_interrupt without the lock that this
 * wants. OVMF writes CR8 at the end of each interrupt, so no guest would get past its firmware. */
#include <linux/kprobes.h>
#include <linux/module.h>

static noinline void pass_over(void)
{
        asm volatile("");
}

/* What would take the interception away is not run. */
static int skip_update(struct kprobe *p, struct pt_regs *regs)
{
        regs->ip = (unsigned long)pass_over;
        return 1;
}

static struct kprobe probe = {
        .symbol_name = "svm_update_cr8_intercept",
        .pre_handler = skip_update,
};

static int __init cr8_init(void)
{
        return register_kprobe(&probe);
}
module_init(cr8_init);

static void __exit cr8_exit(void)
{
        unregister_kprobe(&probe);
}
module_exit(cr8_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Test only: KVM intercepts every write to CR8");
