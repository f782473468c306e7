/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's side of a key broker: resources, policies, audit. Every call is one
 * connection and one fresh admin token (ES256, two minutes, role "admin"). Failures carry the
 * broker's class and check, as in attest/kbs/client.h. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"
#include "base/core/secret.h"

struct sv_admin;

/* `url` "https://host:port[/prefix]", `pin` "sha256:<64 hex>" of the broker's public key (SPKI),
 * `key_file` the admin's private key (PEM). SV_USAGE "admin.pin", SV_SYSTEM / SV_FORMAT
 * "admin.key". Nothing is sent yet. */
int sv_admin_open(const char *url, const char *pin, const char *key_file, struct sv_admin **out,
                  struct sv_err *err);
void sv_admin_free(struct sv_admin *a);
void sv_admin_freep(struct sv_admin **a);
#define SV_ADMIN __attribute__((cleanup(sv_admin_freep))) struct sv_admin

/* `path` is "repo/type/tag" everywhere. A new version, which replaces none that is there; refused
 * over the key of a disk. SV_USAGE "broker.resource.*". */
int sv_admin_put_resource(struct sv_admin *a, const char *path, struct sv_secret *value,
                          struct sv_err *err);
/* With `volume` NULL the first version: refused when there is one. Otherwise the key of a disk that
 * takes the place of that volume, whose key stays. */
int sv_admin_add_resource(struct sv_admin *a, const char *path, const char *volume,
                          struct sv_secret *value, struct sv_err *err);
/* What is said of a resource beside its value. */
struct sv_admin_settings {
        const char *releases; /* a number, how often it may be released from now on, or "none": any
                               * number of times; NULL: as it is */
        const char *labels[SV_LABELS_MAX]; /* "NAME=VALUE", in place of those of the same names */
        const char *no_labels[SV_LABELS_MAX]; /* names */
};
/* As sv_admin_put_resource, or with `first` as sv_admin_add_resource, in one with what is said of
 * it (NULL: nothing). */
int sv_admin_put_with_settings(struct sv_admin *a, const char *path, bool first,
                               const struct sv_admin_settings *settings, struct sv_secret *value,
                               struct sv_err *err);
/* Of a resource that is there. SV_USAGE "broker.resource.none", "broker.label.limit". */
int sv_admin_set_resource(struct sv_admin *a, const char *path,
                          const struct sv_admin_settings *settings, struct sv_err *err);
/* One whose value, of so many bytes, the first guest makes that gets it: there is none before, and
 * nobody else sees it. SV_USAGE "broker.resource.exists". */
int sv_admin_provision(struct sv_admin *a, const char *path, uint64_t bytes,
                       const struct sv_admin_settings *settings, struct sv_err *err);
/* What goes; NULL or all zero: everything, unless the key of a disk is among it. */
struct sv_admin_removal {
        const char *volume; /* the keys of this volume */
        int64_t version;    /* this version only */
        int64_t except;     /* but not this version */
};
int sv_admin_delete_resource(struct sv_admin *a, const char *path,
                             const struct sv_admin_removal *what, struct sv_err *err);
/* {"path":…,"versions":[{"version":n,"size":n,"created":RFC3339,"volume":UUID,"header":hex}, …]},
 * the newest first, "volume" and "header" of the keys of disks,
 * "generation" and "restored" of disks that report theirs, "instance" and "lease" (seconds) while a
 * guest has it; an empty list when there is no such
 * resource; "labels" (object), "releases" (how many are allowed), "released" (of those) and
 * "provision" (bytes that the first guest makes, or has made) where there are some. The caller
 * frees. */
int sv_admin_show_resource(struct sv_admin *a, const char *path, struct sv_json **out,
                           struct sv_err *err);
/* An older state of a disk is meant to be: `volume` NULL is the disk of the newest key. SV_USAGE
 * "disk.restore". */
int sv_admin_accept_restore(struct sv_admin *a, const char *path, const char *volume,
                            uint64_t generation, struct sv_err *err);
/* The guest that has the disk is gone. SV_USAGE "disk.lease". */
int sv_admin_end_lease(struct sv_admin *a, const char *path, const char *volume,
                       struct sv_err *err);
/* Sends the header of a disk whose key the broker has; appends the header for a new key, which the
 * broker has beside the old one. SV_USAGE "broker.rekey.none". */
int sv_admin_rekey(struct sv_admin *a, const char *path, struct sv_bytes head, struct sv_buf *made,
                   struct sv_err *err);
/* {"resources":[{"path":…,"version":n,"versions":n,"size":n,"created":RFC3339,"policy":bool}, …]};
 * never the values; "labels", "releases" and "released" as above. `prefix` is "repo" or
 * "repo/type", below which they are; NULL: all (SV_USAGE "admin.prefix"). `labels` are those that
 * they have, up to NULL; NULL: whatever they have. Asked for in pages. The caller frees. */
int sv_admin_list_resources(struct sv_admin *a, const char *prefix, const char *const *labels,
                            struct sv_json **out, struct sv_err *err);
/* `before` is the text of the policy that this one replaces: SV_USAGE "broker.policy.changed" when
 * the broker has another one by now. */
int sv_admin_replace_policy(struct sv_admin *a, const char *path, struct sv_bytes before,
                            struct sv_bytes document, struct sv_err *err);
int sv_admin_put_policy(struct sv_admin *a, const char *path, struct sv_bytes document,
                        struct sv_err *err);
/* Who is named in the history of what this client puts and removes from now on, a name;
 * NULL: nobody, only where it came from. */
void sv_admin_set_author(struct sv_admin *a, const char *name);
/* {"versions":[{"version":n,"created":RFC3339,"author":text,"size":n,"sha256":hex,"current":bool,
 * "removed":bool}, …]}, the newest first. The caller frees. */
int sv_admin_list_policy_versions(struct sv_admin *a, const char *path, struct sv_json **out,
                                  struct sv_err *err);
/* As sv_admin_get_policy. SV_USAGE "broker.policy.version". */
int sv_admin_get_policy_version(struct sv_admin *a, const char *path, int64_t version,
                                struct sv_buf *document, struct sv_err *err);
/* Appends the document as it was put. */
int sv_admin_get_policy(struct sv_admin *a, const char *path, struct sv_buf *document,
                        struct sv_err *err);
int sv_admin_delete_policy(struct sv_admin *a, const char *path, struct sv_err *err);
/* Tries a policy (n == 0: the one that the broker has) on the guests that have had the resource, as
 * if it were `at` (RFC 3339; NULL: now). {"resource","at","holds":n,"refused":n,"guests":[{"guest",
 * "released","tee","holds":bool,"check","class","message"}, …]}, those who had it last first. The
 * caller frees. */
int sv_admin_test_policy(struct sv_admin *a, const char *path, struct sv_bytes document,
                         const char *at, struct sv_json **out, struct sv_err *err);
/* A reference set as its author signed it, under the name that it has: SV_USAGE
 * "reference.generation", SV_PROOF "reference.signature". */
int sv_admin_put_reference(struct sv_admin *a, const char *name, struct sv_bytes text,
                           struct sv_err *err);
/* Appends it. SV_USAGE "reference.none". */
int sv_admin_get_reference(struct sv_admin *a, const char *name, struct sv_buf *text,
                           struct sv_err *err);
int sv_admin_delete_reference(struct sv_admin *a, const char *name, struct sv_err *err);
/* {"references":[{"name":…,"generation":n,"created":RFC3339}, …]}. The caller frees. */
int sv_admin_list_references(struct sv_admin *a, struct sv_json **out, struct sv_err *err);
/* As sv_admin_test_policy, with this reference set in place of the one that the broker has under
 * the name that the policy says. */
int sv_admin_test_reference(struct sv_admin *a, const char *path, struct sv_bytes text,
                            const char *at, struct sv_json **out, struct sv_err *err);
/* Changes that wait for a second person: what a call above fails with is SV_POLICY "broker.pending"
 * then, and nothing is changed yet. {"pending":[{"id","change","resource","query","person",
 * "created","expires","size"}, …]}, or with `id` that one, with "text" of what is no secret. The
 * caller frees. */
int sv_admin_list_pending(struct sv_admin *a, const char *id, struct sv_json **out,
                          struct sv_err *err);
/* Has it done, or takes it back. SV_USAGE "broker.pending.none", SV_POLICY
 * "broker.pending.person"; and what the change itself fails with. */
int sv_admin_decide_pending(struct sv_admin *a, const char *id, bool approve, struct sv_err *err);
/* {"audit":[{record}, …]}, oldest first, those with id above `after` (0: all), at most the broker's
 * page. The caller frees. */
int sv_admin_audit(struct sv_admin *a, int64_t after, struct sv_json **out, struct sv_err *err);
