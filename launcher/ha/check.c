/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/ha/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/virt/xml-read.h"

#define STOP_SECONDS                                                                 \
        60 /* less: a guest is cut off in its shutdown, or its node is fenced for it \
            */

struct look {
        struct sv_bytes config; /* inside <configuration> */
        struct sv_json *findings;
        struct sv_json *guests;
        bool default_threshold; /* rsc_defaults has one */
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

static bool is_false(const char *value)
{
        return value && (!strcmp(value, "false") || !strcmp(value, "no") || !strcmp(value, "off") ||
                         !strcmp(value, "0"));
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

        if (is_false(fence))
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

static void check_operations(const struct sv_xml *e, const char *id, struct look *l)
{
        bool monitored = false, stops = false;
        struct sv_xml ops, op;

        for (size_t at = 0; sv_xml_next(e->inner, "operations", &at, &ops);)
                for (size_t in = 0; sv_xml_next(ops.inner, "op", &in, &op);) {
                        SV_STR timeout = sv_xml_attribute(&op, "timeout");

                        monitored |= has_attribute(&op, "name", "monitor");
                        stops |= has_attribute(&op, "name", "stop") &&
                                 parse_interval(timeout) >= STOP_SECONDS;
                }
        if (!monitored)
                sv_ha_add_finding(l->findings, "ha.monitor", "fail", id,
                                  "it has no operation \"monitor\": a guest that ends is not "
                                  "noticed");
        if (!stops)
                sv_ha_add_finding(l->findings, "ha.stop-timeout", "warn", id,
                                  "its operation \"stop\" has less than %d s, or no time of its "
                                  "own: a guest that takes longer to shut down is cut off",
                                  STOP_SECONDS);
}

static void add_guest_row(const struct sv_xml *e, const char *id, struct look *l)
{
        static const char *const names[] = {"name", "config", "connect"};
        struct sv_json *row = sv_json_add(l->guests, sv_json_object());

        sv_json_set_str(row, "resource", id);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                SV_STR value = find_nvpair(e->inner, "instance_attributes", names[i]);

                if (value && *value)
                        sv_json_set_str(row, names[i], value);
        }
}

static void check_primitive(const struct sv_xml *e, struct look *l)
{
        SV_STR id = sv_xml_attribute(e, "id");
        SV_STR threshold = find_nvpair(e->inner, "meta_attributes", "migration-threshold");
        bool ours = has_attribute(e, "provider", "secure-vm") && has_attribute(e, "type", "guest");

        l->fences += has_attribute(e, "class", "stonith");
        if (!id || (!ours && !has_attribute(e, "type", "VirtualDomain")))
                return;
        if (!threshold && !l->default_threshold)
                sv_ha_add_finding(
                        l->findings, "ha.threshold", "warn", id,
                        "it has no migration-threshold: a guest that fails is started at "
                        "the same node again and again, and never at another; 3 is usual");
        check_operations(e, id, l);
        if (ours)
                add_guest_row(e, id, l);
}

static void check_primitives(struct sv_bytes inside, struct look *l)
{
        struct sv_xml e;

        for (size_t at = 0; sv_xml_next(inside, "primitive", &at, &e);)
                check_primitive(&e, l);
}

static void check_resources(struct sv_bytes inside, struct look *l)
{
        struct sv_xml group;

        check_primitives(inside, l);
        for (size_t at = 0; sv_xml_next(inside, "group", &at, &group);)
                check_primitives(group.inner, l);
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
        if (sv_xml_find(config.inner, "rsc_defaults", &part)) {
                SV_STR threshold =
                        find_nvpair(part.inner, "meta_attributes", "migration-threshold");

                l.default_threshold = threshold != NULL;
        }
        sv_xml_find(config.inner, "resources", &part);
        check_resources(part.inner, &l);
        check_cluster_options(&l);
        check_node_memory(&l);
        check_failures(mon.inner, &l);
        check_members(mon.inner, &l);
        return 0;
}
