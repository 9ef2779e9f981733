/* SPDX-License-Identifier: MIT */
/*
 * What an analysis comes to, and the sentences that say why.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "callform.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

enum vmsc_ended vmsc_analysis_ended(const struct vmsc_analysis *analysis)
{
	uint32_t ended = analysis->end ? analysis->end->ended : analysis->header->ended;

	return ended <= VMSC_ENDED_STOPPED ? (enum vmsc_ended)ended : VMSC_ENDED_NOT;
}

uint64_t vmsc_analysis_lost(const struct vmsc_analysis *analysis)
{
	uint64_t lost = analysis->header->lost;

	if (analysis->tally && analysis->tally->lost > lost)
		lost = analysis->tally->lost;
	return analysis->end && analysis->end->lost > lost ? analysis->end->lost : lost;
}

static bool has_end_checkpoint(const struct vmsc_analysis *analysis)
{
	size_t i;

	for (i = 0; i < analysis->nr_checkpoints; i++) {
		switch (analysis->checkpoints[i].when) {
		case VMSC_WHEN_EXIT:
		case VMSC_WHEN_EXEC:
		case VMSC_WHEN_SIGNAL:
			if (analysis->checkpoints[i].complete)
				return true;
			break;
		default:
			break;
		}
	}
	return false;
}

static bool says_not_recorded(const struct vmsc_analysis *analysis)
{
	static const char word[] = VMSC_NOT_RECORDED;
	size_t i;

	for (i = 0; i < analysis->nr_problems; i++) {
		const struct vmsc_bytes *problem = &analysis->problems[i];

		if (problem->length >= sizeof(word) - 1 && !memcmp(problem->text, word, sizeof(word) - 1))
			return true;
	}
	return false;
}

static bool has_blind_beginning(const struct vmsc_analysis *analysis)
{
	size_t i;

	for (i = 0; i < analysis->nr_checkpoints; i++) {
		enum vmsc_when when = analysis->checkpoints[i].when;

		if ((when == VMSC_WHEN_ATTACH || when == VMSC_WHEN_RESUME) &&
		    !analysis->checkpoints[i].complete)
			return true;
	}
	return false;
}

bool vmsc_analysis_differs(const struct vmsc_analysis *analysis)
{
	return analysis->nr_differences || analysis->tally->mispredicted || analysis->tally->outside ||
	       analysis->wrong.nr;
}

/*
 * Where something changed without a recorded call because such calls could not be captured, the rest that differs may hang on them:
 * that is no word on the rules. Without such a change it is one, whatever was captured.
 */
static bool misses_calls(const struct vmsc_analysis *analysis)
{
	return analysis->header->capture_mode < analysis->header->capture_requested && analysis->tally->outside;
}

static const char *why_incomplete(const struct vmsc_analysis *analysis)
{
	if (analysis->damage)
		return "the trace is damaged; what follows the damage was not used";
	if (vmsc_analysis_ended(analysis) == VMSC_ENDED_STOPPED)
		return "recording stopped before the process ended";
	if (vmsc_analysis_lost(analysis))
		return "calls were lost while recording";
	if (misses_calls(analysis))
		return "less was captured than asked for, and something changed without a recorded call; "
		       "capture.problems says why";
	if (has_blind_beginning(analysis))
		return "the VMAs that there were at the beginning could not be read";
	if (has_end_checkpoint(analysis))
		return says_not_recorded(analysis)
			       ? "something was not recorded; capture.problems says what, and why"
			       : NULL;
	if (!analysis->end)
		return "the trace breaks off: the process was killed, or still runs";
	return "the process ended without a last look at its maps";
}

char *vmsc_analysis_incomplete(const struct vmsc_analysis *analysis)
{
	const struct vmsc_end_record *end = analysis->end;
	const char *why = why_incomplete(analysis);
	char *reason, *text;

	if (!why || vmsc_analysis_ended(analysis) != VMSC_ENDED_STOPPED || !end || !end->length)
		return why ? vmsc_format("%s", why) : NULL;
	reason = vmsc_printable(vmsc_record_tail(&end->head, sizeof(*end)), end->length);
	text = vmsc_format("%s: %s", why, reason);
	free(reason);
	return text;
}

enum vmsc_verdict vmsc_analysis_verdict(const struct vmsc_analysis *analysis)
{
	if (vmsc_analysis_differs(analysis) && !misses_calls(analysis))
		return VMSC_VERDICT_DIFFER;
	return why_incomplete(analysis) ? VMSC_VERDICT_INCOMPLETE : VMSC_VERDICT_MATCH;
}

const char *vmsc_verdict_name(enum vmsc_verdict verdict)
{
	static const char *const names[] = {"match", "differ", "incomplete"};

	return names[verdict];
}

uint64_t vmsc_analysis_first_wrong(const struct vmsc_analysis *analysis)
{
	uint64_t first = analysis->wrong.nr ? analysis->wrong.all[0].call : 0;
	size_t i;

	for (i = 0; i < analysis->nr_differences; i++) {
		const struct vmsc_difference *told = &analysis->differences[i].told;

		if (!told->outside && told->call && (!first || told->call < first))
			first = told->call;
	}
	return first;
}

const struct vmsc_call_ref *vmsc_analysis_call(const struct vmsc_analysis *analysis, uint64_t seq)
{
	return seq && seq <= analysis->nr_calls ? &analysis->calls[seq - 1] : NULL;
}

static const void *record_at(const struct vmsc_analysis *analysis, size_t offset, unsigned int type)
{
	if (!analysis->input)
		return (const char *)analysis->header + offset;
	return vmsc_input_record(analysis->input, offset, type);
}

bool vmsc_analysis_written_call(const struct vmsc_analysis *analysis, uint64_t seq,
				struct vmsc_written_call *call)
{
	const struct vmsc_call_ref *ref = vmsc_analysis_call(analysis, seq);
	size_t before;

	if (!ref)
		return false;
	vmsc_written_call_of(call, record_at(analysis, ref->at, VMSC_RECORD_CALL), NULL);
	before = (size_t)((uint64_t)ref->extra_high << 16 | ref->extra_low) * 8;
	call->has_extra = before;
	if (before)
		memcpy(&call->extra, record_at(analysis, ref->at - before, VMSC_RECORD_EXTRA),
		       sizeof(call->extra));
	return true;
}

char *vmsc_analysis_call_text(const struct vmsc_analysis *analysis, uint64_t seq)
{
	struct vmsc_written_call call;

	return vmsc_analysis_written_call(analysis, seq, &call) ? vmsc_call_to_text(&call) : NULL;
}

const struct vmsc_call_stack *vmsc_analysis_stack(const struct vmsc_analysis *analysis, uint64_t seq)
{
	struct vmsc_written_call call;

	return vmsc_analysis_written_call(analysis, seq, &call)
		       ? vmsc_origins_stack(analysis->origins, call.record.stack)
		       : NULL;
}

struct vmsc_bytes vmsc_analysis_label(const struct vmsc_analysis *analysis,
				      const struct vmsc_final_vma *final)
{
	const struct vmsc_seen_record *seen = final->seen;
	const struct vmsc_file *file = final->file.id ? &final->file : NULL;

	if (seen && (!file || file->inode == seen->inode))
		return (struct vmsc_bytes){vmsc_record_tail(&seen->head, sizeof(*seen)), seen->length};
	return file ? vmsc_origins_path(analysis->origins, file)
		    : vmsc_origins_name(analysis->origins, final->vma.name);
}

const char *vmsc_hidden_name(enum vmsc_hidden hidden)
{
	static const char *const names[] = {
		[VMSC_HIDDEN_NOTHING] = "nothing", [VMSC_HIDDEN_ANON_VMA] = "anon_vma",
		[VMSC_HIDDEN_FILE] = "file",	   [VMSC_HIDDEN_POLICY] = "policy",
		[VMSC_HIDDEN_DRIVER] = "driver",   [VMSC_HIDDEN_MEMORY] = "memory",
		[VMSC_HIDDEN_COMMIT] = "commit",   [VMSC_HIDDEN_ADDRESS] = "address",
		[VMSC_HIDDEN_ORDER] = "order",	   [VMSC_HIDDEN_BEGINNING] = "beginning"};

	return (unsigned int)hidden < sizeof(names) / sizeof(names[0]) ? names[hidden] : "unknown";
}

static char *ranges_text(const struct vmsc_difference *told)
{
	char modeled[24] = "", actual[24] = "";

	if (told->has_modeled)
		vmsc_perms_text(told->modeled.vm_flags, modeled);
	if (told->has_actual)
		vmsc_perms_text(told->actual->vm_flags, actual);
	if (!told->has_modeled)
		return vmsc_format("the kernel shows %" PRIx64 "-%" PRIx64 " %s, the model has nothing there",
				   told->actual->start, told->actual->end, actual);
	if (!told->has_actual)
		return vmsc_format("the model has %" PRIx64 "-%" PRIx64 " %s, the kernel shows nothing there",
				   told->modeled.start, told->modeled.end, modeled);
	return vmsc_format("the model has %" PRIx64 "-%" PRIx64 " %s, the kernel shows %" PRIx64 "-%" PRIx64
			   " %s",
			   told->modeled.start, told->modeled.end, modeled, told->actual->start,
			   told->actual->end, actual);
}

static char *flags_text(const struct vmsc_difference *told)
{
	char *only_model, *only_kernel, *text;

	if (told->kind != VMSC_DIFFERENCE_FLAGS || !told->has_modeled || !told->has_actual)
		return vmsc_format("%s", "");
	only_model = vmsc_flags_text(told->modeled.vm_flags & ~told->actual->vm_flags);
	only_kernel = vmsc_flags_text(told->actual->vm_flags & ~told->modeled.vm_flags);
	text = vmsc_format(" (flags only in the model: %s; only in the kernel: %s)",
			   *only_model ? only_model : "none", *only_kernel ? only_kernel : "none");
	free(only_model);
	free(only_kernel);
	return text;
}

char *vmsc_difference_why(const struct vmsc_analysis *analysis, const struct vmsc_kept_difference *difference)
{
	const struct vmsc_difference *told = &difference->told;
	char *ranges = ranges_text(told), *flags = flags_text(told), *text;
	char *call = vmsc_analysis_call_text(analysis, told->call);

	if (told->outside)
		text = vmsc_format("%s%s; no recorded call explains it", ranges, flags);
	else if (call)
		text = vmsc_format("%s%s; the latest call there is %" PRIu64 ", %s", ranges, flags,
				   told->call, call);
	else
		text = vmsc_format("%s%s; no call since attach was made there", ranges, flags);
	free(ranges);
	free(flags);
	free(call);
	return text;
}

char *vmsc_outcome_why(const struct vmsc_analysis *analysis, const struct vmsc_kept_outcome *wrong)
{
	struct vmsc_written_call call;
	char *recorded, *predicted, *text;

	if (!vmsc_analysis_written_call(analysis, wrong->call, &call))
		return vmsc_format("%s", "the call is not in the trace");
	recorded = vmsc_result_to_text(call.record.nr, call.record.result);
	predicted = vmsc_result_to_text(call.record.nr, wrong->outcome.predicted);
	text = vmsc_format("the kernel answered %s, the rules say %s", recorded, predicted);
	free(recorded);
	free(predicted);
	return text;
}
