/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a row of each kind that is authenticated. */
#pragma once

#include "tests/unit/put_policy.h"

#include "tests/unit/broker_place.h"

#include "broker/store/sql.h"

#define PATH   "a/b/c"
#define OTHER  "a/b/d"
#define VOLUME "11111111-2222-3333-4444-555555555555"

static struct sv_store *store;

static void put_policy(const char *resource, const char *text)
{
        struct sv_err err;

        OK(put_policy_text(store, resource, sv_bytes_str(text), 1000, &err));
}

static void policy_is(const char *resource, const char *expected)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(store->ops->get_policy(store, resource, &text, &err));
        assert_string_equal(sv_buf_str(&text), expected);
}

static void floor_is(int64_t expected)
{
        struct sv_disk_floor floor;
        struct sv_err err;

        OK(store->ops->get_disk(store, PATH, VOLUME, &floor, &err));
        assert_int_equal(floor.generation, expected);
}

static int64_t read_serial(void)
{
        struct sv_serial serial;
        struct sv_err err;

        OK(sv_serial_read(serial_path, &serial, &err));
        return serial.number;
}

/* Two policies, two versions, one disk. */
static int setup(void **state)
{
        struct sv_err err;

        setup_place(state);
        store = open_store();
        OK(store->ops->verify(store, &err));
        put_policy(PATH, "old");
        put_policy(OTHER, "other");
        OK(store->ops->put_resource(store, PATH, 1, sv_bytes_str("one"), 3, 1000, &err));
        OK(store->ops->put_resource(store, PATH, 2, sv_bytes_str("two"), 3, 1000, &err));
        OK(store->ops->raise_disk(store, PATH, VOLUME, 7, 1000, &err));
        OK(store->ops->check(store, &err));
        assert_int_equal(read_serial(), 6);
        return 0;
}

static int teardown(void **state)
{
        sv_store_free(store);
        store = NULL;
        return teardown_place(state);
}
