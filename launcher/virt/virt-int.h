/* SPDX-License-Identifier: Apache-2.0 */
/* What launcher/virt*.c share; the only files that see libvirt. */
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "base/json/json.h"
#include "launcher/virt/virt.h"

/* A pipe into which callbacks write what happens, in pieces that one write does not divide.
 * libvirt's thread may be in a callback when the connection is closed, so each callback holds it,
 * too. */
struct sv_virt_events {
        int fds[2];
        int holders;
};

struct sv_virt {
        virConnectPtr conn;
        virDomainPtr dom;
        struct sv_virt_events *events; /* one byte each, enum sv_virt_event */
        int callbacks[2];
};

/* libvirt brings fifty libraries along, and loading them takes longer than measuring a guest. So it
 * is not linked but loaded by the first call that needs it (base/core/library.h): the others start
 * at once, and run where there is no libvirt. Below is all of libvirt that is called, as
 * vir.ConnectOpen() for virConnectOpen(). */
/* clang-format off */
#define SV_VIRT_CALLS(X) X(ConnectClose) X(ConnectCompareHypervisorCPU) X(ConnectDomainEventDeregisterAny) X(ConnectDomainEventRegisterAny) \
        X(ConnectDomainXMLToNative) X(ConnectGetCapabilities) X(ConnectGetDomainCapabilities) X(ConnectGetHostname) X(ConnectGetLibVersion) X(ConnectGetURI) \
        X(ConnectIsAlive) X(ConnectListAllDomains) X(ConnectOpen) X(ConnectSetKeepAlive) X(DomainAbortJob) X(DomainAgentSetResponseTimeout) X(DomainBackupBegin) X(DomainBlockResize) X(DomainCreateWithFlags) \
        X(DomainDefineXMLFlags) X(DomainDestroy) X(DomainFDAssociate) X(DomainFSFreeze) X(DomainFSThaw) X(DomainFree) X(DomainGetAutostart) X(DomainGetBlockIoTune) X(DomainGetInterfaceParameters) X(DomainGetJobStats) \
        X(DomainGetMetadata) X(DomainGetName) X(DomainGetSchedulerParametersFlags) X(DomainGetSchedulerType) X(DomainGetState) X(DomainGetUUIDString) X(DomainGetXMLDesc) X(DomainHasManagedSaveImage) X(DomainIsActive) X(DomainIsPersistent) \
        X(DomainListGetStats) X(DomainLookupByName) X(DomainLookupByUUIDString) X(DomainMemoryStats) X(DomainMigrate3) X(DomainMigrateGetMaxDowntime) \
        X(DomainMigrateSetMaxDowntime) X(DomainMigrateStartPostCopy) X(DomainMigrateToURI3) X(DomainOpenChannel) X(DomainOpenConsole) \
        X(DomainResume) X(DomainSetAutostart) X(DomainSetBlockIoTune) X(DomainSetInterfaceParameters) X(DomainSetMetadata) \
        X(DomainSetSchedulerParametersFlags) X(DomainSetVcpusFlags) X(DomainShutdownFlags) X(DomainStatsRecordListFree) X(DomainSuspend) X(DomainUndefineFlags) X(DomainUpdateDeviceFlags) \
        X(EventAddTimeout) X(EventRegisterDefaultImpl) X(EventRunDefaultImpl) X(GetLastError) X(GetVersion) X(Initialize) X(NetworkFree) \
        X(NetworkLookupByName) X(NodeGetMemoryStats) X(SetErrorFunc) X(StoragePoolCreateXML) X(StoragePoolDestroy) X(StoragePoolFree) \
        X(StoragePoolGetInfo) X(StoragePoolLookupByTargetPath) X(StoragePoolRefresh) X(StorageVolCreateXML) X(StorageVolDelete) \
        X(StorageVolDownload) X(StorageVolFree) X(StorageVolGetInfo) X(StorageVolLookupByName) X(StorageVolUpload) X(StreamAbort) \
        X(StreamEventAddCallback) X(StreamEventRemoveCallback) X(StreamFinish) X(StreamFree) X(StreamNew) X(StreamRecv) X(StreamSend) \
        X(TypedParamsAddLLong) X(TypedParamsAddString) X(TypedParamsAddUInt) X(TypedParamsAddULLong) X(TypedParamsFree) X(TypedParamsGetBoolean) X(TypedParamsGetInt) X(TypedParamsGetLLong) X(TypedParamsGetString) \
        X(TypedParamsGetUInt) X(TypedParamsGetULLong)
/* of libvirt-qemu.so */
#define SV_VIRT_QEMU_CALLS(X) X(ConnectDomainQemuMonitorEventDeregister) X(ConnectDomainQemuMonitorEventRegister) X(DomainQemuMonitorCommand) \
        X(DomainQemuMonitorCommandWithFiles)
/* clang-format on */

struct sv_virt_calls {
#define SV_VIRT_CALL(name) typeof(vir##name) *name;
        SV_VIRT_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};
extern struct sv_virt_calls vir;
struct sv_virt_qemu_calls {
#define SV_VIRT_CALL(name) typeof(vir##name) *name;
        SV_VIRT_QEMU_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};
extern struct sv_virt_qemu_calls vir_qemu;

/* Fills `vir`, once in a process; SV_SYSTEM "virt.library" when there is no libvirt, or one too old
 * to have them all. */
int sv_virt_load(struct sv_err *err);
int sv_virt_load_monitor(struct sv_err *err); /* the same of vir_qemu */
/* A command of QEMU's monitor. Takes `arguments` (NULL: none); fd goes with it (-1: none) and stays
 * open; *reply (or NULL) is the caller's. SV_SYSTEM "virt.library", "virt.monitor" when QEMU says
 * no. */
int sv_virt_ask_qemu(struct sv_virt *v, const char *what, struct sv_json *arguments, int fd,
                     struct sv_json **reply, struct sv_err *err);
/* {member: name} */
struct sv_json *sv_virt_argument(const char *member, const char *name);
/* {"type":type,"data":{}} of a transaction; the data. */
struct sv_json *sv_virt_add_action(struct sv_json *actions, const char *type);
/* All of them or none; takes them. */
int sv_virt_do_together(struct sv_virt *v, struct sv_json *actions, struct sv_err *err);
/* A job of QEMU's: 1 with *out, the caller's; 0 when there is none of that name. */
int sv_virt_find_job(struct sv_virt *v, const char *id, struct sv_json **out, struct sv_err *err);
void sv_virt_cancel_job(struct sv_virt *v, const char *id);
/* A qcow2 image as a node of QEMU's block layer, of the descriptor alone. */
struct sv_virt_image {
        const char *name;  /* of the node */
        int set;           /* the descriptor's number there; libvirt counts its own from 0 */
        int fd;            /* the caller's, and stays open */
        uint64_t notes_of; /* bytes of a disk: of sv_qcow2_make_notes; 0: it has its data */
};
int sv_virt_give_image(struct sv_virt *v, const struct sv_virt_image *image, struct sv_err *err);
void sv_virt_remove_fds(struct sv_virt *v, int set);
/* When no job has it, and its descriptors (-1: those stay). QEMU writes the image's tables only
 * now: one that was not let go of has none. */
int sv_virt_take_image(struct sv_virt *v, const char *name, int set, struct sv_err *err);
struct sv_virt_events *sv_virt_make_events(struct sv_err *err);
void sv_virt_drop_events(void *events);
/* The callback, whose argument is `events`, for this domain (NULL: all). Its number, or below 0. */
int sv_virt_register(virConnectPtr conn, virDomainPtr dom, int event,
                     virConnectDomainEventGenericCallback callback, struct sv_virt_events *events);
/* libvirt's event of a domain's life as ours. */
enum sv_virt_event sv_virt_map_event(int event, int detail);
/* What is kept with the subject in a name space, of where `flags` (VIR_DOMAIN_AFFECT_*) say; *out
 * is left empty when there is nothing. `what` is said of a failure. */
int sv_virt_read_metadata(struct sv_virt *v, const char *space, unsigned flags, const char *what,
                          struct sv_buf *out, struct sv_err *err);
/* libvirt's last error as a struct sv_err. */
int sv_virt_fail(struct sv_err *err, const char *what);
