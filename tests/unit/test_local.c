/*
 * The path of a socket: made, found stale, found alive, somebody else's, handed on, taken away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "net/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64], path[96], why[LOCAL_WHY_BYTES];

static int
begin(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/dotward-local.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/run/control", folder);
	return 0;
}

static int
end(void **state)
{
	char parent[96];
	(void)state;
	unlink(path);
	snprintf(parent, sizeof parent, "%s/run", folder);
	rmdir(parent);
	return rmdir(folder);
}

static int
reach(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static pid_t
pid_behind(int fd)
{
	struct ucred peer = {0};
	socklen_t bytes = sizeof peer;
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes), 0);
	return peer.pid;
}

static bool
is_there(void)
{
	struct stat found;
	return lstat(path, &found) == 0;
}

static void
folder_and_modes_do_not_depend_on_the_umask(void **state)
{
	(void)state;
	struct local l;
	struct stat found;
	char parent[96];
	mode_t before = umask(077);
	assert_int_equal(local_listen(&l, path, (gid_t)-1, why), 0);
	assert_int_equal(umask(before), 077);
	assert_int_equal(lstat(path, &found), 0);
	assert_true(S_ISSOCK(found.st_mode));
	assert_int_equal(found.st_mode & 07777, 0660);
	assert_int_equal(found.st_gid, getegid());
	snprintf(parent, sizeof parent, "%s/run", folder);
	assert_int_equal(stat(parent, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0755);
	assert_true(fcntl(l.fd, F_GETFD) & FD_CLOEXEC);
	local_remove(&l);
	local_close(&l);
	assert_false(is_there());
}

static void
who_connects_is_known(void **state)
{
	(void)state;
	struct local l;
	struct local_peer peer;
	assert_int_equal(local_listen(&l, path, (gid_t)-1, why), 0);
	assert_int_equal(local_accept(&l, &peer), -EAGAIN);
	int client = reach(), fd = local_accept(&l, &peer);
	assert_true(client >= 0 && fd >= 0);
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.uid, geteuid());
	assert_true(local_is_member(fd, &peer, getegid()));
	assert_false(local_is_member(fd, &peer, 4242));
	close(client);
	close(fd);
	local_remove(&l);
	local_close(&l);
}

static void
a_stale_socket_is_replaced(void **state)
{
	(void)state;
	struct local dead, l;
	assert_int_equal(local_listen(&dead, path, (gid_t)-1, why), 0);
	local_close(&dead);
	assert_true(is_there());
	assert_int_equal(local_listen(&l, path, (gid_t)-1, why), 0);
	int client = reach();
	assert_true(client >= 0);
	close(client);
	local_remove(&l);
	local_close(&l);
}

static void
a_live_one_is_left_alone_and_named(void **state)
{
	(void)state;
	struct local first, second;
	char pid[32];
	assert_int_equal(local_listen(&first, path, (gid_t)-1, why), 0);
	assert_int_equal(local_listen(&second, path, (gid_t)-1, why), -EADDRINUSE);
	snprintf(pid, sizeof pid, "pid %d,", (int)getpid());
	assert_non_null(strstr(why, "already running"));
	assert_non_null(strstr(why, pid));
	int client = reach();
	assert_true(client >= 0);
	close(client);
	local_remove(&first);
	local_close(&first);
}

static void
what_is_no_socket_is_not_taken_away(void **state)
{
	(void)state;
	struct local l;
	char parent[96];
	snprintf(parent, sizeof parent, "%s/run", folder);
	assert_int_equal(mkdir(parent, 0755), 0);
	int file = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(file >= 0);
	close(file);
	assert_int_equal(local_listen(&l, path, (gid_t)-1, why), -ENOTSOCK);
	assert_non_null(strstr(why, path));
	assert_true(is_there());
}

static void
a_path_that_cannot_be_is_said_to_be(void **state)
{
	(void)state;
	struct local l;
	char far[200];
	assert_int_equal(local_listen(&l, "control", (gid_t)-1, why), -EINVAL);
	memset(far, 'x', sizeof far);
	far[0] = '/';
	far[LOCAL_PATH_BYTES] = '\0';
	assert_int_equal(local_listen(&l, far, (gid_t)-1, why), -ENAMETOOLONG);
	snprintf(far, sizeof far, "%s/no/such/control", folder);
	assert_int_equal(local_listen(&l, far, (gid_t)-1, why), -ENOENT);
	assert_non_null(strstr(why, "cannot listen at"));
}

/* A successor that takes over is the one whom clients see; the path never goes away. */
static void
it_can_be_handed_on(void **state)
{
	(void)state;
	struct local l, other;
	int status;
	assert_int_equal(local_listen(&l, path, (gid_t)-1, why), 0);
	pid_t child = fork();
	if (child == 0) {
		struct local mine;
		_exit(local_adopt(&mine, l.fd, path) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	int client = reach();
	assert_int_equal(pid_behind(client), child);
	close(client);
	assert_int_equal(local_claim(&l), 0);
	client = reach();
	assert_int_equal(pid_behind(client), getpid());
	close(client);
	assert_int_equal(local_adopt(&other, l.fd, "/run/elsewhere"), -EADDRNOTAVAIL);
	assert_true(local_adopt(&other, STDIN_FILENO, path) < 0);
	local_remove(&l);
	local_close(&l);
}

static void
somebody_elses_path_is_not_taken_away(void **state)
{
	(void)state;
	struct local first, second;
	assert_int_equal(local_listen(&first, path, (gid_t)-1, why), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(local_listen(&second, path, (gid_t)-1, why), 0);
	local_remove(&first);
	assert_true(is_there());
	local_close(&first);
	local_remove(&second);
	local_close(&second);
	assert_false(is_there());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(folder_and_modes_do_not_depend_on_the_umask, begin, end),
	        cmocka_unit_test_setup_teardown(who_connects_is_known, begin, end),
	        cmocka_unit_test_setup_teardown(a_stale_socket_is_replaced, begin, end),
	        cmocka_unit_test_setup_teardown(a_live_one_is_left_alone_and_named, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_no_socket_is_not_taken_away, begin, end),
	        cmocka_unit_test_setup_teardown(a_path_that_cannot_be_is_said_to_be, begin, end),
	        cmocka_unit_test_setup_teardown(it_can_be_handed_on, begin, end),
	        cmocka_unit_test_setup_teardown(somebody_elses_path_is_not_taken_away, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
