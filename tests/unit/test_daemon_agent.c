/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of a daemon that has its disk is not waited for, also when nobody heard its agent. */
#include "launcher/keeper/daemon-agent.h"
#include "launcher/keeper/facts.h"
#include "tests/unit/unit.h"

static const char *domain; /* NULL: libvirt does not say */
static unsigned noted, streams;

int __wrap_sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err);
int __wrap_sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err)
{
        if (!domain)
                return sv_fail(err, SV_SYSTEM, "virt.libvirt", "libvirt does not answer");
        sv_buf_puts(out, domain);
        return sv_buf_ok(out, "the domain", err);
}

int __wrap_sv_virt_stream(struct sv_virt *v, const char *port, int *fd, struct sv_err *err);
int __wrap_sv_virt_stream(struct sv_virt *v, const char *port, int *fd, struct sv_err *err)
{
        streams++;
        return sv_fail(err, SV_SYSTEM, "virt.open", "the agent's port is played");
}

int __wrap_sv_facts_note_unlocked(struct sv_virt *v, const struct sv_follow *f, struct sv_err *err);
int __wrap_sv_facts_note_unlocked(struct sv_virt *v, const struct sv_follow *f, struct sv_err *err)
{
        noted++;
        return 0;
}

static void channels(void **state)
{
#define CHANNEL(name, more) \
        "<channel type='unix'><target type='virtio' name='" name "'" more "/></channel>"
#define WITH(channels) "<domain><devices>" channels "</devices></domain>"
        static const struct {
                const char *xml;
                bool open;
        } t[] = {
                {WITH(CHANNEL("org.qemu.guest_agent.0", " state='connected'")), true},
                {WITH(CHANNEL("org.qemu.guest_agent.0", " state='disconnected'")), false},
                {WITH(CHANNEL("org.qemu.guest_agent.0", "")), false},
                {WITH(CHANNEL("org.secure-vm.agent", " state='connected'")), false},
                {WITH(CHANNEL("org.secure-vm.agent", " state='disconnected'")
                              CHANNEL("org.qemu.guest_agent.0", " state='connected'")),
                 true},
                {WITH(CHANNEL("org.secure-vm.agent", " state='connected'")
                              CHANNEL("org.qemu.guest_agent.0", " state='disconnected'")),
                 false},
                {WITH(""), false},
                {"", false},
                {NULL, false},
        };

        struct sv_follow f = {.wait = true};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                domain = t[i].xml;
                noted = streams = 0;
                f.quiet = i % 2;
                if (t[i].open)
                        OK(sv_daemon_await_agent(NULL, &f, &err));
                else
                        FAILS(sv_daemon_await_agent(NULL, &f, &err), SV_SYSTEM, "virt.open");
                assert_int_equal(noted, t[i].open);
                assert_int_equal(streams, !t[i].open);
        }
}

/* A start asks nothing: no system runs yet. */
static void starts(void **state)
{
        struct sv_follow f = {.wait = true};
        struct sv_err err;

        domain = WITH(CHANNEL("org.qemu.guest_agent.0", " state='connected'"));
        FAILS(sv_daemon_follow_agent(NULL, &f, &err), SV_SYSTEM, "virt.open");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(channels),
                cmocka_unit_test(starts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
