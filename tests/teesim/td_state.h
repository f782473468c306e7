/* SPDX-License-Identifier: Apache-2.0 */
/* Test only: a TD that was launched, as the simulator keeps one. */
#pragma once

#define TD_MR                                                                                      \
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1" \
        "a1a1a1a1"
#define TD_STATE(attributes)                                                                       \
        "{\"tee\":\"tdx\",\"outcome\":\"launched\",\"mrtd\":\"" TD_MR "\",\"mrconfigid\":\"" TD_MR \
        "\",\"mrowner\":\"" TD_MR "\",\"mrownerconfig\":\"" TD_MR                                  \
        "\",\"attributes\":\"" attributes "\",\"xfam\":\"00000000000602e7\"}"
