/* SPDX-License-Identifier: Apache-2.0 */
/* The host's part of a TEE: what this machine offers, and how a guest is started on it. */
#pragma once

#include "base/core/buf.h"
#include "base/json/json.h"
#include "tee/tee.h"

struct sv_opt; /* base/program/cli.h */

struct sv_probe {
        bool ok;
        /* processor, firmware and kernel do their part; with !ok it is programs that are missing */
        bool platform;
        char found[256]; /* "swtpm 0.7.1, QEMU 10.0.2" */
        /* when !ok: the one thing to change; with ok: the one thing that a launch may lack, or
         * empty */
        char advice[512];
};

/* The confidential part of the libvirt domain: XML fragments, which launcher/virt/domain.c places;
 * an empty buffer adds nothing. */
struct sv_domain_part {
        struct sv_buf launch_security; /* <launchSecurity> … */
        struct sv_buf features;        /* children of <features> */
        struct sv_buf devices;         /* children of <devices> */
        /* the loader must be a read-only rom without variable store */
        bool stateless_firmware;
};

struct sv_tee_host {
        const struct sv_tee *id;
        /* Machine options that QEMU sets by itself for such a guest (",pic=off"; "": none). A
         * machine without the TEE needs them to get the same ACPI tables, which go into a
         * prediction or into a measured image. NULL: neither. */
        const char *acpi_machine;
        /* bits of physical addresses of such a guest's processor, whatever the host's has, up to
         * the 46 that firmware makes use of; 0: it depends on the guest and the host */
        unsigned acpi_bits;
        /* what its guests' keys are called in the control groups' misc.capacity (Linux,
         * admin-guide/cgroup-v2.rst, "Misc"); NULL: they take none */
        const char *keys;
        bool vcpus_are_processors; /* KVM: no more vCPUs than the machine has processors */
        int (*probe)(struct sv_probe *out, struct sv_err *err);
        /* The guest file's object of this TEE (/tees/<name>), whichever the guest runs under:
         * SV_USAGE "guest.<name>.…". Pure. */
        int (*check_options)(const struct sv_guest *guest, struct sv_err *err);
        int (*domain)(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err);
        /* Devices, sockets and their folders that QEMU opens by name, beside /dev/kvm; ends with
         * NULL. May be NULL. */
        const char *const *opens;
        /* What libvirt said when a launch failed (QEMU's last words among it): a check that says
         * what the platform refused, and why; 0 when the message is about something else. Pure; may
         * be NULL. */
        int (*refusal)(const char *message, struct sv_err *err);
        /* What to do about a broker's refusal by that check, as far as it is about the host; the
         * broker tells a guest nothing but the name. NULL: nothing; may be NULL. */
        const char *(*cure)(const char *check);
        int (*trial)(const struct sv_guest *guest, struct sv_err *err); /* NULL: has none */
        const char *trial_says; /* what a trial that ends well has shown, and what not */
        /* Changes this machine's platform: op "commit", "config" or "vlek-load", with that
         * command's options (texts by name; a switch is ""). Fills *plan (object): "changes", an
         * array of {"what","before","after","text"}; then does it, unless `dry`. NULL: nothing to
         * change. */
        int (*host_op)(const char *op, const struct sv_json *options, bool dry,
                       struct sv_json *plan, struct sv_err *err);
        /* Options of `secure-vm host config` on this platform, ending with name NULL. May be NULL.
         */
        const struct sv_opt *config_options;
};
