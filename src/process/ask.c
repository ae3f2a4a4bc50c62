/*
 * A resolver's client in its smallest form: one datagram out, one back, retried once a second.
 */
#include "process/ask.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ASK_TRIES = 5, ASK_TRY_MS = 1000, ASK_USAGE = 2 };

/* One try. */
static void
ask_once(int fd, const uint8_t *query, size_t bytes, const struct wire_question *question,
        struct ask_reply *reply)
{
	uint8_t msg[WIRE_MESSAGE_BYTES];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (send(fd, query, bytes, 0) < 0 || poll(&p, 1, ASK_TRY_MS) <= 0)
		return;
	ssize_t got = recv(fd, msg, sizeof msg, 0);
	struct wire_answer answer;
	if (got < WIRE_HEADER_BYTES || wire_id(msg) != wire_id(query) ||
	        wire_answer_take(msg, (size_t)got, question, &answer) != WIRE_MATCH)
		return;
	reply->rcode = answer.rcode;
	reply->edns = answer.edns;
}

void
ask_server(const struct addr *server, const struct wire_query *query, struct ask_reply *reply)
{
	uint8_t msg[WIRE_UDP_FLOOR_BYTES];
	struct edns_write opt = {.udp_bytes = 1232};
	size_t bytes = wire_ask(msg, sizeof msg, query->id, query, &opt);
	int fd = socket(server->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	reply->rcode = -1;
	if (fd < 0)
		return;
	if (bytes > 0 && connect(fd, &server->any, addr_bytes(server)) == 0)
		for (int i = 0; i < ASK_TRIES && reply->rcode < 0; i++)
			ask_once(fd, msg, bytes, &query->question, reply);
	close(fd);
}

int
ask_run(const char *server, const char *name, const char *type)
{
	struct addr address;
	struct wire_query query = {.flags = WIRE_FLAG_RD, .question = {.type = 1, .class = 1}};
	char word[WIRE_WORD_BYTES];
	query.question.name_bytes = (uint16_t)name_from_text(name, query.question.name);
	if (addr_parse(&address, server, 53) < 0 || query.question.name_bytes == 0 ||
	        (type != NULL && !wire_type_find(type, &query.question.type))) {
		fprintf(stderr, "dotward: --ask ADDR[@PORT] NAME [TYPE]: the address, the name or the type "
		                "is not one\n");
		return ASK_USAGE;
	}
	if (getrandom(&query.id, sizeof query.id, 0) < 0)
		query.id = (uint16_t)getpid();
	struct ask_reply reply;
	ask_server(&address, &query, &reply);
	if (reply.rcode < 0)
		printf("%s: no answer\n", server);
	else
		printf("%s: %s\n", server, wire_rcode_text((uint16_t)reply.rcode, word));
	return reply.rcode == WIRE_RCODE_NOERROR ? EXIT_SUCCESS : EXIT_FAILURE;
}
