/* SPDX-License-Identifier: MIT */
/*
 * merge_cases.c - merging as the releases before 6.12 have it: one function, vma_merge(), for new and for
 * modified ranges, that tells eight cases apart. Kept beside merge.c, by the same predicates, so that the two
 * can be compared. AAAA is the range, P prev, N next, X the VMA that lies there.
 *
 *        AAAA           AAAA           AAAA              AAAA
 *     PPP    NNN     PPP    ...     ...    NNN        PPPPPP NNN
 *     PPPPPPPPPP     PPPPPPP        ...NNNNNNN        PPNNNNNNNN
 *         1              2              3                 4 (the range is prev's end)
 *
 *        AAAA           AAAA           AAAA           AAAA
 *     PPPXXXXXX      PPPXXXXNNN     PPPXXXX        ...XXXXNNN
 *     PPPPPPPXX      PPPPPPPPPP     PPPPPPP        ...NNNNNNN
 *         5              6              7              8
 *
 * mmap_region() before 6.12 does not come here either: it expands a neighbour by itself, next asked first.
 */
#include "internal.h"

/* What one case does: target gets [start, end), what is removed goes, adjust begins or ends elsewhere. */
struct plan {
	struct vmsc_node *target, *removed[2], *adjust;
	uint64_t start, end, pgoff;
	uint64_t adjust_start, adjust_end;
};

/* prev and curr of vma_merge(): a range inside middle has middle for its prev, and nothing lies behind. */
static struct vmsc_node *classic_prev(const struct vmsc_merge *merge)
{
	if (!merge->middle)
		return merge->prev;
	return merge->start == merge->middle->vma.start ? merge->prev : merge->middle;
}

static struct vmsc_node *classic_curr(const struct vmsc_merge *merge)
{
	return merge->middle && merge->start == merge->middle->vma.start ? merge->middle : NULL;
}

/* Returns: the case, 0 when nothing can be merged. */
static unsigned int find_case(const struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	const struct vmsc_node *curr = classic_curr(merge), *prev = classic_prev(merge);
	bool whole = curr && merge->end == curr->vma.end, left, right;

	merge->refused[LEFT] = vmsc_merge_refusal(mm, merge, LEFT);
	merge->refused[RIGHT] = vmsc_merge_refusal(mm, merge, RIGHT);
	if (!merge->refused[LEFT] && !merge->refused[RIGHT] && !vmsc_merge_can_join(merge))
		merge->refused[RIGHT] = VMSC_REFUSED_ANON_VMA;
	if (whole && !vmsc_merge_can_remove(mm, curr)) {
		for (int side = LEFT; side <= RIGHT; side++)
			if (!merge->refused[side])
				merge->refused[side] = VMSC_REFUSED_CLOSE_HOOK;
	}
	if (!merge->refused[LEFT] && !merge->refused[RIGHT] && !vmsc_merge_can_remove(mm, merge->next))
		merge->refused[RIGHT] = VMSC_REFUSED_CLOSE_HOOK;
	left = !merge->refused[LEFT];
	right = !merge->refused[RIGHT];
	if (left && right)
		return curr ? 6 : 1;
	if (left)
		return !curr ? 2 : whole ? 7 : 5;
	if (!right)
		return 0;
	if (prev && merge->start < prev->vma.end)
		return 4;
	return curr ? 8 : 3;
}

static struct plan plan_of(const struct vmsc_merge *merge)
{
	struct vmsc_node *prev = classic_prev(merge), *curr = classic_curr(merge), *next = merge->next;
	uint64_t pages = (merge->end - merge->start) >> VMSC_PAGE_SHIFT;
	struct plan plan = {.target = prev};

	if (merge->merge_case == 3 || merge->merge_case == 4 || merge->merge_case == 8) {
		plan.target = next;
		plan.start = merge->start;
		plan.end = next->vma.end;
		plan.pgoff = next->vma.pgoff - pages;
	} else {
		plan.start = prev->vma.start;
		plan.end = merge->end;
		plan.pgoff = prev->vma.pgoff;
	}
	switch (merge->merge_case) {
	case 1:
		plan.end = next->vma.end;
		plan.removed[0] = next;
		break;
	case 4:
		plan.adjust = prev;
		plan.adjust_start = prev->vma.start;
		plan.adjust_end = merge->start;
		break;
	case 5:
		plan.adjust = curr;
		plan.adjust_start = merge->end;
		plan.adjust_end = curr->vma.end;
		break;
	case 6:
		plan.end = next->vma.end;
		plan.removed[0] = next;
		plan.removed[1] = curr;
		break;
	case 7:
	case 8:
		plan.removed[0] = curr;
		break;
	default:
		break;
	}
	return plan;
}

/* dup_anon_vma(): of whom the target takes an anon_vma, in the order of the cases. */
static void take_anon_vmas(struct vmsc_mm *mm, const struct vmsc_merge *merge, const struct plan *plan)
{
	for (int i = 0; i < 2; i++)
		if (plan->removed[i])
			vmsc_merge_absorb(mm, plan->target, plan->removed[i]);
	if (plan->adjust)
		vmsc_merge_absorb(mm, plan->target, plan->adjust);
	if (!merge->middle)
		vmsc_merge_absorb_wanted(mm, plan->target, merge);
}

static struct vmsc_node *commit(struct vmsc_mm *mm, const struct vmsc_merge *merge)
{
	struct plan plan = plan_of(merge);

	take_anon_vmas(mm, merge, &plan);
	for (int i = 0; i < 2; i++)
		if (plan.removed[i])
			vmsc_node_remove(mm, plan.removed[i]);
	if (plan.adjust)
		vmsc_node_set_range(mm, plan.adjust, plan.adjust_start, plan.adjust_end);
	vmsc_node_set_range(mm, plan.target, plan.start, plan.end);
	if (plan.target->vma.pgoff != plan.pgoff)
		mm->contradiction = true; /* never: the cases compute the pgoff in their own way */
	return plan.target;
}

/* vma_merge(). Returns: the VMA that now holds the range, or NULL: no merge, merge->refused says why. */
struct vmsc_node *vmsc_merge_by_cases(struct vmsc_mm *mm, struct vmsc_merge *merge)
{
	merge->merge_case = find_case(mm, merge);
	vmsc_merge_tell(mm, merge, merge->merge_case);
	if (!merge->merge_case)
		return NULL;
	if (mm->dry)
		return merge->middle;
	return commit(mm, merge);
}

const char *vmsc_merge_way_name(unsigned int way)
{
	static const char *const names[] = {
#define X(name, text) text,
		VMSC_MERGE_WAYS(X)
#undef X
	};

	return way < VMSC_NR_MERGE_WAYS ? names[way] : NULL;
}
