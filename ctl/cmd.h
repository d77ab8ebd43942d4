/*
 * The commands: each returns steadctl's exit status and has said on stderr
 * what went wrong.
 */
#ifndef CTL_CMD_H
#define CTL_CMD_H

#include "ctl/command.h"

int cmd_status(const struct command_call *call);
int cmd_check(const struct command_call *call);
int cmd_reload(const struct command_call *call);
int cmd_stop(const struct command_call *call);
int cmd_account_add(const struct command_call *call);
int cmd_account_passwd(const struct command_call *call);
int cmd_account_list(const struct command_call *call);
int cmd_account_remove(const struct command_call *call);
int cmd_app_add(const struct command_call *call);
int cmd_app_list(const struct command_call *call);
int cmd_app_remove(const struct command_call *call);
int cmd_queue_list(const struct command_call *call);
int cmd_queue_show(const struct command_call *call);
int cmd_queue_flush(const struct command_call *call);
int cmd_queue_hold(const struct command_call *call);
int cmd_queue_release(const struct command_call *call);
int cmd_queue_delete(const struct command_call *call);
int cmd_queue_bounce(const struct command_call *call);
int cmd_queue_count(const struct command_call *call);
int cmd_trace(const struct command_call *call);
int cmd_explain(const struct command_call *call);
int cmd_sandbox(const struct command_call *call);

#endif
