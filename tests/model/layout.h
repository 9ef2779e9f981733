/* SPDX-License-Identifier: MIT */
/*
 * layout.h - a drawing language for address-space layouts, and its rows.
 *
 * A row is a drawing before, one or more operations, and a drawing after. The same row runs on the model and
 * on the running kernel (test_x model, test_x kernel), and on the model with every allocation failing in turn
 * (test_x oom).
 *
 * Drawing: one column is one page; '.' is a hole; a run of one letter is one VMA. Lower case was never
 * faulted, upper case has an anon_vma (the kernel's world sets it up and cannot read it back). Letters are
 * names, not promises: drawings are equal when they are equal after renaming in address order. In "before",
 * every upper-case VMA has an anon_vma of its own.
 *
 * A VMA is private, anonymous, rw-, MAP_NORESERVE, with its pgoff from its address, unless the row's
 * exceptions say otherwise, by letter: "b=r-- c=DONTFORK,file@4". An exception is r--, rwx, --- permissions
 *   file@4 file2@4 …       page 4 of a file; the names in enum layout_file
 *   shared, shm            MAP_SHARED; attached by shmat
 *   @8                     anonymous, born at page 8 and moved here
 *   account, unaccounted   mapped without MAP_NORESERVE; with or without VM_ACCOUNT now
 *   policy, policy2, uffd, uffd2, name, name2
 *   DONTFORK, LOCKED, …    a vm_flag by its own or by its advice's name; see flag_words in layout.c
 * Flags that no letter of the row names are not compared, permissions always are.
 *
 * Operations, divided by ';', in pages; "3:1" is page 3 and one byte. A failing call is written "… =
 * -ENOMEM", an address "… = 3", an address out of the drawing "… = elsewhere": mmap 3+2 rw- [file@4] [shared]
 * [validate] [account] [hint] [noreplace] [stack] [locked] [growsdown] [droppable] [populate] [hook-fails]
 *   munmap 3+2          mprotect 3+2 r-- [growsdown|growsup]      madvise 3+2 DONTFORK
 *   mlock 3+2           mlock2 3+2            munlock 3+2         mlockall current|future|onfault munlockall
 *   mremap 3+2 4 [maymove] [fixed 9] [dontunmap] [hint 9]         in place unless it says otherwise
 *   move 3+2 9 [4]      MAYMOVE|FIXED to page 9 [of 4 pages]      dontunmap 3+2 9      copy 3+2 9 (old length
 * 0) fault 3             write; grows a GROWSDOWN VMA above        read 3 fork                the child goes
 * on                         exit                 the address space ends (model) mseal 3+2           mbind
 * 3+2 0|1|2       name 3+2 0|1|2      uffd|uffd2|unuffd 3+2 shmat 3+2 [r--]     shmdt 3               brk 4
 * ksm on|off           mdwe limit 5             vm.max_map_count is 5 from here (model)
 */
#ifndef VMASCOPE_TESTS_LAYOUT_H
#define VMASCOPE_TESTS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

struct layout_case {
	const char *name; /* a sentence of what the row shows */
	const char *before;
	const char *op;
	const char *after;
	const char *except; /* NULL: every VMA is an ordinary one */
	const char *since;  /* first release for which the row holds; NULL: 6.1 */
	const char *until;  /* last one; NULL: it still holds */
	/*
	 * What only the model can tell. born: for each VMA of "after" the letter of "before" that lives on in
	 * it, or '1' for the first operation's new one, '2' …; '?' is not compared. refused: reasons that
	 * must have been given for not merging ("prev=flags next=pgoff", or a reason alone for either side).
	 * apart: why each pair of touching VMAs of "after" is two. unmap: the descriptors of all unmappings.
	 */
	const char *born;
	const char *refused;
	const char *apart;
	const char *unmap;
	bool model_only; /* cannot be set up on a running kernel */
};

int layout_main(int argc, char **argv, const char *table, const struct layout_case *cases, size_t nr);

#define LAYOUT_TESTS(table)                                                                                  \
	int main(int argc, char **argv)                                                                      \
	{                                                                                                    \
		return layout_main(argc, argv, #table, table, sizeof(table) / sizeof((table)[0]));           \
	}

#endif
