/*
 * Stands in for the journal of systemd: takes datagrams on a local socket and prints the fields of each, a
 * line for a field, with "--" behind the last. A field with its length before it (one that has line feeds) is
 * shown with \n for them.
 *
 * usage: djournal PATH
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static uint64_t
length_of(const unsigned char *at)
{
	uint64_t length = 0;
	for (int i = 7; i >= 0; i--)
		length = length << 8 | at[i];
	return length;
}

static void
put(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (text[i] == '\n')
			fputs("\\n", stdout);
		else
			putchar(text[i]);
}

/* Where the field at `at` ends; NULL: it is none. */
static const char *
show_field(const char *at, const char *end)
{
	const char *line = memchr(at, '\n', (size_t)(end - at));
	if (line == NULL)
		return NULL;
	if (memchr(at, '=', (size_t)(line - at)) != NULL) {
		put(at, (size_t)(line - at));
		putchar('\n');
		return line + 1;
	}
	if (end - line < 10)
		return NULL;
	uint64_t length = length_of((const unsigned char *)line + 1);
	const char *value = line + 9;
	if (length >= (uint64_t)(end - value) || value[length] != '\n')
		return NULL;
	put(at, (size_t)(line - at));
	putchar('=');
	put(value, (size_t)length);
	putchar('\n');
	return value + length + 1;
}

static void
show(const char *at, const char *end)
{
	while (at != NULL && at < end)
		at = show_field(at, end);
	puts(at == NULL ? "MALFORMED" : "--");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	static char datagram[1 << 17];
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	if (argc != 2 || strlen(argv[1]) >= sizeof name.sun_path)
		return 2;
	strcpy(name.sun_path, argv[1]);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	umask(0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof name) < 0) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		ssize_t bytes = recv(fd, datagram, sizeof datagram, 0);
		if (bytes > 0)
			show(datagram, datagram + bytes);
	}
}
