"""mutt and mbsync, set up for one account."""
import os
import pty
import select
import subprocess
import time


class Mutt:
    """mutt on a terminal of its own; keys in, the end awaited."""

    def __init__(self, folder, address, login, keys, tls=False,
                 argv=lambda words: words):
        """`argv`: makes what runs it somewhere else."""
        name, password = login
        url = "imap://%s:%d/" % address
        rc = f"{folder}/muttrc"
        way = ("set ssl_starttls=yes ssl_force_tls=yes\n"
               f'set ssl_ca_certificates_file="{tls}"' if tls else
               "set ssl_starttls=no ssl_force_tls=no")
        with open(rc, "w", encoding="ascii") as f:
            f.write(f"""
set folder="{url}" spoolfile="{url}INBOX"
set imap_user="{name}" imap_pass="{password}"
{way}
set imap_authenticators="login"
set confirmappend=no confirmcreate=no delete=yes move=no quit=yes
set wait_key=no mark_old=no resolve=no sleep_time=0 header_cache="" record=""
set realname="Alice" from="{name}" postponed="=Drafts" timeout=5
push "{keys}"
""")
        pid, fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", HOME=folder, LC_ALL="C")
            words = argv(["mutt", "-n", "-F", rc])
            os.execvp(words[0], words)
        seen, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            ready, _, _ = select.select([fd], [], [], 1)
            if not ready:
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        else:
            os.kill(pid, 9)
        status = os.waitpid(pid, 0)[1]
        os.close(fd)
        self.seen = seen.decode(errors="replace")
        assert status == 0, (status, self.seen[-3000:])


def mbsync(folder, address, login, tls=False, argv=lambda words: words,
           mechanism="LOGIN"):
    """All of the account into folder/local, and back; its output."""
    rc, local = f"{folder}/mbsyncrc", f"{folder}/local"
    os.makedirs(local, exist_ok=True)
    way = f"SSLType STARTTLS\nCertificateFile {tls}" if tls else \
        "SSLType None"
    with open(rc, "w", encoding="ascii") as f:
        f.write(f"""
IMAPAccount a
Host {address[0]}
Port {address[1]}
User {login[0]}
Pass "{login[1]}"
{way}
AuthMechs {mechanism}

IMAPStore far
Account a

MaildirStore near
SubFolders Verbatim
Path {local}/
Inbox {local}/INBOX

Channel c
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
""")
    done = subprocess.run(argv(["mbsync", "-c", rc, "-V", "-a"]),
                          capture_output=True, text=True, timeout=100,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def fetchmail(folder, address, login, protocol, tls=False,
              argv=lambda words: words):
    """What it fetched, and took away."""
    rc, out = f"{folder}/fetchmailrc", f"{folder}/fetched"
    way = f'sslproto "TLS1.2+" sslcertck sslcertfile "{tls}"' if tls else \
        'sslproto ""'
    with open(rc, "w", encoding="ascii") as f:
        f.write(f'poll {address[0]} protocol {protocol} port {address[1]} '
                f'auth password\nuser "{login[0]}" password "{login[1]}" '
                f'{way} fetchall\nmda "cat >>{out}"\n')
    os.chmod(rc, 0o600)
    done = subprocess.run(
        argv(["fetchmail", "-f", rc, "--nosyslog", "--nodetach", "-i",
              f"{folder}/ids", "--pidfile", f"{folder}/pid"]),
        capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(out, "rb") as f:
        return f.read()
