/* SPDX-License-Identifier: Apache-2.0 */
/* Test only, preloaded: a kernel that does not make a process undumpable. */
#include <errno.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int prctl(int option, ...)
{
        unsigned long a[4];
        va_list ap;

        va_start(ap, option);
        for (int i = 0; i < 4; i++)
                a[i] = va_arg(ap, unsigned long);
        va_end(ap);
        if (option == PR_SET_DUMPABLE) {
                errno = EPERM;
                return -1;
        }
        return (int)syscall(SYS_prctl, option, a[0], a[1], a[2], a[3]);
}
