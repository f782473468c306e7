/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of the project, one comment each. A limit protects a program from input that it did
 * not choose. */
#pragma once

/* bytes in one struct sv_buf that names no limit of its own */
#define SV_BUF_MAX                 (256u << 20)
#define SV_SECRET_MAX              (1u << 20) /* bytes in one secret: a resource is a key, not a file */
#define SV_VERSIONS_MAX            64         /* versions of one resource that a broker keeps */
/* audit records of who has proven nothing that a broker's database keeps: the newest */
#define SV_STRANGERS_RECORDS       10000
#define SV_JSON_DEPTH_MAX          32 /* nesting of JSON; the project's own documents reach 9 */
/* bytes of one JSON text: evidence with two event logs is below 1 MiB */
#define SV_JSON_SIZE_MAX           (8u << 20)
#define SV_JSON_MEMBERS_MAX        65536 /* members and elements in one JSON text */
#define SV_OVERLAY_BLOCKS_MAX      4096 /* blocks of 4 KiB that are changed in an imported system */
/* extents of one file, and chunks, of a file system that is imported */
#define SV_XFS_EXTENTS_MAX         (1u << 18)
#define SV_BTRFS_CHUNKS_MAX        65536
#define SV_GUEST_SIZE_MAX          (1u << 20) /* bytes of a guest file */
#define SV_GUEST_DISKS_MAX         16         /* disks of one guest: one letter each, vda to vdp */
#define SV_GUEST_NICS_MAX          8          /* network interfaces of one guest */
/* addresses that a guest file gives one NVMe subsystem, and discovery services */
#define SV_NVME_ADDRESSES_MAX      8
#define SV_NVME_SECRET_MAX         1024 /* bytes of a file with keys of DH-HMAC-CHAP */
#define SV_NQN_MAX                 223  /* bytes of an NQN (NVMe Base Specification, 4.5) */
/* queues of one disk or card of a guest: a tap has no more */
#define SV_QUEUES_MAX              256
#define SV_IOTHREADS_MAX           64   /* I/O threads of one guest */
#define SV_GUEST_CELLS_MAX         16   /* NUMA nodes that one guest sees */
#define SV_GUEST_FORWARDS_MAX      64   /* ports of the host that lead to one card of a guest */
#define SV_NIC_ADDRESSES_MAX       4    /* addresses that a guest file gives one interface */
#define SV_NIC_GATEWAYS_MAX        2    /* and gateways: one of each family */
#define SV_RESOLVERS_MAX           3    /* as many as the C library asks (resolv.conf(5)) */
#define SV_VLAN_MAX                4094 /* the highest number of a VLAN (IEEE 802.1Q) */
/* bytes of a packet: below, no network of today works; above, Ethernet has none */
#define SV_MTU_MIN                 576
#define SV_MTU_MAX                 65535
/* seconds that a guest waits for a network, and then tries its broker, unless its file says else */
#define SV_WAIT_S                  180
#define SV_WAIT_MAX_S              86400
/* routes that one DHCP answer may give, and the bytes of their list, which may come in parts */
#define SV_DHCP_ROUTES_MAX         32
#define SV_DHCP_ROUTES_SIZE        (SV_DHCP_ROUTES_MAX * 9)
/* bytes of the name (DUID) of a DHCPv6 server (RFC 8415 section 11.1) */
#define SV_DUID_MAX                130
#define SV_TOKEN_SECRET_MAX        8192 /* bytes of a passphrase that a LUKS2 token stands for */
#define SV_POLICY_SIZE_MAX         (1u << 20) /* bytes of a policy document */
#define SV_CBOR_DEPTH_MAX          24         /* CBOR items inside each other; a CoRIM has 14 */
#define SV_CBOR_ITEMS_MAX          65536      /* CBOR items in one text */
#define SV_CBOR_MAP_MAX            64         /* entries of one CBOR map */
#define SV_CORIM_SIZE_MAX          (1u << 19) /* bytes of a CoRIM: as a reference set */
#define SV_TRUST_KINDS_MAX         16         /* kinds of trust anchors of one TEE */
#define SV_FLOOR_MAX               16         /* rules of a TEE that count under every policy */
#define SV_POLICY_RULES_MAX        256        /* rules in one policy */
#define SV_POLICY_SETS_MAX         16         /* sets of rules in one policy */
#define SV_POLICY_VERSIONS_MAX     64         /* of one resource, that a broker keeps */
#define SV_ACCEPTED_MAX            256        /* guests of one resource whose last token is kept */
#define SV_PEM_SIZE_MAX            (1u << 20) /* bytes of a PEM file with certificates */
#define SV_CHAIN_MAX               8          /* certificates between a leaf and its root */
/* bytes of an HTTP request or response head (tokens travel in it) */
#define SV_HTTP_HEAD_MAX           (128u << 10)
#define SV_HTTP_BODY_MAX           (8u << 20) /* bytes of an HTTP body; a broker's route takes less */
/* bytes of a KBS request: with an attestation key and its TPM's whole chain it has 50 KiB */
#define SV_AUTH_SIZE_MAX           (64u << 10)
/* bytes of evidence in a KBS request: mostly below 1 MiB; a log of 4 MiB in base64 fits */
#define SV_EVIDENCE_SIZE_MAX       (6u << 20)
#define SV_REKEY_SIZE_MAX          (512u << 10) /* bytes of a disk's header for a new key */
#define SV_HTTP_FIELDS_MAX         64           /* header fields in one head */
#define SV_HTTP_TIMEOUT_MS         30000        /* for one read or write on a connection */
/* seconds that a broker's Retry-After can make a guest wait */
#define SV_RETRY_AFTER_MAX         60
/* seconds that a guest has its disk for itself since its last report, unless the policy says more
 * or less; and since the first one, before the mount: then a timer of its system goes on */
#define SV_LEASE_S                 900
#define SV_LEASE_OPEN_S            180
#define SV_LEASE_MAX_S             86400
/* and since it said that it ends: services of it still write, and its disk is not yet unmounted */
#define SV_LEASE_END_S             120
/* longer than a broker takes for a request that somebody keeps back (broker/serve/connection.c) */
#define SV_LEASE_MIN_S             120
/* a guest whose disk another one has asks again: as long as the default lease, and a bit more */
#define SV_LEASE_TRIES             100
#define SV_LEASE_PAUSE_MS          10000
/* connections that a broker holds at a time at least, however few files it may have open; with
 * fewer it does not start */
#define SV_CONNECTIONS_LEAST       64
/* connections that the kernel keeps until they are accepted */
#define SV_LISTEN_BACKLOG          1024
/* bytes of a TCG event log; the kernel's own limit is 256 KiB pages */
#define SV_EVENTLOG_SIZE_MAX       (4u << 20)
#define SV_EVENTLOG_EVENTS_MAX     8192       /* events in one log */
#define SV_EVENT_SIZE_MAX          (1u << 20) /* bytes of one event's data */
/* bytes of one TPM structure (TPM2B_PUBLIC, TPMS_ATTEST, certificate in NV) */
#define SV_TPM_BLOB_MAX            4096
#define SV_FIRMWARE_SIZE_MAX       (64u << 20) /* bytes of a firmware image */
/* bytes of a guest's memory that take noticeable time to accept at once: half a minute and more */
#define SV_EAGER_MEMORY            (32ull << 30)
/* bytes of a guest's memory that all lie below 4 GiB (q35) */
#define SV_MEMORY_BELOW_4G         0xb0000000ull
/* bytes of one file of fw_cfg: the ACPI tables have 128 KiB */
#define SV_FW_CFG_SIZE_MAX         (8u << 20)
#define SV_FW_CFG_FILES_MAX        256           /* files in the directory of fw_cfg */
#define SV_KERNEL_SIZE_MAX         (256u << 20)  /* bytes of a kernel image */
#define SV_INITRD_SIZE_MAX         (1024u << 20) /* bytes of an initramfs */
/* bytes of a unified kernel image: a kernel, an initramfs, and what belongs to them */
#define SV_UKI_SIZE_MAX            (1024u << 20)
/* bytes of a kernel module, as its file is and unpacked; the largest of a distribution have 10 MiB
 */
#define SV_MODULE_SIZE_MAX         (64u << 20)
/* bytes of modules.dep, modules.alias and the other lists beside it */
#define SV_MODULE_LISTS_MAX        (16u << 20)
#define SV_LUKS_HEADER_MAX         (32u << 20) /* bytes of a LUKS2 header with its key slots */
/* bytes of LUKS2 metadata JSON that an image of ours may have */
#define SV_LUKS_JSON_MAX           (128u << 10)
/* bytes of data below one hash tree */
#define SV_VERITY_SIZE_MAX         (16ull << 40)
/* bytes of a kernel command line (x86 COMMAND_LINE_SIZE less the terminator) */
#define SV_CMDLINE_MAX             2047
/* bytes of a guest's name: a path component and a host name */
#define SV_NAME_MAX                63
#define SV_SNP_CERTS_MAX           16 /* certificates that come with one SNP report */
/* bytes of a GHCB certificate table; the kernel's own limit is 16 KiB */
#define SV_SNP_CERT_TABLE_MAX      (64u << 10)
/* bytes of a report or its certificates from configfs-tsm; the kernel's own limit is 32 KiB */
#define SV_TSM_BLOB_MAX            (64u << 10)
/* bytes of one thing fetched; Intel's largest revocation list is below 1 MiB */
#define SV_COLLATERAL_SIZE_MAX     (4u << 20)
/* entries of a cache of collateral: a VCEK has 2 KiB */
#define SV_CACHE_ENTRIES_MAX       32768
#define SV_FETCH_HEADERS_MAX       64 /* response headers that are looked at */
/* times that one thing is asked for before it is given up */
#define SV_FETCH_TRIES             5
#define SV_FETCH_REDIRECTS         3 /* redirects that are followed */
/* platforms that a verifier's memory knows: the one not used for longest goes */
#define SV_TRUST_CACHE_ENTRIES_MAX 64
/* bytes of collateral in one entry; a larger entry is verified again each time. Intel's are below
 * 64 KiB */
#define SV_TRUST_CACHE_ENTRY_MAX   (1u << 20)
#define SV_TRUST_CACHE_SIZE_MAX    (16u << 20) /* bytes of collateral in a memory */
/* parts of one entry when it goes from process to process */
#define SV_LESSON_KINDS_MAX        256
/* bytes of one line from the agent or on a guest's control socket, either way */
#define SV_LINE_MAX                8192
#define SV_CONTROL_CLIENTS_MAX     16 /* connections to one guest's control socket */
#define SV_BALLOON_PERIOD_S        5  /* seconds between two statistics of a guest's balloon */
/* changes of a guest that one command asks for */
#define SV_RESIZE_STEPS_MAX        32
#define SV_EVENT_TEXT_MAX          600         /* bytes of one text that the agent reports */
#define SV_SNAPSHOTS_MAX           256         /* snapshots of one guest's disks */
#define SV_SAVED_SIZE_MAX          (64u << 10) /* bytes of a snapshot's or backup's copies.json */
#define SV_BACKUP_LINKS_MAX        999         /* copies after the first in one backup's folder */
#define SV_BITMAPS_MAX             8  /* of QEMU's on one disk that backups continue from */
#define SV_AGENT_ANSWER_S          30 /* seconds in which a guest comes to rest */
#define SV_NODE_NAME_MAX           63 /* bytes of the name of a block node of QEMU's */
#define SV_QCOW2_DISK_MAX          (1ull << 46) /* bytes of a disk whose changes are kept */
/* times that the agent reports in one event, and the bytes of the name of each */
#define SV_TIMINGS_MAX             32
#define SV_TIMING_NAME_MAX         24
/* bytes that the process takes that reads what an agent says, beyond what it began with */
#define SV_READER_MEMORY           (64u << 20)
#define SV_STEPS_MAX               64 /* events of the agent's that a guest's status keeps */
/* bytes of a guest's status: SV_STEPS_MAX events of a few texts */
#define SV_STATUS_SIZE_MAX         (1u << 20)
/* a guest that resets itself within so many milliseconds of its start, so often in a row, fails */
#define SV_QUICK_REBOOT_MS         10000
#define SV_QUICK_REBOOTS_MAX       5
/* bytes of one file of /proc: another process may have chosen its command line */
#define SV_PROC_SIZE_MAX           (1u << 20)
/* bytes of a guest's console log, unless its guest file gives another number */
#define SV_CONSOLE_LOG_SIZE        (16u << 20)
#define SV_SUBUID_SIZE_MAX         (1u << 20)
#define SV_ACL_SIZE_MAX            (64u << 10) /* bytes of a file's access control list: Linux' own */
#define SV_DAEMON_MARK_MAX         4096u      /* bytes: whose copies of a daemon's guest lie here */
#define SV_QEMU_CONF_SIZE_MAX      (1u << 20) /* bytes of libvirt's qemu.conf */
/* CPUs and nodes of one machine: what Linux can be built for (x86: NR_CPUS, MAX_NUMNODES) */
#define SV_CPUS_MAX                8192
#define SV_NODES_MAX               1024
#define SV_CACHES_MAX              16   /* caches of one CPU that are looked at */
#define SV_PAGE_SIZES_MAX          8    /* sizes of huge pages: an x86 has two, an Arm four */
#define SV_TOPO_DEVICES_MAX        8192 /* cards, virtual functions and NVMe controllers of a host */
/* steps of the search for a guest's nodes: a tenth of a second */
#define SV_PLACE_STEPS             200000
/* bytes of one setting of the kernel's: a mask of all CPUs has 2304 */
#define SV_TUNE_VALUE_MAX          4096
/* settings of one host that are looked at, or changed: 512 CPUs have 2000; as many as one JSON text
 * holds, of eight members each */
#define SV_TUNE_SETTINGS_MAX       8000
/* bytes of a QEMU's numa_maps: a mapping has 200, and there are some thousands */
#define SV_MAPS_SIZE_MAX           (8u << 20)
/* bytes of one file of sysfs: a list of all CPUs, each for itself */
#define SV_SYSFS_SIZE_MAX          (64u << 10)
#define SV_GROUPS_MAX              1024 /* groups of one user that count */
/* User ids of guests, two each, unless /etc/subuid has a range: from 2^30 + 2^29 + 2^28, beyond all
 * that systemd and containers use (systemd's UIDS-GIDS.md) */
#define SV_IDS_FIRST               1879048192u
#define SV_IDS_COUNT               8192u
#define SV_LABEL_MAX               511         /* bytes of an SELinux label, its end among them */
#define SV_CPUINFO_SIZE_MAX        (16u << 20) /* bytes of /proc/cpuinfo: 1.5 KiB a processor */
/* bytes of one of QEMU's firmware descriptors */
#define SV_FIRMWARE_FEATURES_MAX   8 /* that a guest file asks of its firmware */
#define SV_DESCRIPTOR_SIZE_MAX     (1u << 20)

/* options, and arguments, of one command line */
#define SV_HA_NODES_MAX    32 /* nodes of one cluster: what corosync takes */
#define SV_ARGS_MAX        32
#define SV_DISK_ID_MAX     20 /* bytes of a disk's id: the virtio serial has no more */
/* brokers that a guest may know: their words have room on the kernel's command line */
#define SV_BROKERS_MAX     4
#define SV_FALLBACKS_MAX   3    /* one less */
#define SV_URL_MAX         512  /* bytes of the broker's URL: a word of the kernel's command line */
#define SV_URL_PART_MAX    255  /* bytes of a URL's host, and of its prefix */
#define SV_PATH_MAX        2047 /* bytes of a path in a guest file */
#define SV_PATHS_MAX       64   /* paths in one list of a guest file */
#define SV_HTTP_METHOD_MAX 16   /* bytes of the method of an HTTP request */
#define SV_RULE_CHECK_MAX  63   /* bytes of the check name of a policy's rule: fits struct sv_err */
#define SV_RULE_REASON_MAX 512  /* bytes of a rule's reason: it stands in every audit record */
#define SV_GROUNDS_MAX     2000 /* bytes of why a key was released, on the guest's console */

#define SV_RSA_BITS_MAX          8192 /* bits of an RSA key: more only costs the verifier time */
#define SV_RSA_EXPONENT_BITS_MAX 64   /* bits of a public exponent, for the same reason */
#define SV_KEY_WRAP_MAX          4096 /* bytes of a key that another key wraps */
#define SV_KDF_SIZE_MAX          8192 /* bytes that one key derivation gives */

/* bytes of an OVMF image: there is no room for more below 4 GiB */
#define SV_OVMF_SIZE_MAX      (16u << 20)
#define SV_FOOTER_ENTRIES_MAX 32          /* entries of the table at an OVMF image's end */
#define SV_SEV_SECTIONS_MAX   64          /* sections of a firmware's SEV metadata */
#define SV_TDVF_SECTIONS_MAX  64          /* sections of a firmware's TDX metadata */
#define SV_IGVM_AREAS_MAX     256         /* parameter areas of an IGVM file */
#define SV_IGVM_AREA_SIZE_MAX (64u << 20) /* bytes of one parameter area */
#define SV_LZMA_MEMORY_MAX    (96u << 20) /* bytes of the decoder: edk2 has a 16 MiB dictionary */
#define SV_VARIABLES_MAX      512         /* variables in one store */
#define SV_PE_SECTIONS_MAX    96          /* sections of one PE image */
#define SV_PE_SIGNATURES_MAX  8           /* signatures of one PE image */

/* bytes of collateral that goes from one of the broker's processes to another */
#define SV_BLOBS_SIZE_MAX     (32u << 20)
/* bytes of claims between them: the largest, with an event log's, are below 1 MiB */
#define SV_CLAIMS_SIZE_MAX    (16u << 20)
#define SV_CHALLENGE_SIZE_MAX (64u << 10) /* bytes of a TEE's challenge between them */
#define SV_INIT_DATA_MAX      (64u << 10) /* bytes of a message's init-data: a host's few settings */
#define SV_ADDITIONAL_MAX     8           /* further evidences of one attestation */
/* bytes of their text, which is in the token, and so in the database as long as the session */
#define SV_FURTHER_SIZE_MAX   (1u << 20)
#define SV_KEY_TEXT_MAX       4096 /* bytes of one text of a guest's public key */
#define SV_DRAIN_TARGETS_MAX  16   /* hosts to which the guests of one go */
#define SV_DRAIN_JOBS_MAX     16   /* guests on their way at once */
#define SV_DRAIN_NAMES        8    /* of guests, in one message */
#define SV_LIST_MAX           1000 /* resources in one page of the administrator's list */
#define SV_ADMIN_PATHS_MAX    32   /* paths of resources that one of them is limited to */
#define SV_ADMIN_KEYS_MAX     64   /* keys that may administer one broker */
#define SV_REQUEST_ID_MAX     64   /* characters of a request's id that a client chooses */
#define SV_METRICS_SERIES_MAX 512  /* combinations of action, outcome and check that are counted */
/* of one resource: labels, releases that are counted, and guests that may fetch it again and are
 * counted once */
#define SV_LABELS_MAX         16
#define SV_RELEASES_MAX       1000000000
#define SV_TAKERS_MAX         16
/* bytes of a value that the broker makes itself: below, it could be guessed; above, no token or
 * passphrase takes it */
#define SV_PROVISION_MIN      16
#define SV_PROVISION_MAX      SV_TOKEN_SECRET_MAX
/* a process that serves one message is ended after so many milliseconds, and after so many seconds
 * of processor time */
#define SV_SERVICE_MS         90000
#define SV_SERVICE_CPU_S      20
/* the broker's key-encryption key: bytes of its file, and of it when a token has wrapped it; tokens
 * that are looked at; bytes of a PIN; milliseconds for what a TPM or token takes to give it */
#define SV_KEK_FILE_MAX       (16u << 10)
#define SV_KEK_WRAPPED_MAX    256
#define SV_TOKEN_SLOTS_MAX    64
#define SV_PIN_MAX            255
#define SV_KEK_WAIT_MS        60000
#define SV_PENDING_MAX        64 /* changes of one repository that wait for a second person */
