/* SPDX-License-Identifier: MIT */
/*
 * problem.c - see problem.h. Sentences are string literals: only their addresses are kept, each in the first place that is
 * free. No lock is needed to add one.
 */
#include "problem.h"

#include <string.h>

#include "recorder.h"
#include "writer.h"

#include "inject.h"

#define NR_PROBLEMS 32

static const char *problems[NR_PROBLEMS] = { NULL };
static uint32_t nr_told = 0; /* under the recorder's lock */

void vmsc_problem(const char *sentence)
{
	for (uint32_t i = 0; i < NR_PROBLEMS; i++) {
		const char *found = NULL;

		if (__atomic_compare_exchange_n(&problems[i], &found, sentence, false, __ATOMIC_RELAXED,
						__ATOMIC_RELAXED) ||
		    found == sentence)
			return;
	}
}

void vmsc_problem_tell(void)
{
	for (; nr_told < NR_PROBLEMS; nr_told++) {
		const char *sentence = __atomic_load_n(&problems[nr_told], __ATOMIC_RELAXED);

		if (!sentence)
			return;
		vmsc_writer_string(VMSC_STRING_PROBLEM, sentence, strlen(sentence));
	}
}

void vmsc_problem_tell_again(void)
{
	nr_told = 0;
	vmsc_problem_tell();
}
