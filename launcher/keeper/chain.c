/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/chain.h"

#include <stdio.h>
#include <string.h>

#include "base/core/text.h"

#define CHECK "snapshot.chain"

void sv_chain_init(struct sv_chain *c)
{
        *c = (struct sv_chain){.now = {.n = 1, .layers = {{.parent = -1}}}};
}

bool sv_chain_is_plain(const struct sv_chain *c)
{
        return c->now.n == 1 && !c->now.layers[0].merging && !c->changing;
}

/* --- text --- */

static int read_layer(const struct sv_json *j, struct sv_layer *l, struct sv_err *err)
{
        static const char *const members[] = {"id",      "parent", "name",  "made",
                                              "merging", "size",   "mtime", NULL};
        const char *name = sv_json_text(j, "name", "");
        int64_t id, parent;

        if (sv_json_only(j, members, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "id", 0, UINT32_MAX / 2, &id, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "parent", -1, SV_LAYERS_MAX - 1, &parent, CHECK, err) < 0)
                return -1;
        if (*name && !sv_name_ok(name))
                return sv_fail(err, SV_FORMAT, CHECK, "\"%.64s\" is no snapshot's name", name);
        *l = (struct sv_layer){.id = (unsigned)id,
                               .parent = (int)parent,
                               .made = sv_json_int(sv_json_get(j, "made"), 0),
                               .merging = sv_json_bool(sv_json_get(j, "merging"), false),
                               .size = sv_json_int(sv_json_get(j, "size"), 0),
                               .mtime = sv_json_int(sv_json_get(j, "mtime"), 0)};
        snprintf(l->name, sizeof(l->name), "%s", name);
        return 0;
}

/* Each layer leans on one before it, only the first on none; ids differ; nothing leans on the
 * active one. So whoever follows the parents comes to an end. */
static int check_tree(const struct sv_tree *t, struct sv_err *err)
{
        for (size_t i = 0; i < t->n; i++) {
                const struct sv_layer *l = &t->layers[i];

                if ((l->id == 0) != (i == 0) || l->id > t->last || l->parent >= (int)i ||
                    (l->parent < 0) != (i == 0) || l->parent == (int)t->active)
                        return sv_fail(err, SV_FORMAT, CHECK,
                                       "layer %u does not lean on one before it", l->id);
                for (size_t k = 0; k < i; k++)
                        if (t->layers[k].id == l->id ||
                            (*l->name && !strcmp(l->name, t->layers[k].name)))
                                return sv_fail(err, SV_FORMAT, CHECK, "layer %u is there twice",
                                               l->id);
        }
        return 0;
}

static int read_layers(const struct sv_json *j, struct sv_tree *t, struct sv_err *err)
{
        static const char *const members[] = {"mark", "last", "active", "layers", NULL};
        struct sv_json *layers;
        int64_t last, active;
        const char *mark;

        *t = (struct sv_tree){0};
        if (sv_json_only(j, members, CHECK, err) < 0)
                return -1;
        if (sv_json_need_str(j, "mark", &mark, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "last", 0, UINT32_MAX / 2, &last, CHECK, err) < 0)
                return -1;
        if (sv_json_need_array(j, "layers", &layers, CHECK, err) < 0)
                return -1;
        t->n = sv_json_len(layers);
        if (!t->n || t->n > SV_LAYERS_MAX || (*mark && !sv_is_hex(mark, 32)))
                return sv_fail(err, SV_FORMAT, CHECK,
                               "expected 1 to %d layers and a mark, found %zu", SV_LAYERS_MAX,
                               t->n);
        if (sv_json_need_int(j, "active", 0, (int64_t)t->n - 1, &active, CHECK, err) < 0)
                return -1;
        for (size_t i = 0; i < t->n; i++)
                if (read_layer(sv_json_at(layers, i), &t->layers[i], err) < 0)
                        return -1;
        snprintf(t->mark, sizeof(t->mark), "%s", mark);
        t->last = (unsigned)last;
        t->active = (size_t)active;
        return check_tree(t, err);
}

int sv_chain_parse(struct sv_bytes text, struct sv_chain *out, struct sv_err *err)
{
        static const char *const members[] = {"version", "now", "next", "creating", NULL};
        struct sv_chain c = {0};
        SV_JSON *j = NULL;
        struct sv_json *now;
        int64_t version;

        if (sv_json_parse(text, CHECK, &j, err) < 0)
                return -1;
        if (sv_json_only(j, members, CHECK, err) < 0)
                return -1;
        if (sv_json_need_int(j, "version", 1, 1, &version, CHECK, err) < 0)
                return -1;
        if (sv_json_need_obj(j, "now", &now, CHECK, err) < 0 || read_layers(now, &c.now, err) < 0)
                return -1;
        c.changing = sv_json_get(j, "next") != NULL;
        c.creating = sv_json_bool(sv_json_get(j, "creating"), false);
        if (c.changing && read_layers(sv_json_get(j, "next"), &c.next, err) < 0)
                return -1;
        *out = c;
        return 0;
}

static struct sv_json *make_tree_json(const struct sv_tree *t)
{
        struct sv_json *j = sv_json_object(), *layers;

        sv_json_set_str(j, "mark", t->mark);
        sv_json_set_int(j, "last", t->last);
        sv_json_set_int(j, "active", (int64_t)t->active);
        layers = sv_json_set(j, "layers", sv_json_array());
        for (size_t i = 0; i < t->n; i++) {
                struct sv_json *row = sv_json_add(layers, sv_json_object());
                const struct sv_layer *l = &t->layers[i];

                sv_json_set_int(row, "id", l->id);
                sv_json_set_int(row, "parent", l->parent);
                if (*l->name)
                        sv_json_set_str(row, "name", l->name);
                if (l->made)
                        sv_json_set_int(row, "made", l->made);
                if (l->merging)
                        sv_json_set_bool(row, "merging", true);
                if (l->size)
                        sv_json_set_int(row, "size", l->size);
                if (l->mtime)
                        sv_json_set_int(row, "mtime", l->mtime);
        }
        return j;
}

void sv_chain_print(const struct sv_chain *c, struct sv_buf *out)
{
        SV_JSON *j = sv_json_object();

        sv_json_set_int(j, "version", 1);
        sv_json_set(j, "now", make_tree_json(&c->now));
        if (c->changing)
                sv_json_set(j, "next", make_tree_json(&c->next));
        if (c->changing && c->creating)
                sv_json_set_bool(j, "creating", true);
        sv_json_pretty(j, out);
        sv_buf_puts(out, "\n");
}

/* --- the tree --- */

/* The layers behind one that is gone move up by one. */
static void remove_layer(struct sv_tree *t, size_t gone)
{
        memmove(&t->layers[gone], &t->layers[gone + 1], (t->n - gone - 1) * sizeof(t->layers[0]));
        t->n--;
        for (size_t i = 0; i < t->n; i++)
                if (t->layers[i].parent > (int)gone)
                        t->layers[i].parent--;
        if (t->active > gone)
                t->active--;
}

static size_t count_children(const struct sv_tree *t, size_t layer, size_t *last)
{
        size_t n = 0;

        for (size_t i = 0; i < t->n; i++)
                if (t->layers[i].parent == (int)layer) {
                        *last = i;
                        n++;
                }
        return n;
}

static int add_active(struct sv_tree *t, size_t parent, struct sv_err *err)
{
        if (t->n >= SV_LAYERS_MAX)
                return sv_fail(err, SV_USAGE, "snapshot.limit",
                               "the disk has %d states already, and no more are kept; \"secure-vm "
                               "snapshot delete\" takes one away, \"secure-vm snapshot flatten\" "
                               "all of them",
                               SV_LAYERS_MAX);
        t->layers[t->n] = (struct sv_layer){.id = ++t->last, .parent = (int)parent};
        t->active = t->n++;
        return 0;
}

int sv_tree_create(struct sv_tree *t, const char *name, int64_t made, struct sv_err *err)
{
        size_t frozen = t->active;

        if (!sv_name_ok(name))
                return sv_fail(err, SV_USAGE, "snapshot.name",
                               "\"%s\" is no name for a snapshot: letters, digits, \"_\", \"-\" "
                               "and \".\", at most %d",
                               name, SV_NAME_MAX);
        for (size_t i = 0; i < t->n; i++)
                if (!strcmp(t->layers[i].name, name))
                        return sv_fail(err, SV_USAGE, "snapshot.exists",
                                       "there is a snapshot \"%s\" already; choose another name, "
                                       "or \"secure-vm snapshot delete\" it",
                                       name);
        if (add_active(t, frozen, err) < 0)
                return -1;
        snprintf(t->layers[frozen].name, sizeof(t->layers[frozen].name), "%s", name);
        t->layers[frozen].made = made;
        t->layers[frozen].merging = false;
        return 0;
}

int sv_tree_find(const struct sv_tree *t, const char *name, bool any, size_t *out,
                 struct sv_err *err)
{
        SV_BUF known = SV_BUF_NULL;

        for (size_t i = 0; i < t->n; i++) {
                const struct sv_layer *l = &t->layers[i];

                if (!*l->name)
                        continue;
                if (strcmp(l->name, name)) {
                        sv_buf_printf(&known, "%s%s", known.n ? ", " : "", l->name);
                        continue;
                }
                if (l->merging && !any)
                        return sv_fail(err, SV_USAGE, "snapshot.merging",
                                       "snapshot \"%s\" is being deleted, and its state is no more;"
                                       " \"secure-vm snapshot delete\" of it goes on with that",
                                       name);
                *out = i;
                return 0;
        }
        return sv_fail(err, SV_USAGE, "snapshot.absent",
                       "there is no snapshot \"%.63s\"; those there are: %s", name,
                       known.n ? sv_buf_str(&known) : "none");
}

int sv_tree_revert(struct sv_tree *t, const char *name, struct sv_err *err)
{
        struct sv_tree new = *t;
        size_t to;

        if (sv_tree_find(t, name, false, &to, err) < 0)
                return -1;
        sv_tree_drop(&new, new.active);
        if (sv_tree_find(&new, name, false, &to, err) < 0 || add_active(&new, to, err) < 0)
                return -1;
        *t = new;
        return 0;
}

enum sv_cut sv_tree_cut(const struct sv_tree *t, size_t layer, size_t *child)
{
        size_t n = count_children(t, layer, child);

        return n == 0 ? SV_CUT_DROP : n == 1 ? SV_CUT_MERGE : SV_CUT_KEEP;
}

void sv_tree_drop(struct sv_tree *t, size_t layer)
{
        int parent = t->layers[layer].parent;
        size_t child;

        remove_layer(t, layer);
        if (parent > 0 && !*t->layers[parent].name && !count_children(t, (size_t)parent, &child))
                sv_tree_drop(t, (size_t)parent);
}

bool sv_tree_may_change(const struct sv_tree *t, size_t layer)
{
        int parent = t->layers[layer].parent;

        return t->layers[layer].merging ||
               (parent > 0 && t->layers[t->layers[parent].parent].merging);
}

void sv_tree_begin_merge(struct sv_tree *t, size_t layer)
{
        t->layers[layer].merging = true;
        for (size_t i = 0; i < t->n; i++)
                if (sv_tree_may_change(t, i))
                        t->layers[i].size = t->layers[i].mtime = 0;
}

void sv_tree_end_merge(struct sv_tree *t, size_t child)
{
        int parent = t->layers[child].parent;
        struct sv_layer *into = &t->layers[parent], *from = &t->layers[child];

        memcpy(into->name, from->name, sizeof(into->name));
        into->made = from->made;
        into->merging = from->merging;
        into->size = into->mtime = 0;
        for (size_t i = 0; i < t->n; i++)
                if (t->layers[i].parent == (int)child)
                        t->layers[i].parent = parent;
        if (t->active == child)
                t->active = (size_t)parent;
        remove_layer(t, child);
}

bool sv_tree_is_below_active(const struct sv_tree *t, size_t layer)
{
        for (int i = (int)t->active; i >= 0; i = t->layers[i].parent)
                if (i == (int)layer)
                        return true;
        return false;
}

int sv_tree_begin_flatten(struct sv_tree *t, struct sv_err *err)
{
        if (t->n == 1)
                return sv_fail(err, SV_USAGE, "snapshot.none",
                               "there is no snapshot, and nothing to flatten");
        /* from the leaves, so that who is dropped has nobody above */
        for (size_t i = t->n; i-- > 0;)
                if (!sv_tree_is_below_active(t, i))
                        remove_layer(t, i);
        for (size_t i = 0; i < t->n; i++) {
                *t->layers[i].name = 0;
                t->layers[i].made = 0;
                if (i != t->active)
                        sv_tree_begin_merge(t, i);
        }
        return 0;
}

void sv_tree_end_flatten(struct sv_tree *t)
{
        t->layers[0] = (struct sv_layer){.parent = -1};
        t->n = 1;
        t->active = 0;
}

bool sv_tree_has(const struct sv_tree *t, unsigned id)
{
        for (size_t i = 0; i < t->n; i++)
                if (t->layers[i].id == id)
                        return true;
        return false;
}

/* --- a change that was begun --- */

static bool has_happened(struct sv_chain *const *chains, size_t n, const char *mark,
                         bool (*written)(void *arg, size_t i), void *arg)
{
        for (size_t i = 0; i < n; i++) {
                if (!strcmp(chains[i]->now.mark, mark))
                        return true;
                if (chains[i]->changing && chains[i]->creating &&
                    !strcmp(chains[i]->next.mark, mark) && written(arg, i))
                        return true;
        }
        return false;
}

int sv_chain_settle(struct sv_chain *const *chains, size_t n, bool (*written)(void *arg, size_t i),
                    void *arg)
{
        bool happened[SV_GUEST_DISKS_MAX] = {false};
        int done = 0;

        for (size_t i = 0; i < n; i++)
                happened[i] = chains[i]->changing &&
                              has_happened(chains, n, chains[i]->next.mark, written, arg);
        for (size_t i = 0; i < n; i++) {
                if (happened[i]) {
                        chains[i]->now = chains[i]->next;
                        done = 1;
                }
                chains[i]->changing = chains[i]->creating = false;
        }
        return done;
}
