/* SPDX-License-Identifier: MIT */
#include "experiments.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum vmsc_finding vmsc_evidence_say(struct vmsc_evidence *evidence, enum vmsc_finding finding,
				    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(evidence->text, sizeof(evidence->text), format, args);
	va_end(args);
	return finding;
}

enum vmsc_finding vmsc_evidence_fail(struct vmsc_evidence *evidence, const char *what)
{
	return vmsc_evidence_say(evidence, VMSC_FOUND_NOTHING, "%s failed: %s", what, strerror(errno));
}

static vmsc_experiment_fn *find(enum vmsc_rule rule)
{
	const struct vmsc_experiments *all[] = {&vmsc_merge_experiments, &vmsc_place_experiments,
						&vmsc_call_experiments};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->of[rule])
			return all[i]->of[rule];
	return NULL;
}

bool vmsc_experiment_exists(enum vmsc_rule rule)
{
	return find(rule);
}

void vmsc_experiment_run(enum vmsc_rule rule, struct vmsc_evidence *evidence)
{
	evidence->finding = find(rule)(evidence);
}
