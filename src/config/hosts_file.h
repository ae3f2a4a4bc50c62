/*
 * A hosts file, hosts(5): an address, then names, in each line; "#" begins a comment.
 */
#ifndef DOTWARD_CONFIG_HOSTS_FILE_H
#define DOTWARD_CONFIG_HOSTS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hosts_entry {
	unsigned long line; /* from 1 */
	uint8_t address[16];
	size_t address_bytes; /* 4 or 16 */
	const uint8_t *name;  /* wire form */
	size_t name_bytes;
};

/* Once for each name. */
typedef void hosts_entry_fn(void *arg, const struct hosts_entry *entry);
/* A line that is wrong, and skipped as a whole; `why` is a sentence. */
typedef void hosts_error_fn(void *arg, unsigned long line, const char *why);

/* Reads text[0..bytes). `error` may be NULL. */
void hosts_file_parse(
        const char *text, size_t bytes, hosts_entry_fn *entry, hosts_error_fn *error, void *arg);

#endif
