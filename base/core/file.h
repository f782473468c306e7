/* SPDX-License-Identifier: Apache-2.0 */
/* Files, whole or in pieces, bounded; writing is all or nothing. */
#pragma once

#include <sys/types.h>

#include "base/core/buf.h"

/* Append a whole regular file (or pipe) of at most max bytes. `check` names what it is
 * ("guest.file"): class SV_SYSTEM when it cannot be read, SV_FORMAT "<check>" when it is larger. */
int sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                 struct sv_err *err);
/* A private key's file: refused (SV_SYSTEM, `mode_check`) when it is a regular file that its group
 * or others may read or write. *out becomes a locked buffer. */
int sv_file_read_private(const char *path, size_t max, struct sv_buf *out, const char *check,
                         const char *mode_check, struct sv_err *err);
/* Such a file to look at, without a copy when it is a regular file: for what is large and hashed
 * once. The file must not shrink meanwhile (as for any mapping, SIGBUS would end the program): for
 * files of the user's own, never for what a guest or a peer can write. */
struct sv_map {
        struct sv_bytes bytes;
        size_t mapped;
        struct sv_buf copy;
};
int sv_file_map(const char *path, size_t max, struct sv_map *out, const char *check,
                struct sv_err *err);
void sv_map_free(struct sv_map *m);
#define SV_MAP __attribute__((cleanup(sv_map_free))) struct sv_map
/* sv_file_read from an open descriptor (not closed). */
int sv_fd_read(int fd, const char *name, size_t max, struct sv_buf *out, const char *check,
               struct sv_err *err);
/* All of it, or an error. */
int sv_fd_write(int fd, const char *name, struct sv_bytes data, struct sv_err *err);
/* The same at a place of a file: -1 and errno. */
int sv_fd_write_at(int fd, struct sv_bytes data, uint64_t at);
/* So many bytes from a place of a file on: how many there were, fewer than n at its end only; -1
 * and errno. */
ssize_t sv_fd_read_at(int fd, void *out, size_t n, uint64_t at);
/* Holds the file's lock (flock) for this descriptor alone: tried until nobody else has it, for so
 * long. -1 and errno, EWOULDBLOCK when the time is over. */
int sv_fd_lock(int fd, unsigned wait_ms);
/* The folder that a path lies in ("." for a name alone); the caller frees. */
char *sv_path_folder(const char *path);
/* And its name there: what is behind the last slash, if any. */
const char *sv_path_name(const char *path);
/* What names it has is on the disk: -1 and errno. */
int sv_folder_sync(const char *path);
/* Write to a temporary name in the same folder, sync, rename: readers see the old file or the new
 * one. */
int sv_file_write(const char *path, unsigned mode, struct sv_bytes data, struct sv_err *err);
/* What a command's user says to write, under the mode that the umask leaves of this one. A device
 * or a pipe, also behind a link as /dev/stdout, is written to as a shell's redirection does; a
 * regular file behind a link is written as sv_file_write does, and the link stays. */
int sv_output_write(const char *path, unsigned mode, struct sv_bytes data, struct sv_err *err);
/* Give fn every piece of the file in order; fn returns 0 to go on, -1 (with *err filled) to stop.
 * Memory use is one piece. */
int sv_file_stream(const char *path,
                   int (*fn)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                   const char *check, struct sv_err *err);
/* Copy a file (shares blocks where the file system can). */
int sv_file_copy(const char *from, const char *to, unsigned mode, struct sv_err *err);
/* The same from an open descriptor at its beginning (not closed); `from` is for messages. */
int sv_fd_copy(int in, const char *from, const char *to, unsigned mode, struct sv_err *err);
/* mkdir -p; existing directories are kept as they are. */
int sv_mkdirs(const char *path, unsigned mode, struct sv_err *err);
/* rm -r; a missing path is no error. Never follows symbolic links. */
int sv_remove_tree(const char *path, struct sv_err *err);

void sv_closep(int *fd);
#define SV_FD __attribute__((cleanup(sv_closep))) int
void sv_strfreep(char **s);
#define SV_STR __attribute__((cleanup(sv_strfreep))) char *
/* asprintf that ends the program when there is no memory for a line of text. The caller frees. */
char *sv_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
