/* SPDX-License-Identifier: Apache-2.0 */
/* tpm2-tss's ESYS over the TCTI for the kernel's device, or (loaded when asked for) the one for
 * swtpm. */
#include "base/tpm/tpm-device.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tcti_device.h>

void sv_tpm_esys_free(void *p)
{
        Esys_Free(*(void **)p);
}

int sv_tpm_fail(struct sv_err *err, const char *check, const char *what, TSS2_RC rc)
{
        return sv_fail(err, SV_SYSTEM, check, "%s: the TPM or the way to it says 0x%08x", what, rc);
}

static TSS2_TCTI_INIT_FUNC find_tcti(const char *device, const char **conf, struct sv_err *err)
{
        static const char prefix_device[] = "device:", prefix_swtpm[] = "swtpm:";
        TSS2_TCTI_INIT_FUNC fn = NULL;
        void *lib;

        if (!strncmp(device, prefix_device, sizeof(prefix_device) - 1)) {
                *conf = device + sizeof(prefix_device) - 1;
                return Tss2_Tcti_Device_Init;
        }
        if (strncmp(device, prefix_swtpm, sizeof(prefix_swtpm) - 1)) {
                sv_fail(err, SV_USAGE, "tpm.device",
                        "expected device:PATH or swtpm:path=SOCKET, found \"%s\"", device);
                return NULL;
        }
        *conf = device + sizeof(prefix_swtpm) - 1;
        lib = dlopen("libtss2-tcti-swtpm.so.0", RTLD_NOW);
        if (lib)
                fn = (TSS2_TCTI_INIT_FUNC)dlsym(lib, "Tss2_Tcti_Swtpm_Init");
        if (!fn)
                sv_fail(err, SV_SYSTEM, "tpm.device",
                        "libtss2-tcti-swtpm.so.0 is not here, so \"%s\" cannot be reached", device);
        return fn;
}

int sv_tpm_device_open(const char *name, struct sv_tpm_device *out, struct sv_err *err)
{
        const char *device = name ? name : "device:/dev/tpmrm0", *conf = NULL;
        TSS2_TCTI_INIT_FUNC init = find_tcti(device, &conf, err);
        struct sv_tpm_device d = {NULL, NULL};
        size_t size = 0;
        TSS2_RC rc;

        if (!init)
                return -1;
        rc = init(NULL, &size, NULL);
        if (rc == TSS2_RC_SUCCESS)
                d.tcti = calloc(1, size);
        if (!d.tcti)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for the way to the TPM");
        rc = init(d.tcti, &size, conf);
        if (rc != TSS2_RC_SUCCESS) {
                free(d.tcti);
                return sv_tpm_fail(err, "tpm.device", device, rc);
        }
        rc = Esys_Initialize(&d.esys, d.tcti, NULL);
        if (rc != TSS2_RC_SUCCESS) {
                sv_tpm_device_close(&d);
                return sv_tpm_fail(err, "tpm.device", device, rc);
        }
        *out = d;
        return 0;
}

void sv_tpm_device_close(struct sv_tpm_device *d)
{
        if (d->esys)
                Esys_Finalize(&d->esys);
        if (d->tcti)
                Tss2_Tcti_Finalize(d->tcti);
        free(d->tcti);
        d->tcti = NULL;
}

int sv_tpm_has_handle(ESYS_CONTEXT *esys, uint32_t handle, bool *found, struct sv_err *err)
{
        SV_ESYS TPMS_CAPABILITY_DATA *data = NULL;
        TPMI_YES_NO more;
        TSS2_RC rc = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                        TPM2_CAP_HANDLES, handle, 1, &more, &data);

        if (rc != TSS2_RC_SUCCESS)
                return sv_tpm_fail(err, "tpm.capability", "listing handles", rc);
        *found = data->data.handles.count == 1 && data->data.handles.handle[0] == handle;
        return 0;
}
