/* SPDX-License-Identifier: Apache-2.0 */
/* Can a libvirt daemon run a guest's QEMU as a user of our choice? Its security driver "dac" does,
 * in the system daemon; the ids must be those of this machine. */
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-int.h"

/* DRIVER[+TRANSPORT]://[USER@][HOST][:PORT]/PATH, and "ext" runs a program that may go anywhere. */
bool sv_uri_is_here(const char *uri)
{
        const char *colon = uri ? strstr(uri, ":///") : NULL, *plus = uri ? strchr(uri, '+') : NULL;

        if (!uri)
                return true;
        return colon && (!plus || plus > colon || strncmp(plus, "+unix:", 6) == 0);
}

bool sv_virt_is_local_system(const char *uri)
{
        static const char path[] = "/system";
        const char *at = uri ? strstr(uri, "://") : NULL;

        return at && sv_uri_is_here(uri) && !strncmp(uri, "qemu", 4) && strchr(":+", uri[4]) &&
               !strncmp(at + 3, path, sizeof(path) - 1) && strchr("?", at[3 + sizeof(path) - 1]);
}

bool sv_virt_has_dac(const char *capabilities)
{
        const char *guests = strstr(capabilities, "</host>"),
                   *dac = strstr(capabilities, "<model>dac</model>");

        return dac && guests && dac < guests;
}

/* libvirt prints each label as an element with its parts below it, in its own words and order. */
char *sv_virt_drop_user(const char *xml)
{
        static const char begin[] = "<seclabel type='static' model='dac'", end[] = "</seclabel>";
        const char *label = strstr(xml, begin), *after = label ? strstr(label, end) : NULL;

        if (!after)
                return sv_asprintf("%s", xml);
        return sv_asprintf("%.*s%s", (int)(label - xml), xml, after + sizeof(end) - 1);
}

const char *sv_virt_refuse_ids(struct sv_virt *v)
{
        char *uri = vir.ConnectGetURI(v->conn), *capabilities = NULL;
        const char *why = NULL;

        if (!uri || !sv_virt_is_local_system(uri))
                why = "the daemon is not the system's of this machine";
        else if (!(capabilities = vir.ConnectGetCapabilities(v->conn)) ||
                 !sv_virt_has_dac(capabilities))
                why = "its security driver \"dac\" is off";
        free(uri);
        free(capabilities);
        return why;
}
