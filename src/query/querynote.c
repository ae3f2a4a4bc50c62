/*
 *   struct querynote | address of the upstream, if any | name | upstream's name | reason
 */
#include "query/querynote.h"

#include "query/inside.h"

#include <string.h>

static uint8_t *
put(uint8_t *at, const void *bytes, size_t count)
{
	if (count > 0)
		memcpy(at, bytes, count);
	return at + count;
}

static uint8_t
length_of(const char *text, size_t most)
{
	return text != NULL ? (uint8_t)strnlen(text, most) : 0;
}

size_t
querynote_write(uint8_t *room, const struct tale *tale, unsigned slot)
{
	const struct wire_question *question = &tale->query->question;
	const struct tale_cause *cause = &tale->cause;
	struct querynote *note = (struct querynote *)(void *)room;
	*note = (struct querynote){
	        .ended_wall_us = tale->ended_wall_us,
	        .took_us = tale->ended_us > tale->begun_us ? tale->ended_us - tale->begun_us : 0,
	        .client = tale->from->peer,
	        .number = tale->number,
	        .answer_bytes = (uint32_t)tale->answer_bytes,
	        .list = cause->list,
	        .slot = (uint16_t)slot,
	        .type = question->type,
	        .rcode = tale->rcode,
	        .protocol = (uint8_t)query_protocol(tale->from),
	        .source = (uint8_t)cause->source,
	        .by = (uint8_t)cause->by,
	        .has_address = cause->address != NULL,
	        .name_bytes = (uint8_t)question->name_bytes,
	        .upstream_bytes = length_of(cause->upstream, UINT8_MAX),
	        .why_bytes = length_of(cause->text, QUERYNOTE_WHY_BYTES),
	};
	uint8_t *at = put(room + sizeof *note, cause->address, note->has_address ? sizeof(struct addr) : 0);
	at = put(at, question->name, note->name_bytes);
	at = put(at, cause->upstream, note->upstream_bytes);
	at = put(at, cause->text, note->why_bytes);
	return (size_t)(at - room);
}

/* What is looked up in a table, and what the rest is told apart by. */
static bool
is_sound(const struct querynote *note)
{
	return addr_is_ip(&note->client) && note->protocol < STATS_PROTOCOLS && note->source <= TALE_POISON &&
	       note->by <= JUDGE_BY_ANY && note->has_address <= 1 && note->why_bytes <= QUERYNOTE_WHY_BYTES;
}

bool
querynote_read(const uint8_t *record, size_t bytes, struct querynote_parts *out)
{
	const struct querynote *note = &out->note;
	if (bytes < sizeof *note)
		return false;
	memcpy(&out->note, record, sizeof *note); /* once: it may change under our hands */
	size_t address_bytes = note->has_address ? sizeof out->address : 0;
	if (!is_sound(note) || bytes != sizeof *note + address_bytes + note->name_bytes +
	                                        note->upstream_bytes + note->why_bytes)
		return false;
	record += sizeof *note;
	out->address = (struct addr){0};
	memcpy(&out->address, record, address_bytes);
	out->name = record + address_bytes;
	out->upstream = (const char *)out->name + note->name_bytes;
	out->why = out->upstream + note->upstream_bytes;
	return !note->has_address || addr_is_ip(&out->address);
}
