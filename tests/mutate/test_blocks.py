#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is recorded as executed is what was executed, also by a child that is killed, ends without libc, or has lost its environment."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from blocks import Elf, blocks_of
from executed import C_ARGS
from executed import make_recorder
from operators import statement_of

# The word behind a line says which run executes it: of the program itself (own), of each child (killed, quiet, bare), or none.
SOURCE = r'''#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static const int table[] = {
        3,
        4,
};
static int add(int a, int b)
{
        if (a > 10 || /* own */
            b > 10) /* own */
                return a; /* none */
        return a + b; /* own */
}
int main(int argc, char **argv)
{
        pid_t pid;
        if (argc > 1 && !strcmp(argv[1], "bare")) /* own */
                return add(table[0], 99); /* bare */
        pid = fork();
        if (!pid) {
                chdir("/"); /* killed */
                kill(getpid(), SIGKILL);
        }
        waitpid(pid, NULL, 0);
        pid = fork();
        if (!pid)
                _exit(add(1, /* quiet */
                          2));
        waitpid(pid, NULL, 0);
        pid = fork();
        if (!pid) {
                clearenv();
                execl(argv[0], argv[0], "bare", NULL);
        }
        waitpid(pid, NULL, 0);
        for (int i = 0; i < add(0, 0); i++)
                abort(); /* none */
        return 0;
}
'''


def lines_with(word):
    return {n for n, text in enumerate(SOURCE.split('\n'), 1) if f'/* {word} */' in text}


def ran(folder, program, of):
    """The lines of whose statement a block ran."""
    with open(os.path.join(folder, Elf(program).build_id()), 'rb') as f:
        data = f.read()
    hit = {line for line, blocks in of.items() if any(data[b] for b in blocks)}
    return {n for n in range(1, SOURCE.count('\n')) if hit & set(statement_of(SOURCE, n - 1))}


def main():
    with tempfile.TemporaryDirectory() as place:
        source, program, folder = (os.path.join(place, n) for n in ('a.c', 'a', 'recorded'))
        os.mkdir(folder)
        with open(source, 'w', encoding='utf-8') as f:
            f.write(SOURCE)
        link = make_recorder(place)[0].removeprefix('-Dc_link_args=').split()
        subprocess.run(['cc', '-O0', '-w', '-D_GNU_SOURCE', *C_ARGS.split(), source, '-o', program, *link], check=True)
        subprocess.run([program], check=True, env={**os.environ, 'SV_MUTATE_BLOCKS': folder})
        of = blocks_of(program, lambda path: 'a.c' if path.endswith('a.c') else None)['a.c']
        own, bare = ran(folder, program, of), ran(os.path.join(place, 'any'), program, of)
        for word in ('own', 'killed', 'quiet'):
            assert lines_with(word) <= own, (word, lines_with(word) - own)
        assert lines_with('bare') <= bare and not lines_with('bare') & own, (own, bare)
        assert not lines_with('none') & own, lines_with('none') & own
        begin = SOURCE.split('\n').index('        3,')
        assert not any(of.get(line) for line in statement_of(SOURCE, begin)), 'a table has no code'
        condition = SOURCE.split('\n').index('            b > 10) /* own */')
        assert set(statement_of(SOURCE, condition)) == {condition, condition + 1}
        assert set(statement_of(SOURCE, condition + 1)) == {condition + 2}


main()
