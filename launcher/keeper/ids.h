/* SPDX-License-Identifier: Apache-2.0 */
/* User ids of each guest's own: one for its QEMU, one for its vTPM, and a group that both have; and
 * one for the process that reads what its agent says (launcher/keeper/reader.h). No
 * two guests of a machine have one id, whether they run or not, since what a vTPM keeps belongs to
 * its id: which guest has which is kept in /var/lib/secure-vm/.ids, a file for each pair that names
 * the guest's folder. A pair is free again when that folder is gone. None is of a user that the
 * machine knows by name: whatever runs with a guest's ids ends with the guest. The range is the
 * line "secure-vm:FIRST:COUNT" of /etc/subuid (subuid(5)), SV_IDS_FIRST and SV_IDS_COUNT without
 * one. */
#pragma once

#include "tee/host.h"

struct sv_ids {
        unsigned qemu, swtpm, group; /* all 0: who launches, as only root can give ids */
};

/* The guest's ids, the same as at its last launch where there was one. Needs root, for others it
 * gives zeros. SV_USAGE "launch.ids" for a wrong line in /etc/subuid, SV_SYSTEM when none is free.
 */
int sv_ids_take(const char *folder, struct sv_ids *out, struct sv_err *err);
/* The id of the guest's reader; 0 for others than root. It is of a pair of its own, which
 * sv_ids_visit does not see: QEMU and vTPM are ended before each start of the guest, the reader is
 * not. Errors as of sv_ids_take. */
int sv_ids_take_reader(const char *folder, unsigned *id, struct sv_err *err);
/* The same with the registry and the file of ranges elsewhere (tests). */
int sv_ids_take_reader_from(const char *registry, const char *subuid, const char *folder,
                            unsigned *id, struct sv_err *err);
int sv_ids_take_from(const char *registry, const char *subuid, const char *folder,
                     struct sv_ids *out, struct sv_err *err);
/* `visit` for each pair that the guest of this folder has, by the registry alone: also those of a
 * range that was set before, and whatever /etc/subuid says now. Stops at the first that fails.
 * SV_SYSTEM "launch.ids" when the registry cannot be read: what the guest has is then not known.
 * Only root's guests have some; those that a user of the machine has by now are left out. */
int sv_ids_visit(const char *folder, int (*visit)(const struct sv_ids *ids, struct sv_err *err),
                 struct sv_err *err);
/* The guest of these ids keeps nothing that belongs to them: they are anybody's as soon as nothing
 * runs with them any more. */
int sv_ids_give_back(const struct sv_ids *ids, struct sv_err *err);
/* The same two with the registry elsewhere (tests). */
int sv_ids_give_back_in(const char *registry, const struct sv_ids *ids, struct sv_err *err);
int sv_ids_visit_in(const char *registry, const char *folder,
                    int (*visit)(const struct sv_ids *ids, struct sv_err *err), struct sv_err *err);
/* Only root and who has the group enter the folder. */
int sv_ids_close_folder(const char *folder, const struct sv_ids *ids, struct sv_err *err);

/* ids-user.c: from now on this process finds a user of that id in its user database, who is in the
 * groups of the devices that the TEE's QEMU opens by name. libvirt looks there. */
void sv_ids_announce(const struct sv_ids *ids, const struct sv_tee_host *tee);
