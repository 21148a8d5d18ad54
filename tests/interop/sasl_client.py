#!/usr/bin/env python3
"""Logs in with a mechanism of a library that was not written here, and prints the last reply.

    sasl_client.py [--tls] [--end-point HEX|own] PORT MECHANISM USER PASSWORD

MECHANISM: NTLM (pyspnego), SCRAM-SHA-256 or SCRAM-SHA-256-PLUS (scramp). USER may be DOMAIN\\user.
--end-point gives the hash for tls-server-end-point bindings; "own" takes it from the connection.
Needs: pip install pyspnego scramp
"""
import argparse
import base64
import hashlib
import socket
import ssl


class Pop:
    """A connection, line by line."""

    def __init__(self, port, tls):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")
        self.read()

    def read(self):
        return self.lines.readline().decode().rstrip("\r\n")

    def send(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.read()

    def respond(self, message):
        """Sends a message of the mechanism; gives the next challenge, or the last reply as text."""
        reply = self.send(base64.b64encode(message).decode())
        return base64.b64decode(reply[2:]) if reply.startswith("+ ") else reply

    def end_point(self):
        return hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()


def ntlm(pop, user, password, end_point):
    import spnego
    from spnego.channel_bindings import GssChannelBindings

    bindings = None
    if end_point:
        bindings = GssChannelBindings(application_data=b"tls-server-end-point:" + end_point)
    client = spnego.client(
        user, password, hostname="localhost", service="pop", protocol="ntlm", channel_bindings=bindings
    )
    challenge = pop.respond(client.step())
    while isinstance(challenge, bytes):
        challenge = pop.respond(client.step(challenge) or b"")
    return challenge


def scram(pop, mechanism, user, password, end_point):
    import scramp

    bindings = ("tls-server-end-point", end_point) if mechanism.endswith("-PLUS") else None
    client = scramp.ScramClient([mechanism], user, password, channel_binding=bindings)
    challenge = pop.respond(client.get_client_first().encode())
    if isinstance(challenge, str):
        return challenge
    client.set_server_first(challenge.decode())
    challenge = pop.respond(client.get_client_final().encode())
    if isinstance(challenge, str):
        return challenge
    client.set_server_final(challenge.decode())
    return pop.respond(b"")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--end-point")
    parser.add_argument("port", type=int)
    parser.add_argument("mechanism")
    parser.add_argument("user")
    parser.add_argument("password")
    options = parser.parse_args()
    pop = Pop(options.port, options.tls)
    end_point = None
    if options.end_point:
        end_point = pop.end_point() if options.end_point == "own" else bytes.fromhex(options.end_point)
    reply = pop.send("AUTH " + options.mechanism)
    if reply == "+ ":
        if options.mechanism == "NTLM":
            reply = ntlm(pop, options.user, options.password, end_point)
        else:
            reply = scram(pop, options.mechanism, options.user, options.password, end_point)
    print(reply)
    pop.send("QUIT")


main()
