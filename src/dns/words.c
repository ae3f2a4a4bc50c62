/*
 * The words for numbers in messages, as people who read logs know them from dig (IANA's DNS parameters).
 */
#include "dns/wire.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct word {
	uint16_t number;
	const char *text;
};

static const struct word types[] = {
        {1, "A"},
        {2, "NS"},
        {5, "CNAME"},
        {6, "SOA"},
        {12, "PTR"},
        {13, "HINFO"},
        {15, "MX"},
        {16, "TXT"},
        {17, "RP"},
        {18, "AFSDB"},
        {24, "SIG"},
        {25, "KEY"},
        {28, "AAAA"},
        {29, "LOC"},
        {30, "NXT"},
        {33, "SRV"},
        {35, "NAPTR"},
        {36, "KX"},
        {37, "CERT"},
        {39, "DNAME"},
        {41, "OPT"},
        {42, "APL"},
        {43, "DS"},
        {44, "SSHFP"},
        {45, "IPSECKEY"},
        {46, "RRSIG"},
        {47, "NSEC"},
        {48, "DNSKEY"},
        {49, "DHCID"},
        {50, "NSEC3"},
        {51, "NSEC3PARAM"},
        {52, "TLSA"},
        {53, "SMIMEA"},
        {55, "HIP"},
        {59, "CDS"},
        {60, "CDNSKEY"},
        {61, "OPENPGPKEY"},
        {62, "CSYNC"},
        {63, "ZONEMD"},
        {64, "SVCB"},
        {65, "HTTPS"},
        {99, "SPF"},
        {104, "NID"},
        {105, "L32"},
        {106, "L64"},
        {107, "LP"},
        {108, "EUI48"},
        {109, "EUI64"},
        {249, "TKEY"},
        {250, "TSIG"},
        {251, "IXFR"},
        {252, "AXFR"},
        {255, "ANY"},
        {256, "URI"},
        {257, "CAA"},
        {258, "AVC"},
};

static const struct word rcodes[] = {
        {0, "NOERROR"},
        {1, "FORMERR"},
        {2, "SERVFAIL"},
        {3, "NXDOMAIN"},
        {4, "NOTIMP"},
        {5, "REFUSED"},
        {6, "YXDOMAIN"},
        {7, "YXRRSET"},
        {8, "NXRRSET"},
        {9, "NOTAUTH"},
        {10, "NOTZONE"},
        {16, "BADVERS"},
        {17, "BADKEY"},
        {18, "BADTIME"},
        {19, "BADMODE"},
        {20, "BADNAME"},
        {21, "BADALG"},
        {22, "BADTRUNC"},
        {23, "BADCOOKIE"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *
word_find(const struct word *words, size_t count, uint16_t number)
{
	for (size_t i = 0; i < count; i++)
		if (words[i].number == number)
			return words[i].text;
	return NULL;
}

const char *
wire_type_text(uint16_t type, char out[WIRE_WORD_BYTES])
{
	const char *text = word_find(types, COUNT(types), type);
	if (text != NULL)
		return text;
	snprintf(out, WIRE_WORD_BYTES, "TYPE%u", (unsigned)type);
	return out;
}

const char *
wire_rcode_text(uint16_t rcode, char out[WIRE_WORD_BYTES])
{
	const char *text = word_find(rcodes, COUNT(rcodes), rcode);
	if (text != NULL)
		return text;
	snprintf(out, WIRE_WORD_BYTES, "RCODE%u", (unsigned)rcode);
	return out;
}

/* A decimal number of 16 bits and nothing behind it. */
static bool
number_read(const char *text, uint16_t *out)
{
	unsigned number = 0;
	size_t digits = strspn(text, "0123456789");
	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return false;
	for (; *text != '\0'; text++)
		number = number * 10 + (unsigned)(*text - '0');
	if (number > UINT16_MAX)
		return false;
	*out = (uint16_t)number;
	return true;
}

bool
wire_type_find(const char *word, uint16_t *type)
{
	for (size_t i = 0; i < COUNT(types); i++) {
		if (strcasecmp(types[i].text, word) == 0) {
			*type = types[i].number;
			return true;
		}
	}
	return strncasecmp(word, "TYPE", 4) == 0 && number_read(word + 4, type);
}
