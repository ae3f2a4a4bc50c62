/*
 * DNS messages in wire form, RFC 1035 section 4: what a client asks, what an upstream answers, and what the
 * client gets.
 *
 * Every length and offset in a message is a stranger's claim and is checked. Nothing here allocates, and
 * nothing here knows about sockets. Sizes are bytes.
 */
#ifndef DOTWARD_DNS_WIRE_H
#define DOTWARD_DNS_WIRE_H

#include "dns/edns.h"
#include "dns/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	WIRE_HEADER_BYTES = 12,
	WIRE_MESSAGE_BYTES = 65535,
	WIRE_UDP_FLOOR_BYTES = 512, /* what any client takes, RFC 1035 section 4.2.1 */

	WIRE_FLAG_QR = 0x8000,
	WIRE_FLAG_OPCODE = 0x7800,
	WIRE_FLAG_AA = 0x0400,
	WIRE_FLAG_TC = 0x0200,
	WIRE_FLAG_RD = 0x0100,
	WIRE_FLAG_RA = 0x0080,
	WIRE_FLAG_AD = 0x0020,
	WIRE_FLAG_CD = 0x0010,
	WIRE_FLAG_RCODE = 0x000f,

	WIRE_RCODE_NOERROR = 0,
	WIRE_RCODE_FORMERR = 1,
	WIRE_RCODE_SERVFAIL = 2,
	WIRE_RCODE_NXDOMAIN = 3,
	WIRE_RCODE_NOTIMP = 4,
	WIRE_RCODE_REFUSED = 5,
	WIRE_RCODE_BADVERS = 16,   /* RFC 6891 */
	WIRE_RCODE_BADCOOKIE = 23, /* RFC 7873 */

	WIRE_TYPE_IXFR = 251,
	WIRE_TYPE_AXFR = 252,
};

struct wire_question {
	uint16_t type;
	uint16_t class;
	uint16_t name_bytes;      /* with the root label; 0: no question could be read */
	uint8_t name[NAME_BYTES]; /* as the client spelled it */
};

/* A client's query taken apart. Plain data, no pointers: it may lie in shared memory and outlive the process.
 */
struct wire_query {
	uint16_t id;
	uint16_t flags; /* the second word of the header, in host order */
	struct wire_question question;
	struct edns edns;
};

/* What a message from a client deserves (DESIGN: "What the client gets when something is wrong"). */
enum wire_verdict {
	WIRE_QUERY,   /* a question to answer */
	WIRE_SILENCE, /* shorter than a header, or a response: no answer at all */
	WIRE_FORMERR, /* header readable, the rest not; QDCOUNT other than 1 */
	WIRE_NOTIMP,  /* opcode other than QUERY, whatever the rest looks like */
	WIRE_BADVERS, /* EDNS version above 0 */
	WIRE_EMPTY,   /* no question, but a DNS cookie: for a cookie of ours, RFC 7873 section 5.4 */
};

/*
 * Takes a client's message apart. *out is filled as far as could be read (id and flags always, unless
 * SILENCE), so that an error can be answered. Records other than one OPT in the additional section are walked
 * and ignored; records in the answer or authority section, an OPT whose owner is not the root, a second OPT,
 * a compressed name in the question, or bytes behind the last record are FORMERR.
 */
enum wire_verdict wire_query_parse(const uint8_t *msg, size_t bytes, struct wire_query *out);

/*
 * The least that an answer of our own needs, of a message that must not be parsed: id, flags, the question as
 * far as its lengths make sense, and whether there is anything that could be an OPT. False: shorter than a
 * header, or a response.
 */
bool wire_query_peek(const uint8_t *msg, size_t bytes, struct wire_query *out);

/*
 * Writes the question for an upstream: id, RD and CD as the client set them, its question, and an OPT of
 * ours (with DO if opt->dnssec_ok or the client says so). AD is always set (RFC 6840 section 5.7), whether
 * this client cares or not: the answer may be given to one that does, and wire_fit() shows AD to no other.
 * Returns the length, or 0 if `room` is too small. (512 + padding block bytes are always enough.)
 */
size_t wire_ask(
        uint8_t *out, size_t room, uint16_t id, const struct wire_query *query, const struct edns_write *opt);

/* An upstream's answer that was found to answer a question. `msg` belongs to whoever gave it to
 * wire_answer_take(). */
struct wire_answer {
	const uint8_t *msg; /* without OPT */
	size_t bytes;
	uint16_t rcode;   /* with the upper bits of OPT */
	struct edns edns; /* what its OPT said */
};

enum wire_match {
	WIRE_MATCH,    /* it answers the question */
	WIRE_GARBAGE,  /* not a DNS response, or malformed anywhere */
	WIRE_MISMATCH, /* a well-formed answer to another question, or one that does not repeat the question
	                */
};

/*
 * Checks that msg[0..bytes) is a response to this question (id is the caller's business): QR, opcode QUERY,
 * one question that is equal (name in any case, type, class), every record well-formed (with the names in
 * RDATA that may be compressed), at most one OPT, in the additional section, no bytes behind. On WIRE_MATCH
 * the OPT is taken out of the message in place, wherever it stood (compression pointers behind it are moved
 * with what they point to), and *out describes the rest. Otherwise the message is as it was and *out means
 * nothing.
 */
enum wire_match wire_answer_take(
        uint8_t *msg, size_t bytes, const struct wire_question *question, struct wire_answer *out);

/* The id of a message of at least WIRE_HEADER_BYTES. */
uint16_t wire_id(const uint8_t *msg);

/*
 * Writes the answer as this client gets it: its id, its RD and CD, its spelling of the name, AD only when it
 * set AD or DO (RFC 6840 section 5.8), its own OPT if and only if it sent one (opt->extended_rcode and
 * dnssec_ok are filled in here; the upstream's EDE is passed on when opt has none); AA, TC, RA and the
 * records as the upstream gave them. The answer must be one to the query's question. When it does not fit in
 * `room` (the client's size), the text of the EDE goes first; then all but header, question and OPT (still
 * without that text), with TC. An extended rcode for a client without OPT becomes SERVFAIL. Returns the
 * length; 0 only if `room` is below 512.
 */
size_t wire_fit(uint8_t *out, size_t room, const struct wire_query *query, const struct wire_answer *answer,
        const struct edns_write *opt);

/*
 * Writes an answer of our own without records: rcode (with upper bits; one above 15 for a client without OPT
 * becomes SERVFAIL), question if there was one, OPT if the client sent one (with EDE unless EDNS_EDE_NONE;
 * text may be NULL, and is left out where it does not fit). Sets QR, RA, and opcode, RD, CD as asked. Returns
 * the length; 0 only if `room` is below 512.
 */
size_t wire_refuse(uint8_t *out, size_t room, const struct wire_query *query, uint16_t rcode,
        enum edns_ede ede, const char *text, const struct edns_write *opt);

/* What this client takes over UDP: its OPT's size or 512, at most `limit`, at least 512. */
size_t wire_udp_room(const struct wire_query *query, size_t limit);

/* "A", "HTTPS", "TYPE65280" (RFC 3597) and "NOERROR", "RCODE24"; returns `out` or a constant. */
enum { WIRE_WORD_BYTES = 16 };
const char *wire_type_text(uint16_t type, char out[WIRE_WORD_BYTES]);
const char *wire_rcode_text(uint16_t rcode, char out[WIRE_WORD_BYTES]);
/* The number of a type by its word or as TYPE65280, in any case. False: there is none. */
bool wire_type_find(const char *word, uint16_t *type);

#endif
