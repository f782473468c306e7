/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a store and comes out of it. */
#include <stdlib.h>

#include "broker/store/store.h"

void sv_session_free(struct sv_session *s)
{
        free(s->tee);
        free(s->token);
        free(s->ek_cn);
        memset(s, 0, sizeof(*s));
}
