/* SPDX-License-Identifier: MIT */
/*
 * memo.h - stacks that were unwound before. A program asks for memory from the same places again and again: then it is
 * enough to see that the words which the unwinder read are what they were: return addresses, saved frame pointers.
 *
 * Same frame of ours, same words: the same stack. By induction from the innermost frame: its return address tells the rule
 * by which its caller is found, the rule reads nothing but words that were compared, and so on outwards. A saved frame pointer
 * is left out once another value of it led the unwinder to the very same words.
 */
#ifndef VMSC_MEMO_H
#define VMSC_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "stack.h"

/* Once the unwinder is loaded, before the program runs. Before it nothing is remembered. */
void vmsc_memo_start(void);

/*
 * The stack that was remembered for our frame at @frame. False: unwind, and tell it to vmsc_memo_learn() where *wanted is set.
 * Not under the lock.
 */
bool vmsc_memo_find(uint64_t frame, struct vmsc_frames *frames, bool *wanted);

/* Remembers @frames, just unwound from the function whose frame is at @frame, by its direct caller. */
void vmsc_memo_learn(uint64_t frame, const struct vmsc_frames *frames);

/* Nothing is remembered any more: a forked child. */
void vmsc_memo_forget(void);

#endif
