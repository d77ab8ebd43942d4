"""Certificates and tickets, judged by OpenSSL's s_client: the certificate by
the name that is asked for, files that change under a running server, sessions
that are taken up again."""
import json
import os
import re
import subprocess

import pytest

from tests.system.suite import Suite, wait_for

pytestmark = pytest.mark.usefixtures("netns")
LISTEN = """\
listen:
  smtp: ["127.0.0.1:0"]
  submission: []
  submissions: ["127.0.0.1:0"]
  pop3: []
  pop3s: ["127.0.0.1:0"]
  imap: []
  imaps: ["127.0.0.1:0"]
smtpd: {processes: 2}
"""
SERVICES = ("smtp", "submissions", "pop3s", "imaps")


def make(folder, name, *names):
    """NAME.pem and NAME.key for those host names, put there at once each."""
    alt = ",".join(f"DNS:{n}" for n in names)
    path = f"{folder}/{name}"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         f"/CN={names[0]}", "-addext", f"subjectAltName={alt}", "-out",
         f"{path}.pem.new", "-keyout", f"{path}.key.new"],
        check=True, capture_output=True)
    for kind in ("key", "pem"):
        os.rename(f"{path}.{kind}.new", f"{path}.{kind}")
    return path


class Host(Suite):
    def begin(self):
        self.first = make(self.folder, "first", "mail.example.org")
        self.second = make(self.folder, "second", "mail.example.net",
                           "*.example.com")
        self.write_conf(
            LISTEN + f"tls: {{certificate: {self.first}.pem, "
            f"key: {self.first}.key, "
            f"more: [{self.second}.pem={self.second}.key]}}\n")
        self.start()
        return self

    def s_client(self, service, *words):
        host, port = self.address(service)
        starttls = ["-starttls", "smtp"] if service == "smtp" else []
        # -ign_eof: until the server has said all, tickets too; without it a
        # Q is a command to s_client itself
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"{host}:{port}", "-crlf",
             "-ign_eof", *starttls, *words], text=True, timeout=60, check=True,
            input="1 LOGOUT\n" if service == "imaps" else "QUIT\n",
            capture_output=True)
        return done.stdout + done.stderr

    def subject(self, service, name=None):
        said = self.s_client(
            service, *(["-servername", name] if name else ["-noservername"]))
        return re.search(r"^subject=CN ?= ?(\S+)$", said, re.M)[1]


@pytest.fixture
def host(tmpdir, bindir):
    with Host(tmpdir, bindir) as h:
        yield h.begin()


@pytest.mark.parametrize("service", SERVICES)
def test_by_name(host, service):
    for asked, got in (("mail.example.org", "mail.example.org"),
                       ("mail.example.net", "mail.example.net"),
                       ("imap.example.com", "mail.example.net"),
                       ("other.example", "mail.example.org"),
                       (None, "mail.example.org")):
        assert host.subject(service, asked) == got


def test_status_tells_when_it_ends(host):
    done = subprocess.run(
        [host.steadctl, "--run", f"{host.folder}/run", "--json", "status"],
        check=True, capture_output=True, timeout=60)
    ends = subprocess.run(
        ["openssl", "x509", "-in", f"{host.first}.pem", "-noout", "-enddate",
         "-dateopt", "iso_8601"], check=True, capture_output=True,
        text=True).stdout
    for worker in json.loads(done.stdout)["workers"]:
        if worker["role"] in ("smtpd", "imapd", "pop3d"):
            assert worker["tls"] is True
            assert f"notAfter={worker['tls_until']} " in ends


def test_renewed(host):
    """Both pairs, one after the other, and no connection is ended by it."""
    wire = host.connect().greet()
    pids = {role: host.pid_of(role) for role in ("smtpd", "imapd", "pop3d")}
    for name, asked, new in (("first", "x.example", "a.example.org"),
                             ("second", "b.example.net", "b.example.net")):
        make(host.folder, name, new)
        for service in SERVICES:
            wait_for(f"the new one at {service}",
                     lambda: host.subject(service, asked) == new)
    assert wire.say("NOOP")[0] == "250"
    wire.close()
    assert pids == {role: host.pid_of(role) for role in pids}
    assert not host.said("tls.kept")


def test_a_bad_pair_changes_nothing(host):
    """A key that is another's, a file that is none, one that has gone."""
    make(host.folder, "other", "other.example")
    os.rename(f"{host.first}.key", f"{host.first}.key.old")
    os.rename(f"{host.folder}/other.key", f"{host.first}.key")
    wait_for("word of it", lambda: host.said("tls.kept"))
    assert host.subject("imaps") == "mail.example.org"
    with open(f"{host.first}.pem", "w", encoding="ascii") as f:
        f.write("-----BEGIN CERTIFICATE-----\n")
    wait_for("word of that", lambda: any(
        "no PEM certificate" in e["reason"] for e in host.events("tls.kept")))
    os.unlink(f"{host.first}.pem")
    wait_for("word from master", lambda: host.said("master.error"))
    assert host.subject("submissions") == "mail.example.org"
    # and it comes back by itself
    make(host.folder, "first", "new.example.org")
    for service in SERVICES:
        wait_for("the new one",
                 lambda: host.subject(service) == "new.example.org")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tickets(host, version):
    """Of all processes of a service, over a reload, and of no other service."""
    ticket = f"{host.folder}/ticket"

    def reused(service):
        said = host.s_client(service, version, "-sess_in", ticket)
        return "\nReused, " in said

    said = host.s_client("submissions", version, "-sess_out", ticket)
    assert "\nNew, " in said
    assert all(reused("submissions") for _ in range(10))
    subprocess.run([host.steadctl, "--run", f"{host.folder}/run", "reload"],
                   check=True, timeout=60)
    assert all(reused("submissions") for _ in range(10))
    assert not reused("imaps") and not reused("pop3s")
    pid = host.pid_of("smtpd")
    os.kill(pid, 9)
    wait_for("another", lambda: host.pid_of("smtpd") not in (None, pid))
    assert all(reused("submissions") for _ in range(10))
    host.stop()
    host.start()
    # keys are nobody's but the running server's
    assert not reused("submissions")


@pytest.mark.parametrize("oldest, spoken", [
    ("TLSv1", {"-tls1", "-tls1_1", "-tls1_2", "-tls1_3"}),
    ("TLSv1.2", {"-tls1_2", "-tls1_3"}), ("TLSv1.3", {"-tls1_3"})])
def test_versions(tmpdir, bindir, oldest, spoken):
    with Host(tmpdir, bindir) as host:
        host.begin()
        host.write_conf(host.yaml.replace("tls: {",
                                          f"tls: {{min_version: {oldest}, "))
        subprocess.run(
            [host.steadctl, "--run", f"{host.folder}/run", "reload"],
            check=True, timeout=60)
        for service in ("smtp", "imaps"):
            taken = set()
            for version in ("-tls1", "-tls1_1", "-tls1_2", "-tls1_3"):
                try:
                    host.s_client(service, version, "-cipher",
                                  "ALL:@SECLEVEL=0")
                    taken.add(version)
                except subprocess.CalledProcessError:
                    pass
            assert taken == spoken, service
