/* SPDX-License-Identifier: Apache-2.0 */
/* A library that does what libsecurevm must not: abi.py has to find each of it. */
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

int open_once(const char *path);

static int shared_by_threads;

int open_once(const char *path)
{
        if (time(NULL) < 0)
                abort();
        shared_by_threads += open(path, O_RDONLY | O_CLOEXEC);
        return shared_by_threads;
}
