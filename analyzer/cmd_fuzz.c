/* SPDX-License-Identifier: MIT */
/*
 * vmascope fuzz: random sequences of calls by the running kernel and on the model.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "fuzz.h"
#include "output.h"
#include "rules.h"
#include "say.h"
#include "script.h"
#include "vmascope/replay.h"

#define MOST_TRIES 4 /* of a seed whose process was killed from outside or had no time */

/* What came of it; several processes add to it. */
struct tally {
	_Atomic uint64_t next; /* seed that nobody has taken yet */
	_Atomic uint64_t steps, calls, differing, failed, interrupted, endless, asked, predicted,
		undetermined, questions, unasked;
	_Atomic bool stopped; /* no process can be made */
	atomic_flag printing;
};

struct hunt {
	uint64_t first, calls, most; /* differences before it ends */
	uint64_t jobs;
	bool shrink, asks;
	const char *out; /* NULL: stdout */
	vmsc_rules_t rules;
	struct vmsc_files files;
	uint64_t seed; /* of the sequence that is being made */
	struct tally *tally;
};

static void fill_script(struct vmsc_script *script, const struct vmsc_run *run, uint64_t mmap_base)
{
	vmsc_script_init(script);
	script->limits = run->config.limits;
	script->mmap_base = mmap_base;
	script->start_brk = run->config.start_brk;
	script->brk = run->config.brk;
	script->files = *run->config.files;
	for (size_t i = 0; i < run->nr; i++)
		vmsc_script_add(script, &run->steps[i]);
}

static FILE *open_out(const struct hunt *hunt, const char *end)
{
	char *path;
	FILE *out;

	if (!hunt->out)
		return stdout;
	path = vmsc_format("%s-%" PRIu64 "%s", hunt->out, hunt->seed, end);
	out = vmsc_output_open(path);
	if (!out)
		vmsc_complain("%s: can't write: %s", path, strerror(errno));
	else
		printf("written: %s\n", path);
	free(path);
	return out;
}

static void close_out(FILE *out)
{
	if (out && out != stdout)
		fclose(out);
}

static void print_difference(const struct hunt *hunt, const struct vmsc_run *run, uint64_t mmap_base)
{
	char *text = vmsc_step_to_text(&run->steps[run->nr - 1]);
	struct vmsc_script script;
	FILE *out;

	printf("seed %" PRIu64 ": %s after %zu steps, at %s: %s%s\n", hunt->seed,
	       run->verdict == VMSC_TRIAL_DIFFERS ? "differs" : "failed", run->nr, text, run->why,
	       run->config.told ? " (told the results)" : "");
	free(text);
	out = open_out(hunt, ".jsonl");
	if (out) {
		fill_script(&script, run, mmap_base);
		vmsc_script_write(&script, out);
		vmsc_script_free(&script);
	}
	close_out(out);
	out = open_out(hunt, ".c");
	if (out)
		vmsc_run_write_program(run, out);
	close_out(out);
	fflush(stdout);
}

static void begin_run(const struct hunt *hunt, struct vmsc_fuzz *fuzz, struct vmsc_run *run)
{
	struct vmsc_trial_config *config = &run->config;

	vmsc_trial_limits(&config->limits);
	config->limits.ipc_lock = config->limits.ipc_lock && hunt->seed % 3;
	config->rules = hunt->rules;
	config->files = &hunt->files;
	config->start_brk = config->brk = VMSC_FUZZ_BASE;
	config->told = hunt->asks || hunt->seed % 2;
	config->asks = hunt->asks;
	run->nr = 20 + hunt->seed * 37 % (VMSC_FUZZ_STEPS - 20);
	*fuzz = (struct vmsc_fuzz){.files = &hunt->files, .rules = hunt->rules, .limits = config->limits};
	vmsc_fuzz_begin(fuzz, hunt->seed);
}

/* What one process prints of a difference stays in one piece. */
static void tell_difference(const struct hunt *hunt, const struct vmsc_run *run, uint64_t mmap_base)
{
	while (atomic_flag_test_and_set(&hunt->tally->printing))
		usleep(1000);
	if (run->nr)
		print_difference(hunt, run, mmap_base);
	else
		vmsc_complain("fuzz: %s", run->why);
	atomic_flag_clear(&hunt->tally->printing);
}

/* Again, while the machine does not let it be made. */
static void try_seed(struct hunt *hunt, struct vmsc_run *run, struct vmsc_trial *trial)
{
	struct vmsc_fuzz fuzz;

	for (int tries = 0; tries < MOST_TRIES; tries++) {
		begin_run(hunt, &fuzz, run);
		vmsc_run_do(run, &fuzz, trial);
		if (run->verdict != VMSC_TRIAL_FAILED || !run->interrupted)
			return;
		fprintf(stderr, "fuzz: seed %" PRIu64 ", step %zu: %s\n", hunt->seed, run->nr, run->why);
		if (run->endless)
			return;
		hunt->tally->interrupted++;
	}
}

static void one_seed(struct hunt *hunt, struct vmsc_run *run, struct vmsc_trial *trial)
{
	struct tally *tally = hunt->tally;

	try_seed(hunt, run, trial);
	tally->steps += run->nr;
	tally->calls += trial->calls;
	tally->asked += trial->addresses_asked;
	tally->predicted += trial->addresses_predicted;
	tally->undetermined += trial->undetermined;
	tally->questions += trial->asked;
	tally->unasked += trial->unasked;
	tally->endless += run->endless;
	if (run->verdict == VMSC_TRIAL_SAME || run->verdict == VMSC_TRIAL_UNKNOWN || run->endless)
		return;
	tally->stopped = !run->nr;
	if (run->nr && hunt->shrink)
		vmsc_run_shrink(run, trial);
	tally->differing += run->verdict == VMSC_TRIAL_DIFFERS;
	tally->failed += run->verdict == VMSC_TRIAL_FAILED;
	tell_difference(hunt, run, trial->processes[0].puppet.mmap_base);
}

/* Takes seed after seed, until there are enough calls. False: nothing can be made here. */
static bool hunt_on(struct hunt *hunt)
{
	struct tally *tally = hunt->tally;
	struct vmsc_run *run;
	struct vmsc_trial *trial;
	const char *why;

	if (!vmsc_files_open(&hunt->files, &why)) {
		vmsc_complain("fuzz: %s", why);
		return false;
	}
	run = vmsc_alloc(sizeof(*run));
	trial = vmsc_alloc(sizeof(*trial));
	memset(run, 0, sizeof(*run));
	while (tally->calls < hunt->calls && tally->differing + tally->failed < hunt->most &&
	       !tally->stopped) {
		hunt->seed = tally->next++;
		one_seed(hunt, run, trial);
	}
	free(run);
	free(trial);
	vmsc_files_close(&hunt->files);
	return true;
}

/* The same in processes of their own; each seed is one's alone. */
static bool hunt_together(struct hunt *hunt)
{
	bool good = true;
	int status;

	for (uint64_t i = 0; i < hunt->jobs; i++) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
			good = hunt_on(hunt);
			fflush(stdout);
			_exit(good ? 0 : 1);
		}
		good = good && pid > 0;
	}
	while (wait(&status) > 0)
		good = good && !status;
	return good;
}

static int tell_tally(const struct hunt *hunt, bool good)
{
	const struct tally *tally = hunt->tally;

	printf("fuzz: seeds %" PRIu64 " to %" PRIu64 ", %" PRIu64 " steps, %" PRIu64 " calls, %" PRIu64
	       " differences; of %" PRIu64 " addresses %" PRIu64 " predicted, %" PRIu64 " undetermined\n",
	       hunt->first, tally->next - 1, tally->steps, tally->calls, tally->differing, tally->asked,
	       tally->predicted, tally->undetermined);
	if (hunt->asks)
		printf("fuzz: %" PRIu64 " questions; %" PRIu64
		       " calls hung on an anon_vma that no answer told\n",
		       tally->questions, tally->unasked);
	if (tally->interrupted)
		printf("fuzz: %" PRIu64
		       " times a process was killed or had no time, and its seed was tried again\n",
		       tally->interrupted);
	if (tally->endless)
		printf("fuzz: %" PRIu64 " calls did not return, and the rest of their seeds was not made\n",
		       tally->endless);
	if (tally->differing)
		return VMSC_EXIT_DIFFERS;
	return !good || tally->failed || !tally->steps ? VMSC_EXIT_TROUBLE : VMSC_EXIT_GOOD;
}

static int run_hunt(struct hunt *hunt)
{
	bool good;

	hunt->tally =
		mmap(NULL, sizeof(*hunt->tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (hunt->tally == MAP_FAILED)
		vmsc_out_of_memory();
	hunt->tally->next = hunt->first;
	good = hunt->jobs > 1 ? hunt_together(hunt) : hunt_on(hunt);
	return good || hunt->tally->steps ? tell_tally(hunt, good) : VMSC_EXIT_TROUBLE;
}

static bool take_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno)
		return true;
	vmsc_usage(0, "%s is no number", text);
	return false;
}

static bool take_option(struct hunt *hunt, int option)
{
	switch (option) {
	case 's':
		return take_number(optarg, &hunt->first);
	case 'c':
		return take_number(optarg, &hunt->calls);
	case 'm':
		return take_number(optarg, &hunt->most);
	case 'j':
		return take_number(optarg, &hunt->jobs);
	case 'a':
		hunt->asks = true;
		return true;
	case 'S':
		hunt->shrink = true;
		return true;
	case 'o':
		hunt->out = optarg;
		return true;
	case 'r':
		return vmsc_take_rules(optarg, &hunt->rules);
	default:
		return false;
	}
}

int vmsc_fuzz_main(int argc, char **argv)
{
	static const struct option options[] = {{"seed", required_argument, NULL, 's'},
						{"calls", required_argument, NULL, 'c'},
						{"most", required_argument, NULL, 'm'},
						{"jobs", required_argument, NULL, 'j'},
						{"shrink", no_argument, NULL, 'S'},
						{"ask", no_argument, NULL, 'a'},
						{"rules", required_argument, NULL, 'r'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	static struct hunt hunt = {.first = 1, .calls = 10000, .most = 5, .jobs = 1};
	int option;

	while ((option = vmsc_next_option(argc, argv, "ho:", options)) != -1)
		if (!take_option(&hunt, option))
			return VMSC_EXIT_TROUBLE;
	if (optind != argc)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "takes no %s", argv[optind]);
	if (!hunt.rules)
		hunt.rules = vmsc_rules_of_this_kernel();
	vmsc_files_standard(&hunt.files);
	return vmsc_finish_output(run_hunt(&hunt));
}
