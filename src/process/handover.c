/*
 * One message of one note and one descriptor (SCM_RIGHTS) over a pair of local sockets that keep messages
 * apart. Whatever else comes is refused: the ends may one day be in hands that are not ours any more.
 */
#include "process/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel wants this room aligned as a header. */
union handover_control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

int
handover_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0 ? -errno : 0;
}

int
handover_give(int end, const struct handover_note *note, int fd)
{
	union handover_control control;
	struct handover_note copy = *note;
	struct iovec text = {.iov_base = &copy, .iov_len = sizeof copy};
	struct msghdr msg = {.msg_iov = &text,
	        .msg_iovlen = 1,
	        .msg_control = &control,
	        .msg_controllen = sizeof control.room};
	memset(&control, 0, sizeof control);
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return sendmsg(end, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* There is room for one descriptor; the kernel drops what is beyond and says so. */
int
handover_take(int end, struct handover_note *note)
{
	union handover_control control;
	int fd;
	struct iovec text = {.iov_base = note, .iov_len = sizeof *note};
	struct msghdr msg = {.msg_iov = &text,
	        .msg_iovlen = 1,
	        .msg_control = &control,
	        .msg_controllen = CMSG_LEN(sizeof fd)};
	ssize_t got = recvmsg(end, &msg, MSG_CMSG_CLOEXEC);
	if (got <= 0)
		return got < 0 ? -errno : -EPIPE;
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
	        header->cmsg_len != CMSG_LEN(sizeof fd))
		return -EBADMSG;
	memcpy(&fd, CMSG_DATA(header), sizeof fd);
	if ((msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0 && got == (ssize_t)sizeof *note &&
	        note->kind < HANDOVER_KINDS)
		return fd;
	close(fd);
	return -EBADMSG;
}
