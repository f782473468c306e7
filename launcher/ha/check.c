/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/ha/check.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/core/file.h"
#include "launcher/virt/xml-read.h"

#define STOP_SECONDS                                                                 \
        60 /* less: a guest is cut off in its shutdown, or its node is fenced for it \
            */

struct look {
        struct sv_bytes config; /* inside <configuration> */
        struct sv_json *findings;
        struct sv_json *guests;
        size_t fences;
};

void sv_ha_add_finding(struct sv_json *findings, const char *check, const char *level,
                       const char *about, const char *fmt, ...)
{
        struct sv_json *row = sv_json_add(findings, sv_json_object());
        SV_BUF text = SV_BUF_NULL;
        va_list ap;

        va_start(ap, fmt);
        sv_buf_vprintf(&text, fmt, ap);
        va_end(ap);
        sv_json_set_str(row, "check", check);
        sv_json_set_str(row, "level", level);
        sv_json_set_str(row, "about", about);
        sv_json_set_str(row, "message", sv_buf_str(&text));
}

/* --- reading the configuration --- */

static bool has_attribute(const struct sv_xml *e, const char *name, const char *value)
{
        SV_STR found = sv_xml_attribute(e, name);

        return found && !strcmp(found, value);
}

/* Of the sets `set` (meta_attributes, ...) below a text: the value of a pair of that name, or NULL.
 * The caller frees. */
static char *find_nvpair(struct sv_bytes parent, const char *set, const char *name)
{
        struct sv_xml sets, pair;

        for (size_t at = 0; sv_xml_next(parent, set, &at, &sets);)
                for (size_t in = 0; sv_xml_next(sets.inner, "nvpair", &in, &pair);)
                        if (has_attribute(&pair, "name", name))
                                return sv_xml_attribute(&pair, "value");
        return NULL;
}

static char *find_option(const struct look *l, const char *name)
{
        struct sv_xml config;

        return sv_xml_find(l->config, "crm_config", &config)
                       ? find_nvpair(config.inner, "cluster_property_set", name)
                       : NULL;
}

/* Pacemaker's words for a boolean, in letters of either case (crm_str_to_boolean). */
static bool is_one_of(const char *value, const char *const words[5])
{
        for (size_t i = 0; value && i < 5; i++)
                if (!strcasecmp(value, words[i]))
                        return true;
        return false;
}

static bool is_cluster_false(const char *value)
{
        return is_one_of(value, (const char *const[5]){"false", "off", "no", "n", "0"});
}

static bool is_cluster_true(const char *value)
{
        return is_one_of(value, (const char *const[5]){"true", "on", "yes", "y", "1"});
}

static bool has_true(const struct sv_xml *e, const char *name)
{
        SV_STR value = sv_xml_attribute(e, name);

        return is_cluster_true(value);
}

/* "90s", "1min", "90000ms": seconds; 0 for what is none. */
static unsigned long parse_interval(const char *text)
{
        char *unit;
        unsigned long n = text ? strtoul(text, &unit, 10) : 0;

        if (!text || unit == text)
                return 0;
        if (!strcmp(unit, "ms"))
                return n / 1000;
        if (*unit == 'm')
                return n * 60;
        return *unit == 'h' ? n * 3600 : n;
}

/* --- what is configured --- */

static void check_cluster_options(struct look *l)
{
        SV_STR fence = find_option(l, "stonith-enabled");
        SV_STR quorum = find_option(l, "no-quorum-policy");

        if (is_cluster_false(fence))
                sv_ha_add_finding(l->findings, "ha.fencing", "fail", "stonith-enabled",
                                  "fencing is switched off: a node that is lost may live on with "
                                  "its guests while others start them again. Switch it on, with a "
                                  "device for each node");
        else if (!l->fences)
                sv_ha_add_finding(l->findings, "ha.fencing", "fail", "stonith",
                                  "there is no fence device: the cluster starts no guest of a node "
                                  "that is lost. \"secure-vm ha plan\" has one for each node");
        if (quorum && !strcmp(quorum, "ignore"))
                sv_ha_add_finding(l->findings, "ha.quorum", "fail", "no-quorum-policy",
                                  "it is \"ignore\": each half of a cluster that is cut in two "
                                  "fences the other and starts its guests; \"stop\" was expected");
}

/* Options with which the cluster looks on. */
static void check_cluster_acts(struct look *l)
{
        static const struct {
                const char *name;
                bool (*stands)(const char *value);
        } options[] = {{"maintenance-mode", is_cluster_true},
                       {"stop-all-resources", is_cluster_true},
                       {"is-managed-default", is_cluster_false}};

        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
                SV_STR value = find_option(l, options[i].name);

                if (options[i].stands(value))
                        sv_ha_add_finding(l->findings, "ha.managed", "fail", options[i].name,
                                          "it is \"%s\": the cluster starts no guest anywhere. "
                                          "\"crm_attribute --name %s --delete\" ends that",
                                          value, options[i].name);
        }
}

/* Pacemaker takes a node that says nothing of its memory for one that has none. */
static void check_node_memory(struct look *l)
{
        SV_STR strategy = find_option(l, "placement-strategy");
        struct sv_xml nodes, node;

        if (!strategy || !strcmp(strategy, "default") || !sv_xml_find(l->config, "nodes", &nodes))
                return;
        for (size_t at = 0; sv_xml_next(nodes.inner, "node", &at, &node);) {
                SV_STR name = sv_xml_attribute(&node, "uname");
                SV_STR memory = find_nvpair(node.inner, "utilization", "memory");

                if (!memory)
                        sv_ha_add_finding(l->findings, "ha.memory", "fail", name ? name : "-",
                                          "guests are placed by memory, and this node's is not "
                                          "said: none starts there. \"crm_attribute --type nodes "
                                          "--node %s --utilization --name memory --update MIB\"",
                                          name ? name : "NODE");
        }
}

/* A resource, and whence it has what it does not say itself. */
struct resource {
        struct sv_xml own, kind; /* `kind`: the <template> that it names, or empty */
        struct sv_bytes group;   /* inside the group that it is in, or empty */
};

static char *find_kind_word(const struct resource *r, const char *name)
{
        char *value = sv_xml_attribute(&r->own, name);

        return value ? value : sv_xml_attribute(&r->kind, name);
}

static bool has_kind_word(const struct resource *r, const char *name, const char *value)
{
        SV_STR found = find_kind_word(r, name);

        return found && !strcmp(found, value);
}

static char *find_parameter(const struct resource *r, const char *set, const char *name)
{
        char *value = find_nvpair(r->own.inner, set, name);

        return value ? value : find_nvpair(r->kind.inner, set, name);
}

/* Its own, its template's, its group's, or the default of all. */
static char *find_meta(const struct resource *r, const struct look *l, const char *name)
{
        char *value = find_parameter(r, "meta_attributes", name);
        struct sv_xml defaults;

        if (!value)
                value = find_nvpair(r->group, "meta_attributes", name);
        if (!value && sv_xml_find(l->config, "rsc_defaults", &defaults))
                value = find_nvpair(defaults.inner, "meta_attributes", name);
        return value;
}

struct operations {
        bool monitored, stop_said, stops;
};

/* What stands nearer to the resource counts: it is read first. */
static void read_operations(struct sv_bytes inside, struct operations *out)
{
        struct sv_xml ops, op;

        for (size_t at = 0; sv_xml_next(inside, "operations", &at, &ops);)
                for (size_t in = 0; sv_xml_next(ops.inner, "op", &in, &op);) {
                        SV_STR timeout = sv_xml_attribute(&op, "timeout");
                        SV_STR enabled = sv_xml_attribute(&op, "enabled");

                        out->monitored |=
                                has_attribute(&op, "name", "monitor") && !is_cluster_false(enabled);
                        if (!has_attribute(&op, "name", "stop") || out->stop_said)
                                continue;
                        out->stop_said = true;
                        out->stops = parse_interval(timeout) >= STOP_SECONDS;
                }
}

static void check_operations(const struct resource *r, const char *id, struct look *l)
{
        struct operations found = {0};

        read_operations(r->own.inner, &found);
        read_operations(r->kind.inner, &found);
        if (!found.monitored)
                sv_ha_add_finding(l->findings, "ha.monitor", "fail", id,
                                  "it has no operation \"monitor\": a guest that ends is not "
                                  "noticed");
        if (!found.stops)
                sv_ha_add_finding(l->findings, "ha.stop-timeout", "warn", id,
                                  "its operation \"stop\" has less than %d s, or no time of its "
                                  "own: a guest that takes longer to shut down is cut off",
                                  STOP_SECONDS);
}

static void add_guest_row(const struct resource *r, const char *id, struct look *l)
{
        static const char *const names[] = {"name", "config", "connect"};
        struct sv_json *row = sv_json_add(l->guests, sv_json_object());

        sv_json_set_str(row, "resource", id);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                SV_STR value = find_parameter(r, "instance_attributes", names[i]);

                if (value && *value)
                        sv_json_set_str(row, names[i], value);
        }
}

/* Does the cluster look after it at all? */
static void check_managed(const struct resource *r, const char *id, struct look *l)
{
        SV_STR managed = find_meta(r, l, "is-managed");
        SV_STR maintenance = find_meta(r, l, "maintenance");
        SV_STR role = find_meta(r, l, "target-role");

        if (is_cluster_false(managed) || is_cluster_true(maintenance))
                sv_ha_add_finding(l->findings, "ha.managed", "fail", id,
                                  "%s: the cluster neither starts nor stops it, and it goes on "
                                  "nowhere. \"crm_resource --resource %s --meta --delete-parameter "
                                  "%s\" gives it back, where it is set there",
                                  is_cluster_false(managed) ? "is-managed is false"
                                                            : "it is in maintenance",
                                  id, is_cluster_false(managed) ? "is-managed" : "maintenance");
        if (role && !strcasecmp(role, "Stopped"))
                sv_ha_add_finding(l->findings, "ha.stopped", "warn", id,
                                  "its target-role is Stopped: it runs nowhere until somebody says "
                                  "\"Started\"");
}

static void check_primitive(const struct resource *r, struct look *l)
{
        SV_STR id = sv_xml_attribute(&r->own, "id");
        SV_STR threshold = find_meta(r, l, "migration-threshold");
        bool ours = has_kind_word(r, "provider", "secure-vm") && has_kind_word(r, "type", "guest");

        l->fences += has_kind_word(r, "class", "stonith");
        if (!id || (!ours && !has_kind_word(r, "type", "VirtualDomain")))
                return;
        if (!threshold)
                sv_ha_add_finding(
                        l->findings, "ha.threshold", "warn", id,
                        "it has no migration-threshold: a guest that fails is started at "
                        "the same node again and again, and never at another; 3 is usual");
        check_managed(r, id, l);
        check_operations(r, id, l);
        if (ours)
                add_guest_row(r, id, l);
}

/* Templates stand beside the resources, never in a group. */
static void find_resource_template(const struct look *l, const struct sv_xml *e, struct sv_xml *out)
{
        SV_STR name = sv_xml_attribute(e, "template");
        struct sv_xml all, t;

        if (!name || !sv_xml_find(l->config, "resources", &all))
                return;
        for (size_t at = 0; sv_xml_next(all.inner, "template", &at, &t);)
                if (has_attribute(&t, "id", name))
                        *out = t;
}

static void check_primitives(struct sv_bytes inside, struct sv_bytes group, struct look *l)
{
        struct sv_xml e;

        for (size_t at = 0; sv_xml_next(inside, "primitive", &at, &e);) {
                struct resource r = {.own = e, .group = group};

                find_resource_template(l, &e, &r.kind);
                check_primitive(&r, l);
        }
}

static void check_resources(struct sv_bytes inside, struct look *l)
{
        struct sv_xml group;

        check_primitives(inside, (struct sv_bytes){0}, l);
        for (size_t at = 0; sv_xml_next(inside, "group", &at, &group);)
                check_primitives(group.inner, group.inner, l);
}

/* --- what has happened --- */

static void check_failures(struct sv_bytes status, struct look *l)
{
        struct sv_xml failures, f;

        if (!sv_xml_find(status, "failures", &failures))
                return;
        for (size_t at = 0; sv_xml_next(failures.inner, "failure", &at, &f);) {
                SV_STR key = sv_xml_attribute(&f, "op_key");
                SV_STR node = sv_xml_attribute(&f, "node");
                SV_STR task = sv_xml_attribute(&f, "task");
                SV_STR code = sv_xml_attribute(&f, "exitcode");
                SV_STR why = sv_xml_attribute(&f, "exitreason");
                SV_STR about = sv_asprintf("%s at %s", key ? key : "-", node ? node : "-");

                if (task && !strcmp(task, "stop"))
                        sv_ha_add_finding(l->findings, "ha.stop", "fail", about,
                                          "a stop failed, which costs the node its power: %s",
                                          why ? why : "no reason is known");
                else if (code && !strcmp(code, "4"))
                        sv_ha_add_finding(l->findings, "ha.refused", "fail", about,
                                          "a key was refused, and the guest is not started there "
                                          "before \"crm_resource --cleanup\": %s",
                                          why ? why : "no reason is known");
                else
                        sv_ha_add_finding(l->findings, "ha.failure", "warn", about, "%s",
                                          why && *why ? why : "it failed");
        }
}

static void check_members(struct sv_bytes status, struct look *l)
{
        struct sv_xml nodes, n;

        if (!sv_xml_find(status, "nodes", &nodes))
                return;
        for (size_t at = 0; sv_xml_next(nodes.inner, "node", &at, &n);) {
                SV_STR name = sv_xml_attribute(&n, "name");

                if (has_attribute(&n, "unclean", "true"))
                        sv_ha_add_finding(l->findings, "ha.node", "fail", name ? name : "-",
                                          "it is lost and not fenced yet: none of its guests "
                                          "starts elsewhere before that");
                else if (has_true(&n, "maintenance"))
                        sv_ha_add_finding(l->findings, "ha.managed", "fail", name ? name : "-",
                                          "it is in maintenance: a guest that ends there is not "
                                          "started again");
                else if (has_true(&n, "standby") || has_true(&n, "standby_onfail"))
                        sv_ha_add_finding(l->findings, "ha.node", "warn", name ? name : "-",
                                          "it is in standby: no guest starts there");
                else if (has_attribute(&n, "online", "false"))
                        sv_ha_add_finding(l->findings, "ha.node", "warn", name ? name : "-",
                                          "it is off: its guests have one node less to go to");
        }
}

int sv_ha_check_cluster(struct sv_bytes cib, struct sv_bytes status, struct sv_json *findings,
                        struct sv_json *guests, struct sv_err *err)
{
        struct look l = {.findings = findings, .guests = guests};
        struct sv_xml root, config, mon, part;
        size_t at = 0, in = 0;

        if (!sv_xml_next(cib, "cib", &at, &root) ||
            !sv_xml_find(root.inner, "configuration", &config) ||
            !sv_xml_find(config.inner, "resources", &part))
                return sv_fail(err, SV_FORMAT, "ha.cluster",
                               "expected a cluster's configuration of cibadmin, found something "
                               "else, or only its beginning");
        if (!sv_xml_next(status, "pacemaker-result", &in, &mon))
                return sv_fail(err, SV_FORMAT, "ha.cluster",
                               "expected a cluster's state of crm_mon, found something else, or "
                               "only its beginning");
        l.config = config.inner;
        check_resources(part.inner, &l);
        check_cluster_options(&l);
        check_cluster_acts(&l);
        check_node_memory(&l);
        check_failures(mon.inner, &l);
        check_members(mon.inner, &l);
        return 0;
}
