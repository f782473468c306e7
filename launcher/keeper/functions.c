/* SPDX-License-Identifier: Apache-2.0 */
/* .vf: {"boot":"UUID","functions":[{"card":"ens1f0","index":2,"address":"0000:21:10.4","guest":"a",
 * "nic":0,"driver":"igbvf","before":{…}},{"card":"ens1f0","created":4},…]} */
#include "launcher/keeper/functions.h"

#include <stdio.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/host/vf.h"
#include "launcher/keeper/boot-record.h"
#include "launcher/keeper/function-tree.h"
#include "launcher/tune/kernel-file.h"

#define FILE_NAME ".vf"
#define VFIO      "vfio-pci"
/* A QEMU that was killed has its files closed. */
#define CLOSED_MS 10000
#define LINK_MS   10000
#define PAUSE_US  50000

static bool is_vf(const struct sv_nic *n)
{
        return !strcmp(n->type, "vf");
}

static bool has_functions(const struct sv_guest *g)
{
        for (size_t i = 0; i < g->n_nics; i++)
                if (is_vf(&g->nics[i]))
                        return true;
        return false;
}

static int open_function_record(const char *root, struct sv_boot_record *r, struct sv_err *err)
{
        return sv_boot_record_open(root, FILE_NAME, "functions", "vf.record", r, err);
}

static bool is_row_of(const struct sv_json *row, const char *card, unsigned index)
{
        return sv_boot_record_has(row) && sv_json_get(row, "index") &&
               !strcmp(sv_json_text(row, "card", ""), card) &&
               sv_json_int(sv_json_get(row, "index"), -1) == index;
}

static struct sv_json *find_function_row(const struct sv_boot_record *r, const char *card,
                                         unsigned index)
{
        for (size_t i = 0; i < sv_json_len(r->rows); i++)
                if (is_row_of(sv_json_at(r->rows, i), card, index))
                        return sv_json_at(r->rows, i);
        return NULL;
}

static struct sv_json *find_own_row(const struct sv_boot_record *r, const char *guest,
                                    const struct sv_nic *n, size_t nic)
{
        for (size_t i = 0; i < sv_json_len(r->rows); i++) {
                struct sv_json *row = sv_json_at(r->rows, i);
                unsigned index = (unsigned)sv_json_int(sv_json_get(row, "index"), -1);

                if (is_row_of(row, n->source, index) &&
                    !strcmp(sv_json_text(row, "guest", ""), guest) &&
                    sv_json_int(sv_json_get(row, "nic"), -1) == (int64_t)nic &&
                    (!n->vf.index_given || n->vf.index == index))
                        return row;
        }
        return NULL;
}

/* --- which one --- */

/* Of more than one failure the first is kept. */
static void note_failure(struct sv_err *why, struct sv_err *first)
{
        if (!first->class)
                *first = *why;
        *why = (struct sv_err)SV_ERR_NULL;
}

/* A function that `guest` can have: 0; -1 says what keeps it from that. */
static int check_function(const char *root, const struct sv_boot_record *r, const char *guest,
                          const struct sv_nic *n, unsigned index, struct sv_function *f,
                          struct sv_err *err)
{
        struct sv_json *row = find_function_row(r, n->source, index);
        const char *owner = row ? sv_json_text(row, "guest", "") : NULL;
        SV_STR user = NULL;

        if (!sv_function_find(root, n->source, index, f))
                return sv_fail(err, SV_SYSTEM, "vf.none", "%s has no virtual function %u now",
                               n->source, index);
        if (owner && strcmp(owner, guest) != 0)
                return sv_fail(err, SV_SYSTEM, "vf.busy",
                               "function %u of %s is the guest %s's; name another, or end that one",
                               index, n->source, owner);
        if (sv_function_check_group(root, f, err) < 0)
                return -1;
        user = owner ? NULL : sv_function_find_user(root, f);
        return user ? sv_fail(err, SV_SYSTEM, "vf.busy",
                              "function %u of %s (%s) is used by %s; name another, or end that",
                              index, n->source, f->address, user)
                    : 0;
}

/* The first that can be had; when none can, `err` has the reason of the first. */
static int choose_function(const char *root, const struct sv_boot_record *r, const char *guest,
                           const struct sv_nic *n, unsigned count, struct sv_function *f,
                           struct sv_err *err)
{
        struct sv_err first = SV_ERR_NULL, why = SV_ERR_NULL;

        if (n->vf.index_given)
                return check_function(root, r, guest, n, n->vf.index, f, err) < 0
                               ? -1
                               : (int)n->vf.index;
        for (unsigned i = 0; i < count; i++) {
                /* what is in the record is a guest's, and be it another card of this one's */
                if (find_function_row(r, n->source, i))
                        continue;
                if (check_function(root, r, guest, n, i, f, &why) == 0)
                        return (int)i;
                note_failure(&why, &first);
        }
        if (!first.class)
                return sv_fail(err, SV_SYSTEM, "vf.busy",
                               "each of the %u virtual functions of %s is a guest's; end one, or "
                               "give the card more",
                               count, n->source);
        *err = first;
        return -1;
}

/* --- before a launch --- */

static int check_physical(const char *root, const struct sv_nic *n, unsigned *count,
                          struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/sys/class/net/%s", root, n->source);
        unsigned most;

        if (access(path, F_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "vf.card", "this host has no network card \"%s\"",
                               n->source);
        if (!sv_function_count(root, n->source, count, &most))
                return sv_fail(err, SV_SYSTEM, "vf.card",
                               "%s cannot have virtual functions (SR-IOV): it is no such card, or "
                               "its driver or the firmware's setup has that off",
                               n->source);
        if (!*count && n->vf.create > most)
                return sv_fail(err, SV_SYSTEM, "vf.none",
                               "%s can have %u virtual functions, and \"create\" asks for %u",
                               n->source, most, n->vf.create);
        if (!*count && !n->vf.create)
                return sv_fail(err, SV_SYSTEM, "vf.none",
                               "%s has no virtual functions now, and can have %u: say how many it "
                               "gets (\"create\"), or write the number into "
                               "/sys/class/net/%s/device/sriov_numvfs",
                               n->source, most, n->source);
        return 0;
}

int sv_functions_check(const char *root, const struct sv_guest *g, size_t nic, bool confidential,
                       struct sv_err *err)
{
        SV_BOOT_RECORD record = SV_BOOT_RECORD_NULL;
        const struct sv_nic *n = &g->nics[nic];
        struct sv_function f;
        unsigned count;

        if (!is_vf(n))
                return 0;
        if (confidential)
                return sv_fail(err, SV_USAGE, "vf.tee",
                               "a device cannot reach this guest's encrypted memory: QEMU 10.0 "
                               "refuses VFIO beside guest_memfd; take a \"bridge\"");
        if (geteuid() != 0 || g->owner != 0)
                return sv_fail(err, SV_SYSTEM, "vf.rights",
                               "root alone gives a card's function to a guest, for guest files of "
                               "its own; take a \"user\" interface, or launch it as root");
        if (check_physical(root, n, &count, err) < 0)
                return -1;
        if (!count)
                return 0;
        if (open_function_record(root, &record, err) < 0)
                return -1;
        if (find_own_row(&record, g->name, n, nic))
                return 0;
        return choose_function(root, &record, g->name, n, count, &f, err) < 0 ? -1 : 0;
}

/* --- before a start --- */

/* A card starts anew when it gets functions, and sets no rate without a link. */
static void wait_for_link(const char *root, const char *card)
{
        SV_STR path = sv_asprintf("/sys/class/net/%s/carrier", card);
        int64_t end = sv_clock_ms() + LINK_MS;

        while (sv_kernel_file_number(root, path, 0) != 1 && sv_clock_ms() < end)
                usleep(PAUSE_US);
}

/* In the record first: what was made and is in no record stays for ever. */
static int create_functions(const char *root, struct sv_boot_record *r, const struct sv_nic *n,
                            unsigned *count, struct sv_err *err)
{
        SV_STR path = sv_asprintf("/sys/class/net/%s/device/sriov_numvfs", n->source);
        SV_STR value = sv_asprintf("%u", n->vf.create);
        SV_STR carrier = sv_asprintf("/sys/class/net/%s/carrier", n->source);
        bool linked = sv_kernel_file_number(root, carrier, 0) == 1;
        struct sv_json *row = sv_json_add(r->rows, sv_json_object());
        unsigned most;

        sv_json_set_str(row, "card", n->source);
        sv_json_set_int(row, "created", n->vf.create);
        if (sv_boot_record_write(r, err) < 0)
                return -1;
        if (sv_kernel_file_write(root, path, value) < 0)
                return sv_fail_errno(err, "vf.create", "%s%s: %s functions were asked for", root,
                                     path, value);
        if (linked)
                wait_for_link(root, n->source);
        sv_function_count(root, n->source, count, &most);
        return 0;
}

static int keep_before(struct sv_json *row, const char *card, unsigned index,
                       const struct sv_function *f, struct sv_err *err)
{
        struct sv_vf before;

        if (sv_vf_read(card, index, &before, err) < 0)
                return -1;
        sv_json_set_str(row, "card", card);
        sv_json_set_int(row, "index", index);
        sv_json_set_str(row, "address", f->address);
        sv_json_set_str(row, "driver", f->driver);
        sv_vf_put(&before, sv_json_set(row, "before", sv_json_object()));
        return 0;
}

static int want_settings(const struct sv_guest *g, size_t nic, struct sv_vf *out)
{
        const struct sv_nic *n = &g->nics[nic];
        char mac[SV_MAC_TEXT];

        *out = (struct sv_vf){.vlan = n->vf.vlan,
                              .qos = n->vf.qos,
                              .min_rate = n->vf.min_rate,
                              .max_rate = n->vf.max_rate,
                              .spoof_check = n->vf.spoof_check,
                              .trust = n->vf.trust};
        sv_guest_mac(g, nic, mac);
        return sv_vf_mac_read(mac, out->mac) ? 0 : -1;
}

static void put_taken_function(struct sv_json *nics, size_t nic, const struct sv_json *row,
                               const struct sv_vf *wanted)
{
        struct sv_json *o = sv_json_set(sv_json_at(nics, nic), "vf", sv_json_object());

        sv_json_set_str(o, "card", sv_json_text(row, "card", ""));
        sv_json_set_int(o, "index", sv_json_int(sv_json_get(row, "index"), 0));
        sv_json_set_str(o, "address", sv_json_text(row, "address", ""));
        sv_vf_put(wanted, o);
}

/* A row whose function has gone, as the card was pulled, is nobody's. */
static struct sv_json *find_kept_row(const char *root, const struct sv_boot_record *r,
                                     const char *guest, const struct sv_nic *n, size_t nic)
{
        struct sv_json *row = find_own_row(r, guest, n, nic);
        unsigned index = (unsigned)sv_json_int(sv_json_get(row, "index"), 0);
        struct sv_function f;

        if (!row || (sv_function_find(root, n->source, index, &f) &&
                     !strcmp(f.address, sv_json_text(row, "address", ""))))
                return row;
        sv_boot_record_remove(row);
        return NULL;
}

static int take_function(const char *root, const struct sv_guest *g, size_t nic,
                         struct sv_boot_record *r, char **address, struct sv_json *nics,
                         struct sv_err *err)
{
        const struct sv_nic *n = &g->nics[nic];
        struct sv_json *row;
        struct sv_function f;
        struct sv_vf wanted;
        unsigned count;
        int index;

        if (check_physical(root, n, &count, err) < 0 || want_settings(g, nic, &wanted) < 0)
                return -1;
        if (!count && create_functions(root, r, n, &count, err) < 0)
                return -1;
        row = find_kept_row(root, r, g->name, n, nic);
        if (!row) {
                index = choose_function(root, r, g->name, n, count, &f, err);
                if (index < 0)
                        return -1;
                row = sv_json_object();
                if (keep_before(row, n->source, (unsigned)index, &f, err) < 0) {
                        sv_json_free(row);
                        return -1;
                }
                sv_json_set_str(row, "guest", g->name);
                sv_json_set_int(row, "nic", (int64_t)nic);
                sv_json_add(r->rows, row);
                if (sv_boot_record_write(r, err) < 0)
                        return -1;
        }
        index = (int)sv_json_int(sv_json_get(row, "index"), 0);
        if (sv_vf_set(n->source, (unsigned)index, &wanted, err) < 0)
                return -1;
        *address = sv_asprintf("%s", sv_json_text(row, "address", ""));
        put_taken_function(nics, nic, row, &wanted);
        return 0;
}

static int release_functions(const char *root, struct sv_boot_record *r, const char *guest,
                             struct sv_err *err);

int sv_functions_take(const char *root, const struct sv_state *s, const struct sv_guest *g,
                      char **addresses, struct sv_json *nics, struct sv_err *err)
{
        SV_BOOT_RECORD record = SV_BOOT_RECORD_NULL;
        char at[64];

        if (!has_functions(g))
                return 0;
        if (open_function_record(root, &record, err) < 0)
                return -1;
        for (size_t i = 0; i < g->n_nics; i++) {
                if (!is_vf(&g->nics[i]) ||
                    take_function(root, g, i, &record, &addresses[i], nics, err) == 0)
                        continue;
                snprintf(at, sizeof(at), "/nics/%zu/vf", i);
                release_functions(root, &record, s->name, NULL);
                return sv_guest_wrap(g, at, err);
        }
        return 0;
}

/* --- afterwards --- */

static bool has_user(const char *root, const struct sv_function *f)
{
        int64_t end = sv_clock_ms() + CLOSED_MS;
        SV_STR user = sv_function_find_user(root, f);

        while (user && sv_clock_ms() < end) {
                usleep(PAUSE_US);
                sv_strfreep(&user);
                user = sv_function_find_user(root, f);
        }
        return user;
}

/* 1: it is the host's, as it was. 0: somebody has it open still. */
static int return_function(const char *root, const struct sv_json *row, struct sv_err *err)
{
        const char *card = sv_json_text(row, "card", "");
        unsigned index = (unsigned)sv_json_int(sv_json_get(row, "index"), 0);
        struct sv_function f;
        struct sv_vf before;

        /* the card was pulled, or its functions were taken away */
        if (!sv_function_find(root, card, index, &f) ||
            strcmp(f.address, sv_json_text(row, "address", "")) != 0)
                return 1;
        if (!strcmp(f.driver, VFIO) && has_user(root, &f))
                return 0;
        /* whose QEMU and supervisor were killed together; libvirt gives back what it took else */
        if (!strcmp(f.driver, VFIO) && strcmp(sv_json_text(row, "driver", ""), VFIO) != 0 &&
            sv_function_give_back(root, &f, err) < 0)
                return -1;
        if (!sv_vf_take(sv_json_get(row, "before"), &before))
                return sv_fail(err, SV_SYSTEM, "vf.record", "function %u of %s: its row is damaged",
                               index, card);
        return sv_vf_set(card, index, &before, err) < 0 ? -1 : 1;
}

static bool is_card_used(const char *root, const struct sv_boot_record *r, const char *card)
{
        unsigned count, most;
        struct sv_function f;

        for (size_t i = 0; i < sv_json_len(r->rows); i++) {
                const struct sv_json *row = sv_json_at(r->rows, i);

                if (sv_boot_record_has(row) && sv_json_get(row, "index") &&
                    !strcmp(sv_json_text(row, "card", ""), card))
                        return true;
        }
        for (unsigned i = 0; sv_function_count(root, card, &count, &most) && i < count; i++) {
                SV_STR user = sv_function_find(root, card, i, &f) ? sv_function_find_user(root, &f)
                                                                  : NULL;

                if (user)
                        return true;
        }
        return false;
}

/* The functions that a card was given for guests, when nobody has one any more. */
static int remove_functions(const char *root, const struct sv_boot_record *r, struct sv_json *row,
                            struct sv_err *err)
{
        const char *card = sv_json_text(row, "card", "");
        SV_STR path = sv_asprintf("/sys/class/net/%s/device/sriov_numvfs", card);
        unsigned count, most;

        if (is_card_used(root, r, card))
                return 0;
        if (sv_function_count(root, card, &count, &most) &&
            count == (unsigned)sv_json_int(sv_json_get(row, "created"), 0) &&
            sv_kernel_file_write(root, path, "0") < 0)
                return sv_fail_errno(err, "vf.back", "%s%s", root, path);
        sv_boot_record_remove(row);
        return 0;
}

static int release_functions(const char *root, struct sv_boot_record *r, const char *guest,
                             struct sv_err *err)
{
        struct sv_err first = SV_ERR_NULL, why = SV_ERR_NULL;

        for (size_t i = 0; i < sv_json_len(r->rows); i++) {
                struct sv_json *row = sv_json_at(r->rows, i);
                int done;

                if (strcmp(sv_json_text(row, "guest", ""), guest) != 0)
                        continue;
                done = return_function(root, row, &why);
                if (done < 0)
                        note_failure(&why, &first);
                if (done == 1)
                        sv_boot_record_remove(row);
        }
        for (size_t i = 0; i < sv_json_len(r->rows); i++) {
                struct sv_json *row = sv_json_at(r->rows, i);

                if (sv_json_get(row, "created") && remove_functions(root, r, row, &why) < 0)
                        note_failure(&why, &first);
        }
        if (sv_boot_record_write(r, &why) < 0)
                note_failure(&why, &first);
        if (first.class && err)
                *err = first;
        return first.class ? -1 : 0;
}

int sv_functions_release(const char *root, const struct sv_state *s, struct sv_err *err)
{
        SV_BOOT_RECORD record = SV_BOOT_RECORD_NULL;

        if (!sv_boot_record_is_there(FILE_NAME))
                return 0;
        if (open_function_record(root, &record, err) < 0)
                return -1;
        return release_functions(root, &record, s->name, err);
}

/* --- while it runs --- */

struct comparing {
        const struct sv_json *vf;
        size_t nic;
        struct sv_json *found;
};

static void add_vf_difference(void *arg, const char *what, const char *wanted, const char *found)
{
        const struct comparing *c = arg;
        struct sv_json *o = sv_json_add(c->found, sv_json_object());
        SV_STR which = sv_asprintf("interface %zu, %s", c->nic, what);
        SV_STR where = sv_asprintf("%s, function %lld", sv_json_text(c->vf, "card", "-"),
                                   (long long)sv_json_int(sv_json_get(c->vf, "index"), -1));

        sv_json_set_str(o, "what", which);
        sv_json_set_str(o, "wanted", wanted);
        sv_json_set_str(o, "found", found);
        sv_json_set_str(o, "where", where);
}

static void compare_function(const char *root, struct comparing *c)
{
        const char *card = sv_json_text(c->vf, "card", "");
        unsigned index = (unsigned)sv_json_int(sv_json_get(c->vf, "index"), 0);
        struct sv_err why = SV_ERR_NULL;
        struct sv_vf wanted, now;
        struct sv_function f;

        if (!sv_vf_take(c->vf, &wanted))
                return;
        if (!sv_function_find(root, card, index, &f))
                add_vf_difference(c, "virtual function", sv_json_text(c->vf, "address", "-"),
                                  "none");
        else if (strcmp(f.driver, VFIO) != 0)
                add_vf_difference(c, "driver", VFIO, *f.driver ? f.driver : "none");
        if (sv_vf_read(card, index, &now, &why) < 0)
                add_vf_difference(c, "settings", "the card's answer", why.msg);
        else
                sv_vf_compare(&wanted, &now, add_vf_difference, c);
}

bool sv_functions_compare(const char *root, const struct sv_json *status, struct sv_json *found)
{
        const struct sv_json *nics = sv_json_get(status, "nics");
        bool any = false;

        for (size_t i = 0; i < sv_json_len(nics); i++) {
                struct comparing c = {sv_json_get(sv_json_at(nics, i), "vf"), i, found};

                if (!c.vf)
                        continue;
                any = true;
                compare_function(root, &c);
        }
        return any;
}
