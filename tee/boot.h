/* SPDX-License-Identifier: Apache-2.0 */
/* What QEMU hands to the firmware to boot: kernel, command line, initramfs; and the events that the
 * kernel's EFI stub makes of the last two. */
#pragma once

#include "guest/guest.h"
#include "ovmf/prediction.h"
#include "ovmf/uki.h"

struct sv_boot {
        struct sv_buf kernel;  /* or the unified kernel image, as in the file */
        struct sv_buf cmdline; /* of the guest file, or of the flags */
        uint64_t initrd_size;  /* 0: none */
        uint8_t initrd[SV_EVENT_BANKS][SV_DIGEST_MAX];
};

/* Reads what the guest names; the initramfs is streamed. `bank`: the first that a digest is wanted
 * in. SV_USAGE "measure.kernel" (names nothing), "measure.initrd" (an empty one). */
int sv_boot_read(const struct sv_guest *guest, int bank, struct sv_boot *out, struct sv_err *err);
void sv_boot_free(struct sv_boot *b);
/* Is an open file a kernel ("kernel") or an initramfs ("initrd"), by its beginning, or a firmware
 * image ("firmware"), by its size? Other members pass. SV_FORMAT "ovmf.linux.*",
 * "ovmf.initramfs.magic", "ovmf.image.size", with `path` in front. */
int sv_boot_check_file(int fd, const char *member, const char *path, struct sv_err *err);
/* The same of a file of `size` bytes that begins with `head`. */
int sv_boot_check_head(struct sv_bytes head, uint64_t size, const char *member, const char *path,
                       struct sv_err *err);
/* Would QEMU hand the kernel over, with an initramfs of that size and the guest's memory? SV_USAGE
 * "ovmf.linux.memory", "ovmf.linux.vga". */
int sv_boot_check_fit(const struct sv_guest *guest, int kernel, uint64_t initrd_size,
                      struct sv_err *err);
/* The same of both that the guest names; one that cannot be opened is not judged here. */
int sv_boot_check(const struct sv_guest *guest, struct sv_err *err);
/* Is what the guest names as "uki" a measured image (stub/main.c)? Such a one has its own command
 * line, so the guest file's must be in it: SV_USAGE "measure.uki" when it is not. *out has views
 * into `image`; out->measured says whether it is one. SV_FORMAT "measure.uki", "ovmf.pe.*": no
 * unified kernel image. */
int sv_boot_uki(const struct sv_guest *guest, struct sv_bytes image, struct sv_uki *out,
                struct sv_err *err);
/* Such an image's parts, as the kernel's own stub will be handed them. */
int sv_boot_unpack(const struct sv_uki *u, struct sv_boot *out, struct sv_err *err);
#define SV_BOOT __attribute__((cleanup(sv_boot_free))) struct sv_boot

/* What OVMF makes of the command line (OvmfPkg/Library/{Generic,X86}QemuLoadImageLib), in addition
 * to the text itself: a word that lets kernels find the initramfs, behind the text until
 * edk2-stable202505 and before it since. A measured image is started without one. */
enum sv_initrd_word { SV_INITRD_WORD_LAST, SV_INITRD_WORD_FIRST, SV_INITRD_WORD_NONE };

/* LoadOptions as the kernel's EFI stub measures them (drivers/firmware/efi/libstub): UTF-16 with
 * its terminator; no event when there are none. */
int sv_event_options(struct sv_prediction *p, unsigned reg, const struct sv_boot *b,
                     enum sv_initrd_word word, struct sv_err *err);
/* The initramfs, when there is one. */
void sv_event_initrd(struct sv_prediction *p, unsigned reg, const struct sv_boot *b);
/* Is the kernel of this version (as struct sv_linux has it) at least that one? */
bool sv_linux_since(const char *version, unsigned major, unsigned minor);
