"""scram.py PORT KIND USER PASSWORD n|y|right|wrong: logs in with scramp, prints the last reply.

n: the client cannot bind; y: it could, but believes that the server cannot; the others: -PLUS."""

import sys

import scramp

from pop import Pop

port, kind, user, password, which = sys.argv[1:6]
pop = Pop(port, kind)
if which in ("right", "wrong"):
    name = "SCRAM-SHA-256-PLUS"
    data = pop.bindings(which)[len(b"tls-server-end-point:") :]
    client = scramp.ScramClient([name], user, password, channel_binding=("tls-server-end-point", data))
else:
    name = "SCRAM-SHA-256"
    binding = ("tls-server-end-point", b"x") if which == "y" else None
    client = scramp.ScramClient([name], user, password, channel_binding=binding)
pop.send("AUTH " + name)
pop.challenge()
first = client.get_client_first()
assert first[0] == {"n": "n", "y": "y"}.get(which, "p"), first
pop.respond(first.encode())
client.set_server_first(pop.challenge().decode())
pop.respond(client.get_client_final().encode())
client.set_server_final(pop.challenge().decode())
pop.send("")
print(pop.line())
