/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux sees of the machine, a line each on the console; then off. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

static void print_file(const char *what, const char *path)
{
        char text[4096];
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

        for (ssize_t i = 0; i < n; i++)
                text[i] = text[i] == '\n' ? ' ' : text[i];
        text[n < 0 ? 0 : n] = 0;
        printf("\nsees:%s: %s :\n", what, text);
}

static void print_names(const char *what, const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *e;

        printf("\nsees:%s:", what);
        while (dir && (e = readdir(dir)))
                if (e->d_name[0] != '.')
                        printf(" %s", e->d_name);
        printf(" :\n");
}

static void print_sum(const char *what, const char *path)
{
        unsigned char block[4096];
        unsigned long sum = 5381, size = 0;
        int fd = open(path, O_RDONLY);
        ssize_t n;

        while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0)
                for (ssize_t i = 0; i < n; i++, size++)
                        sum = (sum * 33 + block[i]) & 0xffffffff;
        printf("\nsees:%s: %lu %lx :\n", what, size, sum);
}

int main(void)
{
        mkdir("/proc", 0755);
        mkdir("/sys", 0755);
        mount("proc", "/proc", "proc", 0, "");
        mount("sysfs", "/sys", "sysfs", 0, "");
        print_file("cmdline", "/proc/cmdline");
        print_names("tables", "/sys/firmware/acpi/tables");
        print_sum("dsdt", "/sys/firmware/acpi/tables/DSDT");
        print_names("devices", "/sys/bus/acpi/devices");
        print_names("dmi", "/sys/firmware/dmi/entries");
        print_file("systab", "/sys/firmware/efi/systab");
        print_names("end", "/nowhere");
        fflush(stdout);
        sync();
        reboot(RB_POWER_OFF);
        return 1;
}
