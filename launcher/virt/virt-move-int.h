/* SPDX-License-Identifier: Apache-2.0 */
/* What of libvirt only moves of guests between hosts call: loaded apart from the rest
 * (launcher/virt/virt-int.h), which is what every launch needs. As vir_move.DomainMigrate3(). */
#pragma once

#include "launcher/virt/virt-int.h"

/* clang-format off */
#define SV_VIRT_MOVE_CALLS(X) X(ConnectCompareHypervisorCPU) X(ConnectSetKeepAlive) X(DomainAbortJob) \
        X(DomainGetJobStats) X(DomainLookupByUUIDString) X(DomainMigrate3) X(DomainMigrateGetMaxDowntime) \
        X(DomainMigrateSetMaxDowntime) X(DomainMigrateStartPostCopy) X(DomainMigrateToURI3) X(NetworkFree) \
        X(NetworkLookupByName) X(NodeGetMemoryStats) X(StoragePoolCreateXML) X(StoragePoolDestroy) X(StoragePoolFree) \
        X(StoragePoolGetInfo) X(StoragePoolLookupByTargetPath) X(StoragePoolRefresh) X(StorageVolCreateXML) \
        X(StorageVolDelete) X(StorageVolDownload) X(StorageVolFree) X(StorageVolGetInfo) X(StorageVolLookupByName) \
        X(StorageVolUpload) X(StreamFinish) X(TypedParamsAddString) X(TypedParamsAddULLong) X(TypedParamsFree) \
        X(TypedParamsGetInt) X(TypedParamsGetULLong)
/* clang-format on */

struct sv_virt_move_calls {
#define SV_VIRT_CALL(name) typeof(vir##name) *name;
        SV_VIRT_MOVE_CALLS(SV_VIRT_CALL)
#undef SV_VIRT_CALL
};
extern struct sv_virt_move_calls vir_move;
