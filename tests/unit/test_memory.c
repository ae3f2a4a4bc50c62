/*
 * How much memory there is to be had, on machines that are folders.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four before it */
#include <cmocka.h>

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MEGA (1ull << 20)

static char root[64];

/* mkdir -p of the folder that the file is in, and the file. */
static void
put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "%s/%s", root, name);
	for (char *at = path + 1; *at != '\0'; at++)
		if (*at == '/') {
			*at = '\0';
			mkdir(path, 0700);
			*at = '/';
		}
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static int
start(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/dotward-memory.XXXXXX");
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int
stop(void **state)
{
	char command[128];
	(void)state;
	snprintf(command, sizeof command, "rm -r %s", root);
	return system(command);
}

static void
nothing_can_be_told(void **state)
{
	(void)state;
	assert_true(memory_spare_under(root) == UINT64_MAX);
	put("proc/meminfo", "MemTotal: 5 kB\n");
	put("proc/self/cgroup", "3:memory:/old\n");
	assert_true(memory_spare_under(root) == UINT64_MAX);
}

static void
what_the_machine_has(void **state)
{
	(void)state;
	put("proc/meminfo", "MemTotal:  99999 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\nBuffers: 7 kB\n");
	assert_true(memory_spare_under(root) == 2 * MEGA);
	put("proc/self/cgroup", "0::/\n");
	assert_true(memory_spare_under(root) == 2 * MEGA);
}

static void
what_the_group_leaves(void **state)
{
	(void)state;
	put("proc/meminfo", "MemAvailable: 1048576 kB\n");
	put("proc/self/cgroup", "1:name=systemd:/x\n0::/system.slice/dotward.service\n");
	put("sys/fs/cgroup/system.slice/dotward.service/memory.max", "max\n");
	put("sys/fs/cgroup/system.slice/dotward.service/memory.current", "1048576\n");
	assert_true(memory_spare_under(root) == 1024 * MEGA);
	put("sys/fs/cgroup/system.slice/dotward.service/memory.max", "67108864\n");
	assert_true(memory_spare_under(root) == 63 * MEGA);
	put("sys/fs/cgroup/system.slice/dotward.service/memory.current", "50331648\n");
	put("sys/fs/cgroup/system.slice/dotward.service/memory.stat",
	        "anon 1\nfile 9\ninactive_file 10485760\nactive_file 20971520\n");
	assert_true(memory_spare_under(root) == 46 * MEGA);
	put("sys/fs/cgroup/system.slice/memory.max", "8388608\n");
	put("sys/fs/cgroup/system.slice/memory.current", "4194304\n");
	assert_true(memory_spare_under(root) == 4 * MEGA);
	put("sys/fs/cgroup/system.slice/memory.current", "9388608\n");
	assert_true(memory_spare_under(root) == 0);
}

static void
the_group_of_a_container_is_its_root(void **state)
{
	(void)state;
	put("proc/meminfo", "MemAvailable: 1048576 kB\n");
	put("proc/self/cgroup", "0::/\n");
	put("sys/fs/cgroup/memory.max", "16777216\n");
	put("sys/fs/cgroup/memory.current", "0\n");
	assert_true(memory_spare_under(root) == 16 * MEGA);
}

static void
this_machine_has_some(void **state)
{
	(void)state;
	assert_true(memory_spare() > 0);
}

#define ROOTED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	        ROOTED(nothing_can_be_told),
	        ROOTED(what_the_machine_has),
	        ROOTED(what_the_group_leaves),
	        ROOTED(the_group_of_a_container_is_its_root),
	        cmocka_unit_test(this_machine_has_some),
	};
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
