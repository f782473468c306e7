# SPDX-License-Identifier: Apache-2.0
"""A man in the middle that holds the broker's own TLS key: what a thief of that key, or a broker gone bad, could do. The guest is not changed.

Forwards each request to the real broker; `rewrite(path, body)` may change a POST's body, and everything is recorded."""
import http.client
import http.server
import json
import ssl
import threading


class Mitm:
    def __init__(self, broker_dir, port, broker_port, rewrite=None):
        self.exchanges = []  # (path, request body, status, answer)
        self.rewrite = rewrite or (lambda path, body: body)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f'{broker_dir}/tls.crt', f'{broker_dir}/tls.key')
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def forward(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                if self.command == 'POST':
                    body = outer.rewrite(self.path, body)
                to = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                to.check_hostname = False
                to.verify_mode = ssl.CERT_NONE  # loopback, and the broker's key is ours
                connection = http.client.HTTPSConnection('127.0.0.1', broker_port, context=to, timeout=60)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ('host', 'content-length', 'connection')}
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                outer.exchanges.append((self.path, body, answer.status, data))
                self.send_response(answer.status)
                for k, v in answer.getheaders():
                    if k.lower() not in ('content-length', 'connection', 'date', 'server', 'transfer-encoding'):
                        self.send_header(k, v)
                self.send_header('Content-Length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                connection.close()

            do_GET = do_POST = forward

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def evidence(self):
        """The TEE's evidence of the last attestation that went through."""
        for path, body, _, _ in reversed(self.exchanges):
            if path.endswith('/attest'):
                return json.loads(body)['tee-evidence']['primary_evidence']
        return None


def on_evidence(change):
    """A rewrite that hands the evidence of each attestation to `change`, which returns the new one."""
    def rewrite(path, body):
        if not path.endswith('/attest'):
            return body
        message = json.loads(body)
        message['tee-evidence']['primary_evidence'] = change(message['tee-evidence']['primary_evidence'])
        return json.dumps(message, separators=(',', ':')).encode()
    return rewrite
