/*
 * RDATA as text.
 *
 * A table has a word for each type, with a letter for each field. It is walked twice: the first walk writes
 * nothing and finds out whether the fields fill RDATA exactly, and only then does the second one write. So a
 * line is never half of one form and half of the other.
 */
#include "dns/rdata.h"

#include "dns/name.h"
#include "dns/octets.h"
#include "dns/wire.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <time.h>

/* A walk through RDATA. `bad` sticks: from then on nothing is read. */
struct walk {
	FILE *out; /* NULL: only looks */
	const uint8_t *msg;
	size_t at, end;
	bool bad;
	const char *blank; /* before the next field */
};

/* The next `bytes` octets, or NULL. */
static const uint8_t *
take(struct walk *walk, size_t bytes)
{
	if (walk->bad || walk->end - walk->at < bytes) {
		walk->bad = true;
		return NULL;
	}
	const uint8_t *octets = walk->msg + walk->at;
	walk->at += bytes;
	return octets;
}

static void __attribute__((format(printf, 2, 3))) say(struct walk *walk, const char *format, ...)
{
	va_list args;

	if (walk->out == NULL)
		return;
	fputs(walk->blank, walk->out);
	walk->blank = " ";
	va_start(args, format);
	vfprintf(walk->out, format, args);
	va_end(args);
}

static void
number8(struct walk *walk)
{
	const uint8_t *octets = take(walk, 1);
	if (octets != NULL)
		say(walk, "%u", (unsigned)octets[0]);
}

static void
number16(struct walk *walk)
{
	const uint8_t *octets = take(walk, 2);
	if (octets != NULL)
		say(walk, "%u", (unsigned)octets_get16(octets));
}

static void
number32(struct walk *walk)
{
	const uint8_t *octets = take(walk, 4);
	if (octets != NULL)
		say(walk, "%" PRIu32, octets_get32(octets));
}

/* RFC 4034 section 3.2: YYYYMMDDHHmmSS in UTC. */
static void
date(struct walk *walk)
{
	struct tm utc;
	char text[sizeof "YYYYYYYYMMDDHHmmSS"];
	const uint8_t *octets = take(walk, 4);
	if (octets == NULL)
		return;
	const time_t when = octets_get32(octets);
	gmtime_r(&when, &utc);
	strftime(text, sizeof text, "%Y%m%d%H%M%S", &utc);
	say(walk, "%s", text);
}

static void
type(struct walk *walk)
{
	char word[WIRE_WORD_BYTES];
	const uint8_t *octets = take(walk, 2);
	if (octets != NULL)
		say(walk, "%s", wire_type_text(octets_get16(octets), word));
}

static void
address(struct walk *walk, int family, size_t bytes)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *octets = take(walk, bytes);
	if (octets != NULL)
		say(walk, "%s", inet_ntop(family, octets, text, sizeof text));
}

static void
address4(struct walk *walk)
{
	address(walk, AF_INET, 4);
}

static void
address6(struct walk *walk)
{
	address(walk, AF_INET6, 16);
}

static void
name(struct walk *walk)
{
	char text[NAME_TEXT_BYTES];
	uint8_t unfolded[NAME_BYTES];
	size_t stands = walk->bad ? 0 : name_skip(walk->msg, walk->end, walk->at);
	size_t length = stands == 0 ? 0 : name_unfold(walk->msg, walk->end, walk->at, unfolded);

	if (take(walk, stands) == NULL || length == 0)
		walk->bad = true;
	else
		say(walk, "%s", name_text(unfolded, length, text));
}

void
rdata_octet(FILE *out, uint8_t octet)
{
	if (octet < ' ' || octet >= 0x7f)
		fprintf(out, "\\%03u", (unsigned)octet);
	else
		fprintf(out, octet == '"' || octet == '\\' ? "\\%c" : "%c", octet);
}

static void
quote(struct walk *walk, const uint8_t *octets, size_t bytes)
{
	say(walk, "\"");
	for (size_t i = 0; walk->out != NULL && i < bytes; i++)
		rdata_octet(walk->out, octets[i]);
	if (walk->out != NULL)
		fputc('"', walk->out);
}

/* A character string, RFC 1035 section 3.3. */
static void
string(struct walk *walk)
{
	const uint8_t *length = take(walk, 1);
	const uint8_t *octets = length == NULL ? NULL : take(walk, *length);
	if (octets != NULL)
		quote(walk, octets, *length);
}

/* One at least. */
static void
strings(struct walk *walk)
{
	do
		string(walk);
	while (!walk->bad && walk->at < walk->end);
}

/* RFC 8659 section 4.1: letters and digits, nothing else. */
static void
tag(struct walk *walk)
{
	const uint8_t *length = take(walk, 1);
	const uint8_t *octets = length == NULL ? NULL : take(walk, *length);
	if (octets == NULL)
		return;
	for (size_t i = 0; i < *length; i++)
		if ((octets[i] < '0' || octets[i] > '9') &&
		        ((octets[i] | 0x20) < 'a' || (octets[i] | 0x20) > 'z'))
			walk->bad = true;
	walk->bad |= *length == 0;
	if (!walk->bad)
		say(walk, "%.*s", (int)*length, (const char *)octets);
}

static void
rest_quoted(struct walk *walk)
{
	size_t bytes = walk->end - walk->at;
	const uint8_t *octets = take(walk, bytes);
	if (octets != NULL)
		quote(walk, octets, bytes);
}

/* What is left, one octet at least: a line cannot show an empty field. */
static const uint8_t *
rest(struct walk *walk, size_t *bytes)
{
	*bytes = walk->end - walk->at;
	walk->bad |= *bytes == 0;
	return take(walk, *bytes);
}

static void
rest_hex(struct walk *walk)
{
	size_t bytes = 0;
	const uint8_t *octets = rest(walk, &bytes);
	if (octets == NULL)
		return;
	say(walk, "%s", "");
	for (size_t i = 0; walk->out != NULL && i < bytes; i++)
		fprintf(walk->out, "%02X", octets[i]);
}

static void
rest_base64(struct walk *walk)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t bytes = 0;
	const uint8_t *octets = rest(walk, &bytes);
	if (octets == NULL)
		return;
	say(walk, "%s", "");
	for (size_t i = 0; walk->out != NULL && i < bytes; i += 3) {
		uint32_t three = (uint32_t)octets[i] << 16;
		three |= i + 1 < bytes ? (uint32_t)octets[i + 1] << 8 : 0;
		three |= i + 2 < bytes ? octets[i + 2] : 0u;
		fputc(digits[three >> 18], walk->out);
		fputc(digits[three >> 12 & 63], walk->out);
		fputc(i + 1 < bytes ? digits[three >> 6 & 63] : '=', walk->out);
		fputc(i + 2 < bytes ? digits[three & 63] : '=', walk->out);
	}
}

static const struct {
	char letter;
	void (*walk)(struct walk *walk);
} fields[] = {
        {'1', number8},
        {'2', number16},
        {'4', number32},
        {'a', address4},
        {'b', rest_base64},
        {'d', date},
        {'g', tag},
        {'n', name},
        {'q', rest_quoted},
        {'s', string},
        {'t', type},
        {'v', address6},
        {'x', rest_hex},
        {'z', strings},
};

static const struct {
	uint16_t type;
	const char *fields;
} layouts[] = {
        {1, "a"},          /* A */
        {2, "n"},          /* NS */
        {3, "n"},          /* MD */
        {4, "n"},          /* MF */
        {5, "n"},          /* CNAME */
        {6, "nn44444"},    /* SOA */
        {7, "n"},          /* MB */
        {8, "n"},          /* MG */
        {9, "n"},          /* MR */
        {12, "n"},         /* PTR */
        {13, "ss"},        /* HINFO */
        {14, "nn"},        /* MINFO */
        {15, "2n"},        /* MX */
        {16, "z"},         /* TXT */
        {17, "nn"},        /* RP */
        {18, "2n"},        /* AFSDB */
        {21, "2n"},        /* RT */
        {24, "t114dd2nb"}, /* SIG */
        {28, "v"},         /* AAAA */
        {33, "222n"},      /* SRV */
        {35, "22sssn"},    /* NAPTR */
        {36, "2n"},        /* KX */
        {39, "n"},         /* DNAME */
        {43, "211x"},      /* DS */
        {44, "11x"},       /* SSHFP */
        {46, "t114dd2nb"}, /* RRSIG */
        {48, "211b"},      /* DNSKEY */
        {52, "111x"},      /* TLSA */
        {53, "111x"},      /* SMIMEA */
        {59, "211x"},      /* CDS */
        {60, "211b"},      /* CDNSKEY */
        {99, "z"},         /* SPF */
        {256, "22q"},      /* URI */
        {257, "1gq"},      /* CAA */
};

static const char *
layout_find(uint16_t number)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].type == number)
			return layouts[i].fields;
	return NULL;
}

static void
field_walk(struct walk *walk, char letter)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fields[i].letter == letter)
			fields[i].walk(walk);
}

/* Whether the fields are all of RDATA. */
static bool
fields_walk(struct walk walk, const char *letters)
{
	for (; *letters != '\0' && !walk.bad; letters++)
		field_walk(&walk, *letters);
	return !walk.bad && walk.at == walk.end;
}

/* RFC 3597 section 5 */
static void
rdata_unknown(struct walk walk)
{
	say(&walk, "\\# %zu", walk.end - walk.at);
	rest_hex(&walk);
}

void
rdata_show(FILE *out, const uint8_t *msg, const struct record *record)
{
	struct walk walk = {.msg = msg, .at = record->rdata, .end = record->end, .blank = ""};
	const char *letters = layout_find(record->type);
	bool known = letters != NULL && fields_walk(walk, letters);

	walk.out = out;
	if (known)
		fields_walk(walk, letters);
	else
		rdata_unknown(walk);
}
