"""What a run tells: tables for people, JSON for programs. Each row stands
beside what it is to reach (issue 3, "Fast, and shown to be")."""
import statistics

COLUMNS = [  # key, head, format
    ("rate", "mail/s", "{:.0f}"), ("worst", "worst", "{:.0f}"),
    ("accepted", "taken/s", "{:.0f}"), ("seconds", "s", "{:.3f}"),
    ("cpu_ms", "CPU ms", "{:.3f}"), ("flushes", "flushes", "{:.2f}"),
    ("p50_ms", "p50 ms", "{:.1f}"), ("p99_ms", "p99 ms", "{:.1f}"),
    ("client_ms", "client", "{:.3f}"), ("sink_ms", "sink", "{:.3f}"),
    ("empty_rate", "empty/s", "{:.0f}"), ("slower", "slower", "{:.2f}"),
    ("empty_p50_ms", "empty p50", "{:.1f}"),
    ("empty_cpu_ms", "empty CPU", "{:.3f}"),
    ("list_ms", "list ms", "{:.1f}"), ("qmgr_kb", "qmgr kB", "{:.0f}"),
    ("empty_qmgr_kb", "empty kB", "{:.0f}"), ("ready_s", "ready s", "{:.2f}"),
    ("found_s", "found s", "{:.1f}"),
    ("private_kb", "kB each", "{:.1f}"), ("pss_kb", "PSS each", "{:.1f}"),
    ("processes", "processes", "{:.0f}"), ("greeted_s", "greeted s", "{:.2f}"),
    ("fresh_ms", "fresh ms", "{:.1f}"),
    ("syscalls", "calls", "{:.1f}"), ("switches", "switches", "{:.1f}"),
    ("forks", "forks", "{:.2f}"), ("others", "others", "{:.0%}"),
]


def summary(results):
    """Medians, and the worst rate, of one server's rounds."""
    m = {k: statistics.median(r[k] for r in results)
         for k, v in results[0].items() if isinstance(v, (int, float))}
    if "rate" in m:
        m["worst"] = min(r["rate"] for r in results)
    return m


# name of a target: how it is had of ours (a) and the peer's (b); whether more
# is better; how it is told
TARGETS = {
    "rate": (lambda a, b: a["rate"] / b["rate"], True, "{:.2f} x the rate"),
    "cpu": (lambda a, b: b["cpu_ms"] / a["cpu_ms"], True, "1/{:.2f} the CPU"),
    "flushes": (lambda a, b: a["flushes"], False, "{:.2f} flushes"),
    "slower": (lambda a, b: a["slower"], False, "{:.2f} x slower than empty"),
    "list_ms": (lambda a, b: a["list_ms"], False, "first page {:.1f} ms"),
    "qmgr_kb": (lambda a, b: a["qmgr_kb"], False, "qmgr {:.0f} kB"),
    "ready_s": (lambda a, b: a["ready_s"], False, "ready in {:.2f} s"),
    "private_kb": (lambda a, b: a["private_kb"], False, "{:.1f} kB each"),
    "syscalls": (lambda a, b: a["syscalls"], False, "{:.1f} system calls"),
    "switches": (lambda a, b: a["switches"], False, "{:.1f} switches"),
}


def verdicts(targets, medians):
    """[(what was reached, bound, whether that is enough)]; what cannot be
    told without a peer or a second pass is left out."""
    found = []
    for name, bound in targets.items():
        value, more, text = TARGETS[name]
        try:
            got = value(medians["mailstead"], medians.get("postfix", {}))
        except KeyError:
            continue
        ok = got >= bound if more else got <= bound
        found.append((text.format(got), f"{'>=' if more else '<='} {bound:g}",
                      ok))
    return found


def table(medians, note):
    shown = [c for c in COLUMNS if any(c[0] in m for m in medians.values())]
    lines = [[""] + [head for _, head, _ in shown]]
    for name, m in medians.items():
        lines.append([name] + [form.format(m[key]) if key in m else "-"
                               for key, _, form in shown] +
                     [note.get(name, "")])
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(shown) + 1)]
    for line in lines:
        print("  " + line[0].ljust(widths[0]) + "".join(
            "  " + cell.rjust(width)
            for cell, width in zip(line[1:], widths[1:])) +
            ("  " + line[-1] if len(line) > len(widths) else ""))


def tell(name, row, results, digests):
    """Prints a row; returns what JSON has of it."""
    medians = {who: summary(got) for who, got in results.items() if got}
    said = verdicts(row.targets, medians) if "mailstead" in medians else []
    print(f"\n{name}: {row.title}")
    table(medians, {who: f"{d}" for who, d in digests.items()})
    for text, bound, ok in said:
        print(f"    {'met   ' if ok else 'NOT MET'} {text} (to be {bound})")
    if not row.targets:
        a, b = medians.get("mailstead"), medians.get("postfix")
        if a and b and "rate" in a:
            print(f"    no target: {a['rate'] / b['rate']:.2f} x the rate, "
                  f"1/{b['cpu_ms'] / a['cpu_ms']:.2f} the CPU")
    print(end="", flush=True)
    return {"title": row.title, "rounds": results, "medians": medians,
            "digests": digests,
            "targets": [{"got": t, "bound": b, "met": ok}
                        for t, b, ok in said]}


def tell_counts(name, row, results):
    medians = {who: summary(got) for who, got in results.items() if got}
    said = verdicts({k: v for k, v in row.targets.items()
                     if k in ("syscalls", "switches")}, medians)
    print(f"\n{name}, counted in a pass of its own (per message)")
    table(medians, {})
    for text, bound, ok in said:
        print(f"    {'met   ' if ok else 'NOT MET'} {text} (to be {bound})")
    for who, got in results.items():
        most = list(got[0]["calls"].items())[:24]
        print(f"    {who}: " + ", ".join(f"{k} {v:.2f}" for k, v in most))
        for comm, p in got[0]["processes"].items():
            print(f"      {comm}: {sum(p['calls'].values()):.1f} calls, "
                  f"{p['switches']:.1f} switches")
    print(end="", flush=True)
    return {"medians": medians, "processes": {
        who: got[0]["processes"] for who, got in results.items()}}


def cell(medians, key, form):
    return " / ".join(form.format(medians[who][key]) if key in medians.get(
        who, {}) else "-" for who in ("mailstead", "postfix"))


def markdown(told):
    """The table of docs/performance.md, from what --json wrote."""
    versions = ", ".join(f"{k} {v}" for k, v in told["versions"].items())
    print(f"{told['when'][:10]}: {versions}; Linux {told['kernel']}, "
          f"{told['cpus']} x {told['cpu']}; {told['rounds']} rounds of "
          f"{told['messages']} messages, {told['deferred']} deferred; "
          f"{told['disk']}. Ours / Postfix; medians, the worst round in "
          "brackets.\n")
    print("| row | mail/s | CPU ms | flushes | calls | switches | floor | "
          "others | reached |\n" + "| --- " * 9 + "|")
    for name, row in told["rows"].items():
        m, counts = row["medians"], row.get("counts", {}).get("medians", {})
        bottom = m.get("floor")
        print("| " + " | ".join([
            f"{name}: {row['title'].split(',')[0]}",
            cell(m, "rate", "{:.0f}") + f" ({cell(m, 'worst', '{:.0f}')})"
            if "rate" in m["mailstead"] else
            cell(m, "private_kb", "{:.1f}") + " kB each",
            cell(m, "cpu_ms", "{:.2f}"), cell(m, "flushes", "{:.2f}"),
            cell(counts, "syscalls", "{:.0f}"),
            cell(counts, "switches", "{:.0f}"),
            f"{bottom['rate']:.0f}/s, {bottom['cpu_ms']:.2f} ms"
            if bottom else "-", cell(m, "others", "{:.0%}"),
            "; ".join(f"{t['got']} ({'met' if t['met'] else 'not met'}, "
                      f"{t['bound']})" for t in row["targets"])]) + " |")
    print("\nConfigurations: " + "; ".join(
        f"{name} {' / '.join(row['digests'].values())}"
        for name, row in told["rows"].items()) + ".")
