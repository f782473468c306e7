/* libvirt, loaded by the first call that needs it (launcher/virt-int.h says why). */
#include <dlfcn.h>
#include <pthread.h>

#include "launcher/virt-int.h"

#define LIBRARY "libvirt.so.0"

struct sv_virt_calls vir;

static const struct {
        const char *name;
        size_t at;
} calls[] = {
#define SV_VIRT_CALL(call) {"vir" #call, offsetof(struct sv_virt_calls, call)},
        SV_VIRT_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool opened;
static const char *missing; /* the first call that this libvirt does not have */

/* Never unloaded: its threads and callbacks live as long as the process. */
static void load(void)
{
        void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);

        opened = library != NULL;
        for (size_t i = 0; opened && !missing && i < sizeof(calls) / sizeof(calls[0]); i++) {
                void *address = dlsym(library, calls[i].name);

                if (!address)
                        missing = calls[i].name;
                memcpy((char *)&vir + calls[i].at, &address, sizeof(address));
        }
}

int sv_virt_load(struct sv_err *err)
{
        pthread_once(&once, load);
        if (!opened)
                return sv_fail(err, SV_SYSTEM, "virt.library", "%s is not here: guests run under libvirt; install libvirt0 and libvirt-daemon-driver-qemu", LIBRARY);
        if (missing)
                return sv_fail(err, SV_SYSTEM, "virt.library", "%s has no %s: a libvirt of 9.0 or newer is needed", LIBRARY, missing);
        return 0;
}
