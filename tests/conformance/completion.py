# SPDX-License-Identifier: Apache-2.0
"""Completion as three shells do it: each command, each option, files, folders, guests. usage: completion.py SECURE-VM BROKER"""
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HOME = tempfile.TemporaryDirectory()  # fish makes folders there
ENV = {'PATH': os.environ['PATH'], 'HOME': HOME.name, 'TERM': 'dumb', 'LC_ALL': 'C'}


def table_of(program):
    return json.loads(subprocess.run([program, '--table'], capture_output=True, check=True, timeout=60).stdout)


def make(shell, program, folder):
    path = os.path.join(folder, f'{os.path.basename(program)}.{shell}')
    with open(path, 'w') as f:
        subprocess.run([sys.executable, f'{TOP}/docs/completion.py', shell, program], stdout=f, check=True, timeout=60)
    return path


def say(shell, script, cwd, path):
    r = subprocess.run(shell + [script], capture_output=True, text=True, timeout=60, cwd=cwd, env={**ENV, 'PATH': path + ':' + ENV['PATH']})
    assert r.returncode == 0 and not r.stderr, f'{shell[0]}: {r.returncode}: {r.stderr}\n{script}'
    return r.stdout.splitlines()


def in_bash(file, name, words, cwd, path):
    quoted = ' '.join("'" + w + "'" for w in [name, *words])
    return say(['bash', '--norc', '-c'], f'source {file}\nCOMP_WORDS=({quoted}) COMP_CWORD={len(words)}\n'
               f'_{name.replace("-", "_")} || true\nprintf "%s\\n" "${{COMPREPLY[@]}}"', cwd, path)


def in_fish(file, name, words, cwd, path):
    line = ' '.join([name, *words])
    return [a.split('\t')[0] for a in say(['fish', '--no-config', '-c'], f'source {file}\ncomplete -C "{line}"', cwd, path)]


def in_zsh(file, name, words, cwd, path):
    """What the file hands to zsh's own functions: words with their texts, and specifications of options."""
    quoted = ' '.join("'" + w + "'" for w in [name, *words])
    return say(['zsh', '-f', '-c'], '_describe() { print -l -- ${(P)2} }\n_arguments() { print -l -- "$@" }\ncompadd() { :; }\n'
               f'words=({quoted}) CURRENT={len(words) + 1}\nsource {file}', cwd, path)


def check_options(table, ask, shell):
    """Of every command exactly its own options, and those that all have."""
    for c in table['commands']:
        expected = sorted('--' + o['name'] for o in c['options'] + table['common'])
        found = ask([*c['name'].split(), '--'])
        if shell == 'zsh':
            found = [a[1:a.index('[')] for a in found if a.startswith('*--')]
        found = sorted(a for a in found if a.startswith('--'))
        assert found == expected, f'{shell}: {c["name"]}: expected {expected}, found {found}'


def check_words(table, ask, shell):
    firsts = {c['name'].split()[0] for c in table['commands']}
    clean = (lambda answer: {a.split(':')[0] for a in answer if not a.startswith('-')})
    assert clean(ask([''])) == firsts, f'{shell}: expected {firsts}, found {ask([""])}'
    for first in firsts:
        seconds = {c['name'].split()[1] for c in table['commands'] if c['name'].startswith(first + ' ')}
        if seconds:
            found = clean(ask([first, '']))
            assert seconds <= found, f'{shell}: {first}: expected {seconds}, found {found}'


def check_values(ask, shell):
    """A guest file, a folder, a guest of this host, one of some words."""
    assert {'guest.json', 'web'} <= set(ask(['launch', ''])), f'{shell}: a file or a defined guest after launch'
    assert 'guest.json' in ask(['define', '']) and 'web' not in ask(['define', '']), f'{shell}: a file after define'
    assert [a.rstrip('/') for a in ask(['image', 'initrd', '--kernel-modules', ''])] == ['folder'], f'{shell}: a folder only'
    assert 'web' in ask(['show', '']) and 'guest.json' not in ask(['show', '']), f'{shell}: the guests of this host'
    assert {'lab', 'site'} <= set(ask(['key', 'list', '--broker', ''])), f'{shell}: the brokers that are remembered'
    assert set(ask(['broker', 'rm', ''])) >= {'lab', 'site'}, f'{shell}: the same to be forgotten'
    assert sorted(ask(['verify', '--tee', ''])) == ['sev-snp', 'tdx', 'vtpm'], f'{shell}: the TEEs'
    assert sorted(ask(['measure', '--vmm', ''])) == ['ec2', 'gce', 'qemu'], f'{shell}: one of three words'


def main():
    programs = [os.path.abspath(p) for p in sys.argv[1:3]]
    with tempfile.TemporaryDirectory(prefix='svc', dir='/tmp') as folder:
        cwd, path = os.path.join(folder, 'cwd'), os.path.join(folder, 'bin')
        os.makedirs(os.path.join(cwd, 'folder'))
        os.mkdir(path)
        open(os.path.join(cwd, 'guest.json'), 'w').close()
        with open(os.path.join(path, 'secure-vm'), 'w') as f:  # what it lists on a host with one guest
            f.write('#!/bin/sh\n[ "$1" = broker ] && echo \'{"brokers":[{"name":"lab","url":"x"},{"name":"site"}],"ok":true}\' && exit\necho \'{"guests":[{"name":"web","state":"running"}],"ok":true}\'\n')
        os.chmod(os.path.join(path, 'secure-vm'), 0o755)
        for program in programs:
            table, name = table_of(program), os.path.basename(program)
            for shell, complete in (('bash', in_bash), ('zsh', in_zsh), ('fish', in_fish)):
                file = make(shell, program, folder)
                ask = (lambda words, complete=complete, file=file, name=name: complete(file, name, words, cwd, path))
                check_words(table, ask, shell)
                check_options(table, ask, shell)
                if shell != 'zsh' and name == 'secure-vm':
                    check_values(ask, shell)
                print(f'{name} in {shell}: {len(table["commands"])} commands')


main()
