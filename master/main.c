/*
 * mailstead-master: reads the configuration, binds, starts the workers and
 * watches them. Owns the one struct master of the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "lib/base/clock.h"
#include "lib/base/io.h"
#include "lib/base/mem.h"
#include "lib/log/log.h"
#include "master/certificates.h"
#include "master/compile.h"
#include "master/control.h"
#include "master/folders.h"
#include "master/launch.h"
#include "master/listen.h"
#include "master/reload.h"
#include "master/supervise.h"
#include "lib/base/banned.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif
#ifndef LIBEXECDIR
#define LIBEXECDIR "/usr/libexec"
#endif

#define REPORT_MAX  32768
#define EXIT_CONFIG 78

static struct master master = {
    .conf_path = SYSCONFDIR "/mailstead/mailstead.yaml",
    .libexec = LIBEXECDIR "/mailstead",
    .lock_fd = -1,
};

static void
usage(int status)
{
	(void)fputs("usage: mailstead-master [-c FILE] [-x DIR] [-t | -n]\n"
		    "  -c FILE  configuration (" SYSCONFDIR
		    "/mailstead/mailstead.yaml)\n"
		    "  -x DIR   where the workers' programs are\n"
		    "  -t       check the configuration and stop\n"
		    "  -n       print the effective configuration and stop\n",
	    status == 0 ? stdout : stderr);
	exit(status);
}

static void
load_conf(struct master *m)
{
	int fd = open(m->conf_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct buf errors;

	if (fd < 0) {
		perror(m->conf_path);
		exit(EXIT_CONFIG);
	}
	buf_init(&errors, REPORT_MAX);
	if (conf_load(fd, m->conf_path, &m->conf, &errors) != RC_OK ||
	    m->conf == NULL) {
		(void)fputs(buf_cstr(&errors), stderr); /* dying anyway */
		exit(EXIT_CONFIG);
	}
	buf_fini(&errors);
	io_close(&fd);
}

static void
print_conf(const struct master *m)
{
	struct buf b;

	buf_init(&b, (size_t)1 << 20);
	if (!conf_dump(m->conf, &b) || fputs(buf_cstr(&b), stdout) == EOF)
		exit(1);
	buf_fini(&b);
	exit(0);
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct master *m = arg;

	(void)what;
	if (sig == SIGCHLD)
		supervise_reap(m);
	else
		control_stop(m, sig == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void
log_reload(void *ctx, enum rc rc, struct span text)
{
	(void)ctx;
	(void)rc;
	(void)text; /* reload_start logs both ends */
}

static void
on_hup(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	(void)reload_start(arg, log_reload, NULL); /* logs its result */
}

static void
watch_signals(struct master *m)
{
	static const int stops[] = {SIGCHLD, SIGTERM, SIGINT};
	struct event *ev;

	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for this signal */
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		ev = evsignal_new(m->base, stops[i], on_signal, m);
		if (ev == NULL || evsignal_add(ev, NULL) < 0)
			fatal("signals");
	}
	ev = evsignal_new(m->base, SIGHUP, on_hup, m);
	if (ev == NULL || evsignal_add(ev, NULL) < 0)
		fatal("signals");
}

/* each session is a descriptor in its worker, which inherits this limit */
static void
raise_limits(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		/* with fewer there is room for fewer sessions */
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
	(void)umask(077);                /* cannot fail */
	(void)prctl(PR_SET_DUMPABLE, 0); /* no core holds a key */
}

static void
start(struct master *m)
{
	struct why why;

	TAILQ_INIT(&m->listeners);
	TAILQ_INIT(&m->procs);
	TAILQ_INIT(&m->channels);
	m->root = geteuid() == 0;
	m->journal = getenv("JOURNAL_STREAM") != NULL;
	m->start_ms = clock_mono_ms();
	log_open(STDERR_FILENO, "master", LOG_INFO, m->journal);
	log_level((enum log_level)(LOG_ERROR + m->conf->log.level));
	LOG(MASTER_START, log_str(PACKAGE_VERSION), log_num((uint64_t)getpid()),
	    log_str(m->conf_path));
	m->base = event_base_new();
	if (m->base == NULL)
		fatal("no event loop");
	raise_limits();
	if (launch_conf_fits(m->conf, &why) != RC_OK ||
	    folders_make(m, m->conf, &why) != RC_OK ||
	    folders_lock(m, &why) != RC_OK || compile_first(m, &why) != RC_OK ||
	    listen_open(m, m->conf, &why) != RC_OK ||
	    control_open(m, &why) != RC_OK)
		fatal("%s", why.text);
	watch_signals(m);
	certificates_watch(m);
	m->generation = m->generations = 1;
	supervise_start_all(m, true);
}

int
main(int argc, char **argv)
{
	struct master *m = &master;
	bool test = false, print = false;
	int opt;

	while ((opt = getopt(argc, argv, "c:x:tnh")) != -1) {
		switch (opt) {
		case 'c':
			m->conf_path = optarg;
			break;
		case 'x':
			m->libexec = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'n':
			print = true;
			break;
		case 'h':
			usage(0);
			break;
		default:
			usage(64);
		}
	}
	if (optind != argc)
		usage(64);
	load_conf(m);
	if (print)
		print_conf(m);
	if (test)
		return 0;
	start(m);
	event_base_dispatch(m->base);
	listen_close_all(m);
	control_close(m);
	compile_free(m);
	certificates_free(m);
	conf_free(&m->conf);
	return 0;
}
