/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-move.h"

#include "launcher/virt/virt-int.h"
#include "launcher/virt/xml.h"

char *sv_virt_get_definition(struct sv_virt *v, bool other, struct sv_err *err)
{
        unsigned flags = VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE;
        char *xml = vir.DomainGetXMLDesc(v->dom, flags | (other ? VIR_DOMAIN_XML_MIGRATABLE : 0));

        if (!xml)
                sv_virt_fail(err, "reading the guest's definition");
        return xml;
}

int sv_virt_read_move(struct sv_virt *v, struct sv_buf *out, struct sv_err *err)
{
        return sv_virt_read_metadata(v, SV_VIRT_MOVE, VIR_DOMAIN_AFFECT_CONFIG,
                                     "reading how far the guest's move has come", out, err);
}

int sv_virt_write_move(struct sv_virt *v, const char *text, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;

        if (text)
                sv_xml_printf(&xml, "<move>%s</move>", text);
        if (sv_buf_ok(&xml, "the mark of a move", err) < 0)
                return -1;
        return vir.DomainSetMetadata(v->dom, VIR_DOMAIN_METADATA_ELEMENT,
                                     text ? sv_buf_str(&xml) : NULL, SV_VIRT_KEY, SV_VIRT_MOVE,
                                     VIR_DOMAIN_AFFECT_CONFIG) < 0
                       ? sv_virt_fail(err, "keeping how far the guest's move has come")
                       : 0;
}

bool sv_virt_is_kept(struct sv_virt *v)
{
        return vir.DomainIsPersistent(v->dom) == 1;
}
