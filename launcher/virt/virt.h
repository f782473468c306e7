/* SPDX-License-Identifier: Apache-2.0 */
/* libvirt, seen by this file pair only: one connection, one domain, its events. Calls block; events
 * arrive through a descriptor to poll. */
#pragma once

#include "base/core/buf.h"
#include "tee/host.h"

struct sv_virt;

#define SV_VIRT_NAME_MAX 127 /* bytes of a domain's name; longer ones are cut */

enum sv_virt_state {
        SV_VIRT_OFF,
        SV_VIRT_RUNNING,
        SV_VIRT_PAUSED,
        SV_VIRT_CRASHED,
        SV_VIRT_ENDING
};

enum sv_virt_event {
        SV_VIRT_NO_EVENT,
        SV_VIRT_RESUMED, /* the virtual CPUs run */
        SV_VIRT_HALTED,  /* they stand: we asked, or QEMU could not go on */
        /* the guest asked for a reset and is starting over inside the same QEMU */
        SV_VIRT_REBOOTED,
        SV_VIRT_CRASH,
        SV_VIRT_WENT_OFF, /* the guest did; QEMU is still there, and libvirt has asked it to end */
        SV_VIRT_STOPPED,  /* by itself or by us */
        SV_VIRT_FAILED,   /* QEMU or libvirt lost it */
};

/* "11.3.0" of the library, "" when there is none. Opens nothing. */
void sv_virt_library_version(char out[32]);
/* "qemu:///embed?root=DIR" with what a URI wants escaped. */
char *sv_virt_embed_uri(const char *root);
/* Starts the event loop (once per process) and opens the connection. Check names: virt.library (no
 * libvirt here), virt.busy (another process holds this root), virt.driver (the driver cannot be
 * loaded), virt.open. */
int sv_virt_open(const char *uri, struct sv_virt **out, struct sv_err *err);
void sv_virt_close(struct sv_virt *v);
void sv_virt_freep(struct sv_virt **v);
#define SV_VIRT __attribute__((cleanup(sv_virt_freep))) struct sv_virt

/* The command line of the QEMU that would be started for this domain, as a shell reads it
 * (launcher/virt/qemu-argv.h); nothing is defined or started. */
int sv_virt_get_argv(struct sv_virt *v, const char *xml, struct sv_buf *out, struct sv_err *err);
/* Define with schema validation on. The domain is then the subject of everything below. */
int sv_virt_define(struct sv_virt *v, const char *xml, struct sv_err *err);
/* Does a domain of that name run there? */
bool sv_virt_is_running(struct sv_virt *v, const char *name);
/* SV_USAGE "virt.saved": its memory is saved (virsh managedsave), and belongs to its disks as they
 * are. */
int sv_virt_check_unsaved(struct sv_virt *v, const char *name, struct sv_err *err);
/* Is there a domain of that name at all? */
bool sv_virt_is_known(struct sv_virt *v, const char *name);
/* Take the domain of that name as the subject. virt.absent when there is none. */
int sv_virt_lookup(struct sv_virt *v, const char *name, struct sv_err *err);
/* Give the open files of a disk whose <source fdgroup=> has that name; the caller keeps its own. */
int sv_virt_associate(struct sv_virt *v, const char *group, int *fds, unsigned n,
                      struct sv_err *err);
/* A launch that the TEE's platform refused is told by the TEE (NULL: an ordinary guest), any other
 * failure by launcher/virt/virt-error.h. */
int sv_virt_start(struct sv_virt *v, const struct sv_tee_host *tee, struct sv_err *err);
/* The same, of one that ran before: with a new, empty variable store. */
int sv_virt_start_fresh(struct sv_virt *v, const struct sv_tee_host *tee, struct sv_err *err);
/* After each start: the ports of the host that lead to the guest. SV_SYSTEM "launch.forward". */
int sv_virt_forward_ports(struct sv_virt *v, const struct sv_guest *g, struct sv_err *err);
/* The guest's ACPI button. */
int sv_virt_shutdown(struct sv_virt *v, struct sv_err *err);
/* At once; no error when it is off already. */
int sv_virt_destroy(struct sv_virt *v, struct sv_err *err);
/* Forget the definition, its variable store and its saved memory; a vTPM's state is kept. */
int sv_virt_undefine(struct sv_virt *v, struct sv_err *err);
int sv_virt_get_state(struct sv_virt *v, enum sv_virt_state *out, struct sv_err *err);
/* Did a post-copy break, so that its memory is in two parts, one of them here? Such a guest counts
 * as paused: whatever it does next may need a page that is elsewhere. */
bool sv_virt_is_split(struct sv_virt *v);
/* Of a paused one: "asked", or what has stopped it: "disk" (an I/O error: full, or gone),
 * "watchdog", "migration" (it runs at another host, or is about to), "post-copy" (that broke),
 * "other". */
const char *sv_virt_pause_reason(struct sv_virt *v);
/* Stop the virtual CPUs, and let them go on. What is so already is an error of libvirt's. */
int sv_virt_pause(struct sv_virt *v, struct sv_err *err);
int sv_virt_resume(struct sv_virt *v, struct sv_err *err);
const char *sv_virt_state_name(enum sv_virt_state state);
/* The XML as libvirt completed it. */
int sv_virt_get_xml(struct sv_virt *v, struct sv_buf *out, struct sv_err *err);
/* What is kept with a domain in a name space of ours: of the guest, as long as it is defined, and
 * of its run, which is forgotten when that ends. */
#define SV_VIRT_KEY   "securevm"
#define SV_VIRT_FACTS "urn:secure-vm:guest"
#define SV_VIRT_RUN   "urn:secure-vm:run"
/* *out is left empty when the domain has nothing in that name space. */
int sv_virt_read_facts(struct sv_virt *v, const char *space, struct sv_buf *out,
                       struct sv_err *err);
/* For the run alone. */
int sv_virt_write_run(struct sv_virt *v, const char *text, struct sv_err *err);
bool sv_virt_is_alive(struct sv_virt *v);
/* "" when it does not say. */
void sv_virt_get_uuid(struct sv_virt *v, char out[37]);
/* The host's name, which the caller frees. */
char *sv_virt_get_hostname(struct sv_virt *v, struct sv_err *err);
/* Which daemon this is, from whatever host it is asked: "UUID-OF-ITS-HOST /system". The caller
 * frees it. */
char *sv_virt_get_daemon_id(struct sv_virt *v);
/* Bytes of the host's memory that its QEMU has now; 0 when it does not run or libvirt cannot say.
 */
uint64_t sv_virt_get_resident(struct sv_virt *v);
/* Does the daemon start it when it starts itself? */
int sv_virt_get_autostart(struct sv_virt *v, bool *on, struct sv_err *err);
int sv_virt_set_autostart(struct sv_virt *v, bool on, struct sv_err *err);

/* Every guest's events of a connection. */
struct sv_virt_watch;
struct sv_virt_happening {
        const char *what; /* "running", "resumed", "paused", "rebooting", "ended", "crashed", … */
        char name[SV_VIRT_NAME_MAX + 1];
};
int sv_virt_watch(struct sv_virt *v, struct sv_virt_watch **out, struct sv_err *err);
int sv_virt_watch_fd(const struct sv_virt_watch *w);
/* false when there is none now. */
bool sv_virt_watch_next(struct sv_virt_watch *w, struct sv_virt_happening *out);
void sv_virt_watch_end(struct sv_virt_watch *w);

/* fn for every guest of the connection, which is the subject of all above meanwhile. */
int sv_virt_for_each(struct sv_virt *v,
                     int (*fn)(void *arg, const char *name, enum sv_virt_state state,
                               struct sv_err *err),
                     void *arg, struct sv_err *err);
/* A virtio-serial port, or (port NULL) the console, as a descriptor to read and write; through
 * libvirt's stream, so that it also works with a daemon of another host. The caller closes it. */
int sv_virt_stream(struct sv_virt *v, const char *port, int *fd, struct sv_err *err);

/* Readable when there is an event. */
int sv_virt_event_fd(struct sv_virt *v);
enum sv_virt_event sv_virt_next_event(struct sv_virt *v);
