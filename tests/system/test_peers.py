"""The peers that other tests talk to work."""
import glob


def test_postfix_takes_mail_and_leaves_nothing(lab, peers):
    hosts = lab("client", "other", "third")
    before = set(glob.glob("/var/tmp/mailstead-peer-*"))
    with peers.Postfix(hosts["other"], "example.net") as one, \
            peers.Postfix(hosts["third"], "example.org") as two:
        for peer, rcpt in (one, "a@example.net"), (two, "b@example.org"):
            hosts["client"].run(
                ["swaks", "--server", peer.host.ip, "--to", rcpt, "--from",
                 "c@example.com", "--header", f"Subject: to {rcpt}"])
            mails = peer.mails(1)
            assert len(mails) == 1
            assert f"Subject: to {rcpt}".encode() in mails[0]
            assert "status=sent" in peer.log()
        dirs = {one.dir, two.dir}
    assert not dirs & set(glob.glob("/var/tmp/mailstead-peer-*"))
    assert not dirs & before
