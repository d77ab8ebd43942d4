"""A pytest plugin for tests/run: one JSON row a test to $MAILSTEAD_REPORT,
[id, planned|passed|failed|skipped|end, text]; and a time limit for each phase
of a test.
"""
import contextlib
import json
import os
import signal

import pytest

SECONDS = 120  # a slower test says @pytest.mark.limit(seconds)


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): for one slow test")


def write(name, outcome, text=""):
    path = os.environ.get("MAILSTEAD_REPORT")
    if path:
        with open(path, "a", encoding="utf-8") as f:
            f.write(json.dumps([name, outcome, text]) + "\n")


def text_of(report):
    parts = [report.longreprtext]
    parts += [f"[{name}]\n{text}" for name, text in report.sections]
    return "\n".join(parts)


def pytest_collectreport(report):
    if report.failed:
        write(report.nodeid + "::collect", "failed", report.longreprtext)
    elif report.skipped:
        write(report.nodeid + "::all", "skipped", report.longrepr[2])


def pytest_collection_finish(session):
    for item in session.items:
        write(item.nodeid, "planned")


def pytest_sessionfinish():
    write("", "end")


def pytest_runtest_logreport(report):
    if report.failed:
        text = text_of(report)
        write(report.nodeid, "failed", f"in its {report.when}:\n{text}")
    elif report.skipped and hasattr(report, "wasxfail"):
        write(report.nodeid, "failed", "xfail is not used here")
    elif report.skipped:
        reason = report.longrepr[2]
        write(report.nodeid, "skipped", reason.removeprefix("Skipped: "))
    elif report.when == "call":
        write(report.nodeid, "passed")


@contextlib.contextmanager
def limited(item):
    mark = item.get_closest_marker("limit")
    seconds = mark.args[0] if mark else SECONDS

    def on_alarm(signo, frame):
        raise TimeoutError(f"the test took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    with limited(item):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    with limited(item):
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    with limited(item):
        yield
