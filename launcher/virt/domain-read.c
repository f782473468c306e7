/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/domain-read.h"

#include <stdlib.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "launcher/virt/virt-sizes.h"

/* An element's text by its path, or its attribute; NULL when it is not there. */
static char *read_element_text(struct sv_bytes in, const char *path)
{
        struct sv_xml e;

        return sv_xml_find(in, path, &e) ? sv_xml_text(&e) : NULL;
}

static char *read_element_attribute(struct sv_bytes in, const char *path, const char *name)
{
        struct sv_xml e;

        return sv_xml_find(in, path, &e) ? sv_xml_attribute(&e, name) : NULL;
}

static bool has_element(struct sv_bytes in, const char *path)
{
        struct sv_xml e;

        return sv_xml_find(in, path, &e);
}

static void add_domain_file(struct sv_domain_facts *f, char *path, bool secret)
{
        if (path)
                f->files[f->n_files++] = (struct sv_domain_file){path, secret};
}

/* libvirt counts memory that can come as if all of it were there: what the guest was told to take,
 * or has not given back yet, is. */
static uint64_t read_memory(const char *xml)
{
        struct sv_xml e;
        SV_STR kib = sv_xml_find(sv_bytes_str(xml), "domain/memory", &e) ? sv_xml_text(&e) : NULL;
        uint64_t all = kib ? strtoull(kib, NULL, 10) << 10 : 0; /* libvirt prints KiB */
        struct sv_sizes sizes;

        sv_sizes_read(sv_bytes_str(xml), &sizes);
        if (sizes.most >= all)
                return all;
        return all - sizes.most + (sizes.wanted > sizes.taken ? sizes.wanted : sizes.taken);
}

static int read_disks(struct sv_bytes devices, struct sv_domain_facts *f, struct sv_err *err)
{
        struct sv_xml e;

        for (size_t at = 0; sv_xml_next(devices, "disk", &at, &e);) {
                struct sv_domain_disk *d = &f->disks[f->n_disks];

                if (f->n_disks == SV_GUEST_DISKS_MAX)
                        return sv_fail(err, SV_SYSTEM, "migrate.domain",
                                       "the domain has more than %d disks", SV_GUEST_DISKS_MAX);
                f->n_disks++;
                d->kind = sv_xml_attribute(&e, "type");
                d->path = read_element_attribute(e.inner, "source", "file");
                if (!d->path)
                        d->path = read_element_attribute(e.inner, "source", "dev");
                d->format = read_element_attribute(e.inner, "driver", "type");
                d->cache = read_element_attribute(e.inner, "driver", "cache");
                d->target = read_element_attribute(e.inner, "target", "dev");
                d->readonly = has_element(e.inner, "readonly");
        }
        return 0;
}

static int read_nics(struct sv_bytes devices, struct sv_domain_facts *f, struct sv_err *err)
{
        struct sv_xml e;

        for (size_t at = 0; sv_xml_next(devices, "interface", &at, &e);) {
                struct sv_domain_nic *n = &f->nics[f->n_nics];

                if (f->n_nics == SV_GUEST_NICS_MAX)
                        return sv_fail(err, SV_SYSTEM, "migrate.domain",
                                       "the domain has more than %d network cards",
                                       SV_GUEST_NICS_MAX);
                f->n_nics++;
                n->kind = sv_xml_attribute(&e, "type");
                n->source = read_element_attribute(
                        e.inner, "source",
                        n->kind && !strcmp(n->kind, "network") ? "network" : "bridge");
                n->tap = read_element_attribute(e.inner, "target", "dev");
        }
        return 0;
}

static void read_labels(struct sv_bytes domain, struct sv_domain_facts *f)
{
        struct sv_xml e;

        for (size_t at = 0; sv_xml_next(domain, "seclabel", &at, &e);) {
                SV_STR model = sv_xml_attribute(&e, "model");
                SV_STR type = sv_xml_attribute(&e, "type");
                bool dac = model && !strcmp(model, "dac");

                f->own_user |= dac && type && !strcmp(type, "static");
                if (model && !dac && strcmp(model, "none") && !f->label)
                        f->label = sv_asprintf("%s", model);
        }
}

static void read_boot_files(struct sv_bytes domain, struct sv_domain_facts *f)
{
        f->nvram = read_element_text(domain, "os/nvram");
        add_domain_file(f, read_element_text(domain, "os/loader"), false);
        add_domain_file(f, read_element_attribute(domain, "os/nvram", "template"), false);
        add_domain_file(f, read_element_text(domain, "os/shim"), false);
        add_domain_file(f, read_element_text(domain, "os/kernel"), true);
        add_domain_file(f, read_element_text(domain, "os/initrd"), true);
}

static int read_domain(struct sv_bytes domain, struct sv_domain_facts *f, struct sv_err *err)
{
        struct sv_xml devices = {.inner = SV_BYTES_NULL};

        sv_xml_find(domain, "devices", &devices);
        f->uuid = read_element_text(domain, "uuid");
        f->arch = read_element_attribute(domain, "os/type", "arch");
        f->machine = read_element_attribute(domain, "os/type", "machine");
        f->emulator = read_element_text(devices.inner, "emulator");
        f->cpu_mode = read_element_attribute(domain, "cpu", "mode");
        f->cpu_model = read_element_text(domain, "cpu/model");
        f->tee = read_element_attribute(domain, "launchSecurity", "type");
        read_labels(domain, f);
        f->tpm = has_element(domain, "devices/tpm");
        read_boot_files(domain, f);
        if (!f->uuid || !f->type || !f->arch || !f->machine || !f->emulator || !f->memory)
                return sv_fail(err, SV_SYSTEM, "migrate.domain",
                               "libvirt's domain lacks one of uuid, type, arch, machine, emulator "
                               "and memory; report it with libvirt's version");
        return read_disks(devices.inner, f, err) < 0 ? -1 : read_nics(devices.inner, f, err);
}

int sv_domain_read(const char *xml, struct sv_domain_facts *out, struct sv_err *err)
{
        struct sv_domain_facts f = {.memory = read_memory(xml)};
        struct sv_xml domain = {.inner = SV_BYTES_NULL};

        if (sv_xml_find(sv_bytes_str(xml), "domain", &domain))
                f.type = sv_xml_attribute(&domain, "type");
        if (read_domain(domain.inner, &f, err) < 0) {
                sv_domain_facts_free(&f);
                return -1;
        }
        *out = f;
        return 0;
}

void sv_domain_read_label(const char *xml, const char *model, char **label, char **image)
{
        struct sv_xml domain = {.inner = SV_BYTES_NULL}, e;

        *label = *image = NULL;
        sv_xml_find(sv_bytes_str(xml), "domain", &domain);
        for (size_t at = 0; sv_xml_next(domain.inner, "seclabel", &at, &e);) {
                SV_STR of = sv_xml_attribute(&e, "model");

                if (!of || strcmp(of, model) || *label)
                        continue;
                *label = read_element_text(e.inner, "label");
                *image = read_element_text(e.inner, "imagelabel");
        }
}

int sv_domain_read_disks(const char *xml, struct sv_domain_facts *out, struct sv_err *err)
{
        struct sv_xml devices = {.inner = SV_BYTES_NULL};
        struct sv_domain_facts f = {0};

        sv_xml_find(sv_bytes_str(xml), "domain/devices", &devices);
        if (read_disks(devices.inner, &f, err) < 0) {
                sv_domain_facts_free(&f);
                return -1;
        }
        *out = f;
        return 0;
}

void sv_domain_read_files(const char *xml, struct sv_domain_facts *out)
{
        struct sv_xml domain = {.inner = SV_BYTES_NULL};

        *out = (struct sv_domain_facts){0};
        if (sv_xml_find(sv_bytes_str(xml), "domain", &domain))
                read_boot_files(domain.inner, out);
}

bool sv_domain_has_open_channel(const char *xml, const char *name)
{
        struct sv_xml devices, e;

        if (!sv_xml_find(sv_bytes_str(xml), "domain/devices", &devices))
                return false;
        for (size_t at = 0; sv_xml_next(devices.inner, "channel", &at, &e);) {
                SV_STR is = read_element_attribute(e.inner, "target", "name");
                SV_STR state = read_element_attribute(e.inner, "target", "state");

                if (is && !strcmp(is, name))
                        return state && !strcmp(state, "connected");
        }
        return false;
}

void sv_domain_facts_free(struct sv_domain_facts *f)
{
        char *const texts[] = {f->uuid,     f->type,      f->arch, f->machine, f->emulator,
                               f->cpu_mode, f->cpu_model, f->tee,  f->label,   f->nvram};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(texts[i]);
        for (size_t i = 0; i < f->n_files; i++)
                free(f->files[i].path);
        for (size_t i = 0; i < f->n_disks; i++) {
                free(f->disks[i].kind);
                free(f->disks[i].path);
                free(f->disks[i].format);
                free(f->disks[i].cache);
                free(f->disks[i].target);
        }
        for (size_t i = 0; i < f->n_nics; i++) {
                free(f->nics[i].kind);
                free(f->nics[i].source);
                free(f->nics[i].tap);
        }
        *f = (struct sv_domain_facts){0};
}

int sv_host_read(const char *capabilities, struct sv_host_facts *out, struct sv_err *err)
{
        struct sv_xml host = {.inner = SV_BYTES_NULL}, cpu = host, e;
        SV_BUF models = SV_BUF_NULL;
        SV_STR uuid = NULL;

        *out = (struct sv_host_facts){0};
        sv_xml_find(sv_bytes_str(capabilities), "capabilities/host", &host);
        uuid = read_element_text(host.inner, "uuid");
        if (!uuid)
                return sv_fail(err, SV_SYSTEM, "migrate.host",
                               "libvirt names no UUID of its host; is it a QEMU driver?");
        sv_buf_puts(&models, " ");
        for (size_t at = 0; sv_xml_next(host.inner, "secmodel", &at, &e);) {
                SV_STR model = read_element_text(e.inner, "model");

                sv_buf_printf(&models, "%s ", model ? model : "");
                if (model && !strcmp(model, "dac") && !out->user)
                        out->user = read_element_text(e.inner, "baselabel");
        }
        sv_xml_find(host.inner, "cpu", &cpu);
        out->cpu =
                sv_asprintf("%.*s", (int)cpu.inner.n, cpu.inner.n ? (const char *)cpu.inner.p : "");
        out->models = sv_asprintf("%s", sv_buf_str(&models));
        out->uuid = uuid;
        uuid = NULL;
        return 0;
}

void sv_host_facts_free(struct sv_host_facts *f)
{
        free(f->uuid);
        free(f->cpu);
        free(f->models);
        free(f->user);
        *f = (struct sv_host_facts){0};
}
