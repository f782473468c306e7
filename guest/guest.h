/* SPDX-License-Identifier: Apache-2.0 */
/* The guest file: one JSON document from which everything follows (launch, measure, policy).
 * docs/guest.schema.json is its schema. Reading it checks it whole; every error names the JSON
 * pointer, the line, what was expected and what to do (SV_USAGE, check "guest.<member>"). Paths are
 * made absolute, relative to the guest file's folder or to the one that it names as "folder". */
#pragma once

#include "base/core/address.h"
#include "base/json/json.h"

/* Ports where the guest file says none: NVMe over fabrics, its discovery (IANA). */
#define SV_NVME_PORT           4420
#define SV_NVME_DISCOVERY_PORT 8009

/* Of a subsystem, or of a discovery service; the host as sv_address_print has it. */
struct sv_fabric_address {
        char host[SV_ADDRESS_TEXT];
        unsigned port;
};

struct sv_disk {
        /* the virtio serial by which the guest finds it; "root" for the first unless given;
         * [A-Za-z0-9_-]{1,20} */
        char *id;
        char *path; /* also of a namespace: the name that udev gives it by what it is */
        /* a namespace of an NVMe subsystem over fabrics; NULL in subsystem: the disk is none */
        struct {
                char *subsystem;  /* its NQN */
                char *namespace;  /* as the kernel's "wwid": "uuid.…", "eui.…" */
                char *transport;  /* "tcp" or "rdma" */
                char **addresses; /* sv_fabric_address_read takes each; a path each */
                size_t n_addresses;
                char **discovery; /* of services that know more addresses */
                size_t n_discovery;
                char *host;   /* the NQN that this host says it is; NULL: /etc/nvme/hostnqn */
                char *secret; /* a file with keys of DH-HMAC-CHAP, or NULL */
        } nvme;
        bool readonly;
        /* the agent opens it with a key from the broker; default true for the first disk when
         * attestation is given and no disk has verity. Beside a verity disk it is what lies above
         * that in the root's overlay */
        bool encrypted;
        /* what the agent believes of a disk that it verifies block by block (base/core/verity.h),
         * or NULL */
        char *verity;
        struct {
                unsigned queues;   /* 0: QEMU's own number */
                unsigned iothread; /* from 1; 0: none, QEMU's main thread */
                /* NULL: "native" where the file system takes direct I/O, else "threads" */
                char *io;
                char *cache;         /* NULL: "none" where that works, else "writeback" */
                char *discard;       /* NULL: "unmap" */
                char *detect_zeroes; /* NULL: "off" */
                /* bytes that the guest sees; 0: 512, and as large as that */
                unsigned sector, physical_sector;
        } tuning;
};

/* A port of the host that leads to one of the guest. */
struct sv_forward {
        char *protocol; /* "tcp" or "udp" */
        char *address;  /* of the host, IPv4 */
        unsigned port;  /* of the host */
        unsigned to;    /* of the guest */
};

struct sv_nic {
        char *type;   /* "user" (no privileges, NAT by QEMU), "bridge", "network", "vf" */
        char *source; /* bridge, libvirt network, or the card whose virtual function it is */
        char *mac;    /* or NULL: see sv_guest_mac */
        struct sv_forward *forwards;
        size_t n_forwards;
        /* what the agent makes of it: with an address it asks nobody, neither DHCP nor routers */
        char **addresses; /* "192.0.2.7/24", "2001:db8::7/64" */
        size_t n_addresses;
        char **gateways; /* at most one of each family; need not lie within the prefix */
        size_t n_gateways;
        char **resolvers;
        size_t n_resolvers;
        unsigned vlan; /* 0: none */
        unsigned mtu;  /* 0: the card's, or what the network says */
        char *bond;    /* always NULL: there is no bonding, and who writes it is told so */
        struct {
                unsigned queues;         /* 0: one */
                bool vhost, vhost_given; /* the host's kernel moves the packets; else QEMU */
        } tuning;
        struct { /* of a "vf", what the card lets it do */
                unsigned index;
                bool index_given;   /* else any that is free */
                unsigned create;    /* how many the card gets when it has none; 0: it must have */
                unsigned vlan, qos; /* the card's, of which the guest sees nothing */
                unsigned min_rate, max_rate; /* Mbit/s; 0: no limit */
                bool spoof_check, trust;     /* default true, false */
        } vf;
};

#define SV_VFS_MAX      256 /* functions of one card */
#define SV_VF_INDEX_MAX 255
#define SV_RATE_MAX     1000000

/* A broker beside the first. */
struct sv_guest_broker {
        char *url;
        char *pin;   /* default: the first's, when that owner has both */
        char *owner; /* NULL: who has the first, and one database for them */
};

struct sv_guest {
        char *file; /* where it came from */
        /* user id: who chose what is in it, and may have what it names (launcher/keeper/owner.h) */
        unsigned owner;
        char *name;
        /* given, or derived from the name (SHA-256 of "secure-vm guest " name, version 8 bits set)
         */
        uint8_t uuid[16];
        char *tee;       /* "auto", or a name in the tables of TEEs: not looked up here */
        unsigned vcpus;  /* default 2 */
        uint64_t memory; /* bytes, default 1 GiB, a multiple of 1 MiB */
        /* up to which it can be given more while it runs; 0: no more than it boots with. Ask
         * sv_guest_vcpus_max, sv_guest_memory_max. */
        unsigned vcpus_max;
        uint64_t memory_max;
        char *cpu;      /* CPU model, NULL: the TEE's and host's default */
        char *firmware; /* NULL: the TEE's default for this host */
        /* what it must be able to do, in the words of QEMU's descriptors; none with `firmware` */
        char **firmware_features;
        size_t n_firmware_features;
        char *kernel; /* NULL only with uki */
        char *initrd;
        char *cmdline; /* the user's part; see sv_guest_cmdline */
        /* cmdline is the whole line (measure by flags); no guest file can say so */
        bool cmdline_exact;
        char *shim; /* between firmware and kernel, under Secure Boot; NULL: none */
        char *uki;
        struct sv_disk *disks;
        size_t n_disks;
        struct sv_nic *nics;
        size_t n_nics;
        struct {
                char *url; /* broker, NULL: no attestation, no encrypted disk */
                /* "sha256:<64 hex>" of the broker's SubjectPublicKeyInfo, or NULL with ca */
                char *pin;
                struct sv_guest_broker *fallbacks; /* asked in this order after it */
                size_t n_fallbacks;
                char *ca;       /* PEM file (agent takes it from the initramfs), or NULL */
                char *resource; /* "repo/type/tag", default "default/<name>/root" */
                /* PEM files: who may have made the vTPM; default the swtpm-localca root of this
                 * host */
                char **ek_roots;
                size_t n_ek_roots;
                unsigned lease; /* seconds, see sv_policy_lease */
                unsigned wait;  /* seconds for a network and for the broker; 0: the agent's own */
                char *card;     /* MAC of the only interface that the agent uses, or NULL */
        } attestation;
        struct {
                uint64_t log_size; /* bytes kept of what it prints on its serial line */
        } console;
        struct {
                char *model;   /* sVirt: "selinux", "apparmor", NULL: libvirt's default */
                bool required; /* refuse to run unconfined */
                bool optional; /* the file says that it is not required */
                /* under the system's libvirt daemon QEMU runs as that's user, not one of its own */
                bool shared_user;
        } security;
        /* "tees": {"<TEE>": {…}}, NULL when absent: each TEE reads its own with sv_guest_options */
        struct sv_json *tees;
        /* the file as read and the folder of its relative paths, for messages about those */
        char *text;
        char *dir;
        /* "tuning" as it stands in the file, or NULL: what is not in `tune` is refused by
         * launcher/virt/domain.c */
        struct sv_json *tuning;
        struct {
                struct {
                        bool given;
                        unsigned cells; /* that the guest sees; 0: one, and it sees none */
                        char *mode;     /* "strict" or "preferred"; NULL: strict */
                        char **nodes;   /* of the host, for each cell; none: chosen at the launch */
                        size_t n_nodes;
                } numa;
                struct {
                        char **pin; /* "auto" alone, or CPUs of the host for each vCPU */
                        size_t n_pin;
                        char *emulator;   /* CPUs of QEMU's other threads; NULL: chosen with pin */
                        char **iothreads; /* CPUs of each I/O thread */
                        size_t n_iothreads;
                        unsigned threads; /* of a core, that the guest sees; 0: one */
                } cpus;
                uint64_t hugepages; /* bytes of a page; 0: ordinary memory */
                struct {
                        bool shared; /* other processes can map it (vhost-user) */
                        bool locked; /* never in swap */
                        /* a balloon for statistics; what lies free in the guest goes back to the
                         * host; what the balloon has, the guest gets when it runs short. An
                         * ordinary guest's alone; `_given`: the file says so */
                        bool balloon, reporting, deflate;
                        bool balloon_given;
                } memory;
        } tune;
};

/* Has the guest file's "tuning" such a member? */
bool sv_guest_knows_tuning(const char *name);
/* "192.0.2.7", "192.0.2.7:4420", "2001:db8::7", "[2001:db8::7]:4420"; `port` where the text says
 * none. False, and nothing is written: it is none. */
bool sv_fabric_address_read(const char *text, unsigned port, struct sv_fabric_address *out);
/* Is each vCPU to have a CPU of the host's choice ("pin": "auto")? */
bool sv_guest_pins_itself(const struct sv_guest *g);
/* Is this kind of cache (NULL: none is named) one of direct I/O, without the host's pages? */
bool sv_cache_is_direct(const char *cache);
/* Up to which vCPUs and bytes it can grow while it runs: at least what it boots with. */
unsigned sv_guest_vcpus_max(const struct sv_guest *g);
uint64_t sv_guest_memory_max(const struct sv_guest *g);
/* In what pieces it gets memory while it runs, bytes. */
uint64_t sv_guest_memory_block(const struct sv_guest *g);
/* I/O threads that the disks name: 1 to this. */
unsigned sv_guest_count_iothreads(const struct sv_guest *g);

/* Reads and checks; *out must be zeroed and is filled only on success. */
int sv_guest_read(const char *path, struct sv_guest *out, struct sv_err *err);
/* The same over text, with `dir` as the folder of relative paths (tests, fuzzing: no file is
 * opened). */
int sv_guest_parse(struct sv_bytes text, const char *file, const char *dir, struct sv_guest *out,
                   struct sv_err *err);
void sv_guest_free(struct sv_guest *g);
#define SV_GUEST __attribute__((cleanup(sv_guest_free))) struct sv_guest

/* The command line that really boots and is measured: the user's part, then what the agent must
 * know
 * ("securevm.url=… securevm.pin=… …securevm.owner=… securevm.resource=… securevm.wait=…
 * securevm.card=… securevm.nic=… securevm.disk=ID securevm.verity=… securevm.data=ID"). launch,
 * measure and policy all use this one. SV_USAGE "guest.cmdline" when it exceeds SV_CMDLINE_MAX or
 * the user's part holds a securevm. word or a control character. */
int sv_guest_cmdline(const struct sv_guest *g, struct sv_buf *out, struct sv_err *err);

/* The hardware address of an interface: the file's, or one of the guest's UUID, the same at every
 * launch, so that the guest's network stays what it was. */
void sv_guest_mac(const struct sv_guest *g, size_t nic, char out[SV_MAC_TEXT]);

/* The disk that the agent opens as the root, with a key or by its hash tree; NULL: none. */
const struct sv_disk *sv_guest_root(const struct sv_guest *g);
/* The disk that the agent opens with a key: the root, or what lies above a verity root; NULL. */
const struct sv_disk *sv_guest_encrypted(const struct sv_guest *g);
/* Does the agent report generations of that disk to the broker, which then sees a rollback and
 * keeps a lease? It does of a btrfs root alone. */
bool sv_guest_reports_disk(const struct sv_guest *g);

/* The firmware image that boots: the guest file's, or the distribution's OVMF. launch, measure and
 * policy all use this one. */
const char *sv_guest_firmware(const struct sv_guest *g);

/* "FILE:LINE: POINTER: " for a message about what the guest file says there; "FILE: " when it
 * leaves that out; nothing for a guest that is in no file. */
void sv_guest_place(const struct sv_guest *g, const char *pointer, struct sv_buf *out);
/* Puts the place in front of the message in *err, unless that names the file already; returns -1.
 */
int sv_guest_wrap(const struct sv_guest *g, const char *pointer, struct sv_err *err);
/* The same with a member of the whole ("kernel") in place of a pointer. */
int sv_guest_wrap_member(const struct sv_guest *g, const char *member, struct sv_err *err);
/* The same; the key is the last word of the check's name, the TEE's own or the guest's. */
int sv_guest_wrap_check(const struct sv_guest *g, const char *tee, struct sv_err *err);

struct sv_member; /* base/json/member.h */
/* Reads a TEE's own object of the guest file (/tees/<tee>) by its rows into `base`, as the rest of
 * the file is read: SV_USAGE "guest.<tee>.<name>", naming pointer and line. Without such an object
 * nothing is read. Strings and lists belong to the caller. */
int sv_guest_options(const struct sv_guest *g, const char *tee, const struct sv_member *rows,
                     void *base, struct sv_err *err);
