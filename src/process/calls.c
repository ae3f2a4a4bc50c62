/*
 * The rows by name, not by number: a call that exists on some machines only (poll but not on arm64,
 * clock_gettime64 on 32 bits only) is one row for all, and one newer than the headers costs nothing.
 *
 * A row of the worker has three grounds: we call it, a library does (libev, GnuTLS, libc: glibc and musl make
 * different calls of the same function), or the kernel has it called (restart_syscall, rt_sigreturn). Files
 * are no ground: there is no open() of any kind. Where an argument decides what a call is good for, it is
 * checked.
 */
#include "process/calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Arguments by number. `int`s come in registers of 64 bits whose upper half the kernel ignores, so what is
 * compared for being equal can only refuse too much. */
enum { CALLS_SOCKET_TYPE = 0xf }; /* what is left of a socket's type without SOCK_NONBLOCK and SOCK_CLOEXEC */

/* clang-format off */
#define CALL(call)                 {.name = #call}
#define CALL_IF(call, count, ...)  {.name = #call, .checks = (count), .check = {__VA_ARGS__}}
#define IS(number, value)          {.arg = (number), .op = SCMP_CMP_EQ, .datum_a = (uint64_t)(value)}
#define IS_NOT(number, value)      {.arg = (number), .op = SCMP_CMP_NE, .datum_a = (uint64_t)(value)}
#define BITS(number, mask, value)  {.arg = (number), .op = SCMP_CMP_MASKED_EQ, .datum_a = (uint64_t)(mask), .datum_b = (uint64_t)(value)}
#define NOT_EXECUTABLE             BITS(2, PROT_EXEC, 0)
#define SOCKET(domain, type)       CALL_IF(socket, 3, IS(0, domain), BITS(1, CALLS_SOCKET_TYPE, type), IS(2, 0))
#define OPTION(call, level, name)  CALL_IF(call, 2, IS(1, level), IS(2, name))

/* --- reports of the tools, written to files, with the names of functions read from the program */
#if defined DOTWARD_SANITIZERS || defined DOTWARD_COVERAGE
#define TOOLS_REPORT \
	CALL(open), CALL(openat), CALL(stat), CALL(fstat), CALL(lstat), CALL(newfstatat), CALL(statx), CALL(lseek), CALL(access), \
	CALL(readlink), CALL(readlinkat), CALL(getcwd), CALL(mkdir), CALL(ioctl), CALL(fcntl), CALL(ftruncate), CALL(unlink),
#else
#define TOOLS_REPORT
#endif
/* --- the leak checker: a clone of ours that looks at us */
#ifdef DOTWARD_SANITIZERS
#define TOOLS_LEAKS \
	CALL(clone), CALL(ptrace), CALL(prctl), CALL(wait4), CALL(waitpid), CALL(getdents), CALL(getdents64), CALL(process_vm_readv), CALL(process_vm_writev), \
	CALL(arch_prctl), CALL(dup), CALL(dup2), CALL(getrlimit), CALL(prlimit64), CALL(sched_getaffinity), CALL(uname), CALL(kill),
#else
#define TOOLS_LEAKS
#endif

const struct call calls_worker[] = {
	/* --- messages; recv and the like stand for what 32 bits call by these names */
	CALL(recvmmsg), CALL(recvmmsg_time64), CALL(sendmmsg), CALL(recvmsg), CALL(sendmsg), CALL(recvfrom), CALL(sendto),
	CALL(recv), CALL(send), CALL(read), CALL(readv), CALL(pread64), CALL(write), CALL(writev), CALL(close), CALL(shutdown),

	/* --- connections: upstreams by TCP, the log by a local socket. A worker binds nothing, and the UDP
	 * sockets it has are all it will ever have. */
	CALL(accept4), CALL(connect), CALL(getsockname), CALL(getpeername),
	SOCKET(AF_INET, SOCK_STREAM), SOCKET(AF_INET6, SOCK_STREAM),
	SOCKET(AF_UNIX, SOCK_DGRAM), SOCKET(AF_UNIX, SOCK_STREAM), /* what syslogd has; libc tries both */
	OPTION(setsockopt, IPPROTO_TCP, TCP_NODELAY), OPTION(setsockopt, IPPROTO_TCP, TCP_USER_TIMEOUT),
	OPTION(setsockopt, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), OPTION(setsockopt, SOL_SOCKET, SO_LINGER),
	OPTION(getsockopt, SOL_SOCKET, SO_ERROR),
	CALL_IF(ioctl, 1, IS(1, FIONREAD)), /* has a client said more? */
	/* not F_SETOWN and its kin, which send signals to others */
	CALL_IF(fcntl, 1, IS(1, F_GETFD)), CALL_IF(fcntl, 1, IS(1, F_SETFD)),
	CALL_IF(fcntl, 1, IS(1, F_GETFL)), CALL_IF(fcntl, 1, IS(1, F_SETFL)),
	CALL_IF(fcntl64, 1, IS(1, F_GETFD)), CALL_IF(fcntl64, 1, IS(1, F_SETFD)),
	CALL_IF(fcntl64, 1, IS(1, F_GETFL)), CALL_IF(fcntl64, 1, IS(1, F_SETFL)),

	/* --- the loop. libev makes a new epoll descriptor when the kernel tells it of one it has forgotten, and
	 * the pipe or eventfd behind signals when it is first needed. */
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2), CALL(epoll_ctl), CALL(epoll_create1), CALL(epoll_create),
	CALL(eventfd2), CALL(pipe2), CALL(timerfd_create), CALL(timerfd_settime), CALL(timerfd_settime64), CALL(signalfd4),
	CALL(poll), CALL(ppoll), CALL(ppoll_time64),
	CALL(nanosleep), CALL(clock_nanosleep), CALL(clock_nanosleep_time64), CALL(restart_syscall), CALL(sched_yield),

	/* --- time and chance: mostly answered without the kernel, but not on every machine */
	CALL(clock_gettime), CALL(clock_gettime64), CALL(clock_getres), CALL(clock_getres_time64),
	CALL(gettimeofday), CALL(time), CALL(getrandom),

	/* --- memory, never to be executed */
	CALL_IF(mmap, 1, NOT_EXECUTABLE), CALL_IF(mmap2, 1, NOT_EXECUTABLE), CALL_IF(mprotect, 1, NOT_EXECUTABLE),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk),
	CALL(futex), CALL(futex_time64), /* locks that nobody else holds, of libraries that do not know it */
	CALL(sysinfo),                 /* qsort() asks how much memory there is */

	/* --- signals. SIGSYS is the one whose handler stays. tgkill is seal.c's, as only it knows our number. */
	CALL_IF(rt_sigaction, 1, IS_NOT(0, SIGSYS)),
	CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigreturn), CALL(sigaltstack),

	/* --- who we are: GnuTLS stirs it into its random numbers, libc wants it to kill itself */
	CALL(getpid), CALL(gettid), CALL(getppid), CALL(getuid), CALL(getuid32), CALL(geteuid), CALL(geteuid32),
	CALL(getgid), CALL(getgid32), CALL(getegid), CALL(getegid32), CALL(getrusage),
	CALL(exit), CALL(exit_group),

	TOOLS_REPORT
	TOOLS_LEAKS
};

/* To what port, landlock bounds where there is one: none but what the kernel chooses. */
const struct call calls_worker_source[] = {
	CALL(bind), OPTION(setsockopt, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT),
};

/* It connects to nobody but who reads the log, and opens nothing; what listens was given to it. */
const struct call calls_exporter[] = {
	CALL(accept4), CALL(recv), CALL(recvfrom), CALL(recvmsg), CALL(send), CALL(sendto), CALL(sendmsg),
	CALL(read), CALL(readv), CALL(pread64), CALL(write), CALL(writev), CALL(close), CALL(shutdown),
	CALL(getsockname), CALL(getpeername), OPTION(getsockopt, SOL_SOCKET, SO_ERROR), OPTION(getsockopt, SOL_SOCKET, SO_TYPE),
	OPTION(setsockopt, IPPROTO_TCP, TCP_NODELAY), OPTION(setsockopt, IPPROTO_TCP, TCP_CORK), OPTION(setsockopt, SOL_SOCKET, SO_LINGER),
	CALL(connect), SOCKET(AF_UNIX, SOCK_DGRAM), SOCKET(AF_UNIX, SOCK_STREAM), /* syslogd */
	CALL_IF(fcntl, 1, IS(1, F_GETFD)), CALL_IF(fcntl, 1, IS(1, F_SETFD)), CALL_IF(fcntl, 1, IS(1, F_GETFL)), CALL_IF(fcntl, 1, IS(1, F_SETFL)),
	CALL_IF(fcntl64, 1, IS(1, F_GETFD)), CALL_IF(fcntl64, 1, IS(1, F_SETFD)), CALL_IF(fcntl64, 1, IS(1, F_GETFL)), CALL_IF(fcntl64, 1, IS(1, F_SETFL)),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_ctl), CALL(poll), CALL(ppoll), CALL(ppoll_time64), CALL(restart_syscall), CALL(sched_yield),
	CALL(clock_gettime), CALL(clock_gettime64), CALL(clock_getres), CALL(gettimeofday), CALL(time), CALL(getrandom),
	CALL_IF(mmap, 1, NOT_EXECUTABLE), CALL_IF(mmap2, 1, NOT_EXECUTABLE), CALL_IF(mprotect, 1, NOT_EXECUTABLE),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(futex), CALL(futex_time64), CALL(sysinfo),
	CALL_IF(rt_sigaction, 1, IS_NOT(0, SIGSYS)), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigreturn), CALL(sigaltstack),
	CALL(getpid), CALL(gettid), CALL(getppid), CALL(getrusage), CALL(exit), CALL(exit_group),
	TOOLS_REPORT
	TOOLS_LEAKS
};

/* Nothing is opened, and nobody is reached but who reads the log. */
const struct call calls_errand[] = {
	CALL(read), CALL(readv), CALL(pread64), CALL(write), CALL(writev), CALL(lseek), CALL(_llseek), CALL(close),
	CALL(fstat), CALL(fstat64), CALL(newfstatat), CALL(statx), /* stdio looks at what it writes to */
	CALL_IF(fcntl, 1, IS(1, F_GETFL)), CALL_IF(fcntl, 1, IS(1, F_SETFL)), CALL_IF(fcntl64, 1, IS(1, F_GETFL)), CALL_IF(fcntl64, 1, IS(1, F_SETFL)),
	CALL(poll), CALL(ppoll), CALL(ppoll_time64), /* does the log take a line? */
	CALL(fsync), CALL(renameat), CALL(renameat2), CALL(unlinkat), /* what is saved, in the folder that is open */
	CALL(send), CALL(sendto), CALL(sendmsg), CALL(connect), SOCKET(AF_UNIX, SOCK_DGRAM), SOCKET(AF_UNIX, SOCK_STREAM), /* syslogd */
	CALL(clock_gettime), CALL(clock_gettime64), CALL(gettimeofday), CALL(time), CALL(getrandom), CALL(sched_yield),
	CALL_IF(mmap, 1, NOT_EXECUTABLE), CALL_IF(mmap2, 1, NOT_EXECUTABLE), CALL_IF(mprotect, 1, NOT_EXECUTABLE),
	CALL(munmap), CALL(mremap), CALL(madvise), CALL(brk), CALL(futex), CALL(futex_time64), CALL(restart_syscall),
	CALL_IF(rt_sigaction, 1, IS_NOT(0, SIGSYS)), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(sigreturn), CALL(sigaltstack),
	CALL(getpid), CALL(gettid), CALL(getppid), CALL(exit), CALL(exit_group),
	TOOLS_REPORT
	TOOLS_LEAKS
};

/* It is handed what it writes to, and it rests. */
const struct call calls_scribe[] = {
	CALL(recvmsg), CALL(recv), CALL(recvfrom), CALL(shutdown), OPTION(getsockopt, SOL_SOCKET, SO_ERROR),
	CALL(nanosleep), CALL(clock_nanosleep), CALL(clock_nanosleep_time64),
	CALL(flock), CALL(ftruncate), CALL(ftruncate64), /* dnstap's file: who may end it, and half a frame is taken back */
};

const struct call calls_loader[] = {
	CALL(fallocate), CALL(sysinfo), /* qsort() asks how much memory there is */
};

/*
 * Why a list of what is refused, and with an error: a filter survives exec, and what a new release that the
 * master turns into will need is not for this one to know. So the master gives up what no DNS forwarder ever
 * needs and an intruder would like best; what it does need is bounded by its capabilities, and it reads no
 * byte from the network. An error, as a newer libc may try one of these and have another way.
 */
const struct call calls_master_refused[] = {
	/* --- into other processes */
#ifndef DOTWARD_SANITIZERS
	CALL(ptrace), CALL(process_vm_readv),
#endif
	CALL(process_vm_writev), CALL(process_madvise), CALL(kcmp), CALL(pidfd_getfd), CALL(move_pages), CALL(migrate_pages),
	/* --- into the kernel */
	CALL(init_module), CALL(finit_module), CALL(delete_module), CALL(create_module), CALL(kexec_load), CALL(kexec_file_load),
	CALL(bpf), CALL(perf_event_open), CALL(userfaultfd), CALL(io_uring_setup), CALL(io_uring_enter), CALL(io_uring_register),
	CALL(iopl), CALL(ioperm), CALL(modify_ldt), CALL(vm86), CALL(vm86old), CALL(uselib), CALL_IF(personality, 1, IS_NOT(0, 0xffffffff)),
	CALL(syslog), CALL(lookup_dcookie), CALL(fanotify_init), CALL(quotactl), CALL(quotactl_fd), CALL(nfsservctl),
	/* --- keys */
	CALL(add_key), CALL(request_key), CALL(keyctl),
	/* --- the machine */
	CALL(reboot), CALL(swapon), CALL(swapoff), CALL(acct), CALL(vhangup), CALL(sethostname), CALL(setdomainname),
	CALL(settimeofday), CALL(stime), CALL(clock_settime), CALL(clock_settime64), CALL(adjtimex), CALL(clock_adjtime), CALL(clock_adjtime64),
	/* --- what the file system looks like */
	CALL(mount), CALL(umount), CALL(umount2), CALL(pivot_root), CALL(chroot), CALL(unshare), CALL(setns),
	CALL(open_tree), CALL(move_mount), CALL(mount_setattr), CALL(fsopen), CALL(fsconfig), CALL(fsmount), CALL(fspick),
	CALL(open_by_handle_at),
};
/* clang-format on */

const size_t calls_worker_count = sizeof calls_worker / sizeof calls_worker[0];
const size_t calls_worker_source_count = sizeof calls_worker_source / sizeof calls_worker_source[0];
const size_t calls_exporter_count = sizeof calls_exporter / sizeof calls_exporter[0];
const size_t calls_errand_count = sizeof calls_errand / sizeof calls_errand[0];
const size_t calls_scribe_count = sizeof calls_scribe / sizeof calls_scribe[0];
const size_t calls_loader_count = sizeof calls_loader / sizeof calls_loader[0];
const size_t calls_master_refused_count = sizeof calls_master_refused / sizeof calls_master_refused[0];
