/* SPDX-License-Identifier: Apache-2.0 */
/* One value in one file of the kernel's, below a root folder ("" is this machine, a fixture's in
 * tests): read in one form, however the kernel writes it, and written as the kernel takes it. */
#pragma once

#include "launcher/tune/bitset.h"

enum sv_kernel_form {
        SV_KERNEL_TEXT,   /* one line */
        SV_KERNEL_CHOICE, /* one word of several: "none [mq-deadline]"; the chosen one counts */
        SV_KERNEL_MASK,   /* CPUs in hexadecimal, a comma every 32 bits; zeros in front are none */
        SV_KERNEL_LIST,   /* CPUs as "0-3,8" */
};

/* Its value in place of what `out` had: 1; 0 when the file cannot be read, as where the kernel or
 * the device has none; -1 with SV_FORMAT "tune.value" when it is larger than SV_TUNE_VALUE_MAX. */
int sv_kernel_file_read(const char *root, const char *path, enum sv_kernel_form form,
                        struct sv_buf *out, struct sv_err *err);
/* 0, or -1 and errno. In one write, as the kernel wants it. */
int sv_kernel_file_write(const char *root, const char *path, const char *value);
/* Could it be written? 0, or -1 and errno. Changes nothing. */
int sv_kernel_file_try(const char *root, const char *path);
/* Is the word among those that a file of SV_KERNEL_CHOICE offers? Appends them to `offered`. */
bool sv_kernel_file_offers(const char *root, const char *path, const char *word,
                           struct sv_buf *offered);
/* A decimal number on one line; `otherwise` where there is none. */
long long sv_kernel_file_number(const char *root, const char *path, long long otherwise);
/* The names in a folder, in the order of their numbers ("cpu2" before "cpu10"), without those that
 * begin with a dot; NULL at the end. NULL for all when there is no memory or no such folder. The
 * caller frees with sv_kernel_names_free. */
char **sv_kernel_folder_names(const char *root, const char *path);
void sv_kernel_names_free(char ***names);
#define SV_NAMES __attribute__((cleanup(sv_kernel_names_free))) char **
/* Appends the set as SV_KERNEL_MASK has it. */
void sv_kernel_put_mask(const struct sv_bitset *cpus, struct sv_buf *out);
