/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/virt-error.h"
#include "launcher/virt/virt-int.h"

static pthread_once_t loop_once = PTHREAD_ONCE_INIT;
static bool loop_runs;

static void *run_event_loop(void *arg)
{
        while (vir.EventRunDefaultImpl() == 0)
                ;
        return NULL;
}

static void keep_alive(int timer, void *arg)
{
}

static void ignore_error(void *arg, virErrorPtr error)
{
}

static void start_event_loop(void)
{
        pthread_t thread;

        /* errors reach us as errors; QEMU has a log of its own */
        setenv("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null", 0);
        vir.SetErrorFunc(NULL,
                         ignore_error); /* libvirt prints its errors itself unless told otherwise */
        if (vir.EventRegisterDefaultImpl() < 0 ||
            vir.EventAddTimeout(1000, keep_alive, NULL, NULL) < 0 || vir.Initialize() < 0)
                return;
        loop_runs = !pthread_create(&thread, NULL, run_event_loop, NULL) && !pthread_detach(thread);
}

int sv_virt_fail(struct sv_err *err, const char *what)
{
        virErrorPtr e = vir.GetLastError();

        return sv_virt_map_error(err, what, e ? e->code : 0,
                                 e && e->message ? e->message : "libvirt gave no reason");
}

void sv_virt_library_version(char out[32])
{
        unsigned long v = 0;

        *out = 0;
        if (sv_virt_load(NULL) == 0 && vir.GetVersion(&v, NULL, NULL) == 0)
                snprintf(out, 32, "%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
}

char *sv_virt_embed_uri(const char *root)
{
        static const char plain[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-~";
        SV_BUF uri = SV_BUF_NULL;

        sv_buf_puts(&uri, "qemu:///embed?root=");
        for (; *root; root++) {
                if (strchr(plain, *root))
                        sv_buf_u8(&uri, (uint8_t)*root);
                else
                        sv_buf_printf(&uri, "%%%02X", (unsigned char)*root);
        }
        return sv_asprintf("%s", sv_buf_str(&uri));
}

struct sv_virt_events *sv_virt_make_events(struct sv_err *err)
{
        struct sv_virt_events *e = calloc(1, sizeof(*e));

        if (!e) {
                sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
                return NULL;
        }
        if (pipe2(e->fds, O_CLOEXEC | O_NONBLOCK) < 0) {
                sv_fail_errno(err, "virt.open", "a pipe for events");
                free(e);
                return NULL;
        }
        e->holders = 1;
        return e;
}

void sv_virt_drop_events(void *arg)
{
        struct sv_virt_events *e = arg;

        if (__atomic_sub_fetch(&e->holders, 1, __ATOMIC_ACQ_REL))
                return;
        close(e->fds[0]);
        close(e->fds[1]);
        free(e);
}

static void queue_event(struct sv_virt_events *e, enum sv_virt_event event)
{
        uint8_t byte = (uint8_t)event;

        if (write(e->fds[1], &byte, 1) < 0)
                return; /* full: 65536 events are unread */
}

enum sv_virt_event sv_virt_map_event(int event, int detail)
{
        if (event == VIR_DOMAIN_EVENT_RESUMED ||
            (event == VIR_DOMAIN_EVENT_STARTED && detail == VIR_DOMAIN_EVENT_STARTED_BOOTED))
                return SV_VIRT_RESUMED;
        if (event == VIR_DOMAIN_EVENT_SUSPENDED)
                return SV_VIRT_HALTED;
        if (event == VIR_DOMAIN_EVENT_CRASHED)
                return SV_VIRT_CRASH;
        if (event == VIR_DOMAIN_EVENT_SHUTDOWN)
                return SV_VIRT_WENT_OFF;
        if (event != VIR_DOMAIN_EVENT_STOPPED)
                return SV_VIRT_NO_EVENT;
        return detail == VIR_DOMAIN_EVENT_STOPPED_FAILED ||
                               detail == VIR_DOMAIN_EVENT_STOPPED_CRASHED
                       ? SV_VIRT_FAILED
                       : SV_VIRT_STOPPED;
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *arg)
{
        enum sv_virt_event e = sv_virt_map_event(event, detail);

        if (e != SV_VIRT_NO_EVENT)
                queue_event(arg, e);
        return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *arg)
{
        queue_event(arg, SV_VIRT_REBOOTED);
}

int sv_virt_open(const char *uri, struct sv_virt **out, struct sv_err *err)
{
        struct sv_virt *v;

        if (sv_virt_load(err) < 0)
                return -1;
        pthread_once(&loop_once, start_event_loop);
        if (!loop_runs)
                return sv_fail(err, SV_SYSTEM, "virt.open", "libvirt's event loop does not start");
        v = calloc(1, sizeof(*v));
        if (!v)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        v->events = sv_virt_make_events(err);
        if (!v->events) {
                free(v);
                return -1;
        }
        v->conn = vir.ConnectOpen(uri);
        if (!v->conn) {
                sv_virt_fail(err, uri);
                sv_virt_close(v);
                return -1;
        }
        *out = v;
        return 0;
}

static void leave_subject(struct sv_virt *v)
{
        for (size_t i = 0; v->dom && i < 2; i++) {
                if (v->callbacks[i] >= 0) /* the first of a connection is 0 */
                        vir.ConnectDomainEventDeregisterAny(v->conn, v->callbacks[i]);
                v->callbacks[i] = -1;
        }
        if (v->dom)
                vir.DomainFree(v->dom);
        v->dom = NULL;
}

void sv_virt_close(struct sv_virt *v)
{
        if (!v)
                return;
        leave_subject(v);
        if (v->conn)
                vir.ConnectClose(v->conn);
        sv_virt_drop_events(v->events);
        free(v);
}

void sv_virt_freep(struct sv_virt **v)
{
        sv_virt_close(*v);
        *v = NULL;
}

int sv_virt_get_argv(struct sv_virt *v, const char *xml, struct sv_buf *out, struct sv_err *err)
{
        char *text = vir.ConnectDomainXMLToNative(v->conn, "qemu-argv", xml, 0);

        if (!text)
                return sv_virt_fail(err, "asking for the guest's QEMU command line");
        sv_buf_puts(out, text);
        free(text);
        return sv_buf_ok(out, "QEMU's command line", err);
}

int sv_virt_register(virConnectPtr conn, virDomainPtr dom, int event,
                     virConnectDomainEventGenericCallback callback, struct sv_virt_events *events)
{
        int id;

        __atomic_add_fetch(&events->holders, 1, __ATOMIC_ACQ_REL);
        id = vir.ConnectDomainEventRegisterAny(conn, dom, event, callback, events,
                                               sv_virt_drop_events);
        if (id < 0)
                sv_virt_drop_events(events);
        return id;
}

static int register_events(struct sv_virt *v, struct sv_err *err)
{
        v->callbacks[0] = sv_virt_register(v->conn, v->dom, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                           VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), v->events);
        v->callbacks[1] = sv_virt_register(v->conn, v->dom, VIR_DOMAIN_EVENT_ID_REBOOT,
                                           VIR_DOMAIN_EVENT_CALLBACK(on_reboot), v->events);
        if (v->callbacks[0] < 0 || v->callbacks[1] < 0)
                return sv_virt_fail(err, "registering for events");
        return 0;
}

int sv_virt_define(struct sv_virt *v, const char *xml, struct sv_err *err)
{
        leave_subject(v);
        v->dom = vir.DomainDefineXMLFlags(v->conn, xml, VIR_DOMAIN_DEFINE_VALIDATE);
        return v->dom ? register_events(v, err) : sv_virt_fail(err, "defining the domain");
}

int sv_virt_lookup(struct sv_virt *v, const char *name, struct sv_err *err)
{
        leave_subject(v);
        v->dom = vir.DomainLookupByName(v->conn, name);
        if (!v->dom)
                return sv_virt_fail(err, name);
        return register_events(v, err);
}

bool sv_virt_is_known(struct sv_virt *v, const char *name)
{
        virDomainPtr dom = vir.DomainLookupByName(v->conn, name);

        if (dom)
                vir.DomainFree(dom);
        return dom;
}

bool sv_virt_is_running(struct sv_virt *v, const char *name)
{
        virDomainPtr dom = vir.DomainLookupByName(v->conn, name);
        bool runs = dom && vir.DomainIsActive(dom) == 1;

        if (dom)
                vir.DomainFree(dom);
        return runs;
}

static int fail_saved(const char *name, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "virt.saved",
                       "guest %s is saved with its memory, and its next start would go on from "
                       "there; \"virsh start %s\" lets it, \"secure-vm destroy %s --connect\" "
                       "forgets it",
                       name, name, name);
}

int sv_virt_check_unsaved(struct sv_virt *v, const char *name, struct sv_err *err)
{
        virDomainPtr dom = vir.DomainLookupByName(v->conn, name);
        int saved = dom ? vir.DomainHasManagedSaveImage(dom, 0) : 0;

        if (saved < 0)
                sv_virt_fail(err, "asking whether the guest's memory is saved");
        else if (saved)
                fail_saved(name, err);
        if (dom)
                vir.DomainFree(dom);
        return saved ? -1 : 0;
}

int sv_virt_associate(struct sv_virt *v, const char *group, int *fds, unsigned n,
                      struct sv_err *err)
{
        return vir.DomainFDAssociate(v->dom, group, n, fds, 0) < 0
                       ? sv_virt_fail(err, "handing over a disk's file")
                       : 0;
}

static int create_domain(struct sv_virt *v, const struct sv_tee_host *tee, unsigned flags,
                         struct sv_err *err)
{
        virErrorPtr e;

        if (vir.DomainCreateWithFlags(v->dom, flags) == 0)
                return 0;
        e = vir.GetLastError();
        if (e && e->message && tee && tee->refusal && tee->refusal(e->message, err) < 0)
                return -1;
        return sv_virt_fail(err, "starting the guest");
}

int sv_virt_start(struct sv_virt *v, const struct sv_tee_host *tee, struct sv_err *err)
{
        return create_domain(v, tee, 0, err);
}

int sv_virt_start_fresh(struct sv_virt *v, const struct sv_tee_host *tee, struct sv_err *err)
{
        return create_domain(v, tee, VIR_DOMAIN_START_RESET_NVRAM, err);
}

int sv_virt_shutdown(struct sv_virt *v, struct sv_err *err)
{
        return vir.DomainShutdownFlags(v->dom, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0
                       ? sv_virt_fail(err, "asking the guest to shut down")
                       : 0;
}

int sv_virt_destroy(struct sv_virt *v, struct sv_err *err)
{
        if (!v->dom || vir.DomainIsActive(v->dom) == 0)
                return 0;
        if (vir.DomainDestroy(v->dom) == 0 || vir.DomainIsActive(v->dom) == 0)
                return 0;
        return sv_virt_fail(err, "ending the guest");
}

int sv_virt_undefine(struct sv_virt *v, struct sv_err *err)
{
        return vir.DomainUndefineFlags(v->dom, VIR_DOMAIN_UNDEFINE_NVRAM |
                                                       VIR_DOMAIN_UNDEFINE_KEEP_TPM |
                                                       VIR_DOMAIN_UNDEFINE_MANAGED_SAVE) < 0
                       ? sv_virt_fail(err, "undefining the guest")
                       : 0;
}

static bool is_split(int state, int reason)
{
        return (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED) ||
               (state == VIR_DOMAIN_RUNNING && reason == VIR_DOMAIN_RUNNING_POSTCOPY_FAILED);
}

static enum sv_virt_state map_domain_state(int state, int reason)
{
        return is_split(state, reason)                                         ? SV_VIRT_PAUSED
               : state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED    ? SV_VIRT_RUNNING
               : state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_PMSUSPENDED ? SV_VIRT_PAUSED
               : state == VIR_DOMAIN_CRASHED                                   ? SV_VIRT_CRASHED
               : state == VIR_DOMAIN_SHUTDOWN                                  ? SV_VIRT_ENDING
                                                                               : SV_VIRT_OFF;
}

int sv_virt_get_state(struct sv_virt *v, enum sv_virt_state *out, struct sv_err *err)
{
        int state = 0, reason = 0;

        if (vir.DomainGetState(v->dom, &state, &reason, 0) < 0)
                return sv_virt_fail(err, "asking for the guest's state");
        *out = map_domain_state(state, reason);
        return 0;
}

bool sv_virt_is_split(struct sv_virt *v)
{
        int state = 0, reason = 0;

        return vir.DomainGetState(v->dom, &state, &reason, 0) == 0 && is_split(state, reason);
}

const char *sv_virt_pause_reason(struct sv_virt *v)
{
        int state = 0, reason = 0;

        if (vir.DomainGetState(v->dom, &state, &reason, 0) < 0)
                return "other";
        if (is_split(state, reason))
                return "post-copy";
        if (state != VIR_DOMAIN_PAUSED)
                return "other";
        switch (reason) {
        case VIR_DOMAIN_PAUSED_USER:
                return "asked";
        case VIR_DOMAIN_PAUSED_IOERROR:
                return "disk";
        case VIR_DOMAIN_PAUSED_WATCHDOG:
                return "watchdog";
        case VIR_DOMAIN_PAUSED_MIGRATION:
        case VIR_DOMAIN_PAUSED_POSTCOPY:
                return "migration";
        default:
                return "other";
        }
}

int sv_virt_pause(struct sv_virt *v, struct sv_err *err)
{
        return vir.DomainSuspend(v->dom) < 0 ? sv_virt_fail(err, "pausing the guest") : 0;
}

int sv_virt_resume(struct sv_virt *v, struct sv_err *err)
{
        return vir.DomainResume(v->dom) < 0 ? sv_virt_fail(err, "resuming the guest") : 0;
}

const char *sv_virt_state_name(enum sv_virt_state state)
{
        static const char *const names[] = {"off", "running", "paused", "crashed", "ending"};

        return names[state];
}

int sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err)
{
        char *xml = vir.DomainGetXMLDesc(v->dom, 0);

        if (!xml)
                return sv_virt_fail(err, "reading the domain back");
        sv_buf_puts(out, xml);
        free(xml);
        return sv_buf_ok(out, "the domain", err);
}

int sv_virt_for_each(struct sv_virt *v,
                     int (*fn)(void *arg, const char *name, enum sv_virt_state state,
                               struct sv_err *err),
                     void *arg, struct sv_err *err)
{
        virDomainPtr *list = NULL;
        virDomainPtr subject = v->dom;
        int n = vir.ConnectListAllDomains(v->conn, &list, 0), r = 0;

        if (n < 0)
                return sv_virt_fail(err, "listing the guests");
        for (int i = 0; i < n; i++) {
                int state = 0, reason = 0;

                if (r == 0 && vir.DomainGetState(list[i], &state, &reason, 0) == 0) {
                        v->dom = list[i];
                        r = fn(arg, vir.DomainGetName(list[i]), map_domain_state(state, reason),
                               err);
                }
                vir.DomainFree(list[i]);
        }
        v->dom = subject;
        free(list);
        return r;
}

int sv_virt_event_fd(struct sv_virt *v)
{
        return v->events->fds[0];
}

enum sv_virt_event sv_virt_next_event(struct sv_virt *v)
{
        uint8_t byte;

        return read(v->events->fds[0], &byte, 1) == 1 ? (enum sv_virt_event)byte : SV_VIRT_NO_EVENT;
}
