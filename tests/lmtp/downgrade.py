"""Reads messages that were downgraded, and what they were before.

usage: downgrade.py FOLDER COUNT
FOLDER holds N.sent, an internationalized message (RFC 6532), and N.got, what a client got that does not know those.
"""

import email
import re
import sys
from email.header import decode_header, make_header
from email.policy import default
from pathlib import Path

INVALID = "invalid@internationalized-address.invalid"
LISTS = ["From", "To", "Cc", "Reply-To"]
TEXTS = ["Subject", "Comments", "Content-Description"]


def dense(text):
    """This Python shows the blank between two encoded words of a name; RFC 2047 section 6.2 does not."""
    return "".join(text.split())


def check_lines(octets):
    """Lines of the header, as octets."""
    assert octets.isascii(), octets
    for line in octets.split(b"\r\n"):
        assert len(line) <= 998, line
        words = re.findall(rb"=\?UTF-8\?B\?[^?]*\?=", line)
        assert not words or len(line) <= 76, line
        assert all(len(word) <= 75 for word in words), line
        for word in words:
            assert b" " + word + b" " in b" " + line + b" ", line


def check_address(before, after):
    name, address = before.display_name, before.addr_spec
    if address.isascii():
        assert after.addr_spec == address, (before, after)
        assert dense(after.display_name) == dense(name), (before, after)
    else:
        assert after.addr_spec == INVALID, (before, after)
        shown = f"{name} <{address}>" if name else address
        assert dense(after.display_name) == dense(shown), (before, after)


def check_list(name, before, after):
    assert not after.defects, (name, str(before), after.defects)
    assert len(before.groups) == len(after.groups), (str(before), str(after))
    for one, other in zip(before.groups, after.groups):
        assert dense(one.display_name or "") == dense(other.display_name or ""), (one, other)
        assert len(one.addresses) == len(other.addresses), (one, other)
        for pair in zip(one.addresses, other.addresses):
            check_address(*pair)


def check_names(before, after):
    """With the older decoder, which drops that blank."""
    decoded = str(make_header(decode_header(after)))
    for address in before.addresses:
        if not address.addr_spec.isascii():
            assert address.addr_spec in decoded, (str(before), decoded)
        if not address.display_name.isascii():
            assert address.display_name in decoded, (str(before), decoded)


def check_part(before, after):
    assert not after.defects, after.defects
    assert after.get_content_type() == before.get_content_type()
    for name, value in after.raw_items():
        assert value.isascii(), (name, value)
        assert not after[name].defects, (name, value, after[name].defects)
    for name in LISTS:
        assert (name in before) == (name in after), name
        if name in before:
            check_list(name, before[name], after[name])
            check_names(before[name], dict(after.raw_items())[name])
    for name in TEXTS:
        assert before[name] == after[name], (before[name], after[name])
    assert "X-Y" not in after
    assert after["Date"] == before["Date"]
    assert after.get_filename() == before.get_filename(), (before.get_filename(), after.get_filename())
    assert after.get_param("name") is None or str(after["Content-Type"].params["name"]) == str(
        before["Content-Type"].params["name"]
    )
    assert after.is_multipart() == before.is_multipart()
    if not after.is_multipart():
        assert after.get_payload(decode=True).decode().replace("\r\n", "\n") == before.get_payload()


def check(sent, got):
    check_lines(got.split(b"\r\n\r\n")[0])
    before = email.message_from_string(sent.decode().replace("\r\n", "\n"), policy=default)
    after = email.message_from_bytes(got, policy=default)
    assert after["Return-Path"] == f"<{INVALID}>", after["Return-Path"]
    parts = list(before.walk()), list(after.walk())
    kinds = [[part.get_content_type() for part in walk] for walk in parts]
    assert kinds[0] == kinds[1], kinds
    for pair in zip(*parts):
        check_part(*pair)


def main(directory, count):
    for number in range(1, int(count) + 1):
        sent, got = (Path(directory, f"{number}.{kind}").read_bytes() for kind in ("sent", "got"))
        try:
            check(sent, got)
        except Exception:
            sys.stderr.write(f"message {number}\n{sent.decode()}\n---\n{got.decode()}\n---\n")
            raise


main(*sys.argv[1:])
