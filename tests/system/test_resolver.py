"""mailstead-resolver in the lab, against nsd, which is the whole DNS from the
root on; and mailstead-remote with it to a real Postfix."""
import pytest

from tests.lab.zones import NET


def test_mail_exchangers(dns):
    d = dns()
    found, end = d.ask("mx", "example.net")
    assert end[:2] == ["ok", "2.0.0"] and end[2] == "secure=0"
    assert sorted(found[:3]) == [
        ("10", "mx1.example.net", "192.0.2.3"),
        ("10", "mx1.example.net", "2001:db8::3"),
        ("10", "other.example.net", "192.0.2.5")]
    # in order; who has no address is told of, too
    assert found[3:] == [("20", "mx2.example.net", "192.0.2.4"),
                         ("30", "nothing.example.net", "-")]
    for name, expect in {
            "plain.example.net": [("0", "plain.example.net", "192.0.2.6")],
            "alias.example.net": [("0", "alias.example.net", "192.0.2.6")],
    }.items():
        found, end = d.ask("mx", name)
        assert (found, end[0]) == (expect, "ok")
    assert len(d.ask("mx", "mxalias.example.net")[0]) == 5
    for name, status in {
            "null.example.net": ("perm", "5.1.10"),
            "missing.example.net": ("perm", "5.1.2"),
            "nothing.example.net": ("perm", "5.1.2"),
            "noaddr.example.net": ("perm", "5.4.4"),
            "dangling.example.net": ("perm", "5.4.4"),
            "loop.example.net": ("temp", "4.4.3"),
            "a..b": ("perm", "5.1.2"), "192.0.2.1": ("perm", "5.1.2"),
            "x" * 64 + ".net": ("perm", "5.1.2"), ".": ("perm", "5.1.2"),
            "\xe4.net": ("perm", "5.1.2")}.items():
        found, end = d.ask("mx", name)
        # none is told of but hosts without an address
        assert tuple(end[:2]) == status and found == [], name


def test_hosts(dns):
    d = dns()
    assert sorted(d.ask("host", "mx1.example.net")[0]) == [
        ("0", "mx1.example.net", "192.0.2.3"),
        ("0", "mx1.example.net", "2001:db8::3")]
    found, end = d.ask("host", "example.net")
    assert (found, end[:2]) == ([], ["perm", "5.1.2"])


def test_no_end_of_hosts_and_addresses(dns):
    d = dns()
    assert len(d.ask("mx", "many.example.net")[0]) == 8
    found, _ = d.ask("mx", "lots.example.net")
    assert [x[0] for x in found] == [str(n) for n in range(1, 21)]


def test_servers_that_fail(dns):
    """A zone that is delegated and not there: for now only."""
    d = dns(yaml="  timeout: 3s\n")
    d.nsd.run("sh", "-c", "kill $(cat /run/nsd/nsd.pid || pidof nsd)")
    found, end = d.ask("mx", "example.net")
    assert (found, end[:2]) == ([], ["temp", "4.4.3"])


@pytest.mark.parametrize("mode", ["forward", "stub"])
def test_other_modes(dns, mode):
    d = dns(yaml={
        # nsd is no resolver, but knows what it is asked here
        "forward": "  mode: forward\n  forward: [\"192.0.2.2:53\"]\n",
        "stub": "  stub: [\"test=192.0.2.2:53\", "
                "\"example.net=192.0.2.2:53\"]\n"}[mode])
    assert d.ask("mx", "null.example.net")[1][1] == "5.1.10"
    if mode == "stub":  # else test. is libunbound's own
        assert d.ask("mx", "test")[0] == [("5", "a.test", "192.0.2.8")]


def test_dnssec(dns):
    d = dns(signed=(".", "net", "example.net"))
    found, end = d.ask("mx", "plain.example.net")
    assert (end[0], end[2]) == ("ok", "secure=1")
    assert d.ask("mx", "missing.example.net")[1][1:3] == ["5.1.2", "secure=1"]
    d.say("status")
    assert any("dnssec=yes" in x
               for x in (d.until("status")[-1], d.until("status")[-1]))


def test_forged(dns):
    """The parent says that it is signed, and it is not."""
    ds = "example.net. DS 1 13 2 " + "ab" * 32 + "\n"
    d = dns(signed=(".", "net"), net=NET + ds)
    assert d.ask("mx", "plain.example.net")[1][:2] == ["temp", "4.4.3"]
    assert d.ask("mx", "example.net")[1][:2] == ["temp", "4.4.3"]


# ---- and remote -------------------------------------------------------------

def test_to_postfix(dns, peers):
    d = dns(client="smtp_client: {connect_timeout: 2s}\n",
            **{"example.net": "@ MX 10 down\n@ MX 20 mx\n"
               "down A 192.0.2.77\nmx A 192.0.2.3\nmx AAAA 2001:db8::3\n"})
    with peers.Postfix(d.hosts["other"], "example.net") as postfix:
        body = b"Subject: hello\r\n\r\n.\r\n" + b"x" * 900 + b"\r\n"
        d.relay("example.net", ["a@example.net", "b@example.net",
                                "c@elsewhere.net"], body, mx=1)
        got = d.outcomes(3)
        assert [o.rc for o in got] == ["ok", "ok", "ok"], got
        assert got[0].host.startswith("mx.example.net[")
        mail = postfix.mails(2)[0]
        assert b"Subject: hello" in mail and b"\n.\n" in mail
        # again, over the same connection
        d.relay("example.net", ["a@example.net"], body, mx=1)
        assert d.outcomes()[0].rc == "ok"
        assert postfix.log().count("connect from") <= 2


@pytest.mark.parametrize("name,rc,status", [
    ("self.example.net", "perm", "5.4.6"),
    ("inward.example.net", "temp", "4.4.3"),
    ("null.example.net", "perm", "5.1.10"),
    ("missing.example.net", "perm", "5.1.2")])
def test_nobody_to_bring_it_to(dns, name, rc, status):
    d = dns()
    d.relay(name, [f"a@{name}"], mx=1)
    one, = d.outcomes()
    assert (one.rc, one.status) == (rc, status)
