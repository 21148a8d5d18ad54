"""ntlm.py PORT KIND USER PASSWORD none|right|wrong [mic]: logs in with pyspnego, prints the last reply."""

import sys

import spnego
from spnego.channel_bindings import GssChannelBindings

from pop import Pop

port, kind, user, password, which = sys.argv[1:6]
pop = Pop(port, kind)
data = pop.bindings(which)
client = spnego.client(
    user,
    password,
    hostname="localhost",
    service="pop",
    protocol="ntlm",
    options=spnego.NegotiateOptions.use_ntlm,
    channel_bindings=GssChannelBindings(application_data=data) if data else None,
)
pop.send("AUTH NTLM")
pop.challenge()
pop.respond(client.step())
answer = client.step(pop.challenge())
if "mic" in sys.argv[6:]:
    # The message integrity code stands at 72, and there is one.
    assert answer[72:88] != bytes(16)
    answer = answer[:72] + bytes([answer[72] ^ 1]) + answer[73:]
pop.respond(answer)
print(pop.line())
