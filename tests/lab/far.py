"""Another host's mail server, that keeps its promises and nothing else: what
it says 250 to has been flushed to its file. For counting letters, not for
judging how they were sent."""
import os
import re
import socketserver
import threading


class _Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line + b"\r\n")

    def message(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line.endswith(b"\n"):
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line[:1] == b"." else line)

    def handle(self):
        try:
            self.say(b"220 far ESMTP")
            self.talk()
        except OSError:
            pass  # they die a lot

    def talk(self):
        sender = b""
        while True:
            line = self.rfile.readline()
            verb = line[:4].upper()
            if not line or verb == b"QUIT":
                return
            if verb == b"MAIL":
                sender = line
            if verb == b"EHLO":
                self.say(b"250-far\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"DATA":
                self.say(b"354 go on")
                message = self.message()
                if message is None:
                    return
                self.server.keep(sender, message)
                self.say(b"250 2.0.0 kept")
            else:
                self.say(b"250 2.0.0 ok")


class Far(socketserver.ThreadingTCPServer):
    """Listens on 127.0.0.1; .got: the messages that it promised, by the token
    in their subject; .bounces: notices among them."""
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 100

    def __init__(self, path, digest):
        super().__init__(("127.0.0.1", 0), _Session)
        self.port = self.server_address[1]
        self.digest = digest
        self.got, self.bounces = {}, 0
        self.lock = threading.Lock()
        self.file = open(path, "wb")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def keep(self, sender, message):
        subject = re.search(rb"^Subject: (\S+)", message, re.M)
        with self.lock:
            if b"<>" in sender:
                self.bounces += 1
            self.file.write(message)
            self.file.flush()
            os.fdatasync(self.file.fileno())
            if subject:
                body = message[subject.start():]
                self.got.setdefault(subject[1].decode(), []).append(
                    self.digest(body))

    def seen(self):
        """A copy of .got, as it is at this moment."""
        with self.lock:
            return {token: list(x) for token, x in self.got.items()}

    def __exit__(self, *exc):
        self.shutdown()
        super().__exit__(*exc)
        self.file.close()
