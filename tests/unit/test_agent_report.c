/* SPDX-License-Identifier: Apache-2.0 */
/* When a report ends the machine. What the report goes through is played. */
#include "tests/unit/unit.h"

#include "agent/commands.h"
#include "agent/freshness.h"
#include "agent/power.h"
#include "agent/release.h"
#include "agent/system.h"
#include "base/core/secret.h"

static struct sv_err err, answer; /* what the broker says, class 0: it takes the report */
static bool answered;             /* or somebody on the way did */
static unsigned offs;
static enum sv_power_off how_off;

int __wrap_sv_system_read_config(struct sv_agent_config *config, struct sv_err *e);
int __wrap_sv_system_read_config(struct sv_agent_config *config, struct sv_err *e)
{
        *config = (struct sv_agent_config){.n_brokers = 1, .resource = "default/g/root"};
        strcpy(config->brokers[0].url, "https://broker:8080");
        config->brokers[0].has_pin = true;
        return 0;
}

int __wrap_sv_freshness_find(struct sv_disk_report *report, uint8_t fsid[SV_FSID_SIZE],
                             struct sv_secret **report_key, struct sv_err *e);
int __wrap_sv_freshness_find(struct sv_disk_report *report, uint8_t fsid[SV_FSID_SIZE],
                             struct sv_secret **report_key, struct sv_err *e)
{
        return 0;
}

int __wrap_sv_freshness_sync(const char *where, const uint8_t fsid[SV_FSID_SIZE],
                             uint64_t *generation, struct sv_err *e);
int __wrap_sv_freshness_sync(const char *where, const uint8_t fsid[SV_FSID_SIZE],
                             uint64_t *generation, struct sv_err *e)
{
        *generation = 7;
        return 0;
}

int __wrap_sv_freshness_confirm(struct sv_kbs_client *client, const char *resource,
                                struct sv_secret *report_key, const struct sv_disk_report *report,
                                struct sv_err *e);
int __wrap_sv_freshness_confirm(struct sv_kbs_client *client, const char *resource,
                                struct sv_secret *report_key, const struct sv_disk_report *report,
                                struct sv_err *e)
{
        *e = answer;
        return answer.class ? -1 : 0;
}

bool __wrap_sv_kbs_answered(const struct sv_kbs_client *c);
bool __wrap_sv_kbs_answered(const struct sv_kbs_client *c)
{
        return answered;
}

void __wrap_sv_power_off(const struct sv_machine *m, enum sv_power_off how);
void __wrap_sv_power_off(const struct sv_machine *m, enum sv_power_off how)
{
        offs++;
        how_off = how;
}

static int report(bool power_off)
{
        static const struct sv_opt option = {.name = "power-off"};
        const struct sv_args args = {.n_opts = power_off, .opts = {{.opt = &option, .value = ""}}};
        struct sv_json *result = NULL;
        int r;

        offs = 0;
        r = sv_agent_report(&args, &result, &err);
        sv_json_free(result);
        return r;
}

static void disk_is_lost(void **state)
{
        sv_fail(&answer, SV_PROOF, "disk.superseded", "another instance has opened the disk");
        answered = true;
        FAILS(report(true), SV_PROOF, "disk.superseded");
        assert_int_equal(offs, 1);
        assert_int_equal(how_off, SV_POWER_OFF_NOW);
        FAILS(report(false), SV_PROOF, "disk.superseded");
        assert_int_equal(offs, 0);
}

/* Somebody on the network has another key: that is no word of the broker's. */
static void network_lies(void **state)
{
        sv_fail(&answer, SV_PROOF, "tls.pin", "the server's key is not the pinned one");
        answered = false;
        FAILS(report(true), SV_PROOF, "tls.pin");
        assert_int_equal(offs, 0);
}

static void report_fails(void **state)
{
        sv_fail(&answer, SV_SYSTEM, "tls.read", "the connection broke");
        answered = true;
        FAILS(report(true), SV_SYSTEM, "tls.read");
        assert_int_equal(offs, 0);
        answer = (struct sv_err)SV_ERR_NULL;
        OK(report(true));
        assert_int_equal(offs, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(disk_is_lost),
                cmocka_unit_test(network_lies),
                cmocka_unit_test(report_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
