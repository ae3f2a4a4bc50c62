/*
 * What is held back for whom, and where an answer is cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "loading.h"
#include "message.h"
#include "query/screen.h"

static struct config *config;
static struct screen *screen;
static struct message m;
static struct wire_query query;
static struct wire_answer answer;

static void
load(const char *policy)
{
	char text[1024];
	snprintf(text, sizeof text,
	        "upstreams = ( { addresses = [ \"9.9.9.9\" ]; }, { name = \"corp\"; addresses = [ "
	        "\"9.9.9.10\" ]; } );"
	        "routes = ( { domains = [ \"corp.example\" ]; upstreams = [ \"corp\" ]; },"
	        "{ domains = [ \".\" ]; upstreams = [ \"9.9.9.9\" ]; } ); policy: { %s };",
	        policy);
	screen_free(screen);
	config_free(config);
	config = loading_good(text);
	screen = screen_new(config);
}

static int
stop(void **state)
{
	screen_free(screen);
	config_free(config);
	return loading_end(state);
}

static void
begin(const char *name)
{
	message_begin(&m, 1, 0x8180);
	message_question(&m, name, 1, 1);
	query = (struct wire_query){.question = {.type = 1, .class = 1}};
	query.question.name_bytes = (uint16_t)name_from_text(name, query.question.name);
}

static const struct wire_answer *
done(void)
{
	answer = (struct wire_answer){.msg = m.bytes, .bytes = m.length};
	return &answer;
}

static bool
holds(const char *name)
{
	begin(name);
	message_record(&m, SECTION_ANSWER, "elsewhere.example.", 1, "\12\0\0\1", 4);
	return screen_holds(screen, &query.question, done());
}

static void
who_may_have_private_addresses(void **state)
{
	(void)state;
	load("");
	assert_null(screen);
	assert_false(holds("www.example."));
	load("minimal_responses = true;");
	assert_false(holds("www.example."));
	load("rebind_protection = true; rebind_allow = [ \"Plex.direct\" ];");
	assert_true(holds("www.example."));
	assert_true(holds("example."));
	assert_true(holds("direct."));
	assert_false(holds("plex.direct."));
	assert_false(holds("a.b.plex.DIRECT."));
	assert_true(holds("xplex.direct."));
	assert_false(holds("corp.example.")); /* routed */
	assert_false(holds("www.corp.example."));
	begin("www.example.");
	message_record(&m, SECTION_ANSWER, "www.example.", 1, "\11\0\0\1", 4);
	assert_false(screen_holds(screen, &query.question, done()));
}

/* What is left, as counts of records. */
static const char *
trim(void)
{
	static char said[64];
	const struct wire_answer *got = screen_trim(screen, &query, done());
	snprintf(said, sizeof said, "%u %u %u", message_get16(got->msg + SECTION_ANSWER),
	        message_get16(got->msg + SECTION_AUTHORITY), message_get16(got->msg + SECTION_ADDITIONAL));
	/* it is whole, and the beginning of what it was */
	static uint8_t copy[WIRE_MESSAGE_BYTES];
	struct wire_answer taken;
	memcpy(copy, got->msg, got->bytes);
	assert_int_equal(wire_answer_take(copy, got->bytes, &query.question, &taken), WIRE_MATCH);
	assert_memory_equal(
	        got->msg + WIRE_HEADER_BYTES, m.bytes + WIRE_HEADER_BYTES, got->bytes - WIRE_HEADER_BYTES);
	return said;
}

static void
put(size_t section, unsigned type)
{
	/* two names and 20 octets of a SOA; a record of another type may have them as well */
	static const char soa[] = "\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", a[] = "\11\0\0\1";
	if (type == 1)
		message_record(&m, section, "www.example.", type, a, sizeof a - 1);
	else if (type == 2)
		message_record(&m, section, "example.", type, "\2ns\0", 4);
	else
		message_record(&m, section, "example.", type, soa, sizeof soa - 1);
}

static void
what_is_left_out(void **state)
{
	(void)state;
	load("rebind_protection = true;");
	begin("www.example.");
	put(SECTION_ANSWER, 1);
	put(SECTION_AUTHORITY, 2);
	assert_ptr_equal(screen_trim(screen, &query, done()), &answer);
	assert_ptr_equal(screen_trim(NULL, &query, done()), &answer);

	load("minimal_responses = true;");
	assert_string_equal(trim(), "1 0 0");
	put(SECTION_ADDITIONAL, 1);
	assert_string_equal(trim(), "1 0 0");
	/* with signatures, only what proves something stays */
	query.edns.dnssec_ok = true;
	assert_string_equal(trim(), "1 0 0");
	begin("www.example.");
	put(SECTION_ANSWER, 1);
	put(SECTION_AUTHORITY, 2);
	put(SECTION_AUTHORITY, 50);
	put(SECTION_ADDITIONAL, 1);
	assert_string_equal(trim(), "1 0 0");
	query.edns.dnssec_ok = true;
	assert_string_equal(trim(), "1 2 0");
	/* an alias that leads nowhere: the SOA says so */
	begin("www.example.");
	message_record(&m, SECTION_ANSWER, "www.example.", 5, "\1x\0", 3);
	put(SECTION_AUTHORITY, 6);
	put(SECTION_ADDITIONAL, 1);
	assert_string_equal(trim(), "1 1 0");
	/* no answer: what stands behind it is one */
	begin("www.example.");
	put(SECTION_AUTHORITY, 2);
	assert_string_equal(trim(), "0 1 0");
	assert_ptr_equal(screen_trim(screen, &query, done()), &answer);
	put(SECTION_ADDITIONAL, 1);
	assert_string_equal(trim(), "0 1 0");
	begin("www.example.");
	assert_string_equal(trim(), "0 0 0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(who_may_have_private_addresses),
	        cmocka_unit_test(what_is_left_out),
	};
	return cmocka_run_group_tests_name("screen", tests, loading_begin, stop);
}
