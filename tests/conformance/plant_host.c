/* SPDX-License-Identifier: Apache-2.0 */
/* The host of tests/unit/hosts/NAME.host below a folder, for tests of the program.
 * usage: plant_host NAME FOLDER */
#include "tests/unit/host_knobs.h"

static char **words;

static void plant(void **state)
{
        put_host_settings(words[2], words[1]);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(plant)};

        words = argv;
        return argc == 3 ? cmocka_run_group_tests(tests, NULL, NULL) : 2;
}
