# SPDX-License-Identifier: Apache-2.0
"""The broker's configuration: docs/broker.schema.json and the table in broker/config.c have the same members, defaults and ranges."""
import json
import re

TABLE, SCHEMA = 'broker/config.c', 'docs/broker.schema.json'
ROW = re.compile(r'\{"(\w+)",\s*(STRING|PATH|INT),\s*offsetof\([^)]*\),\s*(NULL|"[^"]*"),\s*(\d+),\s*(\d+),\s*(\d+)\}')


def rows(text):
    """{name: (type, default, least, most)} of the table."""
    found = {}
    for name, kind, default, number, least, most in ROW.findall(text):
        found[name] = ('integer', int(number), int(least), int(most)) if kind == 'INT' else \
            ('string', None if default == 'NULL' else default.strip('"'), None, None)
    return found


def config(tree):
    if TABLE not in tree.names or SCHEMA not in tree.names:
        yield TABLE, 1, f'or {SCHEMA} is missing'
        return
    table = rows(tree.text(TABLE))
    properties = json.loads(tree.text(SCHEMA))['properties']
    schema = {name: (p.get('type'), p.get('default'), p.get('minimum'), p.get('maximum')) for name, p in properties.items() if p.get('type') not in ('object', 'array')}
    for name in sorted(set(table) | set(schema)):
        if table.get(name) != schema.get(name):
            yield SCHEMA, 1, f'"{name}" is {schema.get(name, "not there")}, {TABLE} has {table.get(name, "no such row")} (type, default, least, most)'
    for name in sorted(properties):
        if not properties[name].get('description'):
            yield SCHEMA, 1, f'"{name}" has no description, which the manual page needs'
