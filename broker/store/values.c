/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a store and comes out of it. */
#include <stdlib.h>

#include "broker/store/store.h"

#include "base/core/encoding.h"

void sv_session_free(struct sv_session *s)
{
        free(s->tee);
        free(s->token);
        free(s->ek_cn);
        memset(s, 0, sizeof(*s));
}

void sv_audit_note_link(struct sv_json *record, const struct sv_audit_link *link)
{
        char hex[2 * SV_LINK_SIZE + 1];

        sv_json_set_int(record, "id", link->id);
        if (link->linked)
                sv_json_set_str(record, "link", sv_hex(sv_bytes(link->link, SV_LINK_SIZE), hex));
}
