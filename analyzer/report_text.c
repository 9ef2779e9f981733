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
#include "names.h"
#include "say.h"
#include "unmapform.h"
#include "value.h"

#define TOP 10 /* lines of each table */

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
	char *count = vmsc_format("%" PRIu64, group->count), *size = vmsc_size_text(group->bytes);

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
	fprintf(out, "calls  %" PRIu64 ", %" PRIu64 " of them failed", tally->calls, tally->failed);
	sorted = vmsc_groups_sorted(groups);
	for (i = 0; i < vmsc_groups_nr(groups); i++)
		fprintf(out, "%s %s %" PRIu64, i ? "," : ":", sorted[i].name, sorted[i].count);
	fprintf(out,
		"\nmerges %" PRIu64 " of %" PRIu64 " attempts; addresses %" PRIu64 " of %" PRIu64
		" predicted\n",
		tally->merges, tally->merges_attempted, tally->addresses_predicted, tally->addresses_asked);
	vmsc_groups_free(groups);
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

static void write_changed_modules(const struct vmsc_answers *answers, FILE *out)
{
	const char *example = NULL;
	size_t nr = vmsc_symbols_changed(answers->symbols, &example);
	char *text;

	if (!nr)
		return;
	text = vmsc_printable(example, strlen(example));
	fprintf(out,
		"\nno names of functions of %zu module%s changed since the recording: %s; --debug-path or "
		"--sysroot "
		"may have the one that ran\n",
		nr, nr == 1 ? "" : "s", text);
	free(text);
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

/* --- the answer --- */

static bool is_limit(const struct vmsc_failures *failures)
{
	return failures->first.limit || failures->first.cause == VMSC_CAUSE_OVERCOMMIT ||
	       failures->first.cause == VMSC_CAUSE_MEMORY ||
	       failures->first.cause == VMSC_CAUSE_ADDRESS_SPACE;
}

static int compare_failures(const void *left, const void *right)
{
	const struct vmsc_failures *a = *(const struct vmsc_failures *const *)left,
				   *b = *(const struct vmsc_failures *const *)right;

	if (is_limit(a) != is_limit(b))
		return is_limit(a) ? -1 : 1;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return a->first.call < b->first.call ? -1 : 1;
}

/* The failures, limits first, then what happened most. The caller frees the list. */
static const struct vmsc_failures **sorted_failures(const struct vmsc_history *history)
{
	const struct vmsc_failures **sorted = vmsc_alloc((history->nr_failures + 1) * sizeof(*sorted));
	size_t i;

	for (i = 0; i < history->nr_failures; i++)
		sorted[i] = &history->failures[i];
	qsort(sorted, history->nr_failures, sizeof(*sorted), compare_failures);
	return sorted;
}

static char *error_text(const struct vmsc_failures *failures)
{
	const char *name = vmsc_errno_name(failures->error);

	if (!failures->error)
		return vmsc_format("%s", "refused");
	return name ? vmsc_format("-%s", name) : vmsc_format("-%d", failures->error);
}

static char *also_text(const struct vmsc_failures *failures)
{
	char *text = vmsc_format("%s", ""), *longer;
	unsigned int cause;

	for (cause = 0; cause < VMSC_NR_CAUSES; cause++) {
		if (!(failures->first.also & (1u << cause)))
			continue;
		longer = vmsc_format("%s%s%s", text, *text ? ", " : "; also ", vmsc_cause_name(cause));
		free(text);
		text = longer;
	}
	return text;
}

/* Where a VMA would have been split, its history tells who made it what it is. */
static void write_hint(const struct vmsc_report *report, const struct vmsc_failure *failure, FILE *out)
{
	const struct vmsc_call_ref *ref = vmsc_analysis_call(&report->analysis, failure->call);
	char *path;

	if (failure->cause != VMSC_CAUSE_MAP_COUNT || !ref || ref->start >= ref->end)
		return;
	path = vmsc_printable(report->path, strlen(report->path));
	fprintf(out, "       its VMA's history: vmascope why %s 0x%" PRIx64 " --at=%" PRIu64 "\n", path,
		(uint64_t)ref->start, failure->call - 1);
	free(path);
}

static void write_failure(const struct vmsc_report *report, const struct vmsc_failures *failures,
			  const char *title, FILE *out)
{
	char *error = error_text(failures), *why = vmsc_failure_text(&failures->first),
	     *also = also_text(failures), *site = vmsc_site_text(&report->answers, failures->site);

	fprintf(out, "%s%s %s", title, site, error);
	if (failures->count > 1)
		fprintf(out, ", %" PRIu64 " times", failures->count);
	fprintf(out, "\n       %s%s; call %" PRIu64 ", %.3f s\n", why, also, failures->first.call,
		(double)vmsc_call_time(&report->analysis, failures->first.call) / 1e9);
	if (!strcmp(title, "  ")) /* not in the answer: its lines are few */
		write_hint(report, &failures->first, out);
	free(error);
	free(why);
	free(also);
	free(site);
}

static void write_worst_failures(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_history *history = &report->analysis.history;
	const struct vmsc_failures **sorted = sorted_failures(history);
	size_t i;

	for (i = 0; i < history->nr_failures && i < 2 && is_limit(sorted[i]); i++)
		write_failure(report, sorted[i], "FAILED ", out);
	free(sorted);
}

static void write_count(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	const struct vmsc_history *history = &analysis->history;
	uint64_t max = analysis->limits ? analysis->limits->max_map_count : 0,
		 peak = report->answers.moment->nr_vmas;

	fprintf(out, "VMAS   %" PRIu64 " at most", peak);
	if (history->peak_call)
		fprintf(out, " (call %" PRIu64 ", %.3f s)", history->peak_call,
			(double)vmsc_call_time(analysis, history->peak_call) / 1e9);
	if (max)
		fprintf(out, ", %.1f %%: max_map_count is %" PRIu64, 100.0 * (double)peak / (double)max, max);
	fprintf(out, "; %zu at the end, %" PRIu64 " of them the recorder's\n", analysis->nr_vmas,
		analysis->tally->own_vmas);
}

/* Is it worth a line at the top: a good part of more than a few VMAs? */
static bool is_much(const struct vmsc_answers *answers, uint64_t vmas)
{
	return vmas >= 16 && vmas * 10 >= answers->moment->nr_vmas;
}

static void write_holder(const struct vmsc_answers *answers, FILE *out)
{
	size_t i;
	char *site;

	for (i = 0; i < answers->nr_holdings && i < 2; i++) {
		if (answers->holdings[i].site <= VMSC_SITE_RECORDER ||
		    !is_much(answers, answers->holdings[i].vmas))
			continue;
		site = vmsc_site_text(answers, answers->holdings[i].site);
		fprintf(out, "HELD   %" PRIu64 " of %zu by %s\n", answers->holdings[i].vmas,
			answers->moment->nr_vmas, site);
		free(site);
	}
}

static void write_pattern_line(const struct vmsc_answers *answers, const struct vmsc_pattern *pattern,
			       FILE *out)
{
	char *text = vmsc_pattern_text(answers, pattern);

	fprintf(out, "AGAIN  %s, %" PRIu64 " times: %" PRIu64 " VMAs\n", text, pattern->times, pattern->vmas);
	free(text);
}

static void write_apart_line(const struct vmsc_answers *answers, FILE *out)
{
	const struct vmsc_apart *apart;
	char *why, *site;
	size_t i = 0;

	while (i < answers->nr_apart && answers->apart[i].site <= VMSC_SITE_RECORDER)
		i++; /* nobody can do anything about those */
	if (i == answers->nr_apart || !is_much(answers, answers->apart[i].pairs))
		return;
	apart = &answers->apart[i];
	why = vmsc_apart_text(apart->reason, apart->bits);
	site = vmsc_site_text(answers, apart->site);
	fprintf(out,
		"APART  %" PRIu64 " neighbours are two, %s\n       set apart by %s; without that %" PRIu64
		" VMAs\n",
		apart->pairs, why, site, answers->moment->nr_vmas - apart->would_merge);
	free(why);
	free(site);
}

void vmsc_report_write_answer(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_answers *answers = &report->answers;

	write_count(report, out);
	write_worst_failures(report, out);
	write_holder(answers, out);
	if (answers->nr_patterns && is_much(answers, answers->patterns->vmas))
		write_pattern_line(answers, answers->patterns, out);
	write_apart_line(answers, out);
}

/* --- the tables behind it --- */

static void write_holdings(const struct vmsc_answers *answers, FILE *out)
{
	struct vmsc_groups *sites = vmsc_groups_new(), *kinds = vmsc_groups_new();
	size_t i;

	for (i = 0; i < answers->nr_holdings; i++)
		vmsc_groups_add(sites, vmsc_site_text(answers, answers->holdings[i].site),
				answers->holdings[i].vmas, answers->holdings[i].bytes);
	for (i = 0; i < answers->moment->nr_vmas; i++)
		vmsc_groups_add(kinds, vmsc_kind_text(answers->moment, &answers->moment->vmas[i], true), 1,
				answers->tiles[i].size);
	write_groups(sites, "which call made a VMA begin there, from where", "VMAs", "call and caller", true,
		     out);
	write_groups(kinds, "what the VMAs are", "VMAs", "perms, path and flags", true, out);
	vmsc_groups_free(sites);
	vmsc_groups_free(kinds);
}

static void write_patterns(const struct vmsc_answers *answers, FILE *out)
{
	char *text, *count;
	size_t i, slot;

	if (answers->nr_patterns)
		fputs("\nwhat repeats\n     times       VMAs  pattern\n", out);
	for (i = 0; i < answers->nr_patterns && i < TOP; i++) {
		const struct vmsc_pattern *pattern = &answers->patterns[i];
		uint64_t last = VMSC_SITE_NONE, site;

		text = vmsc_pattern_text(answers, pattern);
		count = vmsc_format("%" PRIu64, pattern->vmas);
		fprintf(out, "%10" PRIu64 "  %9s  %s\n", pattern->times, count, text);
		free(text);
		free(count);
		for (slot = 0; slot < pattern->period; slot++) {
			site = vmsc_commonest_value(&pattern->slots[slot].sites);
			if (site == last)
				continue;
			last = site;
			text = vmsc_site_text(answers, (uint32_t)site);
			fprintf(out, "%23sfrom %s\n", "", text);
			free(text);
		}
	}
}

static void write_apart_row(const struct vmsc_answers *answers, const struct vmsc_apart *apart, FILE *out)
{
	char *why = vmsc_apart_text(apart->reason, apart->bits), *site;

	fprintf(out, "%10" PRIu64 "  %9" PRIu64 "  %s", apart->pairs,
		answers->moment->nr_vmas - apart->would_merge, why);
	if (apart->undetermined)
		fprintf(out, " (undetermined: %" PRIu64 ")", apart->undetermined);
	if (apart->site != VMSC_SITE_NONE) {
		site = vmsc_site_text(answers, apart->site);
		fprintf(out, "; %s", site);
		free(site);
	}
	fputc('\n', out);
	free(why);
}

static void write_apart(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_answers *answers = &report->answers;
	struct vmsc_groups *refused = vmsc_groups_new();
	size_t i;

	if (answers->nr_reasons)
		fputs("\nwhy adjacent VMAs are two\n     pairs  VMAs else  reason\n", out);
	for (i = 0; i < answers->nr_reasons && i < TOP; i++)
		write_apart_row(answers, &answers->reasons[i], out);
	if (answers->nr_apart)
		fputs("\nwhich call set them apart\n     pairs  VMAs else  reason; call and caller\n", out);
	for (i = 0; i < answers->nr_apart && i < TOP; i++)
		write_apart_row(answers, &answers->apart[i], out);
	for (i = VMSC_REFUSED_NONE + 1; i < VMSC_NR_REFUSALS; i++)
		if (report->analysis.tally->refused[i])
			vmsc_groups_add(refused, vmsc_format("%s", vmsc_refusal_name((unsigned int)i)),
					report->analysis.tally->refused[i], 0);
	write_groups(refused, "why merges were refused on the way", "times", "reason", false, out);
	vmsc_groups_free(refused);
}

static void write_failures(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_history *history = &report->analysis.history;
	const struct vmsc_failures **sorted = sorted_failures(history);
	size_t i;

	if (history->nr_failures)
		fputs("\ncalls that failed, and what made them fail\n", out);
	for (i = 0; i < history->nr_failures && i < TOP; i++)
		write_failure(report, sorted[i], "  ", out);
	if (i < history->nr_failures)
		fprintf(out, "  and %zu more kinds; --json lists them\n", history->nr_failures - i);
	free(sorted);
}

static void write_deleted(const struct vmsc_answers *answers, FILE *out)
{
	const struct vmsc_deleted *row;
	char *size, *site;
	size_t i;

	if (answers->nr_deleted)
		fputs("\nstill mapped, though their files are deleted\n"
		      "      VMAs      files       size  oldest, newest  file and who mapped it\n",
		      out);
	for (i = 0; i < answers->nr_deleted && i < TOP; i++) {
		row = &answers->deleted[i];
		size = vmsc_size_text(row->bytes);
		site = vmsc_site_text(answers, row->site);
		fprintf(out, "%10" PRIu64 " %10" PRIu64 "  %9s  %.1f s, %.1f s  %s\n%23sfrom %s\n", row->vmas,
			row->files, size, (double)row->oldest / 1e9, (double)row->newest / 1e9, row->name, "",
			site);
		free(size);
		free(site);
	}
}

static void write_head(const struct vmsc_analysis *analysis, const char *path, FILE *out)
{
	struct vmsc_bytes exe = analysis->strings[VMSC_STRING_EXE];
	char *name = printable(exe.length ? exe : analysis->strings[VMSC_STRING_COMM]);
	char *trace = vmsc_printable(path, strlen(path));

	fprintf(out, "%s  %s, process %u, ended: %s\n", trace, *name ? name : "(unnamed)",
		analysis->header->pid, vmsc_ended_names[vmsc_analysis_ended(analysis)]);
	free(name);
	free(trace);
}

static void write_verdict(const struct vmsc_analysis *analysis, FILE *out)
{
	const struct vmsc_tally *tally = analysis->tally;
	enum vmsc_verdict verdict = vmsc_analysis_verdict(analysis);
	char *incomplete = vmsc_analysis_incomplete(analysis);

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
	free(incomplete);
}

/* Last, as it is the last of a process. */
static void write_exit(const struct vmsc_tally *tally, FILE *out)
{
	char *text = vmsc_exit_to_text(tally);

	if (text)
		fprintf(out, "\n%s\n", text);
	free(text);
}

void vmsc_report_write_text(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	const struct vmsc_answers *answers = &report->answers;

	write_head(analysis, report->path, out);
	vmsc_report_write_answer(report, out);
	write_verdict(analysis, out);
	vmsc_report_write_differences(analysis, out, TOP);
	if (report->has_peak)
		fprintf(out, "\nThe tables tell of the moment with most VMAs, after call %" PRIu64 ".\n",
			answers->moment_call);
	write_holdings(answers, out);
	write_patterns(answers, out);
	write_apart(report, out);
	write_failures(report, out);
	write_deleted(answers, out);
	vmsc_report_write_growth(report, out);
	fputc('\n', out);
	write_calls(analysis, out);
	write_undetermined(analysis, out);
	write_problems(analysis, out);
	write_changed_modules(answers, out);
	write_exit(analysis->tally, out);
}
