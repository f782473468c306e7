/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a domain beside its state, and what is kept with it. Belongs to
 * launcher/virt/virt.c. */
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/virt/domain-read.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/xml.h"

int sv_virt_read_metadata(struct sv_virt *v, const char *space, unsigned flags, const char *what,
                          struct sv_buf *out, struct sv_err *err)
{
        SV_STR xml = vir.DomainGetMetadata(v->dom, VIR_DOMAIN_METADATA_ELEMENT, space, flags);
        virErrorPtr e;

        out->max = SV_STATUS_SIZE_MAX;
        if (xml)
                return sv_xml_read_text(xml, out, err);
        e = vir.GetLastError();
        if (e && e->code == VIR_ERR_NO_DOMAIN_METADATA)
                return 0;
        return sv_virt_fail(err, what);
}

int sv_virt_read_facts(struct sv_virt *v, const char *space, struct sv_buf *out, struct sv_err *err)
{
        return sv_virt_read_metadata(v, space, 0, "reading what is kept with the guest", out, err);
}

int sv_virt_write_run(struct sv_virt *v, const char *text, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;

        sv_xml_printf(&xml, "<run>%s</run>", text);
        if (sv_buf_ok(&xml, "what is kept with the guest", err) < 0)
                return -1;
        return vir.DomainSetMetadata(v->dom, VIR_DOMAIN_METADATA_ELEMENT, sv_buf_str(&xml),
                                     SV_VIRT_KEY, SV_VIRT_RUN, VIR_DOMAIN_AFFECT_LIVE) < 0
                       ? sv_virt_fail(err, "keeping what became of the guest")
                       : 0;
}

void sv_virt_get_uuid(struct sv_virt *v, char out[37])
{
        if (vir.DomainGetUUIDString(v->dom, out) < 0)
                *out = 0;
}

bool sv_virt_is_alive(struct sv_virt *v)
{
        return vir.ConnectIsAlive(v->conn) != 0;
}

char *sv_virt_get_hostname(struct sv_virt *v, struct sv_err *err)
{
        char *name = vir.ConnectGetHostname(v->conn);

        if (!name)
                sv_virt_fail(err, "asking for the host's name");
        return name;
}

/* Of DRIVER[+TRANSPORT]://[USER@][HOST][:PORT]/PATH[?…] the path. */
static char *read_uri_path(const char *uri)
{
        const char *at = strstr(uri, "://");

        at = at ? strchr(at + 3, '/') : NULL;
        return sv_asprintf("%.*s", at ? (int)strcspn(at, "?") : 0, at ? at : "");
}

char *sv_virt_get_daemon_id(struct sv_virt *v)
{
        char *uri = vir.ConnectGetURI(v->conn), *xml = vir.ConnectGetCapabilities(v->conn);
        SV_STR path = read_uri_path(uri ? uri : "");
        struct sv_host_facts host = {0};
        char *id;

        if (xml)
                sv_host_read(xml, &host, NULL);
        id = sv_asprintf("%s %s", host.uuid ? host.uuid : "-", path);
        sv_host_facts_free(&host);
        free(uri);
        free(xml);
        return id;
}

uint64_t sv_virt_get_resident(struct sv_virt *v)
{
        virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
        int n = vir.DomainIsActive(v->dom) == 1
                        ? vir.DomainMemoryStats(v->dom, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0)
                        : 0;

        for (int i = 0; i < n; i++)
                if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_RSS)
                        return stats[i].val * 1024; /* in KiB */
        return 0;
}

int sv_virt_get_autostart(struct sv_virt *v, bool *on, struct sv_err *err)
{
        int value = 0;

        if (vir.DomainGetAutostart(v->dom, &value) < 0)
                return sv_virt_fail(err, "asking whether the guest starts with the daemon");
        *on = value;
        return 0;
}

int sv_virt_set_autostart(struct sv_virt *v, bool on, struct sv_err *err)
{
        return vir.DomainSetAutostart(v->dom, on) < 0
                       ? sv_virt_fail(err, "having the guest start with the daemon")
                       : 0;
}
