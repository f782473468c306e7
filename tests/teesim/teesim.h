/* SPDX-License-Identifier: Apache-2.0 */
/* The SNP platform (and the TDX module: tdx.h) with the KVM around it, played for an unmodified
 * program (QEMU, secure-vm) that it is preloaded into. The machine's own KVM is not asked: it may
 * be of another vendor, or none. As no guest runs, remembering what was set is all that there is to
 * it.
 *
 * Environment: TEESIM_STATE=FILE gets the result; TEESIM_RUN=exit|block|quote says what the first
 * KVM_RUN does (default exit: the program ends with status 0); TEESIM_TRACE=FILE gets one line per
 * measured range; TEESIM_CHUNK=N makes LAUNCH_UPDATE take N pages at a time; TEESIM_REFUSE=NUMBER
 * is a call that this kernel does not have; TEESIM_FW_STATUS=STATUS is what the firmware answers to
 * a command that would change something, and with TEESIM_FW_IDLE it says yes and does nothing.
 * Answers are 0 or -1 with errno, as of ioctl. */
#pragma once

#include "tests/teesim/abi.h"

#define LD_SIZE 48

/* --- preload.c: the C library's open, close and ioctl --- */
int real_ioctl(int fd, unsigned long request, void *arg);
void mark(int fd, int kind); /* from now on this descriptor is one of ours */
enum { FD_OTHER, FD_KVM, FD_VM, FD_VCPU, FD_SEV };

/* --- kvm.c: KVM's capabilities, and the requests that a confidential guest makes different;
 * what an ordinary KVM does is in kvmstate.h --- */
int on_kvm(int fd, unsigned request, void *arg);
int on_vm(int fd, unsigned request, void *arg);
int on_vcpu(int fd, unsigned request, void *arg);
/* Is the whole range private, and in a slot with guest memory? */
bool guest_private(uint64_t gpa, uint64_t size);
/* The half of it that the program sees; NULL when no slot has the whole range. */
void *guest_shared(uint64_t gpa, uint64_t size);

/* --- device.c: /dev/sev --- */
int on_sev(int fd, unsigned request, void *arg);
#define API_MAJOR 1
#define API_MINOR 55

/* --- launch.c: the SNP launch: what KVM checks, what the firmware checks and measures --- */
int launch_op(int vm, struct sev_cmd *cmd);
void launch_add_vcpu(int fd);
void launch_reset(void); /* a new machine; one at a time */
bool launch_finished(void);

/* --- vmsa.c: the save area of a vCPU, from the state that the program gave it --- */
int vmsa_read(int vcpu, uint64_t features, uint8_t page[PAGE]);

/* --- idblock.c: ID block and ID authentication --- */
struct id {
        uint8_t family_id[16], image_id[16];
        uint32_t guest_svn;
        uint8_t id_key_digest[LD_SIZE], author_key_digest[LD_SIZE];
};
/* The firmware's status code. */
int idblock_check(const uint8_t block[96], const uint8_t auth[4096], bool author,
                  const uint8_t ld[LD_SIZE], uint64_t policy, struct id *out);
void sha384(const void *data, size_t n, uint8_t out[LD_SIZE]);

/* --- state.c: the result, for the test and for tests/teesim/signer.c --- */
struct result {
        const char *outcome; /* "launched", "refused" */
        uint32_t fw_error;
        uint8_t digest[LD_SIZE], host_data[32];
        uint64_t policy, features;
        bool author_key_en, vcek_disabled, id_block_en;
        unsigned vcpus;
        struct id id;
};
void state_write(const struct result *r);
void trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
