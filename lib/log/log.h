/*
 * Log lines: `event key=value ...`, one write each, to a descriptor opened
 * before the sandbox. Message content and secrets never come here.
 */
#ifndef LIB_LOG_LOG_H
#define LIB_LOG_LOG_H

#include <stdint.h>

#include "lib/base/span.h"

/* Numbers are those of syslog(3) and of journald's "<N>" prefix. */
enum log_level {
	LOG_ERROR = 3,
	LOG_WARNING = 4,
	LOG_NOTICE = 5,
	LOG_INFO = 6,
	LOG_DEBUG = 7,
};

enum log_event {
#define EVENT(NAME, name, LEVEL, keys) EV_##NAME,
#include "lib/log/events.def"
#undef EVENT
	EV_COUNT
};

struct log_val {
	struct span text; /* p == NULL: the number */
	uint64_t number;
};

static inline struct log_val
log_text(struct span s)
{
	return (struct log_val){s.p == NULL ? SPAN_LIT("") : s, 0};
}

static inline struct log_val
log_str(const char *s)
{
	return log_text(span_of(s));
}

static inline struct log_val
log_num(uint64_t n)
{
	return (struct log_val){SPAN_NONE, n};
}

/*
 * LOG(SMTP_CONNECT, log_str(sid), log_num(port)): as many values as the event
 * has keys. Values with spaces, quotes or bytes outside 0x21..0x7e are quoted
 * and escaped, so no value can make a line or a key; a line is cut at
 * LOG_LINE_MAX bytes.
 */
#define LOG(EVENT_NAME, ...) LOG_EVENT(EV_##EVENT_NAME, __VA_ARGS__)

/* The same for an event that is chosen at run time. */
#define LOG_EVENT(event, ...)                                     \
	log_write((event), (const struct log_val[]){__VA_ARGS__}, \
	    sizeof((const struct log_val[]){__VA_ARGS__}) /       \
		sizeof(struct log_val))

#define LOG_LINE_MAX 2048

/*
 * Say where lines go (fd is borrowed for the life of the process), under
 * which name, and down to which level. Lines carry "<N>" for journald when
 * `journal`, else time, name and pid.
 */
void log_open(int fd, const char *name, enum log_level level, bool journal);
void log_level(enum log_level level);
void log_write(enum log_event event, const struct log_val *vals, size_t n);

#endif
