/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm: the program. What it can do is the list below. */
#include <stddef.h>

#include "attest/tees.h"
#include "base/program/colour.h"
#include "base/program/log.h"
#include "base/core/secret.h"
#include "launcher/cli/commands.h"

#define GROUP_MAX 24

/* In the order of a guest's life. */
static const struct {
        const char *heading;
        const struct sv_cmd *const rows[GROUP_MAX];
} groups[] = {
        {"Guests:",
         {&sv_cmd_launch, &sv_cmd_list, &sv_cmd_show, &sv_cmd_console, &sv_cmd_ssh, &sv_cmd_wait,
          &sv_cmd_events, &sv_cmd_pause, &sv_cmd_resume, &sv_cmd_stop, &sv_cmd_reboot,
          &sv_cmd_reset, &sv_cmd_resize, &sv_cmd_update, &sv_cmd_destroy, &sv_cmd_recover}},
        {"\nGuests that have a name here:",
         {&sv_cmd_define, &sv_cmd_start, &sv_cmd_edit, &sv_cmd_autostart, &sv_cmd_undefine}},
        {"\nGuests between hosts:", {&sv_cmd_migrate, &sv_cmd_move, &sv_cmd_drain}},
        {"\nStates of a guest's disks:",
         {&sv_cmd_snapshot_create, &sv_cmd_snapshot_list, &sv_cmd_snapshot_revert,
          &sv_cmd_snapshot_delete, &sv_cmd_snapshot_flatten, &sv_cmd_backup_create,
          &sv_cmd_backup_verify, &sv_cmd_backup_restore}},
        {"\nGuests in a cluster:",
         {&sv_cmd_ha_plan, &sv_cmd_ha_check, &sv_cmd_ha_state, &sv_cmd_ha_file}},
        {"\nImages that a guest starts from:",
         {&sv_cmd_image_import, &sv_cmd_image_encrypt, &sv_cmd_image_verity, &sv_cmd_image_rekey,
          &sv_cmd_image_initrd, &sv_cmd_image_acpi, &sv_cmd_image_uki}},
        {"\nWhat a guest will measure, and what its key asks of it:",
         {&sv_cmd_measure, &sv_cmd_policy, &sv_cmd_policy_check, &sv_cmd_policy_test,
          &sv_cmd_policy_put, &sv_cmd_policy_get, &sv_cmd_policy_show, &sv_cmd_policy_history,
          &sv_cmd_policy_diff, &sv_cmd_policy_rollback, &sv_cmd_policy_rm, &sv_cmd_id_block}},
        {"\nValues that several guests' policies name:",
         {&sv_cmd_reference_make, &sv_cmd_reference_sign, &sv_cmd_reference_put,
          &sv_cmd_reference_list, &sv_cmd_reference_get, &sv_cmd_reference_retire,
          &sv_cmd_reference_rm, &sv_cmd_reference_import, &sv_cmd_reference_export}},
        {"\nChanges that wait for a second person:",
         {&sv_cmd_pending_list, &sv_cmd_pending_show, &sv_cmd_pending_approve,
          &sv_cmd_pending_reject}},
        {"\nA broker and its keys:",
         {&sv_cmd_broker_add, &sv_cmd_broker_list, &sv_cmd_broker_rm, &sv_cmd_key_list,
          &sv_cmd_key_show, &sv_cmd_key_put, &sv_cmd_key_provision, &sv_cmd_key_rotate,
          &sv_cmd_key_set, &sv_cmd_key_rm, &sv_cmd_key_accept_restore, &sv_cmd_key_end_lease}},
        {"\nEvidence of a guest:",
         {&sv_cmd_verify, &sv_cmd_inspect, &sv_cmd_collateral_fetch, &sv_cmd_collateral_list,
          &sv_cmd_collateral_export}},
        {"\nThis host:",
         {&sv_cmd_host, &sv_cmd_trial, &sv_cmd_host_check, &sv_cmd_host_budget, &sv_cmd_host_commit,
          &sv_cmd_host_config, &sv_cmd_host_vlek_load, &sv_cmd_host_vtpm_ca}},
        {"\nWhat this host does for its guests' speed:",
         {&sv_cmd_tune_plan, &sv_cmd_tune_apply, &sv_cmd_tune_check, &sv_cmd_tune_undo,
          &sv_cmd_tune_profile}},
};

#define N_GROUPS      (sizeof(groups) / sizeof(groups[0]))
#define N_UNSUPPORTED 40

int main(int argc, char **argv)
{
        struct sv_cmd table[N_GROUPS * GROUP_MAX + N_UNSUPPORTED + 1] = {0};
        struct sv_err err = SV_ERR_NULL;
        char tees[SV_TEE_NAMES_SIZE];
        size_t n = 0;

        if (sv_secret_harden_process(&err) < 0) {
                sv_log_init("secure-vm", 0);
                sv_log_err(&err);
                return err.class;
        }
        sv_log_init("secure-vm", 0);
        sv_colours_init();
        for (size_t g = 0; g < N_GROUPS; g++)
                for (size_t i = 0; i < GROUP_MAX && groups[g].rows[i]; i++) {
                        table[n] = *groups[g].rows[i];
                        if (i == 0)
                                table[n].heading = groups[g].heading;
                        n++;
                }
        for (size_t i = 0; sv_cmds_unsupported[i].name && i < N_UNSUPPORTED; i++)
                table[n++] = sv_cmds_unsupported[i];
        sv_cli_set_values("tee", sv_tee_list_verify(tees));
        return sv_cli_main("secure-vm",
                           "confidential virtual machines, from firmware to unlocked disk", table,
                           argc, argv);
}
