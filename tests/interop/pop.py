"""A POP3 connection and its SASL exchanges, for the scripts of this directory."""

import base64
import hashlib
import socket
import ssl


class Pop:
    def __init__(self, port, kind):
        wire = socket.create_connection(("127.0.0.1", int(port)), timeout=60)
        if kind == "pop3s":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            wire = context.wrap_socket(wire)
        self.wire = wire
        self.file = wire.makefile("rb")
        greeting = self.line()
        assert greeting.startswith("+OK"), greeting

    def line(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), line
        return line[:-2].decode()

    def send(self, text):
        self.wire.sendall(text.encode() + b"\r\n")

    def challenge(self):
        """The next challenge, decoded; ends the script with the reply if there is none."""
        line = self.line()
        if not line.startswith("+ "):
            print(line)
            raise SystemExit(0)
        return base64.b64decode(line[2:], validate=True)

    def respond(self, octets):
        self.send(base64.b64encode(octets).decode())

    def bindings(self, which):
        """Application data of tls-server-end-point (RFC 5929), right, wrong, or none."""
        if which == "none":
            return None
        certificate = self.wire.getpeercert(binary_form=True)
        digest = hashlib.sha256(certificate if which == "right" else b"another").digest()
        return b"tls-server-end-point:" + digest
