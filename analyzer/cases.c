/* SPDX-License-Identifier: MIT */
#include "cases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "callform.h"
#include "conform.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

const char *const vmsc_case_releases[VMSC_NR_CASE_RELEASES] = {"6.1", "6.6", "6.12", "6.18", "6.19", "7.0"};

/* --- writing --- */

static json_t *vma_to_json(const struct vmsc_vma *vma)
{
	json_t *object = json_object();

	vmsc_json_put(object, "start", vmsc_json_hex(vma->start));
	vmsc_json_put(object, "end", vmsc_json_hex(vma->end));
	vmsc_json_put(object, "flags", vmsc_flags_to_json(vma->vm_flags & ~VMSC_VM(SOFTDIRTY)));
	if (vma->file)
		vmsc_json_put(object, "offset", vmsc_json_hex(vma->pgoff << VMSC_PAGE_SHIFT));
	return object;
}

static json_t *results_to_json(const struct vmsc_script *script, const int64_t *results)
{
	json_t *array = json_array();

	for (size_t i = 0; i < script->nr; i++)
		vmsc_json_append(array, vmsc_result_to_json(script->steps[i].call.nr, results[i]));
	return array;
}

static json_t *expectation_to_json(const struct vmsc_script *script, const struct vmsc_expectation *from)
{
	json_t *object = json_object(), *vmas = json_array();

	for (size_t i = 0; i < from->nr_vmas; i++)
		vmsc_json_append(vmas, vma_to_json(&from->vmas[i]));
	vmsc_json_put(object, "kernels", json_array());
	vmsc_json_put(object, "results", results_to_json(script, from->results));
	vmsc_json_put(object, "vmas", vmas);
	return object;
}

static bool same_but_kernels(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "results"), json_object_get(b, "results")) &&
	       json_equal(json_object_get(a, "vmas"), json_object_get(b, "vmas"));
}

static json_t *expectations_to_json(const struct vmsc_script *script, const struct vmsc_expectation *from)
{
	json_t *array = json_array();

	for (size_t i = 0; i < VMSC_NR_CASE_RELEASES; i++) {
		json_t *one = expectation_to_json(script, &from[i]), *known = NULL;

		for (size_t j = 0; j < json_array_size(array) && !known; j++)
			if (same_but_kernels(json_array_get(array, j), one))
				known = json_array_get(array, j);
		if (known)
			json_decref(one);
		else
			vmsc_json_append(array, known = one);
		vmsc_json_append(json_object_get(known, "kernels"), json_string(vmsc_case_releases[i]));
	}
	return array;
}

static json_t *rules_to_json(vmsc_rules_t rules)
{
	json_t *array = json_array();

	for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++)
		if (vmsc_has_rule(rules, rule))
			vmsc_json_append(array, json_string(vmsc_rule_name(rule)));
	return array;
}

static json_t *steps_to_json(const struct vmsc_script *script)
{
	json_t *array = json_array();

	for (size_t i = 0; i < script->nr; i++) {
		json_t *step = vmsc_step_to_json(&script->steps[i]);

		json_object_del(step, "result");
		vmsc_json_append(array, step);
	}
	return array;
}

json_t *vmsc_case_to_json(const char *name, const struct vmsc_script *script, const char *needs,
			  const struct vmsc_expectation *expectations, vmsc_rules_t depends)
{
	json_t *object = json_object(), *header = vmsc_script_header(script);
	const char *const kept[] = {"layout", "files"};

	vmsc_json_put(object, "case", json_string(name));
	if (needs)
		vmsc_json_put(object, "needs", json_string(needs));
	vmsc_json_put(object, "rules", rules_to_json(depends));
	for (size_t i = 0; i < 2; i++)
		vmsc_json_put(object, kept[i], json_incref(json_object_get(header, kept[i])));
	vmsc_json_put(object, "steps", steps_to_json(script));
	vmsc_json_put(object, "expect", expectations_to_json(script, expectations));
	json_decref(header);
	return object;
}

/* --- running --- */

/* The release whose rules are nearest to those that were found. */
static size_t nearest_release(vmsc_rules_t rules)
{
	size_t best = 0, least = SIZE_MAX;

	for (size_t i = 0; i < VMSC_NR_CASE_RELEASES; i++) {
		vmsc_rules_t of = 0;
		size_t distance;

		(void)!vmsc_rules_of_string(vmsc_case_releases[i], &of);
		distance = (size_t)__builtin_popcountll(of ^ rules);
		if (distance < least) {
			least = distance;
			best = i;
		}
	}
	return best;
}

static const json_t *expectation_of(const json_t *line, const char *release)
{
	const json_t *all = json_object_get(line, "expect"), *kernels;

	for (size_t i = 0; i < json_array_size(all); i++) {
		kernels = json_object_get(json_array_get(all, i), "kernels");
		for (size_t j = 0; j < json_array_size(kernels); j++)
			if (!strcmp(json_string_value(json_array_get(kernels, j)), release))
				return json_array_get(all, i);
	}
	return NULL;
}

/* Are the rules that the case hangs on those of the release? */
static bool is_as_released(const json_t *line, vmsc_rules_t rules, const char *release)
{
	const json_t *names = json_object_get(line, "rules");
	vmsc_rules_t of = 0;

	(void)!vmsc_rules_of_string(release, &of);
	for (size_t i = 0; i < json_array_size(names); i++)
		for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++)
			if (!strcmp(json_string_value(json_array_get(names, i)), vmsc_rule_name(rule)) &&
			    vmsc_has_rule(rules ^ of, rule))
				return false;
	return true;
}

static json_t *seen_to_json(const struct vmsc_seen_record *seen)
{
	json_t *object = json_object();

	vmsc_json_put(object, "start", vmsc_json_hex(seen->start));
	vmsc_json_put(object, "end", vmsc_json_hex(seen->end));
	vmsc_json_put(object, "flags",
		      vmsc_flags_to_json(seen->vm_flags & ~(VMSC_VM(SOFTDIRTY) | VMSC_VM_PKEY)));
	if (seen->inode)
		vmsc_json_put(object, "offset", vmsc_json_hex(seen->offset));
	return object;
}

/* NULL: the kernel did what is expected. */
static char *compare(const json_t *expected, const struct vmsc_script *script,
		     const struct vmsc_conform *done)
{
	const json_t *results = json_object_get(expected, "results"),
		     *vmas = json_object_get(expected, "vmas");
	char *why = NULL, *text;
	json_t *one;

	for (size_t i = 0; i < script->nr && !why; i++) {
		one = vmsc_result_to_json(script->steps[i].call.nr, done->results[i]);
		if (!json_equal(one, json_array_get(results, i))) {
			text = json_dumps(one, JSON_ENCODE_ANY);
			why = vmsc_format("step %zu: result %s is not the expected one", i + 1, text);
			free(text);
		}
		json_decref(one);
	}
	if (!why && json_array_size(vmas) != done->view.nr)
		why = vmsc_format("%zu VMAs instead of %zu", done->view.nr, json_array_size(vmas));
	for (size_t i = 0; i < done->view.nr && !why; i++) {
		one = seen_to_json(&done->view.vmas[i]);
		if (!json_equal(one, json_array_get(vmas, i)))
			why = vmsc_format("VMA %zu, at 0x%" PRIx64 ", is not the expected one", i + 1,
					  done->view.vmas[i].start);
		json_decref(one);
	}
	return why;
}

static bool read_case(struct vmsc_script *script, const json_t *line, char **why)
{
	const json_t *steps = json_object_get(line, "steps");

	if (!json_is_array(json_object_get(line, "expect")) || !json_is_array(steps)) {
		*why = vmsc_format("a case needs arrays of steps and of what to expect");
		return false;
	}
	if (!vmsc_script_read_header(script, line, why))
		return false;
	for (size_t i = 0; i < json_array_size(steps); i++)
		if (!vmsc_script_read_step(script, json_array_get(steps, i), why))
			return false;
	if (script->nr == json_array_size(steps))
		return true;
	*why = vmsc_format("has steps that can't be made");
	return false;
}

static enum vmsc_case_verdict judge(const json_t *line, vmsc_rules_t rules, const struct vmsc_script *script,
				    const struct vmsc_conform *done, char **why)
{
	const char *release = vmsc_case_releases[nearest_release(rules)];
	const json_t *expected = expectation_of(line, release);
	char *text;

	if (done->verdict == VMSC_TRIAL_DIFFERS || done->verdict == VMSC_TRIAL_FAILED) {
		text = done->at < script->nr ? vmsc_step_to_text(&script->steps[done->at])
					     : vmsc_format("begin");
		*why = vmsc_format("step %zu, %s: %s", done->at + 1, text, done->why);
		free(text);
		return done->verdict == VMSC_TRIAL_DIFFERS ? VMSC_CASE_DIFFERS : VMSC_CASE_BAD;
	}
	if (!expected || !is_as_released(line, rules, release))
		return VMSC_CASE_RULES_ONLY;
	*why = compare(expected, script, done);
	return *why ? VMSC_CASE_DIFFERS : VMSC_CASE_SAME;
}

static unsigned long huge_pages(const char *what)
{
	char path[80];
	unsigned long pages = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-2048kB/%s_hugepages", what);
	in = fopen(path, "re");
	if (in && fscanf(in, "%lu", &pages) != 1)
		pages = 0;
	if (in)
		fclose(in);
	return pages;
}

/* As many as the greediest case needs, that are nobody's. */
static bool has_huge_pages(void)
{
	return huge_pages("free") >= huge_pages("resv") + 8;
}

static bool has_min_address(void)
{
	struct vmsc_limits limits;

	vmsc_trial_limits(&limits);
	return limits.fixed_min_addr == 65536;
}

static bool has_needs(const json_t *line, vmsc_rules_t rules)
{
	const char *needs = json_string_value(json_object_get(line, "needs"));

	if (needs && !strcmp(needs, "huge-pages"))
		return has_huge_pages();
	if (needs && !strcmp(needs, "secret-memory"))
		return vmsc_files_have_secret();
	if (needs && !strcmp(needs, "min-address"))
		return has_min_address();
	return !needs || (!strcmp(needs, "anon-vma-name") && vmsc_has_rule(rules, VMSC_RULE_ANON_VMA_NAME));
}

enum vmsc_case_verdict vmsc_case_run(const json_t *line, vmsc_rules_t rules, char **why)
{
	enum vmsc_case_verdict verdict = VMSC_CASE_BAD;
	struct vmsc_conform *done;
	struct vmsc_script script;
	const char *what;

	*why = NULL;
	if (!has_needs(line, rules))
		return VMSC_CASE_SKIPPED;
	done = vmsc_alloc(sizeof(*done));
	vmsc_script_init(&script);
	if (read_case(&script, line, why)) {
		if (vmsc_files_open(&script.files, &what)) {
			vmsc_conform_run(&script, rules, done);
			verdict = judge(line, rules, &script, done, why);
			free(done->results);
		} else {
			*why = vmsc_format("%s", what);
		}
		vmsc_files_close(&script.files);
	}
	vmsc_script_free(&script);
	free(done);
	return verdict;
}
