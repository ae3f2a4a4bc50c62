/*
 * An answer as text: the walk through its sections, and the lines around what rdata.c writes.
 */
#include "dns/show.h"

#include "dns/header.h"
#include "dns/octets.h"
#include "dns/rdata.h"
#include "dns/record.h"

#include <inttypes.h>

enum {
	CLASS_BEFORE = 8, /* seen from RDATA */
	TTL_BEFORE = 6,
};

static void
class_show(FILE *out, unsigned class)
{
	if (class == 1 || class == 3 || class == 4)
		fputs(class == 1 ? " IN" : class == 3 ? " CH" : " HS", out);
	else
		fprintf(out, " CLASS%u", class);
}

static void
name_show(FILE *out, const uint8_t *msg, size_t bytes, size_t at)
{
	char text[NAME_TEXT_BYTES];
	uint8_t unfolded[NAME_BYTES];

	fputs(name_text(unfolded, name_unfold(msg, bytes, at, unfolded), text), out);
}

static void
record_show(FILE *out, const uint8_t *msg, size_t bytes, const struct record *record)
{
	char word[WIRE_WORD_BYTES];

	name_show(out, msg, bytes, record->at);
	fprintf(out, " %" PRIu32, octets_get32(msg + record->rdata - TTL_BEFORE));
	class_show(out, octets_get16(msg + record->rdata - CLASS_BEFORE));
	fprintf(out, " %s", wire_type_text(record->type, word));
	fputc(' ', out);
	rdata_show(out, msg, record);
	fputc('\n', out);
}

/* Writes the questions from *at, and moves it behind them. */
static bool
questions_show(FILE *out, const uint8_t *msg, size_t bytes, size_t *at)
{
	char word[WIRE_WORD_BYTES];
	unsigned count = octets_get16(msg + HEADER_QDCOUNT);

	if (count > 0)
		fputs("\n;; QUESTION SECTION:\n", out);
	for (; count > 0; count--) {
		size_t fixed = name_skip(msg, bytes, *at);
		if (fixed == 0 || bytes - *at - fixed < QUESTION_FIXED_BYTES)
			return false;
		fixed += *at;
		fputc(';', out);
		name_show(out, msg, bytes, *at);
		class_show(out, octets_get16(msg + fixed + 2));
		fprintf(out, " %s\n", wire_type_text(octets_get16(msg + fixed), word));
		*at = fixed + QUESTION_FIXED_BYTES;
	}
	return true;
}

static bool
section_show(FILE *out, const char *title, const uint8_t *msg, size_t bytes, unsigned count, size_t *at)
{
	struct record record;

	if (count > 0)
		fprintf(out, "\n;; %s SECTION:\n", title);
	for (; count > 0; count--, *at = record.end) {
		if (!record_read(msg, bytes, *at, &record))
			return false;
		record_show(out, msg, bytes, &record);
	}
	return true;
}

static void
flags_show(FILE *out, unsigned flags)
{
	static const struct {
		unsigned bit;
		const char *word;
	} words[] = {
	        {WIRE_FLAG_QR, "qr"},
	        {WIRE_FLAG_AA, "aa"},
	        {WIRE_FLAG_TC, "tc"},
	        {WIRE_FLAG_RD, "rd"},
	        {WIRE_FLAG_RA, "ra"},
	        {WIRE_FLAG_AD, "ad"},
	        {WIRE_FLAG_CD, "cd"},
	};

	fputs("; flags:", out);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((flags & words[i].bit) != 0)
			fprintf(out, " %s", words[i].word);
}

static void
ede_show(FILE *out, const struct edns *edns)
{
	size_t bytes = edns->ede_bytes > EDNS_EDE_BYTES ? EDNS_EDE_BYTES : edns->ede_bytes;

	if (bytes < EDNS_EDE_CODE_BYTES)
		return;
	fprintf(out, "; EDE: %u", (unsigned)octets_get16(edns->ede));
	if (bytes > EDNS_EDE_CODE_BYTES) {
		fputs(" (", out);
		for (size_t i = EDNS_EDE_CODE_BYTES; i < bytes; i++)
			rdata_octet(out, edns->ede[i]);
		fputc(')', out);
	}
	fputc('\n', out);
}

static void
header_show(FILE *out, const struct wire_answer *answer)
{
	char word[WIRE_WORD_BYTES];
	const uint8_t *msg = answer->msg;

	fprintf(out, ";; status: %s", wire_rcode_text(answer->rcode, word));
	flags_show(out, octets_get16(msg + HEADER_FLAGS));
	fprintf(out, "; answer: %u, authority: %u, additional: %u\n",
	        (unsigned)octets_get16(msg + HEADER_ANCOUNT), (unsigned)octets_get16(msg + HEADER_NSCOUNT),
	        (unsigned)octets_get16(msg + HEADER_ARCOUNT));
	ede_show(out, &answer->edns);
}

/* Returns where the sections end, or 0 when the message ends before. */
static size_t
sections_show(FILE *out, const uint8_t *msg, size_t bytes)
{
	size_t at = HEADER_BYTES;

	bool whole = questions_show(out, msg, bytes, &at) &&
	             section_show(out, "ANSWER", msg, bytes, octets_get16(msg + HEADER_ANCOUNT), &at) &&
	             section_show(out, "AUTHORITY", msg, bytes, octets_get16(msg + HEADER_NSCOUNT), &at) &&
	             section_show(out, "ADDITIONAL", msg, bytes, octets_get16(msg + HEADER_ARCOUNT), &at);
	return whole ? at : 0;
}

bool
show_answer(FILE *out, const struct wire_answer *answer)
{
	size_t end = 0;

	if (answer->bytes >= HEADER_BYTES && answer->bytes <= WIRE_MESSAGE_BYTES) {
		header_show(out, answer);
		end = sections_show(out, answer->msg, answer->bytes);
	}
	if (end != 0 && end == answer->bytes)
		return true;
	fprintf(out, ";; malformed: %s\n",
	        end == 0 ? "cut off, or no message" : "bytes behind the last record");
	return false;
}
