/*
 * JSON on its way out: objects, arrays and values, with commas and escapes put right.
 *
 * Texts may hold any bytes; what is not UTF-8 becomes U+FFFD, so that every reader takes the whole.
 */
#ifndef DOTWARD_BASE_JSON_H
#define DOTWARD_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_MOST_DEPTH = 8 };

/* Zeroed but for `out`: nothing written yet. Errors are those of the stream. */
struct json {
	FILE *out;
	unsigned depth;
	char closers[JSON_MOST_DEPTH];
	bool follows[JSON_MOST_DEPTH + 1]; /* something stands before at this depth */
};

/* `key` is the member's name inside an object, NULL inside an array and outermost. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Ends the object or array begun last; the outermost ends with a line feed. */
void json_end(struct json *j);
/* NULL becomes null. */
void json_text(struct json *j, const char *key, const char *text);
void json_number(struct json *j, const char *key, uint64_t number);
/* 873 becomes 0.873. */
void json_thousandths(struct json *j, const char *key, uint64_t thousandths);
/* 50 becomes 0.000050. */
void json_millionths(struct json *j, const char *key, uint64_t millionths);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* The bytes of the well-formed UTF-8 sequence at `text` (RFC 3629: no overlong forms, no surrogates), or 0.
 * The text ends with a NUL. */
size_t json_utf8_bytes(const char *text);

#endif
