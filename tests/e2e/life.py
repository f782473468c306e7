# SPDX-License-Identifier: Apache-2.0
"""A guest's life by our commands: paused, resumed, reset, ended, and what is refused in each state."""
import json
import socket

from cases import case
from env import free_port, run
from patience import patient

HELLO = b'e2e-root: hello\n'


def ask(c, *args, status=0):
    r = run(*c.vm, *args, *c.more, '--json', check=False, env=c.environment)
    c.must(r.returncode == status, f'{args}: expected exit status {status}, found {r.returncode}: {r.stdout}{r.stderr}')
    return json.loads(r.stdout)


def refused(c, check, *args):
    error = ask(c, *args, status=3)['error']
    c.must(error['check'] == check, f'{args}: expected {check}, found {error}')


def shows(c, state):
    found = ask(c, 'show', 'g')
    c.must(found['state'] == state, f'expected to be shown as "{state}", found {found["state"]}')
    listed = [g['state'] for g in ask(c, 'list')['guests'] if g['name'] == 'g']
    c.must(listed == [state], f'expected to be listed as "{state}", found {listed}')
    return found


def says_nothing(connection):
    connection.settimeout(1)
    try:
        return connection.recv(64) == b''
    except TimeoutError:
        return True


def stands_and_goes_on(c, port):
    """While it is paused nobody answers on its port; what was asked meanwhile is answered when it goes on."""
    ask(c, 'pause', 'g')
    c.must(shows(c, 'paused')['paused_for'] == 'asked', 'expected to be told why it is paused')
    refused(c, 'state.paused', 'pause', 'g')
    with socket.create_connection(('127.0.0.1', port), patient(20)) as connection:
        c.must(says_nothing(connection), 'a paused guest answered')
        c.must(ask(c, 'resume', 'g')['state'] == 'unlocked', 'expected the guest to go on with its disk open')
        connection.settimeout(patient(60))
        c.must(connection.recv(64) == HELLO, 'the guest does not answer after it was resumed')
    shows(c, 'unlocked')
    refused(c, 'state.running', 'resume', 'g')


@case
def paused(c):
    """a guest is paused, resumed and, while it is paused, reset and destroyed; each wrong state has its name and changes nothing"""
    port = free_port()
    c.guest['nics'] = [{'type': 'user', 'forward': [{'port': port, 'to': 22}]}]
    c.prepare()
    c.launch()
    c.must_unlock()
    refused(c, 'state.busy', 'launch', c.file)
    stands_and_goes_on(c, port)
    ask(c, 'pause', 'g')
    r = run(*c.vm, 'ssh', 'g', check=False, env=c.environment)
    c.must(r.returncode == 3 and '[state.paused]' in r.stderr, f'expected state.paused, found {r.stderr}')
    c.must(ask(c, 'reset', 'g', '--wait')['state'] == 'unlocked', 'expected the guest to have its disk after a reset')
    ask(c, 'pause', 'g')
    ask(c, 'destroy', 'g')
    shows(c, 'stopped')
    c.must(not c.processes(), 'something of this guest still runs')
    for command in ('pause', 'resume'):
        refused(c, 'state.off', command, 'g')
