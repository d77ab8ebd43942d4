"""A suite whose /etc is a copy of the host's, in a mount namespace of its own,
with users that the host does not have. Nothing of the host is changed."""
import os
import shutil
import subprocess
import time

from tests.system.suite import Suite

PAM = """\
auth required pam_unix.so
account required pam_unix.so
"""


class UserSuite(Suite):
    def __init__(self, folder, bindir, yaml="", domains="[example.org]",
                 store=None, **more):
        self.etc, self.homes = f"{folder}/etc", f"{store or folder}/home"
        shutil.copytree("/etc", self.etc, symlinks=True,
                        ignore_dangling_symlinks=True)
        os.makedirs(self.homes, exist_ok=True)
        with open(f"{self.etc}/pam.d/mailstead", "w", encoding="utf-8") as f:
            f.write(PAM)
        super().__init__(folder, bindir,
                         f"users: {{domains: {domains}}}\n" + yaml,
                         store=store, **more)

    def argv(self):
        return ["unshare", "-m", "--propagation", "private", "sh", "-c",
                'mount --bind "$0" /etc && exec "$@"', self.etc,
                *super().argv()]

    def add_user(self, name, uid, password="secret", home=True, expires=""):
        """As useradd and passwd would."""
        done = subprocess.run(["openssl", "passwd", "-6", "-stdin"],
                              input=password, capture_output=True, text=True,
                              check=True)
        path = f"{self.homes}/{name}"
        # in one go, and never at the time of an earlier change
        for file, line in (
                ("shadow", f"{name}:{done.stdout.strip()}:19000:0:99999:7::"
                           f"{expires}:"),
                ("group", f"{name}:x:{uid}:"),
                ("passwd", f"{name}:x:{uid}:{uid}::{path}:/bin/sh")):
            self.edit(file, lambda text, line=line: text + line + "\n")
        if home:
            self.make_home(name, uid)

    def edit(self, file, change):
        path = f"{self.etc}/{file}"
        with open(path, encoding="utf-8") as f:
            text = f.read()
        time.sleep(0.01)
        with open(f"{path}.new", "w", encoding="utf-8") as f:
            f.write(change(text))
        shutil.copymode(path, f"{path}.new")
        os.rename(f"{path}.new", path)

    def make_home(self, name, uid):
        os.makedirs(f"{self.homes}/{name}", 0o700, exist_ok=True)
        os.chown(f"{self.homes}/{name}", uid, uid)

    def maildir(self, account):
        if "@" in account:
            return super().maildir(account)
        return f"{self.homes}/{account}/Maildir"
