/*
 * A descriptor that many processes share cannot be made one that does not wait, as that would be so for all.
 * So we ask before: the kernel says that there is room in a pipe when there is room for 4096 bytes. Files and
 * disks always say yes.
 */
#include "base/outlet.h"

#include <poll.h>
#include <unistd.h>

bool
outlet_put(int fd, const void *bytes, size_t count)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};
	/* what cannot be asked (no such call in a sandbox, no such descriptor) is tried */
	if (poll(&room, 1, 0) == 0)
		return false;
	return write(fd, bytes, count) == (ssize_t)count;
}
