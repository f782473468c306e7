/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest's domain and a host's capabilities say that matters when the guest moves to another
 * host. Pure: libvirt's XML in. */
#pragma once

#include "base/core/limits.h"
#include "launcher/virt/xml-read.h"

struct sv_domain_disk {
        char *kind;   /* "file", "block", "network", … */
        char *path;   /* of a file or a device; NULL: none */
        char *format; /* "raw" */
        char *cache;  /* "none"; NULL: QEMU's default */
        char *target; /* "vda" */
        bool readonly;
};

struct sv_domain_nic {
        char *kind;   /* "bridge", "network", "user", … */
        char *source; /* of the bridge or network; NULL: none */
        char *tap;    /* of a guest that runs; NULL: none */
};

/* A file that QEMU reads when the guest starts or starts over. */
struct sv_domain_file {
        char *path;
        bool secret; /* only root and QEMU's user may read it: an initramfs can have secrets */
};

struct sv_domain_facts {
        char *uuid, *type, *arch, *machine, *emulator; /* type: "kvm", "qemu" */
        uint64_t memory;                               /* bytes that it has or was told to take */
        char *cpu_mode;                                /* NULL: libvirt's default */
        char *cpu_model;                               /* NULL: none is named */
        char *tee;                                     /* of <launchSecurity>; NULL: none */
        char *label;   /* security model that is asked for, or NULL */
        bool own_user; /* of its QEMU, by a label of libvirt's "dac" */
        bool tpm;
        char *nvram; /* or NULL */
        struct sv_domain_file files[5];
        size_t n_files;
        struct sv_domain_disk disks[SV_GUEST_DISKS_MAX];
        size_t n_disks;
        struct sv_domain_nic nics[SV_GUEST_NICS_MAX];
        size_t n_nics;
};

struct sv_host_facts {
        char *uuid;
        char *cpu;    /* the text of <cpu> */
        char *models; /* " dac apparmor ": of security, between spaces */
        char *user;   /* whom QEMU runs as ("+64055:+64055"); NULL: not said */
};

/* SV_SYSTEM "migrate.domain": it has not what every domain has, or more disks or cards than a guest
 * of ours can have. */
int sv_domain_read(const char *xml, struct sv_domain_facts *out, struct sv_err *err);
/* Its disks alone: SV_SYSTEM "migrate.domain" when it has more than a guest of ours. */
int sv_domain_read_disks(const char *xml, struct sv_domain_facts *out, struct sv_err *err);
/* The files that it boots from and its variable store alone. */
void sv_domain_read_files(const char *xml, struct sv_domain_facts *out);
/* What libvirt gave a domain that runs under the security model: to its processes, to its files.
 * Both NULL where it has none of that model; the caller frees. */
void sv_domain_read_label(const char *xml, const char *model, char **label, char **image);
/* Has the guest opened the virtio channel of that name? */
bool sv_domain_has_open_channel(const char *xml, const char *name);
void sv_domain_facts_free(struct sv_domain_facts *f);
int sv_host_read(const char *capabilities, struct sv_host_facts *out, struct sv_err *err);
void sv_host_facts_free(struct sv_host_facts *f);
