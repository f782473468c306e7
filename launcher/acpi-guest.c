/* The command line of a guest's machine, for sv_acpi_probe: libvirt says how it would start the domain that launch writes. */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "launcher/acpi.h"
#include "launcher/domain.h"
#include "launcher/native.h"
#include "launcher/virt.h"

static int domain_of(const struct sv_guest *g, const struct sv_tee *tee, struct sv_buf *xml, struct sv_err *err)
{
        struct sv_guest copy = *g;
        struct sv_plan plan = {
                .guest = &copy, .tee = tee, .bare = true, .cmdline = "", .kernel = g->uki ? g->uki : g->kernel, .initrd = g->initrd, .shim = g->shim,
                .firmware = sv_tee_firmware(tee, g),
        };

        /* Who attests to whom is no part of the machine; and this need not be the host, with all that attesting wants to be there. */
        copy.attestation.url = NULL;
        return sv_domain_xml(&plan, xml, err);
}

static int ask(const char *uri, const char *xml, struct sv_buf *out, struct sv_err *err)
{
        SV_VIRT *v = NULL;

        return sv_virt_open(uri, &v, err) < 0 ? -1 : sv_virt_native(v, xml, out, err);
}

/* A libvirt of our own, for as long as it takes. */
static int ask_own(const char *xml, struct sv_buf *out, struct sv_err *err)
{
        char dir[] = "/tmp/secure-vm-XXXXXX";
        SV_STR uri = NULL;
        int r;

        if (!mkdtemp(dir) || chmod(dir, 0711) < 0) /* libvirt asks QEMU what it can do, as another user */
                return sv_fail_errno(err, "acpi.native", "%s", dir);
        uri = sv_virt_embed_uri(dir);
        r = ask(uri, xml, out, err);
        sv_remove_tree(dir, NULL);
        return r;
}

int sv_acpi_guest(const struct sv_guest *g, const struct sv_tee *tee, const char *uri, struct sv_words *out, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        SV_BUF native = SV_BUF_NULL;

        if (!tee->acpi_machine)
                return sv_fail(err, SV_USAGE, "acpi.tee", "no measurement of a guest on %s depends on ACPI tables: leave this out", tee->name);
        if (sv_acpi_memory(g->memory, err) < 0 || sv_tee_takes(tee, g, err) < 0 || domain_of(g, tee, &xml, err) < 0 ||
            (uri ? ask(uri, sv_buf_str(&xml), &native, err) : ask_own(sv_buf_str(&xml), &native, err)) < 0)
                return -1;
        return sv_native_machine(sv_buf_str(&native), tee->acpi_machine, out, err);
}
