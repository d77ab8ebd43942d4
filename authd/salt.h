/*
 * A key that stays: the salts that logins without a verifier are shown are made
 * with it, so that they are the same each time, as those of real accounts are.
 */
#ifndef AUTHD_SALT_H
#define AUTHD_SALT_H

#include "authd/digest.h"

/*
 * From the file `salt.key` in the accounts' folder, which is made at the first
 * call; where that cannot be, one that lasts as long as the process.
 */
void salt_key_get(int dirfd, struct digest_key *key);

#endif
