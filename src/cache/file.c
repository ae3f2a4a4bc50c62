/*
 * All numbers are in network order, so a file says the same on every machine.
 *
 *    header    magic, version, 0, when it was written, number of entries, bytes of entries
 *    entry     bytes of the message, rcode, kind, flags, bytes of EDE, life, view, age; message; EDE
 *    checksum  XXH3 over entries and header, in that order: what the header says is known last
 *
 * The places of the TTLs are not in it: they are found anew, as in an answer that has just come.
 */
#include "cache/file.h"

#include "base/must.h"
#include "cache/carry.h"
#include "dns/header.h"
#include "dns/octets.h"
#include "dns/ttl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum {
	FILE_VERSION = 2,
	FILE_MAGIC_BYTES = 16,
	FILE_HEADER_BYTES = FILE_MAGIC_BYTES + 4 + 4 + 8 + 8 + 8,
	FILE_ENTRY_BYTES = 2 + 2 + 1 + 1 + 2 + 4 + 4 + 8,
	FILE_SUM_BYTES = 8,
	FILE_ENTRY_MOST_BYTES = FILE_ENTRY_BYTES + WIRE_MESSAGE_BYTES + EDNS_EDE_BYTES,
	FILE_BUFFER_BYTES = 1 << 18,

	FILE_DNSSEC_OK = 1,
	FILE_CHECKING_DISABLED = 2,
	FILE_UNASKED = 4,
	FILE_FLAGS = 7,

	FILE_MOST_LIFE_S = 604800, /* the configuration allows no more */
};

static const char file_magic[FILE_MAGIC_BYTES] = "dotward-cache\r\n";

struct file_header {
	uint32_t version;
	uint64_t written_ms, entries, bytes;
};

struct file_head {
	uint16_t msg_bytes, rcode, ede_bytes;
	uint8_t kind, flags;
	uint32_t life_s, view;
	uint64_t age_ms;
};

/* --- numbers --- */

static uint8_t *
put(uint8_t *at, unsigned bytes, uint64_t value)
{
	for (unsigned i = bytes; i > 0; i--, value >>= 8)
		at[i - 1] = (uint8_t)value;
	return at + bytes;
}

static uint64_t
get(const uint8_t **at, unsigned bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < bytes; i++)
		value = value << 8 | *(*at)++;
	return value;
}

static void
header_write(uint8_t out[FILE_HEADER_BYTES], const struct file_header *header)
{
	memcpy(out, file_magic, sizeof file_magic);
	out = put(out + sizeof file_magic, 4, header->version);
	out = put(out, 4, 0);
	out = put(out, 8, header->written_ms);
	out = put(out, 8, header->entries);
	put(out, 8, header->bytes);
}

static void
header_read(const uint8_t *at, struct file_header *header)
{
	at += sizeof file_magic;
	header->version = (uint32_t)get(&at, 4);
	at += 4;
	header->written_ms = get(&at, 8);
	header->entries = get(&at, 8);
	header->bytes = get(&at, 8);
}

static uint8_t *
head_write(uint8_t *out, const struct file_head *head)
{
	out = put(out, 2, head->msg_bytes);
	out = put(out, 2, head->rcode);
	out = put(out, 1, head->kind);
	out = put(out, 1, head->flags);
	out = put(out, 2, head->ede_bytes);
	out = put(out, 4, head->life_s);
	out = put(out, 4, head->view);
	return put(out, 8, head->age_ms);
}

static void
head_read(const uint8_t *at, struct file_head *head)
{
	head->msg_bytes = (uint16_t)get(&at, 2);
	head->rcode = (uint16_t)get(&at, 2);
	head->kind = (uint8_t)get(&at, 1);
	head->flags = (uint8_t)get(&at, 1);
	head->ede_bytes = (uint16_t)get(&at, 2);
	head->life_s = (uint32_t)get(&at, 4);
	head->view = (uint32_t)get(&at, 4);
	head->age_ms = get(&at, 8);
}

static int
refuse(char why[FILE_WHY_BYTES], const char *what)
{
	snprintf(why, FILE_WHY_BYTES, "%s", what);
	return -EBADMSG;
}

static int
failed(char why[FILE_WHY_BYTES], const char *what)
{
	int error = errno;
	snprintf(why, FILE_WHY_BYTES, "%s: %s", what, strerror(error));
	return -error;
}

/* --- writing --- */

struct file_writer {
	int fd;
	int error; /* sticks */
	const struct file_terms *terms;
	struct file_count *count;
	XXH3_state_t *sum;
	uint64_t bytes; /* of entries */
	size_t held;
	uint8_t buffer[FILE_BUFFER_BYTES];
};

static int
write_all(int fd, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t done = write(fd, bytes, count);
		if (done < 0 && errno != EINTR)
			return -errno;
		bytes += done > 0 ? done : 0;
		count -= done > 0 ? (size_t)done : 0;
	}
	return 0;
}

static void
writer_flush(struct file_writer *w)
{
	if (w->error == 0)
		w->error = write_all(w->fd, w->buffer, w->held);
	w->held = 0;
}

/* How old it is; UINT64_MAX: of no use. */
static uint64_t
age_of(const struct cache_entry *entry, const struct file_terms *terms)
{
	uint64_t age_ms = terms->boot_ms > entry->stored_ms ? terms->boot_ms - entry->stored_ms : 0;
	uint64_t use_s = (uint64_t)entry->life_s + terms->stale_s;
	/* a failure of yesterday says nothing of today */
	return entry->kind == CACHE_FAILURE || age_ms >= use_s * 1000 ? UINT64_MAX : age_ms;
}

static bool
writer_visit(void *arg, const struct cache_entry *entry)
{
	struct file_writer *w = arg;
	const struct wire_answer *answer = &entry->answer;
	struct file_head head = {
	        .msg_bytes = (uint16_t)answer->bytes,
	        .rcode = answer->rcode,
	        .ede_bytes = answer->edns.ede_bytes,
	        .kind = (uint8_t)entry->kind,
	        .flags = (uint8_t)((entry->dnssec_ok ? FILE_DNSSEC_OK : 0) |
	                           (entry->checking_disabled ? FILE_CHECKING_DISABLED : 0) |
	                           (entry->unasked ? FILE_UNASKED : 0)),
	        .life_s = entry->life_s,
	        .view = entry->view,
	        .age_ms = age_of(entry, w->terms),
	};
	if (head.age_ms == UINT64_MAX) {
		w->count->old++;
		return true;
	}
	if (!carry_wants(&w->terms->filter, answer->msg, answer->bytes)) {
		w->count->unwanted++;
		return true;
	}
	must(answer->bytes <= WIRE_MESSAGE_BYTES && head.ede_bytes <= EDNS_EDE_BYTES);
	if (sizeof w->buffer - w->held < FILE_ENTRY_MOST_BYTES)
		writer_flush(w);
	uint8_t *start = w->buffer + w->held, *at = head_write(start, &head);
	memcpy(at, answer->msg, answer->bytes);
	at += answer->bytes;
	memcpy(at, answer->edns.ede, head.ede_bytes);
	size_t bytes = (size_t)(at - start) + head.ede_bytes;
	XXH3_64bits_update(w->sum, start, bytes);
	w->held += bytes;
	w->bytes += bytes;
	w->count->entries++;
	return w->error == 0;
}

/* The sum behind the entries, the header into the room that was left for it. */
static void
writer_finish(struct file_writer *w)
{
	uint8_t header[FILE_HEADER_BYTES], sum[FILE_SUM_BYTES];
	const struct file_header h = {.version = FILE_VERSION,
	        .written_ms = w->terms->wall_ms,
	        .entries = w->count->entries,
	        .bytes = w->bytes};
	header_write(header, &h);
	XXH3_64bits_update(w->sum, header, sizeof header);
	put(sum, sizeof sum, XXH3_64bits_digest(w->sum));
	writer_flush(w);
	if (w->error == 0)
		w->error = write_all(w->fd, sum, sizeof sum);
	if (w->error == 0 && lseek(w->fd, 0, SEEK_SET) < 0)
		w->error = -errno;
	if (w->error == 0)
		w->error = write_all(w->fd, header, sizeof header);
}

int
file_save(const struct file_draft *draft, struct cache *cache, const struct file_terms *terms,
        struct file_count *count, char why[FILE_WHY_BYTES])
{
	struct file_writer *w = must_alloc(1, sizeof *w);
	XXH3_state_t sum;
	*count = (struct file_count){0};
	w->fd = draft->fd;
	w->terms = terms;
	w->count = count;
	w->sum = &sum;
	w->held = FILE_HEADER_BYTES;
	XXH3_64bits_reset(&sum);
	cache_walk(cache, writer_visit, w);
	writer_finish(w);
	int error = w->error;
	free(w);
	errno = -error;
	return error < 0 ? failed(why, "cannot be written") : 0;
}

/* --- reading --- */

struct file_reader {
	int fd;
	uint64_t at; /* in the file, of what comes next into the buffer */
	size_t start, end;
	uint8_t buffer[FILE_BUFFER_BYTES];
};

/* So many bytes in one piece; NULL when the file ends before, or cannot be read (errno). */
static const uint8_t *
reader_take(struct file_reader *r, size_t bytes)
{
	errno = 0;
	if (r->end - r->start < bytes) {
		memmove(r->buffer, r->buffer + r->start, r->end - r->start);
		r->end -= r->start;
		r->start = 0;
	}
	while (r->end - r->start < bytes) {
		ssize_t got = pread(r->fd, r->buffer + r->end, sizeof r->buffer - r->end, (off_t)r->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return NULL;
		r->at += (uint64_t)got;
		r->end += (size_t)got;
	}
	r->start += bytes;
	return r->buffer + r->start - bytes;
}

static void
reader_rewind(struct file_reader *r)
{
	r->at = FILE_HEADER_BYTES;
	r->start = r->end = 0;
}

static int
ends_early(char why[FILE_WHY_BYTES])
{
	return errno != 0 ? failed(why, "cannot be read") : refuse(why, "it is truncated");
}

static int
check_header(struct file_reader *r, uint64_t size, struct file_header *header, XXH3_state_t *sum,
        char why[FILE_WHY_BYTES])
{
	const uint8_t *at = reader_take(r, FILE_HEADER_BYTES);
	if (at == NULL)
		return ends_early(why);
	if (memcmp(at, file_magic, sizeof file_magic) != 0)
		return refuse(why, "it is no cache of dotward");
	header_read(at, header);
	if (header->version != FILE_VERSION) {
		snprintf(why, FILE_WHY_BYTES, "it has format %u, and this dotward reads format %d",
		        header->version, FILE_VERSION);
		return -EBADMSG;
	}
	if (size < FILE_HEADER_BYTES + FILE_SUM_BYTES ||
	        header->bytes > size - FILE_HEADER_BYTES - FILE_SUM_BYTES)
		return refuse(why, "it is truncated");
	if (header->bytes < size - FILE_HEADER_BYTES - FILE_SUM_BYTES)
		return refuse(why, "there is something behind its end");
	XXH3_64bits_update(sum, at, FILE_HEADER_BYTES);
	return 0;
}

/* Entries first, then the header, as they were summed up. */
static int
check_sum(struct file_reader *r, uint64_t size, struct file_header *header, char why[FILE_WHY_BYTES])
{
	enum { PIECE_BYTES = 1 << 16 };
	XXH3_state_t sum, ignored;
	uint8_t bytes[FILE_HEADER_BYTES];
	XXH3_64bits_reset(&sum);
	XXH3_64bits_reset(&ignored);
	int refused = check_header(r, size, header, &ignored, why);
	if (refused < 0)
		return refused;
	memcpy(bytes, r->buffer, sizeof bytes);
	for (uint64_t left = header->bytes; left > 0;) {
		size_t piece = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
		const uint8_t *at = reader_take(r, piece);
		if (at == NULL)
			return ends_early(why);
		XXH3_64bits_update(&sum, at, piece);
		left -= piece;
	}
	XXH3_64bits_update(&sum, bytes, sizeof bytes);
	const uint8_t *at = reader_take(r, FILE_SUM_BYTES);
	if (at == NULL)
		return ends_early(why);
	return get(&at, FILE_SUM_BYTES) == XXH3_64bits_digest(&sum)
	               ? 0
	               : refuse(why, "its checksum is wrong: it is damaged");
}

/* --- entries --- */

struct file_loader {
	struct cache *cache;
	const struct file_terms *terms;
	struct file_count *count;
	uint64_t passed_ms; /* since it was written */
	uint16_t ttls[CACHE_RECORDS];
	uint8_t msg[WIRE_MESSAGE_BYTES];
};

static bool
head_is_sound(const struct file_head *head)
{
	return head->msg_bytes >= WIRE_HEADER_BYTES && head->kind <= CACHE_FAILURE &&
	       (head->flags & ~FILE_FLAGS) == 0 && head->life_s > 0 && head->life_s <= FILE_MOST_LIFE_S &&
	       head->ede_bytes <= EDNS_EDE_BYTES &&
	       (head->ede_bytes == 0 || head->ede_bytes >= EDNS_EDE_CODE_BYTES) && head->rcode <= 0xfff;
}

/* How old it is now; UINT64_MAX: of no use any more. */
static uint64_t
age_now(const struct file_loader *l, const struct file_head *head)
{
	uint64_t life_ms = (uint64_t)head->life_s * 1000,
	         use_ms = life_ms + (uint64_t)l->terms->stale_s * 1000;
	if (head->age_ms >= use_ms || l->passed_ms >= use_ms - head->age_ms)
		return UINT64_MAX;
	uint64_t age_ms = head->age_ms + l->passed_ms;
	if (l->count->clock_back && age_ms < life_ms)
		age_ms = life_ms;
	return age_ms < use_ms && age_ms <= l->terms->boot_ms ? age_ms : UINT64_MAX;
}

/* The message as an answer to its own question, by the parsers that it went through when it came. */
static bool
parse(struct file_loader *l, const struct file_head *head, struct wire_query *query, struct wire_answer *out)
{
	if (!carry_question(l->msg, head->msg_bytes, head->flags & FILE_DNSSEC_OK,
	            head->flags & FILE_CHECKING_DISABLED, query) ||
	        wire_answer_take(l->msg, head->msg_bytes, &query->question, out) != WIRE_MATCH ||
	        out->edns.present)
		return false;
	query->view = head->view;
	uint16_t flags = octets_get16(l->msg + HEADER_FLAGS);
	if (flags & WIRE_FLAG_TC || (flags & WIRE_FLAG_RCODE) != (head->rcode & WIRE_FLAG_RCODE))
		return false;
	out->rcode = head->rcode;
	return true;
}

static bool
put_entry(struct file_loader *l, const struct file_head *head, const uint8_t *ede, uint64_t age_ms)
{
	struct wire_query query;
	struct wire_answer answer;
	if (!parse(l, head, &query, &answer))
		return false;
	int ttls = ttl_find(answer.msg, answer.bytes, l->ttls, CACHE_RECORDS);
	if (ttls < 0)
		return false;
	answer.edns.ede_bytes = head->ede_bytes;
	memcpy(answer.edns.ede, ede, head->ede_bytes);
	const struct cache_item item = {
	        .answer = &answer,
	        .ttls = l->ttls,
	        .ttl_count = (unsigned)ttls,
	        .kind = (enum cache_kind)head->kind,
	        .unasked = head->flags & FILE_UNASKED,
	        .stored_ms = l->terms->boot_ms - age_ms,
	        .life_s = head->life_s,
	};
	return carry_put(l->cache, l->terms->seed, &query, &item);
}

/* False when the file ends here, although its sum was right before: somebody has cut it meanwhile. */
static bool
load_entry(struct file_loader *l, struct file_reader *r)
{
	struct file_head head;
	const uint8_t *at = reader_take(r, FILE_ENTRY_BYTES);
	if (at == NULL)
		return false;
	head_read(at, &head);
	at = reader_take(r, (size_t)head.msg_bytes + head.ede_bytes);
	if (at == NULL)
		return false;
	uint64_t age_ms = head_is_sound(&head) ? age_now(l, &head) : 0;
	if (age_ms == UINT64_MAX) {
		l->count->old++;
		return true;
	}
	memcpy(l->msg, at, head.msg_bytes);
	if (!carry_wants(&l->terms->filter, l->msg, head.msg_bytes))
		l->count->unwanted++;
	else if (head_is_sound(&head) && put_entry(l, &head, at + head.msg_bytes, age_ms))
		l->count->entries++;
	else
		l->count->unfit++;
	return true;
}

static int
load(struct file_loader *l, struct file_reader *r, uint64_t size, char why[FILE_WHY_BYTES])
{
	struct file_header header = {0};
	int refused = check_sum(r, size, &header, why);
	if (refused < 0)
		return refused;
	l->count->clock_back = l->terms->wall_ms < header.written_ms;
	l->passed_ms = l->count->clock_back ? 0 : l->terms->wall_ms - header.written_ms;
	reader_rewind(r);
	for (uint64_t left = header.entries;
	        left > 0 && r->at - (r->end - r->start) < size - FILE_SUM_BYTES && load_entry(l, r); left--)
		;
	return 0;
}

int
file_load(int fd, struct cache *cache, const struct file_terms *terms, struct file_count *count,
        char why[FILE_WHY_BYTES])
{
	struct stat status;
	*count = (struct file_count){0};
	if (fstat(fd, &status) < 0)
		return failed(why, "cannot be looked at");
	struct file_reader *r = must_alloc(1, sizeof *r);
	struct file_loader *l = must_alloc(1, sizeof *l);
	r->fd = fd;
	l->cache = cache;
	l->terms = terms;
	l->count = count;
	int refused = load(l, r, (uint64_t)status.st_size, why);
	free(l);
	free(r);
	return refused;
}

int
file_open(const char *path, char why[FILE_WHY_BYTES])
{
	struct stat status;
	/* not to hang where somebody has put a pipe */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return failed(why, "cannot be opened");
	int refused = 0;
	if (fstat(fd, &status) < 0)
		refused = failed(why, "cannot be looked at");
	else if (!S_ISREG(status.st_mode))
		refused = refuse(why, "it is no regular file");
	else if (status.st_uid != 0 && status.st_uid != geteuid())
		refused = refuse(why, "it belongs to somebody else");
	else if (status.st_mode & (S_IWGRP | S_IWOTH))
		refused = refuse(why, "others may write to it");
	if (refused == 0)
		return fd;
	close(fd);
	return refused;
}

/* --- in its place --- */

int
file_draft_begin(struct file_draft *draft, const char *path, char why[FILE_WHY_BYTES])
{
	char folder[FILE_PATH_BYTES];
	const char *slash = strrchr(path, '/');
	must(slash != NULL);
	draft->fd = -1;
	snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	snprintf(draft->name, sizeof draft->name, "%s", slash + 1);
	snprintf(draft->draft, sizeof draft->draft, "%.1000s.new", slash + 1);
	draft->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (draft->folder < 0)
		return failed(why, "its folder cannot be opened");
	/* of a predecessor that was killed */
	unlinkat(draft->folder, draft->draft, 0);
	draft->fd = openat(draft->folder, draft->draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (draft->fd >= 0 && fchmod(draft->fd, 0600) == 0)
		return 0;
	int error = failed(why, "cannot be made in its folder");
	file_draft_end(draft);
	return error;
}

int
file_draft_replace(struct file_draft *draft, char why[FILE_WHY_BYTES])
{
	if (fsync(draft->fd) < 0)
		return failed(why, "cannot be brought to the disk");
	if (renameat(draft->folder, draft->draft, draft->folder, draft->name) < 0)
		return failed(why, "cannot be put in its place");
	close(draft->fd);
	draft->fd = -1;
	return fsync(draft->folder) < 0 ? failed(why, "its folder cannot be brought to the disk") : 0;
}

void
file_draft_end(struct file_draft *draft)
{
	if (draft->fd >= 0) {
		unlinkat(draft->folder, draft->draft, 0);
		close(draft->fd);
	}
	if (draft->folder >= 0)
		close(draft->folder);
	draft->folder = draft->fd = -1;
}
