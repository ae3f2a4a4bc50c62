/*
 * A secret that is the first line of a file.
 */
#ifndef DOTWARD_CONFIG_CREDENTIALS_H
#define DOTWARD_CONFIG_CREDENTIALS_H

#include <stdbool.h>

enum { CREDENTIALS_BYTES = 257, CREDENTIALS_WHY_BYTES = 160 };

/* *exposed: the file can be read by others than its owner and group. False, with what is wrong and what would
 * be right in `why`. Whoever has the secret wipes it. */
bool credentials_read(const char *path, char secret[CREDENTIALS_BYTES], bool *exposed,
        char why[CREDENTIALS_WHY_BYTES]) __attribute__((warn_unused_result));

#endif
