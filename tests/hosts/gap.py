# SPDX-License-Identifier: Apache-2.0
"""Holds one TCP connection to an echo server and sends a numbered line every 10 ms, until its own input ends; then waits for the last answers and prints
how many there were and the longest silence, as JSON. Ends with 1 when the connection broke or a line was lost or came out of order.

    gap.py HOST PORT
"""
import json
import select
import socket
import sys
import time


def measure(sock):
    sent, answered, rest, longest = 0, 0, b'', 0.0
    last, more = time.monotonic(), True
    print('connected', flush=True)
    while more or answered < sent:
        if more and sent - answered < 5000:
            sock.send(b'%d\n' % sent)
            sent += 1
        for ready in select.select([sock, sys.stdin] if more else [sock], [], [], 0.01)[0]:
            if ready is sys.stdin:
                more = bool(sys.stdin.readline())
                continue
            data = sock.recv(65536)
            if not data:
                raise OSError(f'the connection was closed after {answered} lines')
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            *lines, rest = (rest + data).split(b'\n')
            for line in lines:
                if int(line) != answered:
                    raise OSError(f'line {answered} was expected, found {line}')
                answered += 1
    return {'lines': answered, 'gap_ms': round(longest * 1000)}


def main():
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(300)
        print(json.dumps(measure(sock)))


if __name__ == '__main__':
    main()
