/*
 * Control and proof: see prove.h. The child answers through a pipe that is
 * closed on exec, so that a successful execve is an end of file without a word.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/io.h"
#include "lib/sandbox/probe.h"
#include "lib/sandbox/prove.h"
#include "lib/base/banned.h"

/* What the child says. */
struct answer {
	bool entered; /* or a control */
	bool arranged;
	bool tried;
	int err;
	struct sandbox_report report;
	struct why why;
};

/* As the worker's process does, and its parent before. */
static bool
enter(const struct sandbox_setup *setup, struct answer *answer)
{
	struct sandbox_report *report = &answer->report, outer = {0};

	if (setup->within != NULL &&
	    sandbox_enter(setup->within, &outer, &answer->why) != RC_OK)
		return false;
	if (sandbox_enter(setup, report, &answer->why) != RC_OK)
		return false;
	/* each still holds; of Landlock the newest, as for one process */
	report->ids = report->ids || outer.ids;
	report->chroot = report->chroot || outer.chroot;
	if (report->landlock_abi < outer.landlock_abi)
		report->landlock_abi = outer.landlock_abi;
	return true;
}

static void
run_child(const struct sandbox_act *act, const struct sandbox_setup *setup,
    const char *outside, int say)
{
	struct answer answer = {.entered = true};
	struct sandbox_probe probe = {.outside = outside, .fd = -1};

	probe.dir = open(outside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	answer.arranged = probe.dir >= 0 &&
			  (act->arrange == NULL || act->arrange(&probe) >= 0);
	if (setup != NULL)
		answer.entered = enter(setup, &answer);
	/* said beforehand: an act may not come back */
	if (!io_write_all(say, &answer, sizeof(answer)))
		_exit(1);
	if (!answer.arranged || !answer.entered)
		_exit(0);
	answer.err = act->attempt(&probe) < 0 ? errno : 0;
	answer.tried = true;
	(void)io_write_all(say, &answer, sizeof(answer)); /* or EOF says it */
	_exit(0);
}

/* False: the child could not be run, or died on the way. */
static bool
run(const struct sandbox_act *act, const struct sandbox_setup *setup,
    const char *outside, struct answer *answer)
{
	struct answer heard;
	int fd[2], status;
	bool ok = false;
	pid_t pid;

	*answer = (struct answer){0};
	if (pipe2(fd, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0)
		run_child(act, setup, outside, fd[1]);
	io_close(&fd[1]);
	if (pid < 0)
		goto out;
	while (read(fd[0], &heard, sizeof(heard)) == sizeof(heard)) {
		*answer = heard;
		ok = true;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			goto out;
	/* not tried, yet ended well: it has become another program */
	ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
out:
	io_close(&fd[0]);
	return ok;
}

static bool
is_refusal(int err, unsigned layers, bool filtered)
{
	switch (err) {
	case EPERM:
		return filtered ||
		       (layers & (SANDBOX_BY_IDS | SANDBOX_BY_LANDLOCK6)) != 0;
	case EACCES:
		return (layers & (SANDBOX_BY_IDS | SANDBOX_BY_LANDLOCK |
				     SANDBOX_BY_LANDLOCK4)) != 0;
	case EXDEV:
		return (layers & SANDBOX_BY_LANDLOCK) != 0;
	case ENOENT:
		return (layers & SANDBOX_BY_CHROOT) != 0;
	default:
		return false;
	}
}

/* What in `by` is in force. */
static unsigned
layers_of(const struct sandbox_report *report, unsigned by)
{
	unsigned layers = 0;

	if (report->ids)
		layers |= SANDBOX_BY_IDS;
	if (report->chroot)
		layers |= SANDBOX_BY_CHROOT;
	if (report->landlock_abi >= 1)
		layers |= SANDBOX_BY_LANDLOCK;
	if (report->landlock_abi >= 4)
		layers |= SANDBOX_BY_LANDLOCK4;
	if (report->landlock_abi >= 6)
		layers |= SANDBOX_BY_LANDLOCK6;
	return layers & by;
}

static enum sandbox_verdict
prove_act(const struct sandbox_act *act, const struct sandbox_setup *setup,
    const char *outside, struct answer *answer)
{
	unsigned layers;
	bool filtered;

	if ((act->by & SANDBOX_NEEDS_ROOT) != 0 && geteuid() != 0)
		return SANDBOX_NOT_CLAIMED;
	if (!run(act, setup, outside, answer))
		return SANDBOX_ODD_ERROR;
	if (!answer->entered)
		return SANDBOX_NO_ENTRY;
	layers = layers_of(&answer->report, act->by);
	filtered =
	    answer->report.seccomp && (act->filtered & 1U << setup->role) != 0;
	if (layers == 0 && !filtered)
		return SANDBOX_NOT_CLAIMED;
	if (answer->arranged && answer->err == 0)
		return SANDBOX_LET;
	if (answer->arranged && !is_refusal(answer->err, layers, filtered))
		return SANDBOX_ODD_ERROR;
	if (!run(act, NULL, outside, answer) || !answer->arranged ||
	    answer->err != 0)
		return SANDBOX_NO_CONTROL;
	return SANDBOX_REFUSED;
}

const char *
sandbox_verdict_name(enum sandbox_verdict verdict)
{
	static const char *const names[] = {"refused", "not claimed", "let",
	    "odd error", "no control", "no entry"};

	return names[verdict];
}

enum rc
sandbox_prove(const struct sandbox_setup *setup, const char *outside,
    sandbox_prove_fn *on_act, void *arg, struct why *why)
{
	static const struct sandbox_act *const tables[] = {
	    sandbox_probe_files, sandbox_probe_net, sandbox_probe_calls};
	enum rc rc = RC_OK;
	struct answer answer;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (const struct sandbox_act *act = tables[t];
		     act->name != NULL; act++) {
			enum sandbox_verdict verdict;

			memset(&answer, 0, sizeof(answer));
			verdict = prove_act(act, setup, outside, &answer);
			on_act(arg, act->name, verdict, answer.err);
			if (verdict <= SANDBOX_NOT_CLAIMED || rc != RC_OK)
				continue;
			rc = RC_PERM;
			if (verdict == SANDBOX_NO_ENTRY && why != NULL)
				*why = answer.why;
			else
				why_set(why, rc, "5.3.5", "sandbox: %s: %s",
				    act->name, sandbox_verdict_name(verdict));
		}
	}
	sandbox_probe_tidy(outside);
	return rc;
}
