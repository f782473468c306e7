/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/host/status.h"

/* Upper half of the status. */
static const struct {
        uint32_t code;
        const char *text;
} texts[] = {
        {0x00000000, "the module did as it was told"},
        {0x40000001, "this vCPU cannot run again"},
        {0x40000002, "this guest cannot run again"},
        {0x80000003, "the call was interrupted and can go on"},
        {0x80000004, "the call was interrupted and can be made again"},
        {0x60000005, "the guest died, its memory can no longer be reached"},
        {0xc0000006, "another call was resumed than the one interrupted"},
        {0x6000000a,
         "the guest's own records are damaged: the machine's memory or the host is at fault"},
        {0xc0000100, "an operand is invalid"},
        {0xc0000101, "an address is not in memory that the module may use"},
        {0x80000200, "something that the call needs is in use by another call"},
        {0x80000201, "a processor has not yet left the guest's last memory epoch"},
        {0x80000202, "the module itself is busy"},
        {0x80000203, "the processor has no random numbers at the moment"},
        {0xc0000300, "a page is not what the call expects of it"},
        {0xc0000302, "a page belongs to another guest"},
        {0xc0000303, "a page is not free"},
        {0xc0000400, "pages of the guest still exist"},
        {0xc0000500, "the module was initialised already"},
        {0xc0000502, "this processor was not initialised for TDX: all processors must be online "
                     "when kvm_intel is loaded"},
        {0xc0000505, "the module is not ready: see the kernel's log for \"virt/tdx\""},
        {0xc0000506, "the module was shut down: reboot"},
        {0xc0000508, "the module is in the wrong state"},
        {0xc0000600, "the guest was not initialised"},
        {0xc0000601, "the guest is initialised already"},
        {0xc0000602, "the guest's launch is not finished"},
        {0xc0000603, "the guest's launch is finished already"},
        {0xc0000604, "the guest has died"},
        {0xc0000605, "the guest cannot be debugged"},
        {0xc0000607, "the guest is in the wrong part of its life for this step"},
        {0xc0000608, "the guest is in the wrong state for this step"},
        {0xc0000700, "a vCPU is in the wrong state for this step"},
        {0x80000701, "a vCPU is in use by a processor"},
        {0x80000702, "a vCPU is in use by no processor"},
        {0xc0000705, "the guest has as many vCPUs as it may have"},
        {0x80000800,
         "no memory key could be made: the processor has no random numbers at the moment"},
        {0x80000810, "the guest's memory key is not configured on every processor package"},
        {0xc0000811, "the guest's memory key is in the wrong state"},
        {0x00000815, "the guest's memory key is configured already"},
        {0xc0000820, "the private key identifier is in use"},
        {0x00000821, "no private key identifier waits for its caches to be written back"},
        {0x80000824, "a processor still holds state of the guest"},
        {0xc0000900, "a CPUID value is not what this processor has"},
        {0xc0000902, "CPUID values contradict each other"},
        {0xc0000908, "a CPUID leaf cannot be configured"},
        {0xc0000b00, "an address of the guest has no page table"},
        {0xc0000b02,
         "an address of the guest has a page already: two sections of the firmware overlap"},
        {0xc0000b03, "an address of the guest has no page"},
        {0x00000b0a, "the guest has accepted this page already"},
        {0xc0000b0b, "a page has another size than the guest expects"},
        {0xc0000b0d, "an address of the guest is in the wrong state"},
        {0xc0000c00,
         "a field of the module is unknown to it: the module is older than the kernel expects"},
        {0xc0000c02, "a field of the module cannot be read"},
};

/* Bits 47:40, for a status of a module that is newer than this table. */
static const char *const classes[] = {
        [0] = "a general condition",    [1] = "an operand",
        [2] = "something in use",       [3] = "the state of a page",
        [4] = "pages that still exist", [5] = "the state of the module",
        [6] = "the state of the guest", [7] = "the state of a vCPU",
        [8] = "a memory key",           [9] = "the processor",
        [10] = "a memory region",       [11] = "the guest's page tables",
        [12] = "a field of the module", [13] = "measurement and attestation",
        [14] = "a service guest",       [15] = "migration",
};

/* Lower half when an operand is at fault. */
static const struct {
        uint32_t id;
        const char *name;
} operands[] = {
        {0, "RAX"},
        {1, "RCX"},
        {2, "RDX"},
        {8, "R8"},
        {9, "R9"},
        {10, "R10"},
        {64, "ATTRIBUTES: this module or processor does not offer all of \"attributes\""},
        {65, "XFAM: this processor lacks a state that was asked for"},
        {66, "execution controls"},
        {67, "the width of guest addresses"},
        {68, "the number of vCPUs"},
        {69, "a CPUID value that the module does not let a host choose"},
        {70, "the frequency of the time stamp counter (100 MHz to 10 GHz in steps of 25 MHz)"},
        {128, "the guest's root page (TDR)"},
        {129, "the guest's control pages (TDCS)"},
        {130, "a vCPU's root page (TDVPR)"},
        {146, "the guest's page tables"},
        {169, "the guest's memory epoch"},
};

/* Linux' own, where the call never reached the module (arch/x86/include/asm/tdx.h). */
#define SOFTWARE_CLASS 0xffu

static void put_operand(uint32_t id, struct sv_buf *out)
{
        for (size_t i = 0; i < sizeof(operands) / sizeof(operands[0]); i++)
                if (operands[i].id == id) {
                        sv_buf_printf(out, " (%s)", operands[i].name);
                        return;
                }
        sv_buf_printf(out, " (operand %u)", id);
}

void sv_tdx_status(uint64_t status, struct sv_buf *out)
{
        uint32_t code = (uint32_t)(status >> 32), class = (uint32_t)(status >> 40) & 0xff;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (texts[i].code != code)
                        continue;
                sv_buf_puts(out, texts[i].text);
                if (class == 1 || class == 2)
                        put_operand((uint32_t)status, out);
                return;
        }
        if (class == SOFTWARE_CLASS)
                sv_buf_puts(out, "the call did not reach the TDX module: it is not loaded, or "
                                 "virtualisation is off on this processor; see the kernel's log");
        else if (class < sizeof(classes) / sizeof(classes[0]))
                sv_buf_printf(out, "a status that we do not know, about %s", classes[class]);
        else
                sv_buf_puts(out, "a status that we do not know");
}

bool sv_tdx_status_again(uint64_t status)
{
        switch (status >> 32) {
        case 0x80000003:
        case 0x80000004:
        case 0x80000200:
        case 0x80000201:
        case 0x80000202:
        case 0x80000203:
        case 0x80000800:
                return true;
        default:
                return false;
        }
}
