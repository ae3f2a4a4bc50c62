/*
 * The cache's answers in a file, for the time when dotward does not run.
 *
 *    header │ entries │ checksum
 *
 * What is read is taken for foreign bytes: the whole must have the right checksum before anything of it is
 * used, and each message goes through the parsers again. Ages are counted on by the wall clock; where that
 * has gone backwards nobody knows how old the answers are, and they come back as expired ones.
 *
 * Opening and replacing take the rights of a process that has not given them up; reading and writing are done
 * by one that has.
 */
#ifndef DOTWARD_CACHE_FILE_H
#define DOTWARD_CACHE_FILE_H

#include "cache/cache.h"
#include "cache/carry.h"

enum { FILE_WHY_BYTES = 200, FILE_PATH_BYTES = 1024 + 8 };

/* What both ways need to know. */
struct file_terms {
	uint64_t seed;    /* of the cache */
	uint64_t boot_ms; /* clock_boot_ms() */
	uint64_t wall_ms; /* since 1970 */
	uint32_t stale_s; /* how long an answer is of use after it has expired */
	struct carry_filter filter;
};

struct file_count {
	uint64_t entries;  /* written, or put in */
	uint64_t old;      /* of no use any more */
	uint64_t unfit;    /* not sound, or not taken by the cache */
	uint64_t unwanted; /* by the filter */
	bool clock_back;   /* the file is from the future */
};

/*
 * The descriptor of a file that may be read: a regular file that nobody but its owner may write to, who is
 * root or us. -ENOENT: there is none. Another -errno: a line in `why`.
 */
int file_open(const char *path, char why[FILE_WHY_BYTES]) __attribute__((warn_unused_result));
/*
 * Puts the answers of an open file into the cache, which the process has joined. 0, or -errno with a line in
 * `why`: nothing was put in.
 */
int file_load(int fd, struct cache *cache, const struct file_terms *terms, struct file_count *count,
        char why[FILE_WHY_BYTES]) __attribute__((warn_unused_result));

/* A file that is not yet in its place. */
struct file_draft {
	int folder, fd;
	char name[FILE_PATH_BYTES], draft[FILE_PATH_BYTES]; /* in the folder */
};

/* Opens an empty file beside the one that it is to replace, readable to us alone. 0 or -errno with `why`. */
int file_draft_begin(struct file_draft *draft, const char *path, char why[FILE_WHY_BYTES])
        __attribute__((warn_unused_result));
/* Writes all answers that are of use for longer, but for failures. 0 or -errno with `why`. */
int file_save(const struct file_draft *draft, struct cache *cache, const struct file_terms *terms,
        struct file_count *count, char why[FILE_WHY_BYTES]) __attribute__((warn_unused_result));
/* Makes sure that it is on the disk, and then puts it in its place. 0 or -errno with `why`. */
int file_draft_replace(struct file_draft *draft, char why[FILE_WHY_BYTES])
        __attribute__((warn_unused_result));
/* Closes it; one that was not put in its place is gone. */
void file_draft_end(struct file_draft *draft);

#endif
