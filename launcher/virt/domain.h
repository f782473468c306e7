/* SPDX-License-Identifier: Apache-2.0 */
/* The libvirt domain of a guest. Pure: a plan in, XML out. */
#pragma once

#include "guest/guest.h"
#include "tee/host.h"

/* The files that a domain boots from. */
struct sv_boot_files {
        const char *kernel; /* or the unified kernel image */
        const char *initrd; /* or NULL */
        const char *shim;   /* or NULL */
        const char *firmware;
        const char *nvram_template; /* NULL: the firmware is a rom without variable store */
        const char *nvram;          /* this guest's copy */
};

struct sv_tuned; /* launcher/tune/wish.h */

/* What its keeper decides about a domain. */
struct sv_plan_place {
        bool kvm; /* else TCG */
        /* the same machine as its TEE's, without the TEE: nothing would protect it */
        bool bare;
        const char *console_socket; /* NULL: a pseudo terminal (under a libvirt daemon) */
        const char *console_log;
        const char *agent_socket;      /* NULL: libvirt chooses */
        const char *qemu_agent_socket; /* the same */
        bool disks_by_fd; /* open files are handed over as groups "disk0", "disk1"… */
        /* what is kept with the definition, as JSON, in SV_VIRT_FACTS; NULL: nothing */
        const char *facts;
        /* per disk: its file system cannot do direct I/O; NULL: all can */
        const bool *buffered;
        /* for each disk that is a block device, the name by which QEMU opens it; NULL: it is none,
         * or only a namespace over fabrics is, by its path */
        const char *const *devices;
        /* for each network card that is a virtual function, its address on the host's PCI bus, as
         * "0000:21:10.2"; NULL: none is chosen yet, and what is made serves to be looked at */
        const char *const *functions;
        /* those that are only read are QEMU's to read already, and libvirt gives it no more */
        bool readers_given;
        /* who its QEMU runs as, user and group; 0: libvirt chooses */
        unsigned user;
        /* what of the host it has for itself; NULL: nothing */
        const struct sv_tuned *tuned;
};

struct sv_plan {
        const struct sv_guest *guest;
        const struct sv_tee_host *tee; /* NULL: no TEE part */
        const char *cmdline;           /* the whole of it (sv_guest_cmdline) */
        struct sv_boot_files boot;
        struct sv_plan_place place;
};

/* "vda": what libvirt, and a Linux in the guest, call the guest's disk of this number, from 0. */
#define SV_DISK_TARGET_SIZE 4
void sv_domain_name_disk(size_t i, char out[SV_DISK_TARGET_SIZE]);

#define SV_AGENT_PORT "org.secure-vm.agent"

/* cmdline stays for the caller to set. */
struct sv_plan sv_plan_from(const struct sv_guest *guest, const struct sv_tee_host *tee,
                            const struct sv_boot_files *boot, const struct sv_plan_place *place);
int sv_domain_xml(const struct sv_plan *plan, struct sv_buf *xml, struct sv_err *err);
