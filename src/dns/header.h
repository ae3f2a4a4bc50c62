/*
 * The header of a message, RFC 1035 section 4.1.1: where its words stand.
 */
#ifndef DOTWARD_DNS_HEADER_H
#define DOTWARD_DNS_HEADER_H

enum {
	HEADER_ID = 0,
	HEADER_FLAGS = 2,
	HEADER_QDCOUNT = 4,
	HEADER_ANCOUNT = 6,
	HEADER_NSCOUNT = 8,
	HEADER_ARCOUNT = 10,
	HEADER_BYTES = 12,

	QUESTION_FIXED_BYTES = 4, /* type and class behind a question's name */
};

#endif
