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

bool sv_audit_take_cut(const struct sv_audit_row *row, struct sv_audit_chain *chain)
{
        SV_JSON *j = NULL;
        const char *head;

        if (sv_json_parse(sv_bytes_str(row->text), "broker.audit", &j, NULL) < 0 ||
            strcmp(sv_json_text(j, "action", ""), "cut"))
                return false;
        head = sv_json_text(j, "head", "");
        if (!*head || strlen(head) >= sizeof(chain->cut_head))
                return false;
        memcpy(chain->cut_head, head, strlen(head) + 1);
        chain->cut = row->link;
        return true;
}
