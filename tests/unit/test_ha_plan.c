/* SPDX-License-Identifier: Apache-2.0 */
/* Guests on the nodes of a cluster: who goes where, what that needs when one dies, and Pacemaker's
 * configuration. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/ha/cib.h"
#include "launcher/virt/xml-read.h"
#include "tests/unit/unit.h"

#define N 4

static struct sv_err err;
static struct sv_guest guests[N];

static const char *const texts[N] = {
        "{\"name\":\"big\",\"kernel\":\"k\",\"memory\":\"8096MiB\",\"disks\":[{\"path\":\"r\"}],"
        "\"cmdline\":\"securevm.root=btrfs\",\"attestation\":{\"url\":\"https://"
        "b:1\",\"ca\":\"ca.pem\",\"lease\":300,\"ek_roots\":[\"a.pem\"]}}",
        "{\"name\":\"web\",\"kernel\":\"k\",\"memory\":\"4000MiB\"}",
        "{\"name\":\"db\",\"kernel\":\"k\",\"memory\":\"4000MiB\",\"disks\":[{\"path\":\"r\"}],"
        "\"attestation\":{\"url\":\"https://b:1\",\"ca\":\"ca.pem\"}}",
        "{\"name\":\"small\",\"kernel\":\"k\",\"memory\":\"416MiB\"}",
};

static int read_guests(void **state)
{
        for (size_t i = 0; i < N; i++)
                OK(sv_guest_parse(sv_bytes_str(texts[i]), "/f/<g>.json", "/f", &guests[i], &err));
        return 0;
}

static int free_guests(void **state)
{
        for (size_t i = 0; i < N; i++)
                sv_guest_free(&guests[i]);
        return 0;
}

static void plan_on(const char *nodes, struct sv_ha_plan *p)
{
        p->rules = sv_budget_defaults();
        OK(sv_ha_read_nodes(nodes, p, &err));
        for (size_t i = 0; i < N; i++)
                OK(sv_ha_add_guest(p, &guests[i], false, &err));
}

static void bad_nodes(void **state)
{
        static const char *const cases[][2] = {
                {"a", "one node"},           {"", "takes names"},
                {"a,", "takes names"},       {"a,,b", "takes names"},
                {"a,b,a", "named twice"},    {"a b,c", "takes names"},
                {"../a,b", "takes names"},   {"a=64GiB,b", "said"},
                {"a,b=64GiB", "said"},       {"a=0,b=0", "has no memory"},
                {"a=much,b=1GiB", "node a"},
        };
        SV_BUF many = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_HA_PLAN p = {0};

                FAILS(sv_ha_read_nodes(cases[i][0], &p, &err), SV_USAGE, "ha.nodes");
                print_message("%s: %s\n", cases[i][0], err.msg);
                assert_non_null(strstr(err.msg, cases[i][1]));
        }
        for (int i = 0; i < SV_HA_NODES_MAX; i++)
                sv_buf_printf(&many, "%sn%d", i ? "," : "", i);
        {
                SV_HA_PLAN p = {0};

                OK(sv_ha_read_nodes(sv_buf_str(&many), &p, &err));
                assert_int_equal(p.n_nodes, SV_HA_NODES_MAX);
        }
        {
                SV_HA_PLAN p = {0};

                sv_buf_puts(&many, ",last");
                FAILS(sv_ha_read_nodes(sv_buf_str(&many), &p, &err), SV_USAGE, "ha.nodes");
        }
}

static void guest_twice(void **state)
{
        SV_HA_PLAN p = {0};

        plan_on("a,b", &p);
        FAILS(sv_ha_add_guest(&p, &guests[1], false, &err), SV_USAGE, "ha.guests");
}

/* Costs: big 8 GiB, web and db 4 GiB each, small 0.5 GiB. */
static void balanced(void **state)
{
        SV_HA_PLAN p = {0};
        const uint64_t gib = 1ull << 30;

        plan_on("a=16GiB,b=16GiB,c=16GiB", &p);
        OK(sv_ha_place(&p, &err));
        for (size_t i = 0; i < N; i++)
                print_message("%s: %s, %s\n", p.places[i].guest->name,
                              p.nodes[p.places[i].first].name, p.nodes[p.places[i].next].name);
        assert_int_equal(p.places[0].first, 0);
        assert_int_equal(p.places[1].first, 1);
        assert_int_equal(p.places[2].first, 2);
        assert_int_equal(p.places[3].first, 1);
        for (size_t i = 0; i < N; i++)
                assert_int_not_equal(p.places[i].first, p.places[i].next);
        /* big goes to c when a dies; c's own 4 GiB and big's 8 */
        assert_int_equal(p.places[0].next, 2);
        assert_true(p.nodes[2].own == 4 * gib);
        assert_true(p.nodes[2].worst == 12 * gib);
        assert_int_equal(p.nodes[2].dies, 0);
        /* where no node's death adds anything, the worst is its own */
        assert_true(p.nodes[1].own == 9 * gib / 2);
}

static void too_little(void **state)
{
        SV_HA_PLAN enough = {0};
        SV_HA_PLAN less = {0};
        SV_HA_PLAN least = {0};

        plan_on("a=12GiB,b=12GiB,c=12GiB", &enough);
        OK(sv_ha_place(&enough, &err));
        plan_on("a=12287MiB,b=12287MiB,c=12287MiB", &less);
        FAILS(sv_ha_place(&less, &err), SV_USAGE, "ha.budget");
        print_message("%s\n", err.msg);
        assert_non_null(strstr(err.msg, "when node a dies, node c would need 12"));
        plan_on("a=4GiB,b=4GiB", &least);
        FAILS(sv_ha_place(&least, &err), SV_USAGE, "ha.budget");
}

/* A TEE's guest has its private memory and, beside it, what it shares: at the node's budget, and
 * so here. */
static void confidential_guest(void **state)
{
        SV_HA_PLAN p = {.rules = sv_budget_defaults()};
        SV_HA_PLAN q = {.rules = sv_budget_defaults()};
        const uint64_t own = guests[3].memory, more = SV_BUDGET_OVERHEAD;

        OK(sv_ha_read_nodes("a=15GiB,b=15GiB", &p, &err));
        OK(sv_ha_add_guest(&p, &guests[0], true, &err));
        FAILS(sv_ha_place(&p, &err), SV_USAGE, "ha.budget");
        assert_true(p.places[0].cost == sv_budget_cost(&p.rules, guests[0].memory, true));
        q.rules.shared_percent = 25;
        OK(sv_ha_read_nodes("a=16GiB,b=16GiB", &q, &err));
        OK(sv_ha_add_guest(&q, &guests[3], true, &err));
        OK(sv_ha_add_guest(&q, &guests[1], false, &err));
        OK(sv_ha_place(&q, &err));
        assert_true(q.places[0].cost == own + own / 100 * 25 + more);
        assert_true(q.places[1].cost == guests[1].memory + more);
}

static void unknown_memory(void **state)
{
        SV_HA_PLAN p = {0};

        plan_on("a,b", &p);
        OK(sv_ha_place(&p, &err));
        assert_true(p.nodes[0].own && p.nodes[1].own);
        assert_true(p.nodes[0].worst == p.nodes[1].worst);
        assert_true(p.nodes[0].worst == p.nodes[0].own + p.nodes[1].own);
}

/* --- the configuration --- */

static const char *put_configuration(const char *nodes, struct sv_ha_options o, struct sv_buf *xml)
{
        SV_HA_PLAN p = {0};

        plan_on(nodes, &p);
        OK(sv_ha_place(&p, &err));
        o.fence = "fence_ipmilan";
        OK(sv_ha_put_cib(&p, &o, xml, &err));
        return sv_buf_str(xml);
}

static unsigned count(const char *text, const char *word)
{
        unsigned n = 0;

        for (; (text = strstr(text, word)); text += strlen(word))
                n++;
        return n;
}

static void configuration(void **state)
{
        SV_BUF own = SV_BUF_NULL;
        SV_BUF daemons = SV_BUF_NULL;
        const char *text = put_configuration("a=16GiB,b=16GiB,c=16GiB",
                                             (struct sv_ha_options){.ordered = true}, &own);
        size_t at = 0;
        struct sv_xml e;

        assert_true(sv_xml_next(sv_buf_bytes(&own), "configuration", &at, &e));
        assert_int_equal(count(text, "class=\"stonith\""), 3);
        assert_int_equal(count(text, "score=\"-INFINITY\""), 3);
        assert_int_equal(count(text, "provider=\"secure-vm\""), N);
        assert_int_equal(count(text, "<rsc_order "), N - 1);
        assert_int_equal(count(text, "name=\"migration-threshold\" value=\"3\""), N);
        assert_non_null(strstr(text, "name=\"memory\" value=\"8192\""));
        assert_non_null(strstr(text, "name=\"placement-strategy\" value=\"balanced\""));
        assert_non_null(strstr(text, "name=\"config\" value=\"/f/&lt;g&gt;.json\""));
        assert_null(strstr(text, "migrate_to"));
        assert_null(strstr(text, "\"connect\""));
        text = put_configuration("a,b", (struct sv_ha_options){.connect = "qemu:///system"},
                                 &daemons);
        assert_int_equal(count(text, "name=\"migrate_to\""), N);
        assert_int_equal(count(text, "name=\"connect\" value=\"qemu:///system\""), N);
        assert_int_equal(count(text, "<rsc_order "), 0);
        assert_non_null(strstr(text, "name=\"placement-strategy\" value=\"default\""));
}

static bool has_reason(const struct sv_json *list, const char *what, const char *words)
{
        for (size_t i = 0; i < sv_json_len(list); i++)
                if (!strcmp(sv_json_text(sv_json_at(list, i), "what", ""), what) &&
                    strstr(sv_json_text(sv_json_at(list, i), "why", ""), words))
                        return true;
        return false;
}

static void reasons(void **state)
{
        const struct sv_ha_options o = {.fence = "fence_x"};
        SV_JSON *three = sv_json_array();
        SV_JSON *two = sv_json_array();
        SV_HA_PLAN p = {0};
        SV_HA_PLAN q = {0};

        plan_on("a,b,c", &p);
        OK(sv_ha_place(&p, &err));
        sv_ha_put_reasons(&p, &o, three);
        assert_true(has_reason(three, "fencing", "fence_x"));
        assert_true(has_reason(three, "guest big", "a lease of 300 s"));
        assert_true(has_reason(three, "guest big", "ek_roots, which has 1"));
        assert_true(has_reason(three, "guest db", "no lease"));
        assert_false(has_reason(three, "guest web", ""));
        assert_false(has_reason(three, "two nodes", ""));
        assert_int_equal(sv_ha_lease(&guests[0]), 300);
        assert_int_equal(sv_ha_lease(&guests[2]), 0);
        plan_on("a,b", &q);
        OK(sv_ha_place(&q, &err));
        sv_ha_put_reasons(
                &q, &(struct sv_ha_options){.fence = "f", .connect = "u", .ordered = true}, two);
        assert_true(has_reason(two, "two nodes", "two_node"));
        assert_true(has_reason(two, "allow-migrate", ""));
        assert_true(has_reason(two, "order", ""));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(bad_nodes),          cmocka_unit_test(guest_twice),
                cmocka_unit_test(balanced),           cmocka_unit_test(too_little),
                cmocka_unit_test(confidential_guest), cmocka_unit_test(unknown_memory),
                cmocka_unit_test(configuration),      cmocka_unit_test(reasons),
        };

        return cmocka_run_group_tests(tests, read_guests, free_guests);
}
