/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "callform.h"
#include "exports.h"
#include "say.h"
#include "value.h"
#include <uthash.h>

/* Calls of one kind with one stack: many, and their text is long. */
struct alike {
	struct {
		uint32_t stack, nr;
	} key;
	uint64_t first, calls;
	UT_hash_handle hh;
};

/* Takes @text and @more over. */
static char *join(char *text, char *more)
{
	char *joined = vmsc_format("%s%s%s", text, *text ? ";" : "", more);

	free(text);
	free(more);
	return joined;
}

static char *without_semicolons(char *text)
{
	char *at;

	for (at = text; *at; at++)
		if (*at == ';')
			*at = ':';
	return text;
}

/* From main to the system call. */
static char *folded_stack(const struct vmsc_report *report, uint64_t call)
{
	const struct vmsc_call_stack *stack;
	struct vmsc_written_call written;
	char *text = vmsc_format("%s", "");
	uint32_t i;

	if (!vmsc_analysis_written_call(&report->analysis, call, &written))
		return join(text, vmsc_format("%s", "(before recording)"));
	stack = vmsc_origins_stack(report->analysis.origins, written.record.stack);
	for (i = stack ? stack->nr : 0; i-- > 0;)
		text = join(text, without_semicolons(vmsc_frame_name(&report->answers, &stack->frames[i])));
	return join(text, vmsc_syscall_text(written.record.nr));
}

static struct alike *find_alike(struct alike **all, const struct vmsc_call_record *record, uint64_t call)
{
	struct alike wanted = {.key = {record->stack, record->nr}, .first = call}, *alike;

	HASH_FIND(hh, *all, &wanted.key, sizeof(wanted.key), alike);
	if (alike)
		return alike;
	alike = vmsc_alloc(sizeof(*alike));
	*alike = wanted;
	HASH_ADD(hh, *all, key, sizeof(alike->key), alike);
	return alike;
}

static void fold_calls(const struct vmsc_report *report, struct vmsc_groups *groups)
{
	struct alike *all = NULL, *alike, *next;
	struct vmsc_written_call written;
	uint64_t call;

	for (call = 1; vmsc_analysis_written_call(&report->analysis, call, &written); call++)
		find_alike(&all, &written.record, call)->calls++;
	HASH_ITER(hh, all, alike, next)
	{
		vmsc_groups_add(groups, folded_stack(report, alike->first), alike->calls, 0);
		HASH_DEL(all, alike);
		free(alike);
	}
}

static void fold_vmas(const struct vmsc_report *report, struct vmsc_groups *groups, bool bytes)
{
	const struct vmsc_analysis *moment = report->answers.moment;
	const struct vmsc_border *border;
	const struct vmsc_vma *vma;
	size_t i;

	for (i = 0; i < moment->nr_vmas; i++) {
		vma = &moment->vmas[i].vma;
		border = vmsc_history_border(&moment->history, vma->start);
		vmsc_groups_add(groups,
				vma->traits & VMSC_VMA_OWN ? vmsc_format("%s", "(the recorder)")
							   : folded_stack(report, border ? border->call : 0),
				bytes ? vma->end - vma->start : 1, 0);
	}
}

void vmsc_export_folded(const struct vmsc_report *report, enum vmsc_export_of of, FILE *out)
{
	struct vmsc_groups *groups = vmsc_groups_new();
	const struct vmsc_group *sorted;
	size_t i;

	if (of == VMSC_EXPORT_OF_CALLS)
		fold_calls(report, groups);
	else
		fold_vmas(report, groups, of == VMSC_EXPORT_OF_BYTES);
	sorted = vmsc_groups_sorted(groups);
	for (i = 0; i < vmsc_groups_nr(groups); i++)
		fprintf(out, "%s %" PRIu64 "\n", sorted[i].name, sorted[i].count);
	vmsc_groups_free(groups);
}
