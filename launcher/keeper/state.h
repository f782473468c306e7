/* SPDX-License-Identifier: Apache-2.0 */
/* Where guests live on this host. One folder per guest, which is also the root of its embedded
 * libvirt driver: NAME/lock             held by everybody who acts for the guest; free means that
 * nothing of it runs NAME/status.json      who it is, and what became of it
 *   NAME/{control,console,agent}.sock, console.log, supervisor.log
 *   NAME/boot/            what really boots, copied and measured at launch
 *   NAME/{etc,run,lib,log,cache}/   libvirt's
 * The base is SECURE_VM_DIR, or /var/lib/secure-vm for root, or $XDG_STATE_HOME/secure-vm. */
#pragma once

#include "base/json/json.h"

#define SV_LOCK_WAIT_MS 30000 /* how long to wait for a guest that is being torn down */

struct sv_state {
        char *name;
        char *dir; /* at most SV_STATE_DIR_MAX bytes, because sockets lie below it */
        int lock;  /* descriptor, or -1 */
};

/* UNIX socket paths end at 107 bytes; libvirt's longest below the root has 51 */
#define SV_STATE_DIR_MAX 56

char *sv_state_base(void);
/* The guest's folder. state.path when no short enough path can be made. Makes nothing. */
int sv_state_init(struct sv_state *s, const char *name, struct sv_err *err);
/* The same for a guest of a libvirt daemon: only copies of what boots lie there, and nothing is
 * ever killed for it. */
int sv_state_init_daemon(struct sv_state *s, const char *name, struct sv_err *err);
void sv_state_free(struct sv_state *s);
#define SV_STATE __attribute__((cleanup(sv_state_free))) struct sv_state

bool sv_state_exists(const struct sv_state *s);
/* Makes the folder and takes the lock, waiting at most wait_ms: state.busy when another process
 * holds it longer. */
int sv_state_lock(struct sv_state *s, unsigned wait_ms, struct sv_err *err);
/* Is anybody acting for this guest? Takes no lock. */
bool sv_state_is_locked(const struct sv_state *s);

/* With the lock held: end every process that a killed supervisor left behind and remove sockets,
 * copies and libvirt's run-time files. The vTPM's state, the logs and the cache stay. Says how many
 * processes there were. */
int sv_state_recover(const struct sv_state *s, unsigned *killed, struct sv_err *err);
/* Kill QEMU and swtpm processes that name this folder; returns how many. */
unsigned sv_state_kill_leftovers(const struct sv_state *s);

/* DIR/NAME, to be freed. */
char *sv_state_path(const struct sv_state *s, const char *rel);
int sv_state_write_status(const struct sv_state *s, const struct sv_json *status,
                          struct sv_err *err);
/* A record beside it, JSON that need not be there: 1 with *out, 0 and NULL when there is none. An
 * empty one is no file. Failures are SV_SYSTEM or SV_FORMAT `check` and name the file. */
int sv_state_read_record(const char *path, const char *check, struct sv_json **out,
                         struct sv_err *err);
int sv_state_write_record(const char *path, const char *check, const struct sv_json *record,
                          bool empty, struct sv_err *err);
int sv_state_read_status(const struct sv_state *s, struct sv_json **status, struct sv_err *err);
/* fn for every guest that has a folder, in the order of their names. */
int sv_state_for_each(int (*fn)(void *arg, const struct sv_state *s, const struct sv_json *status,
                                struct sv_err *err),
                      void *arg, struct sv_err *err);
