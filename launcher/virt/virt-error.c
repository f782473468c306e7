/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-error.h"

#include <string.h>

/* By what the message says: what QEMU and the kernel mean, and the one thing to do. First match. */
static const struct {
        const char *says, *check, *advice;
        enum sv_class class;
} known[] = {
        {"Failed to acquire pid file", "virt.busy",
         "another process holds this guest; see \"secure-vm list\"", SV_SYSTEM},
        {"Cannot open embedded driver", "virt.busy", "one process serves one guest", SV_SYSTEM},
        {"no connection driver available", "virt.driver", "install libvirt-daemon-driver-qemu",
         SV_SYSTEM},
        {"Failed to connect socket to", "virt.open",
         "nothing listens there: start that libvirt service, or leave --connect out", SV_SYSTEM},
        {"virtlogd-sock", "virt.open", "start virtlogd, or leave --connect out", SV_SYSTEM},
        {"Invalid value for attribute 'type' in element 'launchSecurity'", "virt.unsupported",
         "this libvirt does not know the TEE: sev-snp needs 10.5.0, tdx needs 11.6.0 (packages "
         "libvirt0, libvirt-daemon-driver-qemu)",
         SV_SYSTEM},
        {"launch security is not supported with this QEMU binary", "virt.unsupported",
         "this QEMU does not know it: sev-snp needs 9.1, tdx needs 10.1 (package qemu-system-x86)",
         SV_SYSTEM},
        {"vm-type TDX not supported by KVM", "virt.unsupported",
         "this kernel's KVM makes no TD; \"secure-vm host\" says why", SV_SYSTEM},
        {"KVM_TDX_", "virt.tdx",
         "KVM or the TDX module refused the launch; \"secure-vm trial\" makes the same calls and "
         "says what the status means",
         SV_SYSTEM},
        {"TDX requires guest CPU physical bits", "virt.cpuid",
         "a TD has the host's processor: remove \"cpu\" from the guest file", SV_SYSTEM},
        {"Unable to find 'efi' firmware", "virt.firmware",
         "name an image with \"firmware\" in the guest file", SV_SYSTEM},
        {"cannot open binary of", "virt.swtpm", "install swtpm and swtpm-tools", SV_SYSTEM},
        {"Unable to find 'swtpm", "virt.swtpm", "install swtpm and swtpm-tools", SV_SYSTEM},
        /* it makes the vTPM's certificate; swtpm itself needs none */
        {"swtpm_setup", "virt.swtpm",
         "\"secure-vm host vtpm-ca\" makes the certificate authority that swtpm needs", SV_SYSTEM},
        {"swtpm", "virt.swtpm",
         "its log says more: in log/swtpm/ of the guest's folder, under a daemon in "
         "/var/log/swtpm/libvirt/qemu/",
         SV_SYSTEM},
        {"KVM_SET_USER_MEMORY_REGION2", "virt.firmware",
         "a confidential guest takes its firmware as a rom, not as flash", SV_SYSTEM},
        {"Unknown CPU model", "virt.cpuid",
         "libvirt or QEMU here does not know it and a newer one may (EPYC-Turin, EPYC-v5, "
         "EPYC-Rome-v5, EPYC-Milan-v3, EPYC-Genoa-v2: QEMU 10.1); else choose another \"cpu\" "
         "(\"virsh domcapabilities\" lists them): the launch digest changes with it",
         SV_SYSTEM},
        {"CPUID validation failed", "virt.cpuid", "choose a \"cpu\" model that this processor has",
         SV_SYSTEM},
        {"does not support SMM", "virt.unsupported", "leave SMM off", SV_SYSTEM},
        {"Permission denied", "virt.permission",
         "the user that QEMU runs as cannot read a file above: check the folders on its path",
         SV_SYSTEM},
        {"Cannot allocate memory", "virt.memory", "choose less \"memory\", or end another guest",
         SV_SYSTEM},
        {"cannot set up guest memory", "virt.memory",
         "choose less \"memory\", or end another guest", SV_SYSTEM},
        {"Cannot get interface MTU", "virt.network", "the bridge in \"nics\" does not exist",
         SV_SYSTEM},
        {"Specified qdisc kind is unknown", "virt.network",
         "this host's kernel cannot shape: it lacks sch_htb, sch_sfq or sch_ingress", SV_SYSTEM},
        {"Network not found", "virt.network",
         "the network in \"nics\" does not exist; \"virsh net-list\" names those that do",
         SV_SYSTEM},
};

/* By libvirt's number (virterror.h). */
static const struct {
        int code;
        const char *check, *meaning, *advice; /* advice: may be NULL */
} codes[] = {
        {1, "virt.qemu", "QEMU did not take it"},
        {3, "virt.unsupported", "this connection cannot do that"},
        {9, "virt.operation", "libvirt could not do it"},
        {27, "virt.xml", "libvirt did not take the domain"},
        {38, "virt.system", "the system did not do its part"},
        {42, "virt.absent", "there is no such guest"},
        {55, "virt.state", "the guest is not in a state for this"},
        {67, "virt.unsupported", "this libvirt or QEMU cannot do what the guest file asks"},
        {91, "virt.cpuid",
         "this processor, its firmware or its kernel lacks what the CPU model has",
         "choose an older \"cpu\" (EPYC-Milan, EPYC-Rome, EPYC-v4); the launch digest changes with "
         "it"},
        {92, "virt.schema", "the domain does not follow this libvirt's schema"},
};

int sv_virt_map_error(struct sv_err *err, const char *what, int code, const char *message)
{
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (strstr(message, known[i].says))
                        return sv_fail(err, known[i].class, known[i].check, "%s: %s; %s", what,
                                       message, known[i].advice);
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (codes[i].code == code)
                        return sv_fail(err, SV_SYSTEM, codes[i].check, "%s: %s: %s%s%s", what,
                                       codes[i].meaning, message, codes[i].advice ? "; " : "",
                                       codes[i].advice ? codes[i].advice : "");
        return sv_fail(err, SV_SYSTEM, "virt.libvirt", "%s: %s (libvirt error %d)", what, message,
                       code);
}
