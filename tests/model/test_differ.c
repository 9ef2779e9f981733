/* SPDX-License-Identifier: MIT */
/*
 * test_differ.c - random sequences of calls on the running kernel and on the model; after every call their
 * results, boundaries, flags and offsets must agree. A sequence that parts them is shrunk and printed as a
 * row would be.
 *
 * A sequence is run in a child of its own, which tells what happened through shared memory.
 */
#include "differ.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CALLS 400
#define SKIPPED	  77
#define HEAP	  (8 << 20)

struct session {
	size_t nr; /* steps to replay, or done so far */
	struct layout_step step[MAX_CALLS];
	bool parted;
	char problem[400];
	struct layout_drawing kernel, model, before;
};

static struct session *session;
static struct layout_kernel kernel;
static struct layout_model world;

static bool inside(int64_t addr)
{
	return addr >= (int64_t)LAYOUT_BASE && addr < (int64_t)LAYOUT_END;
}

static const char *pieces_differ(const struct layout_piece *a, const struct layout_piece *b)
{
	static char text[200];
	uint64_t flags = (a->flags ^ b->flags) & ~VMSC_VM(SOFTDIRTY);

	if (a->start != b->start || a->end != b->end)
		return "the VMAs lie elsewhere";
	if (flags) {
		size_t used =
			(size_t)snprintf(text, sizeof(text), "%d-%d differs in", (int)a->start, (int)a->end);

		for (unsigned int bit = 0; bit < 64; bit++) {
			const char *name = flags >> bit & 1 ? vmsc_vm_flag_name(bit) : NULL;

			if (name)
				used += (size_t)snprintf(text + used, sizeof(text) - used, " %s%s",
							 a->flags >> bit & 1 ? "+" : "-", name);
		}
		return text;
	}
	if (b->file && a->pgoff != b->pgoff) {
		snprintf(text, sizeof(text), "%d-%d has offset %llx in the kernel, %llx in the model",
			 (int)a->start, (int)a->end, (unsigned long long)a->pgoff,
			 (unsigned long long)b->pgoff);
		return text;
	}
	return NULL;
}

static const char *drawings_differ(const struct layout_drawing *a, const struct layout_drawing *b)
{
	const char *what = NULL;

	for (size_t i = 0; i < a->nr && i < b->nr && !what; i++)
		what = pieces_differ(&a->piece[i], &b->piece[i]);
	return what ? what : a->nr == b->nr ? NULL : "the VMAs lie elsewhere";
}

/* Touches are told to the model only when they happened; what is not mapped may be a stack that grows. */
static bool is_told(const struct layout_step *step, int64_t result)
{
	return (step->kind != LAYOUT_FAULT && step->kind != LAYOUT_READ) || !result;
}

/*
 * Results that the model is told: addresses out of the drawing, mbind's errors (masks and modes are not
 * read), and failures to populate (a page beyond the end of its file), after which the flags are set all the
 * same.
 */
static bool is_given(const struct vmsc_call *call, int64_t real)
{
	if (call->nr == SYS_mmap || call->nr == SYS_mremap)
		return real >= 0 && !inside(real);
	if (call->nr == SYS_madvise)
		return real < 0 && call->args[2] >= 22 && call->args[2] <= 24;
	return real < 0 && (call->nr == SYS_mbind || call->nr == SYS_mlock || call->nr == SYS_mlock2);
}

/* How far a failed population came is not known: the session ends there. */
static bool is_unknown(const struct layout_step *step, int64_t real)
{
	if (step->kind != LAYOUT_CALL || real >= 0)
		return false;
	if (step->call.nr == SYS_madvise)
		return step->call.args[2] == 22 || step->call.args[2] == 23;
	return step->call.nr == SYS_mlock || step->call.nr == SYS_mlock2;
}

/* One step in both worlds; NULL, or how they part. */
static const char *do_both(struct layout_step *step, int64_t *result)
{
	static char text[240];
	const char *what = NULL;
	int64_t real = *result = layout_kernel_do(step), said;

	session->before = session->kernel;
	step->call.has_result = false;
	if (step->kind == LAYOUT_CALL && is_given(&step->call, real)) {
		step->call.has_result = true;
		step->call.result = real;
	}
	if (is_told(step, real)) {
		if (layout_model_do(&world, step, &said))
			return "the model is out of memory";
		if (step->call.has_result && world.out.wrong)
			what = "the model calls the kernel's result wrong";
		else if (said != real)
			what = "results";
	} else {
		said = real;
	}
	if (layout_kernel_see(&session->kernel))
		return "no maps";
	layout_model_see(&world, &session->model);
	if (!what)
		what = drawings_differ(&session->kernel, &session->model);
	if (!what)
		(void)!vmsc_mm_validate(world.mm, &what);
	if (what)
		snprintf(text, sizeof(text), "%s (kernel %lld, model %lld)", what, (long long)real,
			 (long long)said);
	return what ? text : NULL;
}

static void run_child(struct differ_random *random, size_t nr)
{
	if (layout_kernel_child(random->lacks & LAYOUT_NEEDS_BRK ? 0 : LAYOUT_NEEDS_BRK) ||
	    layout_model_new(&world, kernel.rules, 0))
		_exit(2);
	session->parted = false;
	session->kernel.nr = 0;
	for (size_t i = 0; i < nr; i++) {
		const char *what;
		int64_t result;

		if (random->state)
			differ_random(random, &session->kernel, &session->step[i]);
		session->nr = i + 1;
		what = do_both(&session->step[i], &result);
		if (!what && is_unknown(&session->step[i], result))
			break;
		if (!what)
			continue;
		snprintf(session->problem, sizeof(session->problem), "%s", what);
		session->parted = true;
		break;
	}
	_exit(0);
}

/* True when the worlds parted. A random state of 0 replays what is in the session. */
static bool run_session(struct differ_random *random, size_t nr)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		run_child(random, nr);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
		snprintf(session->problem, sizeof(session->problem), "the child died after %zu calls",
			 session->nr);
		session->parted = true;
	}
	return session->parted;
}

/* Leaves out every step without which the worlds still part. */
static void shrink(struct differ_random *random)
{
	static struct session kept;
	struct differ_random replay = *random;
	bool smaller = true;

	replay.state = 0;
	kept = *session;
	while (smaller) {
		smaller = false;
		for (size_t i = kept.nr; i-- > 0 && kept.nr > 1;) {
			*session = kept;
			memmove(&session->step[i], &session->step[i + 1],
				(kept.nr - i - 1) * sizeof(session->step[0]));
			if (run_session(&replay, kept.nr - 1)) {
				kept = *session;
				smaller = true;
			}
		}
	}
	*session = kept;
}

static void print_difference(uint64_t seed)
{
	char drawn[LAYOUT_PAGES + 1];

	printf("FAIL differ: seed %llu: %s\n     op      ", (unsigned long long)seed, session->problem);
	for (size_t i = 0; i < session->nr; i++) {
		printf(" ");
		layout_say(stdout, &session->step[i]);
		printf(i + 1 < session->nr ? ";" : "\n");
	}
	printf("              ");
	for (int i = 0; i < LAYOUT_PAGES; i++)
		putchar('0' + i % 10);
	layout_text(&session->before, &session->before, false, drawn);
	printf("\n     before   %s\n", drawn);
	layout_text(&session->kernel, &session->before, false, drawn);
	printf("     kernel   %s\n", drawn);
	layout_text(&session->model, &session->before, true, drawn);
	printf("     model    %s\n", drawn);
	fflush(stdout);
}

static bool differ(uint64_t seed, size_t nr)
{
	struct differ_random random = {.state = seed * 1000003 + 1, .lacks = kernel.lacks};

	random.populates = differ_rand(&random, 2);
	random.seals = !differ_rand(&random, 4) && vmsc_has_rule(kernel.rules, VMSC_RULE_MSEAL);
	session->nr = 0;
	if (!run_session(&random, nr))
		return false;
	shrink(&random);
	print_difference(seed);
	return true;
}

int main(int argc, char **argv)
{
	void *volatile heap;
	unsigned long long calls = 20000, seed = 1, done = 0, parted = 0, most = 5;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--calls"))
			calls = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--seed"))
			seed = strtoull(argv[i + 1], NULL, 10);
		else if (!strcmp(argv[i], "--most"))
			most = strtoull(argv[i + 1], NULL, 10);
	}
	/* The break moves in the children: what the model allocates there must not move it again. */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	heap = malloc(HEAP);
	free(heap);
	if (layout_kernel_open(&kernel))
		return SKIPPED;
	session = mmap(NULL, sizeof(*session), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (session == MAP_FAILED)
		return SKIPPED;
	for (; done < calls && parted < most; seed++) {
		parted += differ(seed, 20 + seed * 37 % (MAX_CALLS - 20));
		done += session->nr;
	}
	printf("differ: %llu calls, %llu differences, next seed %llu\n", done, parted, seed);
	return parted ? 1 : 0;
}
