/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "fuzz.h"
#include "say.h"

/* Some steps of one process, all from what it showed last; the first that must be made alone is the last. */
static size_t draw(struct vmsc_fuzz *fuzz, const struct vmsc_trial *trial, struct vmsc_step *steps,
		   size_t room)
{
	size_t most = 1 + vmsc_fuzz_rand(fuzz, VMSC_PUPPET_BATCH), nr = 0;

	do {
		vmsc_fuzz_next(fuzz, &trial->view, &steps[nr], nr ? &steps[0] : NULL);
	} while (!vmsc_trial_is_large(&steps[nr++]) && nr < most && nr < room);
	return nr;
}

/* Processes that there are not after all: their fork failed. */
static void forget_forks(struct vmsc_fuzz *fuzz, const struct vmsc_step *steps, size_t nr)
{
	for (size_t i = 0; i < nr && fuzz; i++)
		if (steps[i].kind == VMSC_STEP_FORK && steps[i].result)
			fuzz->processes--;
}

static void make_steps(struct vmsc_run *run, struct vmsc_fuzz *fuzz, struct vmsc_trial *trial, size_t nr)
{
	size_t made;

	for (; run->nr < nr && run->verdict == VMSC_TRIAL_SAME; run->nr += made) {
		struct vmsc_step *steps = &run->steps[run->nr];

		if (run->nr == run->drawn)
			run->drawn += draw(fuzz, trial, steps, nr - run->nr);
		made = vmsc_trial_steps(trial, steps, run->drawn - run->nr, &run->verdict);
		forget_forks(fuzz, steps, made);
	}
}

/* Each by itself: what can't be told of several in a row is learned so. What is drawn stays drawn, so that a
 * seed is the same sequence whatever is known already. */
static void make_again(struct vmsc_run *run, struct vmsc_trial *trial)
{
	size_t nr = run->nr;

	vmsc_trial_end(trial);
	run->verdict = vmsc_trial_begin(trial, &run->config) ? VMSC_TRIAL_SAME : VMSC_TRIAL_FAILED;
	for (run->nr = 0; run->nr < nr && run->verdict == VMSC_TRIAL_SAME; run->nr++)
		run->verdict = vmsc_trial_step(trial, &run->steps[run->nr]);
}

void vmsc_run_do(struct vmsc_run *run, struct vmsc_fuzz *fuzz, struct vmsc_trial *trial)
{
	size_t nr = run->nr;

	run->nr = 0;
	run->drawn = fuzz ? 0 : nr;
	run->verdict = vmsc_trial_begin(trial, &run->config) ? VMSC_TRIAL_SAME : VMSC_TRIAL_FAILED;
	make_steps(run, fuzz, trial, nr);
	while (run->verdict == VMSC_TRIAL_AGAIN) {
		make_again(run, trial);
		make_steps(run, fuzz, trial, nr);
	}
	if (run->verdict == VMSC_TRIAL_SAME)
		run->verdict = vmsc_trial_check(trial);
	snprintf(run->why, sizeof(run->why), "%s", trial->why);
	run->interrupted = trial->interrupted;
	run->endless = trial->endless;
	run->view = trial->view;
	run->said = trial->out.predicted;
	vmsc_trial_end(trial);
}

/* A trial that failed for another reason is no smaller version of it. */
static bool ends_alike(const struct vmsc_run *a, const struct vmsc_run *b)
{
	return a->verdict == b->verdict && (a->verdict != VMSC_TRIAL_FAILED || !strcmp(a->why, b->why));
}

/* Without @nr steps from @from, does it still end so? Then *run is that. */
static bool try_without(struct vmsc_run *run, size_t from, size_t nr, struct vmsc_trial *trial,
			struct vmsc_run *spare)
{
	*spare = *run;
	memmove(&spare->steps[from], &spare->steps[from + nr], (run->nr - from - nr) * sizeof(run->steps[0]));
	spare->nr -= nr;
	vmsc_run_do(spare, NULL, trial);
	if (!ends_alike(spare, run))
		return false;
	*run = *spare;
	return true;
}

/* A step that needs no second process or thread is made by the first. */
static void simplify(struct vmsc_run *run, struct vmsc_trial *trial, struct vmsc_run *spare)
{
	for (size_t i = 0; i < run->nr; i++) {
		if (!run->steps[i].thread && !run->steps[i].process)
			continue;
		*spare = *run;
		spare->steps[i].thread = spare->steps[i].process = 0;
		vmsc_run_do(spare, NULL, trial);
		if (ends_alike(spare, run))
			*run = *spare;
	}
}

static void leave_out(struct vmsc_run *run, struct vmsc_trial *trial, struct vmsc_run *spare)
{
	size_t before;

	do {
		before = run->nr;
		for (size_t chunk = run->nr / 2; chunk; chunk /= 2)
			for (size_t end = run->nr; end >= chunk && run->nr > chunk; end--)
				if (end <= run->nr)
					try_without(run, end - chunk, chunk, trial, spare);
	} while (run->nr < before);
}

/* Step @index touches where step @map maps: are then fewer steps needed? */
static bool try_touch(struct vmsc_run *run, size_t index, size_t map, struct vmsc_trial *trial,
		      struct vmsc_run *spare, struct vmsc_run *other)
{
	*other = *run;
	other->steps[index].addr = run->steps[map].call.args[0];
	vmsc_run_do(other, NULL, trial);
	if (!ends_alike(other, run))
		return false;
	leave_out(other, trial, spare);
	if (other->nr >= run->nr)
		return false;
	*run = *other;
	return true;
}

static bool is_touch(const struct vmsc_step *step)
{
	return step->kind == VMSC_STEP_TOUCH || step->kind == VMSC_STEP_POKE;
}

static void touch_elsewhere(struct vmsc_run *run, struct vmsc_trial *trial, struct vmsc_run *spare)
{
	struct vmsc_run *other = vmsc_alloc(sizeof(*other));

	for (size_t i = 0; i < run->nr; i++)
		for (size_t j = 0; j < i && i < run->nr && is_touch(&run->steps[i]); j++)
			if (run->steps[j].kind == VMSC_STEP_CALL && run->steps[j].call.nr == SYS_mmap &&
			    try_touch(run, i, j, trial, spare, other))
				i = j = 0;
	free(other);
}

#define FEW 32 /* steps: so that what tries pairs of them ends soon */

void vmsc_run_shrink(struct vmsc_run *run, struct vmsc_trial *trial)
{
	struct vmsc_run *spare = vmsc_alloc(sizeof(*spare));

	leave_out(run, trial, spare);
	simplify(run, trial, spare);
	leave_out(run, trial, spare);
	if (run->nr <= FEW)
		touch_elsewhere(run, trial, spare);
	free(spare);
}
