/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/status.h"

#include <time.h>

#include "base/core/text.h"
#include "base/crypto/crypto.h"
#include "launcher/keeper/life.h"

static void put_disk(struct sv_json *list, const struct sv_disk *disk)
{
        struct sv_json *d = sv_json_add(list, sv_json_object());

        sv_json_set_str(d, "id", disk->id);
        sv_json_set_str(d, "path", disk->path);
        if (disk->nvme.subsystem) {
                struct sv_json *n = sv_json_set(d, "nvme", sv_json_object());

                sv_json_set_str(n, "subsystem", disk->nvme.subsystem);
                sv_json_set_str(n, "namespace", disk->nvme.namespace);
                sv_json_set_str(n, "transport", disk->nvme.transport);
        }
        sv_json_set_bool(d, "readonly", disk->readonly);
        sv_json_set_bool(d, "encrypted", disk->encrypted);
        sv_json_set_bool(d, "verity", disk->verity);
}

static void put_forward(struct sv_json *list, const struct sv_forward *forward)
{
        struct sv_json *f = sv_json_add(list, sv_json_object());

        sv_json_set_str(f, "protocol", forward->protocol);
        sv_json_set_str(f, "address", forward->address);
        sv_json_set_int(f, "port", forward->port);
        sv_json_set_int(f, "to", forward->to);
}

static void put_nic(struct sv_json *list, const struct sv_guest *g, size_t i)
{
        struct sv_json *n = sv_json_add(list, sv_json_object());
        char mac[18];

        sv_guest_mac(g, i, mac);
        sv_json_set_str(n, "type", g->nics[i].type);
        if (g->nics[i].source)
                sv_json_set_str(n, "source", g->nics[i].source);
        sv_json_set_str(n, "mac", mac);
        list = sv_json_set(n, "forward", sv_json_array());
        for (size_t j = 0; j < g->nics[i].n_forwards; j++)
                put_forward(list, &g->nics[i].forwards[j]);
}

/* In the order in which the agent asks them. */
static void put_fallbacks(struct sv_json *a, const struct sv_guest *g)
{
        struct sv_json *list;

        if (!g->attestation.n_fallbacks)
                return;
        list = sv_json_set(a, "fallbacks", sv_json_array());
        for (size_t i = 0; i < g->attestation.n_fallbacks; i++) {
                struct sv_json *b = sv_json_add(list, sv_json_object());

                sv_json_set_str(b, "url", g->attestation.fallbacks[i].url);
                if (g->attestation.fallbacks[i].owner)
                        sv_json_set_str(b, "owner", g->attestation.fallbacks[i].owner);
        }
}

static void put_attestation(struct sv_json *status, const struct sv_guest *g)
{
        struct sv_json *a;

        if (!g->attestation.url)
                return;
        a = sv_json_set(status, "attestation", sv_json_object());
        sv_json_set_str(a, "url", g->attestation.url);
        put_fallbacks(a, g);
        sv_json_set_str(a, "resource", g->attestation.resource);
        sv_json_set_int(a, "lease", g->attestation.lease);
}

void sv_status_put_guest(struct sv_json *status, const struct sv_guest *g)
{
        char uuid[37], digest[65];
        struct sv_json *list;

        sv_json_set_str(status, "name", g->name);
        sv_json_set_str(status, "uuid", sv_format_uuid(g->uuid, uuid));
        sv_json_set_str(status, "guest_file", g->file);
        if (sv_sha256_hex(sv_bytes_str(g->text), digest, NULL) == 0)
                sv_json_set_str(status, "guest_sha256", digest);
        sv_json_set_int(status, "vcpus", g->vcpus);
        sv_json_set_int(status, "memory", (int64_t)g->memory);
        if (sv_guest_vcpus_max(g) > g->vcpus)
                sv_json_set_int(status, "vcpus_max", sv_guest_vcpus_max(g));
        if (sv_guest_memory_max(g) > g->memory) {
                sv_json_set_int(status, "memory_max", (int64_t)sv_guest_memory_max(g));
                sv_json_set_int(status, "memory_block", (int64_t)sv_guest_memory_block(g));
        }
        list = sv_json_set(status, "disks", sv_json_array());
        for (size_t i = 0; i < g->n_disks; i++)
                put_disk(list, &g->disks[i]);
        list = sv_json_set(status, "nics", sv_json_array());
        for (size_t i = 0; i < g->n_nics; i++)
                put_nic(list, g, i);
        put_attestation(status, g);
}

struct sv_json *sv_status_begin(const struct sv_guest *g, const char *tee, bool kvm)
{
        struct sv_json *j = sv_json_object();
        char when[32];

        sv_status_put_version(j);
        sv_status_put_guest(j, g);
        sv_json_set_str(j, "tee", tee);
        sv_json_set_str(j, "accelerator", kvm ? "kvm" : "tcg");
        sv_json_set_str(j, "state", sv_life_word(SV_LIFE_STARTING));
        sv_json_set_str(j, "since", sv_format_time(time(NULL), when));
        sv_json_set(j, "steps", sv_json_array());
        return j;
}

void sv_status_put_row(const struct sv_json *status, struct sv_json *row)
{
        static const char *const members[] = {"name",        "uuid",  "state",     "tee",
                                              "accelerator", "since", "guest_file"};

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                sv_json_set_str(row, members[i], sv_json_text(status, members[i], "-"));
        if (sv_json_get(status, "error") && !sv_json_get(row, "error"))
                sv_json_set(row, "error", sv_json_ref(sv_json_get(status, "error")));
}

/* The guest renews its lease long before the end, so that one that stood for half of it may have
 * lost it. */
bool sv_status_lease_doubtful(const struct sv_json *status, int64_t now)
{
        int64_t lease = sv_json_int(sv_json_pointer(status, "/attestation/lease"), 0);
        int64_t since = sv_json_int(sv_json_get(status, "paused"), now);

        return lease && now - since >= lease / 2;
}

void sv_status_put_version(struct sv_json *kept)
{
        sv_json_set_int(kept, "format", SV_KEPT_FORMAT);
        sv_json_set_str(kept, "version", SV_VERSION);
}

int sv_status_check_version(const struct sv_json *kept, const char *name, struct sv_err *err)
{
        int64_t format = sv_json_int(sv_json_get(kept, "format"), 0);

        if (format <= SV_KEPT_FORMAT)
                return 0;
        return sv_fail(err, SV_SYSTEM, "state.version",
                       "what is kept of guest %s has the format %lld, of secure-vm %s, and this "
                       "version reads up to %d: use that one",
                       name, (long long)format, sv_json_text(kept, "version", "(unknown)"),
                       SV_KEPT_FORMAT);
}
