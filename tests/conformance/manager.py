# SPDX-License-Identifier: Apache-2.0
"""The broker under a service manager: it takes the socket that is open already, says when it is ready, and refuses another kind of socket.
usage: manager.py BROKER"""
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from patience import patient, wait_until  # noqa: E402

BROKER = os.path.abspath(sys.argv[1])
FIRST = 3  # SD_LISTEN_FDS_START


def start(sockets, notify=None, pid=None):
    """serve with these sockets as systemd hands them over; LISTEN_PID is the new process unless `pid` says another."""
    def hand_over():
        kept = [os.dup(s.fileno()) for s in sockets]
        kept = [os.dup2(fd, 50 + i) for i, fd in enumerate(kept)]
        for i, fd in enumerate(kept):
            os.dup2(fd, FIRST + i)
    environment = {k: v for k, v in os.environ.items() if not k.startswith('LISTEN_')}
    environment['LISTEN_FDS'] = str(len(sockets))
    if notify:
        environment['NOTIFY_SOCKET'] = notify
    shell = f'LISTEN_PID={pid or "$$"} exec "$0" serve --config broker/config.json'
    return subprocess.Popen(['sh', '-c', shell, BROKER], env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, close_fds=False,
                            preexec_fn=hand_over)


def certificate_at(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(('127.0.0.1', port), patient(30)) as s, context.wrap_socket(s) as t:
        return t.getpeercert(True)


def finish(broker):
    broker.terminate()
    text = broker.communicate(timeout=patient(60))[1]
    return broker.returncode, text


def takes_the_socket(notify_name):
    with socket.create_server(('127.0.0.1', 0)) as listening, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind('\0' + notify_name[1:] if notify_name[0] == '@' else notify_name)
        manager.settimeout(patient(60))
        broker = start([listening], notify_name)
        port = listening.getsockname()[1]
        certificate = certificate_at(port)  # waits in the queue until the broker is up
        said = manager.recv(100)
        broker.send_signal(signal.SIGHUP)
        reloaded = [manager.recv(100), manager.recv(100)]
        status, text = finish(broker)
    assert certificate and said == b'READY=1', (certificate, said)
    assert reloaded == [b'RELOADING=1', b'READY=1'] and 'the configuration was read anew' in text, (reloaded, text)
    assert status == 0 and f' port {port},' in text, (status, text)


def refuses():
    with socket.create_server(('127.0.0.1', 0)) as listening, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, socket.socket() as silent:
        for sockets in ([listening, listening], [datagrams], [silent]):
            broker = start(sockets)
            text = broker.communicate(timeout=patient(60))[1]
            assert broker.returncode == 2 and '[manager.socket]' in text, (broker.returncode, text)


def another_process():
    """Sockets that are somebody else's are left alone: the broker listens where its configuration says."""
    with socket.create_server(('127.0.0.1', 0)) as listening:
        listening.settimeout(0.1)
        os.unlink('broker/port')  # of a run before
        broker = start([listening], pid=1)
        wait_until('no port file', lambda: os.path.exists('broker/port'))
        with open('broker/port') as f:
            port = int(f.read())
        assert port != listening.getsockname()[1] and certificate_at(port)
        assert finish(broker)[0] == 0


def main():
    with tempfile.TemporaryDirectory(prefix='svm', dir='/tmp') as folder:
        os.chdir(folder)
        subprocess.run([BROKER, 'init', '--dir', 'broker', '--listen', '127.0.0.1:0'], check=True, capture_output=True, timeout=patient(60))
        with open('broker/config.json') as f:
            config = json.load(f)
        with open('broker/config.json', 'w') as f:
            json.dump({**config, 'port_file': 'port'}, f)
        for part in (lambda: takes_the_socket(os.path.join(folder, 'notify')), lambda: takes_the_socket(f'@secure-vm-test-{os.getpid()}'), refuses,
                     another_process):
            part()
        print('ok: a socket of the manager, READY=1, refusals')


main()
