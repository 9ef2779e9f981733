/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "lines.h"
#include "say.h"
#include "unmapform.h"
#include "value.h"
#include "vmaform.h"

#define LISTED_MAX                                                                                           \
	1000 /* of differences of a checkpoint, of undetermined calls: the counts are always whole */

static json_t *bytes_json(struct vmsc_bytes bytes)
{
	return vmsc_json_bytes(bytes.text ? bytes.text : "", bytes.length);
}

/* An owned text as a value. */
static json_t *text_json(char *text)
{
	json_t *value = text ? vmsc_json_text(text) : json_null();

	free(text);
	return value;
}

static json_t *list_json(struct vmsc_bytes bytes, char separator)
{
	json_t *array = json_array();
	const char *text = bytes.text, *end = text ? text + bytes.length : NULL, *next;

	for (; text && text < end; text = next + 1) {
		next = memchr(text, separator, (size_t)(end - text));
		next = next ? next : end;
		if (next > text || !separator)
			vmsc_json_append(array, vmsc_json_bytes(text, (size_t)(next - text)));
	}
	return array;
}

static json_t *process_json(const struct vmsc_analysis *analysis)
{
	json_t *object = json_object();
	enum vmsc_ended ended = vmsc_analysis_ended(analysis);

	vmsc_json_put(object, "pid", json_integer(analysis->header->pid));
	vmsc_json_put(object, "ppid", json_integer(analysis->header->ppid));
	vmsc_json_put(object, "comm", bytes_json(analysis->strings[VMSC_STRING_COMM]));
	vmsc_json_put(object, "exe", bytes_json(analysis->strings[VMSC_STRING_EXE]));
	vmsc_json_put(object, "argv", list_json(analysis->strings[VMSC_STRING_ARGV], '\0'));
	vmsc_json_put(object, "cwd", bytes_json(analysis->strings[VMSC_STRING_CWD]));
	vmsc_json_put(object, "kernel", bytes_json(analysis->strings[VMSC_STRING_RELEASE]));
	vmsc_json_put(object, "rules", list_json(analysis->strings[VMSC_STRING_RULES], ' '));
	vmsc_json_put(object, "rules_source", bytes_json(analysis->strings[VMSC_STRING_RULES_SOURCE]));
	vmsc_json_put(object, "page_size", json_integer(analysis->header->page_size));
	vmsc_json_put(object, "max_map_count",
		      vmsc_json_number(analysis->limits ? analysis->limits->max_map_count : 0));
	vmsc_json_put(object, "ended", json_string(vmsc_ended_names[ended]));
	vmsc_json_put(object, "status",
		      json_integer(analysis->end ? analysis->end->status : analysis->header->exit_status));
	return object;
}

static json_t *by_call_json(const struct vmsc_tally *tally)
{
	json_t *object = json_object();
	unsigned int nr;
	char *name;

	for (nr = 0; nr < VMSC_NR_SYSCALLS; nr++) {
		if (!tally->by_call[nr])
			continue;
		name = vmsc_syscall_text(nr);
		vmsc_json_put(object, name, vmsc_json_number(tally->by_call[nr]));
		free(name);
	}
	return object;
}

static json_t *unpatched_json(const struct vmsc_analysis *analysis)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < analysis->nr_sites; i++) {
		const struct vmsc_site_record *site = analysis->sites[i];

		if (site->patched)
			continue;
		object = json_object();
		vmsc_json_put(object, "addr", vmsc_json_hex(site->addr));
		vmsc_json_put(object, "call",
			      site->nr == 0xffff ? json_null() : text_json(vmsc_syscall_text(site->nr)));
		vmsc_json_put(object, "module",
			      vmsc_json_bytes(vmsc_record_tail(&site->head, sizeof(*site)), site->length));
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *problems_json(const struct vmsc_analysis *analysis)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < analysis->nr_problems; i++)
		vmsc_json_append(array, bytes_json(analysis->problems[i]));
	if (analysis->damage)
		vmsc_json_append(array, text_json(vmsc_format("trace damaged at byte %zu: %s",
							      analysis->damage_offset, analysis->damage)));
	return array;
}

static json_t *capture_json(const struct vmsc_analysis *analysis)
{
	const struct vmsc_tally *tally = analysis->tally;
	const struct vmsc_trace_header *header = analysis->header;
	json_t *object = json_object(), *own = json_object();

	vmsc_json_put(own, "vmas", vmsc_json_number(tally->own_vmas));
	vmsc_json_put(own, "bytes", vmsc_json_number(tally->own_bytes));
	vmsc_json_put(object, "mode", json_string(vmsc_capture_mode_names[header->capture_mode & 3]));
	vmsc_json_put(object, "requested",
		      json_string(vmsc_capture_mode_names[header->capture_requested & 3]));
	vmsc_json_put(object, "calls", vmsc_json_number(tally->calls));
	vmsc_json_put(object, "by_call", by_call_json(tally));
	vmsc_json_put(object, "failed", vmsc_json_number(tally->failed));
	vmsc_json_put(object, "outside", vmsc_json_number(tally->outside));
	vmsc_json_put(object, "kernel_made", vmsc_json_number(tally->kernel_made));
	vmsc_json_put(object, "lost", vmsc_json_number(vmsc_analysis_lost(analysis)));
	vmsc_json_put(object, "unordered", vmsc_json_number(tally->unordered));
	vmsc_json_put(object, "own", own);
	vmsc_json_put(object, "stacks", json_boolean(header->stacks));
	vmsc_json_put(object, "unpatched", unpatched_json(analysis));
	vmsc_json_put(object, "problems", problems_json(analysis));
	return object;
}

static const struct vmsc_kept_outcome *outcome_of(const struct vmsc_kept_outcomes *outcomes, uint64_t call)
{
	size_t i;

	for (i = 0; i < outcomes->nr; i++)
		if (outcomes->all[i].call == call)
			return &outcomes->all[i];
	return NULL;
}

static const struct vmsc_kept_difference *difference_of(const struct vmsc_analysis *analysis, uint64_t call)
{
	size_t i;

	for (i = 0; i < analysis->nr_differences; i++)
		if (analysis->differences[i].told.call == call && !analysis->differences[i].told.outside)
			return &analysis->differences[i];
	return NULL;
}

static json_t *first_wrong_json(const struct vmsc_analysis *analysis)
{
	uint64_t call = vmsc_analysis_first_wrong(analysis);
	const struct vmsc_kept_outcome *wrong = outcome_of(&analysis->wrong, call);
	const struct vmsc_kept_difference *difference = difference_of(analysis, call);
	struct vmsc_written_call written;
	json_t *object;
	bool known;

	if (!call)
		return json_null();
	known = vmsc_analysis_written_call(analysis, call, &written);
	object = json_object();
	vmsc_json_put(object, "call", vmsc_json_number(call));
	vmsc_json_put(object, "text", text_json(known ? vmsc_call_to_text(&written) : NULL));
	vmsc_json_put(object, "recorded",
		      known ? vmsc_result_to_json(written.record.nr, written.record.result) : json_null());
	vmsc_json_put(object, "predicted",
		      known && wrong ? vmsc_result_to_json(written.record.nr, wrong->outcome.predicted)
				     : json_null());
	if (wrong)
		vmsc_json_put(object, "why", text_json(vmsc_outcome_why(analysis, wrong)));
	else
		vmsc_json_put(object, "why",
			      difference ? text_json(vmsc_difference_why(analysis, difference))
					 : json_null());
	return object;
}

static json_t *undetermined_json(const struct vmsc_analysis *analysis)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < analysis->undetermined.nr && i < LISTED_MAX; i++) {
		const struct vmsc_kept_outcome *kept = &analysis->undetermined.all[i];

		object = json_object();
		vmsc_json_put(object, "call", vmsc_json_number(kept->call));
		vmsc_json_put(object, "hidden", json_string(vmsc_hidden_name(kept->outcome.undetermined)));
		vmsc_json_put(object, "text", text_json(vmsc_analysis_call_text(analysis, kept->call)));
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *prediction_json(const struct vmsc_analysis *analysis)
{
	const struct vmsc_tally *tally = analysis->tally;
	json_t *object = json_object(), *addresses = json_object();

	vmsc_json_put(addresses, "asked", vmsc_json_number(tally->addresses_asked));
	vmsc_json_put(addresses, "predicted", vmsc_json_number(tally->addresses_predicted));
	vmsc_json_put(object, "calls", vmsc_json_number(tally->predicted));
	vmsc_json_put(object, "mispredicted", vmsc_json_number(tally->mispredicted));
	vmsc_json_put(object, "probed", vmsc_json_number(tally->probed));
	vmsc_json_put(object, "undetermined", vmsc_json_number(tally->undetermined));
	vmsc_json_put(object, "addresses", addresses);
	vmsc_json_put(object, "first_mispredicted", first_wrong_json(analysis));
	vmsc_json_put(object, "undetermined_calls", undetermined_json(analysis));
	return object;
}

static json_t *modeled_json(const struct vmsc_vma *vma)
{
	json_t *object = json_object();
	char perms[8];

	vmsc_perms_text(vma->vm_flags, perms);
	vmsc_json_put(object, "start", vmsc_json_hex(vma->start));
	vmsc_json_put(object, "end", vmsc_json_hex(vma->end));
	vmsc_json_put(object, "perms", json_string(perms));
	vmsc_json_put(object, "offset", vmsc_json_hex(vma->file ? vma->pgoff << VMSC_PAGE_SHIFT : 0));
	vmsc_json_put(object, "flags", vmsc_flags_to_json(vma->vm_flags));
	return object;
}

static json_t *difference_json(const struct vmsc_analysis *analysis, const struct vmsc_kept_difference *kept)
{
	const struct vmsc_difference *told = &kept->told;
	json_t *object = json_object();

	vmsc_json_put(object, "kind", json_string(vmsc_difference_name(told->kind)));
	vmsc_json_put(object, "modeled", told->has_modeled ? modeled_json(&told->modeled) : json_null());
	vmsc_json_put(object, "actual",
		      told->has_actual ? vmsc_seen_to_json(told->actual, true) : json_null());
	vmsc_json_put(object, "call", told->call ? vmsc_json_number(told->call) : json_null());
	vmsc_json_put(object, "outside", json_boolean(told->outside));
	vmsc_json_put(object, "why", text_json(vmsc_difference_why(analysis, kept)));
	return object;
}

/* @next is the first difference not yet given out. */
static json_t *checkpoint_json(const struct vmsc_analysis *analysis, size_t index, size_t *next)
{
	const struct vmsc_checkpoint *checkpoint = &analysis->checkpoints[index];
	json_t *object = json_object(), *differences = json_array();
	size_t listed = 0;

	for (; *next < analysis->nr_differences && analysis->differences[*next].checkpoint == index; ++*next)
		if (listed++ < LISTED_MAX)
			vmsc_json_append(differences,
					 difference_json(analysis, &analysis->differences[*next]));
	vmsc_json_put(object, "call", vmsc_json_number(checkpoint->call));
	vmsc_json_put(object, "when", json_string(vmsc_when_name(checkpoint->when)));
	vmsc_json_put(object, "modeled", vmsc_json_number(checkpoint->modeled));
	vmsc_json_put(object, "actual", vmsc_json_number(checkpoint->actual));
	vmsc_json_put(object, "kernel_made", vmsc_json_number(checkpoint->kernel_made));
	vmsc_json_put(object, "complete", json_boolean(checkpoint->complete));
	vmsc_json_put(object, "differences", differences);
	return object;
}

/* Checkpoints around single calls are listed only where they differ: there is one per call. */
static json_t *checkpoints_json(const struct vmsc_analysis *analysis)
{
	json_t *array = json_array();
	size_t i, next = 0;

	for (i = 0; i < analysis->nr_checkpoints; i++) {
		enum vmsc_when when = analysis->checkpoints[i].when;
		bool differs = next < analysis->nr_differences && analysis->differences[next].checkpoint == i;

		if (differs || (when != VMSC_WHEN_CALL && when != VMSC_WHEN_UNDETERMINED))
			vmsc_json_append(array, checkpoint_json(analysis, i, &next));
	}
	return array;
}

static json_t *birth_json(const struct vmsc_analysis *analysis, const struct vmsc_vma *vma)
{
	const struct vmsc_call_stack *stack = vmsc_analysis_stack(analysis, vma->born);
	json_t *object = json_object(), *frames = json_array();
	uint32_t i;

	for (i = 0; stack && i < stack->nr; i++)
		vmsc_json_append(frames, text_json(vmsc_frame_text(&stack->frames[i])));
	vmsc_json_put(object, "call", vma->born ? vmsc_json_number(vma->born) : json_null());
	vmsc_json_put(object, "stack", frames);
	return object;
}

static json_t *apart_json(const struct vmsc_final_vma *final)
{
	json_t *object = json_object();

	vmsc_json_put(object, "reason", json_string(vmsc_refusal_name(final->apart)));
	if (final->apart == VMSC_REFUSED_FLAGS)
		vmsc_json_put(object, "flags", vmsc_flags_to_json(final->apart_bits));
	return object;
}

static json_t *final_json(const struct vmsc_analysis *analysis, const struct vmsc_final_vma *final)
{
	const struct vmsc_vma *vma = &final->vma;
	const struct vmsc_file *file = &final->file;
	json_t *object = modeled_json(vma);
	char dev[24];

	vmsc_dev_text(file->dev_major, file->dev_minor, dev);
	vmsc_json_put(object, "dev", json_string(dev));
	vmsc_json_put(object, "inode", vmsc_json_number(file->inode));
	vmsc_json_put(object, "path", bytes_json(vmsc_analysis_label(analysis, final)));
	vmsc_json_put(object, "pgoff", vmsc_json_hex(vma->pgoff));
	vmsc_json_put(object, "anon_vma", json_integer(vma->anon_vma));
	vmsc_json_put(object, "own", json_boolean(vma->traits & VMSC_VMA_OWN));
	vmsc_json_put(object, "apart", apart_json(final));
	vmsc_json_put(object, "born", birth_json(analysis, vma));
	return object;
}

static json_t *vmas_json(const struct vmsc_analysis *analysis)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < analysis->nr_vmas; i++)
		vmsc_json_append(array, final_json(analysis, &analysis->vmas[i]));
	return array;
}

static json_t *merges_json(const struct vmsc_tally *tally)
{
	json_t *object = json_object(), *callers = json_object(), *refused = json_object();
	unsigned int i;

	for (i = 0; i < VMSC_NR_MERGE_CALLERS; i++)
		vmsc_json_put(callers, vmsc_merge_caller_name(i), vmsc_json_number(tally->merges_by[i]));
	for (i = VMSC_REFUSED_NONE + 1; i < VMSC_NR_REFUSALS; i++)
		if (tally->refused[i])
			vmsc_json_put(refused, vmsc_refusal_name(i), vmsc_json_number(tally->refused[i]));
	vmsc_json_put(object, "attempted", vmsc_json_number(tally->merges_attempted));
	vmsc_json_put(object, "merged", vmsc_json_number(tally->merges));
	vmsc_json_put(object, "by_caller", callers);
	vmsc_json_put(object, "refused", refused);
	return object;
}

static json_t *limits_json(const struct vmsc_analysis *analysis)
{
	json_t *object = json_object();

	vmsc_json_put(object, "max_map_count",
		      vmsc_json_number(analysis->limits ? analysis->limits->max_map_count : 0));
	vmsc_json_put(object, "peak", vmsc_json_number(analysis->tally->peak));
	vmsc_json_put(object, "peak_call", vmsc_json_number(analysis->tally->peak_call));
	vmsc_json_put(object, "now", vmsc_json_number(analysis->nr_vmas));
	return object;
}

json_t *vmsc_report_json(const struct vmsc_report *all)
{
	const struct vmsc_analysis *analysis = &all->analysis;
	enum vmsc_verdict verdict = vmsc_analysis_verdict(analysis);
	char *incomplete = vmsc_analysis_incomplete(analysis);
	json_t *report = json_object();

	vmsc_json_put(report, "schema", json_string(VMSC_REPORT_SCHEMA));
	vmsc_json_put(report, "verdict", json_string(vmsc_verdict_name(verdict)));
	vmsc_json_put(report, "incomplete", incomplete ? json_string(incomplete) : json_null());
	free(incomplete);
	vmsc_json_put(report, "process", process_json(analysis));
	vmsc_json_put(report, "capture", capture_json(analysis));
	vmsc_json_put(report, "prediction", prediction_json(analysis));
	vmsc_json_put(report, "checkpoints", checkpoints_json(analysis));
	vmsc_json_put(report, "limits", limits_json(analysis));
	vmsc_json_put(report, "merges", merges_json(analysis->tally));
	vmsc_answers_to_json(all, report);
	vmsc_json_put(report, "vmas", vmas_json(analysis));
	vmsc_json_put(report, "unmaps", vmsc_unmaps_json(analysis->tally)); /* ends with exit_mmap */
	return report;
}

bool vmsc_report_write_json(const struct vmsc_report *report, FILE *out)
{
	json_t *object = vmsc_report_json(report);
	int err = json_dumpf(object, out, JSON_INDENT(2));

	json_decref(object);
	fputc('\n', out);
	return !fflush(out) && !err && !ferror(out);
}
