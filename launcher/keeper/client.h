/* SPDX-License-Identifier: Apache-2.0 */
/* The commands' side of a guest's control socket. */
#pragma once

#include "launcher/keeper/control.h"
#include "launcher/keeper/state.h"

/* A connected descriptor; state.off when no supervisor listens there. */
int sv_client_connect(const struct sv_state *s, struct sv_err *err);
/* The same to one of QEMU's own sockets in the guest's folder, such that SELinux lets QEMU read
 * what is sent there. */
int sv_client_connect_qemu(const struct sv_state *s, const char *socket_name, struct sv_err *err);
/* Ask and read the one answer: its "status", which the caller frees. */
int sv_client_ask(const struct sv_state *s, enum sv_control what, struct sv_json **status,
                  struct sv_err *err);
/* The same for a whole request. */
int sv_client_request(const struct sv_state *s, const struct sv_json *request,
                      struct sv_json **status, struct sv_err *err);
/* The error that stands in an answer or in a status. */
int sv_client_fail(const struct sv_json *error, struct sv_err *err);
/* The guest's folder by name: state.absent when this host knows no such guest. */
int sv_client_find(const char *name, struct sv_state *s, struct sv_err *err);
/* state.version when a newer version has written what lies there. */
int sv_client_check_version(const struct sv_state *s, struct sv_err *err);
/* Wait until nothing of the guest runs any more; state.busy when that takes longer. */
int sv_client_wait_off(struct sv_state *s, unsigned ms, struct sv_err *err);
/* Press its power button, and again after each `again_ms`, for a system that is still starting does
 * not hear it: 0 when nothing of the guest runs any more, 1 when it still runs after `ms`. */
int sv_client_stop(struct sv_state *s, unsigned ms, unsigned again_ms, struct sv_err *err);
/* "30" or "2m" in seconds; client.timeout. */
int sv_client_parse_timeout(const char *text, unsigned otherwise, unsigned *seconds,
                            struct sv_err *err);
