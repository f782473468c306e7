/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's own words, which libvirt writes as JSON: a virtio-blk-pci with "serial", "num-queues",
 * "iothread" and "drive"; a blockdev of that node-name whose "file" is another one with "aio"; a
 * netdev with "queues" or a list of descriptors. */
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "launcher/tune/readback-int.h"

/* Every word that is an object. */
static void parse_words(const char *command, struct sv_json *out)
{
        for (const char *at = command; *at; at += strcspn(at, "\n"), at += *at == '\n') {
                struct sv_json *word = NULL;
                size_t n = strcspn(at, "\n");

                if (*at == '{' && sv_json_parse(sv_bytes(at, n), "tune.readback", &word, NULL) == 0)
                        sv_json_add(out, word);
        }
}

static const struct sv_json *find_word(const struct sv_json *words, const char *member,
                                       const char *value)
{
        for (size_t i = 0; value && i < sv_json_len(words); i++)
                if (!strcmp(sv_json_text(sv_json_at(words, i), member, ""), value))
                        return sv_json_at(words, i);
        return NULL;
}

/* The layer that reads and writes: formats and filters stand above it. */
static const char *find_aio(const struct sv_json *words, const struct sv_json *disk)
{
        const struct sv_json *node =
                find_word(words, "node-name", sv_json_str(sv_json_get(disk, "drive")));

        for (int i = 0; i < 8 && node && !sv_json_get(node, "aio"); i++)
                node = find_word(words, "node-name", sv_json_str(sv_json_get(node, "file")));
        return sv_json_text(node, "aio", "threads");
}

static void compare_number(const struct sv_readback *r, const char *id, const char *what,
                           int64_t wanted, int64_t found)
{
        SV_STR name = sv_asprintf("disk %s, %s", id, what);
        SV_STR w = sv_asprintf("%lld", (long long)wanted);
        SV_STR f = sv_asprintf("%lld", (long long)found);

        if (wanted != found)
                sv_readback_add(r, "cmdline", name, w, f);
}

static void compare_disk(const struct sv_readback *r, const struct sv_json *words,
                         const struct sv_json *wish)
{
        const char *id = sv_json_text(wish, "id", ""), *io = sv_json_str(sv_json_get(wish, "io"));
        const struct sv_json *disk = find_word(words, "serial", id);
        int64_t queues = sv_json_int(sv_json_get(wish, "queues"), 0),
                iothread = sv_json_int(sv_json_get(wish, "iothread"), 0);
        SV_STR name = sv_asprintf("disk %s", id);

        if (!disk && (queues || iothread || io)) {
                sv_readback_add(r, "cmdline", name, "a virtio disk", "none");
                return;
        }
        if (queues)
                compare_number(r, id, "queues", queues,
                               sv_json_int(sv_json_get(disk, "num-queues"), 0));
        if (iothread) {
                SV_STR wanted = sv_asprintf("iothread%lld", (long long)iothread);
                const char *found = sv_json_text(disk, "iothread", "none");

                if (strcmp(wanted, found))
                        sv_readback_add(r, "cmdline", name, wanted, found);
        }
        if (io && strcmp(io, find_aio(words, disk)))
                sv_readback_add(r, "cmdline", name, io, find_aio(words, disk));
}

void sv_readback_compare_command(const struct sv_readback *r, const char *command)
{
        const struct sv_json *disks = sv_json_get(r->tuning, "disks");
        SV_JSON *words = sv_json_array();

        parse_words(command, words);
        for (size_t i = 0; i < sv_json_len(disks); i++)
                compare_disk(r, words, sv_json_at(disks, i));
}
