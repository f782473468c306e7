/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of secure-vm: one file each, one row in launcher/cli/main.c. */
#pragma once

#include "base/program/cli.h"

extern const struct sv_cmd sv_cmds_unsupported[]; /* ends with name NULL */
extern const struct sv_cmd sv_cmd_autostart;
extern const struct sv_cmd sv_cmd_backup_create;
extern const struct sv_cmd sv_cmd_backup_restore;
extern const struct sv_cmd sv_cmd_backup_verify;
extern const struct sv_cmd sv_cmd_broker_add;
extern const struct sv_cmd sv_cmd_broker_list;
extern const struct sv_cmd sv_cmd_broker_rm;
extern const struct sv_cmd sv_cmd_collateral_export;
extern const struct sv_cmd sv_cmd_collateral_fetch;
extern const struct sv_cmd sv_cmd_collateral_list;
extern const struct sv_cmd sv_cmd_console;
extern const struct sv_cmd sv_cmd_define;
extern const struct sv_cmd sv_cmd_destroy;
extern const struct sv_cmd sv_cmd_drain;
extern const struct sv_cmd sv_cmd_edit;
extern const struct sv_cmd sv_cmd_events;
extern const struct sv_cmd sv_cmd_ha_check;
extern const struct sv_cmd sv_cmd_ha_file;
extern const struct sv_cmd sv_cmd_ha_plan;
extern const struct sv_cmd sv_cmd_ha_state;
extern const struct sv_cmd sv_cmd_host;
extern const struct sv_cmd sv_cmd_host_budget;
extern const struct sv_cmd sv_cmd_host_check;
extern const struct sv_cmd sv_cmd_host_commit;
extern const struct sv_cmd sv_cmd_host_config;
extern const struct sv_cmd sv_cmd_host_vlek_load;
extern const struct sv_cmd sv_cmd_host_vtpm_ca;
extern const struct sv_cmd sv_cmd_id_block;
extern const struct sv_cmd sv_cmd_image_acpi;
extern const struct sv_cmd sv_cmd_image_encrypt;
extern const struct sv_cmd sv_cmd_image_import;
extern const struct sv_cmd sv_cmd_image_initrd;
extern const struct sv_cmd sv_cmd_image_rekey;
extern const struct sv_cmd sv_cmd_image_uki;
extern const struct sv_cmd sv_cmd_image_verity;
extern const struct sv_cmd sv_cmd_inspect;
extern const struct sv_cmd sv_cmd_key_list;
extern const struct sv_cmd sv_cmd_key_put;
extern const struct sv_cmd sv_cmd_key_rm;
extern const struct sv_cmd sv_cmd_key_accept_restore;
extern const struct sv_cmd sv_cmd_key_end_lease;
extern const struct sv_cmd sv_cmd_key_provision;
extern const struct sv_cmd sv_cmd_pending_approve;
extern const struct sv_cmd sv_cmd_pending_list;
extern const struct sv_cmd sv_cmd_pending_reject;
extern const struct sv_cmd sv_cmd_pending_show;
extern const struct sv_cmd sv_cmd_reference_export;
extern const struct sv_cmd sv_cmd_reference_get;
extern const struct sv_cmd sv_cmd_reference_import;
extern const struct sv_cmd sv_cmd_reference_list;
extern const struct sv_cmd sv_cmd_reference_make;
extern const struct sv_cmd sv_cmd_reference_put;
extern const struct sv_cmd sv_cmd_reference_retire;
extern const struct sv_cmd sv_cmd_reference_rm;
extern const struct sv_cmd sv_cmd_reference_sign;
extern const struct sv_cmd sv_cmd_key_rotate;
extern const struct sv_cmd sv_cmd_key_set;
extern const struct sv_cmd sv_cmd_key_show;
extern const struct sv_cmd sv_cmd_launch;
extern const struct sv_cmd sv_cmd_list;
extern const struct sv_cmd sv_cmd_measure;
extern const struct sv_cmd sv_cmd_migrate;
extern const struct sv_cmd sv_cmd_move;
extern const struct sv_cmd sv_cmd_pause;
extern const struct sv_cmd sv_cmd_policy;
extern const struct sv_cmd sv_cmd_policy_check;
extern const struct sv_cmd sv_cmd_policy_diff;
extern const struct sv_cmd sv_cmd_policy_get;
extern const struct sv_cmd sv_cmd_policy_history;
extern const struct sv_cmd sv_cmd_policy_test;
extern const struct sv_cmd sv_cmd_policy_put;
extern const struct sv_cmd sv_cmd_policy_rm;
extern const struct sv_cmd sv_cmd_policy_rollback;
extern const struct sv_cmd sv_cmd_policy_show;
extern const struct sv_cmd sv_cmd_reboot;
extern const struct sv_cmd sv_cmd_recover;
extern const struct sv_cmd sv_cmd_reset;
extern const struct sv_cmd sv_cmd_resize;
extern const struct sv_cmd sv_cmd_resume;
extern const struct sv_cmd sv_cmd_show;
extern const struct sv_cmd sv_cmd_snapshot_create;
extern const struct sv_cmd sv_cmd_snapshot_delete;
extern const struct sv_cmd sv_cmd_snapshot_flatten;
extern const struct sv_cmd sv_cmd_snapshot_list;
extern const struct sv_cmd sv_cmd_snapshot_revert;
extern const struct sv_cmd sv_cmd_ssh;
extern const struct sv_cmd sv_cmd_start;
extern const struct sv_cmd sv_cmd_stop;
extern const struct sv_cmd sv_cmd_trial;
extern const struct sv_cmd sv_cmd_tune_apply;
extern const struct sv_cmd sv_cmd_tune_check;
extern const struct sv_cmd sv_cmd_tune_plan;
extern const struct sv_cmd sv_cmd_tune_profile;
extern const struct sv_cmd sv_cmd_tune_undo;
extern const struct sv_cmd sv_cmd_undefine;
extern const struct sv_cmd sv_cmd_update;
extern const struct sv_cmd sv_cmd_verify;
extern const struct sv_cmd sv_cmd_wait;

/* cmd-stop.c: what a command answers after which the guest that it names is in this state. */
int sv_report_state(const struct sv_args *args, const char *state, struct sv_json **result);
struct sv_migrate;
struct sv_move;
/* cmd-migrate.c, cmd-move.c: --bandwidth and --downtime, --timeout and --boot-timeout. */
int sv_migrate_read_numbers(const struct sv_args *args, struct sv_migrate *m, struct sv_err *err);
int sv_move_read_seconds(const struct sv_args *args, struct sv_move *mv, struct sv_err *err);
/* Of move and drain: how a guest is stopped here, and seen to have its disk there. */
#define SV_MOVE_OPTS                                                                     \
        {.name = "timeout",                                                              \
         .arg = "SECONDS",                                                               \
         .help = "how long to wait for a guest that goes cold to shut down (60)"},       \
                {.name = "force",                                                        \
                 .help = "end it when it has not shut down by then",                     \
                 .letter = 'f'},                                                         \
        {                                                                                \
                .name = "boot-timeout", .arg = "SECONDS",                                \
                .help = "how long it may take until it has its disk there (0: for ever)" \
        }
