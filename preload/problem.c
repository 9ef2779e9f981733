/* SPDX-License-Identifier: MIT */
/* problem.c - see problem.h. Sentences are string literals: only their addresses are kept. */
#include "problem.h"

#include <string.h>

#include "recorder.h"
#include "writer.h"

#include "inject.h"

#define NR_PROBLEMS 32

static const char *problems[NR_PROBLEMS] = { NULL };
static uint32_t nr_problems = 0, nr_told = 0;

void vmsc_problem(const char *sentence)
{
	uint32_t at;

	for (uint32_t i = 0; i < nr_problems && i < NR_PROBLEMS; i++) {
		if (problems[i] == sentence)
			return;
	}
	at = __atomic_fetch_add(&nr_problems, 1, __ATOMIC_RELAXED);
	if (at < NR_PROBLEMS)
		problems[at] = sentence;
}

void vmsc_problem_tell(void)
{
	for (; nr_told < nr_problems && nr_told < NR_PROBLEMS; nr_told++) {
		const char *sentence = problems[nr_told];

		if (sentence)
			vmsc_writer_string(VMSC_STRING_PROBLEM, sentence, strlen(sentence));
	}
}

void vmsc_problem_tell_again(void)
{
	nr_told = 0;
	vmsc_problem_tell();
}
