/* SPDX-License-Identifier: MIT */
/*
 * cases.h - the conformance corpus: one case a line, its steps and what kernels of each release make of them.
 * tests/vectors/README.md tells of the lines.
 */
#ifndef VMSC_ANALYZER_CASES_H
#define VMSC_ANALYZER_CASES_H

#include <jansson.h>

#include "script.h"

#define VMSC_NR_CASE_RELEASES 6
extern const char *const vmsc_case_releases[VMSC_NR_CASE_RELEASES];

/* What one release does: the results of all steps and the VMAs at the end. */
struct vmsc_expectation {
	const int64_t *results;
	const struct vmsc_vma *vmas;
	size_t nr_vmas;
};

/* One line; equal expectations of neighbouring releases are written once. @depends: the rules that it hangs
 * on. */
json_t *vmsc_case_to_json(const char *name, const struct vmsc_script *script, const char *needs,
			  const struct vmsc_expectation *expectations, vmsc_rules_t depends);

enum vmsc_case_verdict {
	VMSC_CASE_SAME,
	VMSC_CASE_RULES_ONLY, /* as the rules that were found say, which are other than the release's */
	VMSC_CASE_SKIPPED,
	VMSC_CASE_DIFFERS,
	VMSC_CASE_BAD,
};

/* Makes the steps for real. *why is a sentence for people (the caller frees it), NULL where all is well. */
enum vmsc_case_verdict vmsc_case_run(const json_t *line, vmsc_rules_t rules, char **why);

#endif
