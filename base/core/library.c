/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/library.h"

#include <dlfcn.h>
#include <string.h>

static int open_library(struct sv_library *lib, struct sv_err *err)
{
        void *handle = NULL;

        for (const char *const *name = lib->sonames; *name && !handle; name++)
                handle = dlopen(*name, RTLD_LAZY | RTLD_LOCAL);
        if (!handle)
                return sv_fail(err, SV_SYSTEM, lib->check, "%s is not here: %s", lib->sonames[0],
                               lib->advice);
        for (size_t i = 0; i < lib->n; i++) {
                void *address = dlsym(handle, lib->calls[i].name);

                if (!address)
                        return sv_fail(err, SV_SYSTEM, lib->check, "%s has no %s: %s",
                                       lib->sonames[0], lib->calls[i].name, lib->advice);
                memcpy((char *)lib->table + lib->calls[i].at, &address, sizeof(address));
        }
        lib->loaded = true;
        return 0;
}

int sv_library_load(struct sv_library *lib, struct sv_err *err)
{
        int r;

        pthread_mutex_lock(&lib->lock);
        r = lib->loaded ? 0 : open_library(lib, err);
        pthread_mutex_unlock(&lib->lock);
        return r;
}
