"""BDAT (RFC 3030): chunks, their order, and what is done with octets that are
refused."""
import smtplib

import pytest

from tests.system.suite import Suite

pytestmark = pytest.mark.usefixtures("netns")
ALICE = "alice@example.org"
BODY = b"Subject: in chunks\r\n\r\n.\r\n..two\r\n\xe4\r\nQUIT\r\n"


@pytest.fixture
def suite(tmpdir, bindir):
    with Suite(tmpdir, bindir, yaml="smtpd: {max_message_size: 100kB, "
               "max_errors: 1000}\n") as s:
        yield s.start()


def only(suite, n=1):
    """The contents of the n messages, behind our trace."""
    found = []
    for path in suite.messages(ALICE):
        with open(path, "rb") as f:
            text = f.read()
        found.append(text[text.find(b"Subject: "):])
    assert len(found) == n, found
    return found


def begin(suite, wire=None):
    wire = wire or suite.connect().greet()
    assert wire.say("MAIL FROM:<x@elsewhere.example> BODY=8BITMIME")[0] == \
        "250"
    assert wire.say(f"RCPT TO:<{ALICE}>")[0] == "250"
    return wire


def chunk(wire, data, last=False, size=None):
    wire.send(b"BDAT %d%s\r\n" % (len(data) if size is None else size,
                                  b" LAST" if last else b"") + data)
    return wire.reply()


@pytest.mark.parametrize("step", [1, 7, len(BODY), 1000])
def test_any_cut(suite, step):
    wire = begin(suite)
    for at in range(0, len(BODY), step):
        part = BODY[at:at + step]
        assert chunk(wire, part) == (
            "250", f"2.0.0 {len(part)} octets received")
    code, text = chunk(wire, b"", last=True)
    assert code == "250" and text.startswith("2.0.0 Ok: ")
    # the 250 is the promise, as after DATA
    assert only(suite) == [BODY.replace(b"\r\n", b"\n")]
    assert not suite.said("queue.filed")
    # and the next message, in one
    begin(suite, wire)
    assert chunk(wire, BODY, last=True)[0] == "250"
    only(suite, 2)


def test_pipelined(suite):
    """As RFC 3030 4.2 does it, by a client that does not wait."""
    with smtplib.SMTP(*suite.address(), timeout=60) as c:
        c.ehlo()
        assert c.has_extn("CHUNKING")
    wire = suite.connect().greet()
    wire.send(b"MAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<" +
              ALICE.encode() + b">\r\nBDAT %d\r\n" % len(BODY) + BODY +
              b"BDAT 7 last\r\nthe end" + b"NOOP\r\n")
    assert [wire.reply()[0] for _ in range(5)] == ["250"] * 5
    assert only(suite)[0].endswith(b"QUIT\nthe end")


def test_empty(suite):
    wire = begin(suite)
    assert chunk(wire, b"", last=True)[0] == "250"
    assert len(suite.messages(ALICE)) == 1


def test_octets_are_no_commands(suite):
    """Whatever is refused is read and thrown away, RFC 3030 2."""
    evil = b"MAIL FROM:<evil@elsewhere.example>\r\n" * 3
    wire = suite.connect()
    wire.reply()
    assert chunk(wire, evil)[0] == "503"             # before EHLO
    assert wire.say("EHLO client.example")[0] == "250"
    assert chunk(wire, evil, last=True)[0] == "503"  # no transaction
    assert wire.say("MAIL FROM:<x@elsewhere.example>")[0] == "250"
    assert chunk(wire, evil)[0] == "503"             # no recipient
    assert wire.say(f"RCPT TO:<{ALICE}>")[0] == "250"
    assert chunk(wire, BODY)[0] == "250"
    for line in ("DATA", f"RCPT TO:<{ALICE}>", "MAIL FROM:<>"):
        assert wire.say(line)[0] == "503", line
    assert wire.say("NOOP")[0] == "250"
    assert chunk(wire, b"", last=True)[0] == "250"
    assert chunk(wire, evil, last=True)[0] == "503"  # behind the last
    assert chunk(wire, b"")[0] == "503"
    # and the session is good
    begin(suite, wire)
    assert chunk(wire, BODY, last=True)[0] == "250"
    assert only(suite, 2) == [BODY.replace(b"\r\n", b"\n")] * 2
    wire = suite.connect()
    wire.reply()
    assert wire.say("HELO client.example")[0] == "250"
    begin_helo = [wire.say("MAIL FROM:<x@elsewhere.example>"),
                  wire.say(f"RCPT TO:<{ALICE}>")]
    assert [r[0] for r in begin_helo] == ["250", "250"]
    assert chunk(wire, evil)[0] == "503"             # not offered
    assert wire.say("DATA")[0] == "354"


@pytest.mark.parametrize("bad, code", [
    (b"a\nb\r\n", "554"), (b"a\rb\r\n", "554"), (b"a\0b\r\n", "554"),
    (b"\n.\n", "554"), (b"x" * 110000, "552")],
    ids=["LF", "CR", "NUL", "dot", "large"])
@pytest.mark.parametrize("last", [False, True])
def test_a_chunk_fails(suite, bad, code, last):
    """The transaction is over; what was pipelined behind it fails too."""
    wire = begin(suite)
    assert chunk(wire, b"Subject: fails\r\n\r\n")[0] == "250"
    wire.send(b"BDAT %d%s\r\n" % (len(bad), b" LAST" if last else b"") + bad +
              b"BDAT 10 LAST\r\n0123456789")
    assert [wire.reply()[0] for _ in range(2)] == [code, "503"]
    assert wire.say("RSET")[0] == "250"
    assert suite.messages(ALICE) == [] and suite.queue() == []
    begin(suite, wire)
    assert chunk(wire, BODY, last=True)[0] == "250"
    only(suite)


def test_cr_at_the_end_of_all(suite):
    wire = begin(suite)
    assert chunk(wire, b"Subject: x\r\n\r\nb\r")[0] == "250"
    # half a line end, of which the other half never comes
    assert chunk(wire, b"", last=True)[0] == "554"
    # but between chunks it may be cut
    begin(suite, wire)
    assert chunk(wire, b"Subject: x\r\n\r\nb\r")[0] == "250"
    assert chunk(wire, b"\n", last=True)[0] == "250"
    assert only(suite) == [b"Subject: x\n\nb\n"]


@pytest.mark.parametrize("after", ["RSET", "EHLO client.example"])
def test_given_up(suite, after):
    wire = begin(suite)
    assert chunk(wire, BODY)[0] == "250"
    assert wire.say(after)[0] == "250"
    assert chunk(wire, b"", last=True)[0] == "503"
    assert suite.messages(ALICE) == []


@pytest.mark.parametrize("args", [
    "", " ", " x", " -1", " 5 FIRST", " 5 LAST LAST", " 0x10", " 1e3",
    " 99999999999999999999", " LAST"])
def test_nobody_knows_where_it_ends(suite, args):
    """What follows must not be taken for commands: the session is closed."""
    wire = begin(suite)
    wire.send(b"BDAT" + args.encode() + b"\r\nNOOP\r\nNOOP\r\n")
    assert wire.reply()[0] == "501"
    assert wire.reply()[0] == ""
    assert suite.messages(ALICE) == []


def test_a_client_leaves(suite):
    wire = begin(suite)
    assert chunk(wire, BODY)[0] == "250"
    wire.send(b"BDAT 1000 LAST\r\n" + b"x" * 500)
    wire.close()
    wire = begin(suite)
    assert chunk(wire, BODY, last=True)[0] == "250"
    assert only(suite) == [BODY.replace(b"\r\n", b"\n")]


def test_sent_by_another_server(suite):
    """A huge one is cut as servers cut it, by 64 kB."""
    wire = begin(suite)
    body = BODY + b"a line of the body\r\n" * 4000
    for at in range(0, len(body), 65536):
        last = at + 65536 >= len(body)
        assert chunk(wire, body[at:at + 65536], last)[0] == "250"
    assert only(suite) == [body.replace(b"\r\n", b"\n")]
