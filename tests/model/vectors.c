/* SPDX-License-Identifier: MIT */
/*
 * vectors.c - a case of tests/vectors: what the model says of its steps under every release, and on which
 * rules that hangs.
 */
#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include "cases.h"

#define MAX_STEPS 256
#define MAX_VMAS  128

/* The model's answer under one set of rules. */
struct answer {
	int64_t results[MAX_STEPS];
	struct vmsc_vma vmas[MAX_VMAS];
	size_t nr;
};

static void ask_model(const struct vmsc_script *script, vmsc_rules_t rules, struct answer *answer)
{
	struct vmsc_trial_config config = {.rules = rules,
					   .files = &script->files,
					   .limits = script->limits,
					   .start_brk = script->start_brk,
					   .brk = script->brk};

	answer->nr = vmsc_trial_predict(&config, script->steps, script->nr, answer->results, answer->vmas,
					MAX_VMAS);
}

static bool same_vma(const struct vmsc_vma *a, const struct vmsc_vma *b)
{
	uint64_t flags = (a->vm_flags ^ b->vm_flags) & ~VMSC_VM(SOFTDIRTY);

	return a->start == b->start && a->end == b->end && !flags && !a->file == !b->file &&
	       (!a->file || a->pgoff == b->pgoff);
}

static bool same_answer(const struct vmsc_script *script, const struct answer *a, const struct answer *b)
{
	if (a->nr != b->nr || memcmp(a->results, b->results, script->nr * sizeof(a->results[0])))
		return false;
	for (size_t i = 0; i < a->nr && i < MAX_VMAS; i++)
		if (!same_vma(&a->vmas[i], &b->vmas[i]))
			return false;
	return true;
}

/* The rules without which the answer under @rules would be another one. */
static vmsc_rules_t find_depends(const struct vmsc_script *script, vmsc_rules_t rules,
				 const struct answer *answer)
{
	static struct answer other;
	vmsc_rules_t depends = 0;

	for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++) {
		ask_model(script, rules ^ VMSC_RULE_BIT(rule), &other);
		if (!same_answer(script, answer, &other))
			depends |= VMSC_RULE_BIT(rule);
	}
	return depends;
}

void vectors_write(const char *name, const struct vmsc_script *script, const char *needs)
{
	static struct answer answers[VMSC_NR_CASE_RELEASES];
	struct vmsc_expectation expectations[VMSC_NR_CASE_RELEASES];
	bool names = needs && !strcmp(needs, "anon-vma-name");
	vmsc_rules_t depends = 0, rules = 0;
	json_t *line;

	for (size_t i = 0; i < VMSC_NR_CASE_RELEASES; i++) {
		(void)!vmsc_rules_of_string(vmsc_case_releases[i], &rules);
		if (names)
			rules |= VMSC_RULE_BIT(VMSC_RULE_ANON_VMA_NAME);
		ask_model(script, rules, &answers[i]);
		depends |= find_depends(script, rules, &answers[i]);
		expectations[i] =
			(struct vmsc_expectation){answers[i].results, answers[i].vmas, answers[i].nr};
	}
	if (names) /* a need, not a rule that it shows */
		depends &= ~VMSC_RULE_BIT(VMSC_RULE_ANON_VMA_NAME);
	line = vmsc_case_to_json(name, script, needs, expectations, depends);
	json_dumpf(line, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(line);
}
