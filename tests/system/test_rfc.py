"""docs/rfc.md against what EHLO says, both ways."""
import glob
import os
import re
import smtplib
import ssl
import subprocess

import pytest

from tests.system.suite import Suite

pytestmark = pytest.mark.usefixtures("netns")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def rows():
    """(RFC, keyword, state, the row's text) of each row."""
    found = []
    with open(f"{ROOT}/docs/rfc.md", encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if len(cells) == 4 and cells[0].isdigit():
                state = re.match(r"(done|partly|not)\b", cells[3])
                assert state, line
                found.append((cells[0], cells[1], state[1], cells[3]))
    assert len(found) > 20
    return found


def offered(suite, service, tls):
    """The keywords behind EHLO; of a plain connection, or behind STARTTLS."""
    ctx = ssl._create_unverified_context()
    with smtplib.SMTP(*suite.address(service), timeout=60) as c:
        c.ehlo()
        said = set(c.esmtp_features)
        if tls:
            c.starttls(context=ctx)
            c.ehlo()
            said |= set(c.esmtp_features)
    # smtplib's way with "AUTH=", which old servers say
    return {word.upper() for word in said}


@pytest.fixture
def suite(tmpdir, bindir):
    cert, key = f"{tmpdir}/cert", f"{tmpdir}/key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=x", "-days",
         "30", "-keyout", key, "-out", cert], check=True, capture_output=True)
    with Suite(tmpdir, bindir,
               yaml=f"tls: {{certificate: {cert}, key: {key}}}\n") as s:
        yield s.start()


def test_what_is_offered_is_in_the_table(suite):
    said = offered(suite, "smtp", True) | offered(suite, "submission", True)
    done = {word for _, word, state, _ in rows() if word and state != "not"}
    not_done = {word for _, word, state, _ in rows()
                if word and state == "not"}
    assert not said & not_done
    assert said == done
    # a stranger is not offered a log-in, nor anybody in clear
    assert "AUTH" not in offered(suite, "smtp", True)
    assert "AUTH" not in offered(suite, "submission", False)


def test_the_limit_is_enforced(tmpdir, bindir):
    """RFC 9422: not one more, and not one less."""
    with Suite(tmpdir, bindir, accounts=["alice@example.org"],
               yaml="smtpd: {max_recipients: 100}\n") as s:
        wire = s.start().connect()
        wire.reply()
        assert "LIMITS RCPTMAX=100" in wire.say("EHLO x.example")[1]
        assert wire.say("MAIL FROM:<x@elsewhere.example>")[0] == "250"
        said = [wire.say(f"RCPT TO:<alice+{n}@example.org>")
                for n in range(101)]
        assert [code for code, _ in said[:100]] == ["250"] * 100
        assert said[100][0] == "452" and said[100][1].startswith("4.5.3")


def test_what_is_named_is_there():
    tests = {os.path.basename(p) for p in glob.glob(f"{ROOT}/tests/**/test_*",
                                                    recursive=True)}
    for rfc, _, state, text in rows():
        named = re.findall(r"`([^`]*test_[^`]*)`", text)
        assert state == "not" or named, f"RFC {rfc}: no test"
        for name in named:
            assert os.path.basename(name) in tests, (rfc, name)
            assert "/" not in name or os.path.exists(f"{ROOT}/{name}"), name
