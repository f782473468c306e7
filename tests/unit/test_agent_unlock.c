/* SPDX-License-Identifier: Apache-2.0 */
/* agent/unlock.c: its steps and their order. Each step fails once, and unlocking must end there,
 * with that step's error. What the steps themselves do has tests of its own; here they are replaced
 * (meson.build has the list). */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"

#include "agent/attesters.h"
#include "agent/config.h"
#include "agent/disk.h"
#include "agent/edits.h"
#include "agent/events.h"
#include "agent/freshness.h"
#include "agent/host.h"
#include "agent/net.h"
#include "agent/release.h"
#include "agent/root.h"
#include "agent/system.h"
#include "agent/unlock.h"
#include "agent/verity.h"
#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/open.h"

/* --- the machine --- */

static char steps[1024];    /* "mount modules config ..."; what only cleans up begins with '-' */
static const char *fail_at; /* this step fails */
static struct sv_agent_config given;
static bool integrity, confidential, closing_fails, older_broker;
static bool name_header; /* the release asks which header the disk has */
static char named[97];

static int take_step(const char *name, struct sv_err *err)
{
        size_t n = strlen(steps);

        snprintf(steps + n, sizeof(steps) - n, "%s%s", n ? " " : "", name);
        if (!fail_at || strcmp(name, fail_at) != 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "test.step", "the step %s fails", name);
}

#define REPLACE(type, name, params, body) \
        type __wrap_##name params;        \
        type __wrap_##name params         \
        {                                 \
                body                      \
        }
#define STEP(label, name, params) REPLACE(int, name, params, return take_step(label, err);)

STEP("mount", sv_system_mount, (const struct sv_machine *m, struct sv_err *err))
STEP("modules", sv_system_load_modules, (const struct sv_machine *m, struct sv_err *err))
REPLACE(void, sv_event_open, (const struct sv_machine *m), )
REPLACE(int, sv_agent_config_parse,
        (struct sv_bytes text, struct sv_agent_config *out, struct sv_err *err), *out = given;
        return take_step("config", err);)
STEP("needs", sv_agent_config_need, (const struct sv_agent_config *c, struct sv_err *err))
STEP("entropy", sv_host_check_entropy, (const struct sv_machine *m, struct sv_err *err))
REPLACE(int, sv_net_up,
        (const struct sv_agent_config *c, struct sv_net **out, char says[128], struct sv_err *err),
        *says = 0;
        return take_step("network", err);)
STEP("unpack", sv_binding_unpack,
     (struct sv_secret * resource, struct sv_binding *b, struct sv_secret **key,
      struct sv_err *err))
REPLACE(int, sv_system_find_disk,
        (const struct sv_machine *m, const char *serial, char path[64], struct sv_err *err),
        strcpy(path, "/dev/x");
        return take_step("find", err);)
STEP("head", sv_system_read_head,
     (const char *device, size_t size, struct sv_buf *head, struct sv_err *err))
REPLACE(int, sv_binding_of, (struct sv_bytes head, struct sv_binding *b, struct sv_err *err),
        memset(b->header_digest, 0xab, sizeof(b->header_digest));
        return take_step("binding-of", err);)
STEP("binding", sv_binding_check,
     (const struct sv_binding *b, struct sv_bytes head, struct sv_err *err))
REPLACE(int, sv_luks_header_parse,
        (struct sv_bytes head, struct sv_luks_header *h, struct sv_err *err),
        *h = (struct sv_luks_header){.integrity = integrity};
        return take_step("header", err);)
STEP("copy", sv_luks_header_copy,
     (struct sv_bytes head, const struct sv_luks_header *h, struct sv_buf *out, struct sv_err *err))
STEP("check", sv_disk_check,
     (const struct sv_agent_config *c, const struct sv_luks_header *h, const char *device,
      struct sv_err *err))
STEP("open", sv_luks_open,
     (struct sv_bytes header, const char *device, const char *name, bool discard,
      struct sv_secret *key, struct sv_err *err))
STEP("size", sv_disk_check_size,
     (const struct sv_luks_header *h, const char *opened, struct sv_err *err))
REPLACE(const char *, sv_kbs_grounds, (const struct sv_kbs_client *c), return "";)
REPLACE(struct sv_secret *, sv_disk_report_key, (struct sv_secret * key, struct sv_err *err),
        return take_step("report-key", err) < 0 ? NULL : sv_secret_new(32, err);)
REPLACE(int, sv_freshness_read, (const char *opened, uint64_t *generation, struct sv_err *err),
        *generation = 7;
        return take_step("generation", err);)
REPLACE(int, sv_freshness_claim,
        (struct sv_kbs_client * client, const char *resource, struct sv_secret *key,
         const struct sv_disk_report *report, sv_retry_log *retry, struct sv_err *err),
        if (report->generation) return take_step("claim", err);
        if (!older_broker) return take_step("ask", err);
        return sv_fail(err, SV_FORMAT, "disk.report.member", "what is that");)
REPLACE(int, sv_freshness_confirm,
        (struct sv_kbs_client * client, const char *resource, struct sv_secret *key,
         const struct sv_disk_report *report, struct sv_err *err),
        assert_int_equal(report->state, SV_DISK_CLOSED);
        assert_int_equal(report->generation,
                         strstr(steps, "mounted") || strstr(steps, "data") || strstr(steps, "root")
                                 ? 7
                                 : 0);
        return take_step("-back", err);)
STEP("root", sv_root_mount,
     (const struct sv_machine *m, const char *device, const struct sv_agent_config *c,
      struct sv_err *err))
REPLACE(int, sv_freshness_mounted,
        (const char *where, uint64_t generation, uint8_t fsid[SV_FSID_SIZE], struct sv_err *err),
        assert_int_equal(generation, 7);
        return take_step("mounted", err);)
STEP("keep", sv_freshness_keep,
     (const struct sv_disk_report *report, const uint8_t fsid[SV_FSID_SIZE], struct sv_secret *key,
      struct sv_err *err))
STEP("data", sv_root_mount_data,
     (const struct sv_machine *m, const char *device, const struct sv_agent_config *c,
      struct sv_err *err))
REPLACE(int, sv_verity_cover, (const struct sv_machine *m, const char *top, struct sv_err *err),
        assert_string_equal(top, SV_ROOT_DATA);
        return take_step("cover", err);)
/* It may fail. */
REPLACE(int, sv_edits_apply, (const struct sv_machine *m, const char *device, struct sv_err *err),
        assert_string_equal(device, "/dev/mapper/root");
        return take_step("-edits", err);)
STEP("hide", sv_host_hide_tables, (const struct sv_machine *m, struct sv_err *err))
STEP("console", sv_host_leave_console, (const struct sv_machine *m, struct sv_err *err))
STEP("verity", sv_verity_root,
     (const struct sv_machine *m, const struct sv_agent_config *c, struct sv_err *err))
/* It does not come back when it does what it should. */
REPLACE(int, sv_root_switch, (const struct sv_machine *m, struct sv_err *err),
        take_step("switch", err);
        return sv_fail(err, SV_SYSTEM, "test.step", "the step switch fails");)

REPLACE(void, sv_net_down, (struct sv_net * net), take_step("-down", NULL);)
REPLACE(void, sv_root_unmount, (const struct sv_machine *m), take_step("-unmount", NULL);)
REPLACE(int, sv_luks_close, (const char *name, struct sv_err *err),
        if (take_step("-close", err) == 0 && !closing_fails) return 0;
        return sv_fail(err, SV_SYSTEM, "test.step", "the disk is not closed");)
REPLACE(void, sv_disk_explain,
        (const struct sv_machine *m, const struct sv_luks_header *h, struct sv_err *err), )
REPLACE(void, sv_disk_explain_tree, (const struct sv_machine *m, struct sv_err *err), )
REPLACE(int, sv_verity_blame, (struct sv_err * err), return -1;)

static const struct sv_attester *get_attester(void)
{
        static struct sv_tee tee = {.name = "test"};
        static const struct sv_attester a = {.id = &tee};

        tee.confidential = confidential;
        return &a;
}

REPLACE(const struct sv_attester *, sv_attester_find, (void), return get_attester();)
REPLACE(int, sv_release,
        (const struct sv_release *r, struct sv_release_out *out, struct sv_err *err),
        assert_true(r->seal && r->use);
        if (name_header && !r->header(r->config, named)) named[0] = '\0';
        out->tee = get_attester()->id;
        return take_step("release", err) < 0 ? -1 : r->use(r, NULL, NULL, err);)

/* --- tests --- */

static int run(const char *failing)
{
        static struct sv_err err;

        err = (struct sv_err){0};
        fail_at = failing;
        steps[0] = '\0';
        assert_int_equal(sv_unlock(&err), -1); /* for the switch, when nothing else */
        assert_string_equal(err.check, "test.step");
        if (failing) {
                SV_STR says = sv_asprintf("the step %s fails", failing);

                assert_string_equal(err.msg, says);
        }
        return 0;
}

/* The steps that were taken without those that clean up. */
static void drop_cleanup(char out[1024])
{
        char *end = NULL, copy[1024];

        out[0] = '\0';
        snprintf(copy, sizeof(copy), "%s", steps);
        for (char *w = strtok_r(copy, " ", &end); w; w = strtok_r(NULL, " ", &end))
                if (*w != '-')
                        snprintf(out + strlen(out), 1024 - strlen(out), "%s%s", *out ? " " : "", w);
}

/* All steps in their order; then each of them fails. From where it is opened, it is closed. */
static void expect_steps(const char *all)
{
        char copy[1024], taken[1024], *end = NULL;

        run(NULL);
        drop_cleanup(taken);
        assert_string_equal(taken, all);
        snprintf(copy, sizeof(copy), "%s", all);
        for (char *w = strtok_r(copy, " ", &end); w; w = strtok_r(NULL, " ", &end)) {
                size_t n = (size_t)(w - copy) + strlen(w);
                SV_STR word = sv_asprintf(" %s ", w);
                bool opened = strstr(
                        " check open size generation claim root mounted keep data cover ", word);

                run(w);
                drop_cleanup(taken);
                if (strlen(taken) != n || memcmp(taken, all, n) != 0)
                        fail_msg("with %s failing: %s", w, taken);
                assert_int_equal(strstr(steps, "-unmount -close") != NULL, opened);
        }
}

#define BEGIN  "mount modules config needs"
#define HEADER "network release unpack find head binding header copy"
#define OPEN   "check open size"

static void encrypted(void **state)
{
        given = (struct sv_agent_config){.disk = "d", .root_type = "ext4", .keep_console = true};
        integrity = confidential = false;
        expect_steps(BEGIN " " HEADER " " OPEN " root switch");
        confidential = true;
        expect_steps(BEGIN " entropy " HEADER " " OPEN " root hide switch");
        assert_non_null(strstr(steps, "-down"));
}

/* Only of a btrfs with tags the broker is told the state; and that it is given back, when it was
 * got, became no root, and nothing can write to it any more. */
static void with_generation(void **state)
{
        static const char *const claimed[] = {"ask",   "check", "open",    "size", "generation",
                                              "claim", "root",  "mounted", "keep"};

        given = (struct sv_agent_config){.disk = "d", .root_type = "btrfs", .keep_console = true};
        integrity = confidential = false;
        expect_steps(BEGIN " " HEADER " " OPEN " root switch");
        integrity = true;
        expect_steps(BEGIN " " HEADER " report-key ask " OPEN
                           " generation claim root mounted keep switch");
        for (size_t i = 0; i < sizeof(claimed) / sizeof(*claimed); i++) {
                run(claimed[i]);
                assert_true((strstr(steps, "-back") != NULL) == (i > 0));
                assert_true((strstr(steps, "-unmount -close -back") != NULL) == (i > 0));
                closing_fails = true;
                run(claimed[i]);
                closing_fails = false;
                assert_true(!strstr(steps, "-back") && (i == 0 || strstr(steps, "-close")));
        }
        older_broker = true;
        run(NULL);
        assert_non_null(strstr(steps, OPEN " generation claim root"));
        run("claim");
        assert_true(strstr(steps, "-close") && !strstr(steps, "-back"));
        older_broker = false;
        strcpy(given.root_type, "ext4");
        expect_steps(BEGIN " " HEADER " " OPEN " root switch");
}

static void verity(void **state)
{
        given = (struct sv_agent_config){.has_verity = true, .keep_console = true};
        confidential = true;
        expect_steps(BEGIN " entropy verity hide switch");
}

/* An encrypted disk above the root that needs no key: first the one, then all that the other takes.
 */
static void data(void **state)
{
        given = (struct sv_agent_config){
                .has_verity = true, .data = "d", .root_type = "btrfs", .keep_console = true};
        confidential = true;
        integrity = false;
        expect_steps(BEGIN " entropy verity " HEADER " " OPEN " data cover hide switch");
        assert_non_null(strstr(steps, "-down"));
        integrity = true;
        expect_steps(BEGIN " entropy verity " HEADER " report-key ask " OPEN
                           " generation claim data mounted keep cover hide switch");
        run("cover");
        assert_non_null(strstr(steps, "-unmount -close -back"));
}

/* Texts of the root's are replaced when it is mounted; without that it is a root, too. */
static void edits(void **state)
{
        given = (struct sv_agent_config){.disk = "d", .root_type = "xfs", .keep_console = true};
        integrity = confidential = false;
        run(NULL);
        assert_non_null(strstr(steps, "root -edits"));
        fail_at = "-edits";
        steps[0] = '\0';
        assert_int_equal(sv_unlock(NULL), -1);
        assert_non_null(strstr(steps, "root -edits -down switch"));
        given = (struct sv_agent_config){
                .has_verity = true, .data = "d", .root_type = "xfs", .keep_console = true};
        run(NULL);
        assert_null(strstr(steps, "-edits"));
}

/* A disk whose header cannot be read has no name to ask by, and is opened or refused all the same.
 */
static void header_names(void **state)
{
        static const char *const failing[] = {"find", "head", "binding-of", NULL};
        struct sv_err err = SV_ERR_NULL;

        given = (struct sv_agent_config){.disk = "d", .root_type = "ext4", .keep_console = true};
        integrity = confidential = false;
        name_header = true;
        for (size_t i = 0; i < sizeof(failing) / sizeof(*failing); i++) {
                fail_at = failing[i];
                steps[0] = '\0';
                assert_int_equal(sv_unlock(&err), -1);
                assert_int_equal(strlen(named), failing[i] ? 0 : 96);
        }
        assert_int_equal(strspn(named, "ab"), 96);
        name_header = false;
}

/* In a process of its own: its first three descriptors are the host's console no more. */
static void leave_console(void)
{
        struct sv_err err = SV_ERR_NULL;
        struct stat st;

        if (dup2(open("/", O_RDONLY | O_DIRECTORY), 3) != 3)
                _exit(1);
        fail_at = NULL;
        steps[0] = '\0';
        if (sv_unlock(&err) == 0 || strcmp(err.msg, "the step switch fails") != 0)
                _exit(2);
        for (int fd = 0; fd < 3; fd++)
                if (fstat(fd, &st) < 0 || st.st_rdev != makedev(1, 3))
                        _exit(3);
        _exit(fstat(3, &st) < 0 || !S_ISDIR(st.st_mode) ? 4 : 0);
}

/* A console that stays with the host ends it, unless it was asked for. */
static void console(void **state)
{
        int status;
        pid_t pid;

        given = (struct sv_agent_config){.has_verity = true};
        confidential = true;
        run("console");
        assert_string_equal(steps, BEGIN " entropy verity hide console");
        pid = fork();
        if (pid == 0)
                leave_console();
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(encrypted),    cmocka_unit_test(with_generation),
                cmocka_unit_test(verity),       cmocka_unit_test(edits),
                cmocka_unit_test(header_names), cmocka_unit_test(console),
                cmocka_unit_test(data),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
