/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into an unmodified agent: the machine's TPM is the swtpm whose socket SV_TEST_TPM
 * names.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef uint32_t init_tcti(void *context, size_t *size, const char *conf);

uint32_t Tss2_Tcti_Device_Init(void *context, size_t *size, const char *conf);
uint32_t Tss2_Tcti_Device_Init(void *context, size_t *size, const char *conf)
{
        void *library = dlopen("libtss2-tcti-swtpm.so.0", RTLD_NOW);
        init_tcti *init = library ? (init_tcti *)dlsym(library, "Tss2_Tcti_Swtpm_Init") : NULL;
        const char *path = getenv("SV_TEST_TPM");
        char text[256];

        (void)conf;
        if (!init || !path)
                abort();
        snprintf(text, sizeof(text), "path=%s", path);
        return init(context, size, text);
}

int access(const char *path, int mode)
{
        return strcmp(path, "/dev/tpmrm0") ? faccessat(AT_FDCWD, path, mode, 0) : 0;
}
