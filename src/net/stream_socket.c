/*
 * What is to be asked of the socket under a stream.
 */
#include "net/stream.h"

#include <sys/ioctl.h>

bool
stream_is_ahead(const struct stream *stream)
{
	int unread = 0;
	return ioctl(stream_descriptor(stream), FIONREAD, &unread) == 0 && unread > 0;
}

bool
stream_local(const struct stream *stream, struct addr *out)
{
	socklen_t bytes = sizeof *out;
	*out = (struct addr){0};
	return getsockname(stream_descriptor(stream), &out->any, &bytes) == 0 && addr_port(out) != 0;
}
