/* SPDX-License-Identifier: MIT */
/*
 * trial_compare.c - the VMAs of a puppet, as smaps shows them, against the model's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial_parts.h"
#include "vmaform.h"

enum { MANY = 1000, SELDOM = 64 };

/* All that has a code in smaps; the kernel sets VM_SOFTDIRTY at page faults too. */
static uint64_t compared_flags(void)
{
	static uint64_t flags;

	for (unsigned int bit = 0; bit < 64 && !(flags >> 63); bit++)
		if (vmsc_vm_flag_code(bit) && bit != VMSC_VM_BIT_SOFTDIRTY)
			flags |= UINT64_C(1) << bit;
	return flags;
}

static const char *say(struct vmsc_trial *trial, const char *what, const struct vmsc_vma *vma,
		       const struct vmsc_seen_record *seen)
{
	char *flags[2];

	flags[0] = vmsc_flags_text(seen ? seen->vm_flags : 0);
	flags[1] = vmsc_flags_text(vma ? vma->vm_flags : 0);
	snprintf(trial->why, sizeof(trial->why),
		 "%s: kernel %" PRIx64 "-%" PRIx64 " +%" PRIx64 " %s, model %" PRIx64 "-%" PRIx64 " +%" PRIx64
		 " %s",
		 what, seen ? seen->start : 0, seen ? seen->end : 0, seen ? seen->offset : 0, flags[0],
		 vma ? vma->start : 0, vma ? vma->end : 0, vma ? vma->pgoff << VMSC_PAGE_SHIFT : 0, flags[1]);
	free(flags[0]);
	free(flags[1]);
	return trial->why;
}

/* A file of the model's is always the same inode of the kernel's; which one shows when it is first seen. */
static bool same_file(struct vmsc_trial_process *process, uint32_t id, uint64_t inode)
{
	struct vmsc_file_seen *seen = process->seen_files;
	size_t i;

	if (!id || !inode)
		return !id && !inode;
	for (i = 0; i < process->nr_seen_files && seen[i].id != id; i++)
		;
	if (i == VMSC_TRIAL_FILES)
		return true;
	if (i == process->nr_seen_files) {
		seen[i] = (struct vmsc_file_seen){id, inode};
		process->nr_seen_files++;
	}
	return seen[i].inode == inode;
}

static const char *compare_vma(struct vmsc_trial *trial, struct vmsc_trial_process *process,
			       const struct vmsc_vma *vma, const struct vmsc_seen_record *seen)
{
	if (vma->start != seen->start || vma->end != seen->end)
		return say(trial, "the VMAs lie elsewhere", vma, seen);
	if ((vma->vm_flags ^ seen->vm_flags) & compared_flags())
		return say(trial, "flags", vma, seen);
	if (!same_file(process, vma->file, seen->inode))
		return say(trial, "file", vma, seen);
	if (vma->file && vma->pgoff << VMSC_PAGE_SHIFT != seen->offset)
		return say(trial, "offset", vma, seen);
	return NULL;
}

const char *vmsc_trial_compare(struct vmsc_trial *trial, struct vmsc_trial_process *process, bool text)
{
	struct vmsc_trial_view *view = &trial->view;
	const char *what = NULL;
	struct vmsc_vma vma;
	uint64_t addr = 0;
	int nr = vmsc_puppet_look(&process->puppet, text, view->vmas, VMSC_TRIAL_SEEN);

	view->nr = nr < 0 ? 0 : (size_t)nr;
	trial->again = nr == -2;
	if (nr < 0) {
		snprintf(trial->why, sizeof(trial->why),
			 "the process is gone, or smaps is not what the kernel has");
		return trial->why;
	}
	for (size_t i = 0; i < view->nr; i++, addr = vma.end) {
		if (!vmsc_mm_find(process->mm, addr, &vma) || vma.start >= VMSC_PUPPET_FILL)
			return say(trial, "there is one more", NULL, &view->vmas[i]);
		what = compare_vma(trial, process, &vma, &view->vmas[i]);
		if (what)
			return what;
	}
	if (vmsc_mm_find(process->mm, addr, &vma) && vma.start < VMSC_PUPPET_FILL)
		return say(trial, "one is missing", &vma, NULL);
	/* Those that only use up the map count are looked through now and then. */
	if ((vmsc_mm_map_count(process->mm) > MANY && trial->nr_steps % SELDOM && !text) ||
	    !vmsc_mm_validate(process->mm, &what))
		return NULL;
	snprintf(trial->why, sizeof(trial->why), "the model is not valid: %s", what);
	return trial->why;
}
