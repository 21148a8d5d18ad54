"""gssapi.py PORT KIND SERVICE AUTHZID none|right|wrong: logs in with python-gssapi, prints the last reply."""

import sys

import gssapi
from gssapi.raw import ChannelBindings

from pop import Pop

port, kind, service, authzid, which = sys.argv[1:6]
pop = Pop(port, kind)
data = pop.bindings(which)
context = gssapi.SecurityContext(
    name=gssapi.Name(service + "@localhost", gssapi.NameType.hostbased_service),
    mech=gssapi.MechType.kerberos,
    flags=[gssapi.RequirementFlag.mutual_authentication, gssapi.RequirementFlag.integrity],
    usage="initiate",
    channel_bindings=ChannelBindings(application_data=data) if data else None,
)
pop.send("AUTH GSSAPI")
token = context.step(pop.challenge() or None)
while not context.complete:
    pop.respond(token)
    token = context.step(pop.challenge())
pop.respond(token or b"")
layers = context.unwrap(pop.challenge()).message
# RFC 4752 section 3.1: no security layer, and so no size.
assert layers == b"\x01\x00\x00\x00", layers
pop.respond(context.wrap(b"\x01\x00\x00\x00" + authzid.encode(), False).message)
print(pop.line())
