/* SPDX-License-Identifier: MIT */
/*
 * layout_draw.c - compares and prints drawings. Entry points: layout_differs(), layout_text().
 */
#include "layout_plan.h"

#include <ctype.h>
#include <string.h>

void layout_perms(uint64_t flags, char *perms)
{
	for (int i = 0; i < 3; i++)
		perms[i] = flags >> i & 1 ? "rwx"[i] : '-';
	perms[3] = flags & VMSC_VM(MAYSHARE) ? 's' : 'p';
	perms[4] = 0;
}

bool layout_result_ok(const struct layout_step *step, int64_t result)
{
	if (step->want_kind == LAYOUT_WANT_ANY)
		return true;
	if (step->want_kind == LAYOUT_WANT_ELSEWHERE)
		return result > 0 && ((uint64_t)result < LAYOUT_BASE || (uint64_t)result >= LAYOUT_END);
	return result == step->want;
}

static char *append_codes(char *out, uint64_t flags)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *code = flags >> bit & 1 ? vmsc_vm_flag_code(bit) : NULL;

		if (code) {
			*out++ = ' ';
			*out++ = code[0];
			*out++ = code[1];
		}
	}
	*out = 0;
	return out;
}

static const char *flags_differ(const struct layout_piece *want, const struct layout_piece *seen,
				uint64_t mask)
{
	static char text[320];
	uint64_t wrong = (want->flags ^ seen->flags) & mask;
	char perms[2][8], codes[2][120];

	layout_perms(want->flags, perms[0]);
	layout_perms(seen->flags, perms[1]);
	append_codes(codes[0], want->flags & wrong & ~(VMSC_VM_ACCESS | VMSC_VM(MAYSHARE)));
	append_codes(codes[1], seen->flags & wrong & ~(VMSC_VM_ACCESS | VMSC_VM(MAYSHARE)));
	snprintf(text, sizeof(text), "%d-%d is %s%s, not %s%s", (int)seen->start, (int)seen->end, perms[1],
		 codes[1], perms[0], codes[0]);
	return text;
}

static const char *hidden_differ(const struct layout_piece *want, const struct layout_piece *seen)
{
	static char text[160];

	if (!isupper((unsigned char)want->letter) != !seen->anon_vma)
		snprintf(text, sizeof(text), "%d-%d has %s anon_vma", (int)seen->start, (int)seen->end,
			 seen->anon_vma ? "an" : "no");
	else if (want->policy != seen->policy || want->name != seen->name || want->uffd != seen->uffd)
		snprintf(text, sizeof(text), "%d-%d has policy %u, name %u, userfaultfd %u, not %u, %u, %u",
			 (int)seen->start, (int)seen->end, seen->policy, seen->name, seen->uffd, want->policy,
			 want->name, want->uffd);
	else
		return NULL;
	return text;
}

static const char *pgoff_differs(const struct layout_plan *plan, const struct layout_piece *want,
				 const struct layout_piece *seen, bool model)
{
	static char text[160];
	const struct layout_letter *letter = &plan->letters[tolower((unsigned char)want->letter) - 'a'];
	uint64_t pgoff = want->pgoff;

	if (!letter->has_pgoff || letter->shm || (!letter->file && !model) || pgoff == seen->pgoff)
		return NULL;
	snprintf(text, sizeof(text), "%d-%d has pgoff %#llx, not %#llx", (int)seen->start, (int)seen->end,
		 (unsigned long long)seen->pgoff, (unsigned long long)pgoff);
	return text;
}

const char *layout_differs(const struct layout_plan *plan, const struct layout_drawing *want,
			   const struct layout_drawing *seen, bool model)
{
	uint64_t mask = VMSC_VM_ACCESS | VMSC_VM(MAYSHARE) | plan->said;
	const char *text;

	for (size_t i = 0; i < want->nr && i < seen->nr; i++) {
		const struct layout_piece *a = &want->piece[i], *b = &seen->piece[i];

		if (a->start != b->start || a->end != b->end)
			return "the VMAs lie elsewhere";
		if ((a->flags ^ b->flags) & mask)
			return flags_differ(a, b, mask);
		text = pgoff_differs(plan, a, b, model);
		if (!text && model)
			text = hidden_differ(a, b);
		if (text)
			return text;
	}
	return want->nr == seen->nr ? NULL : "the VMAs lie elsewhere";
}

static char pick_letter(const struct layout_piece *piece, const struct layout_drawing *like, const char *used)
{
	for (size_t i = 0; i < like->nr; i++) {
		char letter = (char)tolower((unsigned char)like->piece[i].letter);

		if (like->piece[i].start == piece->start && !strchr(used, letter))
			return letter;
	}
	for (char letter = 'a'; letter <= 'z'; letter++) {
		bool taken = strchr(used, letter);

		for (size_t i = 0; i < like->nr; i++)
			taken |= tolower((unsigned char)like->piece[i].letter) == letter;
		if (!taken)
			return letter;
	}
	return '#';
}

/* Draws @seen in the letters of @like where they fit; the case is known of the model only. */
void layout_text(const struct layout_drawing *seen, const struct layout_drawing *like, bool model, char *text)
{
	char used[LAYOUT_PAGES + 2] = "";
	size_t nr = 0;

	memset(text, '.', LAYOUT_PAGES);
	text[LAYOUT_PAGES] = 0;
	for (size_t i = 0; i < seen->nr; i++) {
		const struct layout_piece *piece = &seen->piece[i];
		char letter = pick_letter(piece, like, used);

		used[nr++] = letter;
		used[nr] = 0;
		if (model && piece->anon_vma)
			letter = (char)toupper((unsigned char)letter);
		for (uint64_t page = piece->start; page < piece->end && page < LAYOUT_PAGES; page++)
			text[page] = letter;
	}
	for (size_t end = LAYOUT_PAGES; end > 1 && text[end - 1] == '.'; end--)
		text[end - 1] = 0;
}
