/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of a guest's machine, for sv_acpi_probe: libvirt says how it would start the
 * domain that launch writes. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "launcher/host/host.h"
#include "launcher/virt/acpi.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/qemu-argv.h"
#include "launcher/virt/virt.h"

#define EMULATED_BITS 40

static int build_probe_domain(const struct sv_guest *g, const struct sv_tee_host *tee,
                              struct sv_buf *xml, struct sv_err *err)
{
        SV_STR name = sv_asprintf("secure-vm-acpi-%d", (int)getpid());
        struct sv_guest copy = *g;
        const struct sv_boot_files boot = {.kernel = g->uki ? g->uki : g->kernel,
                                           .initrd = g->initrd,
                                           .shim = g->shim,
                                           .firmware = sv_tee_firmware(tee->id, g)};
        const struct sv_plan_place place = {.bare = true};
        const struct sv_plan plan = sv_plan_from(&copy, tee, &boot, &place);

        /* Who attests to whom is no part of the machine; and this need not be the host, with all
         * that attesting wants to be there. The guest's own domain may be defined at that libvirt,
         * and even run: this is another one. */
        copy.attestation.url = NULL;
        copy.name = name;
        if (sv_random(copy.uuid, sizeof(copy.uuid), err) < 0)
                return -1;
        return sv_domain_xml(&plan, xml, err);
}

/* Asked for a network card's part of the command line, libvirt makes a device of the host, and
 * forgets what the domain says of the card's ROM. So another virtio device takes the card's place;
 * both have the same resources. */
static int replace_cards(const char *xml, struct sv_buf *out, struct sv_err *err)
{
        const char *card, *end, *place;

        for (; (card = strstr(xml, "<interface ")); xml = end + strlen("</interface>")) {
                end = strstr(card, "</interface>");
                place = strstr(card, "<address type='pci'");
                if (!end || !place || place > end)
                        return sv_fail(err, SV_SYSTEM, "acpi.native",
                                       "libvirt says no place of a network card: %.200s", card);
                sv_buf_put(out, sv_bytes(xml, (size_t)(card - xml)));
                sv_buf_printf(out,
                              "<rng model='virtio'><backend "
                              "model='random'>/dev/urandom</backend>%.*s</rng>",
                              (int)(strcspn(place, ">") + 1), place);
        }
        sv_buf_puts(out, xml);
        return sv_buf_ok(out, "the domain", err);
}

/* Defined for a moment, the domain has all its places. */
static int ask_libvirt(const char *uri, const char *xml, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF placed = SV_BUF_NULL;
        SV_BUF bare = SV_BUF_NULL;
        SV_VIRT *v = NULL;
        int r;

        if (sv_virt_open(uri, &v, err) < 0 || sv_virt_define(v, xml, err) < 0)
                return -1;
        r = sv_virt_get_xml(v, &placed, err);
        if (sv_virt_undefine(v, r < 0 ? NULL : err) < 0 || r < 0)
                return -1;
        return replace_cards(sv_buf_str(&placed), &bare, err) < 0
                       ? -1
                       : sv_virt_get_argv(v, sv_buf_str(&bare), out, err);
}

/* A libvirt of our own, for as long as it takes. */
static int ask_own_libvirt(const char *xml, struct sv_buf *out, struct sv_err *err)
{
        char dir[] = "/tmp/secure-vm-XXXXXX";
        SV_STR uri = NULL;
        int r;

        /* libvirt asks QEMU what it can do, as another user */
        if (!mkdtemp(dir) || chmod(dir, 0711) < 0)
                return sv_fail_errno(err, "acpi.native", "%s", dir);
        uri = sv_virt_embed_uri(dir);
        r = ask_libvirt(uri, xml, out, err);
        sv_remove_tree(dir, NULL);
        return r;
}

/* A model that is named has 40 bits in QEMU, as one that is emulated; without, the guest has the
 * host's. */
static unsigned count_address_bits(const struct sv_guest *g, const struct sv_tee_host *tee)
{
        struct sv_host host = {0};

        if (tee->acpi_bits)
                return tee->acpi_bits;
        sv_host_kvm("", &host);
        return host.kvm && !g->cpu && host.address_bits ? host.address_bits : EMULATED_BITS;
}

int sv_acpi_make_guest_argv(const struct sv_guest *g, const struct sv_tee_host *tee,
                            const char *uri, struct sv_argv *out, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        SV_BUF native = SV_BUF_NULL;

        if (!tee->acpi_machine)
                return sv_fail(
                        err, SV_USAGE, "acpi.tee",
                        "no measurement of a guest on %s depends on ACPI tables: leave this out",
                        tee->id->name);
        if (sv_acpi_check_memory(g->memory, err) < 0)
                return -1;
        if (sv_tee_takes(tee->id, g, err) < 0)
                return -1;
        if (build_probe_domain(g, tee, &xml, err) < 0)
                return -1;
        if ((uri ? ask_libvirt(uri, sv_buf_str(&xml), &native, err)
                 : ask_own_libvirt(sv_buf_str(&xml), &native, err)) < 0)
                return -1;
        if (sv_qemu_argv_rewrite(sv_buf_str(&native), tee->acpi_machine, out, err) < 0)
                return -1;
        sv_acpi_add_cpu(count_address_bits(g, tee), out);
        return 0;
}
