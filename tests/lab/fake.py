"""An SMTP server that does as it is told: for servers that break off, hang,
lie or refuse. What it hears is kept.

A script maps a verb to what is said to it: bytes, or a list of which each
time takes one (the last stays). Verbs are those of SMTP and BANNER, DOT, LINE
(a line of a message), AUTH2, AUTH3 (what is said behind 334). Words instead
of bytes: CLOSE, HANG (says nothing), TLS (220 and the handshake)."""
import socket
import ssl
import threading

CLOSE, HANG, TLS, SILENT = "close", "hang", "tls", "silent"

DEFAULT = {
    "BANNER": b"220 fake ESMTP", "EHLO": b"250-fake\r\n250 8BITMIME",
    "HELO": b"250 fake", "STARTTLS": TLS, "AUTH": b"235 2.7.0 welcome",
    "MAIL": b"250 2.1.0 sender", "RCPT": b"250 2.1.5 recipient",
    "DATA": b"354 go on", "LINE": SILENT, "DOT": b"250 2.0.0 taken as 1",
    "RSET": b"250 2.0.0 reset", "QUIT": b"221 2.0.0 bye",
}


class Fake:
    def __init__(self, script=None, address="127.0.0.1", port=0, cert=None,
                 implicit=False):
        self.script = {k: list(v) if isinstance(v, list) else [v]
                       for k, v in {**DEFAULT, **(script or {})}.items()}
        self.cert, self.implicit = cert, implicit
        self.heard = []     # lines, of all connections
        self.bodies = []    # messages, as they came
        self.accepted = 0
        self.peers = []     # addresses they came from
        self.lock = threading.Lock()
        self.release = threading.Event()  # HANG goes on
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.server = socket.create_server((address, port), family=family)
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.release.set()
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def verbs(self):
        """What it was told, without arguments."""
        return [line.split(b" ")[0].split(b":")[0].decode("latin-1").upper()
                for line in self.heard]

    def _accept(self):
        while True:
            try:
                sock, peer = self.server.accept()
            except OSError:
                return
            self.accepted += 1
            self.peers.append(peer[0])
            threading.Thread(target=self._serve, args=(sock,),
                             daemon=True).start()

    def _serve(self, sock):
        try:
            if self.implicit:
                sock = self._tls(sock)
            self._talk(sock)
        except (OSError, ssl.SSLError, EOFError):
            pass
        finally:
            sock.close()

    def _tls(self, sock):
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ctx.load_cert_chain(*self.cert)
        return ctx.wrap_socket(sock, server_side=True)

    def _say(self, sock, verb):
        """What the script has for it; True: a 3yz was said."""
        with self.lock:
            words = self.script[verb]
            word = words.pop(0) if len(words) > 1 else words[0]
        if word == CLOSE:
            raise EOFError
        if word == HANG:
            self.release.wait()
            word = DEFAULT[verb]
        if word == SILENT:
            return False
        sock.sendall(word + b"\r\n")
        return word[:1] == b"3"

    def _talk(self, sock):
        file = sock.makefile("rb")
        self._say(sock, "BANNER")
        auth = 0
        while True:
            line = file.readline()
            if not line.endswith(b"\r\n"):
                raise EOFError
            self.heard.append(line[:-2])
            verb = line[:4].upper().decode("latin-1").strip()
            if auth:
                verb, auth = f"AUTH{auth + 1}", auth + 1
            elif line.upper().startswith(b"STARTTLS"):
                if self.script["STARTTLS"][0] == TLS:
                    sock.sendall(b"220 2.0.0 now\r\n")
                    sock = self._tls(sock)
                    file = sock.makefile("rb")
                    continue
                verb = "STARTTLS"
            on = self._say(sock, verb)
            if verb.startswith("AUTH"):
                auth = max(auth, 1) if on else 0
            elif verb == "DATA" and on:
                self._message(sock, file)
            elif verb == "QUIT":
                raise EOFError

    def _message(self, sock, file):
        body = []
        while True:
            line = file.readline()
            if not line:
                raise EOFError
            if line == b".\r\n":
                break
            body.append(line)
            self._say(sock, "LINE")
        self.bodies.append(b"".join(body))
        self._say(sock, "DOT")
