/*
 * Frames are gathered where they lie, in the spools, and go out as one array of pieces.
 */
#include "process/tapster.h"

#include "base/must.h"
#include "dnstap/frames.h"

#include <stdlib.h>
#include <sys/uio.h>

enum { TAPSTER_FRAMES = 1024 };

struct tapster {
	struct tapster_line *line; /* one of these two */
	struct tapster_file *file;
	unsigned count;
	struct iovec parts[2 * TAPSTER_FRAMES];
	uint8_t lengths[TAPSTER_FRAMES][FRAMES_LENGTH_BYTES];
};

static bool
tapster_wanted(const struct config *config)
{
	const struct config_dnstap *dnstap = &config->dnstap;
	return (dnstap->socket[0] != '\0' || dnstap->file[0] != '\0') &&
	       (dnstap->client || dnstap->forwarder);
}

static int
tapster_open(const struct config *config, char why[SCRIBE_WHY_BYTES])
{
	if (config->dnstap.file[0] == '\0')
		return -1;
	int fd = tapster_file_open(config->dnstap.file, why);
	return fd < 0 ? fd - 1 : fd;
}

static void *
tapster_begin(const struct config *config, int fd)
{
	struct tapster *t = must_alloc(1, sizeof *t);
	if (fd >= 0)
		t->file = tapster_file_new(fd);
	else
		t->line = tapster_line_new(config->dnstap.socket);
	return t;
}

static unsigned
send_all(struct tapster *t)
{
	const struct tapster_frames frames = {.parts = t->parts, .count = t->count};
	t->count = 0;
	if (frames.count == 0)
		return 0;
	return t->file != NULL ? tapster_file_append(t->file, &frames) : tapster_line_send(t->line, &frames);
}

static bool
tapster_put(void *arg, const uint8_t *record, size_t bytes)
{
	struct tapster *t = arg;
	if (t->count == TAPSTER_FRAMES || bytes == 0)
		return false;
	struct iovec *parts = &t->parts[2 * t->count];
	frames_length(t->lengths[t->count], bytes);
	parts[0] = (struct iovec){t->lengths[t->count], FRAMES_LENGTH_BYTES};
	parts[1] = (struct iovec){(void *)(uintptr_t)record, bytes};
	t->count++;
	return true;
}

static unsigned
tapster_flush(void *arg)
{
	return send_all(arg);
}

static void
tapster_adopt(void *arg, int fd)
{
	const struct tapster *t = arg;
	must(t->file != NULL);
	tapster_file_adopt(t->file, fd);
}

static void
tapster_end(void *arg)
{
	struct tapster *t = arg;
	if (t->file != NULL)
		tapster_file_free(t->file);
	else
		tapster_line_free(t->line);
	free(t);
}

const struct scribe_craft tapster_craft = {
        .name = "dnstap",
        .counter = STATS_dnstap_dropped,
        .wanted = tapster_wanted,
        .open = tapster_open,
        .begin = tapster_begin,
        .put = tapster_put,
        .flush = tapster_flush,
        .adopt = tapster_adopt,
        .end = tapster_end,
};
