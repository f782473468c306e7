/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a domain through libvirt and nothing else, for comparison with `secure-vm launch`:
 *     direct URI XML-FILE
 * prints "running" when its processors run, and destroys it at the end of its standard input. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

static void *loop(void *arg)
{
        while (virEventRunDefaultImpl() == 0)
                ;
        return NULL;
}

static void tick(int timer, void *arg)
{
}

int main(int argc, char **argv)
{
        static char xml[1 << 16];
        virConnectPtr conn;
        virDomainPtr dom;
        pthread_t thread;
        FILE *f = argc == 3 ? fopen(argv[2], "r") : NULL;

        if (!f || !fread(xml, 1, sizeof(xml) - 1, f)) {
                fprintf(stderr, "usage: direct URI XML-FILE\n");
                return 2;
        }
        fclose(f);
        if (virEventRegisterDefaultImpl() < 0 || virEventAddTimeout(1000, tick, NULL, NULL) < 0 ||
            pthread_create(&thread, NULL, loop, NULL))
                return 3;
        conn = virConnectOpen(argv[1]);
        dom = conn ? virDomainDefineXMLFlags(conn, xml, VIR_DOMAIN_DEFINE_VALIDATE) : NULL;
        if (!dom || virDomainCreate(dom) < 0) {
                fprintf(stderr, "direct: %s\n", virGetLastErrorMessage());
                return 3;
        }
        puts("running");
        fflush(stdout);
        while (getchar() != EOF)
                ;
        virDomainDestroy(dom);
        virDomainUndefineFlags(dom, VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM);
        virDomainFree(dom);
        virConnectClose(conn);
        return 0;
}
