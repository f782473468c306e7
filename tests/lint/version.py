# SPDX-License-Identifier: Apache-2.0
"""One version of the whole: what the build says, CHANGELOG.md's newest section and the packages' are the same."""
import re

PLACES = {
    'meson.build': r"^\s*version: '([^']+)',",
    'CHANGELOG.md': r'^## ([0-9]\S*)$',
    'debian/changelog': r'^secure-vm \(([^)]+)\)',
}


def version(tree):
    found = {}
    for name, pattern in PLACES.items():
        m = re.search(pattern, tree.text(name), re.M) if name in tree.names else None
        if not m:
            yield name, 1, 'says no version'
            return
        found[name] = m.group(1)
    for name, value in found.items():
        if value != found['meson.build']:
            yield name, 1, f'says version {value}, meson.build says {found["meson.build"]}'
    if not re.fullmatch(r'\d+\.\d+\.\d+', found['meson.build']):
        yield 'meson.build', 1, f'version {found["meson.build"]} is not MAJOR.MINOR.PATCH'
