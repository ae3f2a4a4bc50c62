/*
 * The faults. Nothing at all in a build without them.
 */
#include "base/fault.h"

#ifdef DOTWARD_FAULTS
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULT_LEAK_BYTES = 64 << 20, FAULT_SLEEP_MS = 5000 };

static void
fault_segv(void)
{
	raise(SIGSEGV);
}

static void
fault_hang(void)
{
	for (volatile int forever = 1; forever;)
		;
}

static void
fault_leak(void)
{
	for (;;) {
		/* Else a compiler sees that nobody needs it, and does without. */
		char *volatile lost = malloc(FAULT_LEAK_BYTES);
		if (lost == NULL)
			abort();
		memset(lost, 1, FAULT_LEAK_BYTES);
	}
}

static void
fault_exit(void)
{
	_exit(3);
}

static void
fault_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

static void
fault_open(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
}

static bool clock_is_right;

static void
fault_clock(void)
{
	clock_is_right = true;
}

long
fault_clock_s(void)
{
	const char *off = clock_is_right ? NULL : getenv("DOTWARD_FAULT_CLOCK");
	return off != NULL ? strtol(off, NULL, 10) : 0;
}

static uint64_t slept_ms;

static void
fault_sleep(void)
{
	slept_ms += FAULT_SLEEP_MS;
}

uint64_t
fault_slept_ms(void)
{
	return slept_ms;
}

static const struct {
	const char *kind;
	void (*commit)(void);
} faults[] = {
        {"segv", fault_segv},
        {"abort", abort},
        {"hang", fault_hang},
        {"leak", fault_leak},
        {"exit", fault_exit},
        {"exec", fault_exec},
        {"open", fault_open},
        {"clock", fault_clock},
        {"sleep", fault_sleep},
};

/* The name begins with this label; *rest is what comes behind it. */
static bool
label_is(const uint8_t *name, size_t bytes, const char *label, size_t *rest)
{
	size_t length = strlen(label);
	if (bytes < length + 1 || name[0] != length || memcmp(name + 1, label, length) != 0)
		return false;
	*rest = length + 1;
	return true;
}

void
fault_pass(const char *point, const uint8_t *name, size_t name_bytes)
{
	static const uint8_t tail[] = "\5fault\4test";
	if (name_bytes < sizeof tail || memcmp(name + name_bytes - sizeof tail, tail, sizeof tail) != 0)
		return;
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		size_t kind, where;
		if (label_is(name, name_bytes, faults[i].kind, &kind) &&
		        label_is(name + kind, name_bytes - kind, point, &where))
			faults[i].commit();
	}
}
#endif
