/*
 * Any bytes shown as an answer: what comes out is printable ASCII in whole lines, whatever went in, and for a
 * message that is whole one line for each of its records.
 */
#include "../unit/message.h"
#include "base/must.h"
#include "dns/show.h"
#include "guess.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How many lines are records: only those of the frame begin with a semicolon. */
static unsigned
lines_check(const char *text, size_t length)
{
	unsigned records = 0;

	must(length > 0 && text[length - 1] == '\n');
	for (size_t i = 0; i < length; i++) {
		must(text[i] == '\n' || (text[i] >= ' ' && text[i] <= '~'));
		if ((i == 0 || text[i - 1] == '\n') && text[i] != ';' && text[i] != '\n')
			records++;
		must(text[i] != ' ' || (text[i + 1] != '\n' && i > 0));
	}
	return records;
}

static bool
show_check(const struct wire_answer *answer)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	must(out != NULL);
	bool whole = show_answer(out, answer);
	fclose(out);
	unsigned records = lines_check(text, length);
	if (whole)
		must(records == message_get16(answer->msg + SECTION_ANSWER) +
		                        message_get16(answer->msg + SECTION_AUTHORITY) +
		                        message_get16(answer->msg + SECTION_ADDITIONAL));
	/* At the start of a line: elsewhere a stranger may say it. */
	bool complaint = strncmp(text, ";; malformed: ", 14) == 0 || strstr(text, "\n;; malformed: ") != NULL;
	must(whole == !complaint);
	free(text);
	return whole;
}

/* The EDE is a stranger's as well: here it is the head of the message. */
static void
ede_take(struct edns *edns, const uint8_t *data, size_t size)
{
	memset(edns, 0, sizeof(*edns));
	edns->ede_bytes = (uint16_t)(size < EDNS_EDE_BYTES ? size : EDNS_EDE_BYTES);
	memcpy(edns->ede, data, edns->ede_bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_question question;
	static struct wire_answer answer;
	uint8_t *msg = malloc(size + (size == 0));

	memcpy(msg, data, size);
	answer.msg = msg;
	answer.bytes = size;
	answer.rcode = (uint16_t)size;
	ede_take(&answer.edns, data, size);
	show_check(&answer);
	if (question_guess(data, size, &question) &&
	        wire_answer_take(msg, size, &question, &answer) == WIRE_MATCH)
		must(show_check(&answer));
	free(msg);
	return 0;
}
