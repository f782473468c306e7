#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A manual page of section 5: a frame, and for its line @MEMBERS@ the members of a file as its schema has them.

usage: manual.py FRAME SCHEMA prints the page
"""
import json
import sys


ONE = {'string': 'a text', 'boolean': 'true or false', 'integer': 'a number'}
MANY = {'string': 'texts', 'integer': 'numbers', 'object': 'objects'}


def roff(text):
    """Text that begins no request and whose hyphens can be copied."""
    text = text.replace('\\', '\\e').replace('-', '\\-')
    return '\\&' + text if text[:1] in ".'" else text


def resolve(schema, part):
    while '$ref' in part:
        name = part['$ref'].removeprefix('#/$defs/')
        part = {**schema['$defs'][name], **{k: v for k, v in part.items() if k != '$ref'}}
    return part


def numbers(part):
    if 'minimum' in part and 'maximum' in part:
        return f'from {part["minimum"]} to {part["maximum"]}'
    return f'{part["minimum"]} or more' if 'minimum' in part else ''


def kind(schema, part):
    """What may stand there, in words."""
    part = resolve(schema, part)
    if 'enum' in part:
        return ', '.join(json.dumps(v) for v in part['enum'])
    if 'const' in part:
        return json.dumps(part['const'])
    for several in ('oneOf', 'anyOf'):
        if several in part and 'type' not in part:
            return ' or '.join(dict.fromkeys(kind(schema, p) for p in part[several]))
    if part.get('type') == 'array':
        each = resolve(schema, part['items'])
        return 'a list of ' + (MANY.get(each.get('type')) if 'enum' not in each else kind(schema, each))
    if part.get('type') == 'object':
        return 'an object'
    if isinstance(part.get('type'), list):
        return ' or '.join(kind(schema, dict(part, type=t)) for t in part['type'])
    return f'{ONE[part["type"]]} {numbers(part)}'.rstrip() if part['type'] == 'integer' else ONE[part['type']]


def entry(schema, path, part, needed):
    """One member: its path, what may stand there, what it is."""
    facts = [kind(schema, part)]
    if needed:
        facts.append('needed')
    if 'default' in part:
        facts.append(f'default {json.dumps(part["default"])}')
    yield f'.TP\n.B {roff(path)}'
    yield roff('; '.join(facts))
    if 'description' in part:
        yield f'.br\n{roff(part["description"])}'


def members(schema, part, path=''):
    """The members below, depth first; those of a list's objects as disks[].path."""
    for name, value in part.get('properties', {}).items():
        if name.startswith('$'):
            continue
        value = resolve(schema, value)
        here = f'{path}.{name}' if path else name
        yield from entry(schema, here, value, name in part.get('required', []))
        below = resolve(schema, value['items']) if value.get('type') == 'array' else value
        yield from members(schema, below, here + ('[]' if below is not value else ''))


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        frame = f.read()
    with open(sys.argv[2], encoding='utf-8') as f:
        schema = json.load(f)
    print(frame.replace('@MEMBERS@', '\n'.join(members(schema, schema))), end='')


main()
