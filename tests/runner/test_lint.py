"""Each house rule of tests/lint sees the file that breaks it."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
GOOD = '#include <stdio.h>\n#include "lib/base/banned.h"\n'


def lint(tree, *sources):
    for path, text in tree.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    for path in sources:
        obj = f"build/out/obj/{path[:-2]}.o"
        os.makedirs(os.path.dirname(obj), exist_ok=True)
        subprocess.run(["gcc", "-c", "-I", ROOT, "-o", obj, path], check=True)
    return subprocess.run(
        ["/usr/bin/python3", f"{ROOT}/tests/lint", "-r", "--", "--", *sources],
        stdout=subprocess.PIPE, text=True, check=False,
        env={**os.environ, "BUILD": "build/out"}).stdout


@pytest.mark.parametrize("folder, status, says", [
    ("smtpd", "4.3.0", "0 offences"),
    ("smtpd", "4.3.9", "smtpd/a.c:3: 4.3.9 is not in ctl/explain.def"),
    ("qmgr", "5.1.1", "qmgr/a.c:3: 5.1.1 is not in"),
    ("qmgr", "5.3.5", "0 offences"), ("imapd", "5.2.0", "0 offences")])
def test_status_has_its_explanation(tmp_path, monkeypatch, folder, status,
                                    says):
    monkeypatch.chdir(tmp_path)
    assert says in lint({
        "ctl/explain.def": 'EXPLAIN("", "4.3.0", "", "")\n',
        f"{folder}/a.c": GOOD + f'const char *s = "{status}";\n'})


@pytest.mark.parametrize("path, text, says", [
    ("smtpd/a.c", GOOD, "0 offences"),
    ("smtpd/a.c", GOOD + "\n" * 799, "smtpd/a.c:801: more than 800 lines"),
    ("smtpd/a.c", "#include <stdio.h>\n", "the last include is to be"),
    ("smtpd/a.c", GOOD + '#include "smtpd/rows.def"\n', "0 offences"),
    ("docs/a.md", "one\nTO" "DO: two\n", "docs/a.md:2: TO" "DO"),
    ("smtpd/a.h", '#include "lib/ev/loop.h"\n', "0 offences"),
    ("smtpd/a.h", '#include "qmgr/store.h"\n', "a.h:1: may not include"),
    ("spawn/roster.h", '#include "pop3d/account.h"\n', "may not include"),
    ("spawn/service.c", '#include "pop3d/account.h"\n' + GOOD,
     "0 offences"),
    ("lib/base/a.h", '#include "lib/ev/loop.h"\n', "may not include"),
    ("lib/ev/a.h", '#include "lib/proto/role.h"\n', "may not include"),
    ("lib/mime/a.h", '#include "lib/proto/role.h"\n', "0 offences"),
    ("lib/mime/a.h", '#include "lib/addr/path.h"\n', "may not include"),
    ("lib/mime/a.h", '#include "smtpd/a.h"\n', "may not include"),
    ("lib/nonsuch/a.h", "\n", "give lib/nonsuch its row"),
    ("smtpd/a.c", GOOD + "int x = fsync(3);\n", "smtpd/a.c:3: fsync()"),
    ("smtpd/a.c", GOOD + "/* fsync(3) */ char *s = \"unlink(\";\n",
     "0 offences"),
    ("qmgr/store.c", GOOD + "int x = fsync(3);\n", "0 offences"),
    ("lib/maildir/a.c", GOOD + "int x = linkat(3);\n", "0 offences"),
    ("smtpd/a.h", "\t\t\tif (a)\n\t\t\t\tb(c +\n\t\t\t\t\td);\n", "0 offences"),
    ("smtpd/a.h", "\t\t\t\tif (a)\n\t\t\t\t\tb;\n", "a.h:2: more than 3 levels"),
    ("lib/addr/a.h", "/* Pure,\n * fuzzed. */\n", "no tests/fuzz/fuzz_*.c"),
    ("smtpd/a.h", "/* NOLINT */\n" * 10, "0 offences"),
    ("smtpd/a.h", "/* NOLINT */\n" * 11, "a.h:11: more than 10"),
])
def test_text_rule(tmp_path, monkeypatch, path, text, says):
    monkeypatch.chdir(tmp_path)
    out = lint({path: text})
    assert says in out
    assert says == "0 offences" or ", 1 offences" in out


@pytest.mark.parametrize("path, text, says", [
    ("lib/maildir/deliver.c", "void maildir_deliver(void) {}", "0 offences"),
    ("lib/maildir/deliver.c", "void deliver_it(void) {}", "0 offences"),
    ("lib/maildir/deliver.c", "static void other(void) {}", "0 offences"),
    ("lib/maildir/deliver.c", "void other(void) {}", "exports other"),
    ("lib/maildir/deliver.c", "int other;", "exports other"),
    ("lib/base/mem.c", "void fatal(void) {}", "0 offences"),
    ("lib/base/why.c", "void fatal(void) {}", "exports fatal"),
    ("smtpd/reply.c", "void reply(void) {}", "0 offences"),
    ("smtpd/cmd_data.c", "void cmd_data(void) {}", "0 offences"),
    ("smtpd/main.c", "int main(void) { return 0; }", "0 offences"),
    ("smtpd/txn.c", "int main(void) { return 0; }", "exports main"),
])
def test_exports(tmp_path, monkeypatch, path, text, says):
    monkeypatch.chdir(tmp_path)
    out = lint({path: f"{GOOD}{text}\n"}, path)
    assert says in out
    assert says == "0 offences" or ", 1 offences" in out
