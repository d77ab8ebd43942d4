/*
 * Files that aliases include (":include:/path"): which of them are read. They
 * are read with root's rights, so that nobody but root and the file's owner may
 * have had a say in what is there. Private to lib/directory. Blocking.
 */
#ifndef LIB_DIRECTORY_INCLUDE_H
#define LIB_DIRECTORY_INCLUDE_H

#include "lib/base/buf.h"
#include "lib/base/why.h"

#define INCLUDE_MAX (16U << 20) /* bytes of one file */

/*
 * The file at an absolute path, appended to `out`. RC_PERM 5.3.5: it is not
 * there, or no regular file; it, or a folder above it, is a link, belongs to
 * somebody who is neither root nor the file's owner, or may be written to by
 * others (a folder with the sticky bit may, unless the file is right in it);
 * or it is too large. RC_TEMP 4.3.0: it cannot be read now.
 */
enum rc include_read(struct span path, struct buf *out, struct why *why);

#endif
