/*
 * One label of each name ends in five letters that stand for its number, and for no other; the numbers are
 * scattered first, so that neighbours have nothing in common. All else is drawn.
 */
#include "listmake.h"

#include "random.h"

#include <stdio.h>
#include <string.h>

enum { PROVIDERS = 3000 };

static const char *const tops[] = {"com", "com", "com", "com", "com", "com", "com", "com", "net", "net",
        "org", "xyz", "ru", "info", "top", "de", "cn", "io", "co", "uk", "br", "fr", "site", "online", "pl",
        "it", "shop", "club", "us", "in", "nl", "biz", "icu", "live", "eu", "jp", "tk", "me", "pro", "ga"};
static const char *const seconds[] = {"co.uk", "com.br", "com.au", "co.jp", "web.app", "github.io", "co.in"};
static const char *const hosts[] = {"www", "ads", "track", "cdn", "s1", "api", "click", "metrics", "m",
        "pixel", "static", "go", "mail", "img", "stats", "a", "secure", "events", "login", "smetrics"};
static const char *const syllables[] = {"ad", "ba", "be", "bo", "ca", "co", "da", "de", "di", "do", "e", "fa",
        "fi", "ga", "ge", "go", "ha", "i", "in", "ka", "ki", "la", "le", "li", "lo", "ma", "me", "mi", "mo",
        "na", "ne", "no", "o", "pa", "pi", "po", "ra", "re", "ri", "ro", "sa", "se", "si", "so", "sta", "ta",
        "te", "ti", "to", "tra", "u", "va", "ve", "vi", "wa", "we", "x", "za", "-", "4", "24", "99"};

#define PICK(from, random) ((from)[random_below(random, sizeof(from) / sizeof *(from))])

static char *
put(char *at, const char *text)
{
	size_t bytes = strlen(text);
	memcpy(at, text, bytes + 1);
	return at + bytes;
}

static char *
put_word(char *at, uint64_t *random, unsigned most)
{
	/* no hyphen in front */
	at = put(at, syllables[random_below(random, 50)]);
	for (unsigned i = random_below(random, most); i > 0; i--)
		at = put(at, PICK(syllables, random));
	return at;
}

/* A permutation of 0 … LISTMAKE_NAMES - 1: the factor has no divisor in common with it. */
static char *
put_number(char *at, uint32_t number)
{
	uint64_t scattered = (uint64_t)number * 6700417 % LISTMAKE_NAMES;
	for (unsigned i = 0; i < 5; i++, scattered /= 26)
		*at++ = (char)('a' + scattered % 26);
	*at = '\0';
	return at;
}

static char *
put_top(char *at, uint64_t *random)
{
	*at++ = '.';
	return put(at, random_below(random, 12) == 0 ? PICK(seconds, random) : PICK(tops, random));
}

/* One of few providers, the first of them the largest. */
static char *
put_provider(char *at, uint64_t *random, uint64_t seed)
{
	double u = random_unit(random);
	uint64_t provider = random_mix(seed ^ (uint64_t)(u * u * u * PROVIDERS));
	*at++ = '.';
	return put_top(put_word(at, &provider, 4), &provider);
}

size_t
listmake_name(char out[LISTMAKE_TEXT_BYTES], uint32_t number, uint64_t seed)
{
	uint64_t random = random_mix(seed + number);
	char *at = out;
	unsigned kind = random_below(&random, 100);
	if (kind >= 55 && kind < 70) /* a host of a domain of its own */
		at = put(put(at, PICK(hosts, &random)), ".");
	if (kind >= 96) /* and more of that */
		at = put(put_word(at, &random, 3), ".");
	at = put_number(put_word(at, &random, 3), number);
	at = kind < 70 ? put_top(at, &random) : put_provider(at, &random, seed);
	return (size_t)(at - out);
}
