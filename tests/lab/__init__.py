"""What tests stand on: hosts out of network namespaces (lab), peers out of
Debian packages (peers), a report for tests/run (report)."""
