/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: stands for the host of an emulated TD at the guest's vsock (tests/e2e/tdx.py). Started
 * by the kernel before the agent (rdinit=/quote-service): loads the vsock modules, listens where a
 * TD finds its host's quote service, lets a child pass what comes there to the test's service
 * (teesim-signer serve-qgs) at a virtio port and back, and becomes the agent. With no transport to
 * a host loaded the kernel takes connections to VMADDR_CID_HOST to its loopback transport. Static,
 * so that it needs nothing else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PORT      4050
#define PORT_NAME "org.secure-vm.test.qgs\n"
#define MODULES   "/etc/secure-vm/modules"

static void must(bool ok, const char *what)
{
        if (ok)
                return;
        dprintf(2, "e2e-qgs: %s: %s\n", what, strerror(errno));
        exit(1); /* of the first process: the kernel panics, the machine ends */
}

/* In the list's order; the agent finds them loaded. */
static void load_vsock(void)
{
        FILE *list = fopen(MODULES, "re");
        char path[256];

        must(list, MODULES);
        while (fgets(path, sizeof(path), list)) {
                int fd;

                path[strcspn(path, "\n")] = 0;
                if (!strstr(path, "vsock"))
                        continue;
                fd = open(path, O_RDONLY | O_CLOEXEC);
                must(fd >= 0 && (syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST),
                     path);
                close(fd);
        }
        fclose(list);
}

static int listen_as_host(void)
{
        struct sockaddr_vm a = {
                .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = PORT};
        int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

        must(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 4) == 0,
             "cannot listen at vsock port 4050");
        return fd;
}

static bool has_name(const char *entry)
{
        char path[300], name[64] = "";
        int fd;

        snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        if (read(fd, name, sizeof(name) - 1) < 0)
                name[0] = 0;
        close(fd);
        return !strcmp(name, PORT_NAME);
}

/* There when somebody connects: by then the agent has loaded its modules. */
static int open_port(void)
{
        DIR *dir = opendir("/sys/class/virtio-ports");
        char path[300];
        int fd = -1;

        for (struct dirent *e; dir && fd < 0 && (e = readdir(dir));)
                if (e->d_name[0] != '.' && has_name(e->d_name)) {
                        snprintf(path, sizeof(path), "/dev/%s", e->d_name);
                        fd = open(path, O_RDWR | O_CLOEXEC);
                }
        if (dir)
                closedir(dir);
        return fd;
}

static bool pass(int from, int to)
{
        char b[4096];
        ssize_t n = read(from, b, sizeof(b));

        for (ssize_t sent = 0, w; sent < n; sent += w) {
                w = write(to, b + sent, (size_t)(n - sent));
                if (w <= 0)
                        return false;
        }
        return n > 0;
}

static void serve(int agent)
{
        int service = open_port();
        struct pollfd p[2] = {{.fd = agent, .events = POLLIN}, {.fd = service, .events = POLLIN}};

        if (service < 0) {
                dprintf(2, "e2e-qgs: there is no virtio port %s", PORT_NAME);
                return;
        }
        while (poll(p, 2, -1) > 0)
                if ((p[0].revents && !pass(agent, service)) ||
                    (p[1].revents && !pass(service, agent)))
                        break;
        close(service);
}

int main(void)
{
        int listener;

        load_vsock();
        listener = listen_as_host();
        if (fork() == 0)
                for (;;) {
                        struct sockaddr_vm from = {0};
                        socklen_t n = sizeof(from);
                        int agent = accept(listener, (struct sockaddr *)&from, &n);

                        if (agent < 0)
                                continue;
                        dprintf(2, "e2e-qgs: a connection at vsock port %d from address %u\n", PORT,
                                from.svm_cid);
                        serve(agent);
                        close(agent);
                }
        close(listener);
        execl("/init", "/init", NULL);
        must(false, "cannot start /init");
}
