"""Application passwords: made, used, limited to services and taken back by
steadctl; curl, swaks and Python's clients log in with them."""
import imaplib
import json
import poplib
import re
import smtplib
import subprocess

import pytest

from tests.system.test_pop3 import ALICE, LISTEN, SECRET, Mail

pytestmark = pytest.mark.usefixtures("netns")
SUBMISSION = LISTEN.replace("submission: []", 'submission: ["127.0.0.1:0"]')


@pytest.fixture
def suite(tmpdir, bindir):
    with Mail(tmpdir, bindir) as s:
        yield s.begin(listen=SUBMISSION)


def ctl(suite, *words):
    done = subprocess.run(
        [f"{suite.bindir}/steadctl", "-c", suite.conf, *words], text=True,
        capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def make(suite, name, *words):
    status, out, err = ctl(suite, "app-password", "add", ALICE, name, *words)
    assert status == 0 and "this once" in err, err
    assert re.fullmatch(r"([0-9a-z]{4}-){4}[0-9a-z]{4}\n", out)
    return out.strip()


def comes_in(suite, service, password):
    """By curl for the mailboxes, by swaks for submission."""
    port = suite.address("submission" if service == "smtp" else service)[1]
    if service == "smtp":
        argv = ["swaks", "--server", f"localhost:{port}", "--tls", "--auth",
                "PLAIN", "--auth-user", ALICE, "--auth-password", password,
                "--quit-after", "AUTH", "--hide-all"]
    else:
        argv = ["curl", "-sS", "--cacert", suite.cert, "--ssl-reqd", "-u",
                f"{ALICE}:{password}", f"{service}://localhost:{port}/"]
    return subprocess.run(argv, check=False, timeout=60,
                          capture_output=True).returncode == 0


def test_each_for_its_services(suite):
    phone = make(suite, "my phone", "--for", "imap,smtp")
    fetch = make(suite, "fetch é", "--for", "pop3")
    any_of_them = make(suite, "any")
    for password, services in ((phone, {"imap", "smtp"}), (fetch, {"pop3"}),
                               (any_of_them, {"imap", "pop3", "smtp"}),
                               (SECRET, {"imap", "pop3", "smtp"})):
        assert {s for s in ("imap", "pop3", "smtp")
                if comes_in(suite, s, password)} == services
    assert "app:fetch " in suite.events("auth.ok", service="pop3")[0]["how"]
    assert suite.said("auth.ok", service="imap", how="password")
    assert suite.said("auth.odd", service="pop3")
    # nothing of them is kept, or told
    with open(f"{suite.folder}/state/auth/accounts", encoding="ascii") as f:
        kept = f.read()
    for secret in (phone, fetch, any_of_them):
        for form in (secret, secret.replace("-", "")):
            assert form not in kept and form not in suite.text()
    # as people type them
    assert comes_in(suite, "imap", phone.upper().replace("-", " "))
    # the reload of a compiled directory understands the file
    assert ctl(suite, "reload")[0] == 0
    assert comes_in(suite, "imap", phone)


def test_taken_back(suite):
    phone, laptop = make(suite, "phone"), make(suite, "laptop")
    status, out, _ = ctl(suite, "app-password", "list", ALICE)
    assert status == 0 and [line.split(None, 2)[1:] for line in
                            out.splitlines()] == [
        ["smtp,pop3,imap", "phone"], ["smtp,pop3,imap", "laptop"]]
    assert ctl(suite, "app-password", "remove", ALICE, "phone") == (0, "", "")
    assert not comes_in(suite, "imap", phone)
    assert comes_in(suite, "imap", laptop)
    status, out, _ = ctl(suite, "--json", "app-password", "list", ALICE)
    said, = json.loads(out)
    assert said["name"] == "laptop" and said["services"] == "smtp,pop3,imap"
    assert [a["apps"] for a in json.loads(
        ctl(suite, "--json", "account", "list")[1])
        if a["login"] == ALICE] == [1]
    # a new password of the account's leaves them; removing it does not
    suite.passwd("another")
    assert comes_in(suite, "imap", laptop)
    status, out, _ = ctl(suite, "--json", "app-password", "add", ALICE, "json")
    assert comes_in(suite, "imap", json.loads(out)["password"])
    assert ctl(suite, "account", "remove", ALICE)[0] == 0
    assert not comes_in(suite, "imap", laptop)


def test_mistakes_change_nothing(suite):
    make(suite, "phone")
    path = f"{suite.folder}/state/auth/accounts"
    with open(path, encoding="ascii") as f:
        before = f.read()
    for words, said in (
            (("add", ALICE, "phone"), "of that name"),
            (("add", ALICE, ""), "1 to 64"), (("add", ALICE, "a:b"), "':'"),
            (("add", ALICE, "x" * 65), "1 to 64"),
            (("add", ALICE, "x", "--for", "nntp"), "imap, pop3"),
            (("add", "nobody@example.org", "x"), "no account"),
            (("add", "no-address", "x"), "@"),
            (("list", "nobody@example.org"), "no account"),
            (("remove", ALICE, "other"), "of that name"),
            (("remove", "nobody@example.org", "phone"), "no account")):
        status, out, err = ctl(suite, "app-password", *words)
        assert (status, out) == (1, "") and said in err, words
    for words in (("add", ALICE), ("add", ALICE, "x", "--for"),
                  ("add", ALICE, "x", "--to", "imap")):
        assert ctl(suite, "app-password", *words)[0] == 64, words
    with open(path, encoding="ascii") as f:
        assert f.read() == before


def test_python(suite):
    """LOGIN of SMTP, LOGIN of IMAP, USER and PASS of POP3."""
    password = make(suite, "python")
    with smtplib.SMTP(*suite.address("submission"), timeout=60) as smtp:
        smtp.starttls(context=suite.context())
        smtp.user, smtp.password = ALICE, password
        smtp.ehlo()
        assert smtp.auth("LOGIN", smtp.auth_login)[0] == 235
        assert smtp.sendmail(ALICE, [ALICE], b"Subject: 1\r\n\r\nx\r\n") == {}
    imap = imaplib.IMAP4(*suite.address("imap"))
    imap.starttls(suite.context())
    imap.login(ALICE, password)
    assert imap.select()[1] == [b"1"]
    imap.logout()
    pop = poplib.POP3(*suite.address("pop3"), timeout=60)
    pop.stls(suite.context())
    pop.user(ALICE)
    pop.pass_(password)
    assert pop.stat()[0] == 1
    pop.quit()
