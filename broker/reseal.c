/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/reseal.h"

#include <unistd.h>

#include "base/core/file.h"
#include "broker/store/serial.h"

/* The only copy in a TPM or a token is lost with it. */
static int check_way_back(const struct sv_reseal *r, enum sv_kek_kind kind, struct sv_err *err)
{
        if (kind == SV_KEK_FILE && r->copy)
                return sv_fail(
                        err, SV_USAGE, "broker.kek.copy",
                        "--copy is for a kek that goes to a TPM or a token: the file is one");
        if (kind == SV_KEK_FILE || !r->copy != !r->no_copy)
                return 0;
        return sv_fail(err, SV_USAGE, "broker.kek.copy",
                       "a kek that only one %s has is lost with it, and with the kek all keys: say "
                       "either --copy FILE, and keep that file elsewhere, or --no-copy",
                       kind == SV_KEK_TPM ? "TPM" : "token");
}

static int read_key_to_keep(struct sv_broker *b, const char *from, struct sv_err *err)
{
        SV_KEK k = {.kind = SV_KEK_FILE};

        if (!from)
                return 0;
        if (sv_kek_inspect(from, &k, &b->kek, err) < 0)
                return -1;
        return b->kek ? 0
                      : sv_fail(err, SV_USAGE, "broker.kek", "%s is no copy of a kek: it has none",
                                from);
}

/* In the audit record before it is done: nothing of this happens without its record. */
static int record_reseal(struct sv_broker *b, const char *kind, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        SV_BUF line = SV_BUF_NULL;
        struct sv_store *store = b->store;

        sv_json_set_str(j, "action", "kek-seal");
        sv_json_set_str(j, "outcome", "done");
        sv_json_set_str(j, "kind", kind);
        if (store->ops->hold(store, true, err) < 0)
                return -1;
        if (sv_broker_record(b, store, j, &line, err) < 0) {
                store->ops->settle(store, false, NULL);
                return -1;
        }
        return store->ops->settle(store, true, err);
}

static int replace_kek(struct sv_broker *b, const struct sv_kek *made, struct sv_err *err)
{
        SV_BUF text = {.locked = true};
        SV_FD lock = -1;

        if (made->kind == SV_KEK_FILE)
                sv_buf_put(&text, sv_bytes(sv_secret_reveal(b->kek), sv_secret_size(b->kek)));
        else
                sv_kek_print(made, &text);
        if (sv_buf_ok(&text, "the kek's file", err) < 0)
                return -1;
        lock = sv_serial_lock(b->config.kek, err);
        return lock < 0 ? -1 : sv_kek_replace(b->config.kek, sv_buf_bytes(&text), err);
}

int sv_broker_reseal(struct sv_broker *b, const struct sv_reseal *r, struct sv_kek *made,
                     struct sv_err *err)
{
        SV_KEK k = {.kind = SV_KEK_FILE};
        enum sv_kek_kind kind;

        if (sv_kek_check_target(&r->to, &kind, err) < 0 || check_way_back(r, kind, err) < 0 ||
            read_key_to_keep(b, r->from, err) < 0 || sv_broker_enter(b, err) < 0)
                return -1;
        if (kind != SV_KEK_FILE && sv_kek_seal(&r->to, b->kek, &k, err) < 0)
                return -1;
        if (kind == SV_KEK_FILE && sv_kek_name(b->kek, k.id, err) < 0)
                return -1;
        if ((r->copy && sv_kek_write_copy(r->copy, b->kek, err) < 0) ||
            record_reseal(b, sv_kek_kind_name(kind), err) < 0 || replace_kek(b, &k, err) < 0)
                return -1;
        *made = k;
        memset(&k, 0, sizeof(k));
        return 0;
}
