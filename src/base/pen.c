/*
 * Digits two at a time from a table, escapes by a table of what needs none; addresses of either family by
 * hand, as inet_ntop() is made of printf().
 */
#include "base/pen.h"

#include "base/must.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

struct pen_cell
pen_make_cell(const struct pen *p, const char *from)
{
	struct pen_cell cell = {.bytes = (uint8_t)(p->at - from)};
	must(!p->full && (size_t)(p->at - from) <= sizeof cell.text);
	memcpy(cell.text, from, cell.bytes);
	return cell;
}

/* "00" to "99" */
static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                            "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

static unsigned
digits_of(uint64_t number)
{
	unsigned digits = 1;
	for (; number >= 10000; number /= 10000)
		digits += 4;
	return digits + (number >= 10) + (number >= 100) + (number >= 1000);
}

/* Straight into its place, from the end: what was just written and is copied at once makes a processor wait.
 */
void
pen_number(struct pen *p, uint64_t number, unsigned digits)
{
	unsigned count = digits_of(number);
	count = count < digits ? digits : count;
	if ((size_t)(p->end - p->at) < count) {
		p->full = true;
		return;
	}
	char *at = p->at += count;
	for (; count >= 2; count -= 2, number /= 100)
		memcpy(at -= 2, pairs + number % 100 * 2, 2);
	if (count > 0)
		at[-1] = (char)('0' + number % 10);
}

void
pen_thousandths(struct pen *p, uint64_t thousandths)
{
	pen_number(p, thousandths / 1000, 1);
	pen_word(p, ".");
	pen_number(p, thousandths % 1000, 3);
}

static char *
put_octet(char *at, unsigned octet)
{
	if (octet >= 100)
		*at++ = (char)('0' + octet / 100);
	if (octet < 10) {
		*at++ = (char)('0' + octet);
		return at;
	}
	memcpy(at, pairs + octet % 100 * 2, 2);
	return at + 2;
}

static void
write_in4(struct pen *p, const uint8_t bytes[4])
{
	char text[INET_ADDRSTRLEN], *at = text, **into = &at;
	bool fits = (size_t)(p->end - p->at) >= sizeof text;
	if (fits)
		into = &p->at; /* straight into its place, as above */
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			*(*into)++ = '.';
		*into = put_octet(*into, bytes[i]);
	}
	if (!fits)
		pen_bytes(p, text, (size_t)(at - text));
}

/* The longest run of two zeroes and more, the first of several (RFC 5952 section 4.2). */
static void
longest_gap(const uint16_t groups[8], unsigned *from, unsigned *count)
{
	*from = 8;
	*count = 1;
	for (unsigned i = 0; i < 8; i++) {
		unsigned run = 0;
		while (i + run < 8 && groups[i + run] == 0)
			run++;
		if (run > *count) {
			*from = i;
			*count = run;
		}
		i += run;
	}
}

static void
write_hex(struct pen *p, unsigned group)
{
	static const char digits[] = "0123456789abcdef";
	char text[4];
	unsigned used = 0;
	do {
		text[sizeof text - ++used] = digits[group & 15];
		group >>= 4;
	} while (group > 0);
	pen_bytes(p, text + sizeof text - used, used);
}

static void
write_in6(struct pen *p, const struct in6_addr *a)
{
	uint16_t groups[8];
	unsigned from, count;
	for (unsigned i = 0; i < 8; i++)
		groups[i] = (uint16_t)(a->s6_addr[2 * i] << 8 | a->s6_addr[2 * i + 1]);
	longest_gap(groups, &from, &count);
	for (unsigned i = 0; i < 8; i++) {
		if (i == from) {
			pen_word(p, "::");
			i += count - 1;
			continue;
		}
		if (i > 0 && i != from + count)
			pen_word(p, ":");
		write_hex(p, groups[i]);
	}
}

/* Those that have more to them than their groups are left to the library. */
static bool
is_plain(const struct sockaddr_in6 *a)
{
	return a->sin6_scope_id == 0 && !IN6_IS_ADDR_V4MAPPED(&a->sin6_addr) &&
	       !IN6_IS_ADDR_V4COMPAT(&a->sin6_addr);
}

void
pen_host(struct pen *p, const struct addr *a)
{
	char text[ADDR_TEXT_BYTES];
	if (a->any.sa_family == AF_INET)
		write_in4(p, (const uint8_t *)&a->in4.sin_addr.s_addr);
	else if (a->any.sa_family == AF_INET6 && is_plain(&a->in6))
		write_in6(p, &a->in6.sin6_addr);
	else
		pen_text(p, addr_host_text(a, text));
}

static bool
needs_escape(uint8_t byte)
{
	return byte < 32 || byte > 126 || byte == '"' || byte == '\\';
}

static void
write_escape(struct pen *p, uint8_t byte, bool json)
{
	char text[5] = {
	        '\\', '\\', (char)('0' + byte / 100), (char)('0' + byte / 10 % 10), (char)('0' + byte % 10)};
	pen_bytes(p, text + !json, sizeof text - !json);
}

void
pen_quoted(struct pen *p, const void *bytes, size_t count, bool json)
{
	const uint8_t *in = bytes;
	for (size_t i = 0; i < count; i++)
		if (needs_escape(in[i]))
			write_escape(p, in[i], json);
		else if (p->at < p->end)
			*p->at++ = (char)in[i];
		else
			p->full = true;
}

void
pen_time(struct pen *p, struct pen_clock *clock, uint64_t wall_us)
{
	uint64_t second = wall_us / 1000000;
	if (second != clock->second || clock->text[0] == '\0') {
		time_t now = (time_t)second;
		struct tm utc;
		gmtime_r(&now, &utc);
		strftime(clock->text, sizeof clock->text, "%Y-%m-%dT%H:%M:%S", &utc);
		clock->second = second;
	}
	pen_bytes(p, clock->text, PEN_TIME_BYTES - 5);
	pen_word(p, ".");
	pen_number(p, wall_us / 1000 % 1000, 3);
	pen_word(p, "Z");
}
