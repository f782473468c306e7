# SPDX-License-Identifier: Apache-2.0
"""The source tree as the lint rules see it: files, C code without comments, string literals."""
import os
import re
import subprocess

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Tree:
    def __init__(self, root):
        self.root = root
        self.names = sorted(self._list())
        self._text = {}

    def _list(self):
        return self._from_git() or self._from_folders()

    def _from_git(self):
        """None where there is no git, or where it does not answer for this folder (a copy without its history)."""
        try:
            out = subprocess.run(['git', '-C', self.root, 'ls-files', '-co', '--exclude-standard'], check=True, capture_output=True,
                                 text=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return None
        return [n for n in out.splitlines() if os.path.isfile(os.path.join(self.root, n))]

    def _from_folders(self):
        found = []
        for folder, dirs, files in os.walk(self.root):
            dirs[:] = [d for d in dirs if d not in ('.git', '__pycache__') and not d.startswith('build')]
            found += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        return found

    def path(self, name):
        return os.path.join(self.root, name)

    def text(self, name):
        if name not in self._text:
            with open(self.path(name), encoding='utf-8', errors='replace') as f:
                self._text[name] = f.read()
        return self._text[name]

    def match(self, pattern):
        return [n for n in self.names if re.fullmatch(pattern, n)]

    def c_files(self, tests=False):
        return [n for n in self.match(r'[^/]+/.*\.[ch]') if tests or not n.startswith('tests/')]

    def code(self, name):
        """C without comments; literals stay as "" so that lines and calls keep their shape."""
        def blank(m):
            t = m.group(0)
            return '""' if t[0] in '"\'' else '\n' * t.count('\n') or ' '
        return TOKEN.sub(blank, self.text(name))

    def literals(self, name):
        """(line, value) of every string literal outside comments, adjacent ones not joined."""
        text = self.text(name)
        for m in TOKEN.finditer(text):
            if m.group(0)[0] == '"':
                yield text.count('\n', 0, m.start()) + 1, m.group(0)[1:-1]

    def without_comments(self, name):
        return TOKEN.sub(lambda m: m.group(0) if m.group(0)[0] in '"\'' else ' ', self.text(name))


def line_of(text, pos):
    return text.count('\n', 0, pos) + 1
