/* A unified kernel image, started as QEMU's kernel: RTMR1 and RTMR2. */
#include "tdx/rtmr.h"

int sv_tdx_rtmr_uki(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        for (unsigned i = 1; i <= 2; i++)
                sv_event_unpredicted(p, i, "what the stub of a unified kernel image measures is not predicted");
        return 0;
}
