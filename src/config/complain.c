/*
 * Collects complaints and prints them sorted by place, because checks do not run in the order of the file: an
 * element's port is read before its address, and what two lines have to do with each other is seen last of
 * all.
 */
#include "config/complain.h"

#include "base/must.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct complaint {
	char *text;
	size_t order; /* of its place */
	size_t turn;  /* keeps those of one place in the order they came */
};

enum { DISTANCE_MAX_LETTERS = 64 };

struct place
complain_place(struct complaints *list, const char *origin, unsigned line)
{
	return (struct place){.origin = origin, .line = line, .order = ++list->places};
}

static void
print_place(FILE *out, const struct place *place)
{
	if (place->origin == NULL)
		return;
	fputs(place->origin, out);
	if (place->line != 0)
		fprintf(out, ":%u", place->line);
	fputs(": ", out);
}

static void
keep(struct complaints *list, const struct place *place, char *text)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->items = reallocarray(list->items, list->room, sizeof *list->items);
		must(list->items != NULL);
	}
	list->items[list->count] = (struct complaint){text, place->order, list->count};
	list->count++;
}

__attribute__((format(printf, 4, 0))) static void
add(struct complaints *list, const struct place *place, const char *subject, const char *format, va_list args)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	must(out != NULL);
	print_place(out, place);
	if (subject != NULL)
		fprintf(out, "%s: ", subject);
	vfprintf(out, format, args);
	must(fclose(out) == 0);
	keep(list, place, text);
}

void
complain(struct complaints *list, const struct place *place, const char *subject, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(list, place, subject, format, args);
	va_end(args);
	list->errors++;
}

void
complain_remark(
        struct complaints *list, const struct place *place, const char *subject, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(list, place, subject, format, args);
	va_end(args);
}

static int
by_place(const void *left, const void *right)
{
	const struct complaint *a = left, *b = right;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return a->turn < b->turn ? -1 : 1;
}

void
complain_print(struct complaints *list, FILE *out)
{
	if (list->count > 0)
		qsort(list->items, list->count, sizeof *list->items, by_place);
	for (size_t i = 0; i < list->count; i++)
		fprintf(out, "%s\n", list->items[i].text);
}

void
complain_free(struct complaints *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i].text);
	free(list->items);
	*list = (struct complaints){0};
}

const char *
complain_show(char *out, size_t room, const char *bytes, size_t count)
{
	static const char cut[] = "...";
	size_t used = 0, i = 0;
	for (; i < count && used + sizeof cut + 4 < room; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		if (byte >= ' ' && byte != 127)
			out[used++] = (char)byte;
		else
			used += (size_t)snprintf(out + used, room - used, "\\x%02x", byte);
	}
	snprintf(out + used, room - used, "%s", i < count ? cut : "");
	return out;
}

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment; three rows suffice, since a swap looks back two. */
size_t
complain_distance(const char *a, const char *b)
{
	size_t rows[3][DISTANCE_MAX_LETTERS + 1];
	size_t *above2 = rows[0], *above = rows[1], *here = rows[2];
	size_t wide = strlen(b), high = strlen(a);
	if (wide > DISTANCE_MAX_LETTERS || high > DISTANCE_MAX_LETTERS)
		return wide > high ? wide : high;
	for (size_t x = 0; x <= wide; x++)
		here[x] = x;
	for (size_t y = 1; y <= high; y++) {
		size_t *spare = above2;
		above2 = above, above = here, here = spare;
		here[0] = y;
		for (size_t x = 1; x <= wide; x++) {
			size_t change = above[x - 1] + (a[y - 1] != b[x - 1]);
			here[x] = least(change, least(above[x], here[x - 1]) + 1);
			if (y > 1 && x > 1 && a[y - 1] == b[x - 2] && a[y - 2] == b[x - 1])
				here[x] = least(here[x], above2[x - 2] + 1);
		}
	}
	return here[wide];
}

bool
complain_is_near(const char *typed, const char *known)
{
	size_t letters = strlen(typed);
	size_t allowed = letters < 4 ? 1 : letters < 6 ? 2 : 3;
	return complain_distance(typed, known) <= allowed;
}
