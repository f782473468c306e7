/* SPDX-License-Identifier: Apache-2.0 */
/* The only program of a guest that boots to show its firmware's event log: writes it, in
 * hexadecimal, to the second serial port. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
        struct termios raw;
        FILE *log, *out;
        int c;

        mkdir("/dev", 0755);
        mkdir("/sys", 0755);
        mount("dev", "/dev", "devtmpfs", 0, NULL);
        mount("sys", "/sys", "sysfs", 0, NULL);
        mount("sec", "/sys/kernel/security", "securityfs", 0, NULL);
        log = fopen("/sys/kernel/security/tpm0/binary_bios_measurements", "rb");
        out = fopen("/dev/ttyS1", "w");
        if (log && out && tcgetattr(fileno(out), &raw) == 0) {
                cfmakeraw(&raw);
                tcsetattr(fileno(out), TCSANOW, &raw);
                while ((c = fgetc(log)) != EOF)
                        fprintf(out, "%02x", c);
                fprintf(out, "\nend\n");
                fflush(out);
                tcdrain(fileno(out));
        }
        reboot(RB_POWER_OFF);
        return 1;
}
