"""One POP3 session with Python's poplib: every command, every octet compared.

usage: session.py clear|stls|tls PORT FILE FILE FILE
The files hold the expected messages. The second message is deleted.
"""

import poplib
import ssl
import sys

poplib._MAXLINE = 1 << 20


def connect(way, port):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if way == "tls":
        return poplib.POP3_SSL("127.0.0.1", port, context=context, timeout=60)
    session = poplib.POP3("127.0.0.1", port, timeout=60)
    if way == "stls":
        assert "STLS" in session.capa()
        session.stls(context=context)
        assert "STLS" not in session.capa()
    return session


def octets(lines):
    return b"".join(line + b"\r\n" for line in lines)


def main(way, port, *files):
    expected = [open(file, "rb").read() for file in files]
    session = connect(way, int(port))
    assert session.getwelcome() == b"+OK The Pillarbox POP3 service is ready.", session.getwelcome()
    session.user("alice")
    try:
        session.pass_("wrong")
        sys.exit("a wrong password was taken")
    except poplib.error_proto as error:
        assert b"[AUTH]" in error.args[0], error
    session.user("alice")
    session.pass_("se cret")
    assert session.stat() == (3, sum(map(len, expected))), session.stat()
    listed = [line.split() for line in session.list()[1]]
    assert listed == [[b"%d" % (n + 1), b"%d" % len(m)] for n, m in enumerate(expected)], listed
    ids = session.uidl()[1]
    assert session.uidl(2) == b"+OK " + ids[1], session.uidl(2)
    for number, message in enumerate(expected, 1):
        assert octets(session.retr(number)[1]) == message, number
        header = message.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        assert octets(session.top(number, 0)[1]) == header, number
    session.dele(1)
    session.rset()
    session.dele(2)
    session.noop()
    assert session.stat()[0] == 2
    session.quit()
    session = connect(way, int(port))
    session.user("alice")
    session.pass_("se cret")
    assert session.uidl()[1] == [ids[0], b"2 " + ids[2].split()[1]]
    session.quit()


main(*sys.argv[1:])
