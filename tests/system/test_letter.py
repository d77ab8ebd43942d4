"""A letter in: SMTP, the direct path, the queue, the mailbox."""
import os
import re
import subprocess

import pytest

from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
BODY = b"From: x\r\nSubject: hello\r\n\r\nline\r\n.dot\r\n\xe4\r\n"


@pytest.fixture
def suite(tmpdir, bindir):
    with Suite(tmpdir, bindir) as s:
        yield s.start()


def read(path):
    with open(path, "rb") as f:
        return f.read()


def only(paths):
    assert len(paths) == 1, paths
    return read(paths[0])


def stuffed(body):
    return body.replace(b"\r\n.", b"\r\n..")


def check_copy(text, account, body=BODY):
    """The letter as it must lie in the mailbox: LF, trace, every octet."""
    head = re.match(
        rb"Return-Path: <x@elsewhere\.example>\n"
        rb"Delivered-To: ([^\n]*)\n"
        rb"Received: from client\.example \(\[127\.0\.0\.1\]\)\n"
        rb"\tby mail\.example\.org with ESMTP id [0-9a-v]{15};\n"
        rb"\t[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} "
        rb"\d\d:\d\d:\d\d [+-]\d{4}\n", text)
    assert head, text[:600]
    assert head[1].decode() == account
    assert text[head.end():] == body.replace(b"\r\n", b"\n")


def test_direct(suite):
    wire = suite.connect().greet()
    code, text = wire.mail("Alice@Example.ORG", stuffed(BODY)[:-2])
    assert code == "250"
    # the promise: it is there by now, and was never in the queue
    check_copy(only(suite.messages("alice@example.org")), "alice@example.org")
    assert suite.queue() == []
    assert not suite.said("queue.filed")
    wire.close()


def test_name_tells_sizes(suite):
    wire = suite.connect().greet()
    assert wire.mail("alice@example.org", stuffed(BODY)[:-2])[0] == "250"
    path, = suite.messages("alice@example.org")
    name, text = os.path.basename(path), read(path)
    sizes = re.search(r",S=(\d+),W=(\d+)$", name)
    assert sizes, name
    assert int(sizes[1]) == len(text)
    assert int(sizes[2]) == len(text) + text.count(b"\n")


def test_several_recipients_get_a_copy_each(suite):
    wire = suite.connect().greet()
    assert wire.mail(["alice@example.org", "bob@example.org"],
                     stuffed(BODY)[:-2])[0] == "250"
    for account in ("alice@example.org", "bob@example.org"):
        path, = suite.messages(account)
        check_copy(read(path), account)
        assert os.stat(path).st_nlink == 1
        assert os.stat(path).st_mode & 0o077 == 0


def test_queued(tmpdir, bindir):
    with Suite(tmpdir, bindir, yaml="queue: {direct_recipients: 0}\n") as s:
        s.start()
        wire = s.connect().greet()
        assert wire.mail(["alice@example.org", "bob@example.org"],
                         stuffed(BODY)[:-2])[0] == "250"
        assert s.said("queue.filed")
        wait_for("an empty queue", lambda: not s.queue())
        for account in ("alice@example.org", "bob@example.org"):
            check_copy(only(s.messages(account)), account)


def test_queue_file_says_what_is_to_happen(tmpdir, bindir):
    with Suite(tmpdir, bindir) as s:
        s.remove_worker("delivery")
        s.start(wait=False)
        wait_for("smtp", lambda: s.said("worker.ready", role="smtpd")
                 and s.said("worker.ready", role="qmgr"))

        def ready():
            """smtpd knows of the queue."""
            wire = s.connect().greet()
            if wire.say("MAIL FROM:<>")[0] != "250":
                wire.close()
                return None
            wire.say("RSET")
            return wire

        wire = wait_for("the queue", ready)
        assert wire.mail("alice@example.org", stuffed(BODY)[:-2])[0] == "250"
        name, = s.queue()
        lines = read(f"{s.spool}/new/{name}").decode("latin-1").split("\r\n")
        assert re.fullmatch(r"Mailstead-Queue: 1 offset=\d{10} size=\d{10} "
                            r"crc32c=[0-9a-f]{8} state=live", lines[0])
        assert lines[1] == "Mailstead-From: <x@elsewhere.example>"
        assert re.fullmatch(r"Mailstead-Arrived: \S+Z client=\[127\.0\.0\.1\]"
                            r" proto=ESMTP login=", lines[2])
        assert lines[3] == ("Mailstead-To: todo <alice@example.org> "
                            "account=alice@example.org")
        assert lines[4].startswith("Received: from client.example")
        s.kill_all()
        # delivered after a restart, once, and the file is gone
        s.add_worker("delivery")
        s.start()
        wait_for("an empty queue", lambda: not s.queue())
        check_copy(only(s.messages("alice@example.org")), "alice@example.org")


def test_aliases(tmpdir, bindir):
    with open(f"{tmpdir}/aliases", "w", encoding="ascii") as f:
        f.write("team@example.org: alice@example.org, bob@example.org, "
                "Alice@example.org\n")
    conf = f"paths_aliases: {tmpdir}/aliases\n"
    suite = Suite(tmpdir, bindir)
    text = read(suite.conf).decode().replace(
        "paths:\n", f"paths:\n  aliases: {tmpdir}/aliases\n")
    assert conf not in text
    with open(suite.conf, "w", encoding="ascii") as f:
        f.write(text)
    with suite as s:
        s.start()
        wire = s.connect().greet()
        assert wire.mail("team@example.org", stuffed(BODY)[:-2])[0] == "250"
        for account in ("alice@example.org", "bob@example.org"):
            check_copy(only(s.messages(account)), account)


def test_refusals(suite):
    wire = suite.connect().greet()
    assert wire.say("RCPT TO:<alice@example.org>")[0] == "503"
    assert wire.say("DATA")[0] == "503"
    assert wire.say("MAIL FROM:<a@b@c>")[0] == "501"
    assert wire.say("MAIL FROM:<a@b.example> SIZE=99999999999")[0] == "552"
    assert wire.say("MAIL FROM:<a@b.example> FOO=1")[0] == "555"
    assert wire.say("MAIL FROM:<a@b.example>")[0] == "250"
    assert wire.say("MAIL FROM:<a@b.example>")[0] == "503"
    assert wire.say("DATA")[0] == "503"
    assert wire.say("RCPT TO:<nobody@example.org>")[0] == "550"
    code, text = wire.say("RCPT TO:<x@elsewhere.example>")
    assert code == "550" and text.startswith("5.7.1")
    assert wire.say("RCPT TO:<alice@example.org>")[0] == "250"
    assert wire.say("VRFY alice")[0] == "252"
    assert wire.say("NONSENSE")[0] == "500"
    assert wire.say("AUTH PLAIN")[0] in ("502", "503")
    assert wire.say("RSET")[0] == "250"
    assert wire.say("DATA")[0] == "503"
    assert wire.say("QUIT")[0] == "221"
    assert suite.messages("alice@example.org") == []


@pytest.mark.parametrize("octets", [
    b"a\n.\nMAIL FROM:<evil@example.org>\nQUIT\n\r\n.\r\n",
    b"a\n.\r\nMAIL FROM:<evil@example.org>\r\n.\r\n",
    b"a\r\n.\nMAIL FROM:<evil@example.org>\r\n.\r\n",
    b"a\r.\rMAIL FROM:<evil@example.org>\r\n.\r\n",
    b"a\r\n.\rMAIL FROM:<evil@example.org>\r\n.\r\n",
    b"a\0b\r\n.\r\n",
])
def test_only_crlf_dot_crlf_ends_a_message(suite, octets):
    wire = suite.connect().greet()
    wire.say("MAIL FROM:<x@elsewhere.example>")
    wire.say("RCPT TO:<alice@example.org>")
    wire.say("DATA")
    wire.send(octets + b"NOOP\r\n")
    code, text = wire.reply()
    assert (code, text[:5]) == ("554", "5.6.0")
    # that was one message, refused, and then one command
    assert wire.reply()[0] == "250"
    assert suite.messages("alice@example.org") == []
    assert wire.mail("alice@example.org", b"good")[0] == "250"
    assert len(suite.messages("alice@example.org")) == 1


def test_pipelining(suite):
    wire = suite.connect().greet()
    wire.send(b"MAIL FROM:<x@elsewhere.example>\r\n"
              b"RCPT TO:<nobody@example.org>\r\nRCPT TO:<bob@example.org>\r\n"
              b"DATA\r\n")
    assert [wire.reply()[0] for _ in range(4)] == ["250", "550", "250", "354"]
    wire.send(b"x\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n")
    assert [wire.reply()[0] for _ in range(4)] == ["250", "250", "250", "221"]
    assert len(suite.messages("bob@example.org")) == 1


def test_large_message_and_limit(tmpdir, bindir):
    with Suite(tmpdir, bindir, yaml="smtpd: {max_message_size: 4MB}\n") as s:
        s.start()
        wire = s.connect().greet()
        line = b"x" * 76 + b"\r\n"
        body = line * (3 * 1048576 // len(line))
        assert wire.mail("alice@example.org", body)[0] == "250"
        code, text = wire.mail("alice@example.org", body * 2)
        assert (code, text[:5]) == ("552", "5.3.4")
        assert wire.mail("alice@example.org", b"small")[0] == "250"
        assert len(s.messages("alice@example.org")) == 2


def test_a_message_without_end_takes_no_room_from_others(tmpdir, bindir):
    yaml = ("smtpd: {processes: 1, max_message_size: 1MB, "
            "max_memory: 2MB}\n")
    with Suite(tmpdir, bindir, yaml=yaml) as s:
        s.start()
        endless = s.connect().greet()
        assert endless.say("MAIL FROM:<x@elsewhere.example>")[0] == "250"
        assert endless.say("RCPT TO:<alice@example.org>")[0] == "250"
        assert endless.say("DATA")[0] == "354"
        # more than any socket holds: most of it has been read by then
        endless.send((b"x" * 76 + b"\r\n") * (48 * 1048576 // 78))
        wire = s.connect().greet()
        assert wire.mail("bob@example.org", b"small")[0] == "250"
        endless.send(b"\r\n.\r\n")
        assert endless.reply()[0] == "552"
        # and the session goes on
        assert endless.mail("alice@example.org", b"small")[0] == "250"


def test_too_long_a_line_and_odd_bytes(suite):
    wire = suite.connect().greet()
    wire.send(b"NOOP " + b"x" * (10 << 20) + b"\r\n")
    assert wire.reply()[0] == "500"
    assert wire.say("NO\nOP")[0] == "500"
    assert wire.say("NO\0OP")[0] == "500"
    assert wire.say("NOOP")[0] == "250"


def test_too_many_errors(suite):
    wire = suite.connect().greet()
    codes = [wire.say("BAD")[0] for _ in range(21)]
    assert codes[:20] == ["500"] * 20
    assert wire.reply()[0] == "421"
    assert wire.reply() == ("", "")


def test_too_much_junk(suite):
    """A budget for what brings no mail; a message fills it again."""
    wire = suite.connect().greet()  # the first of them
    for _ in range(2):
        assert wire.say("NOOP")[0] == "250"
    assert wire.mail("bob@example.org", b"Subject: x\r\n\r\nx")[0] == "250"
    codes = [wire.say(("NOOP", "RSET", "VRFY x", "HELP")[n % 4])[0]
             for n in range(120)]
    assert set(codes) <= {"250", "252", "214"}
    wire.send(b"NOOP\r\n")
    assert wire.reply()[0] == "421"
    assert wire.reply() == ("", "")


EARLY = [b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n", b"HELO x\r\nNOOP\r\n",
         b"EHLO x\r\n\r\n"]


@pytest.mark.parametrize("early", EARLY)
def test_early_talkers(suite, early):
    wire = suite.connect()
    assert wire.reply()[0] == "220"
    wire.send(early)
    code, text = wire.reply()
    assert code == "554" and "[early-talker]" in text
    assert wire.reply() == ("", "")


def test_data_behind_data(suite):
    """No 354 has been said: what is behind it is no message, nor commands."""
    wire = suite.connect().greet()
    assert wire.say("MAIL FROM:<a@b.example>")[0] == "250"
    wire.send(b"RCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n"
              b".\r\nNOOP\r\n")
    assert wire.reply()[0] == "250"
    code, text = wire.reply()
    assert code == "554" and "[early-talker]" in text
    assert wire.reply() == ("", "")
    assert not suite.messages("bob@example.org") and not suite.queue()


def test_early_talkers_are_a_setting(tmpdir, bindir):
    with Suite(tmpdir, bindir, "smtpd: {early_talkers: true}\n") as suite:
        wire = suite.start().connect()
        wire.send(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n"
                  b"RCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n"
                  b"x\r\n.\r\nQUIT\r\n")
        assert [wire.reply()[0] for _ in range(7)] == [
            "220", "250", "250", "250", "354", "250", "221"]
        assert len(suite.messages("bob@example.org")) == 1


@pytest.mark.parametrize("options", [[], ["--pipeline"]])
def test_who_waits_is_served(suite, options):
    host, port = suite.address()
    done = subprocess.run(
        ["swaks", "--server", host, "--port", str(port), "--from",
         "x@elsewhere.example", "--to", "bob@example.org", *options],
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", ["swaks", "curl"])
def test_ordinary_programs(suite, program):
    host, port = suite.address()
    argv = {
        "swaks": ["swaks", "--server", host, "--port", str(port), "--from",
                  "x@elsewhere.example", "--to", "bob@example.org", "--body",
                  "token-4711"],
        "curl": ["curl", "-sS", f"smtp://{host}:{port}", "--mail-from",
                 "x@elsewhere.example", "--mail-rcpt", "bob@example.org",
                 "-T", "-"],
    }[program]
    subprocess.run(argv, input="Subject: s\r\n\r\ntoken-4711\r\n", text=True,
                   check=True, timeout=60, capture_output=True)
    assert b"token-4711" in only(suite.messages("bob@example.org"))


def test_a_long_alias_said_often_costs_once(tmpdir, bindir):
    members = [f"u{n}@example.org" for n in range(2000)]
    with open(f"{tmpdir}/aliases", "w", encoding="ascii") as f:
        f.write("all@example.org: " + ",\n ".join(members) + "\n")
    suite = Suite(tmpdir, bindir, accounts=members)
    text = read(suite.conf).decode().replace(
        "paths:\n", f"paths:\n  aliases: {tmpdir}/aliases\n")
    with open(suite.conf, "w", encoding="ascii") as f:
        f.write(text)
    with suite as s:
        s.start()
        wire = s.connect().greet()
        wire.say("MAIL FROM:<x@elsewhere.example>")
        # each is another recipient to smtpd, and the same people
        wire.send(b"".join(b"RCPT TO:<all+%d@example.org>\r\n" % n
                           for n in range(1000)))
        codes = {wire.reply()[0] for _ in range(1000)}
        assert wire.say("RSET")[0] == "250"
        assert wire.mail("all@example.org", b"Subject: x\r\n")[0] == "250"
        wait_for("an empty queue", lambda: not s.queue())
        assert sum(len(s.messages(m)) for m in members) == 2000
        assert codes <= {"250", "550"}


def test_login_in_clear_does_not_outlive_starttls(tmpdir, bindir):
    import base64
    import ssl
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
         f"{tmpdir}/key.pem", "-out", f"{tmpdir}/cert.pem", "-days", "2",
         "-subj", "/CN=localhost"], check=True, capture_output=True)
    with Suite(tmpdir, bindir, yaml="auth: {allow_plaintext: true}\n"
               f"tls: {{certificate: {tmpdir}/cert.pem, "
               f"key: {tmpdir}/key.pem}}\n") as s:
        s.start()
        subprocess.run(
            [f"{bindir}/steadctl", "-c", s.conf, "account", "passwd",
             "alice@example.org"], input="of-this-test\n", text=True,
            check=True, capture_output=True)
        wire = s.connect("submission").greet()
        secret = base64.b64encode(b"\0alice@example.org\0of-this-test")
        assert wire.say("AUTH PLAIN " + secret.decode())[0] == "235"
        assert wire.say("STARTTLS")[0] == "220"
        context = ssl.create_default_context(cafile=f"{tmpdir}/cert.pem")
        context.check_hostname = False
        wire.sock = context.wrap_socket(wire.sock)
        wire.file = wire.sock.makefile("rb")
        assert wire.say("EHLO again")[0] == "250"
        assert wire.say("MAIL FROM:<alice@example.org>")[0] == "530"


def test_who_has_logged_in_sends_to_other_hosts(tmpdir, bindir):
    import base64
    with Suite(tmpdir, bindir,
               yaml="auth: {allow_plaintext: true}\n") as s:
        s.start()
        subprocess.run(
            [f"{bindir}/steadctl", "-c", s.conf, "account", "passwd",
             "alice@example.org"], input="of-this-test\n", text=True,
            check=True, capture_output=True)
        wire = s.connect("submission").greet()
        secret = base64.b64encode(b"\0alice@example.org\0of-this-test")
        assert wire.say("MAIL FROM:<alice@example.org>")[0] == "530"
        assert wire.say("AUTH PLAIN " + secret.decode())[0] == "235"
        assert wire.say("MAIL FROM:<alice@example.org>")[0] == "250"
        assert wire.say("RCPT TO:<x@far.example.net>")[0] == "250"
        assert wire.say("RCPT TO:<nobody@example.org>")[0] == "550"
        assert wire.say("DATA")[0] == "354"
        code, text = wire.say("Subject: far\r\n\r\nbody\r\n.")
        assert code == "250"
        qid, = s.queue()
        with open(f"{s.spool}/new/{qid}", "rb") as f:
            assert b"\nMailstead-To: todo <x@far.example.net>\r\n" in f.read()
        out = subprocess.run(
            [f"{bindir}/steadctl", "-c", s.conf, "queue", "show",
             qid], text=True, check=True, capture_output=True).stdout
        assert "<x@far.example.net> at another host" in out


def test_size_of_twenty_digits(suite):
    wire = suite.connect().greet()
    code, text = wire.say("MAIL FROM:<a@b.example> SIZE=99999999999999999999")
    assert (code, text[:5]) == ("552", "5.3.4")
    assert wire.say("MAIL FROM:<a@b.example> SIZE=1x")[0] == "555"


def test_client_by_ipv6_is_named_as_rfc_5321_says(tmpdir, bindir):
    with Suite(tmpdir, bindir, yaml="""\
listen:
  smtp: ["[::1]:0"]
  submission: []
  pop3: []
""") as s:
        s.start()
        wire = s.connect().greet()
        assert wire.mail("alice@example.org", b"Subject: x\r\n")[0] == "250"
        assert b"([IPv6:::1])" in only(s.messages("alice@example.org"))
        assert s.events("smtp.connect")[0]["client"] == "::1"
