/* SPDX-License-Identifier: Apache-2.0 */
/* What launcher/virt*.c share; the only files that see libvirt. */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "launcher/virt/virt.h"

/* A pipe with one byte each, enum sv_virt_event. libvirt's thread may be in a callback when the
 * connection is closed, so each callback holds it, too. */
struct sv_virt_events {
        int fds[2];
        int holders;
};

struct sv_virt {
        virConnectPtr conn;
        virDomainPtr dom;
        struct sv_virt_events *events;
        int callbacks[2];
};

/* libvirt brings fifty libraries along, and loading them takes longer than measuring a guest. So it
 * is not linked but loaded by the first call that needs it (base/core/library.h): the others start
 * at once, and run where there is no libvirt. Below is all of libvirt that is called, as
 * vir.ConnectOpen() for virConnectOpen(). */
/* clang-format off */
#define SV_VIRT_CALLS(X) X(ConnectClose) X(ConnectDomainEventDeregisterAny) X(ConnectDomainEventRegisterAny) X(ConnectDomainXMLToNative) \
        X(ConnectGetCapabilities) X(ConnectGetURI) X(ConnectGetDomainCapabilities) X(ConnectGetHostname) X(ConnectIsAlive) X(ConnectListAllDomains) X(ConnectOpen) X(DomainCreateWithFlags) \
        X(DomainDefineXMLFlags) X(DomainDestroy) X(DomainFDAssociate) X(DomainFree) X(DomainGetAutostart) X(DomainGetMetadata) \
        X(DomainGetName) X(DomainGetUUIDString) X(DomainGetState) \
        X(DomainGetXMLDesc) X(DomainIsActive) X(DomainLookupByName) X(DomainMemoryStats) X(DomainOpenChannel) X(DomainOpenConsole) \
        X(DomainResume) X(DomainSetAutostart) X(DomainSetMetadata) X(DomainShutdownFlags) X(DomainSuspend) X(DomainUndefineFlags) X(EventAddTimeout) X(EventRegisterDefaultImpl) \
        X(EventRunDefaultImpl) X(GetLastError) X(GetVersion) X(Initialize) X(SetErrorFunc) X(StreamAbort) \
        X(StreamEventAddCallback) X(StreamEventRemoveCallback) X(StreamFree) X(StreamNew) X(StreamRecv) X(StreamSend)
/* clang-format on */

struct sv_virt_calls {
#define SV_VIRT_CALL(name) typeof(vir##name) *name;
        SV_VIRT_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};
extern struct sv_virt_calls vir;

/* Fills `vir`, once in a process; SV_SYSTEM "virt.library" when there is no libvirt, or one too old
 * to have them all. */
int sv_virt_load(struct sv_err *err);
/* libvirt's event of a domain's life as ours. */
enum sv_virt_event sv_virt_map_event(int event, int detail);
/* libvirt's last error as a struct sv_err. */
int sv_virt_fail(struct sv_err *err, const char *what);
