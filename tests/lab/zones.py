"""Zones of a whole DNS, for peers.Nsd: a root, net., test., example.net."""
ROOT = """
ns.root. A {ip}
net. NS ns.root.
test. NS ns.root.
"""
NET = """
example.net. NS ns.root.
example NS ns.root.
"""
EXAMPLE = """
@ MX 20 mx2
@ MX 10 mx1
@ MX 10 other.example.net.
@ MX 30 nothing
mx1 A 192.0.2.3
mx1 AAAA 2001:db8::3
mx2 A 192.0.2.4
other A 192.0.2.5
plain A 192.0.2.6
null MX 0 .
alias CNAME plain
mxalias CNAME @
noaddr MX 10 nothing
nothing TXT "x"
dangling MX 10 missing
loop CNAME loop2
loop2 CNAME loop
inward MX 10 me
me A 127.0.0.1
self MX 10 mail.example.org.
self MX 20 mx1
worse MX 10 mx1
worse MX 20 mail.example.org.
many MX 1 m
"""
MANY = "".join(f"m A 192.0.2.{n}\n" for n in range(1, 40)) + "".join(
    f"lots MX {n} h{n}\nh{n} A 192.0.2.{n}\n" for n in range(1, 60))
ALL = {".": ROOT, "net": NET, "example.net": EXAMPLE + MANY,
       "test": "@ A 192.0.2.9\n@ MX 5 a\na A 192.0.2.8\n"}
