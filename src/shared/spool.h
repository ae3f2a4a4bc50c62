/*
 * A ring of records in shared memory: one process writes, one reads, and nobody waits. A full ring is a
 * record that is lost, and counted. What was committed is read, whatever becomes of the writer; what was not
 * never was. A successor of either goes on where the one before it was: of a reader, with what that one had
 * not released.
 *
 * Both sides look at what the other one wrote as at a stranger's.
 */
#ifndef DOTWARD_SHARED_SPOOL_H
#define DOTWARD_SHARED_SPOOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	SPOOL_BYTES = 1 << 20,      /* of records with their lengths */
	SPOOL_RECORD_MOST = 1 << 17 /* of one record: UDP and TCP messages with what is said about them */
};

/* In shared memory, zeroed at first, aligned to a cache line. */
struct spool;
size_t spool_bytes(void) __attribute__((const));

struct spool_writer {
	struct spool *spool;
	uint64_t head, tail; /* the tail as it was seen last */
	uint64_t end;        /* where the record that is being written begins */
};

void spool_write_begin(struct spool_writer *writer, struct spool *spool);
/* Room for a record of at most so many bytes, aligned to 8. NULL: there is none, and the record is counted as
 * lost. */
void *spool_reserve(struct spool_writer *writer, size_t most);
/* The record in the room given last is whole: `bytes` of it. */
void spool_commit(struct spool_writer *writer, size_t bytes);

struct spool_reader {
	struct spool *spool;
	uint64_t at; /* behind the last record that was given */
};

void spool_read_begin(struct spool_reader *reader, struct spool *spool);
/* The next record, which stays until spool_release(); NULL: there is none yet. */
const void *spool_next(struct spool_reader *reader, size_t *bytes);
/* All that was given may be overwritten. */
void spool_release(struct spool_reader *reader);

/* Records lost, ever: for want of room, or because what lay there made no sense. */
uint64_t spool_lost(const struct spool *spool);

#endif
