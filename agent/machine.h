/* SPDX-License-Identifier: Apache-2.0 */
/* What an init asks of its machine. Tests put one of their own here; the agent passes NULL, which
 * is the machine itself. */
#pragma once

/* Functions return 0, or -1 and errno. */
struct sv_machine {
        const char *files; /* folder that holds /dev, /etc, /proc, /sys and /sysroot */
        int (*mount)(const char *source, const char *target, const char *type, unsigned long flags,
                     const char *options);
        int (*load_module)(int fd);
        int (*reboot)(int how);
        void (*sync)(void);
        int (*chroot)(const char *path);
        int (*exec)(const char *path, char *const *argv, char *const *envp);
        void (*pause)(unsigned ms);
};

/* m, or the machine itself when it is NULL. */
const struct sv_machine *sv_machine_of(const struct sv_machine *m);
/* An absolute path below m->files. The caller frees. */
char *sv_machine_path(const struct sv_machine *m, const char *path);
