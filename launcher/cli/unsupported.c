/* SPDX-License-Identifier: Apache-2.0 */
/* What other launchers can do with a guest and a confidential one cannot have: said by name, with
 * what to do instead. */
#include <stddef.h>

#include "launcher/cli/commands.h"

#define SEALED "a confidential guest's memory and registers are sealed to this processor, so "
#define LAUNCH \
        "\"secure-vm launch GUEST.json\" starts a guest, \"secure-vm start NAME\" a defined one"
#define STOP "\"secure-vm stop NAME\" asks a guest to shut down"

const struct sv_cmd sv_cmds_unsupported[] = {
        {"dump", .absent = SEALED "the host has nothing to dump; take a dump inside the guest "
                                  "(kdump to its encrypted disk)"},
        {"hibernate", .absent = SEALED "they cannot be written to a file; \"secure-vm stop\" it, "
                                       "and \"secure-vm launch\" it again"},
        {"restore",
         .absent = SEALED
         "nothing could have saved them; \"secure-vm launch\" starts it from its measured files"},
        {"save", .absent = SEALED
                 "they cannot be saved; \"secure-vm stop\" it, and \"secure-vm launch\" it again"},
        {"set-memory", .absent = "memory cannot be added to a confidential guest that runs, nor "
                                 "taken; \"secure-vm stop\" it, change \"memory\" in its guest "
                                 "file, and \"secure-vm launch\" it again"},
        {"set-vcpus", .absent = "a vCPU is measured at the launch and cannot be added later; "
                                "\"secure-vm stop\" it, change \"vcpus\" in its guest file, "
                                "\"secure-vm policy --put\" it, and \"secure-vm launch\" it again"},
        {"suspend", .absent = SEALED "they cannot be written to a file; \"secure-vm stop\" it, and "
                                     "\"secure-vm launch\" it again"},
        /* what other tools call a thing that is here */
        {"create", .absent = LAUNCH},
        {"delete",
         .absent = "\"secure-vm destroy NAME --forget\" ends a guest and removes its folder"},
        {"dumpxml", .absent = "\"secure-vm show NAME --json\" says all that is known of a guest"},
        {"encrypt", .absent = "\"secure-vm image encrypt\" makes an encrypted disk"},
        {"import", .absent = "\"secure-vm image import DISK\" makes a guest of a virtual machine's "
                             "disk"},
        {"logs", .absent = "\"secure-vm console NAME --log\" prints what the guest wrote"},
        {"poweroff", .absent = STOP},
        {"rm", .absent = "\"secure-vm undefine NAME\" forgets a guest's file, \"secure-vm destroy "
                         "NAME --forget\" ends a guest and removes its folder"},
        {"run", .absent = LAUNCH},
        {"shutdown", .absent = STOP},
        {"status", .absent = "\"secure-vm show NAME\" says how a guest is, \"secure-vm list\" "
                             "all of them"},
        {"version", .absent = "\"secure-vm --version\" prints it"},
        {NULL},
};
