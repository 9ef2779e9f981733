/* SPDX-License-Identifier: MIT */
/*
 * The report for a person: the answer first, then what there is most of.
 */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "groups.h"
#include "lines.h"
#include "say.h"
#include "symbols.h"
#include "value.h"
#include "vmaform.h"

#define TOP 10 /* lines of each table */

static char *size_text(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	size_t unit = 0;

	while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		size /= 1024;
		unit++;
	}
	return vmsc_format(size < 10 && unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

static char *printable(struct vmsc_bytes bytes)
{
	return vmsc_printable(bytes.text ? bytes.text : "", bytes.length);
}

static void write_row(const char *count, const char *size, const char *name, FILE *out)
{
	if (size)
		fprintf(out, "%10s  %9s  %s\n", count, size, name);
	else
		fprintf(out, "%10s  %s\n", count, name);
}

static void write_group(const struct vmsc_group *group, bool sized, FILE *out)
{
	char *count = vmsc_format("%" PRIu64, group->count), *size = size_text(group->bytes);

	write_row(count, sized ? size : NULL, group->name, out);
	free(count);
	free(size);
}

static void write_groups(struct vmsc_groups *groups, const char *title, const char *counted,
			 const char *named, bool sized, FILE *out)
{
	size_t nr = vmsc_groups_nr(groups), i;
	const struct vmsc_group *sorted = vmsc_groups_sorted(groups);
	char *more;

	if (!nr)
		return;
	fprintf(out, "\n%s\n", title);
	write_row(counted, sized ? "size" : NULL, named, out);
	for (i = 0; i < nr && i < TOP; i++)
		write_group(&sorted[i], sized, out);
	if (nr <= TOP)
		return;
	more = vmsc_format("and %zu more", nr - TOP);
	write_row("", sized ? "" : NULL, more, out);
	free(more);
}

static void write_verdict(const struct vmsc_analysis *analysis, const char *path, FILE *out)
{
	const struct vmsc_tally *tally = analysis->tally;
	enum vmsc_verdict verdict = vmsc_analysis_verdict(analysis);
	struct vmsc_bytes exe = analysis->strings[VMSC_STRING_EXE];
	char *name = printable(exe.length ? exe : analysis->strings[VMSC_STRING_COMM]);
	char *trace = vmsc_printable(path, strlen(path));
	const char *incomplete = vmsc_analysis_incomplete(analysis);

	fprintf(out, "%s  %s, process %u, ended: %s\n", trace, *name ? name : "(unnamed)",
		analysis->header->pid, vmsc_ended_names[vmsc_analysis_ended(analysis)]);
	if (verdict == VMSC_VERDICT_DIFFER)
		fprintf(out,
			"DIFFER: the kernel and the rules part: %" PRIu64 " of %" PRIu64
			" calls mispredicted, %" PRIu64 " change%s outside the calls recorded\n",
			tally->mispredicted, tally->predicted, tally->outside,
			tally->outside == 1 ? "" : "s");
	else
		fprintf(out,
			"%s: %" PRIu64 " calls, as the rules say; %" PRIu64
			" look%s at maps, no difference\n",
			verdict == VMSC_VERDICT_MATCH ? "MATCH" : "INCOMPLETE", tally->predicted,
			tally->checkpoints, tally->checkpoints == 1 ? "" : "s");
	if (incomplete)
		fprintf(out, "%s%s\n", verdict == VMSC_VERDICT_DIFFER ? "also incomplete: " : "", incomplete);
	free(name);
	free(trace);
}

static void write_limits(const struct vmsc_analysis *analysis, FILE *out)
{
	uint64_t max = analysis->limits ? analysis->limits->max_map_count : 0, peak = analysis->tally->peak;

	if (peak < analysis->nr_vmas)
		peak = analysis->nr_vmas;
	fprintf(out, "\nVMAs   %zu now, %" PRIu64 " at most", analysis->nr_vmas, peak);
	if (analysis->tally->peak_call)
		fprintf(out, " (call %" PRIu64 ")", analysis->tally->peak_call);
	if (max)
		fprintf(out, "; max_map_count is %" PRIu64 ": %.1f %% used at most", max,
			100.0 * (double)peak / (double)max);
	fprintf(out, "\n       the recorder's own: %" PRIu64 "\n", analysis->tally->own_vmas);
}

static void write_calls(const struct vmsc_analysis *analysis, FILE *out)
{
	const struct vmsc_tally *tally = analysis->tally;
	struct vmsc_groups *groups = vmsc_groups_new();
	const struct vmsc_group *sorted;
	unsigned int nr;
	size_t i;

	for (nr = 0; nr < VMSC_NR_SYSCALLS; nr++)
		if (tally->by_call[nr])
			vmsc_groups_add(groups, vmsc_syscall_text(nr), tally->by_call[nr], 0);
	fprintf(out, "calls  %" PRIu64 ", %" PRIu64 " of them failed:", tally->calls, tally->failed);
	sorted = vmsc_groups_sorted(groups);
	for (i = 0; i < vmsc_groups_nr(groups); i++)
		fprintf(out, "%s%s %" PRIu64, i ? ", " : " ", sorted[i].name, sorted[i].count);
	fprintf(out,
		"\nmerges %" PRIu64 " of %" PRIu64 " attempts; addresses %" PRIu64 " of %" PRIu64
		" predicted\n",
		tally->merges, tally->merges_attempted, tally->addresses_predicted, tally->addresses_asked);
	vmsc_groups_free(groups);
}

static char *kind_text(const struct vmsc_analysis *analysis, const struct vmsc_final_vma *final)
{
	char *label = printable(vmsc_analysis_label(analysis, final)), *text;
	char perms[8];

	vmsc_perms_text(final->vma.vm_flags, perms);
	text = vmsc_format("%s  %s%s", perms, *label ? label : "(anonymous)",
			   final->vma.traits & VMSC_VMA_OWN ? " (the recorder's)" : "");
	free(label);
	return text;
}

static char *where_text(struct vmsc_symbols *symbols, const struct vmsc_frame *frame)
{
	const char *symbol = frame ? vmsc_symbols_find(symbols, frame) : NULL;
	char *place, *text;

	if (!frame)
		return vmsc_format("%s", "no stack recorded");
	place = vmsc_frame_short(frame);
	if (!symbol)
		return place;
	text = vmsc_format("%s  %s", place, symbol);
	free(place);
	return text;
}

static char *site_text(const struct vmsc_analysis *analysis, struct vmsc_symbols *symbols,
		       const struct vmsc_vma *vma)
{
	const struct vmsc_call_stack *stack = vmsc_analysis_birth(analysis, vma);
	const struct vmsc_frame *frame = vmsc_stack_caller(stack);
	const struct vmsc_call_ref *ref = vmsc_analysis_call(analysis, vma->born);
	char *call, *where, *text;

	if (!ref)
		return vmsc_format("%s", "there before recording began");
	call = vmsc_syscall_text(ref->record->nr);
	where = where_text(symbols, frame);
	text = vmsc_format("%s  %s", call, where);
	free(call);
	free(where);
	return text;
}

static void write_vma_groups(const struct vmsc_analysis *analysis, FILE *out)
{
	struct vmsc_groups *kinds = vmsc_groups_new(), *sites = vmsc_groups_new();
	struct vmsc_symbols *symbols = vmsc_symbols_new();
	uint64_t size;
	size_t i;

	for (i = 0; i < analysis->nr_vmas; i++) {
		size = analysis->vmas[i].vma.end - analysis->vmas[i].vma.start;
		vmsc_groups_add(kinds, kind_text(analysis, &analysis->vmas[i]), 1, size);
		vmsc_groups_add(sites, site_text(analysis, symbols, &analysis->vmas[i].vma), 1, size);
	}
	write_groups(kinds, "what the VMAs are", "VMAs", "perms and path", true, out);
	write_groups(sites, "which call made them, from where", "VMAs", "call and caller", true, out);
	vmsc_groups_free(kinds);
	vmsc_groups_free(sites);
	vmsc_symbols_free(symbols);
}

static char *apart_text(const struct vmsc_final_vma *final)
{
	char *flags, *text;

	if (final->apart == VMSC_REFUSED_NONE)
		return vmsc_format(
			"%s", "nothing: alike now, but no call since gave the kernel cause to merge them");
	if (final->apart != VMSC_REFUSED_FLAGS)
		return vmsc_format("%s differs", vmsc_refusal_name(final->apart));
	flags = vmsc_flags_text(final->apart_bits);
	text = vmsc_format("flags differ: %s", flags);
	free(flags);
	return text;
}

static void write_apart(const struct vmsc_analysis *analysis, FILE *out)
{
	struct vmsc_groups *apart = vmsc_groups_new(), *refused = vmsc_groups_new();
	unsigned int i;
	size_t n;

	for (n = 0; n < analysis->nr_vmas; n++)
		if (analysis->vmas[n].apart != VMSC_REFUSED_NOT_ADJACENT)
			vmsc_groups_add(apart, apart_text(&analysis->vmas[n]), 1, 0);
	for (i = VMSC_REFUSED_NONE + 1; i < VMSC_NR_REFUSALS; i++)
		if (analysis->tally->refused[i])
			vmsc_groups_add(refused, vmsc_format("%s", vmsc_refusal_name(i)),
					analysis->tally->refused[i], 0);
	write_groups(apart, "why adjacent VMAs are two at the end", "pairs", "reason", false, out);
	write_groups(refused, "why merges were refused on the way", "times", "reason", false, out);
	vmsc_groups_free(apart);
	vmsc_groups_free(refused);
}

static void write_undetermined(const struct vmsc_analysis *analysis, FILE *out)
{
	struct vmsc_groups *groups = vmsc_groups_new();
	size_t i;

	for (i = 0; i < analysis->undetermined.nr; i++)
		vmsc_groups_add(
			groups,
			vmsc_format("%s",
				    vmsc_hidden_name(analysis->undetermined.all[i].outcome.undetermined)),
			1, 0);
	write_groups(groups, "undetermined: hung on a fact that no call shows; taken from maps", "calls",
		     "hidden fact", false, out);
	vmsc_groups_free(groups);
}

static void write_problems(const struct vmsc_analysis *analysis, FILE *out)
{
	size_t i, unpatched = 0;
	char *text;

	for (i = 0; i < analysis->nr_sites; i++)
		unpatched += !analysis->sites[i]->patched;
	if (!analysis->nr_problems && !unpatched && !analysis->damage && !vmsc_analysis_lost(analysis))
		return;
	fprintf(out, "\nproblems of the recording\n");
	if (vmsc_analysis_lost(analysis))
		fprintf(out, "  %" PRIu64 " calls were lost\n", vmsc_analysis_lost(analysis));
	if (unpatched)
		fprintf(out,
			"  %zu system-call sites are not captured (capture.unpatched in the JSON lists "
			"them)\n",
			unpatched);
	for (i = 0; i < analysis->nr_problems; i++) {
		text = printable(analysis->problems[i]);
		fprintf(out, "  %s\n", text);
		free(text);
	}
	if (analysis->damage)
		fprintf(out, "  the trace is damaged at byte %zu: %s\n", analysis->damage_offset,
			analysis->damage);
}

static void write_first_wrong(const struct vmsc_analysis *analysis, FILE *out)
{
	uint64_t call = vmsc_analysis_first_wrong(analysis);
	char *text = vmsc_analysis_call_text(analysis, call), *why;
	size_t i;

	if (!call)
		return;
	fprintf(out, "\nfirst mispredicted: call %" PRIu64 ", %s\n", call, text ? text : "not in the trace");
	free(text);
	for (i = 0; i < analysis->wrong.nr; i++) {
		if (analysis->wrong.all[i].call != call)
			continue;
		why = vmsc_outcome_why(analysis, &analysis->wrong.all[i]);
		fprintf(out, "  %s\n", why);
		free(why);
		break;
	}
}

void vmsc_report_write_differences(const struct vmsc_analysis *analysis, FILE *out, size_t max)
{
	size_t i, checkpoint = SIZE_MAX;
	char *why;

	write_first_wrong(analysis, out);
	for (i = 0; i < analysis->nr_differences && i < max; i++) {
		const struct vmsc_kept_difference *difference = &analysis->differences[i];

		if (difference->checkpoint != checkpoint &&
		    difference->checkpoint < analysis->nr_checkpoints) {
			checkpoint = difference->checkpoint;
			fprintf(out, "\nat the look \"%s\" after call %" PRIu64 "\n",
				vmsc_when_name(analysis->checkpoints[checkpoint].when),
				analysis->checkpoints[checkpoint].call);
		}
		why = vmsc_difference_why(analysis, difference);
		fprintf(out, "  %-8s  %s\n", vmsc_difference_name(difference->told.kind), why);
		free(why);
	}
	if (i < analysis->nr_differences)
		fprintf(out, "  and %zu more; --json lists them\n", analysis->nr_differences - i);
}

void vmsc_report_write_text(const struct vmsc_analysis *analysis, const char *path, FILE *out)
{
	write_verdict(analysis, path, out);
	vmsc_report_write_differences(analysis, out, TOP);
	write_limits(analysis, out);
	write_calls(analysis, out);
	write_vma_groups(analysis, out);
	write_apart(analysis, out);
	write_undetermined(analysis, out);
	write_problems(analysis, out);
}
