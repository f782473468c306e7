/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/embed.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"

#define CAPABILITIES "cache/qemu/capabilities"

/* Everything libvirt's answer depends on that we can see; libvirt checks again for itself. */
static char *find_cache_folder(struct sv_err *err)
{
        static const char *const inputs[] = {
                "/usr/bin/qemu-system-x86_64",
                "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
                "/usr/lib64/libvirt/connection-driver/libvirt_driver_qemu.so", "/dev/kvm"};
        SV_STR base = sv_state_base();
        SV_BUF text = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        char hex[33];

        for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
                struct stat st;

                if (stat(inputs[i], &st) == 0)
                        sv_buf_printf(&text, "%s %lld %lld\n", inputs[i], (long long)st.st_mtime,
                                      i == 3 ? 0 : (long long)st.st_ctime);
        }
        if (sv_digest(SV_SHA256, sv_buf_bytes(&text), digest, err) < 0)
                return NULL;
        return sv_asprintf("%s/.cache/%s", base, sv_hex(sv_bytes(digest, 16), hex));
}

static unsigned copy_files(const char *from, const char *to)
{
        DIR *dir = opendir(from);
        struct dirent *e;
        unsigned n = 0;

        while (dir && (e = readdir(dir))) {
                SV_STR source = sv_asprintf("%s/%s", from, e->d_name);
                SV_STR target = sv_asprintf("%s/%s", to, e->d_name);
                SV_STR partial = sv_asprintf("%s.%d", target, (int)getpid());

                if (!strstr(e->d_name, ".xml") || strstr(e->d_name, ".xml."))
                        continue;
                if (sv_file_copy(source, partial, 0600, NULL) == 0 && rename(partial, target) == 0)
                        n++;
                else
                        unlink(partial);
        }
        if (dir)
                closedir(dir);
        return n;
}

static int write_conf(const struct sv_state *s, const struct sv_ids *ids, bool confined,
                      const char *driver, struct sv_err *err)
{
        SV_STR path = sv_state_path(s, "etc/qemu.conf");
        SV_BUF conf = SV_BUF_NULL;

        sv_buf_puts(
                &conf,
                "# written by secure-vm at each launch\nstdio_handler = \"file\"\nmax_core = 0\n");
        if (ids->qemu) /* A mount namespace of its own fails where / is no mount point. */
                sv_buf_printf(&conf,
                              "namespaces = []\nuser = \"+%u\"\ngroup = \"+%u\"\n"
                              "swtpm_user = \"+%u\"\nswtpm_group = \"+%u\"\n",
                              ids->qemu, ids->group, ids->swtpm, ids->group);
        if (driver)
                sv_buf_printf(&conf, "security_driver = \"%s\"\n", driver);
        if (confined)
                sv_buf_puts(&conf, "security_require_confined = 1\n");
        return sv_file_write(path, 0600, sv_buf_bytes(&conf), err);
}

int sv_embed_prepare(const struct sv_state *s, const struct sv_guest *g, const struct sv_ids *ids,
                     bool confined, const char *driver, struct sv_err *err)
{
        static const char *const folders[] = {"etc", "run", "lib", "log", "cache", CAPABILITIES};
        SV_STR cache = sv_state_path(s, CAPABILITIES);
        SV_STR kept = find_cache_folder(err);

        if (!kept)
                return -1;
        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                SV_STR folder = sv_state_path(s, folders[i]);

                if (sv_mkdirs(folder, 0711, err) < 0)
                        return -1;
        }
        copy_files(kept, cache);
        return write_conf(s, ids, confined, driver, err);
}

int sv_embed_keep_cache(const struct sv_state *s, struct sv_err *err)
{
        SV_STR cache = sv_state_path(s, CAPABILITIES);
        SV_STR kept = find_cache_folder(err);

        if (!kept)
                return -1;
        if (access(kept, F_OK) == 0)
                return 0;
        if (sv_mkdirs(kept, 0700, err) < 0)
                return -1;
        if (!copy_files(cache, kept))
                rmdir(kept);
        return 0;
}

int sv_embed_read_qemu_pid(const struct sv_state *s)
{
        SV_STR path = sv_asprintf("%s/run/qemu/%s.pid", s->dir, s->name);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, 64, &text, "launch.pid", NULL) < 0
                       ? 0
                       : (int)strtol(sv_buf_str(&text), NULL, 10);
}

/* Its name has a number of libvirt's in it, and the guest's name shortened. */
int sv_embed_read_swtpm_pid(const struct sv_state *s)
{
        SV_STR folder = sv_state_path(s, "run/swtpm");
        DIR *dir = opendir(folder);
        struct dirent *e;
        int pid = 0;

        while (dir && !pid && (e = readdir(dir))) {
                const char *dot = strrchr(e->d_name, '.');
                SV_STR path = sv_asprintf("%s/%s", folder, e->d_name);
                SV_BUF text = SV_BUF_NULL;

                if (dot && !strcmp(dot, ".pid") &&
                    sv_file_read(path, 64, &text, "launch.pid", NULL) == 0)
                        pid = (int)strtol(sv_buf_str(&text), NULL, 10);
        }
        if (dir)
                closedir(dir);
        return pid;
}
