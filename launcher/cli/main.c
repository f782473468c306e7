/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm: the program. What it can do is the list below. */
#include <stddef.h>

#include "base/program/log.h"
#include "base/core/secret.h"
#include "launcher/cli/commands.h"

static const struct sv_cmd *const rows[] = {
        &sv_cmd_collateral_export,
        &sv_cmd_collateral_fetch,
        &sv_cmd_collateral_list,
        &sv_cmd_console,
        &sv_cmd_destroy,
        &sv_cmd_host,
        &sv_cmd_host_check,
        &sv_cmd_host_commit,
        &sv_cmd_host_config,
        &sv_cmd_host_vlek_load,
        &sv_cmd_host_vtpm_ca,
        &sv_cmd_id_block,
        &sv_cmd_image_acpi,
        &sv_cmd_image_encrypt,
        &sv_cmd_image_initrd,
        &sv_cmd_image_rekey,
        &sv_cmd_image_uki,
        &sv_cmd_image_verity,
        &sv_cmd_inspect,
        &sv_cmd_key_list,
        &sv_cmd_key_put,
        &sv_cmd_key_rm,
        &sv_cmd_key_accept_restore,
        &sv_cmd_key_rotate,
        &sv_cmd_key_show,
        &sv_cmd_launch,
        &sv_cmd_list,
        &sv_cmd_measure,
        &sv_cmd_policy,
        &sv_cmd_policy_check,
        &sv_cmd_policy_get,
        &sv_cmd_policy_rm,
        &sv_cmd_reboot,
        &sv_cmd_reset,
        &sv_cmd_show,
        &sv_cmd_stop,
        &sv_cmd_trial,
        &sv_cmd_verify,
};

#define N_ROWS        (sizeof(rows) / sizeof(rows[0]))
#define N_UNSUPPORTED 32

int main(int argc, char **argv)
{
        struct sv_cmd table[N_ROWS + N_UNSUPPORTED + 1] = {0};
        struct sv_err err = SV_ERR_NULL;

        if (sv_secret_harden_process(&err) < 0) {
                sv_log_init("secure-vm", 0);
                sv_log_err(&err);
                return err.class;
        }
        sv_log_init("secure-vm", 0);
        for (size_t i = 0; i < N_ROWS; i++)
                table[i] = *rows[i];
        for (size_t i = 0; sv_cmds_unsupported[i].name && i < N_UNSUPPORTED; i++)
                table[N_ROWS + i] = sv_cmds_unsupported[i];
        return sv_cli_main("secure-vm",
                           "confidential virtual machines, from firmware to unlocked disk", table,
                           argc, argv);
}
