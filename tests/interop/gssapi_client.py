#!/usr/bin/env python3
"""Logs in with AUTH GSSAPI through MIT's own library as initiator, and prints the last reply.

    gssapi_client.py [--service pop] [--end-point HEX] [--authzid NAME] [--mutual] [--garbage] PORT

It takes the tickets of $KRB5CCNAME and can ask for what the usual clients cannot: another service
name, channel bindings, an authorization identity. Needs libgssapi_krb5.so.2 only.
"""
import argparse
import base64
import ctypes as c
import socket

GSS = c.CDLL("libgssapi_krb5.so.2")
MUTUAL = 2


class Buffer(c.Structure):
    _fields_ = [("length", c.c_size_t), ("value", c.c_void_p)]

    @classmethod
    def of(cls, octets):
        buffer = cls(len(octets), c.cast(c.c_char_p(octets), c.c_void_p))
        buffer.keep = octets
        return buffer

    def octets(self):
        return c.string_at(self.value, self.length) if self.value else b""


class Oid(c.Structure):
    _fields_ = [("length", c.c_uint32), ("elements", c.c_char_p)]


class Bindings(c.Structure):
    _fields_ = [
        ("initiator_type", c.c_uint32), ("initiator", Buffer),
        ("acceptor_type", c.c_uint32), ("acceptor", Buffer),
        ("application_data", Buffer),
    ]


KRB5 = Oid(9, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02")
PRINCIPAL = Oid(10, b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01")


def check(major, minor, what):
    if major >> 16:
        raise SystemExit(f"{what}: major {major:#x}, minor {minor.value:#x}")
    return major


def call(name, *arguments):
    minor = c.c_uint32()
    return check(getattr(GSS, name)(c.byref(minor), *arguments) & 0xFFFFFFFF, minor, name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--service", default="pop")
    parser.add_argument("--end-point")
    parser.add_argument("--authzid", default="")
    parser.add_argument("--mutual", action="store_true")
    parser.add_argument("--garbage", action="store_true")
    parser.add_argument("port", type=int)
    options = parser.parse_args()

    connection = socket.create_connection(("127.0.0.1", options.port), timeout=20)
    lines = connection.makefile("rb")

    def send(line):
        connection.sendall(line + b"\r\n")
        return lines.readline().rstrip(b"\r\n")

    lines.readline()
    reply = send(b"AUTH GSSAPI")
    if options.garbage:
        print(send(base64.b64encode(b"garbage")).decode())
        return

    target = c.c_void_p()
    name = f"{options.service}/localhost@TEST.LOCAL".encode()
    call("gss_import_name", c.byref(Buffer.of(name)), c.byref(PRINCIPAL), c.byref(target))
    bindings = None
    if options.end_point:
        data = b"tls-server-end-point:" + bytes.fromhex(options.end_point)
        bindings = c.byref(Bindings(0, Buffer(), 0, Buffer(), Buffer.of(data)))
    context, token, more = c.c_void_p(), b"", True
    while more:
        output = Buffer()
        major = call(
            "gss_init_sec_context", None, c.byref(context), target, c.byref(KRB5),
            c.c_uint32(MUTUAL if options.mutual else 0), c.c_uint32(0), bindings,
            c.byref(Buffer.of(token)), None, c.byref(output), None, None,
        )
        more = bool(major & 1)
        if output.length or not more:
            reply = send(base64.b64encode(output.octets()))
            if not reply.startswith(b"+ "):
                print(reply.decode())
                return
            token = base64.b64decode(reply[2:])
    offer = Buffer()
    call("gss_unwrap", context, c.byref(Buffer.of(token)), c.byref(offer), None, None)
    assert offer.octets() == b"\x01\0\0\0", offer.octets()
    answer = Buffer()
    choice = Buffer.of(b"\x01\0\0\0" + options.authzid.encode())
    call("gss_wrap", context, c.c_int(0), c.c_uint32(0), c.byref(choice), None, c.byref(answer))
    print(send(base64.b64encode(answer.octets())).decode())
    send(b"QUIT")


main()
