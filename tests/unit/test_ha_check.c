/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster's configuration and state, each with one thing changed. */
#include "launcher/ha/check.h"
#include "base/core/file.h"
#include "tests/unit/unit.h"

static struct sv_err err;

#define PROPERTY(name, value) "<nvpair id=\"o-" name "\" name=\"" name "\" value=\"" value "\"/>"
#define OPTIONS               PROPERTY("stonith-enabled", "true") PROPERTY("no-quorum-policy", "stop")
#define FENCE                 "<primitive id=\"f\" class=\"stonith\" type=\"fence_x\"/>"
#define THRESHOLD                                                                               \
        "<meta_attributes id=\"m\"><nvpair id=\"t\" name=\"migration-threshold\" value=\"3\"/>" \
        "</meta_attributes>"
#define MONITOR "<op id=\"a\" name=\"monitor\" interval=\"10s\"/>"
#define STOP    "<op id=\"b\" name=\"stop\" interval=\"0\" timeout=\"60s\"/>"
#define GUEST(meta, ops)                                                                  \
        "<primitive id=\"guest-g\" class=\"ocf\" provider=\"secure-vm\" type=\"guest\">"  \
        "<instance_attributes id=\"i\"><nvpair id=\"n\" name=\"name\" value=\"g\"/>"      \
        "<nvpair id=\"c\" name=\"config\" value=\"/g.json\"/></instance_attributes>" meta \
        "<operations>" ops "</operations></primitive>"
#define CIB(options, defaults, resources)                                                         \
        "<?xml version=\"1.0\"?><cib epoch=\"1\"><configuration><crm_config>"                     \
        "<cluster_property_set id=\"o\">" options "</cluster_property_set></crm_config>" defaults \
        "<nodes/><resources>" resources "</resources><constraints/></configuration><status/>"     \
        "</cib>"
#define MEMORY "<utilization id=\"u\"><nvpair id=\"v\" name=\"memory\" value=\"8\"/></utilization>"
#define PLACED(strategy, memory)                                                    \
        "<cib><configuration><crm_config><cluster_property_set id=\"o\">" PROPERTY( \
                "placement-strategy",                                               \
                strategy) "</cluster_property_set></crm_config>"                    \
                          "<nodes><node id=\"1\" uname=\"n1\">" memory              \
                          "</node></nodes><resources>" FENCE                        \
                          GUEST(THRESHOLD, MONITOR STOP) "</resources></configuration></cib>"
#define GOOD CIB(OPTIONS, "", FENCE GUEST(THRESHOLD, MONITOR STOP))
#define MON(nodes, failures)                                                            \
        "<?xml version=\"1.0\"?><pacemaker-result><nodes>" nodes "</nodes><resources/>" \
        "<failures>" failures "</failures></pacemaker-result>"
#define NODE(online, unclean) "<node name=\"a\" online=\"" online "\" unclean=\"" unclean "\"/>"
#define FAILURE(task, code, reason)                                                              \
        "<failure op_key=\"g_" task "_0\" node=\"a\" exitcode=\"" code "\" exitreason=\"" reason \
        "\" task=\"" task "\"/>"
#define META(name, value)                                                             \
        "<meta_attributes id=\"k\"><nvpair id=\"l\" name=\"" name "\" value=\"" value \
        "\"/></meta_attributes>"
#define WITH_OPTION(name, value) \
        CIB(OPTIONS PROPERTY(name, value), "", FENCE GUEST(THRESHOLD, MONITOR STOP))
#define WITH_META(name, value) \
        CIB(OPTIONS, "", FENCE GUEST(THRESHOLD META(name, value), MONITOR STOP))
#define OF_TEMPLATE(inside, own)                                                                   \
        CIB(OPTIONS, "",                                                                           \
            FENCE "<template id=\"t\" class=\"ocf\" provider=\"secure-vm\" type=\"guest\">" inside \
                  "</template><primitive id=\"guest-g\" template=\"t\">" own "</primitive>")
#define OPERATIONS(ops) "<operations>" ops "</operations>"
#define SHORT_STOP      "<op id=\"b\" name=\"stop\" interval=\"0\" timeout=\"9s\"/>"
#define AWAY(what)      "<node name=\"a\" online=\"true\" unclean=\"false\" " what "=\"true\"/>"
#define WELL            MON(NODE("true", "false"), "")

static const struct {
        const char *cib, *mon, *expected; /* "check/level/about" of each finding, or none */
} cases[] = {
        {GOOD, WELL, ""},
        {CIB(PROPERTY("stonith-enabled", "false"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)), WELL,
         "ha.fencing/fail/stonith-enabled "},
        {CIB(PROPERTY("stonith-enabled", "0"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)), WELL,
         "ha.fencing/fail/stonith-enabled "},
        {CIB(OPTIONS, "", GUEST(THRESHOLD, MONITOR STOP)), WELL, "ha.fencing/fail/stonith "},
        {CIB("", "", FENCE GUEST(THRESHOLD, MONITOR STOP)), WELL, ""},
        {CIB(PROPERTY("no-quorum-policy", "ignore"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)),
         WELL, "ha.quorum/fail/no-quorum-policy "},
        {CIB(PROPERTY("no-quorum-policy", "freeze"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)),
         WELL, ""},
        {PLACED("balanced", ""), WELL, "ha.memory/fail/n1 "},
        {PLACED("default", ""), WELL, ""},
        {PLACED("balanced", MEMORY), WELL, ""},
        {CIB(OPTIONS, "", FENCE GUEST("", MONITOR STOP)), WELL, "ha.threshold/warn/guest-g "},
        {CIB(OPTIONS, "<rsc_defaults>" THRESHOLD "</rsc_defaults>", FENCE GUEST("", MONITOR STOP)),
         WELL, ""},
        {CIB(OPTIONS, "", FENCE GUEST(THRESHOLD, STOP)), WELL, "ha.monitor/fail/guest-g "},
        {CIB(OPTIONS, "", FENCE GUEST(THRESHOLD, MONITOR)), WELL, "ha.stop-timeout/warn/guest-g "},
        {CIB(OPTIONS, "",
             FENCE GUEST(THRESHOLD,
                         MONITOR "<op id=\"b\" name=\"stop\" interval=\"0\" timeout=\"59s\"/>")),
         WELL, "ha.stop-timeout/warn/guest-g "},
        {CIB(OPTIONS, "",
             FENCE GUEST(THRESHOLD,
                         MONITOR "<op id=\"b\" name=\"stop\" interval=\"0\" timeout=\"1min\"/>")),
         WELL, ""},
        {CIB(OPTIONS, "",
             FENCE GUEST(THRESHOLD, MONITOR
                         "<op id=\"b\" name=\"stop\" interval=\"0\" timeout=\"60000ms\"/>")),
         WELL, ""},
        {CIB(OPTIONS, "", FENCE "<group id=\"x\">" GUEST("", MONITOR STOP) "</group>"), WELL,
         "ha.threshold/warn/guest-g "},
        {CIB(OPTIONS, "",
             FENCE "<primitive id=\"v\" class=\"ocf\" provider=\"heartbeat\" "
                   "type=\"VirtualDomain\">" THRESHOLD "<operations>" STOP
                   "</operations></primitive>"),
         WELL, "ha.monitor/fail/v "},
        {CIB(PROPERTY("stonith-enabled", "N"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)), WELL,
         "ha.fencing/fail/stonith-enabled "},
        {CIB(PROPERTY("stonith-enabled", "Off"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)), WELL,
         "ha.fencing/fail/stonith-enabled "},
        {CIB(PROPERTY("stonith-enabled", "FALSE"), "", FENCE GUEST(THRESHOLD, MONITOR STOP)), WELL,
         "ha.fencing/fail/stonith-enabled "},
        /* the cluster looks on */
        {WITH_OPTION("maintenance-mode", "true"), WELL, "ha.managed/fail/maintenance-mode "},
        {WITH_OPTION("maintenance-mode", "Y"), WELL, "ha.managed/fail/maintenance-mode "},
        {WITH_OPTION("maintenance-mode", "false"), WELL, ""},
        {WITH_OPTION("stop-all-resources", "on"), WELL, "ha.managed/fail/stop-all-resources "},
        {WITH_OPTION("is-managed-default", "no"), WELL, "ha.managed/fail/is-managed-default "},
        {WITH_META("is-managed", "False"), WELL, "ha.managed/fail/guest-g "},
        {WITH_META("is-managed", "true"), WELL, ""},
        {WITH_META("maintenance", "1"), WELL, "ha.managed/fail/guest-g "},
        {WITH_META("target-role", "stopped"), WELL, "ha.stopped/warn/guest-g "},
        {WITH_META("target-role", "Started"), WELL, ""},
        {CIB(OPTIONS, "<rsc_defaults>" META("is-managed", "off") "</rsc_defaults>",
             FENCE GUEST(THRESHOLD, MONITOR STOP)),
         WELL, "ha.managed/fail/guest-g "},
        {CIB(OPTIONS, "<rsc_defaults>" META("is-managed", "off") "</rsc_defaults>",
             FENCE GUEST(THRESHOLD META("is-managed", "true"), MONITOR STOP)),
         WELL, ""},
        {CIB(OPTIONS, "",
             FENCE "<group id=\"x\">" GUEST(THRESHOLD, MONITOR STOP)
                     META("target-role", "Stopped") "</group>"),
         WELL, "ha.stopped/warn/guest-g "},
        {GOOD, MON(AWAY("standby"), ""), "ha.node/warn/a "},
        {GOOD, MON(AWAY("standby_onfail"), ""), "ha.node/warn/a "},
        {GOOD, MON(AWAY("maintenance"), ""), "ha.managed/fail/a "},
        /* what a template says, its resources say */
        {OF_TEMPLATE(THRESHOLD OPERATIONS(MONITOR STOP), ""), WELL, ""},
        {OF_TEMPLATE("", ""), WELL,
         "ha.threshold/warn/guest-g ha.monitor/fail/guest-g ha.stop-timeout/warn/guest-g "},
        {OF_TEMPLATE(THRESHOLD OPERATIONS(MONITOR SHORT_STOP), OPERATIONS(STOP)), WELL, ""},
        {OF_TEMPLATE(THRESHOLD OPERATIONS(MONITOR STOP), OPERATIONS(SHORT_STOP)), WELL,
         "ha.stop-timeout/warn/guest-g "},
        {OF_TEMPLATE(THRESHOLD META("is-managed", "no") OPERATIONS(MONITOR STOP), ""), WELL,
         "ha.managed/fail/guest-g "},
        {CIB(OPTIONS, "",
             FENCE GUEST(THRESHOLD, "<op id=\"a\" name=\"monitor\" interval=\"10s\" "
                                    "enabled=\"No\"/>" STOP)),
         WELL, "ha.monitor/fail/guest-g "},
        {GOOD, MON(NODE("false", "true"), ""), "ha.node/fail/a "},
        {GOOD, MON(NODE("false", "false"), ""), "ha.node/warn/a "},
        {GOOD, MON("", FAILURE("stop", "1", "why")), "ha.stop/fail/g_stop_0 at a "},
        {GOOD, MON("", FAILURE("start", "4", "why")), "ha.refused/fail/g_start_0 at a "},
        {GOOD, MON("", FAILURE("monitor", "7", "")), "ha.failure/warn/g_monitor_0 at a "},
};

static void each_finding(void **state)
{
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_JSON *findings = sv_json_array();
                SV_JSON *guests = sv_json_array();
                SV_BUF text = SV_BUF_NULL;

                OK(sv_ha_check_cluster(sv_bytes_str(cases[i].cib), sv_bytes_str(cases[i].mon),
                                       findings, guests, &err));
                for (size_t n = 0; n < sv_json_len(findings); n++) {
                        const struct sv_json *f = sv_json_at(findings, n);

                        sv_buf_printf(&text, "%s/%s/%s ", sv_json_text(f, "check", ""),
                                      sv_json_text(f, "level", ""), sv_json_text(f, "about", ""));
                        assert_true(strlen(sv_json_text(f, "message", "")) > 5);
                }
                print_message("%zu: %s\n", i, sv_buf_str(&text));
                assert_string_equal(sv_buf_str(&text), cases[i].expected);
        }
}

static void parameters(void **state)
{
        SV_JSON *findings = sv_json_array();
        SV_JSON *guests = sv_json_array();

        OK(sv_ha_check_cluster(sv_bytes_str(GOOD), sv_bytes_str(WELL), findings, guests, &err));
        assert_int_equal(sv_json_len(guests), 1);
        assert_string_equal(sv_json_text(sv_json_at(guests, 0), "resource", ""), "guest-g");
        assert_string_equal(sv_json_text(sv_json_at(guests, 0), "name", ""), "g");
        assert_string_equal(sv_json_text(sv_json_at(guests, 0), "config", ""), "/g.json");
        assert_null(sv_json_get(sv_json_at(guests, 0), "connect"));
}

/* Cut off anywhere, it is refused or read as far as it goes, never past its end. */
static void cut_off(void **state)
{
        SV_JSON *findings = sv_json_array();
        SV_JSON *guests = sv_json_array();

        for (size_t n = 0; n < strlen(GOOD); n++) {
                uint8_t *piece = malloc(n + 1);

                memcpy(piece, GOOD, n);
                piece = realloc(piece, n ? n : 1); /* so that a byte too many is seen */
                FAILS(sv_ha_check_cluster(sv_bytes(piece, n), sv_bytes_str(WELL), findings, guests,
                                          &err),
                      SV_FORMAT, "ha.cluster");
                free(piece);
        }
        FAILS(sv_ha_check_cluster(sv_bytes_str(GOOD), sv_bytes_str("<crm_mon/>"), findings, guests,
                                  &err),
              SV_FORMAT, "ha.cluster");
}

static void programs(void **state)
{
        SV_BUF out = SV_BUF_NULL;

        OK(sv_ha_ask((const char *const[]){"printf", "%s", "<cib/>", NULL}, &out, &err));
        assert_string_equal(sv_buf_str(&out), "<cib/>");
        FAILS(sv_ha_ask((const char *const[]){"no-such-program", NULL}, &out, &err), SV_SYSTEM,
              "ha.cluster");
        assert_non_null(strstr(err.msg, "is not there"));
        FAILS(sv_ha_ask((const char *const[]){"false", NULL}, &out, &err), SV_SYSTEM, "ha.cluster");
        assert_non_null(strstr(err.msg, "status 1"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_finding),
                cmocka_unit_test(parameters),
                cmocka_unit_test(cut_off),
                cmocka_unit_test(programs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
