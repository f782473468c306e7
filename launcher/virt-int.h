/* What launcher/virt.c and launcher/virt-stream.c share; the only files that see libvirt. */
#pragma once

#include <libvirt/libvirt.h>

#include "launcher/virt.h"

struct sv_virt {
        virConnectPtr conn;
        virDomainPtr dom;
        int events[2]; /* one byte each, enum sv_virt_event */
        int callbacks[2];
};

/* libvirt's last error as ours. */
int sv_virt_fail(struct sv_err *err, const char *what);
