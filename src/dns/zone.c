/*
 * The scanner is stepped record by record, and never left to run by itself: then it would open the files that
 * $INCLUDE names.
 *
 * It has no notion of "no origin". Where there is to be none it gets one that nobody writes by accident, and
 * a record in which that one turns up had a relative name. Nor does it read lines that end in CR LF; they are
 * copied without the CR.
 */
#include "dns/zone.h"

#include <errno.h>
#include <libzscanner/scanner.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { CLASS_IN = 1 };

#define NO_ORIGIN_TEXT "\\000dotward\\.no\\.origin\\255."
static const uint8_t no_origin[] = "\x13\0dotward.no.origin\xff"; /* and the root label */

struct reading {
	zs_scanner_t scanner;
	bool absolute; /* names must be */
	zone_record_fn *record;
	zone_error_fn *error;
	void *arg;
};

static bool
is_relative(const struct reading *r)
{
	const zs_scanner_t *s = &r->scanner;
	return r->absolute &&
	       (memmem(s->r_owner, s->r_owner_length, no_origin, sizeof no_origin) != NULL ||
	               memmem(s->r_data, s->r_data_length, no_origin, sizeof no_origin) != NULL);
}

static void
hand_over(struct reading *r)
{
	const zs_scanner_t *s = &r->scanner;
	if (is_relative(r)) {
		r->error(r->arg, (unsigned long)s->line_counter,
		        "a relative name: write it out, with a dot at its end");
		return;
	}
	r->record(r->arg, &(const struct zone_record){
	                          .line = (unsigned long)s->line_counter,
	                          .owner = s->r_owner,
	                          .owner_bytes = s->r_owner_length,
	                          .type = s->r_type,
	                          .class = s->r_class,
	                          .ttl_s = s->r_ttl,
	                          .rdata = s->r_data,
	                          .rdata_bytes = s->r_data_length,
	                  });
}

static int
read_all(struct reading *r)
{
	zs_scanner_t *s = &r->scanner;
	while (zs_parse_record(s) == 0)
		switch (s->state) {
		case ZS_STATE_DATA:
			hand_over(r);
			break;
		case ZS_STATE_INCLUDE:
			r->error(r->arg, (unsigned long)s->line_counter, "$INCLUDE is not followed");
			break;
		case ZS_STATE_ERROR:
			r->error(r->arg, (unsigned long)s->line_counter, zs_strerror(s->error.code));
			if (s->error.fatal)
				return -EBADMSG;
			break;
		default:
			return 0;
		}
	/* only where it was asked on after its end */
	return -EBADMSG;
}

/* NULL where there is no CR LF, or no memory (`*ok`). */
static char *
without_cr(const char *text, size_t *bytes, bool *ok)
{
	*ok = true;
	if (memmem(text, *bytes, "\r\n", 2) == NULL)
		return NULL;
	char *copy = malloc(*bytes);
	*ok = copy != NULL;
	if (copy == NULL)
		return NULL;
	size_t put = 0;
	for (size_t i = 0; i < *bytes; i++)
		if (text[i] != '\r' || i + 1 == *bytes || text[i + 1] != '\n')
			copy[put++] = text[i];
	*bytes = put;
	return copy;
}

static int
read_text(struct reading *r, const char *text, size_t bytes)
{
	bool ok;
	char *copy = without_cr(text, &bytes, &ok);
	if (!ok)
		return -ENOMEM;
	int rc = -ENOMEM;
	if (zs_set_input_string(&r->scanner, copy != NULL ? copy : text, bytes) == 0)
		rc = read_all(r);
	free(copy);
	return rc;
}

int
zone_parse(const char *text, size_t bytes, const char *origin, uint32_t ttl_s, zone_record_fn *record,
        zone_error_fn *error, void *arg)
{
	struct reading *r = malloc(sizeof *r); /* some 300 kB, too much for a stack */
	if (r == NULL)
		return -ENOMEM;
	r->absolute = origin == NULL;
	r->record = record;
	r->error = error;
	r->arg = arg;
	int rc = -EINVAL;
	if (zs_init(&r->scanner, origin != NULL ? origin : NO_ORIGIN_TEXT, CLASS_IN, ttl_s) != 0)
		goto out;
	rc = bytes > 0 ? read_text(r, text, bytes) : 0;
	zs_deinit(&r->scanner);
out:
	free(r);
	return rc;
}
