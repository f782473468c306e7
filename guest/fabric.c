/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/fabric.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "guest/nics.h"

/* It becomes a part of what the kernel reads as options with commas between them. */
static bool is_nqn(const char *s)
{
        size_t n = strlen(s);

        return !strncmp(s, "nqn.", 4) && n <= SV_NQN_MAX &&
               strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.:_-") == n;
}

static bool is_uuid_text(const char *s)
{
        static const size_t parts[] = {8, 4, 4, 4, 12};

        for (size_t i = 0; i < 5; i++) {
                SV_STR part = sv_asprintf("%.*s", (int)parts[i], s);

                if (!sv_is_hex(part, parts[i]) || s[parts[i]] != (i < 4 ? '-' : 0))
                        return false;
                s += parts[i] + 1;
        }
        return true;
}

/* As the kernel says it ("wwid"): EUI-64 has 16 digits, NGUID 32. */
static bool is_namespace(const char *s)
{
        if (!strncmp(s, "uuid.", 5))
                return is_uuid_text(s + 5);
        return !strncmp(s, "eui.", 4) && (sv_is_hex(s + 4, 16) || sv_is_hex(s + 4, 32));
}

static bool is_transport(const char *s)
{
        return sv_m_is_one_of(s, (const char *const[]){"tcp", "rdma", NULL});
}

bool sv_fabric_address_read(const char *text, unsigned port, struct sv_fabric_address *out)
{
        bool bracketed = *text == '[';
        const char *begin = text + bracketed,
                   *end = bracketed ? strchr(begin, ']') : begin + strcspn(begin, ":");
        struct sv_address a;
        char *last;

        /* an IPv6 address alone needs no brackets, as it can have no port then */
        if (!bracketed && *end && strchr(end + 1, ':'))
                end = begin + strlen(begin);
        if (!end || !sv_address_read(sv_bytes(begin, (size_t)(end - begin)), false, &a) ||
            (bracketed && a.family != 6))
                return false;
        end += bracketed;
        if (*end) {
                unsigned long n = *end == ':' && isdigit((unsigned char)end[1])
                                          ? strtoul(end + 1, &last, 10)
                                          : 0;

                if (!n || n > 65535 || *last)
                        return false;
                port = (unsigned)n;
        }
        sv_address_print(&a, out->host);
        out->port = port;
        return true;
}

static bool is_fabric_address(const char *s)
{
        struct sv_fabric_address a;

        return sv_fabric_address_read(s, SV_NVME_PORT, &a);
}

#define F(member) offsetof(struct sv_disk, nvme.member)
const struct sv_member sv_guest_fabric_members[] = {
        {"subsystem", SV_M_TEXT, F(subsystem),
         "the subsystem's NQN: \"nqn.\" and up to " SV_STRING(SV_NQN_MAX) " bytes in all",
         .ok = is_nqn, .need = true},
        {"namespace", SV_M_TEXT, F(namespace),
         "what does not change with the order of connections: \"uuid.\" and a UUID, or \"eui.\" "
         "and 16 or 32 lower-case hex digits (\"cat /sys/class/nvme-subsystem/*/nvme*n*/wwid\")",
         .ok = is_namespace, .need = true},
        {"transport", SV_M_TEXT, F(transport), "\"tcp\" or \"rdma\"", .ok = is_transport},
        {"addresses", SV_M_TEXTS, F(addresses),
         "an address of the subsystem as \"192.0.2.7\", \"192.0.2.7:4420\" or "
         "\"[2001:db8::7]:4420\", or a list of at most " SV_STRING(SV_NVME_ADDRESSES_MAX),
         .ok = is_fabric_address, .count = F(n_addresses), .max = SV_NVME_ADDRESSES_MAX},
        {"discovery", SV_M_TEXTS, F(discovery),
         "the address of a discovery service as \"192.0.2.7\" or \"192.0.2.7:8009\", or a list of "
         "at most " SV_STRING(SV_NVME_ADDRESSES_MAX),
         .ok = is_fabric_address, .count = F(n_discovery), .max = SV_NVME_ADDRESSES_MAX},
        {"host", SV_M_TEXT, F(host),
         "the NQN that this host says it is: \"nqn.\" and up to " SV_STRING(
                 SV_NQN_MAX) " bytes in all",
         .ok = is_nqn},
        {"secret", SV_M_PATH, F(secret), "a path to a file with the DH-HMAC-CHAP key"},
        {NULL},
};

int sv_guest_check_fabrics(struct sv_member_reader *r, struct sv_guest *g, struct sv_err *err)
{
        char at[64];

        for (size_t i = 0; i < g->n_disks; i++) {
                struct sv_disk *d = &g->disks[i];

                snprintf(at, sizeof(at), "/disks/%zu", i);
                if (!d->path == !d->nvme.subsystem)
                        return sv_member_fail(
                                r, at, "guest.disks.path", err,
                                d->path ? "either \"path\" or \"nvme\" was expected, found "
                                          "both; remove one"
                                        : "\"path\" is missing, or \"nvme\": "
                                          "where the disk is");
                if (!d->nvme.subsystem)
                        continue;
                snprintf(at, sizeof(at), "/disks/%zu/nvme", i);
                if (!d->nvme.n_addresses && !d->nvme.n_discovery)
                        return sv_member_fail(r, at, "guest.disks.nvme", err,
                                              "nothing says where the subsystem is; add "
                                              "\"addresses\" of its own, or \"discovery\"");
                if (!d->nvme.transport)
                        d->nvme.transport = sv_asprintf("tcp");
                d->path = sv_asprintf("/dev/disk/by-id/nvme-%s", d->nvme.namespace);
        }
        return 0;
}

void sv_guest_free_fabric(struct sv_disk *d)
{
        free(d->nvme.subsystem);
        free(d->nvme.namespace);
        free(d->nvme.transport);
        free(d->nvme.host);
        free(d->nvme.secret);
        sv_guest_free_texts(d->nvme.addresses, d->nvme.n_addresses);
        sv_guest_free_texts(d->nvme.discovery, d->nvme.n_discovery);
}
