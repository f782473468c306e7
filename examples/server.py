#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small attestation server on libsecurevm: evidence in, verdict out.

    server.py [--port N] [--policy FILE] [--time SECONDS] [--any-nonce]

    POST /nonce                         {"nonce": HEX}: 48 bytes for the evidence to be bound to, good once
    POST /needs     {"evidence": B64}   what its verification needs, and where its maker has that
    POST /appraise  {"evidence": B64, "nonce": HEX, "collateral": [{"kind": K, "data": B64}, …]}

An appraisal is answered with 200 when the evidence holds and the policy wants it, 403 when not, 400 for what cannot be read; each time with all that is
known. Collateral may come from whoever asks: none of it is trusted for where it came from. Without --policy it is the built-in one of the evidence's TEE.
--time and --any-nonce are for evidence of another day: with the latter the evidence proves only that some guest was such once.

It listens on 127.0.0.1; TLS and who may ask are for a server in front of it.
"""
import argparse
import base64
import http.server
import json
import secrets
import threading
import time

import securevm

REQUEST_MAX = 16 << 20
NONCES_MAX = 10000


class Nonces:
    """Those that were given out and not used; the oldest goes when there are too many."""

    def __init__(self):
        self.lock, self.given = threading.Lock(), {}

    def give(self):
        nonce = secrets.token_bytes(48)
        with self.lock:
            self.given[nonce] = True
            if len(self.given) > NONCES_MAX:
                del self.given[next(iter(self.given))]
        return nonce

    def take(self, nonce):
        with self.lock:
            return self.given.pop(nonce, False)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def answer(self, status, body):
        text = json.dumps(body).encode() + b'\n'
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, check, message):
        self.answer(status, {'ok': False, 'error': {'check': check, 'message': message}})

    def read_request(self):
        n = int(self.headers.get('Content-Length') or 0)
        if not 0 <= n <= REQUEST_MAX:
            raise ValueError(f'at most {REQUEST_MAX} bytes were expected, found {n}')
        body = json.loads(self.rfile.read(n) or b'{}')
        if not isinstance(body, dict):
            raise ValueError('an object was expected')
        return body

    def do_POST(self):
        routes = {'/nonce': self.give_nonce, '/needs': self.tell_needs, '/appraise': self.appraise}
        try:
            body = self.read_request()
            if self.path not in routes:
                return self.refuse(404, 'server.path', f'expected one of {", ".join(routes)}')
            routes[self.path](body)
        except securevm.Refused as e:
            status = 403 if e.status in (securevm.PROOF, securevm.POLICY) else 500 if e.status == securevm.SYSTEM else 400
            self.answer(status, e.answer or {'ok': False, 'error': {'check': e.check, 'message': str(e)}})
        except (KeyError, TypeError, ValueError) as e:
            self.close_connection = True
            self.refuse(400, 'server.request', f'the request cannot be read: {e}')

    def give_nonce(self, _):
        self.answer(200, {'nonce': self.server.nonces.give().hex()})

    def tell_needs(self, body):
        self.answer(200, securevm.Evidence(base64.b64decode(body['evidence'], validate=True)).needs())

    def appraise(self, body):
        nonce = b''
        if not self.server.options.any_nonce:
            nonce = bytes.fromhex(body['nonce'])
            if not self.server.nonces.take(nonce):
                return self.refuse(403, 'server.nonce', 'the nonce was not given out here, or was used')
        evidence = securevm.Evidence(base64.b64decode(body['evidence'], validate=True))
        collateral = securevm.Collateral()
        for piece in body.get('collateral', []):
            collateral.add(piece['kind'], base64.b64decode(piece['data'], validate=True))
        policy = self.server.policy or securevm.StrictPolicy(evidence.tee)
        seconds = self.server.options.time or int(time.time())
        self.answer(200, securevm.appraise(evidence, collateral, policy, seconds, nonce))

    def log_message(self, format, *args):
        pass


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--port', type=int, default=0)
    p.add_argument('--policy')
    p.add_argument('--time', type=int)
    p.add_argument('--any-nonce', action='store_true')
    options = p.parse_args()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', options.port), Handler)
    server.options, server.nonces, server.policy = options, Nonces(), None
    if options.policy:
        with open(options.policy, 'rb') as f:
            server.policy = securevm.Policy(f.read())
    print(f'http://127.0.0.1:{server.server_port}', flush=True)
    server.serve_forever()


if __name__ == '__main__':
    main()
