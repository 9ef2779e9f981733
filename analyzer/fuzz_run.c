/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "say.h"

void vmsc_run_do(struct vmsc_run *run, struct vmsc_fuzz *fuzz, struct vmsc_trial *trial)
{
	size_t nr = run->nr;

	run->nr = 0;
	run->verdict = VMSC_TRIAL_FAILED;
	if (vmsc_trial_begin(trial, &run->config))
		run->verdict = VMSC_TRIAL_SAME;
	while (run->nr < nr && run->verdict == VMSC_TRIAL_SAME) {
		struct vmsc_step *step = &run->steps[run->nr++];

		if (fuzz)
			vmsc_fuzz_next(fuzz, &trial->view, step);
		run->verdict = vmsc_trial_step(trial, step);
	}
	snprintf(run->why, sizeof(run->why), "%s", trial->why);
	run->view = trial->view;
	run->said = trial->out.predicted;
	vmsc_trial_end(trial);
}

/* Without @nr steps from @from, does it still end so? Then *run is that. */
static bool try_without(struct vmsc_run *run, size_t from, size_t nr, struct vmsc_trial *trial,
			struct vmsc_run *spare)
{
	*spare = *run;
	memmove(&spare->steps[from], &spare->steps[from + nr], (run->nr - from - nr) * sizeof(run->steps[0]));
	spare->nr -= nr;
	vmsc_run_do(spare, NULL, trial);
	if (spare->verdict != run->verdict)
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
		if (spare->verdict == run->verdict)
			*run = *spare;
	}
}

void vmsc_run_shrink(struct vmsc_run *run, struct vmsc_trial *trial)
{
	struct vmsc_run *spare = vmsc_alloc(sizeof(*spare));
	size_t chunk = run->nr / 2, before;

	do {
		before = run->nr;
		for (; chunk; chunk /= 2)
			for (size_t i = run->nr; i >= chunk;
			     i -= i > chunk && i - chunk < chunk ? i - chunk : chunk)
				if (i <= run->nr && run->nr > chunk)
					try_without(run, i - chunk, chunk, trial, spare);
		simplify(run, trial, spare);
		chunk = 1;
	} while (run->nr < before);
	free(spare);
}
