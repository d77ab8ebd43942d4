/*
 * What the files of master share: the supervisor's one state. master parses
 * no byte from network or mail; what workers send it are numbers and one-line
 * texts that it logs or passes on.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <event2/event.h>
#include <sys/queue.h>

#include "lib/conf/conf.h"
#include "lib/proto/proto.h"
#include "lib/worker/worker.h"

#define MASTER_NAME_MAX 64

struct listener {
	TAILQ_ENTRY(listener) next;
	const char *service; /* static: a name of workers.c */
	char *configured;    /* as in the YAML: "*:25" */
	char *address;       /* as bound: "0.0.0.0:25" */
	int fd;
	bool keep; /* named by the configuration being taken up */
};

enum proc_state {
	PROC_STARTING,
	PROC_RUNNING,
	PROC_DRAINING,
	PROC_BACKOFF,
	PROC_STATES
};

struct proc {
	TAILQ_ENTRY(proc) next;
	struct master *m;
	const struct worker_row *row;
	uint32_t index;
	uint32_t generation;
	enum proc_state state;
	pid_t pid; /* 0: none */
	struct ipc_link *link;
	struct event *timer;
	uint32_t deaths; /* in a row */
	uint64_t started_ms;
	uint32_t layers;
	uint32_t landlock_abi;
};

struct master {
	struct event_base *base;
	const char *conf_path;
	const char *libexec; /* folder of the workers' programs */
	struct conf *conf;
	bool root;
	bool journal;
	int lock_fd;
	TAILQ_HEAD(listener_list, listener) listeners;
	TAILQ_HEAD(proc_list, proc) procs;
	TAILQ_HEAD(channel_list, channel) channels;
	uint32_t last_channel; /* the highest number used */
	uint32_t generation;   /* that is started, or serves */
	uint32_t generations;  /* the highest number used */
	bool ready;            /* all were ready once */
	bool stopping;
	uint64_t start_ms;
	struct control *control;
	struct compile *compile;
	struct certificates *certificates;
	struct reload *reload; /* under way, or NULL */
};

#endif
