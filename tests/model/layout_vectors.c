/* SPDX-License-Identifier: MIT */
/*
 * layout_vectors.c - rows as cases of the corpus in tests/vectors: the steps of each, and what the model says
 * of them under every release. Entry point: layout_vectors().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layout_plan.h"
#include "vectors.h"

static uint32_t file_of(uint32_t file)
{
	return file >= LAYOUT_FILE_SHM ? file - LAYOUT_FILE_SHM + VMSC_FILES_SHM : file;
}

static struct vmsc_step step_of(const struct layout_step *from, uint8_t process,
				const struct vmsc_limits *limits)
{
	struct vmsc_step step = {.kind = VMSC_STEP_CALL, .process = process, .addr = from->addr};

	switch (from->kind) {
	case LAYOUT_FAULT:
		step.kind = VMSC_STEP_POKE;
		step.write = true;
		break;
	case LAYOUT_READ:
		step.kind = VMSC_STEP_TOUCH;
		break;
	case LAYOUT_FORK:
		step.kind = VMSC_STEP_FORK;
		step.value = process + 1u;
		break;
	case LAYOUT_LIMIT: /* two VMAs are the runner's own */
		step.kind = VMSC_STEP_LIMITS;
		step.limits = *limits;
		step.limits.max_map_count = from->addr + 2;
		break;
	default:
		step.call = from->call;
		step.call.has_result = false;
		step.call.file = file_of(from->call.file);
		if (step.call.nr == 9 && step.call.file)
			step.call.args[4] = VMSC_FILES_FD + step.call.file;
		break;
	}
	return step;
}

/* False: there is something that only the model can do. */
static bool make_script(const struct layout_plan *plan, struct vmsc_script *script)
{
	uint8_t process = 0;

	vmsc_script_init(script);
	script->limits = (struct vmsc_limits){.max_map_count = 65530,
					      .as = UINT64_MAX,
					      .data = UINT64_MAX,
					      .stack = 8 << 20,
					      .memlock = UINT64_MAX,
					      .ipc_lock = true,
					      .mmap_min_addr = 65536,
					      .stack_guard_gap = 256 * VMSC_PAGE_SIZE};
	script->mmap_base = VMSC_PUPPET_FILL - (UINT64_C(1) << 20);
	script->start_brk = script->brk = LAYOUT_BASE;
	vmsc_files_standard(&script->files);
	for (size_t i = 0; i < plan->nr; i++) {
		struct vmsc_step step = step_of(&plan->step[i], process, &script->limits);

		if (plan->step[i].kind == LAYOUT_EXIT || step.call.file == LAYOUT_FILE_driver ||
		    !vmsc_trial_can(&step))
			return false;
		vmsc_script_add(script, &step);
		if (step.kind == VMSC_STEP_FORK && ++process == VMSC_TRIAL_PROCESSES)
			return false;
	}
	return script->nr;
}

static void write_row(const char *table, const struct layout_plan *plan, const struct vmsc_script *script)
{
	char name[240];

	snprintf(name, sizeof(name), "%s: %s", table, plan->row->name);
	vectors_write(name, script, plan->needs & LAYOUT_NEEDS_NAMES ? "anon-vma-name" : NULL);
}

static bool same_steps(const struct layout_case *a, const struct layout_case *b)
{
	const char *x = a->except ? a->except : "", *y = b->except ? b->except : "";

	return !strcmp(a->before, b->before) && !strcmp(a->op, b->op) && !strcmp(x, y);
}

/* Rows that differ only in what is to be seen by release are one case. */
static bool was_written(const struct layout_case *cases, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!cases[i].model_only && same_steps(&cases[i], &cases[index]))
			return true;
	return false;
}

int layout_vectors(const char *table, const struct layout_case *cases, size_t nr)
{
	static struct layout_plan plan;
	struct vmsc_script script;

	for (size_t i = 0; i < nr; i++) {
		if (cases[i].model_only || was_written(cases, i) || layout_parse(&cases[i], &plan) ||
		    (plan.needs & LAYOUT_NEEDS_MODEL))
			continue;
		if (make_script(&plan, &script))
			write_row(table, &plan, &script);
		vmsc_script_free(&script);
	}
	return 0;
}
