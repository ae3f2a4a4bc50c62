/*
 * The seal: each forbidden call ends a child by SIGSYS and leaves its number; what a worker does goes on
 * working.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs those four before it */
#include <cmocka.h>

/* before those that define EV_NONE, which ELF has, too */
#include <ev.h>

#include "forked.h"

#include "base/log.h"
#include "process/calls.h"
#include "process/handover.h"
#include "process/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#if defined DOTWARD_SANITIZERS || defined DOTWARD_COVERAGE
enum { FILES_ALLOWED = 1 };
#else
enum { FILES_ALLOWED = 0 };
#endif
#ifdef DOTWARD_SANITIZERS
enum { TRACING_ALLOWED = 1 };
#else
enum { TRACING_ALLOWED = 0 };
#endif

enum { NEVER_SEALED = 90 };

/* Where a child leaves the number of the call that it died of. */
static volatile int *left;

static void
seal_worker(void)
{
	char why[SANDBOX_WHY_BYTES];
	sandbox_on_violation(left);
	if (sandbox_seal(SANDBOX_WORKER, why) < 0)
		_exit(NEVER_SEALED);
}

/* --- what is forbidden */

struct forbidden {
	const char *what;
	long number;
	long arguments[5];
	bool tools_may; /* sanitizers do */
};

static uint8_t page[8192] __attribute__((aligned(4096)));

#define AT(pointer) ((long)(intptr_t)(pointer))

static const struct forbidden forbidden[] = {
        {"execve", SYS_execve, {AT("/bin/true")}, false},
#ifdef SYS_execveat
        {"execveat", SYS_execveat, {AT_FDCWD, AT("/bin/true")}, false},
#endif
#ifdef SYS_open
        {"open", SYS_open, {AT("/etc/passwd"), O_RDONLY}, FILES_ALLOWED},
#endif
        {"openat", SYS_openat, {AT_FDCWD, AT("/etc/passwd"), O_RDONLY}, FILES_ALLOWED},
#ifdef SYS_openat2
        {"openat2", SYS_openat2, {AT_FDCWD, AT("/etc/passwd")}, false},
#endif
#ifdef SYS_fork
        {"fork", SYS_fork, {0}, false},
#endif
        {"clone", SYS_clone, {SIGCHLD}, TRACING_ALLOWED},
        {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, TRACING_ALLOWED},
        {"process_vm_readv", SYS_process_vm_readv, {1}, TRACING_ALLOWED},
        {"kill", SYS_kill, {1, 0}, TRACING_ALLOWED},
        {"tgkill", SYS_tgkill, {1, 1, 0}, false},
        {"bpf", SYS_bpf, {0}, false},
        {"mount", SYS_mount, {0}, false},
        {"chroot", SYS_chroot, {AT("/")}, false},
        {"unshare", SYS_unshare, {0}, false},
        {"setuid", SYS_setuid, {0}, false},
        {"bind", SYS_bind, {0}, false},
        {"listen", SYS_listen, {0, 1}, false},
        {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM}, false},
        {"memfd_create", SYS_memfd_create, {AT("x"), 0}, false},
        {"socket", SYS_socket, {AF_PACKET, SOCK_RAW, 0}, false},
        {"socket", SYS_socket, {AF_INET, SOCK_RAW, IPPROTO_ICMP}, false},
        {"socket", SYS_socket, {AF_INET, SOCK_DGRAM, 0}, false},
        {"socket", SYS_socket, {AF_INET6, SOCK_STREAM, IPPROTO_SCTP}, false},
        {"socket", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}, false},
        {"socket", SYS_socket, {AF_ALG, SOCK_SEQPACKET, 0}, false},
        {"setsockopt", SYS_setsockopt, {0, SOL_SOCKET, SO_ATTACH_FILTER}, false},
        {"setsockopt", SYS_setsockopt, {0, IPPROTO_TCP, TCP_ULP}, false},
        {"getsockopt", SYS_getsockopt, {0, SOL_SOCKET, SO_PEERSEC}, false},
        {"fcntl", SYS_fcntl, {0, F_SETOWN, 1}, FILES_ALLOWED},
        {"fcntl", SYS_fcntl, {0, F_DUPFD, 0}, FILES_ALLOWED},
        {"ioctl", SYS_ioctl, {0, 0x5412 /* TIOCSTI */, AT("x")}, FILES_ALLOWED},
        {"prctl", SYS_prctl, {PR_SET_DUMPABLE, 1}, TRACING_ALLOWED},
        {"mprotect", SYS_mprotect, {AT(page), 4096, PROT_READ | PROT_EXEC}, false},
        {"mmap", SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1},
                false},
        {"rt_sigaction", SYS_rt_sigaction, {SIGSYS, 0, 0, 8}, false},
        {"io_uring_setup", 425, {1}, false},
        {"seccomp", SYS_seccomp, {0}, false},
        {"no call at all", 4000, {0}, false},
};

static void
make_call(const struct forbidden *f)
{
	syscall(f->number, f->arguments[0], f->arguments[1], f->arguments[2], f->arguments[3],
	        f->arguments[4], 0);
}

static int
do_forbidden(void *arg)
{
	seal_worker();
	make_call(arg);
	return 0;
}

/* It has no handler: nobody waits for the number. */
static int
do_forbidden_on_errand(void *arg)
{
	char why[SANDBOX_WHY_BYTES];
	signal(SIGSYS, SIG_DFL);
	if (sandbox_seal(SANDBOX_ERRAND, why) < 0)
		return NEVER_SEALED;
	make_call(arg);
	return 0;
}

static void
a_forbidden_call_kills_and_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forbidden); i++) {
		const struct forbidden *f = &forbidden[i];
		if (f->tools_may)
			continue;
		*left = 12345;
		struct forked child = forked_run(do_forbidden, (void *)(uintptr_t)f);
		if (!WIFSIGNALED(child.status) || WTERMSIG(child.status) != SIGSYS || *left != f->number)
			fail_msg("%s (row %zu): status %#x, call %d: %s", f->what, i, child.status, *left,
			        child.said);
	}
}

/* What a worker may not do, who goes on an errand may not either; and it has no business with the network. */
static void
a_forbidden_call_ends_an_errand(void **state)
{
	static const struct forbidden more[] = {
	        {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, false},
	        {"accept4", SYS_accept4, {0, 0, 0, 0}, false},
	        {"recvfrom", SYS_recvfrom, {0, 0, 0, 0}, false},
	        {"epoll_create1", SYS_epoll_create1, {0}, false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(forbidden) + COUNT(more); i++) {
		const struct forbidden *f =
		        i < COUNT(forbidden) ? &forbidden[i] : &more[i - COUNT(forbidden)];
		if (f->tools_may)
			continue;
		struct forked child = forked_run(do_forbidden_on_errand, (void *)(uintptr_t)f);
		if (!WIFSIGNALED(child.status) || WTERMSIG(child.status) != SIGSYS)
			fail_msg("%s (row %zu): status %#x: %s", f->what, i, child.status, child.said);
	}
}

static void
calls_have_names(void **state)
{
	char name[SANDBOX_CALL_BYTES];
	(void)state;
	for (size_t i = 0; i + 1 < COUNT(forbidden); i++)
		assert_string_equal(sandbox_call_name((int)forbidden[i].number, name), forbidden[i].what);
	assert_string_equal(sandbox_call_name(4000, name), "4000");
	assert_string_equal(sandbox_call_name(SANDBOX_NO_CALL, name), "unknown");
}

#if defined __x86_64__
/* getpid of i386; as root of x86_64 it would be writev, which is allowed. */
static int
do_other_architecture(void *arg)
{
	long result;
	(void)arg;
	seal_worker();
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
	return 0;
}

static int
do_x32(void *arg)
{
	(void)arg;
	seal_worker();
	syscall(0x40000000 + SYS_getpid);
	return 0;
}

static void
calls_of_another_architecture_kill(void **state)
{
	(void)state;
	struct forked child = forked_run(do_other_architecture, NULL);
	/* SIGSEGV, where the kernel has no calls of 32 bits at all */
	assert_true(WIFSIGNALED(child.status));
	child = forked_run(do_x32, NULL);
	assert_true(WIFSIGNALED(child.status));
	assert_int_equal(WTERMSIG(child.status), SIGSYS);
}
#endif

/* --- what goes on working: each line returns another number, so that a failure says which */

#define NEED(claim)                                                                                          \
	do {                                                                                                 \
		if (!(claim))                                                                                \
			return __LINE__ & 0x7f;                                                              \
	} while (0)

static int
do_work_with_sockets(void *arg)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t bytes = sizeof to;
	struct linger linger = {.l_onoff = 1};
	int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	char text[16] = "text";
	struct iovec vector = {.iov_base = text, .iov_len = sizeof text};
	struct mmsghdr batch = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};
	(void)arg;
	NEED(bind(listener, (struct sockaddr *)&to, sizeof to) == 0 && listen(listener, 4) == 0);
	NEED(getsockname(listener, (struct sockaddr *)&to, &bytes) == 0);
	NEED(bind(udp, (struct sockaddr *)&to, sizeof to) == 0);
	seal_worker();
	int out = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	NEED(out >= 0);
	setsockopt(out, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
	setsockopt(out, IPPROTO_TCP, TCP_USER_TIMEOUT, &on, sizeof on);
	NEED(setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
	NEED(connect(out, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS);
	send(out, text, 4, MSG_NOSIGNAL);
	int in = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	NEED(in >= 0 && recv(in, text, sizeof text, 0) >= 0);
	bytes = sizeof on;
	NEED(getsockopt(out, SOL_SOCKET, SO_ERROR, &on, &bytes) == 0);
	NEED(setsockopt(out, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	NEED(shutdown(out, SHUT_WR) == 0 && close(out) == 0);
	batch.msg_hdr.msg_name = &to;
	batch.msg_hdr.msg_namelen = sizeof to;
	NEED(sendmmsg(udp, &batch, 1, 0) == 1 && recvmmsg(udp, &batch, 1, MSG_DONTWAIT, NULL) == 1);
	NEED(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0 || errno == EAFNOSUPPORT);
	return 0;
}

static void
on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)timer, (void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void
on_signal(struct ev_loop *loop, ev_signal *signal, int events)
{
	(void)loop, (void)events;
	*(bool *)signal->data = true;
}

/* With a signal that is watched only then. */
static int
do_work_with_a_loop(void *arg)
{
	ev_timer timer;
	ev_signal signal;
	bool seen = false;
	(void)arg;
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	NEED(loop != NULL);
	seal_worker();
	ev_signal_init(&signal, on_signal, SIGTERM);
	signal.data = &seen;
	ev_signal_start(loop, &signal);
	ev_timer_init(&timer, on_timer, 0.05, 0.);
	ev_timer_start(loop, &timer);
	NEED(raise(SIGTERM) == 0);
	ev_run(loop, 0);
	ev_signal_stop(loop, &signal);
	ev_loop_destroy(loop);
	NEED(seen);
	/* what libev does when it is in doubt about the kernel side */
	NEED(epoll_create1(EPOLL_CLOEXEC) >= 0);
	NEED(eventfd(0, EFD_NONBLOCK) >= 0 && timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC) >= 0);
	return 0;
}

static int
do_work_with_memory_and_time(void *arg)
{
	char stamp[64], chance[32];
	struct tm tm;
	struct timespec now;
	time_t when = 1700000000;
	(void)arg;
	seal_worker();
	for (size_t bytes = 16; bytes < 64u << 20; bytes *= 4) {
		uint8_t *room = malloc(bytes), *more = realloc(room, bytes * 2);
		NEED(more != NULL);
		more[bytes] = 1;
		free(more);
	}
	NEED(mprotect(page, 4096, PROT_READ) == 0 && mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
	NEED(getrandom(chance, sizeof chance, 0) == sizeof chance);
	for (int clock = 0; clock <= CLOCK_BOOTTIME; clock++)
		if (clock != 10)
			syscall(SYS_clock_gettime, clock, &now);
	NEED(localtime_r(&when, &tm) != NULL && strftime(stamp, sizeof stamp, "%c %Z %s", &tm) > 0);
	NEED(gmtime_r(&when, &tm) != NULL && strftime(stamp, sizeof stamp, "%Y", &tm) == 4);
	now = (struct timespec){.tv_nsec = 1000};
	NEED(nanosleep(&now, NULL) == 0 && sched_yield() == 0);
	NEED(strcmp(strerror(EACCES), "Permission denied") == 0);
	return 0;
}

/* With or without a syslogd: the connection is made, refused or absent, and nobody dies. */
static int
do_work_with_syslog(void *arg)
{
	(void)arg;
	NEED(log_open("syslog", LOG_LEVEL_NOTICE) == 0);
	seal_worker();
	log_notice("a test of dotward's sandbox");
	log_reconnect();
	log_notice("a test of dotward's sandbox");
	return 0;
}

static int
do_take_a_log_file(void *arg)
{
	struct handover_note note = {.kind = HANDOVER_LOG};
	const char *path = arg;
	int ends[2], out;
	char text[256] = "";
	NEED(log_open("file:/dev/null", LOG_LEVEL_NOTICE) == 0 && handover_open(ends) == 0);
	NEED((out = open(path, O_RDWR | O_APPEND | O_CLOEXEC)) >= 0 &&
	        handover_give(ends[0], &note, out) == 0);
	seal_worker();
	int taken = handover_take(ends[1], &note);
	NEED(taken >= 0 && handover_take(ends[1], &note) == -EAGAIN);
	log_adopt(taken);
	log_notice("into the new file");
	NEED(log_descriptor() == taken);
	NEED(recv(0, NULL, 0, 0) < 0 && read(out, text, sizeof text - 1) >= 0);
	return 0;
}

static void
what_a_worker_does_is_allowed(void **state)
{
	static const struct {
		const char *what;
		forked_fn *work;
	} works[] = {
	        {"sockets", do_work_with_sockets},
	        {"loop", do_work_with_a_loop},
	        {"memory and time", do_work_with_memory_and_time},
	        {"syslog", do_work_with_syslog},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(works); i++) {
		char name[SANDBOX_CALL_BYTES];
		struct forked child = forked_run(works[i].work, NULL);
		if (!forked_succeeded(&child))
			fail_msg("%s: status %#x, call %s, %s", works[i].what, child.status,
			        sandbox_call_name(*left, name), child.said);
	}
}

static void
a_log_file_comes_without_open(void **state)
{
	char path[] = "/tmp/dotward-test.XXXXXX", text[256] = "";
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	struct forked child = forked_run(do_take_a_log_file, path);
	unlink(path);
	if (!forked_succeeded(&child))
		fail_msg("status %#x call %d %s", child.status, *left, child.said);
	assert_true(read(fd, text, sizeof text - 1) > 0);
	assert_non_null(strstr(text, "into the new file"));
	close(fd);
}

static int
do_abort(void *arg)
{
	(void)arg;
	seal_worker();
	abort();
}

static int
do_raise(void *arg)
{
	(void)arg;
	seal_worker();
	raise(SIGSYS);
	return 0;
}

static void
the_signal_alone_names_no_call(void **state)
{
	(void)state;
	struct forked child = forked_run(do_raise, NULL);
	assert_true(WIFSIGNALED(child.status));
	assert_int_equal(WTERMSIG(child.status), SIGSYS);
	assert_int_equal(*left, SANDBOX_NO_CALL);
}

static void
an_assertion_still_aborts(void **state)
{
	(void)state;
	struct forked child = forked_run(do_abort, NULL);
	assert_true(forked_aborted(&child));
	assert_int_equal(*left, SANDBOX_NO_CALL);
}

/* --- what the kernel says */

static bool
status_has(int fd, const char *line)
{
	static char text[8192];
	ssize_t got = pread(fd, text, sizeof text - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	return strstr(text, line) != NULL;
}

static int
do_look(void *arg)
{
	(void)arg;
	int fd = open("/proc/thread-self/status", O_RDONLY);
	static char text[8192];
	NEED(fd >= 0);
	seal_worker();
	NEED(read(fd, text, sizeof text - 1) > 0);
	NEED(strstr(text, "\nSeccomp:\t2\n") != NULL && strstr(text, "\nNoNewPrivs:\t1\n") != NULL);
	return 0;
}

static void
the_kernel_says_so(void **state)
{
	(void)state;
	struct forked child = forked_run(do_look, NULL);
	assert_true(forked_succeeded(&child));
}

/* --- the master */

static int
do_master(void *arg)
{
	char why[SANDBOX_WHY_BYTES];
	(void)arg;
	NEED(sandbox_seal(SANDBOX_MASTER, why) == 0);
#ifndef DOTWARD_SANITIZERS
	NEED(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 && errno == EPERM);
#endif
	NEED(mount("none", "/nowhere/at/all", "tmpfs", 0, NULL) < 0 && errno == EPERM);
	NEED(syscall(SYS_bpf, 1000, NULL, 0) < 0 && errno == EPERM);
	NEED(syscall(SYS_keyctl, 1000) < 0 && errno == EPERM);
	NEED(syscall(SYS_init_module, NULL, 0, NULL) < 0 && errno == EPERM);
	NEED(unshare(0) < 0 && errno == EPERM);
	int fd = open("/proc/self/status", O_RDONLY), status;
	NEED(fd >= 0 && status_has(fd, "\nSeccomp:\t2\n"));
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(1);
	}
	NEED(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	return 0;
}

/* The kernel counts filters since Linux 5.9. */
static int
do_master_twice(void *arg)
{
	char why[SANDBOX_WHY_BYTES], before[64] = "", after[64] = "", text[8192] = "";
	int fd = open("/proc/self/status", O_RDONLY);
	(void)arg;
	for (int i = 0; i < 20; i++) {
		NEED(sandbox_seal(SANDBOX_MASTER, why) == 0);
		NEED(pread(fd, text, sizeof text - 1, 0) > 0);
		const char *filters = strstr(text, "Seccomp_filters:");
		snprintf(i == 0 ? before : after, sizeof before, "%.20s", filters ? filters : "");
	}
	NEED(strcmp(before, after) == 0);
	/* and a worker of such a master is sealed all the same */
	seal_worker();
	syscall(SYS_mount, 0, 0, 0, 0, 0);
	return 0;
}

static void
the_master_may_do_all_but_the_worst(void **state)
{
	(void)state;
	struct forked child = forked_run(do_master, NULL);
	if (!forked_succeeded(&child))
		fail_msg("status %#x %s", child.status, child.said);
	child = forked_run(do_master_twice, NULL);
	assert_true(WIFSIGNALED(child.status));
	assert_int_equal(WTERMSIG(child.status), SIGSYS);
	assert_int_equal(*left, SYS_mount);
}

/* A row that libseccomp has never heard of is a slip of the pen, or newer than it. */
static void
the_tables_name_calls(void **state)
{
	static const struct {
		const struct call *calls;
		const size_t *count;
	} tables[] = {{calls_worker, &calls_worker_count}, {calls_worker_source, &calls_worker_source_count},
	        {calls_master_refused, &calls_master_refused_count}};
	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++)
		for (size_t i = 0; i < *tables[t].count; i++) {
			const struct call *c = &tables[t].calls[i];
			if (seccomp_syscall_resolve_name(c->name) == __NR_SCMP_ERROR)
				fail_msg("no such call: %s", c->name);
			assert_true(c->checks <= CALLS_MOST_CHECKS);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forbidden_call_kills_and_is_named),
		cmocka_unit_test(a_forbidden_call_ends_an_errand),
		cmocka_unit_test(calls_have_names),
#if defined __x86_64__
		cmocka_unit_test(calls_of_another_architecture_kill),
#endif
		cmocka_unit_test(what_a_worker_does_is_allowed),
		cmocka_unit_test(a_log_file_comes_without_open),
		cmocka_unit_test(the_signal_alone_names_no_call),
		cmocka_unit_test(an_assertion_still_aborts),
		cmocka_unit_test(the_kernel_says_so),
		cmocka_unit_test(the_master_may_do_all_but_the_worst),
		cmocka_unit_test(the_tables_name_calls),
	};
	left = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (left == MAP_FAILED)
		return EXIT_FAILURE;
	/* valgrind makes calls of its own in our name */
	if (getenv("VALGRIND") != NULL) {
		puts("1..0 # SKIP a sealed process cannot run under valgrind");
		return EXIT_SUCCESS;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
