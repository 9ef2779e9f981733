# SPDX-License-Identifier: MIT
"""A threaded web server under load from clients in other processes."""
import http.client
import http.server
import multiprocessing
import os
import threading


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = int(self.path[1:])
        body = b"".join(bytes([i & 255]) * (size // 8) for i in range(8))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


def ask(port, requests):
    for i in range(requests):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for size in (8, 8 << 10, 256 << 10, (1 + i % 4) << 20):
            client.request("GET", "/%d" % size)
            if len(client.getresponse().read()) != size:
                os._exit(1)
        client.close()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    clients = [multiprocessing.Process(target=ask, args=(server.server_port, 150)) for _ in range(8)]
    for client in clients:
        client.start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for client in clients:
        client.join()
    server.shutdown()
    return any(client.exitcode for client in clients)


if __name__ == "__main__":
    raise SystemExit(main())
