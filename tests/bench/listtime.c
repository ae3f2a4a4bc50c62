/*
 * What lists cost: the time to load them, memory for each name, the time to look a name up, and that none is
 * wrong. See README.md in this folder for what is measured and how.
 *
 * usage: listtime [-n names] [-s seed] [-q questions] [-h hits in a hundred] [-r rounds] [FILE]
 *
 * Without a file the list is the one of listnames. Times are of this thread on a CPU, the best of the rounds.
 * Ends with 1 when one of the numbers to be shown (issue "judge before you ask") is not.
 */
#include "base/must.h"
#include "dns/name.h"
#include "judge.h"
#include "listmake.h"
#include "query/lists_build.h"
#include "random.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	BYTES_MOST = 40, /* for a name, over all */
	LOOKUP_NS_MOST = 250,
	COMPARED = 100000, /* names that are looked up in the reference, too */
	QUESTION_BYTES = 96,
};

struct setting {
	uint32_t names, questions;
	unsigned hits, rounds;
	uint64_t seed;
};

/* A question's name as a worker has it: in its hands, and not in memory that is far away. */
struct question {
	uint8_t bytes;
	uint8_t name[QUESTION_BYTES - 1];
};

struct list {
	char *text;
	size_t bytes;
};

/* All names of the list, sorted, to be searched in a way that has nothing in common with the table. */
struct reference {
	const char **names;
	size_t count;
};

static void
tell(const char *what, double value, const char *unit)
{
	printf("%-58s %9.1f %s\n", what, value, unit);
	fflush(stdout);
}

/* --- Lists ------------------------------------------------------------------------------------------------
 */
static struct list
make_list(const struct setting *set)
{
	struct list l = {.text = must_alloc(set->names + 1ul, LISTMAKE_TEXT_BYTES / 2)};
	for (uint32_t i = 0; i < set->names; i++) {
		l.bytes += listmake_name(l.text + l.bytes, i, set->seed);
		l.text[l.bytes++] = '\n';
		must(l.bytes < (set->names + 1ul) * (LISTMAKE_TEXT_BYTES / 2) - LISTMAKE_TEXT_BYTES);
	}
	return l;
}

static struct list
read_file(const char *path)
{
	struct list l = {0};
	FILE *f = fopen(path, "r");
	if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
		perror(path);
		exit(2);
	}
	l.bytes = (size_t)ftell(f);
	rewind(f);
	l.text = must_alloc(l.bytes + 1, 1);
	must(fread(l.text, 1, l.bytes, f) == l.bytes);
	fclose(f);
	return l;
}

static void
take_rule(void *arg, const struct list_rule *rule)
{
	lists_build_add(arg, 0, rule);
}

static void
take_bad(void *arg, unsigned long line, const char *why)
{
	(void)arg;
	fprintf(stderr, "line %lu: %s\n", line, why);
}

static double
peak_mb(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static const struct lists *
load(const struct list *list)
{
	struct lists_build *b = lists_build_new(NULL);
	must(b != NULL);
	lists_build_list(b, "bench", LISTS_BLOCK_LIST);
	const struct list_taker taker = {.arg = b, .rule = take_rule, .bad = take_bad};
	struct list_tally tally;
	double rss = peak_mb(), start = cpu_ns();
	must(list_read(list->text, list->bytes, LIST_AUTO, &taker, &tally) == 0);
	double read = cpu_ns();
	size_t bytes = lists_build_measure(b);
	double measured = cpu_ns();
	must(bytes > 0);
	/* shared memory, as where it is used: no large pages unless the machine gives them to that */
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(memory != MAP_FAILED);
	lists_build_write(b, memory);
	double written = cpu_ns();
	lists_build_free(b);
	const struct lists *lists = lists_at(memory, bytes);
	must(lists != NULL);
	printf("%s, %lu lines, %lu bad, %.1f MB\n", list_format_name(tally.format), tally.lines, tally.bad,
	        (double)list->bytes / 1e6);
	tell("load: read the text", (read - start) / 1e6, "ms");
	tell("load: sort and merge", (measured - read) / 1e6, "ms");
	tell("load: write the table", (written - measured) / 1e6, "ms");
	tell("load: all of it", (written - start) / 1e6, "ms");
	tell("load: memory at most, with the table", peak_mb() - rss, "MB");
	tell("names", (double)lists_names(lists), "");
	judge("memory for each name", (double)bytes / (double)lists_names(lists), BYTES_MOST, "bytes");
	return lists;
}

/* --- Questions --------------------------------------------------------------------------------------------
 */
static size_t
labels_of(const char *text)
{
	size_t labels = 1;
	for (; *text != '\0'; text++)
		labels += *text == '.';
	return labels;
}

/* A name of 3 to 5 labels. Hits are names of the list and what is below them, misses are made in the same way
 * from numbers that are not on the list. */
static void
make_question(struct question *q, const struct setting *set, uint64_t *random, bool hit)
{
	static const char *const fronts[] = {"www", "api", "edge", "x7", "eu-west-1", "img", "mail"};
	char text[2 * LISTMAKE_TEXT_BYTES] = "", name[LISTMAKE_TEXT_BYTES];
	uint32_t number = random_below(random, set->names);
	listmake_name(name, hit ? number : LISTMAKE_NAMES - 1 - number, set->seed);
	size_t labels = labels_of(name), wanted = 3 + random_below(random, 3);
	for (; labels < wanted; labels++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s.",
		        fronts[random_below(random, 7)]);
	strcat(text, name);
	uint8_t wire[NAME_BYTES];
	size_t bytes = name_from_text(text, wire);
	must(bytes > 0 && bytes < sizeof q->name);
	q->bytes = (uint8_t)bytes;
	memcpy(q->name, wire, bytes);
}

static struct question *
make_questions(const struct setting *set)
{
	struct question *q = must_alloc(set->questions, sizeof *q);
	uint64_t random = set->seed;
	for (uint32_t i = 0; i < set->questions; i++)
		make_question(&q[i], set, &random, random_below(&random, 100) < set->hits);
	return q;
}

/* Nothing of one look-up begins before the one in front of it has ended, as between two questions of a
 * worker. */
static void
wait_for_all(void)
{
#if defined __x86_64__ || defined __i386__
	__builtin_ia32_lfence();
#else
	__sync_synchronize();
#endif
}

static double
time_round(const struct lists *lists, const struct question *q, uint32_t count, bool apart, uint32_t *found)
{
	double start = cpu_ns();
	*found = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct lists_hit hit;
		*found += lists_find(lists, 1, q[i].name, q[i].bytes, &hit, NULL);
		if (apart)
			wait_for_all();
	}
	return (cpu_ns() - start) / count;
}

static double
best_round(const struct lists *lists, const struct question *q, const struct setting *set, bool apart,
        uint32_t *found)
{
	double best = 1e9;
	for (unsigned i = 0; i < set->rounds; i++) {
		double ns = time_round(lists, q, set->questions, apart, found);
		best = ns < best ? ns : best;
	}
	return best;
}

static void
time_lookups(const struct lists *lists, const struct setting *set)
{
	struct question *q = make_questions(set);
	uint32_t found;
	double apart = best_round(lists, q, set, true, &found);
	printf("%u questions, %.1f %% of them on the list\n", set->questions, 100.0 * found / set->questions);
	judge("look-up, each waiting for the one before", apart, LOOKUP_NS_MOST, "ns");
	tell("look-up, as fast as the processor overlaps them", best_round(lists, q, set, false, &found),
	        "ns");
	struct setting other = *set;
	free(q);
	other.hits = 0;
	q = make_questions(&other);
	tell("look-up, none on the list", best_round(lists, q, &other, true, &found), "ns");
	free(q);
	other.hits = 100;
	q = make_questions(&other);
	tell("look-up, all on the list", best_round(lists, q, &other, true, &found), "ns");
	free(q);
}

/* --- Exactness --------------------------------------------------------------------------------------------
 */
static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Ends the lines in place: the table does not need the text any more. */
static struct reference
make_reference(struct list *list)
{
	size_t lines = 0;
	for (size_t i = 0; i < list->bytes; i++)
		lines += list->text[i] == '\n';
	struct reference r = {.names = must_alloc(lines + 1, sizeof *r.names)};
	for (char *at = list->text; at < list->text + list->bytes;) {
		char *end = memchr(at, '\n', (size_t)(list->text + list->bytes - at));
		if (end == NULL)
			break;
		*end = '\0';
		r.names[r.count++] = at;
		at = end + 1;
	}
	qsort(r.names, r.count, sizeof *r.names, compare_names);
	return r;
}

static bool
reference_has(const struct reference *r, const char *name)
{
	for (; name != NULL; name = strchr(name, '.')) {
		name += *name == '.';
		if (bsearch(&name, r->names, r->count, sizeof *r->names, compare_names) != NULL)
			return true;
	}
	return false;
}

static void
compare(const struct lists *lists, struct list *list, const struct setting *set)
{
	struct reference r = make_reference(list);
	uint64_t random = set->seed + 1;
	unsigned wrong = 0, listed = 0;
	for (unsigned i = 0; i < COMPARED; i++) {
		struct question q;
		struct lists_hit hit;
		char text[NAME_TEXT_BYTES];
		make_question(&q, set, &random, i % 2 == 0);
		name_text(q.name, q.bytes, text);
		text[strlen(text) - 1] = '\0';
		/* half of those that were made as hits get a label changed somewhere */
		if (i % 4 == 0) {
			q.name[1 + random_below(&random, 3)] ^= 1;
			name_text(q.name, q.bytes, text);
			text[strlen(text) - 1] = '\0';
		}
		bool has = reference_has(&r, text);
		listed += has;
		wrong += has != lists_find(lists, 1, q.name, q.bytes, &hit, NULL);
	}
	printf("%d names compared with a sorted list of %zu, %u of them on it\n", COMPARED, r.count, listed);
	judge("wrong", wrong, 0, "");
	free(r.names);
}

int
main(int argc, char **argv)
{
	struct setting set = {.names = 1000000, .questions = 1000000, .hits = 10, .rounds = 5, .seed = 6};
	for (int c; (c = getopt(argc, argv, "n:s:q:h:r:")) != -1;)
		switch (c) {
		case 'n':
			set.names = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			set.seed = strtoull(optarg, NULL, 10);
			break;
		case 'q':
			set.questions = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'h':
			set.hits = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			set.rounds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	if (set.names == 0 || set.names > LISTMAKE_NAMES / 2 || set.questions == 0) {
		fprintf(stderr, "listtime: from 1 to %d names, and questions\n", LISTMAKE_NAMES / 2);
		return 2;
	}
	struct list list = optind < argc ? read_file(argv[optind]) : make_list(&set);
	const struct lists *lists = load(&list);
	time_lookups(lists, &set);
	if (optind == argc)
		compare(lists, &list, &set);
	free(list.text);
	return judge_failed > 0;
}
