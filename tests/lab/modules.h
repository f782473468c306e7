/* SPDX-License-Identifier: Apache-2.0 */
/* For the only program of a small initramfs. */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All that /modules names, in its order; one that is not taken is told. */
static bool load_modules(void)
{
        char path[256];
        FILE *list = fopen("/modules", "r");
        bool all = true;

        while (list && fgets(path, sizeof(path), list)) {
                int fd;

                path[strcspn(path, "\n")] = 0;
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0) {
                        perror(path);
                        all = false;
                }
                if (fd >= 0)
                        close(fd);
        }
        if (list)
                fclose(list);
        return all;
}
