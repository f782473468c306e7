#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion for bash, zsh and fish, from the tables of the programs: whatever a program has as a command or an option is completed.

usage: completion.py bash|zsh|fish PROGRAM prints the file for one built program
"""
import json
import os
import subprocess
import sys

# What stands for a file in the tables; a folder, a guest and a broker are below. Of the rest nothing is known beforehand.
FILES = {'FILE', 'FILE...', 'PATH', 'DISK', '[FILE]', 'EVIDENCE', 'EVIDENCE...', 'KEY'}


def kind(argument):
    """'file', 'dir', 'words a b', '' (something else) or None (nothing)."""
    if not argument:
        return None
    if argument in FILES:
        return 'file'
    if argument == 'DIR':
        return 'dir'
    words = argument.split('|')
    return 'words ' + ' '.join(words) if len(words) > 1 and argument == argument.lower() else ''


def kind_of_option(option):
    """As kind; also 'broker': the name of one that is remembered."""
    if option['argument'] == 'URL|NAME':
        return 'broker'
    return 'words ' + option['values'].replace(',', '') if 'values' in option else kind(option['argument'])


def names_in(command):
    """The shell's words for the names that a command lists as JSON."""
    return f'{command} --json 2>/dev/null | tr , "\\n" | sed -n \'s/.*"name":"\\([^"]*\\)".*/\\1/p\''


def kind_of_arguments(command):
    """As kind_of_option; 'guest': a guest's name; 'guest file': that of a defined guest, or a file."""
    if command['arguments'].split()[:1] == ['NAME'] and ' ' not in command['name']:
        return 'guest'
    if command['name'] == 'broker rm':
        return 'broker'
    if command['name'] != 'define' and command['arguments'].strip('[]') == 'GUEST.json':
        return 'guest file'
    return kind(command['arguments'].replace('GUEST.json', 'FILE'))


def rows(table):
    """(command, kind of its arguments, its options with those of all commands)."""
    for c in table['commands']:
        yield c, kind_of_arguments(c), c['options'] + table['common']


def quote(text):
    """One word of any of the three shells."""
    return "'" + text.replace("'", "'\\''") + "'"


def word_lists(table):
    """{first word: second words}, {} for a command of one word."""
    found = {}
    for c in table['commands']:
        first, _, second = c['name'].partition(' ')
        found.setdefault(first, []).extend([second] if second else [])
    return found


BASH = {'file': 'compgen -f -- "$cur"', 'dir': 'compgen -d -- "$cur"', 'guest': 'compgen -W "$(GUESTS)" -- "$cur"',
        'guest file': 'compgen -W "$(GUESTS)" -- "$cur"; compgen -f -- "$cur"', 'broker': 'compgen -W "$(BROKERS)" -- "$cur"', '': 'true', None: 'true'}


def bash_words(kind_, table):
    if kind_ and kind_.startswith('words '):
        return f'compgen -W {quote(kind_[6:])} -- "$cur"'
    program = table['program']
    return BASH[kind_].replace('GUESTS', names_in(f'{program} list --all')).replace('BROKERS', names_in(f'{program} broker list'))


def print_bash(table):
    program, lists = table['program'], word_lists(table)
    f = '_' + program.replace('-', '_')
    print(f'# Completion for {program} in bash; made from its table of commands.')
    print(f'{f}() {{\n        local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} command words=')
    print('        command="${COMP_WORDS[1]} ${COMP_WORDS[2]}"')
    print('        if [ "$COMP_CWORD" = 1 ]; then\n                words=' + quote(' '.join(lists) + ' --help --version'))
    print('                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")\n                return\n        fi')
    print('        case $COMP_CWORD:${COMP_WORDS[1]} in')
    for first, second in lists.items():
        if second:
            own = next((r for r in rows(table) if r[0]['name'] == first), None)
            print(f'        2:{first})\n                words={quote(" ".join(second))}')
            print('                mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur"' + (f'; {bash_words(own[1], table)}' if own else '') + ')')
            print('                [ ${#COMPREPLY[@]} = 0 ] || return\n                ;;')
    print('        esac\n        case $command in')
    for c, argument, options in sorted(rows(table), key=lambda r: -len(r[0]['name'].split())):
        pattern = quote(c['name']) if ' ' in c['name'] else quote(c['name'] + ' ') + '*'
        print(f'        {pattern})\n                case $prev in')
        for o in options:
            if o['argument']:
                print(f'                --{o["name"]}) mapfile -t COMPREPLY < <({bash_words(kind_of_option(o), table)}); return ;;')
        print('                esac')
        print('                case $cur in\n                -*) mapfile -t COMPREPLY < <(compgen -W '
              + quote(' '.join('--' + o['name'] for o in options)) + ' -- "$cur") ;;')
        print(f'                *) mapfile -t COMPREPLY < <({bash_words(argument, table)}) ;;\n                esac\n                ;;')
    print(f'        esac\n}}\ncomplete -o filenames -F {f} {program}')


def zsh_action(kind_, label):
    """The part of a specification of _arguments behind the second colon."""
    if kind_ and kind_.startswith('words '):
        return f'({kind_[6:]})'
    return {'file': '_files', 'dir': '_files -/', 'guest': '_secure_vm_guests', 'broker': '_secure_vm_brokers', 'guest file': '{_secure_vm_guests; _files}'}.get(kind_, ' ')


def zsh_text(text):
    """A description inside brackets and colons."""
    for c in '\\[]:':
        text = text.replace(c, '\\' + c)
    return text


def print_zsh(table):
    program, lists = table['program'], word_lists(table)
    f = '_' + program.replace('-', '_')
    print(f'#compdef {program}\n# Completion for {program} in zsh; made from its table of commands.')
    for what, command in (('guests', 'list --all'), ('brokers', 'broker list')):
        print(f'_secure_vm_{what}() {{\n        local -a names\n        names=(${{(f)"$({names_in("secure-vm " + command)})"}})\n        compadd -a names\n}}')
    print(f'{f}() {{\n        local -a names\n        if (( CURRENT == 2 )); then\n                names=(')
    for first, second in lists.items():
        own = next((c['help'] for c in table['commands'] if c['name'] == first), ', '.join(second))
        print('                        ' + quote(first + ':' + zsh_text(own)))
    print("                )\n                _describe command names\n                return\n        fi")
    print('        case $CURRENT:$words[2] in')
    for first, second in lists.items():
        if second:
            print(f'        3:{first})\n                names=(')
            for c in table['commands']:
                if c['name'].startswith(first + ' '):
                    print('                        ' + quote(c['name'].split(' ', 1)[1] + ':' + zsh_text(c['help'])))
            print("                )\n                _describe command names\n                ;;")
    print('        esac\n        local command=$words[2]\n        case "$words[2] $words[3]" in')
    for first, second in lists.items():
        for s in second:
            print(f'        {quote(first + " " + s)}) command={quote(first + " " + s)}; (( CURRENT > 3 )) || return; shift 2 words; (( CURRENT -= 2 )) ;;')
    print('        *) shift 1 words; (( CURRENT -= 1 )) ;;\n        esac\n        case $command in')
    for c, argument, options in rows(table):
        print(f'        {quote(c["name"])})\n                _arguments -S \\')
        for o in options:
            value = f':{zsh_text(o["argument"])}:{zsh_action(kind_of_option(o), o["argument"])}' if o['argument'] else ''
            print('                        ' + quote(f'*--{o["name"]}[{zsh_text(o["help"])}]{value}') + ' \\')
        print('                        ' + quote(f'*:{zsh_text(c["arguments"] or "nothing")}:{zsh_action(argument, c["arguments"])}'))
        print('                ;;')
    print(f'        esac\n}}\n{f} "$@"')


def fish_names(program, command):
    return f'({program} {command} --json 2>/dev/null | string match -ar \'\\"name\\":\\"[^\\"]*\' | string replace -r \'.*\\"\' \'\')'


def fish_values(kind_, table):
    if kind_ == 'broker':
        return f'-x -a "{fish_names(table["program"], "broker list")}"'
    if kind_ and kind_.startswith('words '):
        return '-x -a ' + quote(kind_[6:])
    if kind_ == 'dir':
        return "-x -a '(__fish_complete_directories)'"
    return '-r' if kind_ == 'file' else '-x'


def print_fish(table):
    program, lists = table['program'], word_lists(table)
    print(f'# Completion for {program} in fish; made from its table of commands.\ncomplete -c {program} -f')
    groups = [first for first, second in lists.items() if second]
    for first in lists:
        own = next((c['help'] for c in table['commands'] if c['name'] == first), 'more commands')
        print(f'complete -c {program} -n "test (count (commandline -opc)) = 1" -a {first} -d {quote(own)}')
    for c, argument, options in rows(table):
        first, _, second = c['name'].partition(' ')
        if second:
            print(f'complete -c {program} -n "test (count (commandline -opc)) = 2; and __fish_seen_subcommand_from {first}" -a {second} -d {quote(c["help"])}')
            when = f'__fish_seen_subcommand_from {first}; and __fish_seen_subcommand_from {second}'
        else:
            others = ' '.join(lists[first])
            when = f'__fish_seen_subcommand_from {first}' + (f'; and not __fish_seen_subcommand_from {others}' if first in groups else '')
            other_groups = ' '.join(g for g in groups if g != first)
            if other_groups:
                when += f'; and not __fish_seen_subcommand_from {other_groups}'
        if argument in ('file', 'guest file'):
            print(f'complete -c {program} -n "{when}" -F')
        if argument in ('guest', 'guest file', 'broker'):
            command = 'broker list' if argument == 'broker' else 'list --all'
            print(f'complete -c {program} -n "{when}" -a "{fish_names(program, command)}"')
        for o in options:
            value = ' ' + fish_values(kind_of_option(o), table) if o['argument'] else ''
            print(f'complete -c {program} -n "{when}" -l {o["name"]}{value} -d {quote(o["help"])}')


def main():
    shell, path = sys.argv[1:3]
    text = subprocess.run([path, '--table'], capture_output=True, text=True, check=True, timeout=60).stdout
    {'bash': print_bash, 'zsh': print_zsh, 'fish': print_fish}[shell](json.loads(text))


main()
