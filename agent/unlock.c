/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/unlock.h"

#include <fcntl.h>
#include <unistd.h>

#include "agent/events.h"
#include "agent/net.h"
#include "agent/release.h"
#include "agent/root.h"
#include "agent/system.h"
#include "base/core/file.h"
#include "luks/binding.h"
#include "luks/header.h"
#include "luks/open.h"

#define NAME "root"

static int read_config(struct sv_agent_config *config, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read("/proc/cmdline", 4096, &text, "agent.cmdline", err) < 0)
                return -1;
        return sv_agent_config_parse(sv_buf_bytes(&text), config, err) < 0
                       ? -1
                       : sv_agent_config_need(config, err);
}

static int network(const struct sv_agent_config *config, struct sv_err *err)
{
        char says[128];

        sv_event_start("network", NULL);
        if (sv_net_up(config, says, err) < 0)
                return -1;
        sv_event_done("network", says);
        return 0;
}

static int read_head(const char *device, struct sv_buf *head, struct sv_err *err)
{
        SV_FD fd = open(device, O_RDONLY | O_CLOEXEC);
        uint8_t *p = sv_buf_grow(head, SV_LUKS_HEAD_SIZE);
        size_t n = 0;

        if (sv_buf_ok(head, "the disk's header", err) < 0)
                return -1;
        if (fd < 0)
                return sv_fail_errno(err, "agent.disk", "cannot open %s", device);
        while (n < SV_LUKS_HEAD_SIZE) {
                ssize_t got = pread(fd, p + n, SV_LUKS_HEAD_SIZE - n, (off_t)n);

                if (got < 0)
                        return sv_fail_errno(err, "agent.disk", "cannot read %s", device);
                if (got == 0)
                        return sv_fail(err, SV_FORMAT, "luks.header.short",
                                       "%s is too small to be an encrypted disk", device);
                n += (size_t)got;
        }
        return 0;
}

/* Everything is checked, and used, in one copy in memory: the host may change the disk under us at
 * any time. */
static int open_disk(const struct sv_agent_config *config, struct sv_secret *resource,
                     struct sv_err *err)
{
        struct sv_luks_header h;
        struct sv_binding binding;
        SV_SECRET *key = NULL;
        SV_BUF head = SV_BUF_NULL, copy = SV_BUF_NULL;
        char device[64];
        int64_t began;

        sv_event_start("header", NULL);
        if (sv_binding_unpack(resource, &binding, &key, err) < 0 ||
            sv_system_find_disk(config->disk, device, err) < 0 || read_head(device, &head, err) < 0)
                return -1;
        if (sv_binding_check(&binding, sv_buf_bytes(&head), err) < 0 ||
            sv_luks_header_parse(sv_buf_bytes(&head), &h, err) < 0 ||
            sv_luks_header_copy(sv_buf_bytes(&head), &h, &copy, err) < 0)
                return -1;
        sv_event_done("header", "the disk's header is the one that the key was made for");
        sv_event_start("open", NULL);
        began = sv_event_now();
        if (sv_luks_open(sv_buf_bytes(&copy), device, NAME, config->discard, key, err) < 0)
                return -1;
        sv_event_time("crypt", sv_event_now() - began);
        /* Only a disk whose file system is there counts as unlocked. */
        if (sv_root_mount("/dev/mapper/" NAME, config, err) < 0)
                return -1;
        sv_event_done("open", device);
        return 0;
}

static void say_untold(const struct sv_err *err)
{
        sv_event_say("the broker was not told how it ended: %s [%s]", err->msg, err->check);
}

static void say_note(const struct sv_note *note)
{
        sv_event_say("%s", note->text);
}

static int get_and_open(const struct sv_agent_config *config, struct sv_err *err)
{
        static const struct sv_release_says says = {sv_event_start, sv_event_done, sv_event_time,
                                                    sv_event_retry, say_untold,    say_note};
        const struct sv_release release = {.config = config,
                                           .ca_file = SV_AGENT_CA_FILE,
                                           .says = &says,
                                           .seal = true,
                                           .use = open_disk};
        SV_RELEASE_OUT out = {0};

        if (sv_release(&release, &out, err) < 0)
                return -1;
        sv_event_unlocked(sv_buf_str(&out.grounds));
        return 0;
}

static int prepare(struct sv_agent_config *config, struct sv_err *err)
{
        int64_t began = sv_event_now();

        if (sv_system_mount(err) < 0 || sv_system_load_modules(err) < 0)
                return -1;
        sv_event_open();
        sv_event_time("kernel", began);
        sv_event_time("modules", sv_event_now() - began);
        return read_config(config, err);
}

int sv_unlock(struct sv_err *err)
{
        struct sv_agent_config config;

        if (prepare(&config, err) < 0 || network(&config, err) < 0 ||
            get_and_open(&config, err) < 0)
                return -1;
        sv_event_start("switch-root", NULL);
        sv_net_down(); /* the system brings its network up by its own rules and names */
        sv_event_done("switch-root", "starting the system");
        sv_event_flush();
        return sv_root_switch(err);
}
