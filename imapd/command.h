/*
 * The table of commands behind log-in, and the one gate that reads it. In the
 * store thread.
 */
#ifndef IMAPD_COMMAND_H
#define IMAPD_COMMAND_H

#include "imapd/reply.h"
#include "imapd/session.h"

/*
 * A handler reads its arguments from *p, which stands behind the command's
 * name and the space there. It does not test the state again.
 */
typedef enum step command_handler(struct session *s, struct parse *p);

/* Run the command that is in s->input.text. */
enum step command_run(struct session *s);
/* Go on with one that returned STEP_MORE. */
enum step command_more(struct session *s);
/*
 * What the client is to be told of its mailbox (VIEW_*). STEP_CLOSE: there is
 * none any more.
 */
enum step command_news(struct session *s, unsigned tell);
/* The news and the tagged reply, for what is no command of its own. */
enum step command_finish(struct session *s);
/* Release what a command that will not go on has left. */
void command_abandon(struct session *s);
/* "syntax" of the command at hand, as BAD. */
enum step command_syntax(struct session *s, const char *syntax);

/*
 * Take a mailbox's name and append its folder: false when the argument is
 * none (*syntax) or no folder can have that name; the reply is set.
 */
bool command_mailbox(
    struct session *s, struct parse *p, struct buf *folder, const char *syntax);
/* Room for a folder's name. */
#define COMMAND_FOLDER_MAX 512

/*
 * Take a sequence set and, in `set`, the sequence numbers of the view that it
 * names, by UID when the command has UID in front. False: the reply is set.
 */
struct seqset;
bool command_set(
    struct session *s, struct parse *p, struct seqset *set, const char *syntax);

command_handler cmd_capability, cmd_noop, cmd_logout, cmd_id, cmd_namespace,
    cmd_logged_in, cmd_select, cmd_examine, cmd_create, cmd_delete, cmd_rename,
    cmd_subscribe, cmd_unsubscribe, cmd_list, cmd_lsub, cmd_status, cmd_check,
    cmd_close, cmd_unselect, cmd_expunge, cmd_search, cmd_fetch, cmd_store,
    cmd_copy, cmd_move, cmd_idle;

/* Parts of commands that take more input. */
session_work cmd_append_begin, cmd_append_data, cmd_append_end,
    cmd_append_refuse, cmd_idle_news, cmd_idle_end;
/* Does a literal that is announced here hold the message? (Loop.) */
bool cmd_append_is_message(struct parse *p);
void cmd_append_abandon(struct session *s);
void cmd_copy_abandon(struct session *s);
void cmd_fetch_abandon(struct session *s);
void cmd_search_abandon(struct session *s);

#endif
